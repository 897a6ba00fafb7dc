//! z^B keeps the sum and hands out non-negative shares wherever the input lies in its box: Montavon et al. 2017 (deep
//! Taylor decomposition), proposition 4.

use proptest::prelude::*;
use relprop::rule::{Bound, Choice, Rule};
use relprop::step::Shape;
use relprop::{Composite, Preset, Seed, Select};
use relprop_convert::Network;
use support::cases::cases;
use support::networks::numbers::{Numbers, Style};

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_box_keeps_what_it_is_given(
        seed: u64, inputs in 1_usize..20, outputs in 1_usize..12, low in -3.0_f32..-2.0, high in 2.0_f32..3.0
    ) {
        let mut numbers = Numbers::new(seed, Style::Smooth);
        let mut network = Network::named("pixels");
        let x = network.input("x", Shape::new(1, 1, inputs));
        let y = network.dense(x, outputs, &numbers.list(inputs * outputs), &[]);
        network.output(y);
        let input = numbers.list(inputs);
        let start: Vec<f32> = numbers.list(outputs).iter().map(|r| r.abs()).collect();
        let rule = Rule::ZBox { low: Bound::Uniform(low), high: Bound::Uniform(high) };
        let overrides = [(Select::All, Choice::new(rule))];
        let composite = Composite::new(Preset::Bare).with(&overrides);
        let seen = super::seeded(&network, &input, Seed::Values(&start), &composite);
        let [seeded, received, imbalance] = seen.sums;
        let taken = seen.entries[0].stabilizer;
        prop_assert!((received + taken - seeded).abs() <= 1e-4 * seeded, "{seeded} became {received} and {taken}");
        prop_assert!(taken.abs() <= 1e-3 * seeded, "{taken} of {seeded} to the stabiliser");
        prop_assert!(imbalance.abs() <= 1e-5 * seeded);
        prop_assert!(seen.inputs[0].iter().all(|r| *r >= -1e-5 * seeded), "{:?}", seen.inputs[0]);
    }
}
