//! One step's choice: rule, bias, stabiliser.

use crate::error::Mismatch;
use crate::lanes::Lanes;
use crate::number::bits_of;
use crate::step::{Function, Op};

/// What a denominator is divided as, so that nothing divides by zero; `sign(0) = +1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stabilizer {
    /// `z + ε·sign(z)`.
    Signed(f32),
    /// `sign(z)·max(|z|, ε)`.
    Clip(f32),
    /// `z + ε·rms(z)·sign(z)`, with the root mean square over the step's outputs.
    NormScale(f32),
    /// `ε` where `z` is exactly zero, `z` elsewhere.
    AtZero(f32),
    /// `z + ε`.
    Unsigned(f32),
}

impl Stabilizer {
    /// zennit's default.
    pub const DEFAULT: Self = Self::Signed(1e-6);

    /// The same form with another ε.
    #[must_use]
    pub const fn with_epsilon(self, epsilon: f32) -> Self {
        match self {
            Self::Signed(_) => Self::Signed(epsilon),
            Self::Clip(_) => Self::Clip(epsilon),
            Self::NormScale(_) => Self::NormScale(epsilon),
            Self::AtZero(_) => Self::AtZero(epsilon),
            Self::Unsigned(_) => Self::Unsigned(epsilon),
        }
    }

    /// ε.
    pub const fn epsilon(self) -> f32 {
        match self {
            Self::Signed(e) | Self::Clip(e) | Self::NormScale(e) | Self::AtZero(e) | Self::Unsigned(e) => e,
        }
    }

    /// The stabilised denominator. `NormScale` must have been resolved to `Signed` by the caller, who knows the rms.
    #[inline(always)]
    pub(crate) fn stabilized(self, z: f32) -> f32 {
        match self {
            Self::Signed(e) | Self::NormScale(e) => z + signed(e, z),
            Self::Clip(e) => {
                if crate::lanes::absolute(z) > e {
                    z
                } else {
                    signed(e, z)
                }
            }
            Self::AtZero(e) => {
                if z == 0.0 {
                    e
                } else {
                    z
                }
            }
            Self::Unsigned(e) => z + e,
        }
    }

    /// [`stabilized`](Self::stabilized) lane by lane, with the choice of the form outside the loop.
    #[inline(always)]
    pub(crate) fn stabilized_lanes(self, z: Lanes) -> Lanes {
        match self {
            Self::Signed(e) | Self::NormScale(e) => z.map(|z| Self::Signed(e).stabilized(z)),
            Self::Clip(e) => z.map(|z| Self::Clip(e).stabilized(z)),
            Self::AtZero(e) => z.map(|z| Self::AtZero(e).stabilized(z)),
            Self::Unsigned(e) => z.map(|z| z + e),
        }
    }
}

#[inline(always)]
fn signed(e: f32, z: f32) -> f32 {
    if z >= 0.0 { e } else { -e }
}

/// What becomes of the share of relevance that belongs to the bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bias {
    /// The bias is part of the denominator and keeps its share (most of the literature).
    #[default]
    Absorb,
    /// The bias is left out of the denominator (zennit's `zero_params='bias'`).
    Zero,
    /// The shares of bias and stabiliser are spread evenly over the inputs that the output reads, so that nothing is
    /// lost (Arras et al. 2017, `bias_factor = 1`).
    Redistribute,
}

/// What the gate of a recurrent cell gets of the relevance of its product with a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gates {
    /// Nothing: the signal takes all, the gate is a weight (Arras et al. 2017).
    #[default]
    Signal,
    /// Half of it, whatever the values (LRP-half, Arras et al. 2019).
    Half,
    /// A part in proportion to what gate and signal were before their functions (LRP-prop, Arras et al. 2019).
    Proportional,
    /// The same by magnitude (LRP-abs, Arras et al. 2019).
    Magnitude,
}

/// One end of the box of the z^B rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound<'a> {
    /// The same everywhere.
    Uniform(f32),
    /// One value per channel, or one per input element, in the kernel's (channels-last) order.
    Values(&'a [f32]),
}

