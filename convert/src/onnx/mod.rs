//! ONNX to network.
//!
//! The way in: [`wire`] and [`proto`] read the file, [`read`] makes a [`graph`] of it, [`resolve`] makes every shape
//! known and folds constants, the [`passes`] rewrite what exporters write into what the kernel has steps for, and
//! [`lower`] turns node after node into steps, keeping track of the [`layout`] of every activation. A graph over sequences
//! of any length goes this way at two lengths, see [`length`]; [`notes`] are what the file says beside the graph.

mod constant;
mod error;
mod fold;
mod graph;
mod infer;
mod layout;
mod length;
mod lower;
mod notes;
mod passes;
mod proto;
mod read;
mod recurrent;
mod resolve;
mod shapes;
mod window;
mod wire;

pub use error::{ImportError, Refusal};
pub(crate) use read::half;
pub use wire::WireError;

use crate::network::Network;
use crate::options::Options;
use graph::Graph;
use notes::Notes;
use proto::ModelProto;
use read::Reading;

/// Most elements of a tensor: 1 GiB of floats.
const MAX_ELEMENTS: usize = 1 << 28;
/// Most elements of an activation: 256 MiB of floats.
const MAX_ACTIVATION: usize = 1 << 26;
/// Most elements that constant expressions may make in all.
const MAX_FOLDED: usize = 1 << 27;

/// Imports an ONNX model (operator sets 7 to 22).
///
/// The batch becomes 1, and an axis of a sequence, if it has no fixed size, [`Options::max_length`] moments; dropout and identities go, batch normalisation folds into the layer before it. Inputs and
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
    let model = ModelProto::read(bytes)?;
    let notes = Notes::read(&model.metadata, &mut refusals);
    let options = &notes.labelled(options);
    let moments = options.max_length.or(notes.max_tokens).unwrap_or(Options::MAX_LENGTH).max(1);
    let reading = Reading { sequence_first: length::is_first(&model, moments)?, moments };
    let graph = rewritten(&model, reading, options, &mut refusals)?;
    let mut network = if graph.has_sequence {
        length::lower(&model, &graph, reading, options, &mut refusals)?
    } else {
        lower::lower(&graph, &[], options, &mut refusals)
    };
    if refusals.is_empty() {
        notes.describe(&mut network, &mut refusals);
    }
    if refusals.is_empty() { Ok(network) } else { Err(ImportError::Unsupported(refusals)) }
}

/// The graph of a model, ready to become steps.
fn rewritten(
    model: &ModelProto<'_>,
    reading: Reading,
    options: &Options,
    refusals: &mut Vec<Refusal>,
) -> Result<Graph, ImportError> {
    let mut graph = resolved(model, reading, refusals)?;
    passes::run(&mut graph, options);
    Ok(graph)
}

/// The graph of a model with every shape known.
fn resolved(model: &ModelProto<'_>, reading: Reading, refusals: &mut Vec<Refusal>) -> Result<Graph, ImportError> {
    let mut graph = read::read(model, reading, refusals)?;
    graph.drop_dead_nodes();
    resolve::resolve(&mut graph, refusals);
    Ok(graph)
}

#[cfg(test)]
mod tests {
    use super::{ImportError, from_onnx};
    use crate::options::Options;

    #[test]
    fn what_is_no_model_is_refused() {
        let read = |bytes| from_onnx(bytes, &Options::default());
        assert!(matches!(read(b"rubbish"), Err(ImportError::Malformed(_))));
        assert!(matches!(read(b""), Err(ImportError::NoGraph)));
    }
}
