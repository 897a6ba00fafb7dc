//! Functions of one signed byte, as tables of all 256 values, computed as TensorFlow Lite Micro's reference kernels
//! compute each.

use super::{converted, input_radius, twice_rounded};
use crate::multiplier::quantized;
use crate::network::Quantization;
use relprop::fixed;

/// Integer bits of what the logistic function and the hyperbolic tangent read.
const INTEGER_BITS: i32 = 4;

/// The table of a function from integer to integer, clamped.
fn of(mut f: impl FnMut(i32) -> i32) -> Vec<i8> {
    let clamped = |value: i32| value.clamp(i8::MIN.into(), i8::MAX.into()) as i8;
    (i8::MIN..=i8::MAX).map(|q| clamped(f(q.into()))).collect()
}

/// The table of a function of real numbers, as an exporter that knows no other arithmetic means it: from integers to
/// floats, through the function, and to the nearest integer, ties to even.
pub fn of_floats(f: impl Fn(f32) -> f32, input: Quantization, output: Quantization) -> Vec<i8> {
    of(|q| {
        let real = (q - i32::from(input.zero_point)) as f32 * input.scale;
        ((f(real) / output.scale).round_ties_even() as i32).saturating_add(output.zero_point.into())
    })
}

/// Another unit, `QUANTIZE`, and perhaps a range, `RELU`.
pub fn requantized(input: Quantization, output: Quantization, [low, high]: [i32; 2]) -> Vec<i8> {
    let factor = twice_rounded(converted(input, output));
    of(|q| {
        let value = factor.apply(q - i32::from(input.zero_point));
        value.saturating_add(output.zero_point.into()).max(low).min(high)
    })
}

/// A range of the same integers, `RELU6` and `RELU_N1_TO_1`.
pub fn clamped([low, high]: [i32; 2]) -> Vec<i8> {
    of(|q| q.max(low).min(high))
}

/// `LEAKY_RELU`.
pub fn leaky_relu(slope: f32, input: Quantization, output: Quantization) -> Vec<i8> {
    // The quotients are of single precision.
    let above = quantized(f64::from(input.scale / output.scale));
    let below = signed(f64::from(input.scale * slope / output.scale));
    of(|q| {
        let value = q - i32::from(input.zero_point);
        let value = if value >= 0 { twice_rounded(above).apply(value) } else { twice_rounded(below).apply(value) };
        value.saturating_add(output.zero_point.into())
    })
}

/// A factor that may be negative.
fn signed(factor: f64) -> [i32; 2] {
    let [multiplier, shift] = quantized(factor.abs());
    [if factor < 0.0 { -multiplier } else { multiplier }, shift]
}

/// `LOGISTIC`; it writes units of 1/256 from −128.
pub fn logistic(input: Quantization) -> Vec<i8> {
    fixed_point(input, 8, -128, fixed::logistic)
}

/// `TANH`; it writes units of 1/128.
pub fn tanh(input: Quantization) -> Vec<i8> {
    fixed_point(input, 7, 0, fixed::tanh)
}

/// The table of an LSTM's functions, `σ(k / 24)` in units of 2⁻¹⁶: the nearest number, or, where TensorFlow Lite Micro
/// has it so, one more.
pub fn gates() -> Vec<u16> {
    const ONE_MORE: [u64; 4] = [0xc046_7bae_fa7b_d110, 0x0011_0090_2044_0005, 0x80, 0x8000_0000_0000_0000];
    let entry = |k: u32| {
        let nearest = (65536.0 / (1.0 + (-f64::from(k) / 24.0).exp())).round() as u16;
        let more = ONE_MORE.get(k as usize / 64).is_some_and(|bits| bits >> (k % 64) & 1 == 1);
        nearest + u16::from(more)
    };
    (0..256).map(entry).collect()
}

/// A function in fixed point that writes units of 2^−places.
fn fixed_point(input: Quantization, places: i32, zero_point: i32, f: fn(i32) -> i32) -> Vec<i8> {
    let [multiplier, shift] = quantized(f64::from(input.scale) * f64::from(1 << (31 - INTEGER_BITS)));
    let factor = twice_rounded([multiplier, shift]);
    let radius = input_radius(INTEGER_BITS, shift);
    of(|q| {
        let value = q - i32::from(input.zero_point);
        if value <= -radius {
            return i8::MIN.into();
        }
        if value >= radius {
            return i8::MAX.into();
        }
        fixed::halved(f(factor.apply(value)), 31 - places) + zero_point
    })
}