/// Who gets the relevance of a maximum that several inputs reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ties {
    /// The first in row-major order.
    #[default]
    First,
    /// All of them, in equal parts (LRP toolbox).
    Split,
}

/// How relevance passes back through a step.
///
/// `x` input, `w` weight, `b` bias, `z = Σ x·w + b`, `R` relevance of the outputs; `⁺` and `⁻` are the positive and
/// the negative part; `st` is the [`Stabilizer`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule<'a> {
    /// LRP-0 (Bach et al. 2015): `x·Σ w·R/z`; only an exact zero is stabilised.
    Zero,
    /// LRP-ε (Bach et al. 2015, eq. 58): `x·Σ w·R/st(z)`.
    Epsilon(f32),
    /// LRP-ε with the default stabiliser, for steps without parameters: average pooling, addition.
    Norm,
    /// LRP-αβ (Bach et al. 2015, eq. 60): positive contributions times α, negative ones times β; `α − β = 1`.
    AlphaBeta {
        /// Weight of the positive contributions.
        alpha: f32,
        /// Weight of the negative contributions.
        beta: f32,
    },
    /// LRP-z⁺ (Montavon et al. 2017), αβ with α = 1, β = 0.
    ZPlus,
    /// LRP-β: αβ with `α = 1 + β`.
    Beta(f32),
    /// LRP-γ (Montavon et al. 2019) generalised to inputs and outputs of either sign.
    Gamma(f32),
    /// LRP-γ as first published, for positive inputs: `w + γ·w⁺` throughout.
    GammaOriginal(f32),
    /// z^B (Montavon et al. 2017), for inputs inside a box: `(x·w − low·w⁺ − high·w⁻)/st(Σ …)·R`.
    ZBox {
        /// Smallest values of the inputs.
        low: Bound<'a>,
        /// Largest values.
        high: Bound<'a>,
    },
    /// w² (Montavon et al. 2017): `w²/st(Σ w² + b²)·R`.
    WSquare,
    /// Flat (Lapuschkin et al. 2019): the same share for every input that the output reads.
    Flat,
    /// Relevance passes through unchanged.
    Pass,
    /// The derivative: `Σ w·R`, `f′(x)·R`.
    Gradient,
    /// Guided backpropagation (Springenberg et al. 2015), for `ReLU`: `R` where `x > 0` and `R > 0`.
    GuidedBackprop,
    /// Deconvnet (Zeiler & Fergus 2014), for `ReLU`: `R` where `R > 0`.
    Deconvnet,
    /// The gradient of the softplus that approximates `ReLU` (Dombrowski et al. 2019): `σ(β·x)·R`.
    BetaSmooth(f32),
    /// For max pooling: the largest input takes all.
    Winner(Ties),
    /// For local response normalisation: first-order Taylor expansion (Binder et al. 2016).
    Taylor,
}

