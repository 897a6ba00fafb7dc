//! `LSTM` and `GRU`: what a node says, and what of it the kernel has.
//!
//! `X` is `[t, 1, n]`, `W` `[directions, gates·h, n]`, `R` `[directions, gates·h, h]`, `B` `[directions, 2·gates·h]`; `Y` is
//! `[t, directions, 1, h]`, `Y_h` and `Y_c` are `[directions, 1, h]`.

use super::constant::Constant;
use super::graph::{Attribute, Graph, Node, Reason};

/// Why a batch is refused.
pub const BATCH: &str = "its batch must be 1";

/// Inputs after `X`, `W`, `R`, `B`.
const SEQUENCE_LENS: usize = 4;
const INITIAL_H: usize = 5;
const INITIAL_C: usize = 6;
const PEEPHOLES: usize = 7;
/// The output that is not supported.
const LAST_CELL: usize = 2;

/// Whether a node is a recurrent layer.
pub fn is_recurrent(node: &Node) -> bool {
    matches!(node.op.as_str(), "LSTM" | "GRU")
}

/// Number of gates.
pub fn gates(node: &Node) -> usize {
    if node.op == "LSTM" { 4 } else { 3 }
}

/// Ways through the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the first moment to the last.
    Forward,
    /// From the last to the first.
    Reverse,
    /// Both, side by side.
    Both,
}

impl Direction {
    /// The direction of a node.
    pub fn of(node: &Node) -> Result<Self, Reason> {
        match node.text("direction")?.unwrap_or("forward") {
            "forward" => Ok(Self::Forward),
            "reverse" => Ok(Self::Reverse),
            "bidirectional" => Ok(Self::Both),
            other => Err(format!("direction {other} is unknown")),
        }
    }

    /// How many ways these are.
    pub const fn count(self) -> usize {
        if matches!(self, Self::Both) { 2 } else { 1 }
    }
}

/// Extents of the outputs: `Y`, `Y_h`, and of an LSTM `Y_c`. All that is not supported of the node is told at once.
pub fn output_dims(graph: &Graph, node: &Node) -> Result<Vec<Vec<usize>>, Reason> {
    let mut reasons = Vec::new();
    let sizes = sizes(graph, node).map_err(|reason| reasons.push(reason)).unwrap_or_default();
    let checks = [layout(node), activations(node), attributes(node), inputs(graph, node)];
    reasons.extend(checks.into_iter().filter_map(Result::err));
    if node.outputs.get(LAST_CELL).copied().flatten().is_some() {
        reasons.push("its output Y_c is not supported: Y and Y_h are".into());
    }
    if !reasons.is_empty() {
        return Err(reasons.join("; "));
    }
    let [moments, directions, units] = sizes;
    let state = vec![directions, 1, units];
    Ok(vec![vec![moments, directions, 1, units], state.clone(), state])
}

/// Moments, directions and units.
fn sizes(graph: &Graph, node: &Node) -> Result<[usize; 3], Reason> {
    let dims = |k: usize| node.input(k).and_then(|value| graph.dims(value)).unwrap_or_default();
    let &[moments, batch, inputs] = dims(0) else {
        return Err(format!("an input {:?}: it must be [length, 1, size]", dims(0)));
    };
    if batch != 1 && node.int("layout")?.unwrap_or(0) == 0 {
        return Err(BATCH.into());
    }
    let directions = Direction::of(node)?.count();
    let &[_, _, units] = dims(2) else {
        return Err(format!("recurrent weights {:?} of three axes are missing", dims(2)));
    };
    let rows = gates(node).checked_mul(units).ok_or("too many units")?;
    let fits = dims(1) == [directions, rows, inputs]
        && dims(2) == [directions, rows, units]
        && (node.input(3).is_none() || dims(3) == [directions, rows.saturating_mul(2)])
        && node.int("hidden_size")?.is_none_or(|size| usize::try_from(size) == Ok(units));
    if !fits {
        return Err(format!(
            "weights {:?}, {:?} and {:?} do not fit an input {:?}",
            dims(1),
            dims(2),
            dims(3),
            dims(0)
        ));
    }
    for (k, what) in [(1, "weights"), (2, "recurrent weights"), (3, "the bias")] {
        let Some(value) = node.input(k) else { continue };
        if graph.constant(value).is_none_or(|constant| constant.as_floats().is_none()) {
            return Err(format!("{what} must be constant floats"));
        }
    }
    Ok([moments, directions, units])
}

fn layout(node: &Node) -> Result<(), Reason> {
    match node.int("layout")? {
        None | Some(0) => Ok(()),
        Some(_) => Err("layout 1 is not supported: transpose before and after".into()),
    }
}

