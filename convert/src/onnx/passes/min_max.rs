//! Bounds written as minimum and maximum.

use crate::onnx::graph::{Graph, Node};
use crate::options::Options;

/// Turns `Max(x, 0)` into `Relu`, and other minima and maxima with a constant into `Clip`.
pub fn clip_from_min_max(graph: &mut Graph, _: &Options) {
    for at in 0..graph.nodes.len() {
        let clip = graph.nodes.get(at).and_then(|node| clip(graph, node));
        if let (Some(clip), Some(node)) = (clip, graph.nodes.get_mut(at)) {
            *node = clip;
        }
    }
}

fn clip(graph: &Graph, node: &Node) -> Option<Node> {
    let &[Some(a), Some(b)] = node.inputs.as_slice() else { return None };
    let (x, bound) = if graph.constant(a).is_some() { (b, a) } else { (a, b) };
    let limit = graph.constant(bound)?.scalar()?;
    let output = node.only_output()?;
    if graph.constant(x).is_some() || graph.dims(x) != graph.dims(output) {
        return None;
    }
    let (op, inputs) = match node.op.as_str() {
        "Max" if limit == 0.0 => ("Relu", vec![Some(x)]),
        "Max" => ("Clip", vec![Some(x), Some(bound)]),
        "Min" => ("Clip", vec![Some(x), None, Some(bound)]),
        _ => return None,
    };
    Some(Node { inputs, ..Node::new(&node.name, op, &[], output) })
}

#[cfg(test)]
mod tests {
    use super::clip_from_min_max;
    use crate::onnx::passes::testing::graph;
    use crate::options::Options;

    #[test]
    fn relu_six_the_long_way() {
        let (mut graph, x) = graph(&[1, 4]);
        let (zero, six) = (graph.floats(&[], &[0.0]), graph.floats(&[1], &[6.0]));
        let a = graph.op("a", "Max", &[zero, x], &[1, 4]);
        let y = graph.op("y", "Min", &[a, six], &[1, 4]);
        let z = graph.op("z", "Max", &[y, a], &[1, 4]);
        graph.finish(z);
        clip_from_min_max(&mut graph, &Options::default());
        assert_eq!(graph.ops(), ["Relu", "Clip", "Max"]);
        assert_eq!(graph.nodes[1].inputs, [Some(a), None, Some(six)]);
    }
}
