//! Layer-wise relevance propagation where the model runs.
//!
//! A neural network answers "7"; this crate says *which pixels made it say 7*. It runs a network forward, and passes
//! the score back through it, layer by layer, until it lies on the inputs: without an allocator, without `unsafe`,
//! with the same bits on a microcontroller, in a browser and on a laptop.
//!
//! # The two halves
//!
//! * A [`Model`] is in flash: a validated view over an image that `relprop convert` made from an ONNX file. It never
//!   changes, and several sessions may share it.
//! * A [`Session`] is in RAM: one arena of the caller's, whose size the model knows before anything runs.
//!
//! ```
//! use relprop::{Composite, Mode, Model, Preset, RunError, Session, Target};
//!
//! # #[repr(align(16))] struct Image([u8; include_bytes!("../tests/two.rlp").len()]);
//! # static IMAGE: Image = Image(*include_bytes!("../tests/two.rlp"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Model::new(&IMAGE.0)?; // in firmware: `include_model!("m.rlp")`, checked by the compiler
//! let mut arena = [0; 4096]; // `Arena<{ MODEL.arena_bytes(Mode::Explain) }>` fits exactly
//! let mut session = Session::new(&model, &mut arena, Mode::Explain)?;
//!
//! let scores = session.run(&[1.0, 2.0])?;
//! println!("scores {:?}", scores.floats());
//!
//! let composite = Composite::new(Preset::EpsilonPlus);
//! let explanation = session.explain(&Target::TOP, &composite)?;
//! println!("relevance {:?}", explanation.relevance());
//!
//! // The books: relevance at the output = relevance at the inputs + what biases, stabilisers … took.
//! let ledger = explanation.ledger();
//! assert!(ledger.imbalance().abs() < 1e-5);
//! # Ok(())
//! # }
//! ```
//!
//! # What to choose
//!
//! * A [`Target`] says what is explained: the top class, one class, why this class and not that one.
//! * A [`Composite`] gives every step a [`Rule`]: a [`Preset`] named as in the literature, and overrides by name,
//!   kind or position. A step without a rule is an error that names the step, never a silent default.
//! * [`loops`] has the methods that run several passes: gradient × input, integrated gradients, smoothgrad,
//!   occlusion, Grad-CAM.
//!
//! # Models from anywhere
//!
//! [`Limits::open`] validates an image as [`Model::new`] does, and refuses one that asks for more memory or work than the
//! host is ready to give: a short image may describe a huge network.
//!
//! # What is promised
//!
//! No allocation, no recursion, no `unsafe`. Once [`Model::new`] has accepted an image and [`Session::new`] an arena,
//! no input makes `run` or `explain` panic or read out of bounds. Results are identical on every target: loops have a
//! fixed width and summation order, functions come from `libm`, and no multiply-add is fused.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(target_endian = "big")]
compile_error!("images are little-endian and read in place");

pub mod composite;
pub mod error;
pub mod explanation;
pub mod fixed;
mod lanes;
mod lanes8;
mod layers;
pub mod ledger;
pub mod limits;
pub mod loops;
mod math;
pub mod model;
mod number;
pub mod plan;
pub mod relevance;
pub mod rule;
mod session;
pub mod step;
pub mod target;
#[cfg(feature = "sequence")]
pub mod text;
mod values;

pub use composite::{Composite, Override, Preset, Select};
pub use error::{ExplainError, ImageError, Mismatch, RunError, SessionError};
pub use explanation::Explanation;
pub use ledger::{Entry, Ledger, Whole};
pub use limits::{Limits, Work};
pub use model::{Arena, Model};
pub use number::Fixed;
pub use plan::Mode;
pub use relevance::Relevance;
pub use rule::{Bias, Bound, Choice, Gates, Rule, Stabilizer, Ties};
pub use session::{Observed, Session};
pub use target::{Seed, Target};
pub use values::Values;
