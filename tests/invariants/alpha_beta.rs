//! The αβ-rule keeps a sum because α − β = 1: Bach et al. 2015, equation 60. Where a unit has contributions of one sign only,
//! nothing takes the other share.

use relprop::rule::{Choice, Rule};
use relprop::step::Shape;
use relprop::{Composite, ExplainError, Mode, Preset, Seed, Select, Session, Target};
use relprop_convert::{Network, emit};
use support::kernel;

/// Contributions of either sign, and no bias.
#[test]
fn relevance_is_kept_where_both_signs_are() {
    let mut network = Network::named("unit");
    let x = network.input("x", Shape::new(1, 1, 3));
    let y = network.dense(x, 2, &[0.5, -1.0, 2.0, -1.5, 1.0, 0.25], &[]);
    network.output(y);
    for (alpha, beta) in [(1.0, 0.0), (1.5, 0.5), (2.0, 1.0), (3.0, 2.0)] {
        let overrides = [(Select::All, Choice::new(Rule::AlphaBeta { alpha, beta }))];
        let composite = Composite::new(Preset::Bare).with(&overrides);
        let seen = super::seeded(&network, &[1.0, 2.0, 0.5], Seed::Values(&[1.0, 3.0]), &composite);
        let [seeded, received, _] = seen.sums;
        assert!((received - seeded).abs() < 1e-4, "α = {alpha}: {seeded} became {received}");
    }
}

/// Any other pair is refused, and the step is named.
#[test]
fn other_pairs_are_refused() {
    let mut network = Network::named("unit");
    let x = network.input("x", Shape::new(1, 1, 1));
    let y = network.dense(x, 1, &[1.0], &[]);
    network.output(y);
    let image = emit(&network).unwrap();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, Mode::Explain);
    let mut session = Session::new(&model, &mut arena, Mode::Explain).unwrap();
    session.run(&[1.0]).unwrap();
    for (alpha, beta) in [(2.0, 0.0), (1.0, 1.0), (0.0, -1.0), (f32::NAN, 0.0), (f32::INFINITY, f32::INFINITY)] {
        let overrides = [(Select::All, Choice::new(Rule::AlphaBeta { alpha, beta }))];
        let error = session.explain(&Target::TOP, &Composite::new(Preset::Bare).with(&overrides)).err();
        assert_eq!(error, Some(ExplainError::RuleParameter { step: 0 }), "{alpha} {beta}");
    }
}

/// α = 2, β = 1 doubles the relevance of a unit that has only positive contributions.
#[test]
fn alpha_two_doubles_a_positive_unit() {
    let mut network = Network::named("unit");
    let x = network.input("x", Shape::new(1, 1, 3));
    let y = network.dense(x, 1, &[0.5, 1.0, 2.0], &[]);
    network.output(y);
    let overrides = [(Select::All, Choice::new(Rule::AlphaBeta { alpha: 2.0, beta: 1.0 }))];
    let seen = super::seeded(&network, &[1.0, 2.0, 0.5], Seed::All, &Composite::new(Preset::Bare).with(&overrides));
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
        let seen = super::seeded(&network, &[1.0, 1.0], Seed::Top, &Composite::new(Preset::Bare).with(&overrides));
        assert_eq!(seen.outputs, [[-1.0]]);
        assert!((seen.inputs[0][0] + 1.0).abs() < 2e-6 && seen.inputs[0][1] == 0.0, "{rule:?}: {:?}", seen.inputs);
    }
}