impl Rule<'_> {
    /// Whether the rule means something for this op. Structural steps need no rule and take any.
    pub const fn applies_to(&self, op: Op, function: Option<Function>) -> bool {
        self.mismatch(op, function).is_none()
    }

    /// Why the rule means nothing for this op; `None` where it [applies](Self::applies_to).
    pub const fn mismatch(&self, op: Op, function: Option<Function>) -> Option<Mismatch> {
        let (applies, otherwise) = match self {
            Self::Gradient => return None,
            Self::Pass => {
                (!matches!(op, Op::Add | Op::MaxPool | Op::AveragePool) && !op.is_recurrent(), Mismatch::NotOneToOne)
            }
            Self::GuidedBackprop | Self::Deconvnet | Self::BetaSmooth(_) => {
                (matches!(function, Some(Function::Relu)), Mismatch::NotRelu)
            }
            Self::Winner(_) => (matches!(op, Op::MaxPool), Mismatch::NotMaxPool),
            Self::Taylor => (matches!(op, Op::LocalResponseNorm), Mismatch::NotLocalResponseNorm),
            Self::ZBox { .. } => (op.is_weighted(), Mismatch::NoWeights),
            Self::Flat => {
                (op.is_linear() || op.is_recurrent() || matches!(op, Op::MaxPool | Op::Mul), Mismatch::NotLinear)
            }
            Self::Zero
            | Self::Epsilon(_)
            | Self::Norm
            | Self::AlphaBeta { .. }
            | Self::ZPlus
            | Self::Beta(_)
            | Self::Gamma(_)
            | Self::GammaOriginal(_)
            | Self::WSquare => (op.is_linear() || op.is_recurrent(), Mismatch::NotLinear),
        };
        if applies { None } else { Some(otherwise) }
    }

    /// Whether `Σ R` is meant to be kept: not so for the gradient and its relatives.
    pub const fn conserves(&self) -> bool {
        !matches!(self, Self::Gradient | Self::GuidedBackprop | Self::Deconvnet | Self::BetaSmooth(_))
    }

    /// Whether every parameter is finite and in range.
    pub(crate) fn is_valid(&self) -> bool {
        // By their bits: sessions of integers come here, too.
        let non_negative = |v: f32| is_finite(v) && (bits_of(v) >> 31 == 0 || bits_of(v) << 1 == 0);
        match *self {
            Self::Epsilon(v) | Self::Beta(v) | Self::Gamma(v) | Self::GammaOriginal(v) | Self::BetaSmooth(v) => {
                non_negative(v)
            }
            Self::AlphaBeta { alpha, beta } => {
                const PLACES: i32 = 30;
                let [alpha_fixed, beta_fixed] = [alpha, beta].map(|v| crate::number::with_places(v, PLACES));
                // Up to a millionth.
                let sum_is_kept = (alpha_fixed - beta_fixed - (1 << PLACES)).abs() <= 1074;
                non_negative(alpha) && non_negative(beta) && sum_is_kept
            }
            Self::ZBox { low, high } => [low, high].into_iter().all(|bound| match bound {
                Bound::Uniform(v) => is_finite(v),
                Bound::Values(values) => values.iter().all(|v| is_finite(*v)),
            }),
            _ => true,
        }
    }
}

/// Whether a float is neither infinite nor no number, by its bits: without a float operation.
pub(crate) fn is_finite(value: f32) -> bool {
    bits_of(value) & 0x7f80_0000 != 0x7f80_0000
}

/// A rule with its options: what a composite gives to a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice<'a> {
    /// The rule.
    pub rule: Rule<'a>,
    /// What becomes of the bias.
    pub bias: Bias,
    /// How denominators are stabilised. [`Rule::Epsilon`] brings its own ε.
    pub stabilizer: Stabilizer,
    /// What gates of recurrent cells get.
    pub gates: Gates,
}

impl<'a> Choice<'a> {
    /// A rule with default options.
    pub const fn new(rule: Rule<'a>) -> Self {
        Self { rule, bias: Bias::Absorb, stabilizer: Stabilizer::DEFAULT, gates: Gates::Signal }
    }

    /// With another treatment of the bias.
    #[must_use]
    pub const fn with_bias(self, bias: Bias) -> Self {
        Self { bias, ..self }
    }

    /// With another stabiliser.
    #[must_use]
    pub const fn with_stabilizer(self, stabilizer: Stabilizer) -> Self {
        Self { stabilizer, ..self }
    }

    /// With another treatment of gates.
    #[must_use]
    pub const fn with_gates(self, gates: Gates) -> Self {
        Self { gates, ..self }
    }

    /// The stabiliser that the rule works with.
    pub const fn effective_stabilizer(&self) -> Stabilizer {
        match self.rule {
            Rule::Epsilon(epsilon) => self.stabilizer.with_epsilon(epsilon),
            Rule::Zero => Stabilizer::AtZero(1e-7),
            _ => self.stabilizer,
        }
    }
}

