//! Integer arithmetic: requantisation as TensorFlow Lite does it, and the fixed-point functions of its softmax.
//!
//! Every function is total: where the reference code would overflow, these saturate. The names in brackets are those
//! of gemmlowp, whose results they reproduce bit for bit.

/// A factor `multiplier · 2^(shift − 31)`, as an image stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rescale {
    /// In `0..=i32::MAX`, normally above 2³⁰.
    pub multiplier: i32,
    /// To the left if positive.
    pub shift: i32,
    /// One rounding instead of two.
    pub single: bool,
}

impl Rescale {
    /// From the image.
    pub fn new(pair: [i32; 2], single: bool) -> Self {
        Self { multiplier: pair[0], shift: pair[1], single }
    }

    /// `value · factor`, rounded (`MultiplyByQuantizedMultiplier`).
    #[inline(always)]
    pub fn apply(self, value: i32) -> i32 {
        if self.single {
            let places = (31 - self.shift).clamp(1, 62);
            let product = i64::from(value) * i64::from(self.multiplier);
            return saturated((product + (1 << (places - 1))) >> places);
        }
        let raised = if self.shift > 0 { saturated(i64::from(value) << self.shift.min(31)) } else { value };
        // A multiplier is not negative: nothing saturates.
        let high = (i64::from(raised) * i64::from(self.multiplier) + (1 << 30)) >> 31;
        halved(high as i32, -self.shift)
    }
}

