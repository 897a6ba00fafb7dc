//! z⁺ and deep Taylor decomposition hand out non-negative shares of a non-negative whole: Montavon et al., "Explaining
//! nonlinear classification decisions with deep Taylor decomposition", Pattern Recognition 2017, definition 2 and
//! propositions 2 to 4.

use proptest::prelude::*;
use relprop::rule::{Bound, Choice, Rule};
use relprop::{Composite, Preset, Seed, Select};
use support::cases::cases;
use support::networks::rectified::rectified;

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn nothing_speaks_against_a_positive_output(net in rectified(), class in 0_usize..3, amount in 0.0_f32..8.0) {
        let (network, input) = (net.network([1.0; 2]), net.input());
        let mut seed = [0.0; 3];
        seed[class] = amount;
        let z_plus = [(Select::Linear, Choice::new(Rule::ZPlus))];
        // The inputs are between −2 and 2.
        let (low, high) = (Bound::Uniform(-2.0), Bound::Uniform(2.0));
        let composites =
            [Composite::new(Preset::Bare).with(&z_plus), Composite::new(Preset::DeepTaylor { low, high })];
        for composite in composites {
            let seen = super::seeded(&network, &input, Seed::Values(&seed), &composite);
            for tensor in seen.relevance.iter().flatten() {
                let size: f32 = tensor.iter().map(|r| r.abs()).sum();
                // z^B subtracts two sums that nearly make up for the third.
                prop_assert!(tensor.iter().all(|r| *r >= -1e-6 * size), "{:?} by {:?}", tensor, composite);
            }
            // No more than there was.
            prop_assert!(seen.sums[1] <= amount * 1.0001 + 1e-6, "{:?}", seen.sums);
        }
    }
}
