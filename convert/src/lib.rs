//! Turns networks into model images for the `relprop` kernel.

pub mod allocate;
mod builder;
mod emit;
mod facts;
mod image;
pub mod network;
mod onnx;
mod options;
pub mod pack;
mod parse;
pub mod plan;
mod text;

pub use builder::Window;
pub use emit::{EmitError, emit};
pub use image::Image;
pub use network::Network;
pub use onnx::{ImportError, Refusal, WireError, from_onnx};
pub use options::Options;
pub use parse::parse;
pub use plan::Plan;
