//! Steps over integers.

mod recurrent;
mod weighted;

use super::builtin::Fused;
use super::lower::Lowering;
use super::schema::Element;
use super::step::{Activation, Arithmetic, ConstantOperand, Kind, Step};
use crate::builder::Window;
use crate::int8::{self, table};
use crate::network::{Layer, Quantization};
use relprop::model::format::step::FLAG_SUBTRACT;
use relprop::step::{Function, Op};

/// All real numbers.
const ALL: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

impl Lowering<'_, '_, '_> {
    /// Adds a step that reads and writes integers.
    pub(super) fn int8_step(&mut self, step: &Step) -> Result<(), String> {
        let name = self.resolved.name(step.output);
        let shape = self.resolved.shape(step.output);
        // What has no scale has been refused already; nothing more is said of it.
        let Some(output) = self.unit(step.output) else { return Ok(()) };
        let Some(inputs) = step.inputs.iter().map(|&input| self.unit(input)).collect::<Option<Vec<_>>>() else {
            return Ok(());
        };
        let input = *inputs.first().ok_or("it reads nothing")?;
        let operands = self.distinct(step, name);
        let mut layer = Layer::new(name, Op::View, operands, 0);
        let range = output.range(match step.fused {
            Fused::Relu => [0.0, f32::INFINITY],
            Fused::Relu6 => [0.0, 6.0],
            Fused::ReluN1To1 => [-1.0, 1.0],
            Fused::None | Fused::Tanh | Fused::Other(_) => ALL,
        });
        match step.kind {
            Kind::Conv { .. } | Kind::Depthwise { .. } | Kind::TransposeConv { .. } | Kind::Dense { .. } => {
                return self.weighted(step, layer, [input, output], range);
            }
            Kind::AveragePool(window) | Kind::MaxPool(window) => {
                same(&inputs, output)?;
                layer.op = if matches!(step.kind, Kind::MaxPool(_)) { Op::MaxPool } else { Op::AveragePool };
                layer.ints = int8::attributes(range);
                window.describe(&mut layer);
            }
            Kind::Mean(window) => {
                layer.op = Op::AveragePool;
                layer.ints = int8::attributes(range);
                let count = window.kernel.iter().map(|&extent| usize::from(extent)).product();
                layer.int8.rescale = vec![int8::mean(input, output, count)];
                window.describe(&mut layer);
            }
            Kind::Arithmetic { op, constant } => {
                layer.ints = int8::attributes(range);
                self.arithmetic(step, &mut layer, op, constant, inputs, output)?;
            }
            Kind::Concat(axis) => {
                same(&inputs, output)?;
                if step.fused != Fused::None {
                    return Err("a fused activation over integers is not supported".into());
                }
                (layer.op, layer.variant) = (Op::Concat, axis);
            }
            Kind::View => same(&inputs, output)?,
            Kind::Pad { before: [top, left, front], value } => {
                same(&inputs, output)?;
                let value = value.map_or(Ok(output.zero_point), |value| self.byte(value, output))?;
                layer.op = Op::Pad;
                layer.ints = [top, left, front, i32::from(value) as u32, 0, 0, 0, 0];
            }
            Kind::Softmax => {
                if output != int8::SOFTMAX_OUTPUT {
                    return Err(format!(
                        "only with an output of scale 1/256 and zero point -128, not {}",
                        told(output)
                    ));
                }
                layer.op = Op::Softmax;
                layer.ints = int8::softmax(input);
            }
            Kind::Activation(activation) => function(&mut layer, activation, input, output)?,
            Kind::Quantize => identity(&mut layer, input, output),
            Kind::Dequantize => return Err("from integers to integers".into()),
            Kind::Lstm(ref lstm) => self.lstm_int8(&mut layer, lstm, [input, output])?,
        }
        let tensor = self.push(layer, name, shape, Some(output));
        self.hold(step, tensor);
        Ok(())
    }

    /// Sum, difference, product.
    fn arithmetic(
        &mut self,
        step: &Step,
        layer: &mut Layer,
        op: Arithmetic,
        constant: Option<ConstantOperand>,
        mut units: Vec<Quantization>,
        output: Quantization,
    ) -> Result<(), String> {
        if let Some(constant) = constant {
            let (tensor, unit) = self.constant(layer, constant.tensor)?;
            // The signal is the first factor, whichever comes first in the file.
            let at = usize::from(!constant.first || op == Arithmetic::Mul);
            layer.operands.insert(at, tensor);
            units.insert(at, unit);
        }
        if op == Arithmetic::Mul && constant.is_none() && self.is_gate(step) {
            layer.operands.reverse();
            units.reverse();
        }
        let &[a, b] = units.as_slice() else { return Err("only of two tensors".into()) };
        if op == Arithmetic::Mul {
            layer.op = Op::Mul;
            layer.int8.rescale = vec![int8::multiplied([a, b], output)];
        } else {
            layer.op = Op::Add;
            layer.flags = if op == Arithmetic::Sub { FLAG_SUBTRACT } else { 0 };
            layer.int8.rescale = int8::summed([a, b], output)?;
        }
        Ok(())
    }

    /// A constant operand: the output of a layer that reads the other operand with weights of zero, and has the constant
    /// for its bias.
    fn constant(&mut self, layer: &Layer, tensor: usize) -> Result<(usize, Quantization), String> {
        let unit = self.unit(tensor).ok_or("a constant that is not of INT8, or has no scale")?;
        let from = layer.operands.first().copied().ok_or("it reads nothing")?;
        let shape = self.network.shape(from);
        let values = self.signed_bytes(tensor)?;
        let bias = match values.as_slice() {
            &[only] => vec![only; shape.channels],
            per_channel if per_channel.len() == shape.channels => per_channel.to_vec(),
            _ => return Err("a constant over integers is one number, or one per channel".into()),
        };
        self.reserve(Some(shape.channels))?;
        let name = format!("{}.constant", layer.name);
        let mut constant = Layer::new(&name, Op::Depthwise, vec![from], 0);
        Window::new(1, 1).describe(&mut constant);
        constant.ints = int8::attributes(unit.range(ALL));
        constant.int8.weights = vec![0; shape.channels];
        constant.int8.bias = bias.iter().map(|&value| i32::from(value) - i32::from(unit.zero_point)).collect();
        constant.int8.rescale = vec![int8::ONE; shape.channels];
        Ok((self.push(constant, &name, shape, Some(unit)), unit))
    }

    /// The bytes of a constant.
    fn signed_bytes(&self, tensor: usize) -> Result<Vec<i8>, String> {
        let stored = |at: usize| self.resolved.graph.tensors.get(at).map(|tensor| tensor.element);
        let element = self.resolved.stored(tensor).map(|tensor| tensor.element);
        if element != Some(Element::Int8) || stored(tensor) != element {
            let found = stored(tensor).map_or_else(String::new, Element::name);
            return Err(format!("a constant of {found} beside integers: only INT8 is supported"));
        }
        Ok(self.resolved.bytes(tensor)?.iter().map(|&byte| byte as i8).collect())
    }

    /// A constant of one byte, of the same unit as what it is put beside.
    fn byte(&self, tensor: usize, unit: Quantization) -> Result<i8, String> {
        if self.unit(tensor).is_some_and(|own| own != unit) {
            return Err("padding of another scale than its input".into());
        }
        Ok(self.signed_bytes(tensor)?.first().copied().unwrap_or(unit.zero_point))
    }
}

