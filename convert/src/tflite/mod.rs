//! TensorFlow Lite to network.
//!
//! The way in: the file is read as a flatbuffer, [`schema`] makes a [`Graph`](schema::Graph) of it, and [`resolve`]
//! walks that once: extents, constants, windows, padding. What comes out is a list of [`step::Step`]s, each of which is
//! lowered to floats or to integers, as its tensors are.
//!
//! The kernel holds activations channels last as TensorFlow Lite does, so nothing is ever transposed.

pub mod builtin;
mod error;
mod geometry;
mod lower;
mod lower_float;
mod lower_int8;
mod names;
pub mod resolve;
pub mod schema;
pub mod step;
mod wire;

pub use error::Error;
pub use wire::FlatError;

use crate::network::Network;
use crate::options::Options;
use resolve::Resolved;

/// The bytes at 4 that tell a TensorFlow Lite file from others.
pub const IDENTIFIER: [u8; 4] = *b"TFL3";

/// Whether these bytes are meant to be a TensorFlow Lite file.
pub fn is_tflite(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(&IDENTIFIER)
}

/// Reads a file, as it is: extents and references are not made sense of yet.
///
/// # Errors
/// The bytes are no such file, or refer to parts of it that are not there.
pub fn read(bytes: &[u8]) -> Result<schema::Graph<'_>, Error> {
    schema::Graph::read(bytes)
}

/// Imports a TensorFlow Lite model (version 3 of the schema) of floats, of signed bytes, or of both with `QUANTIZE` and
/// `DEQUANTIZE` between them.
///
/// The batch becomes 1, and what is computed of shapes alone goes.
///
/// Steps over floats: fused activation functions become steps of their own. Weights that are stored as integers or
/// half-precision floats are multiplied out; TensorFlow Lite's own kernels round the activations too where weights are
/// integers, so that their scores differ a little.
///
/// Steps over signed bytes compute what the reference kernels of TensorFlow Lite Micro compute, bit for bit: fused
/// activation functions are the range of the output, functions are tables, and multipliers and shifts are derived here
/// as those kernels derive them. A constant operand is the bias of a layer whose weights are zero.
///
/// Activations and inputs have the names that the file gives them, and steps those of what they write.
///
/// # Errors
/// [`Error::Unsupported`] names everything in the model that cannot be imported; the other errors say why the bytes are
/// no model at all.
///
/// ```no_run
/// let bytes = std::fs::read("model.tflite")?;
/// let network = relprop_convert::from_tflite(&bytes, &relprop_convert::Options::default())?;
/// std::fs::write("model.rlp", relprop_convert::emit(&network)?.bytes())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_tflite(bytes: &[u8], options: &Options) -> Result<Network, Error> {
    let graph = read(bytes)?;
    let mut refusals = Vec::new();
    let resolved = Resolved::new(&graph, &mut refusals);
    if !refusals.is_empty() {
        return Err(Error::Unsupported(refusals));
    }
    lower::lower(&resolved, options)
}
