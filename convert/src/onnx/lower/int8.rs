//! Nodes over integers.

use super::{Lowering, Stop, axes};
use crate::int8::{self, table};
use crate::multiplier;
use crate::network::{Int8, Layer, Quantization};
use crate::onnx::graph::{Attribute, Node, Unit};
use crate::onnx::layout::Layout;
use crate::onnx::window::Geometry;
use relprop::model::format::step::FLAG_SINGLE_ROUNDING;
use relprop::step::{Function, Op, Shape};

/// Weights as a node has them.
struct Weights<'g> {
    dims: &'g [usize],
    values: Vec<i8>,
    bias: Vec<i32>,
}

impl<'g> Lowering<'g> {
    /// What the integers of a tensor stand for.
    pub(super) fn unit(&self, tensor: usize) -> Option<Quantization> {
        self.network.tensors.get(tensor).and_then(|tensor| tensor.quantization)
    }

    /// A node over integers: of those without weights the step is that of the node over floats, and
    /// [`in_integers`](Self::in_integers) says how it computes.
    pub(super) fn quantized(&mut self, node: &Node, op: &str) -> Result<(), Stop> {
        let plain = Node { op: op.to_owned(), ..node.clone() };
        match op {
            "Conv" => self.quantized_conv(node),
            "Dense" => self.quantized_dense(node),
            "Add" | "Sub" => self.add(&plain),
            "Mul" => self.mul(&plain),
            "AveragePool" => self.pool(&plain),
            "GlobalAveragePool" => self.global_pool(&plain),
            _ if self.activation(&plain)? => Ok(()),
            _ => Err("over integers it is not supported".into()),
        }
    }

    /// Between floats and integers.
    pub(super) fn conversion(&mut self, node: &Node, op: Op) -> Result<(), Stop> {
        let (_, _, held) = self.input(node, 0)?;
        let (output, _) = self.output(node)?;
        let layer = Layer::new(&node.name, op, vec![held.tensor], 0);
        let shape = self.shape(&held);
        self.finish(layer, output, shape, held.layout)
    }

    /// Gives a step that writes integers what it computes with.
    pub(super) fn in_integers(&mut self, layer: &mut Layer, unit: Unit) -> Result<(), Stop> {
        let output = unit.quantization;
        let operands: Option<Vec<Quantization>> = layer.operands.iter().map(|&operand| self.unit(operand)).collect();
        if layer.op == Op::Quantize {
            return Ok(());
        }
        let operands = operands.ok_or("it reads floats and writes integers")?;
        let &[first, ref others @ ..] = operands.as_slice() else { return Err("it reads nothing".into()) };
        if layer.op.is_structural() || layer.op == Op::MaxPool {
            if operands.iter().any(|&operand| operand != output) {
                return Err("it changes what integers stand for".into());
            }
            if layer.op == Op::MaxPool {
                layer.ints = int8::attributes(unit.range);
            }
            return Ok(());
        }
        match (layer.op, others) {
            (Op::Add, &[second]) => layer.int8.rescale = int8::summed([first, second], output)?,
            (Op::Mul, &[second]) => layer.int8.rescale = vec![int8::multiplied([first, second], output)],
            (Op::AveragePool, []) => {
                let count: usize = layer.kernel.iter().map(|&extent| usize::from(extent)).product();
                let factor = f64::from(first.scale) / f64::from(output.scale) / count as f64;
                layer.int8.rescale = vec![multiplier::quantized(factor)];
            }
            (Op::Activation, []) => {
                let [a, b, ..] = layer.floats;
                let function = Function::from_code(layer.variant).and_then(|f| int8::function(f, [a, b]));
                let function = function.ok_or("over integers it is not supported")?;
                layer.int8.weights = table::of_floats(function, first, output);
                layer.params = <[Vec<f32>; 4]>::default();
                return Ok(());
            }
            // Their weights have been filled in.
            (Op::Conv | Op::Depthwise | Op::Dense, []) => {}
            _ => return Err("over integers it is not supported".into()),
        }
        layer.ints = int8::attributes(unit.range);
        layer.flags |= FLAG_SINGLE_ROUNDING;
        Ok(())
    }

    fn quantized_conv(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, _) = self.input(node, 0)?;
        let (output, output_dims) = self.output(node)?;
        let weights = self.integer_weights(node)?;
        let &[outputs, inputs, ref kernel @ ..] = weights.dims else {
            return Err("weights with too few axes".into());
        };
        let geometry = Geometry::conv(node, dims, kernel)?;
        let groups = geometry.window.groups as usize;
        let depthwise = groups > 1 && inputs == 1 && groups == outputs;
        let taps: usize = kernel.iter().product();
        self.reserve(Some(weights.values.len()))?;

