//! Rows of a constant table, looked up by tokens.

use crate::onnx::constant::{Constant, Data};
use crate::onnx::graph::{Attribute, Graph, Node, ValueId};
use crate::options::Options;
use std::rc::Rc;

/// Turns `Gather` of a constant table by an activation into `Embedding`: tokens, table. A table of signed bytes with one
/// scale around zero, dequantised before or behind, stays one; then there is an attribute `scale`.
pub fn embedding_from_gather(graph: &mut Graph, _: &Options) {
    let (producers, uses) = (graph.producers(), graph.uses());
    for at in 0..graph.nodes.len() {
        let found = graph.nodes.get(at).and_then(|node| {
            before(graph, &producers, node)
                .or_else(|| behind(graph, &producers, &uses, node))
                .or_else(|| plain(graph, node))
        });
        if let (Some(embedding), Some(node)) = (found, graph.nodes.get_mut(at)) {
            *node = embedding;
        }
    }
}

/// Table and tokens of a `Gather` along the first axis.
fn gather(graph: &Graph, node: &Node) -> Option<(ValueId, ValueId)> {
    let (table, tokens) = (node.input(0)?, node.input(1)?);
    let rows = graph.dims(table)?.len() == 2 && node.int("axis").ok()?.unwrap_or(0) == 0;
    (node.op == "Gather" && rows && graph.constant(tokens).is_none()).then_some((table, tokens))
}

/// A table of floats.
fn plain(graph: &Graph, node: &Node) -> Option<Node> {
    let (table, tokens) = gather(graph, node)?;
    graph.constant(table)?.as_floats()?;
    Some(Node::new(&node.name, "Embedding", &[tokens, table], node.only_output()?))
}

/// A table that is dequantised, then looked up.
fn before(graph: &Graph, producers: &[Option<usize>], node: &Node) -> Option<Node> {
    let (table, tokens) = gather(graph, node)?;
    let dequantize = graph.nodes.get((*producers.get(table)?)?)?;
    let scale = scale(graph, dequantize)?;
    let table = signed_bytes(graph, dequantize.input(0)?)?;
    embedding(node, tokens, table, scale)
}

/// A table that is looked up, then dequantised.
fn behind(graph: &Graph, producers: &[Option<usize>], uses: &[usize], node: &Node) -> Option<Node> {
    let scale = scale(graph, node)?;
    let rows = node.input(0)?;
    let (table, tokens) = gather(graph, graph.nodes.get((*producers.get(rows)?)?)?)?;
    let table = signed_bytes(graph, table).filter(|_| uses.get(rows) == Some(&1))?;
    embedding(node, tokens, table, scale)
}

fn embedding(node: &Node, tokens: ValueId, table: ValueId, scale: f32) -> Option<Node> {
    let embedding = Node::new(&node.name, "Embedding", &[tokens, table], node.only_output()?);
    Some(embedding.with("scale", Attribute::Float(scale)))
}

/// The one scale of a `DequantizeLinear` with a zero point of zero.
fn scale(graph: &Graph, node: &Node) -> Option<f32> {
    let is_zero = |zero: &Rc<Constant>| zero.to_floats().iter().all(|value| *value == 0.0);
    let around_zero = node.input(2).is_none_or(|zero| graph.constant(zero).is_some_and(is_zero));
    if node.op != "DequantizeLinear" || !around_zero {
        return None;
    }
    graph.constant_input(node, 1)?.scalar().filter(|scale| scale.is_finite() && *scale > 0.0)
}

fn signed_bytes(graph: &Graph, value: ValueId) -> Option<ValueId> {
    let Data::Ints(table) = &graph.constant(value)?.data else { return None };
    let fits = table.iter().all(|value| i8::try_from(*value).is_ok());
    (fits && !graph.unsigned.contains(&value)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::embedding_from_gather;
    use crate::onnx::constant::Constant;
    use crate::onnx::graph::{Attribute, Graph, ValueId};
    use crate::onnx::passes::testing::graph;
    use crate::options::Options;

    fn quantised(graph: &mut Graph) -> [ValueId; 2] {
        let table = graph.add_constant("table", Constant::ints(vec![3, 2], [0, 0, 10, 20, -30, 40]));
        [table, graph.floats(&[], &[0.5])]
    }

    fn check(mut graph: Graph, y: ValueId, scale: Option<f32>) {
        graph.finish(y);
        embedding_from_gather(&mut graph, &Options::default());
        graph.drop_dead_nodes();
        assert_eq!(graph.ops(), ["Embedding"]);
        assert_eq!(graph.nodes[0].attributes.get("scale"), scale.map(Attribute::Float).as_ref());
        assert_eq!(graph.constant_input(&graph.nodes[0], 1).unwrap().dims, [3, 2]);
    }

    #[test]
    fn a_table_of_floats() {
        let (mut graph, x) = graph(&[4]);
        let table = graph.floats(&[3, 2], &[0.0; 6]);
        let y = graph.op("y", "Gather", &[table, x], &[4, 2]);
        check(graph, y, None);
    }

    #[test]
    fn a_table_of_bytes_dequantised_on_either_side() {
        let (mut before, x) = graph(&[4]);
        let [table, scale] = quantised(&mut before);
        let real = before.op("real", "DequantizeLinear", &[table, scale], &[3, 2]);
        let y = before.op("y", "Gather", &[real, x], &[4, 2]);
        check(before, y, Some(0.5));

        let (mut behind, x) = graph(&[4]);
        let [table, scale] = quantised(&mut behind);
        let rows = behind.op("rows", "Gather", &[table, x], &[4, 2]);
        let y = behind.op("y", "DequantizeLinear", &[rows, scale], &[4, 2]);
        check(behind, y, Some(0.5));
    }
}
