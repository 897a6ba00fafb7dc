//! Which rule each step gets.

use crate::error::{ExplainError, Mismatch};
use crate::model::Model;
use crate::number::bits_of;
use crate::rule::{Bound, Choice, Rule, Ties, is_finite};
use crate::step::{Function, Op, Step};

/// A named assignment of rules from the literature.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Preset<'a> {
    /// LRP-ε on every weighted step (Bach et al. 2015).
    Epsilon(f32),
    /// ε on dense, z⁺ on convolutions (Kohlbrenner et al. 2020).
    EpsilonPlus,
    /// As [`EpsilonPlus`](Self::EpsilonPlus), flat on the first weighted step.
    EpsilonPlusFlat,
    /// ε on dense, α=2 β=1 on convolutions.
    EpsilonAlpha2Beta1,
    /// As [`EpsilonAlpha2Beta1`](Self::EpsilonAlpha2Beta1), flat on the first weighted step.
    EpsilonAlpha2Beta1Flat,
    /// z^B on the first convolution, γ = 0.25 on the others, ε on dense (Montavon et al. 2019).
    EpsilonGammaBox {
        /// Smallest values of the inputs.
        low: Bound<'a>,
        /// Largest values.
        high: Bound<'a>,
    },
    /// β = 0 on convolutions, ε = 0.01 on dense: the hybrid of Binder et al. 2016.
    BinderHybrid,
    /// Deep Taylor decomposition (Montavon et al. 2017): z^B on the first weighted step, z⁺ on the others.
    DeepTaylor {
        /// Smallest values of the inputs.
        low: Bound<'a>,
        /// Largest values.
        high: Bound<'a>,
    },
    /// Excitation backprop (Zhang et al. 2016): z⁺ on every weighted step, activations by their gradient.
    ExcitationBackprop,
    /// The gradient of the output.
    Gradient,
    /// Guided backpropagation (Springenberg et al. 2015).
    GuidedBackprop,
    /// Deconvnet (Zeiler & Fergus 2014).
    Deconvnet,
    /// No rules for weighted steps: each must get one from an override.
    Bare,
}

impl<'a> Preset<'a> {
    fn choose(self, model: &Model<'_>, index: usize, step: &Step) -> Option<Choice<'a>> {
        let first = |select: Select<'_>| select.matches(model, index, step);
        let conv = step.op.is_weighted() && step.op != Op::Dense;
        let lrp = |weighted: Option<Rule<'a>>| if step.op.is_weighted() { weighted } else { unweighted(step) };
        let rule = match self {
            Self::Epsilon(epsilon) if step.op.is_recurrent() => Some(Rule::Epsilon(epsilon)),
            Self::Epsilon(epsilon) => lrp(Some(Rule::Epsilon(epsilon))),
            Self::EpsilonPlusFlat | Self::EpsilonAlpha2Beta1Flat if first(Select::First) => Some(Rule::Flat),
            Self::EpsilonPlus | Self::EpsilonPlusFlat if conv => Some(Rule::ZPlus),
            Self::EpsilonAlpha2Beta1 | Self::EpsilonAlpha2Beta1Flat if conv => {
                Some(Rule::AlphaBeta { alpha: 2.0, beta: 1.0 })
            }
            Self::EpsilonGammaBox { low, high } if first(Select::FirstConv) => Some(Rule::ZBox { low, high }),
            Self::EpsilonGammaBox { .. } if conv => Some(Rule::Gamma(0.25)),
            Self::BinderHybrid if conv => Some(Rule::Beta(0.0)),
            Self::BinderHybrid => lrp(Some(Rule::Epsilon(0.01))),
            Self::DeepTaylor { low, high } if first(Select::First) => Some(Rule::ZBox { low, high }),
            Self::EpsilonPlus
            | Self::EpsilonPlusFlat
            | Self::EpsilonAlpha2Beta1
            | Self::EpsilonAlpha2Beta1Flat
            | Self::EpsilonGammaBox { .. } => lrp(Some(Rule::Epsilon(1e-6))),
            Self::ExcitationBackprop if matches!(step.op, Op::Activation | Op::Affine) => Some(Rule::Gradient),
            Self::ExcitationBackprop | Self::DeepTaylor { .. } => lrp(Some(Rule::ZPlus)),
            Self::GuidedBackprop if model.function(step) == Some(Function::Relu) => Some(Rule::GuidedBackprop),
            Self::Deconvnet if model.function(step) == Some(Function::Relu) => Some(Rule::Deconvnet),
            Self::Gradient | Self::GuidedBackprop | Self::Deconvnet => Some(Rule::Gradient),
            Self::Bare => lrp(None),
        };
        rule.map(Choice::new)
    }
}

/// What relevance propagation does where there are no weights. Unfolded batch norm passes relevance on, as in zennit.
fn unweighted<'a>(step: &Step) -> Option<Rule<'a>> {
    Some(match step.op {
        Op::Add | Op::AveragePool => Rule::Norm,
        Op::MaxPool => Rule::Winner(Ties::First),
        Op::Softmax => return None,
        // Arras et al. 2017.
        Op::Lstm | Op::Gru => Rule::Epsilon(0.001),
        _ => Rule::Pass,
    })
}

/// Which steps an override is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select<'a> {
    /// Every step that the rule applies to and that combines inputs: weighted steps, pooling, addition.
    All,
    /// Convolutions and dense.
    Linear,
    /// The weighted step nearest the input.
    First,
    /// The convolution nearest the input.
    FirstConv,
    /// Convolutions: ordinary, depthwise, transposed.
    Conv,
    /// Dense steps.
    Dense,
    /// Pooling, average and maximum.
    Pool,
    /// Elementwise steps: activations and unfolded batch norm.
    Activation,
    /// Every step of one op.
    Op(Op),
    /// The step with this name.
    Name(&'a str),
    /// The step at this position.
    Position(usize),
}

impl Select<'_> {
    /// Whether a step is meant.
    pub fn matches(&self, model: &Model<'_>, index: usize, step: &Step) -> bool {
        let conv = |op: Op| op.is_weighted() && op != Op::Dense;
        match *self {
            Self::All => step.op.is_linear() || step.op.is_recurrent() || step.op == Op::MaxPool,
            Self::Linear => step.op.is_weighted(),
            Self::First => step.op.is_weighted() && (0..index).all(|i| !model.links(i).op.is_weighted()),
            Self::FirstConv => conv(step.op) && (0..index).all(|i| !conv(model.links(i).op)),
            Self::Conv => conv(step.op),
            Self::Dense => step.op == Op::Dense,
            Self::Pool => matches!(step.op, Op::MaxPool | Op::AveragePool),
            Self::Activation => matches!(step.op, Op::Activation | Op::Affine),
            Self::Op(op) => step.op == op,
            Self::Name(name) => model.step_name(step) == name,
            Self::Position(position) => index == position,
        }
    }

