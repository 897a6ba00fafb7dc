//! A layer twice: over int8, and over floats that have exactly the values which the integers stand for.
//!
//! All scales are dyadic, so that weights, inputs and biases of the float twin are exact: what the oracle says of it is
//! what the int8 layer should do, but for the rounding of its output.

use crate::networks::Case;
use crate::networks::choices::Spec;
use crate::oracle;
use relprop::model::format::BLOCK;
use relprop::rule::{Bound, Choice, Rule};
use relprop::step::{Op, Shape};
use relprop_convert::network::{Int8, Layer, Port, Quantization};
use relprop_convert::{Image, Network, emit, multiplier};

/// Real value of one unit of every input.
pub const SCALE: f32 = 1.0 / 32.0;
/// Real value of one unit of the output: coarse, so that nothing is clamped.
const OUTPUT: f32 = 8.0;

/// The two networks, of the layer alone.
#[derive(Debug)]
pub struct Twins {
    /// Of integers.
    pub int8: Network,
    /// Of floats.
    pub float: Network,
    /// Integers for the inputs.
    pub q: Vec<Vec<i8>>,
    /// What they stand for.
    pub x: Vec<Vec<f32>>,
}

impl Twins {
    /// Of the layer that a case is about; `None` of layers that have no int8 form.
    pub fn new(case: &Case, zero_point: i8) -> Option<Self> {
        let layer = &case.network.steps[case.step];
        let values = oracle::run(&case.network, &case.inputs);
        let unit = Quantization { scale: SCALE, zero_point };
        let (mut int8, mut float) = (Network::named("int8"), Network::named("float"));
        let (mut q, mut x, mut operands) = (Vec::new(), Vec::new(), Vec::new());
        for tensor in &layer.operands {
            let shape = case.network.shape(*tensor);
            let given: Vec<i8> = values[*tensor].iter().map(|v| quantized(*v as f32, unit)).collect();
            x.push(given.iter().map(|q| (f32::from(*q) - f32::from(zero_point)) * SCALE).collect());
            q.push(given);
            operands.push(int8.input("x", shape));
            float.input("x", shape);
            int8.tensors.last_mut()?.quantization = Some(unit);
        }
        let shape = case.network.shape(layer.output);
        let moves = layer.op.is_structural() || matches!(layer.op, Op::MaxPool | Op::AveragePool);
        let output = if moves { unit } else { Quantization { scale: OUTPUT, zero_point: 0 } };
        let [a, b] = [&mut int8, &mut float].map(|network| {
            let tensor = network.tensor("y", shape);
            network.outputs.push(Port::new("y", tensor, vec![shape.height, shape.width, shape.channels]));
            Layer { operands: operands.clone(), output: tensor, ..layer.clone() }
        });
        let (a, b) = twin_layers(a, b, case.network.shape(layer.operands[0]), shape, output)?;
        int8.steps.push(a);
        float.steps.push(b);
        int8.tensors.last_mut()?.quantization = Some(output);
        Some(Self { int8, float, q, x })
    }

    /// The image of the one of integers.
    pub fn image(&self) -> Image {
        emit(&self.int8).unwrap_or_else(|error| panic!("{error}: {:?}", self.int8.steps))
    }

    /// A choice whose bounds, if any, are values that an input can take.
    pub fn on_grid(&self, spec: &Spec, f: impl FnOnce(Choice<'_>)) {
        let choice = spec.choice();
        let Rule::ZBox { low, high } = choice.rule else { return f(choice) };
        let unit = self.int8.tensors[0].quantization.expect("an int8 input");
        let snap = |v: f32| (f32::from(quantized(v, unit)) - f32::from(unit.zero_point)) * unit.scale;
        let values = |bound: Bound<'_>| match bound {
            Bound::Uniform(v) => vec![snap(v)],
            Bound::Values(values) => values.iter().map(|v| snap(*v)).collect(),
        };
        let (lows, highs) = (values(low), values(high));
        let bound = |values| if matches!(low, Bound::Uniform(_)) { first(values) } else { Bound::Values(values) };
        f(Choice { rule: Rule::ZBox { low: bound(&lows), high: bound(&highs) }, ..choice });
    }
}

