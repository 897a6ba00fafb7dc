//! Matrix products with constant weights.

use crate::onnx::constant::Constant;
use crate::onnx::graph::{Graph, Node};
use crate::options::Options;

/// Turns `Gemm` and `MatMul` by a constant matrix into `Dense`: weights `[output][input]`, then perhaps a bias
/// `[output]`, over the last axis of its input.
pub fn dense_from_matmul(graph: &mut Graph, _: &Options) {
    for at in 0..graph.nodes.len() {
        let Some(node) = graph.nodes.get(at).cloned() else { continue };
        let dense = match node.op.as_str() {
            "Gemm" => from_gemm(graph, &node),
            "MatMul" => from_matmul(graph, &node),
            _ => None,
        };
        if let (Some(dense), Some(node)) = (dense, graph.nodes.get_mut(at)) {
            *node = dense;
        }
    }
}

fn from_matmul(graph: &mut Graph, node: &Node) -> Option<Node> {
    let (x, weights, output) = (node.input(0)?, node.input(1)?, node.only_output()?);
    let matrix = graph.constant(weights)?;
    let [batch @ .., depth, columns] = matrix.dims.as_slice() else { return None };
    if graph.constant(x).is_some() || batch.iter().any(|&dim| dim != 1) {
        return None;
    }
    let weights = weights_of(matrix, *depth, *columns, false, 1.0)?;
    let weights = graph.add_constant(format!("{}.weights", node.name), weights);
    Some(Node::new(&node.name, "Dense", &[x, weights], output))
}

fn from_gemm(graph: &mut Graph, node: &Node) -> Option<Node> {
    let (x, weights, output) = (node.input(0)?, node.input(1)?, node.only_output()?);
    let (alpha, beta) = (node.float("alpha", 1.0).ok()?, node.float("beta", 1.0).ok()?);
    let transposed = node.int("transB").ok()?.unwrap_or(0) != 0;
    let is_row = graph.dims(x)?.first() == Some(&1);
    if graph.constant(x).is_some() || node.int("transA").ok()?.unwrap_or(0) != 0 {
        return None;
    }
    let matrix = graph.constant(weights)?;
    let &[rows, columns] = matrix.dims.as_slice() else { return None };
    let outputs = if transposed { rows } else { columns };
    let weights = weights_of(matrix, rows, columns, transposed, alpha)?;
    let mut inputs = vec![x, graph.add_constant(format!("{}.weights", node.name), weights)];
    if let Some(bias) = node.input(2) {
        let bias = graph.constant(bias)?;
        // A bias per row cannot be one per output, unless there is only one row.
        let per_output = matches!(bias.dims.as_slice(), [] | [_] | [1, _]) || is_row;
        let bias = bias.reshaped(vec![bias.len()]).broadcast(&[outputs]).filter(|_| per_output)?;
        let scaled: Vec<f32> = bias.to_floats().iter().map(|&value| scaled(value, beta)).collect();
        inputs.push(graph.add_constant(format!("{}.bias", node.name), Constant::floats(vec![outputs], scaled)));
    }
    Some(Node::new(&node.name, "Dense", &inputs, output))
}

/// A matrix as `[output][input]`, times a factor.
fn weights_of(matrix: &Constant, rows: usize, columns: usize, transposed: bool, factor: f32) -> Option<Constant> {
    if transposed && factor == 1.0 {
        return Some(matrix.clone());
    }
    let values = matrix.as_floats()?;
    let (outputs, inputs) = if transposed { (rows, columns) } else { (columns, rows) };
    let (outer, inner) = if transposed { (columns, 1) } else { (1, columns) };
    let mut weights = Vec::with_capacity(values.len());
    for output in 0..outputs {
        weights.extend(
            (0..inputs).map(|input| scaled(values.get(output * outer + input * inner).copied().unwrap_or(0.0), factor)),
        );
    }
    Some(Constant::floats(vec![outputs, inputs], weights))
}

fn scaled(value: f32, factor: f32) -> f32 {
    if factor == 1.0 { value } else { (f64::from(value) * f64::from(factor)) as f32 }
}

#[cfg(test)]
mod tests {
    use super::dense_from_matmul;
    use crate::onnx::graph::Attribute;
    use crate::onnx::passes::testing::graph;
    use crate::options::Options;

    #[test]
    fn weights_are_output_by_input() {
        let (mut graph, x) = graph(&[1, 2]);
        let w = graph.floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let y = graph.op("y", "MatMul", &[x, w], &[1, 3]);
        graph.finish(y);
        dense_from_matmul(&mut graph, &Options::default());
        assert_eq!(graph.ops(), ["Dense"]);
        let weights = graph.constant_input(&graph.nodes[0], 1).unwrap();
        assert_eq!(weights.as_floats().unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn gemm_with_everything() {
        let (mut graph, x) = graph(&[1, 2]);
        let w = graph.floats(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let b = graph.floats(&[1], &[1.0]);
        let y = graph.op("y", "Gemm", &[x, w, b], &[1, 3]);
        let attributes =
            [("transB", Attribute::Int(1)), ("alpha", Attribute::Float(2.0)), ("beta", Attribute::Float(0.5))];
        graph.nodes[0].attributes = attributes.map(|(name, value)| (name.to_owned(), value)).into();
        graph.finish(y);
        dense_from_matmul(&mut graph, &Options::default());
        let node = &graph.nodes[0];
        assert_eq!(graph.constant_input(node, 1).unwrap().as_floats().unwrap(), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
        assert_eq!(graph.constant_input(node, 2).unwrap().as_floats().unwrap(), [0.5; 3]);
    }

    #[test]
    fn products_of_activations_stay() {
        let (mut graph, x) = graph(&[2, 2]);
        let y = graph.op("y", "MatMul", &[x, x], &[2, 2]);
        graph.finish(y);
        dense_from_matmul(&mut graph, &Options::default());
        assert_eq!(graph.ops(), ["MatMul"]);
    }
}
