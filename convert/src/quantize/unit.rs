//! What the integers of each tensor stand for.

use super::observe::Spread;
use super::partition::Partition;
use super::{Method, Units, clip};
use crate::network::{Network, Port, Quantization};
use relprop::step::Op;

/// Of probabilities, which the kernel's softmax writes in this unit only.
pub const PROBABILITY: Quantization = Quantization { scale: 1.0 / 256.0, zero_point: i8::MIN };
/// The smallest unit: below it products of units are no longer normal numbers.
const SMALLEST: f64 = 1e-18;

/// The unit in which 256 integers cover a range best; zero is within the range and is hit exactly.
pub fn of_range(low: f64, high: f64) -> Quantization {
    let (low, high) = (low.min(0.0), high.max(0.0));
    let scale = if high > low { ((high - low) / 255.0).max(SMALLEST) as f32 } else { 1.0 };
    let zero_point = (-128.0 - low / f64::from(scale)).round().clamp(-128.0, 127.0) as i8;
    Quantization { scale, zero_point }
}

/// The integer nearest a value, ties away from zero; saturates.
pub fn quantized(unit: Quantization, value: f64) -> i8 {
    ((value / f64::from(unit.scale)).round() + f64::from(unit.zero_point)) as i8
}

/// The values that the smallest and the largest integer stand for.
pub fn ends(unit: Quantization) -> [f64; 2] {
    [-128.0, 127.0].map(|q| (q - f64::from(unit.zero_point)) * f64::from(unit.scale))
}

/// Units of all tensors. Tensors of one group share theirs.
pub fn units(network: &Network, partition: &Partition, spreads: &[Spread], method: Method) -> Units {
    let mut ranges = vec![(0.0_f64, 0.0_f64); network.tensors.len()];
    let mut include = |tensor: usize, (low, high): (f64, f64)| {
        let range = &mut ranges[partition.group(tensor)];
        *range = (range.0.min(low), range.1.max(high));
    };
    for port in &network.inputs {
        let spread = &spreads[port.tensor];
        let channels = network.shape(port.tensor).channels;
        include(port.tensor, known(port, channels).unwrap_or_else(|| clip::range(spread, method)));
    }
    for (index, step) in network.steps.iter().enumerate() {
        // What only moves has the values of what it moves.
        if !partition.keeps_unit(index) {
            include(step.output, clip::range(&spreads[step.output], method));
        } else if step.op == Op::Pad {
            let value = f64::from(step.floats[0]);
            include(step.output, (value, value));
        }
    }
    let mut units: Units = ranges.iter().map(|&(low, high)| of_range(low, high)).collect();
    for (index, step) in network.steps.iter().enumerate() {
        if step.op == Op::Softmax && partition.is_int8(index) {
            units[partition.group(step.output)] = PROBABILITY;
        }
    }
    (0..network.tensors.len()).map(|tensor| units[partition.group(tensor)]).collect()
}

/// The range of an input, where its port says it.
fn known(port: &Port, channels: usize) -> Option<(f64, f64)> {
    if let Some((low, high)) = port.range {
        return Some((low.into(), high.into()));
    }
    let pixels = port.pixels?;
    let channels = pixels.scale.iter().zip(&pixels.offset).take(channels);
    let ends = channels.flat_map(|(&scale, &offset)| [f64::from(offset), 255.0 * f64::from(scale) + f64::from(offset)]);
    Some(ends.fold((0.0, 0.0), |(low, high), end| (low.min(end), high.max(end))))
}

#[cfg(test)]
mod tests {
    use super::of_range;

    #[test]
    fn pixels_are_hit_exactly() {
        let unit = of_range(0.0, 1.0);
        assert_eq!((unit.scale, unit.zero_point), (1.0 / 255.0, -128));
    }

    #[test]
    fn zero_is_always_within() {
        assert_eq!(of_range(3.0, 4.0).zero_point, -128);
        assert_eq!(of_range(-4.0, -3.0).zero_point, 127);
        assert_eq!(of_range(0.0, 0.0).scale, 1.0);
        assert!(of_range(-1.0, 1.0).zero_point.abs() <= 1);
    }
}
