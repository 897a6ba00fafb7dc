//! From nodes to steps.
//!
//! Every activation is held by a tensor of the network in some [`Layout`]. An op that cares about the order of elements
//! asks for the layout it needs, and only if it is not there already a transposition is inserted.

mod activation;
mod arithmetic;
mod axes;
mod conv;
mod dense;
mod int8;
mod moves;
mod norm;
mod pool;
mod ports;
mod recurrent;

use super::constant::Constant;
use super::error::Refusal;
use super::graph::{Graph, Node, ValueId};
use super::layout::Layout;
use crate::network::{Layer, Network};
use crate::options::Options;
use crate::stop::Stop;
use relprop::model::format::MAX_STEPS;
use relprop::step::{Op, Shape};

/// Most weights an image can hold: 2 GiB of floats.
const MAX_PARAMS: usize = 1 << 29;

/// Turns a graph into a network. What cannot be turned is added to `refusals`; then the network is not complete. `axes`
/// says for every value that is a sequence of changing length along which axis its moments lie; it may be shorter.
pub fn lower(graph: &Graph, axes: &[Option<usize>], options: &Options, refusals: &mut Vec<Refusal>) -> Network {
    // The kernel is free to hold an input in any order. Channels last is right for nearly every network; if it leaves
    // transpositions, the exported order may save some of them (networks that came from TensorFlow, sequences).
    let mut orders = vec![InputOrder::ChannelsLast; graph.inputs.len()];
    let mut best = Lowering::run(graph, axes, options, &orders, refusals.is_empty());
    for at in 0..orders.len().min(4) {
        if best.transpositions() == 0 || !best.refusals.is_empty() {
            break;
        }
        let mut other = orders.clone();
        if let Some(order) = other.get_mut(at) {
            *order = InputOrder::AsExported;
        }
        let attempt = Lowering::run(graph, axes, options, &other, refusals.is_empty());
        if attempt.refusals.is_empty() && attempt.transpositions() < best.transpositions() {
            (best, orders) = (attempt, other);
        }
    }
    refusals.append(&mut best.refusals);
    best.network
}

/// In which order the kernel holds an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InputOrder {
    ChannelsLast,
    AsExported,
}

/// An activation in the network.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    tensor: usize,
    layout: Layout,
}

/// A network in the making.
struct Lowering<'g> {
    graph: &'g Graph,
    /// By value: the axis of the moments.
    axes: &'g [Option<usize>],
    network: Network,
    /// By value.
    producers: Vec<Option<usize>>,
    /// By value.
    held: Vec<Option<Held>>,
    refusals: Vec<Refusal>,
    /// Elements of all parameters so far.
    params: usize,
}

impl<'g> Lowering<'g> {
    fn run(
        graph: &'g Graph,
        axes: &'g [Option<usize>],
        options: &Options,
        orders: &[InputOrder],
        complete: bool,
    ) -> Self {
        let name = options.name.clone().unwrap_or_else(|| graph.name.clone());
        let held = vec![None; graph.values.len()];
        let mut lowering = Self {
            graph,
            axes,
            network: Network::named(name),
            producers: graph.producers(),
            held,
            refusals: Vec::new(),
            params: 0,
        };
        lowering.inputs(options, orders);
        for node in &graph.nodes {
            match lowering.node(node) {
                Err(Stop::Refused(reason)) => lowering.refusals.push(node.refused(reason)),
                Ok(()) | Err(Stop::Orphan) => {}
            }
        }
        lowering.outputs(options, complete);
        lowering
    }

    fn transpositions(&self) -> usize {
        self.network.steps.iter().filter(|step| step.op == Op::Transpose).count()
    }

