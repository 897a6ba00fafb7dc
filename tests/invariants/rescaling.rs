//! Scaling a rectified layer by a positive number and unscaling its successor changes neither the function (Neyshabur et
//! al., "Path-SGD", 2015) nor its explanation: implementation invariance for this one symmetry (Sundararajan et al.
//! 2017, section 2.2). A power of two does not even change the rounding.

use super::explained;
use proptest::prelude::*;
use relprop::rule::{Bias, Choice, Rule, Stabilizer};
use relprop::{Composite, Preset, Select, Target};
use support::cases::cases;
use support::kernel::bits;
use support::networks::rectified::rectified;

proptest! {
    #![proptest_config(cases(256))]

    /// Scaling a rectified layer and unscaling its successor changes neither the function nor its explanation; a power
    /// of two does not even change the rounding.
    #[test]
    fn positive_rescaling_changes_no_bit(net in rectified(), class in 0_usize..3, powers in [-6_i32..=6, -6_i32..=6]) {
        let (plain, scaled) = (net.network([1.0; 2]), net.network(powers.map(|power| 2.0_f32.powi(power))));
        let input = net.input();
        // A stabiliser with an ε of its own size would see the scale.
        let rules = [
            Choice::new(Rule::Zero),
            Choice::new(Rule::ZPlus).with_stabilizer(Stabilizer::NormScale(0.01)),
            Choice::new(Rule::Gamma(0.25)).with_stabilizer(Stabilizer::NormScale(0.01)),
            Choice::new(Rule::AlphaBeta { alpha: 2.0, beta: 1.0 }).with_stabilizer(Stabilizer::NormScale(1e-3)),
            // Weights and biases scale differently, and w² looks at both.
            Choice::new(Rule::WSquare).with_bias(Bias::Zero).with_stabilizer(Stabilizer::NormScale(0.25)),
            Choice::new(Rule::Flat),
        ];
        for choice in rules {
            let overrides = [(Select::Linear, choice)];
            let composite = Composite::new(Preset::Bare).with(&overrides);
            let [a, b] = [&plain, &scaled].map(|n| explained(n, &input, Target::class(class), &composite));
            prop_assert_eq!(bits(&a.outputs[0]), bits(&b.outputs[0]));
            prop_assert_eq!(bits(&a.inputs[0]), bits(&b.inputs[0]), "{:?}", choice);
        }
    }
}
