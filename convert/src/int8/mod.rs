//! What steps over signed bytes compute with, from the scales of what they read and write: ranges, factors, tables.
//!
//! Where TensorFlow Lite Micro rounds on the way to these numbers, so does this, in the same places.

mod function;
pub mod table;

pub use function::function;

use crate::multiplier::quantized;
use crate::network::Quantization;
use relprop::fixed::Rescale;

/// Binary places that an addition adds to its operands.
const ADD_PLACES: i32 = 20;
/// Integer bits of the differences that a softmax exponentiates.
const SOFTMAX_BITS: i32 = 5;
/// What a softmax writes.
pub const SOFTMAX_OUTPUT: Quantization = Quantization { scale: 1.0 / 256.0, zero_point: -128 };
/// A factor of one.
pub const ONE: [i32; 2] = [1 << 30, 1];

impl Quantization {
    /// The integer for a real number, which may lie outside of what a byte holds.
    fn integer(self, value: f32) -> i32 {
        ((value / self.scale).round() as i32).saturating_add(self.zero_point.into())
    }

    /// The smallest and the largest integer of a range of real numbers, as the attributes of a step; infinite ends are
    /// no bounds.
    pub fn range(self, [low, high]: [f32; 2]) -> [i32; 2] {
        let clamped = |value: i32| value.clamp(i8::MIN.into(), i8::MAX.into());
        let low = if low > f32::NEG_INFINITY { clamped(self.integer(low)) } else { i8::MIN.into() };
        let high = if high < f32::INFINITY { clamped(self.integer(high)) } else { i8::MAX.into() };
        // Bounds that both lie beyond the same end.
        [low, high.max(low)]
    }
}

/// A range as attributes of a step.
pub fn attributes(range: [i32; 2]) -> [u32; 8] {
    let [low, high] = range.map(|bound| bound as u32);
    [low, high, 0, 0, 0, 0, 0, 0]
}

/// The factor between what is summed up and the output, for weights of every scale.
pub fn weighted(input: Quantization, weights: &[f32], output: Quantization) -> Vec<[i32; 2]> {
    let factor = |weight: &f32| f64::from(input.scale) * f64::from(*weight) / f64::from(output.scale);
    weights.iter().map(|weight| quantized(factor(weight))).collect()
}

/// The factor from one unit to another.
pub fn converted(input: Quantization, output: Quantization) -> [i32; 2] {
    quantized(f64::from(input.scale) / f64::from(output.scale))
}

/// The factor from a sum of `count` integers to their mean. The count divides the multiplier, whose low bits are lost.
pub fn mean(input: Quantization, output: Quantization, count: usize) -> [i32; 2] {
    let [multiplier, shift] = converted(input, output);
    let count = (count as u64).max(1);
    let places = (count.ilog2() as i32).min(32).min(31 + shift);
    let multiplier = (i64::from(multiplier) << places) / count as i64;
    [multiplier as i32, shift - places]
}

/// The factors of the operands and of the output of a sum.
///
/// # Errors
/// The output's unit is so much finer than those of the operands that the last factor is not below 1.
pub fn summed(operands: [Quantization; 2], output: Quantization) -> Result<Vec<[i32; 2]>, String> {
    let [a, b] = operands.map(|operand| operand.scale);
    let common = 2.0 * f64::from(a.max(b));
    let last = common / (f64::from(1 << ADD_PLACES) * f64::from(output.scale));
    if last >= 1.0 {
        return Err("the scale of a sum that is a million times finer than those of its terms".into());
    }
    Ok(vec![quantized(f64::from(a) / common), quantized(f64::from(b) / common), quantized(last)])
}

/// The factor of a product.
pub fn multiplied([a, b]: [Quantization; 2], output: Quantization) -> [i32; 2] {
    quantized(f64::from(a.scale) * f64::from(b.scale) / f64::from(output.scale))
}

/// The factors from sums over a tensor with these weights, one for each gate of an LSTM, to what gates are functions of:
/// units of 2⁻¹².
pub fn gates(read: Quantization, weights: &[f32]) -> Vec<[i32; 2]> {
    let factor = |weight: &f32| f64::from(read.scale) * f64::from(*weight) * 4096.0;
    weights.iter().map(|weight| quantized(factor(weight))).collect()
}

/// The factor from the product of two fractions of 2⁻¹⁵, a gate and the tangent of the cell, to the state of an LSTM.
pub fn state(output: Quantization) -> [i32; 2] {
    quantized(1.0 / f64::from(1 << 30) / f64::from(output.scale))
}

/// The bound of a cell with so many binary places, in its units and cut off there; none for 0, and where it cuts off all.
pub fn bound(clip: f32, places: u32) -> u32 {
    (f64::from(clip) * f64::from(1_u32 << places)).min(i16::MAX.into()) as u32
}

/// The attributes of a softmax.
pub fn softmax(input: Quantization) -> [u32; 8] {
    let largest = f64::from(u32::MAX >> 1);
    let factor = (f64::from(input.scale) * f64::from(1 << (31 - SOFTMAX_BITS))).min(largest);
    let [multiplier, shift] = quantized(factor);
    let shift = shift.max(0);
    let radius = input_radius(SOFTMAX_BITS, shift);
    [multiplier as u32, shift as u32, -radius as u32, 0, 0, 0, 0, 0]
}

/// The largest difference that can be shifted up and still be held with this many integer bits
/// (`CalculateInputRadius`).
fn input_radius(integer_bits: i32, shift: i32) -> i32 {
    let largest = f64::from((1 << integer_bits) - 1) * f64::from(1 << (31 - integer_bits));
    (largest / 2f64.powi(shift)).floor() as i32
}

/// The factor as two roundings apply it.
fn twice_rounded(pair: [i32; 2]) -> Rescale {
    Rescale::new(pair, false)
}

#[cfg(test)]
mod tests {
    use super::{SOFTMAX_OUTPUT, attributes, input_radius, softmax};
    use crate::network::Quantization;

    #[test]
    fn ranges_are_clamped() {
        let unit = Quantization { scale: 0.05, zero_point: -20 };
        assert_eq!(unit.range([0.0, f32::INFINITY]), [-20, 127]);
        assert_eq!(unit.range([0.0, 6.0]), [-20, 100]);
        assert_eq!(unit.range([-1.0, 1.0]), [-40, 0]);
        assert_eq!(unit.range([f32::NEG_INFINITY, f32::INFINITY]), [-128, 127]);
        assert_eq!(Quantization { scale: 1e-30, zero_point: 0 }.range([1.0, 6.0]), [127, 127]);
        assert_eq!(attributes([-1, 2]), [u32::MAX, 2, 0, 0, 0, 0, 0, 0]);
        assert_eq!(SOFTMAX_OUTPUT.range([0.0, 1.0]), [-128, 127]);
    }

    #[test]
    fn softmax_of_an_eighth() {
        // 2²³ is half of 2²⁴: a multiplier of a half and a shift of 24.
        let [multiplier, shift, smallest, ..] = softmax(Quantization { scale: 0.125, zero_point: 3 });
        assert_eq!((multiplier, shift, smallest as i32), (1 << 30, 24, -(31 << 2)));
        assert_eq!(input_radius(4, 24), 15 * 8);
    }
}
