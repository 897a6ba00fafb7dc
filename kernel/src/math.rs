//! Functions that are not in `core`, through `libm` on every target: the same bits everywhere.

use crate::lanes::{self, Lanes};
use crate::model::format::BLOCK;

/// `eˣ`.
pub fn exp(x: f32) -> f32 {
    libm::expf(x)
}

/// `eˣ − 1`.
pub fn exp_m1(x: f32) -> f32 {
    libm::expm1f(x)
}

/// `ln x`.
pub fn ln(x: f32) -> f32 {
    libm::logf(x)
}

/// `ln(1 + x)`.
pub fn ln_1p(x: f32) -> f32 {
    libm::log1pf(x)
}

/// `xʸ`.
pub fn pow(x: f32, y: f32) -> f32 {
    libm::powf(x, y)
}

/// `√x`.
pub fn sqrt(x: f32) -> f32 {
    libm::sqrtf(x)
}

/// `tanh x`.
pub fn tanh(x: f32) -> f32 {
    libm::tanhf(x)
}

/// The nearest whole number, ties away from zero.
pub fn round(x: f32) -> f32 {
    libm::roundf(x)
}

/// The nearest whole number, ties to the even one.
pub fn round_ties_even(x: f32) -> f32 {
    libm::rintf(x)
}

/// The error function.
pub fn erf(x: f32) -> f32 {
    libm::erff(x)
}

/// `1 / (1 + e⁻ˣ)`, without overflow on either side.
pub fn sigmoid(x: f32) -> f32 {
    if x >= 0.0 {
        1.0 / (1.0 + exp(-x))
    } else {
        let e = exp(x);
        e / (1.0 + e)
    }
}

/// `eˣ = 2ⁿ·(1 + p)` in lanes, as `2ⁿ` and `p`, for x from −87 to 87: to two units in the last place of `1 + p`, and of `p`
/// where n is zero. Additions and multiplications only, so that every target gets the same bits.
#[inline(always)]
fn exp_parts(x: Lanes) -> [Lanes; 2] {
    /// Added and taken away again, it rounds to a whole number, which its last bits then are.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first with so few digits that its product with n is exact.
    const LN_2: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];
    /// Taylor: the rest is below 6e-9 for |r| ≤ ln 2 / 2.
    const TERMS: [f32; 7] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0];
    let x = x.map(|x| x.clamp(-87.0, 87.0));
    let rounded = x.map(|x| x * core::f32::consts::LOG2_E + ROUND);
    let r = lanes::zip(x, rounded, |x, n| x - (n - ROUND) * LN_2[0] - (n - ROUND) * LN_2[1]);
    let p = r.map(|r| TERMS.iter().fold(0.0, |sum, term| (sum + term) * r));
    let power = rounded.map(|n| f32::from_bits(n.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23));
    [power, p]
}

/// Calls `f` for eight values at a time.
fn in_lanes(values: &mut [f32], f: impl Fn(Lanes) -> Lanes) {
    for values in values.chunks_mut(BLOCK) {
        let result = f(lanes::load(values));
        lanes::store(values, &result);
    }
}

/// `1 / (1 + e⁻ˣ)` of every element.
pub fn sigmoid_all(values: &mut [f32]) {
    in_lanes(values, |x| {
        let [power, p] = exp_parts(x.map(|x| -x));
        lanes::zip(power, p, |power, p| 1.0 / (1.0 + (power + power * p)))
    });
}

/// `tanh x` of every element: `m / (m + 2)` with `m = e²ˣ − 1`.
pub fn tanh_all(values: &mut [f32]) {
    in_lanes(values, |x| {
        let [power, p] = exp_parts(x.map(|x| x + x));
        let m = lanes::zip(power, p, |power, p| power * p + (power - 1.0));
        m.map(|m| m / (m + 2.0))
    });
}

#[cfg(test)]
mod tests {
    use super::{sigmoid_all, tanh_all};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn functions_of_many_are_those_of_one(x in prop_oneof![-100.0_f32..100.0, -1.0_f32..1.0, -1e-3_f32..1e-3]) {
            let (mut a, mut b) = ([x], [x; 11]);
            sigmoid_all(&mut a);
            tanh_all(&mut b);
            let (sigmoid, tanh) = (1.0 / (1.0 + (-f64::from(x)).exp()), f64::from(x).tanh());
            prop_assert!((f64::from(a[0]) - sigmoid).abs() <= 4e-7 * sigmoid + 1e-37, "{} {}", a[0], sigmoid);
            prop_assert!((f64::from(b[10]) - tanh).abs() <= 5e-7 * tanh.abs(), "{} {}", b[10], tanh);
        }
    }
}