    fn node(&mut self, node: &Node) -> Result<(), Stop> {
        if self.network.steps.len() >= MAX_STEPS {
            return Err(Stop::Refused(format!("more than {MAX_STEPS} steps")));
        }
        if let Some(op) = node.op.strip_prefix("Quantized") {
            return self.quantized(node, op);
        }
        match node.op.as_str() {
            "Conv" => self.conv(node),
            "ConvTranspose" => self.conv_transpose(node),
            "Dense" => self.dense(node),
            "MaxPool" | "AveragePool" => self.pool(node),
            "GlobalMaxPool" | "GlobalAveragePool" => self.global_pool(node),
            "ReduceMean" => self.reduce_mean(node),
            "Affine" => self.affine(node),
            "Add" | "Sub" => self.add(node),
            "Mul" => self.mul(node),
            op if is_reshaping(op) && op != "Transpose" => self.reshape(node),
            "Transpose" => self.transpose(node),
            "Concat" => self.concat(node),
            "Slice" => self.slice(node),
            "Split" => self.split(node),
            "Pad" => self.pad(node),
            "LSTM" | "GRU" => self.recurrent(node),
            "Embedding" => self.embedding(node),
            "LRN" => self.local_response_norm(node),
            "Softmax" | "LogSoftmax" => self.softmax(node),
            "Quantize" => self.conversion(node, Op::Quantize),
            "Dequantize" => self.conversion(node, Op::Dequantize),
            op => {
                if self.activation(node)? {
                    Ok(())
                } else {
                    Err(hint(op).into())
                }
            }
        }
    }

    /// The `k`-th input as an activation.
    fn input(&self, node: &Node, k: usize) -> Result<(ValueId, &'g [usize], Held), Stop> {
        let value = node.input(k).ok_or_else(|| format!("input {k} is missing"))?;
        if self.graph.constant(value).is_some() {
            return Err(Stop::Refused(format!("input {k} is a constant, an activation was expected")));
        }
        let held = self.held.get(value).cloned().flatten().ok_or(Stop::Orphan)?;
        let dims = self.graph.dims(value).ok_or(Stop::Orphan)?;
        let takes_tokens = node.op == "Embedding" || is_reshaping(&node.op);
        if self.is_tokens(held.tensor) && !takes_tokens {
            return Err(
                "integers are tokens here, and all that can be done with them is to look them up in a table".into()
            );
        }
        Ok((value, dims, held))
    }

