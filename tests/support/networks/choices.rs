//! Random rules with random options.

use super::Case;
use super::numbers::{Numbers, Style};
use proptest::prelude::*;
use relprop::Preset;
use relprop::rule::{Bias, Bound, Choice, Rule, Stabilizer, Ties};
use relprop::step::{Function, Op, Shape};

/// A choice that owns its bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    plain: Choice<'static>,
    bounds: Option<[Vec<f32>; 2]>,
}

impl Spec {
    /// The choice.
    pub fn choice(&self) -> Choice<'_> {
        match &self.bounds {
            Some([low, high]) => {
                let rule = Rule::ZBox { low: Bound::Values(low), high: Bound::Values(high) };
                Choice { rule, ..self.plain }
            }
            None => self.plain,
        }
    }
}

/// Every rule, those with parameters several times.
const RULES: [Rule<'static>; 26] = [
    Rule::Zero,
    Rule::Epsilon(1e-6),
    Rule::Epsilon(0.01),
    Rule::Epsilon(0.3),
    Rule::Norm,
    Rule::AlphaBeta { alpha: 2.0, beta: 1.0 },
    Rule::AlphaBeta { alpha: 1.5, beta: 0.5 },
    Rule::AlphaBeta { alpha: 1.0, beta: 0.0 },
    Rule::ZPlus,
    Rule::Beta(0.0),
    Rule::Beta(1.0),
    Rule::Gamma(0.25),
    Rule::Gamma(1.0),
    Rule::GammaOriginal(0.25),
    Rule::GammaOriginal(0.0),
    Rule::ZBox { low: Bound::Uniform(-2.5), high: Bound::Uniform(2.25) },
    Rule::WSquare,
    Rule::Flat,
    Rule::Pass,
    Rule::Gradient,
    Rule::GuidedBackprop,
    Rule::Deconvnet,
    Rule::BetaSmooth(10.0),
    Rule::Winner(Ties::First),
    Rule::Winner(Ties::Split),
    Rule::Taylor,
];

/// What a spec is picked with.
#[derive(Clone, Copy, Debug)]
pub struct Pick {
    rule: usize,
    bias: Bias,
    stabilizer: Stabilizer,
    bound: usize,
    numbers: Numbers,
}

prop_compose! {
    /// Picks of rules and options.
    pub fn picks()(
        rule: usize,
        bias in prop::sample::select(vec![Bias::Absorb, Bias::Zero, Bias::Redistribute]),
        // No multiples of 1/16, with which sums on the grid could cancel.
        epsilon in prop::sample::select(vec![1e-9, 1e-6, 0.01, 0.3]),
        form in 0..5,
        bound in 0_usize..3,
        seed: u64,
    ) -> Pick {
        let stabilizer = match form {
            0 => Stabilizer::Signed(epsilon),
            1 => Stabilizer::Clip(epsilon),
            2 => Stabilizer::NormScale(epsilon),
            3 => Stabilizer::AtZero(epsilon),
            _ => Stabilizer::Unsigned(epsilon),
        };
        Pick { rule, bias, stabilizer, bound, numbers: Numbers::new(seed, Style::Smooth) }
    }
}

impl Pick {
    /// A rule that applies to the step that a case is about, with options.
    pub fn spec(self, case: &Case) -> Spec {
        self.spec_for(case, case.step)
    }

    /// A rule that applies to a step, with options.
    pub fn spec_for(mut self, case: &Case, step: usize) -> Spec {
        let layer = &case.network.steps[step];
        let input = case.network.shape(layer.operands[0]);
        let function = if layer.op == Op::Activation { Function::from_code(layer.variant) } else { None };
        let same_size = input.elements() == case.network.shape(layer.output).elements();
        let applies = |rule: &&Rule<'_>| rule.applies_to(layer.op, function) && (**rule != Rule::Pass || same_size);
        let rules: Vec<_> = RULES.iter().filter(applies).collect();
        let rule = *rules[self.rule % rules.len()];
        let stabilizer = match self.stabilizer {
            // There is no denominator of a whole step whose mean it could take.
            Stabilizer::NormScale(epsilon) if rule == Rule::Taylor => Stabilizer::Signed(epsilon),
            stabilizer => stabilizer,
        };
        let plain = Choice::new(rule).with_bias(self.bias).with_stabilizer(stabilizer);
        let bounds = matches!(rule, Rule::ZBox { .. }).then(|| self.bounds(input)).flatten();
        Spec { plain, bounds }
    }

    /// Uniform bounds, or one pair per channel, or one per element.
    fn bounds(&mut self, input: Shape) -> Option<[Vec<f32>; 2]> {
        let len = [0, input.channels, input.elements()][self.bound];
        let mut around = |centre: f32| (0..len).map(|_| centre + self.numbers.one() / 4.0).collect();
        (len > 0).then(|| [around(-2.5), around(2.5)])
    }
}

/// Every preset.
pub const PRESETS: [Preset<'static>; 14] = [
    Preset::Epsilon(0.01),
    Preset::Epsilon(1e-6),
    Preset::EpsilonPlus,
    Preset::EpsilonPlusFlat,
    Preset::EpsilonAlpha2Beta1,
    Preset::EpsilonAlpha2Beta1Flat,
    Preset::EpsilonGammaBox { low: Bound::Uniform(-2.0), high: Bound::Uniform(2.0) },
    Preset::BinderHybrid,
    Preset::DeepTaylor { low: Bound::Uniform(-2.0), high: Bound::Uniform(2.0) },
    Preset::ExcitationBackprop,
    Preset::Gradient,
    Preset::GuidedBackprop,
    Preset::Deconvnet,
    Preset::Bare,
];

/// Presets that give every step a rule.
pub fn presets() -> impl Strategy<Value = Preset<'static>> {
    prop::sample::select(PRESETS.iter().copied().filter(|preset| *preset != Preset::Bare).collect::<Vec<_>>())
}
