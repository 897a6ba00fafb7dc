//! One position, or a run of them, taken out of an activation: how exporters write `x[:, 0]`.

use crate::onnx::constant::Constant;
use crate::onnx::graph::{Graph, Node, Value};
use crate::onnx::shapes;
use crate::options::Options;

/// Turns `Gather` by a constant index, or by constant indices that run on, into `Slice` and `Reshape`, the latter alone where
/// nothing is cut off.
pub fn slice_from_gather(graph: &mut Graph, _: &Options) {
    for node in std::mem::take(&mut graph.nodes) {
        match slice(graph, &node) {
            Some(nodes) => graph.nodes.extend(nodes),
            None => graph.nodes.push(node),
        }
    }
}

fn slice(graph: &mut Graph, node: &Node) -> Option<Vec<Node>> {
    let (x, output) = (node.input(0)?, node.only_output()?);
    if node.op != "Gather" || graph.constant(x).is_some() {
        return None;
    }
    let mut dims = graph.dims(x)?.to_vec();
    let axis = shapes::axis_attribute(node, 0, dims.len()).ok()?;
    let extent = dims.get_mut(axis)?;
    let indices = graph.constant_input(node, 1)?.as_ints()?.to_vec();
    let start = shapes::axis(*indices.first()?, *extent).ok()?;
    for (at, &index) in indices.iter().enumerate() {
        if shapes::axis(index, *extent).ok()? != start + at {
            return None;
        }
    }
    let whole = std::mem::replace(extent, indices.len()) == indices.len();

    let target: Vec<i64> = graph.dims(output)?.iter().map(|&dim| dim as i64).collect();
    let mut list = |values: &[i64]| graph.add_constant("", Constant::ints(vec![values.len()], values));
    let range = [list(&[start as i64]), list(&[(start + indices.len()) as i64]), list(&[axis as i64])];
    let target = list(&target);
    if whole {
        return Some(vec![Node::new(&node.name, "Reshape", &[x, target], output)]);
    }
    let name = format!("{}.slice", node.name);
    let part = graph.add_value(Value { name: name.clone(), dims: Some(dims), constant: None });
    let [starts, ends, axes] = range;
    Some(vec![
        Node::new(&name, "Slice", &[x, starts, ends, axes], part),
        Node::new(&node.name, "Reshape", &[part, target], output),
    ])
}

#[cfg(test)]
mod tests {
    use super::slice_from_gather;
    use crate::onnx::constant::Constant;
    use crate::onnx::graph::Attribute;
    use crate::onnx::passes::testing::graph;
    use crate::onnx::shapes::{self, Range};
    use crate::options::Options;

    #[test]
    fn the_last_of_a_sequence() {
        let (mut graph, x) = graph(&[1, 5, 4]);
        let index = graph.add_constant("", Constant::ints(vec![], [-1]));
        let y = graph.op("y", "Gather", &[x, index], &[1, 4]);
        graph.nodes[0].attributes.insert("axis".into(), Attribute::Int(1));
        graph.finish(y);
        slice_from_gather(&mut graph, &Options::default());
        assert_eq!(graph.ops(), ["Slice", "Reshape"]);
        let ranges = shapes::slice(&graph, &graph.nodes[0], &[1, 5, 4]).unwrap();
        assert_eq!(ranges[1], Range { start: 4, step: 1, count: 1 });
        assert_eq!(shapes::reshape(&graph, &graph.nodes[1], &[1, 1, 4]).unwrap(), [1, 4]);
    }
}
