//! A convolution with the batch normalisation behind it folded in has, by LRP-0, the relevance of the two in a row: Guillemot
//! et al., "Breaking batch normalization for better explainability of deep neural networks through layer-wise relevance
//! propagation", 2020, section 3.

use proptest::prelude::*;
use relprop::rule::{Choice, Rule, Stabilizer};
use relprop::step::Shape;
use relprop::{Composite, Preset, Select, Target};
use relprop_convert::{Network, Window};
use support::cases::cases;
use support::networks::numbers::{Numbers, Style};

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn folded_is_unfolded(seed: u64, extent in 3_usize..6, inputs in 1_usize..4, outputs in 1_usize..10) {
        let mut numbers = Numbers::new(seed, Style::Smooth);
        let weights = numbers.list(9 * inputs * outputs);
        let (bias, scale, shift) = (numbers.list(outputs), numbers.list(outputs), numbers.list(outputs));
        let shape = Shape::new(extent, extent, inputs);
        let (input, head) = (numbers.list(shape.elements()), numbers.list(outputs * (extent - 2) * (extent - 2)));
        let network = |folded: bool| {
            let mut n = Network::named("normalised");
            let x = n.input("x", shape);
            let y = if folded {
                let fan = 9 * inputs;
                let weights: Vec<f32> = weights.iter().enumerate().map(|(i, w)| w * scale[i / fan]).collect();
                let bias: Vec<f32> = (0..outputs).map(|c| bias[c] * scale[c] + shift[c]).collect();
                n.conv(x, &Window::new(3, 3), outputs, &weights, &bias)
            } else {
                let y = n.conv(x, &Window::new(3, 3), outputs, &weights, &bias);
                n.affine(y, &scale, &shift)
            };
            let y = n.relu(y);
            let y = n.dense(y, 1, &head, &[]);
            n.output(y);
            n
        };
        let rules = [(Select::All, Choice::new(Rule::Zero).with_stabilizer(Stabilizer::AtZero(1e-12)))];
        let composite = Composite::new(Preset::Bare).with(&rules).with_condition();
        let [a, b] = [true, false].map(|folded| super::explained(&network(folded), &input, Target::TOP, &composite));
        prop_assert!((a.outputs[0][0] - b.outputs[0][0]).abs() <= 1e-4 * (1.0 + a.outputs[0][0].abs()));
        // Where terms nearly cancel, neither is known to many digits, and which side of zero a unit is on neither.
        let condition = a.entries.iter().chain(&b.entries).fold(f32::NAN, |least, entry| least.min(entry.condition));
        prop_assume!(condition > 1e-3);
        let peak = a.entries.iter().chain(&b.entries).fold(0.0_f32, |peak, entry| peak.max(entry.peak));
        for (a, b) in a.inputs[0].iter().zip(&b.inputs[0]) {
            prop_assert!((a - b).abs() <= 1e-5 / condition * peak, "{} folded, {} unfolded", a, b);
        }
    }
}
