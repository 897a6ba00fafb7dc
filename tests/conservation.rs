//! No relevance appears or vanishes unaccounted for.

use proptest::prelude::*;
use relprop::rule::{Bias, Choice, Rule, Stabilizer};
use relprop::step::{Op, Shape};
use relprop::{Composite, Entry, Mode, Preset, Seed, Select, Target};
use relprop_convert::{Network, Window, emit};
use support::books::Expected;
use support::cases::cases;
use support::close::{Figures, widened};
use support::kernel::{self, Seen};
use support::networks::Case;
use support::networks::choices::{Pick, picks, presets};
use support::networks::graphs::graph;
use support::networks::kinds::Kind;
use support::networks::layers::any_of;
use support::networks::numbers::{Numbers, Style};
use support::oracle;

/// Explains one step by a random rule, and looks at its entry.
fn check_books(case: &Case, pick: Pick, seed: u64) -> Result<(), TestCaseError> {
    let image = case.image();
    let spec = pick.spec(case);
    let choice = spec.choice();
    let network = &case.network;
    let layer = &network.steps[case.step];
    let start = Numbers::new(seed, Style::Smooth).sparse(network.shape(layer.output).elements());
    let overrides = [(Select::Position(case.step), choice)];
    let composite = Composite::new(Preset::Gradient).with(&overrides);
    let target = Target { output: 0, seed: Seed::Values(&start) };
    let seen = kernel::explain(&image.model().unwrap(), &case.inputs, Mode::Explain, &target, &composite).unwrap();

    let values = oracle::run(network, &case.inputs);
    let operand = |t: &usize| Figures { value: values[*t].clone(), scale: vec![0.0; values[*t].len()] };
    let x: Vec<Figures> = layer.operands.iter().map(operand).collect();
    let arrived = widened(&start);
    let back = oracle::backward(network, layer, Some(choice), &x, &arrived);
    prop_assume!(!back.uncertain);
    let conserves = choice.rule.conserves() && choice.rule != Rule::Taylor && layer.op != Op::Pad;
    let books = Expected { arrived: &arrived, back: &back, conserves, before: 0.0 }.check(&seen.entries[case.step]);
    prop_assert!(books.is_ok(), "{} under {choice:?}", books.unwrap_err());
    // With nothing to absorb it, all of it must reach the operands.
    if conserves && choice.bias == Bias::Redistribute && layer.op.is_linear() && choice.rule != Rule::Pass {
        let Entry { bias, stabilizer, .. } = seen.entries[case.step];
        prop_assert_eq!((bias, stabilizer), (0.0, 0.0));
    }
    Ok(())
}

fn magnitude(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(v.abs())).sum()
}

fn total(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum()
}

/// Explains the first output of a network of one input with these seeds.
fn explained(network: &Network, input: &[f32], seed: Seed<'_>, composite: &Composite<'_>) -> Seen {
    let image = emit(network).unwrap();
    let target = Target { output: 0, seed };
    kernel::explain(&image.model().unwrap(), &[input.to_vec()], Mode::Explain, &target, composite).unwrap()
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn linear_layers_account_for_all_relevance((_, case) in any_of(Kind::LINEAR), pick in picks(), seed: u64) {
        check_books(&case, pick, seed)?;
    }

    #[test]
    fn other_layers_account_for_all_relevance(
        (_, case) in any_of([Kind::Mul, Kind::MaxPool, Kind::ResponseNorm, Kind::Softmax]), pick in picks(), seed: u64
    ) {
        check_books(&case, pick, seed)?;
    }

    #[test]
    fn moved_relevance_stays_the_same((_, case) in any_of(Kind::STRUCTURAL), pick in picks(), seed: u64) {
        check_books(&case, pick, seed)?;
    }

    #[test]
    fn a_ledger_balances_over_a_whole_graph(case in graph(), preset in presets(), output in 0_usize..3) {
        let image = case.image();
        let model = image.model().unwrap();
        let target = Target::TOP.at_output(output % model.outputs());
        let composite = Composite::new(preset);
        let seen = kernel::explain(&model, &case.inputs, Mode::Explain, &target, &composite).unwrap();
        prop_assume!(seen.relevance.iter().flatten().flatten().all(|r| r.is_finite()));
        let [seeded, received, imbalance] = seen.sums;
        let columns = |e: &Entry| [e.arrived, e.left, e.bias, e.stabilizer, e.dropped, e.rounding].map(f32::abs);
        let moved: f64 = seen.entries.iter().flat_map(columns).map(f64::from).sum();
        prop_assert!(f64::from(imbalance.abs()) <= 1e-5 * (moved + f64::from(seeded.abs())), "off by {imbalance}");
        // The two ends are what lies there.
        prop_assert!((total(&seen.inputs.concat()) - f64::from(received)).abs() <= 1e-6 * magnitude(&seen.inputs.concat()));
        prop_assert!((f64::from(seeded) - f64::from(seen.class.1)).abs() <= 1e-6 * f64::from(seeded.abs()));
    }
}

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
        let seen = explained(&network, &input, Seed::All, &Composite::new(preset));
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

