//! Weights and biases of a linear layer as integers.

use crate::multiplier;
use crate::network::{Int8, Layer, Network};
use crate::pack::{self, ConvDims};
use relprop::model::format::MAX_BIAS_INT8;
use relprop::step::{Op, Shape};

/// Largest magnitude of a weight: symmetric, so that −128 is left out.
const LARGEST: f64 = 127.0;
/// Biases are kept below half of what the kernel accepts.
const LARGEST_BIAS: f64 = MAX_BIAS_INT8 as f64 / 2.0;

/// A float layer whose weights lie as those of an int8 layer do.
pub struct Linear {
    /// Weights: of a depthwise convolution `[row][column][channel]`, else channel after channel.
    weights: Vec<f32>,
    /// Bias per output channel.
    bias: Vec<f64>,
    /// How the weights are packed; `None` of a depthwise convolution.
    dims: Option<ConvDims>,
}

impl Linear {
    /// The layer that a weighted step describes; the corrections are added to its biases.
    pub fn new(network: &Network, step: &Layer, corrections: &[f64]) -> Self {
        let channels = network.shape(step.output).channels;
        let input = step.operands.first().map_or(Shape::new(0, 0, 0), |&operand| network.shape(operand));
        let groups = (step.groups as usize).max(1);
        let kernel = step.kernel.map(usize::from);
        let dims = match step.op {
            Op::Dense => Some(ConvDims { outputs: channels, inputs: input.elements(), kernel: [1, 1], groups: 1 }),
            Op::Depthwise => None,
            _ => Some(ConvDims { outputs: channels, inputs: input.channels / groups, kernel, groups }),
        };
        let [packed, bias, ..] = &step.params;
        let weights = dims.map_or_else(|| packed.clone(), |dims| pack::unpack(packed, dims));
        let at = |values: &[f32], c: usize| f64::from(values.get(c).copied().unwrap_or(0.0));
        let correction = |c: usize| corrections.get(c).copied().unwrap_or(0.0);
        Self { weights, bias: (0..channels).map(|c| at(bias, c) + correction(c)).collect(), dims }
    }

    /// The output channel of a weight.
    fn channel(&self, weight: usize) -> usize {
        let channels = self.bias.len().max(1);
        if self.dims.is_some() { weight / (self.weights.len() / channels).max(1) } else { weight % channels }
    }

    /// The unit of each channel's weights, between an input and an output in these units.
    fn units(&self, input: f64, output: f64) -> Vec<f64> {
        let mut peaks = vec![0.0_f64; self.bias.len()];
        for (i, &weight) in self.weights.iter().enumerate() {
            if let Some(peak) = peaks.get_mut(self.channel(i)) {
                *peak = peak.max(f64::from(weight).abs());
            }
        }
        peaks.iter().zip(&self.bias).map(|(&peak, &bias)| weight_unit(peak, bias, input, output)).collect()
    }

    /// The layer in integers.
    pub fn quantized(&self, input: f64, output: f64) -> Int8 {
        let units = self.units(input, output);
        let unit_of = |i: usize| units.get(self.channel(i)).copied().unwrap_or(1.0);
        let weights = self.weights.iter().enumerate();
        let weights = weights.map(|(i, &w)| (f64::from(w) / unit_of(i)).round().clamp(-LARGEST, LARGEST) as i8);
        let bias = self.bias.iter().zip(&units);
        let bias = bias.map(|(bias, unit)| (bias / (input * unit)).round().clamp(-LARGEST_BIAS, LARGEST_BIAS) as i32);
        Int8 {
            weights: weights.collect(),
            bias: bias.collect(),
            rescale: units.iter().map(|unit| multiplier::quantized(input * unit / output)).collect(),
            ..Int8::default()
        }
    }

    /// Packed weights and biases as the integers have them, in floats: the layer without the rounding of its output.
    pub fn rounded(&self, input: f64, output: f64) -> [Vec<f32>; 2] {
        let (units, Int8 { weights, bias, .. }) = (self.units(input, output), self.quantized(input, output));
        let unit_of = |i: usize| units.get(self.channel(i)).copied().unwrap_or(1.0);
        let weights: Vec<f32> = weights.iter().enumerate().map(|(i, &q)| (f64::from(q) * unit_of(i)) as f32).collect();
        let bias = bias.iter().zip(&units).map(|(&q, unit)| (f64::from(q) * input * unit) as f32);
        [self.dims.map_or_else(|| weights.clone(), |dims| pack::channels_last(&weights, dims)), bias.collect()]
    }
}

/// The unit of a channel's weights: so that the largest fills the range, but coarse enough for the bias, which counts
/// in units of input times weight. A channel of zeros is its bias, in units of the output.
fn weight_unit(peak: f64, bias: f64, input: f64, output: f64) -> f64 {
    let unit = if peak > 0.0 { peak / LARGEST } else { output / input };
    unit.max(bias.abs() / (LARGEST_BIAS * input))
}

#[cfg(test)]
mod tests {
    use super::{Linear, MAX_BIAS_INT8};
    use crate::network::Network;
    use relprop::step::Shape;

    fn dense(weights: &[f32], bias: &[f32]) -> Linear {
        let mut network = Network::named("n");
        let x = network.input("x", Shape::new(1, 1, weights.len() / bias.len()));
        network.dense(x, bias.len(), weights, bias);
        Linear::new(&network, &network.steps[0], &[])
    }

    #[test]
    fn each_channel_fills_the_range() {
        let int8 = dense(&[1.0, -0.5, 0.001, 0.0], &[0.0, 0.1]).quantized(0.5, 1.0);
        assert_eq!(int8.weights, [127, -64, 127, 0]);
        assert_eq!(int8.bias, [0, (0.1 / (0.5 * 0.001 / 127.0_f64)).round() as i32]);
    }

    #[test]
    fn a_channel_of_zeros_is_its_bias() {
        let int8 = dense(&[0.0, 0.0], &[3.0]).quantized(0.5, 0.1);
        assert_eq!((int8.weights, int8.bias), (vec![0, 0], vec![30]));
        // One, as a multiplier.
        assert_eq!(int8.rescale, [[1 << 30, 1]]);
    }

    #[test]
    fn a_large_bias_makes_the_weights_coarse() {
        let int8 = dense(&[1e-9], &[1.0]).quantized(0.01, 0.01);
        assert!(int8.bias[0].unsigned_abs() <= MAX_BIAS_INT8 && int8.bias[0] > 1 << 28);
        let [multiplier, shift] = int8.rescale[0];
        let factor = f64::from(multiplier) * 2f64.powi(shift - 31);
        assert!((f64::from(int8.bias[0]) * factor - 100.0).abs() < 1e-3);
    }
}
