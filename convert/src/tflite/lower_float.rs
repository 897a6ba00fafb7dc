//! Steps over floats.

use super::builtin::Fused;
use super::lower::Lowering;
use super::step::{Activation, Arithmetic, ConstantOperand, Kind, Lstm, Step};
use crate::builder::Window;
use crate::network::Layer;
use crate::pack::{self, ConvDims};
use relprop::model::format::BLOCK;
use relprop::model::format::step::{FLAG_ALL_STATES, FLAG_SUBTRACT};
use relprop::step::{Function, Op, Shape};

impl Lowering<'_, '_, '_> {
    /// Adds a step that reads and writes floats.
    pub(super) fn float_step(&mut self, step: &Step) -> Result<(), String> {
        let name = self.resolved.name(step.output);
        let shape = self.resolved.shape(step.output);
        let operands = self.distinct(step, name);
        let mut layer = Layer::new(name, Op::View, operands, 0);
        match step.kind {
            Kind::Conv { window, weights, bias } => self.conv(&mut layer, &window, weights, bias)?,
            Kind::Depthwise { window, multiplier, weights, bias } => {
                self.depthwise(&mut layer, &window, multiplier, weights, bias)?;
            }
            Kind::TransposeConv { window, weights, bias } => self.transposed(&mut layer, &window, weights, bias)?,
            Kind::Dense { rows, weights, bias } => return self.dense(step, layer, rows, weights, bias),
            Kind::AveragePool(window) | Kind::Mean(window) => {
                layer.op = Op::AveragePool;
                window.describe(&mut layer);
            }
            Kind::MaxPool(window) => {
                layer.op = Op::MaxPool;
                window.describe(&mut layer);
            }
            Kind::Arithmetic { op, constant: Some(constant) } => {
                self.affine(&mut layer, op, constant, shape)?;
            }
            Kind::Arithmetic { op, constant: None } => {
                layer.op = if op == Arithmetic::Mul { Op::Mul } else { Op::Add };
                layer.flags = if op == Arithmetic::Sub { FLAG_SUBTRACT } else { 0 };
                if op == Arithmetic::Mul && self.is_gate(step) {
                    layer.operands.reverse();
                }
            }
            Kind::Concat(axis) => (layer.op, layer.variant) = (Op::Concat, axis),
            Kind::View => {}
            Kind::Pad { before: [top, left, front], value } => {
                layer.op = Op::Pad;
                layer.ints = [top, left, front, 0, 0, 0, 0, 0];
                if let Some(value) = value {
                    layer.floats[0] = self.resolved.floats(value)?.first().copied().unwrap_or(0.0);
                }
            }
            Kind::Softmax => layer.op = Op::Softmax,
            Kind::Activation(activation) => function(&mut layer, activation)?,
            Kind::Quantize => return Err("floats are not quantised".into()),
            Kind::Dequantize => return Err("only of constants".into()),
            Kind::Lstm(ref lstm) => self.lstm(&mut layer, lstm, shape)?,
        }
        self.finish(step, layer, shape);
        Ok(())
    }

    /// Adds a layer and the fused activation after it.
    fn finish(&mut self, step: &Step, layer: Layer, shape: Shape) {
        let name = self.resolved.name(step.output);
        let fused = match step.fused {
            Fused::Relu => Some((Function::Relu, "relu", [0.0, 0.0])),
            Fused::Relu6 => Some((Function::Clip, "relu6", [0.0, 6.0])),
            Fused::ReluN1To1 => Some((Function::Clip, "relu_n1_to_1", [-1.0, 1.0])),
            Fused::None | Fused::Tanh | Fused::Other(_) => None,
        };
        let tensor = if let Some((function, suffix, [a, b])) = fused {
            let before = self.push(layer, &format!("{name}.before_{suffix}"), shape, None);
            let mut activation = Layer::new(format!("{name}.{suffix}"), Op::Activation, vec![before], 0);
            activation.variant = function as u8;
            activation.floats = [a, b, 0.0, 0.0];
            self.push(activation, name, shape, None)
        } else {
            self.push(layer, name, shape, None)
        };
        self.hold(step, tensor);
    }

    fn bias(&self, bias: Option<usize>) -> Result<Vec<f32>, String> {
        bias.map_or(Ok(Vec::new()), |bias| self.resolved.floats(bias))
    }

    fn conv(&mut self, layer: &mut Layer, window: &Window, weights: usize, bias: Option<usize>) -> Result<(), String> {
        let [outputs, height, width, inputs] = self.extents(weights);
        let dims = ConvDims { outputs, inputs, kernel: [height, width], groups: window.groups as usize };
        self.reserve(packed(dims))?;
        // From `[output][row][column][input]`.
        let taps = height * width;
        let weights = gather(&self.resolved.floats(weights)?, [outputs, inputs, taps], [taps * inputs, 1, inputs]);
        window.describe(layer);
        (layer.op, layer.groups) = (Op::Conv, window.groups);
        layer.params = [pack::conv(&weights, dims), self.bias(bias)?, Vec::new(), Vec::new()];
        Ok(())
    }

    fn depthwise(
        &mut self,
        layer: &mut Layer,
        window: &Window,
        multiplier: usize,
        weights: usize,
        bias: Option<usize>,
    ) -> Result<(), String> {
        let [_, height, width, outputs] = self.extents(weights);
        let dims = ConvDims { outputs, inputs: 1, kernel: [height, width], groups: window.groups as usize };
        self.reserve(packed(dims))?;
        window.describe(layer);
        let weights = self.resolved.floats(weights)?;
        let packed = if multiplier == 1 {
            // They are in the kernel's order already.
            layer.op = Op::Depthwise;
            weights
        } else {
            (layer.op, layer.groups) = (Op::Conv, window.groups);
            pack::conv(&gather(&weights, [outputs, 1, height * width], [1, 0, outputs]), dims)
        };
        layer.params = [packed, self.bias(bias)?, Vec::new(), Vec::new()];
        Ok(())
    }

    fn transposed(
        &mut self,
        layer: &mut Layer,
        window: &Window,
        weights: usize,
        bias: Option<usize>,
    ) -> Result<(), String> {
        let [outputs, height, width, inputs] = self.extents(weights);
        let dims = ConvDims { outputs, inputs, kernel: [height, width], groups: 1 };
        self.reserve(packed(dims))?;
        let taps = height * width;
        let weights = gather(&self.resolved.floats(weights)?, [inputs, outputs, taps], [1, taps * inputs, inputs]);
        window.describe(layer);
        (layer.op, layer.groups) = (Op::ConvTranspose, 1);
        layer.params = [pack::conv_transpose(&weights, dims), self.bias(bias)?, Vec::new(), Vec::new()];
        Ok(())
    }

    /// A dense layer of one row; of several a convolution over them.
    fn dense(
        &mut self,
        step: &Step,
        mut layer: Layer,
        rows: usize,
        weights: usize,
        bias: Option<usize>,
    ) -> Result<(), String> {
        let [outputs, inputs]: [usize; 2] = self.resolved.dims(weights).try_into().unwrap_or_default();
        let dims = ConvDims { outputs, inputs, kernel: [1; 2], groups: 1 };
        self.reserve(packed(dims))?;
        layer.op = Op::Dense;
        layer.params =
            [pack::dense(&self.resolved.floats(weights)?, outputs, inputs), self.bias(bias)?, Vec::new(), Vec::new()];
        let (shape, wanted) = (Shape::new(rows, 1, outputs), self.resolved.shape(step.output));
        if rows > 1 {
            self.over_rows(&mut layer, rows, inputs);
        }
        if wanted.same(shape) {
            self.finish(step, layer, shape);
            return Ok(());
        }
        // The rows have the extents of the input.
        let name = format!("{}.flat", layer.name);
        let flat = self.push(layer, &name, shape, None);
        self.finish(step, Layer::new(format!("{name}.view"), Op::View, vec![flat], 0), wanted);
        Ok(())
    }

    fn lstm(&mut self, layer: &mut Layer, lstm: &Lstm, output: Shape) -> Result<(), String> {
        let inputs = self.resolved.dims(lstm.weights[0]).last().copied().unwrap_or(0);
        let units = output.channels;
        let rows = units.checked_next_multiple_of(BLOCK).and_then(|rows| rows.checked_mul(4));
        self.reserve(rows.and_then(|rows| rows.checked_mul(inputs.checked_add(units)?)))?;
        let joined = |tensors: [usize; 4]| -> Result<Vec<f32>, String> {
            let gates = tensors.into_iter().map(|tensor| self.resolved.floats(tensor));
            Ok(gates.collect::<Result<Vec<_>, _>>()?.concat())
        };
        let (weights, recurrent) = (joined(lstm.weights)?, joined(lstm.recurrent)?);
        (layer.op, layer.flags) = (Op::Lstm, FLAG_ALL_STATES);
        layer.floats[0] = lstm.cell_clip;
        layer.params = [
            pack::gates(&weights, 4, units, inputs),
            pack::gates(&recurrent, 4, units, units),
            joined(lstm.bias)?,
            Vec::new(),
        ];
        Ok(())
    }

    /// `scale · x + shift`, of an activation and a constant.
    fn affine(
        &mut self,
        layer: &mut Layer,
        op: Arithmetic,
        constant: ConstantOperand,
        shape: Shape,
    ) -> Result<(), String> {
        let mut list = self.resolved.floats(constant.tensor)?;
        if list.len() == 1 {
            list = vec![list.first().copied().unwrap_or_default(); shape.channels];
        }
        self.reserve(list.len().checked_mul(2))?;
        let all = |value: f32| vec![value; list.len()];
        let [scale, shift] = match (op, constant.first) {
            (Arithmetic::Add, _) => [all(1.0), list],
            (Arithmetic::Sub, false) => [all(1.0), list.iter().map(|value| -value).collect()],
            (Arithmetic::Sub, true) => [all(-1.0), list],
            (Arithmetic::Mul, _) => [list, Vec::new()],
        };
        layer.op = Op::Affine;
        layer.params = [scale, shift, Vec::new(), Vec::new()];
        Ok(())
    }
}