/// Both operands of an addition share what arrives, in proportion to their values.
#[test]
fn an_addition_shares_by_value() {
    let mut network = Network::named("add");
    let x = network.input("x", Shape::new(1, 1, 2));
    let y = network.affine(x, &[3.0, -1.0], &[]);
    let sum = network.add(x, y);
    network.output(sum);
    let seen = explained(&network, &[1.0, 2.0], Seed::Values(&[4.0, 1.0]), &Composite::new(Preset::Epsilon(0.0)));
    // The first element is 1 + 3, a quarter of it directly from x; relevance meets again at x.
    assert!((seen.inputs[0][0] - 4.0).abs() < 1e-5, "{:?}", seen.inputs);
    assert!((seen.relevance[y].as_ref().unwrap()[0] - 3.0).abs() < 1e-5);
    // The second is 2 − 2: of a sum of zero nobody has a part, and all of it goes to the stabiliser.
    assert!((seen.entries[1].stabilizer - 1.0).abs() < 1e-5, "{:?}", seen.entries[1]);
}

/// α = 2, β = 1 doubles the relevance of a unit that has only positive contributions.
#[test]
fn alpha_two_doubles_a_positive_unit() {
    let mut network = Network::named("unit");
    let x = network.input("x", Shape::new(1, 1, 3));
    let y = network.dense(x, 1, &[0.5, 1.0, 2.0], &[]);
    network.output(y);
    let overrides = [(Select::All, Choice::new(Rule::AlphaBeta { alpha: 2.0, beta: 1.0 }))];
    let seen = explained(&network, &[1.0, 2.0, 0.5], Seed::All, &Composite::new(Preset::Bare).with(&overrides));
    let [seeded, received, _] = seen.sums;
    assert!((received - 2.0 * seeded).abs() < 1e-4, "{seeded} became {received}");
    // What the negative share was given has nowhere to go.
    assert!((seen.entries[0].stabilizer + seeded).abs() < 1e-4, "{:?}", seen.entries[0]);
}

/// The two-input layer that tells readings of αβ apart: W = (1, −1), b = −1, x = (1, 1), R = f = −1.
#[test]
fn alpha_beta_splits_the_bias_by_sign() {
    let mut network = Network::named("unit");
    let x = network.input("x", Shape::new(1, 1, 2));
    let y = network.dense(x, 1, &[1.0, -1.0], &[-1.0]);
    network.output(y);
    for rule in [Rule::AlphaBeta { alpha: 1.0, beta: 0.0 }, Rule::ZPlus, Rule::Beta(0.0)] {
        let overrides = [(Select::Dense, Choice::new(rule))];
        let seen = explained(&network, &[1.0, 1.0], Seed::Top, &Composite::new(Preset::Bare).with(&overrides));
        assert_eq!(seen.outputs, [[-1.0]]);
        assert!((seen.inputs[0][0] + 1.0).abs() < 2e-6 && seen.inputs[0][1] == 0.0, "{rule:?}: {:?}", seen.inputs);
    }
}

/// A denominator of zero divides nothing: relevance is booked as dropped or absorbed, and none of it becomes NaN.
#[test]
fn nothing_divides_by_zero() {
    let mut network = Network::named("zero");
    let x = network.input("x", Shape::new(1, 1, 2));
    let y = network.dense(x, 2, &[1.0, 1.0, -1.0, 2.0], &[]);
    network.output(y);
    let dead = [Rule::Zero, Rule::Epsilon(0.0), Rule::ZPlus, Rule::Gamma(0.25), Rule::GammaOriginal(0.25)];
    for rule in dead {
        for stabilizer in
            [Stabilizer::NormScale(0.1), Stabilizer::Signed(0.0), Stabilizer::Clip(0.0), Stabilizer::AtZero(0.0)]
        {
            let overrides = [(Select::All, Choice::new(rule).with_stabilizer(stabilizer))];
            let composite = Composite::new(Preset::Bare).with(&overrides);
            let seen = explained(&network, &[0.0, 0.0], Seed::Values(&[1.0, 2.0]), &composite);
            assert_eq!(seen.inputs[0], [0.0, 0.0], "{rule:?} {stabilizer:?}");
            let Entry { stabilizer: absorbed, dropped, .. } = seen.entries[0];
            assert!((absorbed + dropped - 3.0).abs() < 1e-5, "{rule:?} {stabilizer:?}: {:?}", seen.entries[0]);
        }
    }
}

/// The γ-rule looks at the output for the side of zero, and may find nothing to divide by on it: only the bias spoke,
/// and is not to count.
#[test]
fn a_bias_that_does_not_count_drops_what_it_alone_earned() {
    let mut network = Network::named("bias");
    let x = network.input("x", Shape::new(1, 1, 1));
    let y = network.dense(x, 3, &[1.0; 3], &[0.5, -0.5, 0.0]);
    network.output(y);
    let choice = Choice::new(Rule::Gamma(0.25)).with_stabilizer(Stabilizer::NormScale(1e-9)).with_bias(Bias::Zero);
    let overrides = [(Select::All, choice)];
    let composite = Composite::new(Preset::Bare).with(&overrides);
    let seen = explained(&network, &[0.0], Seed::Values(&[1.0, 2.0, 4.0]), &composite);
    assert_eq!((seen.entries[0].dropped, seen.entries[0].rounding), (7.0, 0.0), "{:?}", seen.entries[0]);
}
