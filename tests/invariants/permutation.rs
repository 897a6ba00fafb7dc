//! Relevance follows the elements: networks that differ in the order of their units have the same explanation (the
//! symmetry axiom in the wider sense of Montavon, "Gradient-based vs. propagation-based explanations: an axiomatic
//! comparison", 2019, section 13.2).

use super::explained;
use proptest::prelude::*;
use relprop::step::Shape;
use relprop::{Composite, Preset, Target};
use relprop_convert::{Network, Window};
use support::cases::cases;
use support::networks::numbers::{Numbers, Style};

proptest! {
    #![proptest_config(cases(256))]

    /// Relevance follows the elements: a mirrored picture under mirrored weights has the mirrored explanation.
    #[test]
    fn a_mirrored_network_explains_the_mirrored_picture(seed: u64, size in (2_usize..9, 1_usize..7, 1_usize..5)) {
        let (width, inputs, outputs) = size;
        let mut numbers = Numbers::new(seed, Style::Grid);
        let (weights, head) = (numbers.list(3 * inputs * outputs), numbers.list(outputs * width));
        let input = numbers.sparse(width * inputs);
        let mirrored = |values: &[f32], row: usize, cell: usize| -> Vec<f32> {
            values.chunks(row * cell).flat_map(|row| row.chunks(cell).rev().flatten().copied()).collect()
        };
        let network = |weights: &[f32], head: &[f32]| {
            let mut n = Network::named("row");
            let x = n.input("x", Shape::new(1, width, inputs));
            let y = n.conv(x, &Window { pads: [0, 1, 0, 1], ..Window::new(1, 3) }, outputs, weights, &[]);
            let y = n.relu(y);
            let y = n.dense(y, 1, head, &[]);
            n.output(y);
            n
        };
        let composite = Composite::new(Preset::EpsilonAlpha2Beta1);
        let a = explained(&network(&weights, &head), &input, Target::TOP, &composite);
        let turned = network(&mirrored(&weights, 3, 1), &mirrored(&head, width, outputs));
        let b = explained(&turned, &mirrored(&input, width, inputs), Target::TOP, &composite);
        let back = mirrored(&b.inputs[0], width, inputs);
        let size: f32 = a.inputs[0].iter().map(|r| r.abs()).sum();
        for (a, b) in a.inputs[0].iter().zip(back) {
            prop_assert!((a - b).abs() <= 1e-5 * size, "{} for {}", b, a);
        }
    }

    /// Channels that change places between two layers take their weights along, and relevance of the input stays what it
    /// was, but for the order of sums.
    #[test]
    fn permuted_channels_change_nothing(seed: u64, inputs in 1_usize..5, hidden in 2_usize..12, turn in 1_usize..11) {
        let mut numbers = Numbers::new(seed, Style::Grid);
        let (first, second) = (numbers.list(hidden * inputs), numbers.list(2 * hidden));
        let bias = numbers.list(hidden);
        let input = numbers.sparse(inputs);
        let place = |unit: usize| (unit + turn) % hidden;
        let network = |permuted: bool| {
            let at = |unit: usize| if permuted { place(unit) } else { unit };
            let rows: Vec<f32> = (0..hidden).flat_map(|u| first[at(u) * inputs..][..inputs].to_vec()).collect();
            let biases: Vec<f32> = (0..hidden).map(|u| bias[at(u)]).collect();
            let heads: Vec<f32> = (0..2).flat_map(|o| (0..hidden).map(move |u| (o, u))).map(|(o, u)| second[o * hidden + at(u)]).collect();
            let mut n = Network::named("permuted");
            let x = n.input("x", Shape::new(1, 1, inputs));
            let y = n.dense(x, hidden, &rows, &biases);
            let y = n.relu(y);
            let y = n.dense(y, 2, &heads, &[]);
            n.output(y);
            n
        };
        for preset in [Preset::EpsilonPlus, Preset::EpsilonAlpha2Beta1, Preset::Epsilon(0.25)] {
            let composite = Composite::new(preset);
            let [a, b] = [false, true].map(|permuted| explained(&network(permuted), &input, Target::class(1), &composite));
            let size: f32 = a.inputs[0].iter().map(|r| r.abs()).sum::<f32>() + a.entries.iter().fold(0.0_f32, |m, e| m.max(e.peak));
            for (a, b) in a.inputs[0].iter().zip(&b.inputs[0]) {
                prop_assert!((a - b).abs() <= 1e-5 * size, "{} for {} by {:?}", b, a, preset);
            }
        }
    }
}
