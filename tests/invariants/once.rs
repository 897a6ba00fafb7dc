//! Where relevance meets several operands or consumers, it is shared and added, and never counted twice: Bach et al. 2015,
//! equation 3, for additions ("residual" connections, cf. Montavon et al., "Layer-wise relevance propagation: an overview",
//! 2019) and concatenations.

use relprop::step::Shape;
use relprop::{Composite, Preset, Seed};
use relprop_convert::{Network, Window};
use support::networks::numbers::{Numbers, Style};

/// `x + f(x)`, twice: were relevance copied to both operands, it would double with each block.
#[test]
fn residual_blocks_count_relevance_once() {
    let mut numbers = Numbers::new(7, Style::Smooth);
    let mut network = Network::named("residual");
    let input = network.input("x", Shape::new(4, 4, 3));
    let mut x = network.relu(input);
    for _ in 0..2 {
        let weights: Vec<f32> = numbers.list(81).iter().map(|w| w.abs() / 9.0).collect();
        let y = network.conv(x, &Window { pads: [1; 4], ..Window::new(3, 3) }, 3, &weights, &[]);
        let y = network.relu(y);
        x = network.add(x, y);
    }
    let y = network.global_average_pool(x);
    network.output(y);
    let input: Vec<f32> = numbers.list(48).iter().map(|x| x.abs() + 0.1).collect();
    for preset in [Preset::EpsilonPlus, Preset::Epsilon(1e-9), Preset::EpsilonAlpha2Beta1] {
        let seen = super::seeded(&network, &input, Seed::All, &Composite::new(preset));
        let [seeded, received, _] = seen.sums;
        // αβ keeps the sum of a positive unit only up to α, but here nothing is negative: α·R each time.
        let factor = if preset == Preset::EpsilonAlpha2Beta1 { received / seeded } else { 1.0 };
        assert!((received - factor * seeded).abs() <= 1e-5 * seeded.abs(), "{preset:?}: {seeded} became {received}");
        assert!((1.0..=4.0).contains(&factor), "{preset:?} made {factor}");
        for entry in seen.entries {
            assert!(entry.rounding.abs() <= 1e-5 * entry.arrived.abs());
        }
    }
}

/// The same picture twice, side by side or behind each other: each half brings back what it was given.
#[test]
fn concatenations_count_relevance_once() {
    let mut numbers = Numbers::new(9, Style::Smooth);
    let input = numbers.list(12);
    for axis in 0..3 {
        let mut network = Network::named("dense");
        let x = network.input("x", Shape::new(2, 2, 3));
        let both = network.concat(&[x, x], axis);
        network.output(both);
        let start = numbers.list(24);
        let seen = super::seeded(&network, &input, Seed::Values(&start), &Composite::new(Preset::EpsilonPlus));
        let [seeded, received, imbalance] = seen.sums;
        assert!((seeded - received).abs() <= 1e-5 && imbalance.abs() <= 1e-5, "{axis}: {seeded} became {received}");
    }
}
