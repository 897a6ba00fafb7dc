//! Sequences of any length.
//!
//! Such a graph is turned into a network at two lengths. Where the two networks are the same but for the heights of some
//! tensors, those tensors are sequences, and the network is that of every length; whatever else differs depends on the
//! length in a way that a network of steps cannot have, and is refused.

use super::error::{ImportError, Refusal};
use super::graph::{Graph, Node, Value};
use super::proto::ModelProto;
use super::read::Reading;
use super::{lower, recurrent, resolved, rewritten};
use crate::network::{Layer, Network};
use crate::options::Options;
use relprop::model::format::step::FLAG_ALL_STATES;
use relprop::step::{Op, Shape};

/// Whether the first open axis of an input is that of a sequence, though it is the first of all. It is, if then every
/// recurrent layer has a batch of 1.
pub fn is_first(model: &ModelProto<'_>, moments: usize) -> Result<bool, ImportError> {
    let recurs = |op: &str| matches!(op, "LSTM" | "GRU");
    if !model.graph.as_ref().is_some_and(|graph| graph.nodes.iter().any(|node| recurs(node.op))) {
        return Ok(false);
    }
    let refusals = |sequence_first: bool| {
        let mut refusals = Vec::new();
        // A batch that is taken for a sequence must be seen, however short the sequence may be.
        let moments = moments.max(2);
        resolved(model, Reading { sequence_first, moments }, &mut refusals).map(|_| refusals)
    };
    let (first, later) = (refusals(true)?, refusals(false)?);
    let of_batch = |refusals: &[Refusal]| refusals.iter().any(|refusal| refusal.reason.contains(recurrent::BATCH));
    Ok(first.is_empty() || (!later.is_empty() && !of_batch(&first)))
}

/// Turns a graph, which was read at the longest length, into a network whose sequences may be shorter.
pub fn lower(
    model: &ModelProto<'_>,
    graph: &Graph,
    reading: Reading,
    options: &Options,
    refusals: &mut Vec<Refusal>,
) -> Result<Network, ImportError> {
    let moments = reading.moments;
    // One moment would be no axis at all.
    let other = if moments > 3 { moments - 1 } else { moments + 1 };
    let second = rewritten(model, Reading { moments: other, ..reading }, options, &mut Vec::new())?;
    if let Some(refusal) = differing_node(graph, &second).filter(|_| refusals.is_empty()) {
        refusals.push(refusal);
    }
    let lengths = [moments, other];
    let axes = axes(graph, &second, lengths);
    let mut network = lower::lower(graph, &axes, options, refusals);
    if refusals.is_empty() {
        let second = lower::lower(&second, &axes, options, refusals);
        vary(&mut network, &second, lengths, refusals);
    }
    Ok(network)
}

const DEPENDS: &str = "what it does depends on the length of the sequence: export the model with a fixed length";

/// The first node that is another one at another length.
fn differing_node(a: &Graph, b: &Graph) -> Option<Refusal> {
    let same =
        |(a, b): &(&Node, &Node)| (&a.name, &a.op, &a.inputs, &a.outputs) == (&b.name, &b.op, &b.inputs, &b.outputs);
    match a.nodes.iter().zip(&b.nodes).find(|pair| !same(pair)) {
        Some((node, _)) => Some(node.refused(DEPENDS)),
        None if a.nodes.len() == b.nodes.len() => None,
        None => a.nodes.last().map(|node| node.refused(DEPENDS)),
    }
}

/// For every value the axis along which it has another extent at the other length: that of the moments.
fn axes(a: &Graph, b: &Graph, lengths: [usize; 2]) -> Vec<Option<usize>> {
    let axis = |(a, b): (&Value, &Value)| {
        let (a, b) = (a.dims.as_ref()?, b.dims.as_ref()?);
        let mut differing = a.iter().zip(b).enumerate().filter(|(_, (a, b))| a != b);
        match (differing.next(), differing.next()) {
            (Some((axis, (a, b))), None) if [*a, *b] == lengths => Some(axis),
            _ => None,
        }
    };
    a.values.iter().zip(&b.values).map(axis).collect()
}