/// What only moves integers, or picks some of them, cannot change what they stand for.
fn same(inputs: &[Quantization], output: Quantization) -> Result<(), String> {
    match inputs.iter().find(|&&input| input != output) {
        Some(&input) => {
            Err(format!("its input has {}, its output {}: they must be the same", told(input), told(output)))
        }
        None => Ok(()),
    }
}

fn told(unit: Quantization) -> String {
    format!("scale {} and zero point {}", unit.scale, unit.zero_point)
}

/// The same numbers in another unit.
fn identity(layer: &mut Layer, input: Quantization, output: Quantization) {
    (layer.op, layer.variant) = (Op::Activation, Function::LeakyRelu as u8);
    layer.floats[0] = 1.0;
    layer.int8.weights = table::requantized(input, output, output.range(ALL));
}

fn function(
    layer: &mut Layer,
    activation: Activation,
    input: Quantization,
    output: Quantization,
) -> Result<(), String> {
    let writes = |scale: f32, zero_point: i8| {
        let wanted = Quantization { scale, zero_point };
        let refusal = || format!("only with an output of {}, not {}", told(wanted), told(output));
        if output == wanted { Ok(()) } else { Err(refusal()) }
    };
    let bounds = |low: f32, high: f32| same(&[input], output).map(|()| table::clamped(output.range([low, high])));
    let (function, [a, b], table) = match activation {
        Activation::Relu => {
            let table = table::requantized(input, output, output.range([0.0, f32::INFINITY]));
            (Function::Relu, [0.0; 2], table)
        }
        Activation::Relu6 => (Function::Clip, [0.0, 6.0], bounds(0.0, 6.0)?),
        Activation::ReluN1To1 => (Function::Clip, [-1.0, 1.0], bounds(-1.0, 1.0)?),
        Activation::LeakyRelu(slope) if slope.is_finite() => {
            (Function::LeakyRelu, [slope, 0.0], table::leaky_relu(slope, input, output))
        }
        Activation::LeakyRelu(slope) => return Err(format!("a slope of {slope}")),
        Activation::HardSwish => (Function::HardSwish, [0.0; 2], table::hard_swish(input, output)?),
        Activation::Logistic => {
            writes(1.0 / 256.0, -128)?;
            (Function::Sigmoid, [0.0; 2], table::logistic(input))
        }
        Activation::Tanh => {
            writes(1.0 / 128.0, 0)?;
            (Function::Tanh, [0.0; 2], table::tanh(input))
        }
        Activation::Elu => return Err("over integers it is not supported".into()),
    };
    (layer.op, layer.variant) = (Op::Activation, function as u8);
    layer.floats = [a, b, 0.0, 0.0];
    layer.int8.weights = table;
    Ok(())
}
