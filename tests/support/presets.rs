//! Every composite.

use relprop::Preset;
use relprop::rule::Bound;

/// Every preset that gives every step a rule, by its name.
pub fn presets(low: f32, high: f32) -> [(&'static str, Preset<'static>); 13] {
    let (low, high) = (Bound::Uniform(low), Bound::Uniform(high));
    [
        ("epsilon", Preset::Epsilon(0.01)),
        ("epsilon_plus", Preset::EpsilonPlus),
        ("epsilon_plus_flat", Preset::EpsilonPlusFlat),
        ("epsilon_alpha2_beta1", Preset::EpsilonAlpha2Beta1),
        ("epsilon_alpha2_beta1_flat", Preset::EpsilonAlpha2Beta1Flat),
        ("epsilon_gamma_box", Preset::EpsilonGammaBox { low, high }),
        ("binder_hybrid", Preset::BinderHybrid),
        ("deep_taylor", Preset::DeepTaylor { low, high }),
        ("excitation_backprop", Preset::ExcitationBackprop),
        ("gradient", Preset::Gradient),
        ("guided_backprop", Preset::GuidedBackprop),
        ("deconvnet", Preset::Deconvnet),
        ("epsilon_1e-6", Preset::Epsilon(1e-6)),
    ]
}
