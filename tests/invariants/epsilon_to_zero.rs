//! On a network of rectifiers and max pooling that keeps its biases, LRP with ε → 0 is gradient × input: Ancona et al.,
//! "Towards better understanding of gradient-based attribution methods for deep neural networks", ICLR 2018, proposition 1;
//! first Shrikumar et al. 2016, Kindermans et al. 2016.

use super::explained;
use proptest::prelude::*;
use relprop::rule::{Choice, Rule};
use relprop::{Composite, Preset, Select, Target};
use support::cases::cases;
use support::networks::rectified::rectified;

proptest! {
    #![proptest_config(cases(256))]

    /// On a network of rectifiers and max pooling that keeps its biases, LRP with ε → 0 is gradient × input
    /// (Ancona et al. 2018).
    #[test]
    fn epsilon_to_zero_is_gradient_x_input(net in rectified(), class in 0_usize..3) {
        let (network, input) = (net.network([1.0; 2]), net.input());
        let zero = [(Select::Linear, Choice::new(Rule::Zero))];
        let composite = Composite::new(Preset::Bare).with(&zero).with_condition();
        let seen = explained(&network, &input, Target::class(class), &composite);
        // Where terms nearly cancel, neither side is known to many digits.
        let condition = seen.entries.iter().fold(f32::NAN, |least, entry| least.min(entry.condition));
        prop_assume!(condition > 1e-3);
        let gradient = explained(&network, &input, Target::one_hot(class), &Composite::new(Preset::Gradient));
        let peak = seen.entries.iter().fold(0.0_f32, |peak, entry| peak.max(entry.peak));
        for ((r, g), x) in seen.inputs[0].iter().zip(&gradient.inputs[0]).zip(&input) {
            prop_assert!((r - g * x).abs() <= 1e-6 / condition * peak, "{} for {}", r, g * x);
        }
    }
}