fn first(values: &[f32]) -> Bound<'_> {
    Bound::Uniform(values[0])
}

fn quantized(value: f32, unit: Quantization) -> i8 {
    ((value / unit.scale).round() + f32::from(unit.zero_point)) as i8
}

/// Scale of a channel's weights.
fn weight_scale(channel: usize) -> f32 {
    [1.0, 1.5, 0.75][channel % 3] / 64.0
}

fn twin_layers(mut a: Layer, mut b: Layer, input: Shape, output: Shape, unit: Quantization) -> Option<(Layer, Layer)> {
    let pair = |factor: f64| multiplier::quantized(factor);
    a.params = Default::default();
    match a.op {
        Op::Conv | Op::ConvTranspose | Op::Depthwise | Op::Dense => {
            let channels = output.channels;
            let mut weights = vec![0; places(&b, input, output).len()];
            for (at, place) in places(&b, input, output).into_iter().enumerate() {
                let (channel, packed) = place;
                let q = (b.params[0][packed] / weight_scale(channel)).round().clamp(-127.0, 127.0);
                weights[at] = q as i8;
                b.params[0][packed] = q * weight_scale(channel);
            }
            let bias: Vec<i32> = (0..channels)
                .map(|c| (b.params[1].get(c).copied().unwrap_or(0.0) / (SCALE * weight_scale(c))).round() as i32)
                .collect();
            for (c, value) in b.params[1].iter_mut().enumerate() {
                *value = bias[c] as f32 * SCALE * weight_scale(c);
            }
            let factor = |c| pair(f64::from(SCALE) * f64::from(weight_scale(c)) / f64::from(unit.scale));
            a.int8 = Int8 { weights, bias, rescale: (0..channels).map(factor).collect(), ..Int8::default() };
        }
        Op::Add => {
            let half = pair(0.5);
            let out = pair(2.0 * f64::from(SCALE) / (f64::from(1 << 20) * f64::from(unit.scale)));
            a.int8 = Int8 { rescale: vec![half, half, out], ..Int8::default() };
        }
        Op::Mul => a.int8.rescale = vec![pair(f64::from(SCALE * SCALE) / f64::from(unit.scale))],
        Op::Pad => {
            a.ints[3] = i32::from(unit.zero_point) as u32;
            (a.floats, b.floats) = ([0.0; 4], [0.0; 4]);
        }
        Op::MaxPool | Op::AveragePool | Op::Concat | Op::Slice | Op::View | Op::Transpose => {}
        _ => return None,
    }
    let ranged = a.op.is_weighted() || matches!(a.op, Op::Add | Op::Mul | Op::MaxPool | Op::AveragePool);
    if ranged {
        (a.ints[0], a.ints[1]) = (-128_i32 as u32, 127);
    }
    Some((a, b))
}

/// For every int8 weight its output channel, and where it is among the packed floats.
fn places(layer: &Layer, input: Shape, output: Shape) -> Vec<(usize, usize)> {
    let [height, width] = layer.kernel.map(usize::from);
    let groups = (layer.groups as usize).max(1);
    match layer.op {
        Op::Depthwise => (0..height * width * output.channels).map(|at| (at % output.channels, at)).collect(),
        Op::Dense => {
            let inputs = input.elements();
            let place = |(output, from)| (output, (output / BLOCK * inputs + from) * BLOCK + output % BLOCK);
            (0..output.channels).flat_map(|o| (0..inputs).map(move |i| (o, i))).map(place).collect()
        }
        _ => {
            let (fan, outputs) = (input.channels / groups, output.channels / groups);
            let taps = height * width * fan;
            let place = |(channel, tap): (usize, usize)| {
                let (group, within) = (channel / outputs, channel % outputs);
                let block = group * outputs.div_ceil(BLOCK) + within / BLOCK;
                (channel, (block * taps + tap) * BLOCK + within % BLOCK)
            };
            (0..output.channels).flat_map(|o| (0..taps).map(move |t| (o, t))).map(place).collect()
        }
    }
}