fn function(layer: &mut Layer, activation: Activation) -> Result<(), String> {
    let (function, a, b) = match activation {
        Activation::Relu => (Function::Relu, 0.0, 0.0),
        Activation::Relu6 => (Function::Clip, 0.0, 6.0),
        Activation::ReluN1To1 => (Function::Clip, -1.0, 1.0),
        Activation::LeakyRelu(slope) if slope.is_finite() => (Function::LeakyRelu, slope, 0.0),
        Activation::LeakyRelu(slope) => return Err(format!("a slope of {slope}")),
        Activation::Elu => (Function::Elu, 1.0, 0.0),
        Activation::HardSwish => (Function::HardSwish, 0.0, 0.0),
        Activation::Logistic => (Function::Sigmoid, 0.0, 0.0),
        Activation::Tanh => (Function::Tanh, 0.0, 0.0),
    };
    (layer.op, layer.variant) = (Op::Activation, function as u8);
    layer.floats = [a, b, 0.0, 0.0];
    Ok(())
}

/// Number of weights once they are packed.
fn packed(dims: ConvDims) -> Option<usize> {
    let blocks = dims.groups.checked_mul(dims.outputs_per_group().checked_next_multiple_of(8)?)?;
    dims.kernel.iter().try_fold(blocks.checked_mul(dims.inputs)?, |product, &size| product.checked_mul(size))
}

/// The elements at `i·a + j·b + k·c` for all `i`, `j`, `k` in order.
fn gather(from: &[f32], extents: [usize; 3], [a, b, c]: [usize; 3]) -> Vec<f32> {
    let [outer, middle, inner] = extents;
    let mut gathered = Vec::with_capacity(from.len());
    for i in 0..outer {
        for j in 0..middle {
            gathered.extend((0..inner).map(|k| from.get(i * a + j * b + k * c).copied().unwrap_or(0.0)));
        }
    }
    gathered
}
