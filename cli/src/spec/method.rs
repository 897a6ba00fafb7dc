//! The methods by name: composites of rules, and loops around them.

use clap::ValueEnum;
use relprop::{Bound, Mode, Preset};

/// A method of explaining.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Method {
    /// ε = 1e-6 on every weighted step
    Epsilon,
    /// ε on dense, z⁺ on convolutions
    #[default]
    EpsilonPlus,
    /// the same, flat on the first weighted step
    EpsilonPlusFlat,
    /// ε on dense, α=2 β=1 on convolutions
    #[value(name = "epsilon_alpha2_beta1")]
    EpsilonAlpha2Beta1,
    /// the same, flat on the first weighted step
    #[value(name = "epsilon_alpha2_beta1_flat")]
    EpsilonAlpha2Beta1Flat,
    /// z^B on the first convolution, γ = 0.25 on the others, ε on dense
    EpsilonGammaBox,
    /// β = 0 on convolutions, ε = 0.01 on dense
    BinderHybrid,
    /// z^B on the first weighted step, z⁺ elsewhere
    DeepTaylor,
    /// z⁺ on weighted steps, activations by gradient
    ExcitationBackprop,
    /// guided backpropagation
    GuidedBackprop,
    /// deconvnet
    Deconvnet,
    /// the gradient
    Gradient,
    /// the gradient times the input
    GradientXInput,
    /// the mean gradient on the way from a baseline, times the way
    IntegratedGradients,
    /// the mean gradient at noisy copies of the input
    Smoothgrad,
    /// what the class loses when a square is covered
    Occlusion,
    /// gradient-weighted activations of one step
    GradCam,
    /// baseline: the score spread evenly
    Uniform,
    /// baseline: the score on the first input
    FirstInput,
    /// none for weighted steps: each must get one from --rule
    #[value(alias = "bare")]
    None,
}

impl Method {
    /// As it is typed.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Needs to know the range of the inputs.
    pub fn needs_box(self) -> bool {
        matches!(self, Self::EpsilonGammaBox | Self::DeepTaylor)
    }

    /// The composite of rules, `None` for loops.
    pub fn preset<'a>(self, low: Bound<'a>, high: Bound<'a>) -> Option<Preset<'a>> {
        Some(match self {
            Self::Epsilon => Preset::Epsilon(1e-6),
            Self::EpsilonPlus => Preset::EpsilonPlus,
            Self::EpsilonPlusFlat => Preset::EpsilonPlusFlat,
            Self::EpsilonAlpha2Beta1 => Preset::EpsilonAlpha2Beta1,
            Self::EpsilonAlpha2Beta1Flat => Preset::EpsilonAlpha2Beta1Flat,
            Self::EpsilonGammaBox => Preset::EpsilonGammaBox { low, high },
            Self::BinderHybrid => Preset::BinderHybrid,
            Self::DeepTaylor => Preset::DeepTaylor { low, high },
            Self::ExcitationBackprop => Preset::ExcitationBackprop,
            Self::GuidedBackprop => Preset::GuidedBackprop,
            Self::Deconvnet => Preset::Deconvnet,
            Self::Gradient => Preset::Gradient,
            Self::None => Preset::Bare,
            Self::GradientXInput
            | Self::IntegratedGradients
            | Self::Smoothgrad
            | Self::Occlusion
            | Self::GradCam
            | Self::Uniform
            | Self::FirstInput => return None,
        })
    }

    /// A composite of rules, which takes one pass.
    pub fn is_composite(self) -> bool {
        self.preset(Bound::Uniform(0.0), Bound::Uniform(0.0)).is_some()
    }

    /// Made of gradients, which are usually those of the score and not of half its square.
    pub fn is_gradient(self) -> bool {
        matches!(
            self,
            Self::GuidedBackprop
                | Self::Deconvnet
                | Self::Gradient
                | Self::GradientXInput
                | Self::IntegratedGradients
                | Self::Smoothgrad
                | Self::GradCam
        )
    }

    /// What the arena must hold.
    pub fn mode(self) -> Mode {
        match self {
            // Activations are weighted when everything has been passed back.
            Self::GradCam => Mode::Retain,
            _ => Mode::Explain,
        }
    }
}