    /// Whether exactly one step is meant, so that a rule that does not apply to it is a mistake.
    const fn is_single(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Position(_))
    }
}

/// A rule for some steps, on top of a preset.
pub type Override<'a> = (Select<'a>, Choice<'a>);

/// Rules for all steps: a preset, and overrides of which the last that matches wins.
///
/// A group of steps ([`Select::All`], [`Select::Conv`] …) takes an override where the rule applies and keeps what it
/// had elsewhere; a single step must be able to take it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Composite<'a> {
    /// What holds where no override matches.
    pub preset: Preset<'a>,
    /// In rising order of precedence.
    pub overrides: &'a [Override<'a>],
    /// Measure the smallest `|z| / Σ|x·w|` of every step: one more sweep over the weights.
    pub measure_condition: bool,
}

impl<'a> Composite<'a> {
    /// A preset as it is.
    pub const fn new(preset: Preset<'a>) -> Self {
        Self { preset, overrides: &[], measure_condition: false }
    }

    /// A preset with overrides.
    #[must_use]
    pub const fn with(self, overrides: &'a [Override<'a>]) -> Self {
        Self { overrides, ..self }
    }

    /// With condition figures in the ledger.
    #[must_use]
    pub const fn with_condition(self) -> Self {
        Self { measure_condition: true, ..self }
    }

    /// The rule of a step; `None` for steps that need none (structural ones, and a softmax at the output).
    ///
    /// # Errors
    /// The step has no rule, or one that does not apply to it or has a parameter out of range.
    pub fn choose(&self, model: &Model<'_>, index: usize) -> Result<Option<Choice<'a>>, ExplainError> {
        let step = model.step(index);
        let mismatch = |choice: &Choice<'_>| choice.rule.mismatch(step.op, model.function(&step));
        for (select, choice) in self.overrides.iter().rev() {
            if !select.matches(model, index, &step) {
                continue;
            }
            match mismatch(choice) {
                None => return checked(model, index, &step, *choice).map(Some),
                Some(reason) if select.is_single() => return Err(ExplainError::RuleMismatch { step: index, reason }),
                Some(_) => {}
            }
        }
        if step.op.is_structural() || step.op.is_conversion() || is_softmax_head(model, &step) {
            return Ok(None);
        }
        match self.preset.choose(model, index, &step) {
            Some(choice) => match mismatch(&choice) {
                None => checked(model, index, &step, choice).map(Some),
                Some(reason) => Err(ExplainError::RuleMismatch { step: index, reason }),
            },
            None => Err(ExplainError::NoRule { step: index }),
        }
    }
}

impl Default for Composite<'_> {
    fn default() -> Self {
        Self::new(Preset::EpsilonPlus)
    }
}

/// Relevance starts before a softmax at the output, if nothing else reads it.
pub(crate) fn is_softmax_head(model: &Model<'_>, step: &Step) -> bool {
    let is_read = || (0..model.steps()).any(|i| model.reads(i, step.output));
    step.op == Op::Softmax && (0..model.outputs()).any(|i| model.output(i).tensor == step.output) && !is_read()
}

fn checked<'a>(model: &Model<'_>, index: usize, step: &Step, choice: Choice<'a>) -> Result<Choice<'a>, ExplainError> {
    let epsilon = choice.stabilizer.epsilon();
    let below_zero = bits_of(epsilon) >> 31 == 1 && bits_of(epsilon) << 1 != 0;
    if !choice.rule.is_valid() || !is_finite(epsilon) || below_zero {
        return Err(ExplainError::RuleParameter { step: index });
    }
    let input = model.tensor(model.operand(step, 0)).shape;
    let output = model.tensor(step.output).shape;
    match choice.rule {
        Rule::Pass if step.op != Op::Embedding && input.elements() != output.elements() => {
            Err(ExplainError::RuleMismatch { step: index, reason: Mismatch::NotOneToOne })
        }
        Rule::ZBox { low, high } => {
            let fits = |bound: Bound<'_>| match bound {
                Bound::Uniform(_) => true,
                Bound::Values(v) => v.len() == input.channels || v.len() == input.elements(),
            };
            if fits(low) && fits(high) { Ok(choice) } else { Err(ExplainError::BoundLength { step: index }) }
        }
        _ => Ok(choice),
    }
}
