//! What an int8 step computes with: weights, tables, ranges, multipliers.

use super::weights::Linear;
use super::{QuantizeError, probe, unit};
use crate::multiplier;
use crate::network::{Int8, Layer, Network, Quantization};
use relprop::step::{Function, Op, Shape};

/// Binary places that an addition gains before it rescales its operands.
const ADD_PLACES: i32 = 20;
/// Binary places behind the point of a softmax's differences.
const SOFTMAX_PLACES: i32 = 31 - SOFTMAX_BITS;
/// Binary places before it.
const SOFTMAX_BITS: i32 = 5;

/// Turns a float step into an int8 step, between operands and an output in these units. `divisor` is that of an average
/// pooling, and `fused` an activation that becomes the range of the output.
pub fn describe(
    layer: &mut Layer,
    operands: &[Quantization],
    output: Quantization,
    linear: Option<Linear>,
    divisor: Option<usize>,
    fused: Option<&Layer>,
) -> Result<(), QuantizeError> {
    let scale = |k: usize| operands.get(k).map_or(1.0, |operand| f64::from(operand.scale));
    let to_output = |factor: f64| multiplier::quantized(factor / f64::from(output.scale));
    match layer.op {
        Op::AveragePool => layer.int8.rescale = divisor.map(|n| to_output(scale(0) / n as f64)).into_iter().collect(),
        Op::Mul => layer.int8.rescale = vec![to_output(scale(0) * scale(1))],
        Op::Add => {
            // The larger operand is halved, so that the sum has room.
            let common = 2.0 * scale(0).max(scale(1));
            let [a, b] = [0, 1].map(|k| multiplier::quantized(scale(k) / common));
            layer.int8.rescale = vec![a, b, to_output(common / f64::from(1 << ADD_PLACES))];
        }
        Op::Activation => layer.int8.weights = table(layer, operands.first().copied().unwrap_or(output), output)?,
        Op::Softmax => [layer.ints[0], layer.ints[1], layer.ints[2]] = softmax(scale(0)),
        Op::Pad => layer.ints[3] = i32::from(unit::quantized(output, layer.floats[0].into())) as u32,
        _ => {}
    }
    if let Some(linear) = linear {
        layer.int8 = linear.quantized(scale(0), output.scale.into());
    }
    if layer.op.is_linear() || matches!(layer.op, Op::Mul | Op::MaxPool) {
        let [low, high] = range(output, fused);
        [layer.ints[0], layer.ints[1]] = [low, high].map(|bound| i32::from(bound) as u32);
    }
    if layer.op != Op::Activation {
        layer.floats = [0.0; 4];
    }
    layer.params = Default::default();
    Ok(())
}

/// The integers that a fused activation lets pass.
fn range(output: Quantization, fused: Option<&Layer>) -> [i8; 2] {
    let Some(activation) = fused else { return [i8::MIN, i8::MAX] };
    let [low, high, ..] = activation.floats;
    match Function::from_code(activation.variant) {
        Some(Function::Clip) => [low, high].map(|bound| unit::quantized(output, bound.into())),
        _ => [output.zero_point, i8::MAX],
    }
}

/// An activation as a table: the kernel itself computes the function of every integer.
fn table(layer: &Layer, input: Quantization, output: Quantization) -> Result<Vec<i8>, QuantizeError> {
    let mut network = Network::default();
    let shape = Shape::new(1, 1, 256);
    let x = network.input("", shape);
    let y = network.push(Layer { operands: vec![x], int8: Int8::default(), ..layer.clone() }, shape);
    let real = |q: i16| f32::from(q - i16::from(input.zero_point)) * input.scale;
    let mut table = Vec::with_capacity(256);
    let items = [vec![(-128..=127).map(real).collect()]];
    probe::Probe::new(&network, &[y])?.run(&items, |_, values| {
        let values = values.iter().flat_map(relprop::Values::iter);
        table.extend(values.map(|value| unit::quantized(output, value.into())));
        Ok(())
    })?;
    Ok(table)
}

/// Multiplier, shift to the left and smallest difference of a softmax over inputs in this unit
/// (`PreprocessSoftmaxScaling` and `CalculateInputRadius` of TensorFlow Lite).
fn softmax(scale: f64) -> [u32; 3] {
    let factor = (scale * 2f64.powi(SOFTMAX_PLACES)).clamp(1.0, 2f64.powi(30));
    let [multiplier, shift] = multiplier::quantized(factor);
    let radius = f64::from((1 << SOFTMAX_BITS) - 1) * 2f64.powi(SOFTMAX_PLACES - shift);
    [multiplier as u32, shift as u32, -(radius.floor() as i32) as u32]
}
