//! ONNX to network.
//!
//! The way in: [`wire`] and [`proto`] read the file, [`read`] makes a [`graph`] of it, [`resolve`] makes every shape
//! known and folds constants, the [`passes`] rewrite what exporters write into what the kernel has steps for, and
//! [`lower`] turns node after node into steps, keeping track of the [`layout`] of every activation.

mod constant;
mod error;
mod fold;
mod graph;
mod infer;
mod layout;
mod lower;
mod passes;
mod proto;
mod read;
mod resolve;
mod shapes;
mod window;
mod wire;

pub use error::{ImportError, Refusal};
pub(crate) use read::half;
pub use wire::WireError;

use crate::network::Network;
use crate::options::Options;

/// Most elements of a tensor: 1 GiB of floats.
const MAX_ELEMENTS: usize = 1 << 28;
/// Most elements of an activation: 256 MiB of floats.
const MAX_ACTIVATION: usize = 1 << 26;
/// Most elements that constant expressions may make in all.
const MAX_FOLDED: usize = 1 << 27;

/// Imports an ONNX model (operator sets 7 to 22).
///
/// The batch becomes 1, dropout and identities go, batch normalisation folds into the layer before it. Inputs and
/// outputs keep the names and shapes of the exported model; steps have the names of its nodes and activations those of
/// its values.
///
/// # Errors
/// [`ImportError::Unsupported`] names everything in the model that cannot be imported; the other errors say why the
/// bytes are no model at all.
///
/// ```no_run
/// let bytes = std::fs::read("model.onnx")?;
/// let network = relprop_convert::from_onnx(&bytes, &relprop_convert::Options::default())?;
/// std::fs::write("model.rlp", relprop_convert::emit(&network)?.bytes())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_onnx(bytes: &[u8], options: &Options) -> Result<Network, ImportError> {
    let mut refusals = Vec::new();
    let mut graph = read::read(bytes, &mut refusals)?;
    graph.drop_dead_nodes();
    resolve::resolve(&mut graph, &mut refusals);
    passes::run(&mut graph, options);
    let network = lower::lower(&graph, options, &mut refusals);
    if refusals.is_empty() { Ok(network) } else { Err(ImportError::Unsupported(refusals)) }
}