fn activations(node: &Node) -> Result<(), Reason> {
    let Some(attribute) = node.attributes.get("activations") else { return Ok(()) };
    let usual: &[&str] = if node.op == "LSTM" { &["sigmoid", "tanh", "tanh"] } else { &["sigmoid", "tanh"] };
    let is_usual = match attribute {
        Attribute::Texts(names) => {
            names.iter().zip(usual.iter().cycle()).all(|(name, usual)| name.eq_ignore_ascii_case(usual))
        }
        _ => false,
    };
    if is_usual { Ok(()) } else { Err("only the default activations (Sigmoid, Tanh) are supported".into()) }
}

fn attributes(node: &Node) -> Result<(), Reason> {
    let clip = node.attributes.contains_key("clip");
    let coupled = node.int("input_forget")?.unwrap_or(0) != 0;
    match (clip, coupled) {
        (false, false) => Ok(()),
        (true, false) => Err("clip is not supported".into()),
        (false, true) => Err("input_forget is not supported".into()),
        (true, true) => Err("clip and input_forget are not supported".into()),
    }
}

fn inputs(graph: &Graph, node: &Node) -> Result<(), Reason> {
    let is_zero = |constant: &Constant| constant.to_floats().iter().all(|value| *value == 0.0);
    let zero_or_absent =
        |k: usize| node.input(k).is_none_or(|value| graph.constant(value).is_some_and(|constant| is_zero(constant)));
    let mut refused = Vec::new();
    if node.input(SEQUENCE_LENS).is_some() {
        refused.push("sequence_lens");
    }
    for (k, name) in [
        (INITIAL_H, "initial_h other than zero"),
        (INITIAL_C, "initial_c other than zero"),
        (PEEPHOLES, "peepholes (P)"),
    ] {
        if !zero_or_absent(k) {
            refused.push(name);
        }
    }
    match refused.as_slice() {
        [] => Ok(()),
        [one] => Err(format!("{one} is not supported")),
        several => Err(format!("{} are not supported", several.join(", "))),
    }
}

/// Gates of one direction in another order: row `order[g]` of `[gate][…]` for every `g`.
pub fn reordered(values: &[f32], gates: usize, order: &[usize]) -> Vec<f32> {
    let size = values.len().checked_div(gates).unwrap_or(0);
    order.iter().flat_map(|&gate| values.get(gate * size..(gate + 1) * size).unwrap_or_default()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::{output_dims, reordered};
    use crate::onnx::constant::Constant;
    use crate::onnx::graph::{Attribute, Graph, Node, Value};

    /// An LSTM of two units over three inputs, and what else it reads.
    fn node(batch: usize, more: &[(usize, &[f32])]) -> (Graph, Node) {
        let mut graph = Graph::default();
        let x = graph.add_value(Value { dims: Some(vec![5, batch, 3]), ..Value::default() });
        let mut constant =
            |dims: &[usize]| graph.add_constant("", Constant::floats(dims.to_vec(), vec![0.5; dims.iter().product()]));
        let weights = [constant(&[1, 8, 3]), constant(&[1, 8, 2]), constant(&[1, 16])];
        let mut node = Node::new("lstm", "LSTM", &[x, weights[0], weights[1], weights[2]], 99);
        node.inputs.resize(8, None);
        for (k, values) in more {
            node.inputs[*k] = Some(graph.add_constant("", Constant::floats(vec![values.len()], *values)));
        }
        (graph, node)
    }

    #[test]
    fn sizes_of_states() {
        let (graph, node) = node(1, &[(5, &[0.0, 0.0]), (6, &[0.0, 0.0])]);
        assert_eq!(output_dims(&graph, &node).unwrap(), [vec![5, 1, 1, 2], vec![1, 1, 2], vec![1, 1, 2]]);
        assert_eq!(reordered(&[0.0, 0.5, 1.0, 1.5, 2.0, 2.5], 3, &[0, 2, 1]), [0.0, 0.5, 2.0, 2.5, 1.0, 1.5]);
    }

    #[test]
    fn all_that_a_node_asks_too_much_is_told() {
        let (graph, mut node) = node(2, &[(4, &[5.0]), (5, &[0.0, 1.0]), (6, &[1.0, 0.0]), (7, &[1.0; 6])]);
        node.outputs.extend([None, Some(98)]);
        let texts = ["Sigmoid", "Relu", "Tanh"].map(String::from).to_vec();
        let node = node
            .with("activations", Attribute::Texts(texts))
            .with("clip", Attribute::Float(3.0))
            .with("input_forget", Attribute::Int(1));
        let reason = output_dims(&graph, &node).unwrap_err();
        for part in [
            "its batch must be 1",
            "only the default activations (Sigmoid, Tanh)",
            "clip and input_forget are not supported",
            "sequence_lens, initial_h other than zero, initial_c other than zero, peepholes (P) are not supported",
            "its output Y_c is not supported",
        ] {
            assert!(reason.contains(part), "{reason}");
        }
        let node = node.with("layout", Attribute::Int(1));
        assert!(output_dims(&graph, &node).unwrap_err().contains("layout 1"));
    }
}
