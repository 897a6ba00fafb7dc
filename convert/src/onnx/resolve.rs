//! One sweep over the graph that makes every shape known and every constant a constant.

use super::constant::Data;
use super::error::Refusal;
use super::graph::{Graph, Node};
use super::{MAX_FOLDED, fold, infer};
use std::rc::Rc;

/// Infers shapes and folds constants. A node for which this fails is refused and dropped; nodes that read from it are
/// dropped too, and refused only if their op is not supported anyhow.
pub fn resolve(graph: &mut Graph, refusals: &mut Vec<Refusal>) {
    let mut folded = 0_usize;
    for node in std::mem::take(&mut graph.nodes) {
        let resolved = node.inputs.iter().flatten().all(|&value| graph.dims(value).is_some());
        if !resolved {
            if !infer::is_known(&node.op) {
                refusals.push(node.refused(infer::unsupported(&node.op)));
            }
            graph.orphaned.extend(node.inputs.iter().flatten());
            continue;
        }
        match step(graph, &node, &mut folded) {
            Ok(true) => graph.nodes.push(node),
            Ok(false) => {}
            Err(reason) => {
                refusals.push(node.refused(reason));
                graph.orphaned.extend(node.inputs.iter().flatten());
            }
        }
    }
}

/// Writes down what a node's outputs are and returns whether the node is still needed.
fn step(graph: &mut Graph, node: &Node, folded: &mut usize) -> Result<bool, String> {
    if infer::is_known(&node.op)
        && let Some(constant) = fold::evaluate(graph, node)?
    {
        let shared = node.inputs.iter().flatten().filter_map(|&value| graph.constant(value));
        let is_new = shared.into_iter().all(|input| match (&input.data, &constant.data) {
            (Data::Floats(a), Data::Floats(b)) => !Rc::ptr_eq(a, b),
            (Data::Ints(a), Data::Ints(b)) => !Rc::ptr_eq(a, b),
            _ => true,
        });
        if is_new {
            *folded = folded.saturating_add(constant.len());
        }
        if *folded > MAX_FOLDED {
            return Err("constant expressions make too much data".into());
        }
        if let Some(value) = node.output().and_then(|output| graph.values.get_mut(output)) {
            value.dims = Some(constant.dims.clone());
            value.constant = Some(Rc::new(constant));
        }
        return Ok(false);
    }
    let outputs = infer::output_dims(graph, node)?;
    for (output, dims) in node.outputs.iter().zip(outputs) {
        if let Some(value) = output.and_then(|output| graph.values.get_mut(output)) {
            value.dims = Some(dims);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::resolve;
    use crate::onnx::constant::Constant;
    use crate::onnx::graph::{Attribute, Graph, Node, Value};

    /// What `PyTorch` leaves of `x.view(x.size(0), -1)`.
    #[test]
    fn an_exported_view_becomes_a_reshape_by_a_constant() {
        let mut graph = Graph::default();
        let x = graph.add_value(Value { dims: Some(vec![1, 3, 4]), ..Value::default() });
        let [shape, zero, size, axes, whole, minus, both, target, y] =
            [0; 9].map(|_| graph.add_value(Value::default()));
        let constant = |name: &str, to, value: Constant| {
            Node::new(name, "Constant", &[], to).with("value", Attribute::Tensor(value.into()))
        };
        graph.nodes = vec![
            Node::new("shape", "Shape", &[x], shape),
            constant("zero", zero, Constant::ints(vec![], [0])),
            Node::new("gather", "Gather", &[shape, zero], size),
            constant("axes", axes, Constant::ints(vec![1], [0])),
            Node::new("unsqueeze", "Unsqueeze", &[size, axes], whole),
            constant("minus", minus, Constant::ints(vec![1], [-1])),
            Node::new("concat", "Concat", &[whole, minus], both).with("axis", Attribute::Int(0)),
            Node::new("cast", "Cast", &[both], target).with("to", Attribute::Int(7)),
            Node::new("reshape", "Reshape", &[x, target], y),
        ];
        let mut refusals = Vec::new();
        resolve(&mut graph, &mut refusals);
        assert_eq!(refusals, []);
        assert_eq!(graph.nodes.len(), 1);
        assert_eq!(graph.dims(y), Some([1, 12].as_slice()));
    }

    #[test]
    fn refusals_do_not_cascade_but_none_is_missed() {
        let mut graph = Graph::default();
        let x = graph.add_value(Value { dims: Some(vec![1, 3]), ..Value::default() });
        let [a, b, c] = [0; 3].map(|_| graph.add_value(Value::default()));
        graph.nodes = vec![
            Node::new("first", "NonZero", &[x], a),
            Node::new("second", "Relu", &[a], b),
            Node::new("third", "Loop", &[b], c),
        ];
        let mut refusals = Vec::new();
        resolve(&mut graph, &mut refusals);
        let names: Vec<_> = refusals.iter().map(|refusal| refusal.name.as_str()).collect();
        assert_eq!(names, ["first", "third"]);
    }
}