impl<'a> From<Rule<'a>> for Choice<'a> {
    fn from(rule: Rule<'a>) -> Self {
        Self::new(rule)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bias, Bound, Choice, Gates, Rule, Stabilizer, Ties, is_finite};
    use crate::error::Mismatch;
    use crate::lanes::Lanes;
    use crate::step::{Function, Op};

    #[test]
    fn stabilizers_are_what_they_say() {
        // At z = -2, -0.25, 0, 0.25 and 2, with an epsilon of 0.5.
        let table = [
            (Stabilizer::Signed(0.5), [-2.5, -0.75, 0.5, 0.75, 2.5]),
            (Stabilizer::Clip(0.5), [-2.0, -0.5, 0.5, 0.5, 2.0]),
            (Stabilizer::NormScale(0.5), [-2.5, -0.75, 0.5, 0.75, 2.5]),
            (Stabilizer::AtZero(0.5), [-2.0, -0.25, 0.5, 0.25, 2.0]),
            (Stabilizer::Unsigned(0.5), [-1.5, 0.25, 0.5, 0.75, 2.5]),
        ];
        for (stabilizer, wanted) in table {
            assert_eq!([-2.0, -0.25, 0.0, 0.25, 2.0].map(|z| stabilizer.stabilized(z)), wanted, "{stabilizer:?}");
            let mut lanes = Lanes::default();
            lanes[..5].copy_from_slice(&[-2.0, -0.25, 0.0, 0.25, 2.0]);
            assert_eq!(stabilizer.stabilized_lanes(lanes)[..5], wanted, "{stabilizer:?}");
            assert_eq!(stabilizer.epsilon(), 0.5);
            let other = stabilizer.with_epsilon(0.25);
            assert_eq!(other.epsilon(), 0.25);
            assert_eq!(other.with_epsilon(0.5), stabilizer);
        }
        // Zero of either sign is positive.
        assert_eq!(Stabilizer::Signed(0.5).stabilized(-0.0), 0.5);
    }

    #[test]
    fn rules_apply_where_they_mean_something() {
        const LINEAR: [Op; 7] =
            [Op::Conv, Op::Depthwise, Op::ConvTranspose, Op::Dense, Op::AveragePool, Op::Affine, Op::Add];
        const CELLS: [Op; 2] = [Op::Lstm, Op::Gru];
        const WEIGHTED: [Op; 4] = [Op::Conv, Op::Depthwise, Op::ConvTranspose, Op::Dense];
        let linear: &[&[Op]] = &[&LINEAR, &CELLS];
        let contributions =
            [Rule::Zero, Rule::Epsilon(0.1), Rule::Norm, Rule::ZPlus, Rule::Beta(1.0), Rule::Gamma(0.5)];
        let more = [Rule::GammaOriginal(0.5), Rule::WSquare, Rule::AlphaBeta { alpha: 2.0, beta: 1.0 }];
        let box_rule = Rule::ZBox { low: Bound::Uniform(0.0), high: Bound::Uniform(1.0) };
        let mut table: heapless::Vec<(Rule<'_>, &[&[Op]], Mismatch), 16> = heapless::Vec::new();
        for rule in contributions.into_iter().chain(more) {
            table.push((rule, linear, Mismatch::NotLinear)).unwrap();
        }
        table.push((Rule::Flat, &[&LINEAR, &CELLS, &[Op::MaxPool, Op::Mul]], Mismatch::NotLinear)).unwrap();
        table.push((box_rule, &[&WEIGHTED], Mismatch::NoWeights)).unwrap();
        table.push((Rule::Winner(Ties::First), &[&[Op::MaxPool]], Mismatch::NotMaxPool)).unwrap();
        table.push((Rule::Taylor, &[&[Op::LocalResponseNorm]], Mismatch::NotLocalResponseNorm)).unwrap();
        for op in (0..=u8::MAX).filter_map(Op::from_code) {
            for (rule, ops, otherwise) in &table {
                let applies = ops.iter().any(|ops| ops.contains(&op));
                assert_eq!(rule.mismatch(op, None), (!applies).then_some(*otherwise), "{rule:?} {op:?}");
                assert_eq!(rule.applies_to(op, None), applies);
                assert!(rule.conserves());
            }
            let one_to_one = !matches!(op, Op::Add | Op::MaxPool | Op::AveragePool | Op::Lstm | Op::Gru);
            let pass = Rule::Pass.mismatch(op, None);
            assert_eq!(pass, (!one_to_one).then_some(Mismatch::NotOneToOne), "{op:?}");
            assert!(Rule::Gradient.applies_to(op, None));
        }
        assert!(Rule::Pass.conserves() && !Rule::Gradient.conserves());
        for rule in [Rule::GuidedBackprop, Rule::Deconvnet, Rule::BetaSmooth(10.0)] {
            assert!(!rule.conserves());
            assert!(rule.applies_to(Op::Activation, Some(Function::Relu)));
            assert_eq!(rule.mismatch(Op::Activation, Some(Function::Tanh)), Some(Mismatch::NotRelu));
            assert_eq!(rule.mismatch(Op::Dense, None), Some(Mismatch::NotRelu));
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let with: [fn(f32) -> Rule<'static>; 5] =
            [Rule::Epsilon, Rule::Beta, Rule::Gamma, Rule::GammaOriginal, Rule::BetaSmooth];
        for rule in with {
            for value in [0.0, -0.0, f32::MIN_POSITIVE / 2.0, 0.5, f32::MAX] {
                assert!(rule(value).is_valid(), "{:?}", rule(value));
            }
            for value in [-0.5, -f32::MIN_POSITIVE / 2.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
                assert!(!rule(value).is_valid(), "{:?}", rule(value));
            }
        }
        for (alpha, beta, valid) in [
            (2.0, 1.0, true),
            (1.0, 0.0, true),
            (1.0, -0.0, true),
            (1.000_000_8, 0.0, true),
            (1.000_002, 0.0, false),
            (0.999_998, 0.0, false),
            (0.5, -0.5, false),
            (1.0, 1.0, false),
            (0.0, 1.0, false),
            (f32::NAN, 0.0, false),
            (1.0, f32::NAN, false),
            (f32::INFINITY, f32::INFINITY, false),
        ] {
            assert_eq!(Rule::AlphaBeta { alpha, beta }.is_valid(), valid, "{alpha} {beta}");
        }
        let (sound, wrong) = (Bound::Uniform(-1.0), Bound::Uniform(f32::NAN));
        let (values, infinite) = (Bound::Values(&[0.0, 1.0]), Bound::Values(&[0.0, f32::INFINITY]));
        for (low, high, valid) in
            [(sound, values, true), (wrong, sound, false), (sound, wrong, false), (infinite, sound, false)]
        {
            assert_eq!(Rule::ZBox { low, high }.is_valid(), valid, "{low:?} {high:?}");
        }
        assert!(Rule::WSquare.is_valid());
        assert!([0.0, -1.0, f32::MAX, f32::MIN_POSITIVE / 2.0].into_iter().all(is_finite));
        assert!(![f32::INFINITY, f32::NEG_INFINITY, f32::NAN].into_iter().any(is_finite));
    }

    #[test]
    fn options_are_kept() {
        let choice = Choice::from(Rule::Epsilon(0.25));
        assert_eq!(choice, Choice::new(Rule::Epsilon(0.25)));
        assert_eq!(choice.with_bias(Bias::Zero).bias, Bias::Zero);
        assert_eq!(choice.with_gates(Gates::Half).gates, Gates::Half);
        let clipped = choice.with_stabilizer(Stabilizer::Clip(0.5));
        assert_eq!(clipped.stabilizer, Stabilizer::Clip(0.5));
        assert_eq!(clipped.effective_stabilizer(), Stabilizer::Clip(0.25));
        let of = |rule| Choice::new(rule).with_stabilizer(Stabilizer::Clip(0.5)).effective_stabilizer();
        assert_eq!(of(Rule::Norm), Stabilizer::Clip(0.5));
        assert_eq!(of(Rule::Zero), Stabilizer::AtZero(1e-7));
    }
}
