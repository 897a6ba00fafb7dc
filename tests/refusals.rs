//! What is refused, and in which words.

use relprop::rule::{Bound, Choice, Rule};
use relprop::step::{Op, Shape};
use relprop::{Composite, ExplainError, Mode, Preset, RunError, Seed, Select, Session, Target};
use relprop_convert::{Network, emit};
use support::kernel;
use support::networks::small::heads;

/// What an explanation of the small network is refused for.
fn refused(mode: Mode, run: bool, target: &Target<'_>, composite: &Composite<'_>) -> Option<ExplainError> {
    let image = heads();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, mode);
    let mut session = Session::new(&model, &mut arena, mode).unwrap();
    if run {
        session.run(&[1.0, 2.0]).unwrap();
    }
    session.explain(target, composite).err()
}

#[test]
fn an_explanation_needs_a_run_and_room() {
    let composite = Composite::default();
    assert_eq!(refused(Mode::Explain, false, &Target::TOP, &composite), Some(ExplainError::NotRun));
    assert_eq!(refused(Mode::Infer, true, &Target::TOP, &composite), Some(ExplainError::Mode));
    assert_eq!(refused(Mode::Explain, true, &Target::TOP, &composite), None);
}

#[test]
fn a_target_must_exist() {
    let refused = |target: Target<'_>| refused(Mode::Explain, true, &target, &Composite::default());
    assert_eq!(refused(Target::TOP.at_output(2)), Some(ExplainError::NoSuchOutput { output: 2 }));
    assert_eq!(refused(Target::class(2)), Some(ExplainError::NoSuchClass { class: 2, classes: 2 }));
    assert_eq!(refused(Target::contrast(0, 9)), Some(ExplainError::NoSuchClass { class: 9, classes: 2 }));
    assert_eq!(refused(Target::one_hot(1).at_output(1)), Some(ExplainError::NoSuchClass { class: 1, classes: 1 }));
    let seed = |values: &'static [f32]| Target { output: 0, seed: Seed::Values(values) };
    assert_eq!(refused(seed(&[1.0])), Some(ExplainError::Seed));
    assert_eq!(refused(seed(&[1.0, f32::NAN])), Some(ExplainError::Seed));
    assert_eq!(refused(seed(&[1.0, -1.0])), None);
}

#[test]
fn a_refusal_leaves_the_session_usable() {
    let image = heads();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, Mode::Explain);
    let mut session = Session::new(&model, &mut arena, Mode::Explain).unwrap();
    session.run(&[1.0, 2.0]).unwrap();
    let first = kernel::explain_in(&mut session, &Target::TOP, &Composite::default()).unwrap().bits();
    for target in [Target::class(2), Target::TOP.at_output(7), Target { output: 0, seed: Seed::Values(&[]) }] {
        assert!(session.explain(&target, &Composite::default()).is_err());
        assert!(session.explain(&Target::TOP, &Composite::new(Preset::Bare)).is_err());
        let again = kernel::explain_in(&mut session, &Target::TOP, &Composite::default()).unwrap().bits();
        assert_eq!(again, first);
    }
}

#[test]
fn a_step_without_a_rule_is_named() {
    let refused = |composite: &Composite<'_>| refused(Mode::Explain, true, &Target::TOP, composite);
    assert_eq!(refused(&Composite::new(Preset::Bare)), Some(ExplainError::NoRule { step: 0 }));
    let first = [(Select::First, Choice::new(Rule::Flat))];
    assert_eq!(refused(&Composite::new(Preset::Bare).with(&first)), Some(ExplainError::NoRule { step: 2 }));
    let all = [(Select::Dense, Choice::new(Rule::Epsilon(0.1)))];
    assert_eq!(refused(&Composite::new(Preset::Bare).with(&all)), None);
}

#[test]
fn a_rule_must_suit_its_step() {
    let refused = |select, rule: Rule<'_>| {
        let overrides = [(select, Choice::new(rule))];
        refused(Mode::Explain, true, &Target::TOP, &Composite::default().with(&overrides))
    };
    let mismatch = Some(ExplainError::RuleMismatch { step: 1 });
    assert_eq!(refused(Select::Position(1), Rule::ZPlus), mismatch);
    assert_eq!(refused(Select::Name("activation_1"), Rule::Flat), mismatch);
    assert_eq!(
        refused(Select::Position(0), Rule::Winner(relprop::Ties::First)),
        Some(ExplainError::RuleMismatch { step: 0 })
    );
    // Three outputs cannot pass to two inputs unchanged.
    assert_eq!(refused(Select::Position(0), Rule::Pass), Some(ExplainError::RuleMismatch { step: 0 }));
    // A group takes a rule where it can.
    assert_eq!(refused(Select::All, Rule::ZPlus), None);

    let parameter = Some(ExplainError::RuleParameter { step: 0 });
    for rule in [
        Rule::Epsilon(-1.0),
        Rule::Epsilon(f32::NAN),
        Rule::Gamma(f32::INFINITY),
        Rule::AlphaBeta { alpha: 2.0, beta: 0.5 },
        Rule::AlphaBeta { alpha: 0.0, beta: -1.0 },
        Rule::Beta(-0.5),
        Rule::ZBox { low: Bound::Uniform(f32::NAN), high: Bound::Uniform(1.0) },
    ] {
        assert_eq!(refused(Select::First, rule), parameter, "{rule:?}");
    }
    let short = Rule::ZBox { low: Bound::Values(&[0.0; 5]), high: Bound::Uniform(1.0) };
    assert_eq!(refused(Select::First, short), Some(ExplainError::BoundLength { step: 0 }));
}

/// A softmax at the output needs no rule: relevance starts before it. Inside the graph it needs one, also where the
/// same tensor is an output besides.
#[test]
fn a_softmax_inside_the_graph_needs_a_rule() {
    let mut network = Network::named("attention");
    let x = network.input("x", Shape::new(1, 1, 3));
    let p = network.softmax(x, false);
    let y = network.dense(p, 2, &[1.0; 6], &[]);
    network.output(y);
    for also_an_output in [false, true] {
        if also_an_output {
            network.output(p);
        }
        let image = emit(&network).unwrap();
        let model = image.model().unwrap();
        let explain = |composite: &Composite<'_>| {
            kernel::explain(&model, &[vec![1.0, 2.0, 3.0]], Mode::Explain, &Target::TOP, composite)
        };
        let error = explain(&Composite::new(Preset::EpsilonPlus)).err();
        assert_eq!(error, Some(ExplainError::NoRule { step: 0 }), "also an output: {also_an_output}");
        let overrides = [(Select::Op(Op::Softmax), Choice::new(Rule::Gradient))];
        let seen = explain(&Composite::new(Preset::EpsilonPlus).with(&overrides)).unwrap();
        assert!(seen.entries[0].arrived != 0.0, "also an output: {also_an_output}");
    }
}

#[test]
fn inputs_are_counted() {
    let image = heads();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, Mode::Infer);
    let mut session = Session::new(&model, &mut arena, Mode::Infer).unwrap();
    assert_eq!(session.output(0), None);
    let count = RunError::InputCount { expected: 1, given: 2 };
    assert_eq!(session.run_all(&[&[1.0, 2.0], &[1.0]]).err(), Some(count));
    let length = RunError::InputLength { input: 0, expected: 2, given: 3 };
    assert_eq!(session.run(&[1.0, 2.0, 3.0]).err(), Some(length));
    assert_eq!(session.run(&[1.0, 2.0]).map(|scores| scores.len()), Ok(2));
    assert_eq!(session.output(2), None);
}
