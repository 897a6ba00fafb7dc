//! Nodes that do nothing when a network is used.

use crate::onnx::graph::{Graph, Node, ValueId};
use crate::options::Options;
use std::collections::{HashMap, HashSet};

/// Drops identities: `Identity`, `Dropout`, casts between float types, expansions to the shape that there is,
/// concatenations of one part.
pub fn drop_identity(graph: &mut Graph, _: &Options) {
    let uses = graph.uses();
    let used = |value: &usize| uses.get(*value).is_some_and(|&uses| uses > 0);
    let integers = integers(graph);
    let mut same = HashMap::new();
    for node in &graph.nodes {
        let (Some(input), Some(output)) = (node.input(0), node.output()) else { continue };
        let alone = !node.outputs.iter().skip(1).flatten().any(used);
        let does_nothing = does_nothing(graph, node) || (integers.contains(&input) && is_integer_cast(node));
        if alone && does_nothing && graph.dims(input) == graph.dims(output) {
            same.insert(output, input);
        }
    }
    graph.redirect(&same);
}

/// Tokens, as they are or reshaped or cast.
fn integers(graph: &Graph) -> HashSet<ValueId> {
    let mut integers = graph.tokens.clone();
    for node in &graph.nodes {
        let moves =
            matches!(node.op.as_str(), "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose");
        let (Some(input), Some(output)) = (node.input(0), node.only_output()) else { continue };
        if integers.contains(&input) && (moves || is_integer_cast(node)) {
            integers.insert(output);
        }
    }
    integers
}

fn is_integer_cast(node: &Node) -> bool {
    node.op == "Cast" && matches!(node.int("to"), Ok(Some(6 | 7)))
}

fn does_nothing(graph: &Graph, node: &Node) -> bool {
    match node.op.as_str() {
        "Identity" | "Dropout" | "Expand" => true,
        "Cast" => matches!(node.int("to"), Ok(Some(1 | 11))),
        "Concat" | "Sum" | "Min" | "Max" => node.inputs.len() == 1,
        "Slice" => node.input(0).is_some_and(|input| graph.constant(input).is_none()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::drop_identity;
    use crate::onnx::graph::Attribute;
    use crate::onnx::passes::testing::graph;
    use crate::options::Options;

    #[test]
    fn a_dropout_goes_and_its_mask_stays() {
        let (mut graph, x) = graph(&[1, 4]);
        let a = graph.op("a", "Dropout", &[x], &[1, 4]);
        let b = graph.op("b", "Identity", &[a], &[1, 4]);
        let c = graph.op("c", "Cast", &[b], &[1, 4]);
        graph.nodes[2].attributes.insert("to".into(), Attribute::Int(1));
        let y = graph.op("y", "Relu", &[c], &[1, 4]);
        graph.finish(y);
        drop_identity(&mut graph, &Options::default());
        graph.drop_dead_nodes();
        assert_eq!(graph.ops(), ["Relu"]);
        assert_eq!(graph.nodes[0].input(0), Some(x));
    }

    #[test]
    fn casts_to_integers_stay() {
        let (mut graph, x) = graph(&[1, 4]);
        let y = graph.op("y", "Cast", &[x], &[1, 4]);
        graph.nodes[0].attributes.insert("to".into(), Attribute::Int(7));
        graph.finish(y);
        drop_identity(&mut graph, &Options::default());
        assert_eq!(graph.outputs[0].1, y);
    }
}