/// `HARD_SWISH`, which is computed with 16 bits.
///
/// # Errors
/// The output's unit is more than 128 times finer than the input's.
pub fn hard_swish(input: Quantization, output: Quantization) -> Result<Vec<i8>, String> {
    const PLACES: i32 = 7;
    let fine = (1.0 / 128.0) * input.scale;
    let [scaled, scaled_shift] = quantized(f64::from(fine / output.scale));
    let [gate, gate_shift] = quantized(f64::from(fine / (3.0 / 32768.0)));
    if scaled_shift > 0 {
        return Err("an output whose scale is more than 128 times finer than the input's".into());
    }
    let [scaled, gate] = [scaled, gate].map(halfword);
    Ok(of(|q| {
        let x = word((q - i32::from(input.zero_point)) << PLACES);
        let scaled = rounded_product(x, scaled);
        // From −3 … 3 to −1 … 1, saturating.
        let mut gated = if gate_shift > 0 { raised(x, gate_shift - 1) } else { x };
        gated = rounded_product(gated, gate);
        gated = if gate_shift > 0 { raised(gated, 1) } else { fixed::halved(gated, -gate_shift) };
        // And to 0 … 1.
        let gated = (gated + (1 << 15)) >> 1;
        let product = word(gated * scaled / (1 << 15));
        fixed::halved(product, -scaled_shift) + i32::from(output.zero_point)
    }))
}

/// Saturates to 16 bits.
fn word(value: i32) -> i32 {
    value.clamp(i16::MIN.into(), i16::MAX.into())
}

/// The upper half of a multiplier, rounded.
fn halfword(multiplier: i32) -> i32 {
    word(multiplier.saturating_add(1 << 15) >> 16)
}

/// `a·b / 2¹⁵` of 16-bit numbers, ties towards plus infinity.
fn rounded_product(a: i32, b: i32) -> i32 {
    word((a * b + (1 << 14)) >> 15)
}

/// A 16-bit number shifted to the left, saturating.
fn raised(value: i32, places: i32) -> i32 {
    (i64::from(value) << places.clamp(0, 31)).clamp(i16::MIN.into(), i16::MAX.into()) as i32
}

#[cfg(test)]
mod tests {
    use super::{clamped, hard_swish, leaky_relu, logistic, of_floats, requantized, tanh};
    use crate::network::Quantization;

    const INPUT: Quantization = Quantization { scale: 0.05, zero_point: -7 };
    const OUTPUT: Quantization = Quantization { scale: 0.031, zero_point: 5 };

    /// No entry is further from the real function than this.
    fn check(table: &[i8], f: impl Fn(f32) -> f32, output: Quantization, off: i32) {
        let real = of_floats(f, INPUT, output);
        for (i, (got, wanted)) in table.iter().zip(&real).enumerate() {
            assert!((i32::from(*got) - i32::from(*wanted)).abs() <= off, "entry {i}: {got} for {wanted}");
        }
    }

    #[test]
    fn tables_are_close_to_their_functions() {
        check(&requantized(INPUT, OUTPUT, [-128, 127]), |x| x, OUTPUT, 1);
        check(&requantized(INPUT, OUTPUT, [5, 127]), |x| x.max(0.0), OUTPUT, 1);
        check(&clamped([-7, 113]), |x| x.clamp(0.0, 6.0), INPUT, 0);
        check(&leaky_relu(0.1, INPUT, OUTPUT), |x| if x < 0.0 { 0.1 * x } else { x }, OUTPUT, 1);
        let units = |places: i32| Quantization { scale: 2f32.powi(-places), zero_point: 0 };
        let sigmoid = Quantization { zero_point: -128, ..units(8) };
        check(&logistic(INPUT), |x| 1.0 / (1.0 + (-x).exp()), sigmoid, 1);
        check(&tanh(INPUT), f32::tanh, units(7), 1);
        check(&hard_swish(INPUT, OUTPUT).unwrap(), |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0, OUTPUT, 1);
    }

    #[test]
    fn extreme_units_do_not_overflow() {
        for scale in [f32::MIN_POSITIVE, 1e-9, 1.0, 1e9, f32::MAX] {
            for other in [f32::MIN_POSITIVE, 1.0, f32::MAX] {
                let [a, b] = [scale, other].map(|scale| Quantization { scale, zero_point: i8::MIN });
                let tables = [requantized(a, b, [-128, 127]), leaky_relu(-3.0, a, b), logistic(a), tanh(a)];
                assert!(tables.iter().all(|table| table.len() == 256));
                let _ = hard_swish(a, b);
            }
        }
    }
}
