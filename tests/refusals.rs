//! What is refused, and in which words.

use relprop::rule::{Bias, Bound, Choice, Rule, Stabilizer};
use relprop::step::{Op, Shape};
use relprop::{Composite, ExplainError, Mismatch, Mode, Preset, Relevance, RunError, Seed, Select, Session, Target};
use relprop_convert::{Network, Options, emit, from_onnx, from_tflite};
use support::networks::small::heads;
use support::{kernel, shared};

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
    let mismatch = |step, reason| Some(ExplainError::RuleMismatch { step, reason });
    for (rule, reason) in [
        (Rule::ZPlus, Mismatch::NotLinear),
        (Rule::Flat, Mismatch::NotLinear),
        (Rule::ZBox { low: Bound::Uniform(0.0), high: Bound::Uniform(1.0) }, Mismatch::NoWeights),
        (Rule::Taylor, Mismatch::NotLocalResponseNorm),
    ] {
        assert_eq!(refused(Select::Position(1), rule), mismatch(1, reason));
        assert_eq!(refused(Select::Name("activation_1"), rule), mismatch(1, reason));
    }
    for (rule, reason) in [
        (Rule::Winner(relprop::Ties::First), Mismatch::NotMaxPool),
        (Rule::GuidedBackprop, Mismatch::NotRelu),
        // Three outputs cannot pass to two inputs unchanged.
        (Rule::Pass, Mismatch::NotOneToOne),
    ] {
        assert_eq!(refused(Select::Position(0), rule), mismatch(0, reason));
    }
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

/// What an explanation is refused for after a run of these integers.
fn refusal<R: Relevance>(
    session: &mut Session<'_, '_, R>,
    input: &[i8],
    composite: &Composite<'_>,
) -> Option<ExplainError> {
    session.run_int8(&[input]).unwrap();
    session.explain(&Target::TOP, composite).err()
}

/// What an explanation in floats, or in integers, of a network of int8 is refused for under a choice for one step.
fn refused_int8(network: &Network, fixed: bool, step: usize, choice: Choice<'_>) -> Option<Mismatch> {
    let image = emit(network).unwrap();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, Mode::Explain);
    let input = vec![0; model.tensor(model.input(0).tensor).shape.elements()];
    let overrides = [(Select::Position(step), choice)];
    let composite = Composite::default().with(&overrides);
    let error = if fixed {
        refusal(&mut Session::new_fixed(&model, &mut arena, Mode::Explain).unwrap(), &input, &composite)
    } else {
        refusal(&mut Session::new(&model, &mut arena, Mode::Explain).unwrap(), &input, &composite)
    };
    error.map(|error| match error {
        ExplainError::RuleMismatch { step: at, reason } if at == step => reason,
        other => panic!("{other}"),
    })
}

#[test]
fn int8_steps_refuse_what_they_cannot_follow() {
    let bytes = std::fs::read(shared::data("qdq").join("residual.onnx")).unwrap();
    let residual = from_onnx(&bytes, &Options::default()).unwrap();
    let add = residual.steps.iter().position(|step| step.op == Op::Add).unwrap();
    // A convolution of as many outputs as inputs, and the first, whose inputs have either sign.
    let (same, first) = (1, 0);
    let spread = |rule| Choice::new(rule).with_bias(Bias::Redistribute);
    let norm = Choice::new(Rule::Epsilon(0.1)).with_stabilizer(Stabilizer::NormScale(0.1));
    for fixed in [false, true] {
        for (step, choice, reason) in [
            (same, norm, Some(Mismatch::StabilizerNorm)),
            (same, Choice::new(Rule::Pass), Some(Mismatch::NoInt8)),
            (same, spread(Rule::Gamma(0.25)), Some(Mismatch::Redistribute)),
            (same, spread(Rule::Epsilon(0.25)), None),
            (add, spread(Rule::Epsilon(0.25)), Some(Mismatch::Redistribute)),
            (first, Choice::new(Rule::GammaOriginal(0.25)), fixed.then_some(Mismatch::Cancelling)),
        ] {
            assert_eq!(refused_int8(&residual, fixed, step, choice), reason, "{choice:?}, fixed: {fixed}");
        }
        let bytes = std::fs::read(shared::data("tflm-ops").join("tanh.tflite")).unwrap();
        let tanh = from_tflite(&bytes, &Options::default()).unwrap();
        let reason = fixed.then_some(Mismatch::NoDerivative);
        assert_eq!(refused_int8(&tanh, fixed, 0, Choice::new(Rule::Gradient)), reason);
    }
}

#[test]
fn reasons_are_sentences() {
    let error = ExplainError::RuleMismatch { step: 3, reason: Mismatch::NotMaxPool };
    assert_eq!(error.to_string(), "the rule does not apply to step 3: it is for max pooling");
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
