//! Real factors as integers: what a device rescales with.

/// A positive factor below 2³⁰ as a 31-bit multiplier and a shift, so that `factor = multiplier · 2^(shift − 31)`
/// (`QuantizeMultiplier` of TensorFlow Lite). Factors too small to matter are zero.
pub fn quantized(factor: f64) -> [i32; 2] {
    if !factor.is_finite() || factor <= 0.0 {
        return [0, 0];
    }
    let mut shift = 0;
    let mut fraction = factor;
    while fraction >= 1.0 {
        fraction /= 2.0;
        shift += 1;
    }
    while fraction < 0.5 && shift >= -40 {
        fraction *= 2.0;
        shift -= 1;
    }
    let mut multiplier = (fraction * f64::from(1_u32 << 31)).round() as i64;
    if multiplier == 1 << 31 {
        multiplier /= 2;
        shift += 1;
    }
    match shift {
        ..-31 => [0, 0],
        31.. => [i32::MAX, 30],
        _ => [multiplier as i32, shift],
    }
}

#[cfg(test)]
mod tests {
    use super::quantized;

    #[test]
    fn factors_are_what_they_were() {
        for factor in [1e-9, 0.003, 0.25, 0.5, 0.999_999_999_99, 1.0, 3.5, 1e6] {
            let [multiplier, shift] = quantized(factor);
            let real = f64::from(multiplier) * 2f64.powi(shift - 31);
            assert!((real / factor - 1.0).abs() < 1e-9, "{factor} became {real}");
            assert!(multiplier >= 1 << 30);
        }
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(quantized(0.0), [0, 0]);
        assert_eq!(quantized(1e-12), [0, 0]);
        assert_eq!(quantized(f64::INFINITY), [0, 0]);
    }
}