/// Marks what is a sequence.
fn vary(network: &mut Network, other: &Network, lengths: [usize; 2], refusals: &mut Vec<Refusal>) {
    let shapes = network.tensors.iter().zip(&other.tensors).map(|(a, b)| [a.shape, b.shape]);
    let kinds: Vec<Kind> = shapes.map(|shapes| Kind::of(shapes, lengths)).collect();
    for (tensor, kind) in network.tensors.iter_mut().zip(&kinds) {
        tensor.is_sequence = *kind == Kind::Sequence;
    }
    if network.steps.len() != other.steps.len() {
        refusals.push(Refusal { name: network.name.clone(), op: "graph".into(), reason: DEPENDS.into() });
    }
    for port in network.inputs.iter().filter(|port| kinds.get(port.tensor) == Some(&Kind::Other)) {
        let reason = "its moments do not follow each other".into();
        refusals.push(Refusal { name: port.name.clone(), op: "input".into(), reason });
    }
    for (layer, other) in network.steps.iter().zip(&other.steps) {
        let kind = |tensor: &usize| kinds.get(*tensor).copied().unwrap_or(Kind::Other);
        // What comes of something that was refused is not refused again.
        if layer.operands.iter().any(|operand| kind(operand) == Kind::Other) {
            continue;
        }
        if let Some(reason) = refused(network, layer, other, kind) {
            refusals.push(Refusal { name: layer.name.clone(), op: layer.op.name().into(), reason: reason.into() });
        }
    }
}

/// What a tensor is at every length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The same.
    Fixed,
    /// Rows, one per moment.
    Sequence,
    /// Something else.
    Other,
}

impl Kind {
    fn of([a, b]: [Shape; 2], lengths: [usize; 2]) -> Self {
        let rows = [a.height, b.height] == lengths && (a.width, a.channels) == (b.width, b.channels);
        match a == b {
            true => Self::Fixed,
            false if rows => Self::Sequence,
            false => Self::Other,
        }
    }
}

/// Why a step cannot be one over sequences of any length. The conditions are those of the kernel's `model/check.rs`.
fn refused(network: &Network, layer: &Layer, other: &Layer, kind: impl Fn(&usize) -> Kind) -> Option<&'static str> {
    let sequence = layer.operands.iter().any(|operand| kind(operand) == Kind::Sequence);
    let mean = |layer: &Layer, length: usize| layer.op == Op::AveragePool && usize::from(layer.kernel[0]) == length;
    let lengths = |layer: &Layer| layer.operands.first().map_or(0, |&operand| network.shape(operand).height);
    let whole = mean(layer, lengths(layer));
    let mut other = other.clone();
    if sequence && whole {
        other.kernel = layer.kernel;
    }
    if *layer != other {
        return Some(DEPENDS);
    }
    if !sequence {
        return (kind(&layer.output) != Kind::Fixed).then_some(DEPENDS);
    }
    let output = kind(&layer.output);
    let moment_by_moment = match layer.op {
        Op::Embedding
        | Op::Activation
        | Op::Add
        | Op::Mul
        | Op::Affine
        | Op::Softmax
        | Op::LocalResponseNorm
        | Op::Quantize
        | Op::Dequantize => true,
        Op::Conv | Op::Depthwise => layer.kernel[0] == 1 && layer.stride[0] == 1,
        Op::Concat => layer.variant != 0,
        Op::Lstm | Op::Gru => layer.flags & FLAG_ALL_STATES != 0,
        _ => false,
    };
    let ends = layer.op.is_recurrent() || whole;
    match output {
        Kind::Sequence if moment_by_moment => None,
        Kind::Fixed if ends && !moment_by_moment => None,
        _ => Some(match layer.op {
            Op::Slice | Op::View => {
                "of a sequence of changing length only the last state of a layer can be taken, in its own direction, or the \
                 mean: export the model with a fixed length"
            }
            Op::MaxPool => "the maximum over a sequence of changing length is not supported: the mean is",
            _ => "this is not supported over a sequence of changing length: export the model with a fixed one",
        }),
    }
}
