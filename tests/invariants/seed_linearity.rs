//! Relevance is linear in where it starts, because every share is a fixed part of what arrives: Montavon et al.,
//! "Layer-wise relevance propagation: an overview", 2019, equation 10.1; what "why this class and not that one" rests on (Gu
//! et al., "Understanding individual decisions of CNNs via contrastive backpropagation", ACCV 2018).

use proptest::prelude::*;
use relprop::{Composite, Preset, Seed};
use support::cases::cases;
use support::checks::statements::check_homogeneity;
use support::networks::choices::presets;
use support::networks::graphs::graph;
use support::networks::numbers::{Numbers, Style};
use support::networks::rectified::rectified;

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn twice_the_seed_is_twice_the_relevance(case in graph(), preset in presets(), seed: u64) {
        let outputs = case.network.shape(case.network.outputs[0].tensor).elements();
        check_homogeneity(&case, preset, &Numbers::new(seed, Style::Smooth).sparse(outputs))?;
    }

    /// Not of guided backpropagation and deconvnet, which rectify what arrives.
    #[test]
    fn relevances_of_two_classes_add_up(net in rectified(), a in -2.0_f32..2.0, b in -2.0_f32..2.0) {
        let (network, input) = (net.network([1.0; 2]), net.input());
        let presets = [Preset::EpsilonPlus, Preset::EpsilonAlpha2Beta1, Preset::Epsilon(0.01), Preset::Gradient];
        for preset in presets {
            let composite = Composite::new(preset);
            let of = |seed: [f32; 3]| super::seeded(&network, &input, Seed::Values(&seed), &composite);
            let [first, second, both] = [of([a, 0.0, 0.0]), of([0.0, 0.0, b]), of([a, 0.0, b])];
            // Shares of either sign may cancel on their way: what they are made of tells how far rounding reaches.
            let peak = |seen: &support::kernel::Seen| seen.entries.iter().fold(0.0_f32, |peak, e| peak.max(e.peak));
            let size = peak(&first) + peak(&second);
            for ((first, second), both) in first.inputs[0].iter().zip(&second.inputs[0]).zip(&both.inputs[0]) {
                prop_assert!((first + second - both).abs() <= 1e-5 * size, "{first} + {second} is {both} by {preset:?}");
            }
        }
    }
}
