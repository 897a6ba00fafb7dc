//! No relevance appears or vanishes unaccounted for: Bach et al., "On pixel-wise explanations for non-linear classifier
//! decisions by layer-wise relevance propagation", 2015, equations 1 to 3, with what biases and stabilisers take written
//! into books.

use proptest::prelude::*;
use relprop::rule::{Bias, Choice, Rule, Stabilizer};
use relprop::step::{Op, Shape};
use relprop::{Composite, Entry, Mode, Preset, Seed, Select, Target};
use relprop_convert::Network;
use support::books::Expected;
use support::cases::cases;
use support::checks::statements::check_balance;
use support::close::{Figures, widened};
use support::kernel;
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
        check_balance(&case, preset, output)?;
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
    let seen = super::seeded(&network, &[1.0, 2.0], Seed::Values(&[4.0, 1.0]), &Composite::new(Preset::Epsilon(0.0)));
    // The first element is 1 + 3, a quarter of it directly from x; relevance meets again at x.
    assert!((seen.inputs[0][0] - 4.0).abs() < 1e-5, "{:?}", seen.inputs);
    assert!((seen.relevance[y].as_ref().unwrap()[0] - 3.0).abs() < 1e-5);
    // The second is 2 − 2: of a sum of zero nobody has a part, and all of it goes to the stabiliser.
    assert!((seen.entries[1].stabilizer - 1.0).abs() < 1e-5, "{:?}", seen.entries[1]);
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
            let seen = super::seeded(&network, &[0.0, 0.0], Seed::Values(&[1.0, 2.0]), &composite);
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
    let seen = super::seeded(&network, &[0.0], Seed::Values(&[1.0, 2.0, 4.0]), &composite);
    assert_eq!((seen.entries[0].dropped, seen.entries[0].rounding), (7.0, 0.0), "{:?}", seen.entries[0]);
}
