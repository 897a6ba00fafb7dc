//! An input that contributes nothing has no relevance: the dummy property (Sundararajan et al., "Axiomatic attribution for
//! deep networks", ICML 2017, section 2.1, "sensitivity (b)"), for inputs that are zero under rules that weigh by the
//! input, and for inputs that no weight reads under every rule but "flat".

use proptest::prelude::*;
use relprop::rule::{Bound, Choice, Rule};
use relprop::step::Shape;
use relprop::{Composite, Preset, Select, Target};
use relprop_convert::Network;
use support::cases::cases;
use support::networks::numbers::{Numbers, Style};
use support::networks::rectified::rectified;

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn zeros_have_no_relevance(net in rectified(), class in 0_usize..3) {
        let (network, input) = (net.network([1.0; 2]), net.input());
        for preset in [Preset::Epsilon(0.01), Preset::EpsilonPlus, Preset::EpsilonAlpha2Beta1] {
            let seen = super::explained(&network, &input, Target::class(class), &Composite::new(preset));
            for (r, x) in seen.inputs[0].iter().zip(&input) {
                prop_assert!(*x != 0.0 || *r == 0.0, "{} of a zero by {:?}", r, preset);
            }
        }
    }

    #[test]
    fn what_nobody_reads_has_no_relevance(seed: u64, inputs in 2_usize..12, hidden in 1_usize..12, dead in 0_usize..12) {
        let (mut numbers, dead) = (Numbers::new(seed, Style::Smooth), dead % inputs);
        let mut weights = numbers.list(inputs * hidden);
        weights.iter_mut().skip(dead).step_by(inputs).for_each(|w| *w = 0.0);
        let mut n = Network::named("dead");
        let x = n.input("x", Shape::new(1, 1, inputs));
        let y = n.dense(x, hidden, &weights, &numbers.list(hidden));
        let y = n.relu(y);
        let y = n.dense(y, 2, &numbers.list(2 * hidden), &[]);
        n.output(y);
        let input = numbers.list(inputs);
        let z_box = Rule::ZBox { low: Bound::Uniform(-2.0), high: Bound::Uniform(2.0) };
        let alpha_beta = Rule::AlphaBeta { alpha: 2.0, beta: 1.0 };
        let rules = [Rule::Zero, Rule::Epsilon(0.1), Rule::ZPlus, alpha_beta, Rule::Gamma(0.25), Rule::WSquare, z_box, Rule::Gradient];
        for rule in rules {
            let overrides = [(Select::First, Choice::new(rule))];
            let composite = Composite::new(Preset::EpsilonPlus).with(&overrides);
            let seen = super::explained(&n, &input, Target::TOP, &composite);
            prop_assert_eq!(seen.inputs[0][dead], 0.0, "{:?}", rule);
        }
    }
}