    /// The `k`-th input as a constant of floats.
    fn weights(&self, node: &Node, k: usize, what: &str) -> Result<&'g Constant, Stop> {
        let constant = self.graph.constant_input(node, k).filter(|constant| constant.as_floats().is_some());
        Ok(constant.ok_or_else(|| format!("{what} must be constant floats"))?)
    }

    /// The only output, and its extents.
    fn output(&self, node: &Node) -> Result<(ValueId, &'g [usize]), Stop> {
        let output = node.only_output().ok_or("only its first output can be used")?;
        Ok((output, self.graph.dims(output).ok_or(Stop::Orphan)?))
    }

    /// Extent of the tensor that holds an activation.
    fn shape(&self, held: &Held) -> Shape {
        self.network.shape(held.tensor)
    }

    /// A tensor with the value in this layout and shape: the one that holds it, or one that is made of it by steps named
    /// after the node that asks.
    fn arrange(&mut self, node: &Node, value: ValueId, layout: &Layout, shape: Shape) -> Result<usize, Stop> {
        let held = self.held.get(value).cloned().flatten().ok_or(Stop::Orphan)?;
        if held.layout != *layout {
            let moved = held.layout.steps_to(layout).ok_or("the order of its input's elements is too intricate")?;
            let mut tensor = held.tensor;
            for (at, part) in moved.iter().enumerate() {
                let last = at + 1 == moved.len();
                let suffix = if last { String::new() } else { format!(".{at}") };
                let mut layer = Layer::new(format!("{}.order{suffix}", node.name), Op::Transpose, vec![tensor], 0);
                layer.ints = axes::transpose_attributes(part).ok_or("its input is too large to be reordered")?;
                let shape = if last { shape } else { Shape::new(1, 1, shape.elements()) };
                tensor = self.push(layer, &format!("{}.ordered{suffix}", self.graph.value_name(value)), shape)?;
            }
            // Whoever reads the value next is likely to want it in the same order.
            if let Some(place) = self.held.get_mut(value) {
                *place = Some(Held { tensor, layout: layout.clone() });
            }
            return Ok(tensor);
        }
        if self.shape(&held).same(shape) {
            return Ok(held.tensor);
        }
        let layer = Layer::new(format!("{}.view", node.name), Op::View, vec![held.tensor], 0);
        self.push(layer, &format!("{}.viewed", self.graph.value_name(value)), shape)
    }

    /// Adds a step that writes a new tensor.
    fn push(&mut self, mut layer: Layer, name: &str, shape: Shape) -> Result<usize, Stop> {
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        if !layer.params.iter().all(|block| finite(block)) || !finite(&layer.floats) {
            return Err("its weights are NaN or infinite".into());
        }
        let tensor = self.network.tensor(name, shape);
        layer.output = tensor;
        // What only moves integers does not change what they stand for.
        if layer.op.is_structural()
            && let Some(unit) = layer.operands.first().and_then(|&operand| self.unit(operand))
            && let Some(tensor) = self.network.tensors.get_mut(tensor)
        {
            tensor.quantization = Some(unit);
        }
        self.network.steps.push(layer);
        Ok(tensor)
    }

    /// Adds the step that writes a value.
    fn finish(&mut self, mut layer: Layer, output: ValueId, shape: Shape, layout: Layout) -> Result<(), Stop> {
        let unit = self.graph.units.get(&output);
        if let Some(unit) = unit {
            self.in_integers(&mut layer, *unit)?;
        }
        let tensor = self.push(layer, self.graph.value_name(output), shape)?;
        if let (Some(unit), Some(tensor)) = (unit, self.network.tensors.get_mut(tensor)) {
            tensor.quantization = Some(unit.quantization);
            tensor.ties_to_even = true;
        }
        if let Some(place) = self.held.get_mut(output) {
            *place = Some(Held { tensor, layout });
        }
        Ok(())
    }

    /// Counts parameters before they are made.
    fn reserve(&mut self, elements: Option<usize>) -> Result<(), Stop> {
        match elements.and_then(|n| self.params.checked_add(n)).filter(|&n| n <= MAX_PARAMS) {
            Some(params) => {
                self.params = params;
                Ok(())
            }
            None => Err("the weights are too large for an image (2 GiB at most)".into()),
        }
    }
}

/// Ops that leave all elements as they are.
fn is_reshaping(op: &str) -> bool {
    matches!(op, "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Identity" | "Dropout" | "Transpose")
}

/// Why an op that the importer knows did not become a step.
fn hint(op: &str) -> &'static str {
    match op {
        "MatMul" => "only products of an activation with a constant matrix on the right are supported",
        "Gemm" => "only with an activation that is not transposed, a constant matrix and a constant bias per output",
        "Erf" | "Pow" => "only as part of GELU",
        "Abs" | "Equal" | "Range" | "ReduceL2" | "ReduceProd" | "ReduceSum" | "Sqrt" | "Where" => "only for constants",
        "BatchNormalization" => "only in inference, with constant parameters",
        "Div" => "only division by a constant is supported",
        "Min" | "Max" => "only of an activation and one constant number",
        "Sum" => "only of tensors of the same shape",
        "Gather" => {
            "only of one position, or of positions in a row, given by constants, or of rows of a constant table"
        }
        "Cast" => "only from float to float32",
        "Expand" => "activations cannot be expanded",
        "QuantizeLinear" | "DequantizeLinear" => {
            "activations must have one constant scale and zero point, of signed or unsigned bytes, and weights one per output at most"
        }
        _ => "this op is not supported here",
    }
}
