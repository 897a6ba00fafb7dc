//! Sums of many tensors.

use crate::onnx::graph::{Graph, Node, Value};
use crate::options::Options;

/// Turns `Sum` into a chain of `Add`, from the first input to the last.
pub fn unroll_sum(graph: &mut Graph, _: &Options) {
    for node in std::mem::take(&mut graph.nodes) {
        let parts: Vec<_> = node.inputs.iter().flatten().copied().collect();
        let (Some(output), [first, rest @ ..]) = (node.output(), parts.as_slice()) else {
            graph.nodes.push(node);
            continue;
        };
        let dims = graph.dims(output).map(<[usize]>::to_vec);
        let alike = parts.iter().all(|&part| graph.constant(part).is_some() || graph.dims(part) == dims.as_deref());
        if node.op != "Sum" || rest.is_empty() || !alike {
            graph.nodes.push(node);
            continue;
        }
        let mut sum = *first;
        for (at, &part) in rest.iter().enumerate() {
            let last = at + 1 == rest.len();
            let name = if last { node.name.clone() } else { format!("{}.{}", node.name, at + 1) };
            let to = if last {
                output
            } else {
                graph.add_value(Value { name: name.clone(), dims: dims.clone(), constant: None })
            };
            graph.nodes.push(Node::new(&name, "Add", &[sum, part], to));
            sum = to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::unroll_sum;
    use crate::onnx::passes::testing::graph;
    use crate::options::Options;

    #[test]
    fn three_parts_are_two_additions() {
        let (mut graph, x) = graph(&[1, 4]);
        let a = graph.op("a", "Relu", &[x], &[1, 4]);
        let b = graph.op("b", "Tanh", &[x], &[1, 4]);
        let y = graph.op("y", "Sum", &[x, a, b], &[1, 4]);
        graph.finish(y);
        unroll_sum(&mut graph, &Options::default());
        assert_eq!(graph.ops(), ["Relu", "Tanh", "Add", "Add"]);
        assert_eq!(graph.nodes[3].output(), Some(y));
        assert_eq!(graph.nodes[3].name, "y");
        assert_eq!(graph.nodes[3].input(0), graph.nodes[2].output());
    }
}
