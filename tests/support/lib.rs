//! What the whole-system tests and the benches share.
//!
//! These are helpers of tests: they panic where a test should fail.

#![allow(clippy::missing_panics_doc)]

pub mod bless;
pub mod books;
pub mod cases;
pub mod checks;
pub mod close;
pub mod fuzz;
pub mod int8;
pub mod kernel;
pub mod lstm_int8;
pub mod mutate;
pub mod networks;
pub mod npy;
pub mod oracle;
pub mod presets;
pub mod recurrent;
pub mod shared;
pub mod tally;
pub mod user;
pub mod zennit;
