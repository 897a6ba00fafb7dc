//! What must hold, for property tests and fuzzers alike.

pub mod exercise;
pub mod graph;
pub mod int8_layer;
pub mod lstm_int8;
pub mod recurrent;
pub mod statements;
