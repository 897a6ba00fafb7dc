//! TensorFlow Lite to network.
//!
//! The way in: the file is read as a flatbuffer, [`schema`] makes a [`Graph`](schema::Graph) of it, and [`resolve`]
//! walks that once: extents, constants, windows, padding. What comes out is a list of [`step::Step`]s, which one lowering
//! turns into a network of floats and another will turn into one of integers.
//!
//! The kernel holds activations channels last as TensorFlow Lite does, so nothing is ever transposed.

pub mod builtin;
mod error;
mod geometry;
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

/// Imports a TensorFlow Lite model (version 3 of the schema) of floats.
///
/// The batch becomes 1. Fused activation functions become steps of their own, and what is computed of shapes alone goes.
/// Weights that are stored as integers or half-precision floats are multiplied out; TensorFlow Lite's own kernels round the
/// activations too where weights are integers, so that their scores differ a little.
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
    if resolved.quantised().next().is_some() {
        lower_int8::lower(&resolved, options)
    } else {
        lower_float::lower(&resolved, options)
    }
}