fn saturated(value: i64) -> i32 {
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// `a·b / 2³¹`, ties towards plus infinity (`SaturatingRoundingDoublingHighMul`).
#[inline(always)]
pub fn doubled_high(a: i32, b: i32) -> i32 {
    saturated((i64::from(a) * i64::from(b) + (1 << 30)) >> 31)
}

/// `value / 2^places`, ties away from zero (`RoundingDivideByPOT`).
#[inline(always)]
pub fn halved(value: i32, places: i32) -> i32 {
    let places = places.clamp(0, 31);
    let mask = ((1_u32 << places) - 1) as i32;
    let threshold = (mask >> 1) + i32::from(value < 0);
    (value >> places) + i32::from((value & mask) > threshold)
}

/// `sum / count`, ties away from zero.
#[inline(always)]
pub fn mean(sum: i32, count: i32) -> i32 {
    let (count, half) = (count.max(1), count.max(1) / 2);
    if sum > 0 { (sum + half) / count } else { (sum - half) / count }
}

/// `eˣ` for `x ≤ 0` with this many integer bits, at most 5, as a fraction of 2³¹ (`exp_on_negative_values`).
pub fn exp_of_negative(x: i32, integer_bits: u32) -> i32 {
    // e^(−2^k) for k = −2 …, each as a fraction of 2³¹.
    const FACTORS: [i32; 7] = [1_672_461_947, 1_302_514_674, 790_015_084, 290_630_308, 39_332_535, 720_401, 242];
    let integer_bits = integer_bits.min(5);
    let quarter = 1 << (29 - integer_bits);
    if x == 0 {
        return i32::MAX;
    }
    let within = (x & (quarter - 1)) - quarter;
    let mut result = exp_between_quarters(within << integer_bits);
    let remainder = within.wrapping_sub(x);
    for (bit, factor) in (29 - integer_bits..31).zip(FACTORS) {
        if remainder & (1 << bit) != 0 {
            result = doubled_high(result, factor);
        }
    }
    result
}

/// `eˣ` for `−1/4 ≤ x < 0`, fractions of 2³¹ (`exp_on_interval_between_negative_one_quarter_and_0_excl`): a Taylor
/// series around −1/8.
fn exp_between_quarters(x: i32) -> i32 {
    const EXP_OF_MINUS_EIGHTH: i32 = 1_895_147_668;
    const THIRD: i32 = 715_827_883;
    let x = x.saturating_add(1 << 28);
    let x2 = doubled_high(x, x);
    let x3 = doubled_high(x2, x);
    let x4 = doubled_high(x2, x2);
    let high = halved(doubled_high(halved(x4, 2).saturating_add(x3), THIRD).saturating_add(x2), 1);
    EXP_OF_MINUS_EIGHTH.saturating_add(doubled_high(EXP_OF_MINUS_EIGHTH, x.saturating_add(high)))
}

/// `1 / (1 + x)` for `0 ≤ x < 1`, fractions of 2³¹ (`one_over_one_plus_x_for_x_in_0_1`).
pub fn one_over_one_plus(x: i32) -> i32 {
    saturated(i64::from(two_over_one_plus(x)) << 1)
}

/// `(1 − x) / (1 + x)` for `0 ≤ x < 1`, fractions of 2³¹ (`one_minus_x_over_one_plus_x_for_x_in_0_1`).
fn one_minus_over_one_plus(x: i32) -> i32 {
    quadrupled(two_over_one_plus(x).saturating_sub(1 << 29))
}

/// `2 / (1 + x)` in units of 2⁻²⁹: Newton–Raphson, three times.
fn two_over_one_plus(x: i32) -> i32 {
    const FORTY_EIGHT_17THS: i32 = 1_515_870_810;
    const MINUS_THIRTY_TWO_17THS: i32 = -1_010_580_540;
    // The rounded half of x + 1.
    let half = ((i64::from(x) + i64::from(i32::MAX) + 1) >> 1) as i32;
    let mut y = FORTY_EIGHT_17THS.saturating_add(doubled_high(half, MINUS_THIRTY_TWO_17THS));
    for _ in 0..3 {
        let product = doubled_high(half, y);
        let rest = (1_i32 << 29).saturating_sub(product);
        y = y.saturating_add(quadrupled(doubled_high(y, rest)));
    }
    y
}

/// The logistic function of a number with 4 integer bits, as a fraction of 2³¹ (`logistic`).
pub fn logistic(x: i32) -> i32 {
    let positive = one_over_one_plus(exp_of_negative(x.saturating_abs().saturating_neg(), 4));
    match x {
        0 => 1 << 30,
        1.. => positive,
        _ => i32::MAX.saturating_sub(positive),
    }
}

/// The hyperbolic tangent of a number with 4 integer bits, as a fraction of 2³¹ (`tanh`).
pub fn tanh(x: i32) -> i32 {
    // With 5 integer bits the same bits are twice the number.
    let positive = one_minus_over_one_plus(exp_of_negative(x.saturating_abs().saturating_neg(), 5));
    match x {
        0 => 0,
        1.. => positive,
        _ => positive.saturating_neg(),
    }
}

fn quadrupled(x: i32) -> i32 {
    saturated(i64::from(x) << 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `n / d`, ties away from zero (or up), exactly.
    fn divided(n: i128, d: i128, ties_up: bool) -> i128 {
        let (floor, twice) = (n.div_euclid(d), 2 * n.rem_euclid(d));
        if twice > d || (twice == d && (ties_up || n > 0)) { floor + 1 } else { floor }
    }

    fn clamped(value: i128) -> i128 {
        value.clamp(i32::MIN.into(), i32::MAX.into())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn two_roundings_are_two_rational_roundings(value: i32, multiplier in 0..=i32::MAX, shift in -31..=30_i32) {
            let raised = clamped(i128::from(value) << i32::max(shift, 0));
            let high = clamped(divided(raised * i128::from(multiplier), 1_i128 << 31, true));
            let wanted = divided(high, 1_i128 << i32::max(-shift, 0), false);
            prop_assert_eq!(i128::from(Rescale { multiplier, shift, single: false }.apply(value)), wanted);
        }

        #[test]
        fn one_rounding_is_one_rational_rounding(value: i32, multiplier in 0..=i32::MAX, shift in -31..=30_i32) {
            let product = i128::from(value) * i128::from(multiplier);
            let wanted = clamped(divided(product, 1_i128 << (31 - shift), true));
            prop_assert_eq!(i128::from(Rescale { multiplier, shift, single: true }.apply(value)), wanted);
        }

        #[test]
        fn means_round_ties_away(sum in -1_000_000..1_000_000_i32, count in 1..1000_i32) {
            let exact = f64::from(sum) / f64::from(count);
            prop_assert_eq!(mean(sum, count), exact.round() as i32);
        }

        #[test]
        fn exp_is_close(x in i32::MIN..=0) {
            for bits in [4, 5] {
                let real = f64::from(x) / f64::from(1 << (31 - bits));
                let got = f64::from(exp_of_negative(x, bits)) / 2f64.powi(31);
                prop_assert!((got - real.exp()).abs() < 1e-6, "{} {}", got, real.exp());
            }
        }

        #[test]
        fn functions_are_close(x: i32) {
            let real = f64::from(x) / f64::from(1 << 27);
            let (sigmoid, tangent) = (f64::from(logistic(x)) / 2f64.powi(31), f64::from(tanh(x)) / 2f64.powi(31));
            prop_assert!((sigmoid - 1.0 / (1.0 + (-real).exp())).abs() < 1e-6, "{sigmoid}");
            prop_assert!((tangent - real.tanh()).abs() < 1e-6, "{tangent}");
        }

        #[test]
        fn reciprocal_is_close(x in 0..=i32::MAX) {
            let real = 1.0 / (1.0 + f64::from(x) / 2f64.powi(31));
            let got = f64::from(one_over_one_plus(x)) / 2f64.powi(31);
            prop_assert!((got - real).abs() < 1e-7, "{} {}", got, real);
        }
    }
}
