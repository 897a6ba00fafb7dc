//! What the programs share: a console, the sample digits, a picture in characters, and a meter.
//!
//! None of it is needed to run a network. It is here so that a program shows what it does in QEMU, or through a probe,
//! and so that what it takes can be measured.

#![no_std]

#[cfg(feature = "int8")]
pub mod beside;
mod board;
pub mod books;
pub mod console;
pub mod digit;
pub mod golden;
pub mod layer;
pub mod meter;
mod panic;

pub use board::entry;
pub use books::books;
pub use console::{Console, Failure, run};
pub use layer::Layer;
pub use meter::Meter;
