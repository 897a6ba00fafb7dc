//! What relevance must not depend on, and what it must be equal to.

use proptest::prelude::*;
use relprop::rule::{Bias, Choice, Rule, Stabilizer};
use relprop::step::Shape;
use relprop::{Composite, Mode, Preset, Select, Target};
use relprop_convert::{Network, Window, emit};
use support::cases::cases;
use support::kernel::{self, Seen, bits};
use support::networks::numbers::{Numbers, Style};

/// A rectified network: convolutions with bias, max pooling, a dense layer.
#[derive(Clone, Copy, Debug)]
struct Rectified {
    extent: usize,
    channels: [usize; 3],
    pool: bool,
    seed: u64,
}

prop_compose! {
    fn rectified()(
        extent in 4_usize..=7,
        channels in [1_usize..=3, 1..=9, 1..=6],
        pool: bool,
        seed: u64,
    ) -> Rectified {
        Rectified { extent, channels, pool, seed }
    }
}

impl Rectified {
    fn shape(&self) -> Shape {
        Shape::new(self.extent, self.extent, self.channels[0])
    }

    fn input(&self) -> Vec<f32> {
        Numbers::new(!self.seed, Style::Smooth).sparse(self.shape().elements())
    }

    /// The network, its first layer scaled by `factors[0]` and so on; the last layer makes up for it.
    fn network(&self, factors: [f32; 2]) -> Network {
        let mut numbers = Numbers::new(self.seed, Style::Smooth);
        let mut scaled = |n: usize, factor: f32| -> Vec<f32> {
            numbers.list(n).iter().map(|v| v * factor / (n as f32).sqrt()).collect()
        };
        let [inputs, hidden, outputs] = self.channels;
        let window = Window { pads: [1; 4], ..Window::new(3, 3) };
        let mut n = Network::named("rectified");
        let mut x = n.input("x", self.shape());
        let weights = scaled(9 * inputs * hidden, factors[0]);
        x = n.conv(x, &window, hidden, &weights, &scaled(hidden, factors[0]));
        x = n.relu(x);
        if self.pool {
            x = n.max_pool(x, &Window { stride: [2, 2], ..Window::new(2, 2) });
        }
        let weights = scaled(9 * hidden * outputs, factors[1]);
        x = n.conv(x, &window, outputs, &weights, &scaled(outputs, factors[0] * factors[1]));
        x = n.relu(x);
        let elements = n.shape(x).elements();
        let weights = scaled(3 * elements, 1.0 / (factors[0] * factors[1]));
        x = n.dense(x, 3, &weights, &scaled(3, 1.0));
        n.output(x);
        n
    }
}

fn explained(network: &Network, input: &[f32], target: Target<'_>, composite: &Composite<'_>) -> Seen {
    let image = emit(network).unwrap();
    kernel::explain(&image.model().unwrap(), &[input.to_vec()], Mode::Explain, &target, composite).unwrap()
}

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
}
