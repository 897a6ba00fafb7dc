//! Batch normalisation: a fixed scale and shift per channel once a network is trained.

use super::bias::channel_axis;
use crate::onnx::constant::Constant;
use crate::onnx::graph::{Attribute, Graph, Node};
use crate::options::Options;

/// Folds every batch normalisation into the convolution or dense layer before it: `s = γ/√(σ² + ε)`, weights `w·s`, bias
/// `(b − μ)·s + β`, computed in double precision and rounded once. Where there is no such layer, or somebody else reads
/// its output, or [`Options::keep_batch_norm`] is set, it becomes an `Affine` of its own.
pub fn fold_batch_norm(graph: &mut Graph, options: &Options) {
    let mut producers = graph.producers();
    let uses = graph.uses();
    for at in 0..graph.nodes.len() {
        let Some(node) = graph.nodes.get(at).filter(|node| node.op == "BatchNormalization") else { continue };
        let Some(norm) = Norm::read(graph, node) else { continue };
        let layer = producers.get(norm.input).copied().flatten();
        let alone = uses.get(norm.input) == Some(&1) && !options.keep_batch_norm;
        let folded = layer.filter(|_| alone).and_then(|layer| Some((layer, fold(graph, layer, &norm)?)));
        if let Some((layer, folded)) = folded {
            replace(graph, layer, folded, norm.output);
            if let (Some(node), Some(producer)) = (graph.nodes.get_mut(at), producers.get_mut(norm.output)) {
                node.outputs.clear();
                *producer = Some(layer);
            }
        } else if let Some(affine) = norm.affine(graph, at)
            && let Some(node) = graph.nodes.get_mut(at)
        {
            *node = affine;
        }
    }
}

/// A batch normalisation as `y = scale · (x − mean) + shift` per channel.
struct Norm {
    input: usize,
    output: usize,
    scale: Vec<f64>,
    mean: Vec<f64>,
    shift: Vec<f64>,
}

/// Weights and bias of a layer.
struct Weights {
    weights: Constant,
    bias: Vec<f32>,
}

impl Norm {
    fn read(graph: &Graph, node: &Node) -> Option<Self> {
        let (input, output) = (node.input(0)?, node.output()?);
        let channels = *graph.dims(input)?.get(1)?;
        let list = |k: usize| {
            let values = graph.constant_input(node, k)?.to_floats();
            (values.len() == channels).then(|| values.into_iter().map(f64::from).collect::<Vec<f64>>())
        };
        let training = node.int("training_mode").ok()?.unwrap_or(0) != 0;
        let epsilon = f64::from(node.float("epsilon", 1e-5).ok()?);
        let (gamma, shift, mean, variance) = (list(1)?, list(2)?, list(3)?, list(4)?);
        let scale = gamma.iter().zip(&variance).map(|(gamma, variance)| gamma / (variance + epsilon).sqrt()).collect();
        (!training).then_some(Self { input, output, scale, mean, shift })
    }

    fn affine(&self, graph: &mut Graph, at: usize) -> Option<Node> {
        let mut dims = vec![1; graph.dims(self.input)?.len().checked_sub(1)?];
        *dims.first_mut()? = self.scale.len();
        let scale: Vec<f32> = self.scale.iter().map(|&scale| scale as f32).collect();
        let shift = self.shift.iter().zip(&self.mean).zip(&self.scale);
        let shift: Vec<f32> = shift.map(|((shift, mean), scale)| (shift - mean * scale) as f32).collect();
        let scale = graph.add_constant("", Constant::floats(dims.clone(), scale));
        let shift = graph.add_constant("", Constant::floats(dims, shift));
        let name = graph.nodes.get(at)?.name.clone();
        let affine = Node::new(&name, "Affine", &[self.input, scale, shift], self.output);
        Some(affine.with("batch_norm", Attribute::Int(1)))
    }
}

fn fold(graph: &Graph, layer: usize, norm: &Norm) -> Option<Weights> {
    let node = graph.nodes.get(layer)?;
    if channel_axis(node, graph.dims(norm.input)?) != Some(1) {
        return None;
    }
    let weights = graph.constant_input(node, 1)?;
    let values = weights.as_floats()?;
    // Where a weight's output channel stands: `[output]…`, or for a transposed convolution `[input][output in the
    // group]…`.
    let (inputs, inner) = match *weights.dims.as_slice() {
        [inputs, outputs, ..] if node.op == "ConvTranspose" => (inputs, values.len().checked_div(inputs * outputs)?),
        [outputs, ..] => (1, values.len().checked_div(outputs)?),
        [] => return None,
    };
    let channels = norm.scale.len();
    let groups =
        if node.op == "ConvTranspose" { usize::try_from(node.int("group").ok()?.unwrap_or(1)).ok()? } else { 1 };
    let (per_group, inputs_per_group) = (channels.checked_div(groups)?, inputs.checked_div(groups)?.max(1));
    let channel_of = |at: usize| {
        let (input, output) = (at / (per_group * inner), at / inner % per_group);
        if node.op == "ConvTranspose" { input / inputs_per_group * per_group + output } else { at / inner }
    };
    if per_group == 0 || inner == 0 {
        return None;
    }
    let scaled = |(at, &weight): (usize, &f32)| Some((f64::from(weight) * norm.scale.get(channel_of(at))?) as f32);
    let folded = values.iter().enumerate().map(scaled).collect::<Option<Vec<f32>>>()?;
    let old = match node.input(2) {
        Some(bias) => graph.constant(bias)?.to_floats(),
        None => vec![0.0; channels],
    };
    let parts = old.iter().zip(&norm.mean).zip(&norm.scale).zip(&norm.shift);
    let bias = parts.map(|(((&b, mean), scale), shift)| ((f64::from(b) - mean) * scale + shift) as f32).collect();
    Some(Weights { weights: Constant::floats(weights.dims.clone(), folded), bias })
}

