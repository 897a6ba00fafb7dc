//! Biases that were exported as additions.

use crate::onnx::constant::Constant;
use crate::onnx::graph::{Graph, Node};
use crate::options::Options;

/// Moves the addition or subtraction of a constant per channel into the convolution or dense layer before it, which
/// keeps its name, if nobody else reads that layer's output.
pub fn fuse_bias(graph: &mut Graph, _: &Options) {
    let mut producers = graph.producers();
    let uses = graph.uses();
    for at in 0..graph.nodes.len() {
        let Some(fused) = graph.nodes.get(at).and_then(|node| fuse(graph, node, &producers, &uses)) else { continue };
        let Fused { layer, bias, output } = fused;
        let bias = graph.add_constant("", Constant::floats(vec![bias.len()], bias));
        if let Some(node) = graph.nodes.get_mut(layer) {
            node.inputs.resize(3, None);
            if let Some(place) = node.inputs.get_mut(2) {
                *place = Some(bias);
            }
            node.outputs = vec![Some(output)];
        }
        if let (Some(node), Some(producer)) = (graph.nodes.get_mut(at), producers.get_mut(output)) {
            node.outputs.clear();
            *producer = Some(layer);
        }
    }
}

struct Fused {
    layer: usize,
    bias: Vec<f32>,
    output: usize,
}

fn fuse(graph: &Graph, node: &Node, producers: &[Option<usize>], uses: &[usize]) -> Option<Fused> {
    let &[Some(a), Some(b)] = node.inputs.as_slice() else { return None };
    let (x, constant, sign) = match (node.op.as_str(), graph.constant(a), graph.constant(b)) {
        ("Add", None, Some(constant)) => (a, constant, 1.0),
        ("Add", Some(constant), None) => (b, constant, 1.0),
        ("Sub", None, Some(constant)) => (a, constant, -1.0),
        _ => return None,
    };
    let output = node.only_output()?;
    let layer = (*producers.get(x)?)?;
    let before = graph.nodes.get(layer)?;
    let dims = graph.dims(x)?;
    if uses.get(x) != Some(&1) || graph.dims(output) != Some(dims) {
        return None;
    }
    let axis = channel_axis(before, dims)?;
    let added = per_channel(constant, dims, axis)?;
    let bias = match before.input(2) {
        None => added.iter().map(|value| sign * value).collect(),
        Some(old) => {
            let old = graph.constant(old)?.as_floats()?;
            let sum = |(&a, &b): (&f32, &f32)| (f64::from(a) + f64::from(sign) * f64::from(b)) as f32;
            old.iter().zip(&added).map(sum).collect()
        }
    };
    Some(Fused { layer, bias, output })
}

/// The axis of a weighted layer's outputs.
pub fn channel_axis(node: &Node, dims: &[usize]) -> Option<usize> {
    match node.op.as_str() {
        "Conv" | "ConvTranspose" => Some(1),
        "Dense" => dims.len().checked_sub(1),
        _ => None,
    }
}

/// A constant as one value per position of an axis, if it varies along no other when broadcast to `dims`.
pub fn per_channel(constant: &Constant, dims: &[usize], axis: usize) -> Option<Vec<f32>> {
    let channels = *dims.get(axis)?;
    let missing = dims.len().checked_sub(constant.dims.len())?;
    let varies = |(at, &dim): (usize, &usize)| dim != 1 && at + missing != axis;
    if constant.dims.iter().enumerate().any(varies) {
        return None;
    }
    constant.reshaped(vec![constant.len()]).broadcast(&[channels]).map(|constant| constant.to_floats())
}

#[cfg(test)]
mod tests {
    use super::{fuse_bias, per_channel};
    use crate::onnx::constant::Constant;
    use crate::onnx::passes::testing::graph;
    use crate::options::Options;

    /// `mnist-8` adds `[C, 1, 1]` after its convolutions.
    #[test]
    fn an_addition_after_a_convolution_is_its_bias() {
        let (mut graph, x) = graph(&[1, 1, 4, 4]);
        let w = graph.floats(&[2, 1, 1, 1], &[1.0, 2.0]);
        let a = graph.op("conv", "Conv", &[x, w], &[1, 2, 4, 4]);
        let b = graph.floats(&[2, 1, 1], &[3.0, 4.0]);
        let sum = graph.op("sum", "Add", &[a, b], &[1, 2, 4, 4]);
        let c = graph.floats(&[1], &[1.0]);
        let y = graph.op("y", "Sub", &[sum, c], &[1, 2, 4, 4]);
        graph.finish(y);
        fuse_bias(&mut graph, &Options::default());
        graph.drop_dead_nodes();
        assert_eq!(graph.ops(), ["Conv"]);
        assert_eq!((graph.nodes[0].name.as_str(), graph.nodes[0].output()), ("conv", Some(y)));
        assert_eq!(graph.constant_input(&graph.nodes[0], 2).unwrap().as_floats().unwrap(), [2.0, 3.0]);
    }

    #[test]
    fn what_others_read_keeps_its_value() {
        let (mut graph, x) = graph(&[1, 2]);
        let w = graph.floats(&[2, 2], &[1.0; 4]);
        let a = graph.op("a", "Dense", &[x, w], &[1, 2]);
        let b = graph.floats(&[2], &[3.0, 4.0]);
        let c = graph.op("c", "Add", &[a, b], &[1, 2]);
        let y = graph.op("y", "Mul", &[a, c], &[1, 2]);
        graph.finish(y);
        fuse_bias(&mut graph, &Options::default());
        assert_eq!(graph.nodes[0].output(), Some(a));
    }

    #[test]
    fn constants_per_channel() {
        let constant = |dims: &[usize]| Constant::floats(dims.to_vec(), vec![1.0; dims.iter().product()]);
        let dims = [1, 3, 4, 4];
        assert_eq!(per_channel(&constant(&[3, 1, 1]), &dims, 1).unwrap().len(), 3);
        assert_eq!(per_channel(&constant(&[1]), &dims, 1).unwrap().len(), 3);
        assert_eq!(per_channel(&constant(&[4]), &dims, 1), None);
        assert_eq!(per_channel(&constant(&[1, 3, 4, 1]), &dims, 1), None);
    }
}