        let input = self.arrange(node, value, &Layout::channels_last(dims), axes::picture(dims))?;
        let mut layer = Layer::new(&node.name, if depthwise { Op::Depthwise } else { Op::Conv }, vec![input], 0);
        geometry.window.describe(&mut layer);
        layer.groups = if depthwise { 0 } else { geometry.window.groups };
        let values = &weights.values;
        let packed = if depthwise {
            gathered(values, [1, taps, outputs], [0, 1, taps])
        } else {
            gathered(values, [outputs, taps, inputs], [inputs * taps, 1, taps])
        };
        layer.int8 = self.rescaled(node, input, packed, weights.bias)?;
        self.finish(layer, output, axes::picture(output_dims), Layout::channels_last(output_dims))
    }

    /// Of one vector a dense layer, whose columns follow whatever order its input is in; of several rows a convolution.
    fn quantized_dense(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, held) = self.input(node, 0)?;
        let (output, output_dims) = self.output(node)?;
        let weights = self.integer_weights(node)?;
        let &[outputs, inputs] = weights.dims else { return Err("weights that are no matrix".into()) };
        let elements: usize = dims.iter().product();
        let rows = elements.checked_div(inputs).unwrap_or(0);
        if dims.last() != Some(&inputs) || rows == 0 {
            return Err("weights that do not fit the input".into());
        }
        self.reserve(Some(weights.values.len()))?;
        let layout = Layout::identity(output_dims.iter().product());
        if rows == 1 {
            let order = held.layout.positions().ok_or("its input is too large")?;
            let rows = weights.values.chunks_exact(inputs.max(1));
            let packed = rows.flat_map(|row| order.iter().map(|&at| row.get(at).copied().unwrap_or(0))).collect();
            let mut layer = Layer::new(&node.name, Op::Dense, vec![held.tensor], 0);
            layer.int8 = self.rescaled(node, held.tensor, packed, weights.bias)?;
            return self.finish(layer, output, Shape::new(1, 1, outputs), layout);
        }
        let input = self.arrange(node, value, &Layout::identity(elements), Shape::new(rows, 1, inputs))?;
        let mut layer = Layer::new(&node.name, Op::Conv, vec![input], 0);
        (layer.kernel, layer.stride, layer.dilation, layer.groups) = ([1; 2], [1; 2], [1; 2], 1);
        layer.int8 = self.rescaled(node, input, weights.values, weights.bias)?;
        self.finish(layer, output, Shape::new(rows, 1, outputs), layout)
    }

    /// Weights and bias with the factor of every output.
    fn rescaled(&self, node: &Node, input: usize, weights: Vec<i8>, bias: Vec<i32>) -> Result<Int8, Stop> {
        let Some(Attribute::Floats(scales)) = node.attributes.get("scales") else {
            return Err("its weights have no scale".into());
        };
        let input = self.unit(input).ok_or("it reads floats and writes integers")?;
        let output = node.output().and_then(|output| self.graph.units.get(&output)).ok_or(Stop::Orphan)?;
        Ok(Int8 { weights, bias, rescale: int8::weighted(input, scales, output.quantization), ..Int8::default() })
    }

    fn integer_weights(&self, node: &Node) -> Result<Weights<'g>, Stop> {
        let constant = |k: usize| self.graph.constant_input(node, k);
        let (Some(weights), Some(bias)) = (constant(1), constant(2).and_then(|bias| bias.as_ints())) else {
            return Err("its weights must be constant integers".into());
        };
        let values = weights.as_ints().ok_or("its weights must be constant integers")?;
        Ok(Weights {
            dims: &weights.dims,
            values: values.iter().map(|&value| value as i8).collect(),
            bias: bias.iter().map(|&value| value as i32).collect(),
        })
    }
}

/// The elements at `i·a + j·b + k·c` for all `i`, `j`, `k` in order.
fn gathered(from: &[i8], [outer, middle, inner]: [usize; 3], [a, b, c]: [usize; 3]) -> Vec<i8> {
    let mut gathered = Vec::with_capacity(from.len());
    for i in 0..outer {
        for j in 0..middle {
            gathered.extend((0..inner).map(|k| from.get(i * a + j * b + k * c).copied().unwrap_or(0)));
        }
    }
    gathered
}