fn replace(graph: &mut Graph, layer: usize, folded: Weights, output: usize) {
    let weights = graph.add_constant("", folded.weights);
    let bias = graph.add_constant("", Constant::floats(vec![folded.bias.len()], folded.bias));
    if let Some(node) = graph.nodes.get_mut(layer) {
        node.inputs = vec![node.input(0), Some(weights), Some(bias)];
        node.outputs = vec![Some(output)];
    }
}

#[cfg(test)]
mod tests {
    use super::fold_batch_norm;
    use crate::onnx::graph::{Attribute, Graph, ValueId};
    use crate::onnx::passes::testing::graph;
    use crate::options::Options;

    /// γ = 3, 3; β = 1, 2; μ = 0.5, −0.5; σ² + ε = 4, 9.
    fn norm(graph: &mut Graph, x: ValueId, dims: &[usize]) -> ValueId {
        let lists = [[3.0, 3.0], [1.0, 2.0], [0.5, -0.5], [3.0, 8.0]].map(|values| graph.floats(&[2], &values));
        let [gamma, beta, mean, variance] = lists;
        let y = graph.op("norm", "BatchNormalization", &[x, gamma, beta, mean, variance], dims);
        graph.nodes.last_mut().unwrap().attributes.insert("epsilon".into(), Attribute::Float(1.0));
        y
    }

    fn constant(graph: &Graph, k: usize) -> Vec<f32> {
        graph.constant_input(&graph.nodes[0], k).unwrap().to_floats()
    }

    #[test]
    fn into_the_convolution_before_it() {
        let (mut graph, x) = graph(&[1, 1, 4, 4]);
        let w = graph.floats(&[2, 1, 1, 2], &[1.0, 2.0, 4.0, 6.0]);
        let b = graph.floats(&[2], &[1.5, 2.5]);
        let a = graph.op("conv", "Conv", &[x, w, b], &[1, 2, 4, 3]);
        let y = norm(&mut graph, a, &[1, 2, 4, 3]);
        graph.finish(y);
        fold_batch_norm(&mut graph, &Options::default());
        graph.drop_dead_nodes();
        assert_eq!(graph.ops(), ["Conv"]);
        assert_eq!(graph.nodes[0].output(), Some(y));
        assert_eq!(constant(&graph, 1), [1.5, 3.0, 4.0, 6.0]);
        assert_eq!(constant(&graph, 2), [2.5, 5.0]);
    }

    #[test]
    fn into_a_transposed_convolution_by_its_groups() {
        let (mut graph, x) = graph(&[1, 4, 1, 1]);
        let w = graph.floats(&[4, 1, 1, 1], &[2.0; 4]);
        let a = graph.op("conv", "ConvTranspose", &[x, w], &[1, 2, 1, 1]);
        graph.nodes[0].attributes.insert("group".into(), Attribute::Int(2));
        let y = norm(&mut graph, a, &[1, 2, 1, 1]);
        graph.finish(y);
        fold_batch_norm(&mut graph, &Options::default());
        assert_eq!(constant(&graph, 1), [3.0, 3.0, 2.0, 2.0]);
        assert_eq!(constant(&graph, 2), [0.25, 2.5]);
    }

    #[test]
    fn an_affine_step_where_it_cannot_fold() {
        let (mut graph, x) = graph(&[1, 2, 4, 4]);
        let y = norm(&mut graph, x, &[1, 2, 4, 4]);
        graph.finish(y);
        fold_batch_norm(&mut graph, &Options::default());
        assert_eq!(graph.ops(), ["Affine"]);
        assert_eq!(constant(&graph, 1), [1.5, 1.0]);
        assert_eq!(constant(&graph, 2), [0.25, 2.5]);
        assert_eq!(graph.constant_input(&graph.nodes[0], 1).unwrap().dims, [2, 1, 1]);
    }

    #[test]
    fn an_affine_step_if_asked_for() {
        let (mut graph, x) = graph(&[1, 2]);
        let w = graph.floats(&[2, 2], &[1.0; 4]);
        let a = graph.op("dense", "Dense", &[x, w], &[1, 2]);
        let y = norm(&mut graph, a, &[1, 2]);
        graph.finish(y);
        fold_batch_norm(&mut graph, &Options { keep_batch_norm: true, ..Options::default() });
        assert_eq!(graph.ops(), ["Dense", "Affine"]);
    }
}
