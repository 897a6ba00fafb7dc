//! Turns networks into model images for the [`relprop`] kernel.
//!
//! # The way of a network
//!
//! ```text
//! .onnx ──── from_onnx ───> Network ── emit ──> Image ── model ──> relprop::Model
//! .tflite ── from_tflite ──────┘                  │
//!                              ^                  │
//!                              └────── parse ─────┘
//! ```
//!
//! * [`from_onnx`] reads an ONNX model and rewrites it into the steps that the kernel has. What cannot be imported is
//!   told in one error, node by node.
//! * [`from_tflite()`] does the same for TensorFlow Lite models; [`from_file`] finds out which kind of file it is.
//! * A [`Network`] is what an image says, in vectors and strings that can be edited. It can be built by hand, too, with
//!   weights in the order that people write them in.
//! * A [`Description`] adds what the file does not say: how pixels become inputs, names of classes.
//! * [`emit()`] writes the [`Image`]: records, strings, weights as the inner loops read them, and for every
//!   [`Mode`](relprop::Mode) a memory [`Plan`].
//! * [`parse()`] is its inverse.
//! * [`quantize()`](quantize::quantize) turns a network of floats into one of int8.
//!
//! Everything works on bytes; files are the caller's.
//!
//! ```
//! use relprop::{Mode, Session, step::Shape};
//! use relprop_convert::{Network, emit};
//!
//! let mut network = Network::named("two layers");
//! let x = network.input("x", Shape::new(1, 1, 2));
//! let hidden = network.dense(x, 2, &[1.0, -1.0, 2.0, 1.0], &[0.0, 0.5]);
//! let hidden = network.relu(hidden);
//! let score = network.dense(hidden, 1, &[3.0, 1.0], &[]);
//! network.output(score);
//!
//! let image = emit(&network)?;
//! let model = image.model()?;
//! let mut arena = vec![0; model.arena_bytes(Mode::Infer) + 16];
//! let mut session = Session::new(&model, &mut arena, Mode::Infer)?;
//! assert_eq!(session.run(&[1.0, 2.0])?.floats(), Some(&[4.5][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it is made
//!
//! The importer is a pipeline of small parts, and each can be read by itself: [`from_onnx`] names them. Three ideas carry
//! it:
//!
//! * **Layouts are tracked, not moved.** The kernel holds activations channels last, ONNX speaks of NCHW, and exporters
//!   reshape and transpose in between. Every value carries the permutation between the two orders. Reshaping leaves it
//!   alone, transposing rewrites it, dense layers permute their columns by it, and the ports tell it to the user. A
//!   transposition becomes a step only where a step needs another order than there is.
//! * **Passes rewrite, only the last stage refuses.** What exporters write (a bias as an addition, an activation function
//!   as six nodes, a mean as a reduction) is turned into what the kernel has, by passes that leave alone what they do
//!   not know. So every refusal is made in one place and all of them are reported together.
//! * **Nothing is believed.** A file may be truncated, huge or malicious: lengths are checked against what is there, sizes
//!   are limited, arithmetic on them is checked, and a damaged model is an error, never a panic.

mod allocate;
mod builder;
mod c_header;
pub mod describe;
mod emit;
mod facts;
mod file;
mod image;
pub mod int8;
pub mod multiplier;
pub mod network;
mod onnx;
mod options;
pub mod pack;
mod parse;
mod plan;
pub mod quantize;
mod stop;
mod text;
pub mod tflite;

pub use builder::{Recurrent, Window};
pub use c_header::c_header;
pub use describe::Description;
pub use emit::{EmitError, emit};
pub use file::{FileError, from_file, is_image};
pub use image::Image;
pub use network::Network;
pub use onnx::{ImportError, Refusal, WireError, from_onnx};
pub use options::Options;
pub use parse::parse;
pub use plan::Plan;
pub use tflite::from_tflite;
