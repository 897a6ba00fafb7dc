//! Int8 layers and every rule, in floats and in integers, against the oracle.

use proptest::prelude::*;
use relprop::rule::{Bias, Choice, Rule};
use relprop::step::{Op, Shape};
use relprop::{Composite, Entry, ExplainError, Mode, Preset, Seed, Select, Session, Target, Whole};
use relprop_convert::{Network, emit};
use support::books::Expected;
use support::cases::cases;
use support::close::Figures;
use support::int8::Twins;
use support::networks::Case;
use support::networks::choices::picks;
use support::networks::kinds::Kind;
use support::networks::layers::any_of;
use support::networks::numbers::{Numbers, Style};
use support::{kernel, oracle};

/// What float32 may lose.
const FLOATS: f64 = 4e-6;
/// What integers may lose of the whole.
const INTEGERS: f64 = 1e-4;

/// Relevance of every input and the books, in floats.
fn in_floats(
    twins: &Twins,
    target: &Target<'_>,
    composite: &Composite<'_>,
) -> Result<(Vec<Vec<f32>>, Entry), ExplainError> {
    let image = twins.image();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, Mode::Explain);
    let mut session = Session::new(&model, &mut arena, Mode::Explain).unwrap();
    let inputs: Vec<&[i8]> = twins.q.iter().map(Vec::as_slice).collect();
    session.run_int8(&inputs).unwrap();
    let explanation = session.explain(target, composite)?;
    let entry = explanation.ledger().entries().next().unwrap();
    Ok(((0..inputs.len()).map(|i| explanation.relevance_of(i).to_vec()).collect(), entry))
}

/// Relevance of every input and the books, in integers.
fn in_integers(
    twins: &Twins,
    target: &Target<'_>,
    composite: &Composite<'_>,
) -> Result<(Vec<Vec<f64>>, Whole, f64), ExplainError> {
    let image = twins.image();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, Mode::Explain);
    let mut session = Session::new_fixed(&model, &mut arena, Mode::Explain).unwrap();
    let inputs: Vec<&[i8]> = twins.q.iter().map(Vec::as_slice).collect();
    session.run_int8(&inputs).unwrap();
    let explanation = session.explain(target, composite)?;
    assert_eq!(explanation.ledger().imbalance(), 0);
    let entry = explanation.ledger().entries().next().unwrap();
    assert_eq!(entry.arrived - entry.left - entry.bias - entry.stabilizer - entry.dropped - entry.rounding, 0);
    let real = |i| {
        let unit = f64::from(explanation.unit_of(i));
        explanation.relevance_of(i).iter().map(|r| f64::from(*r) * unit).collect()
    };
    Ok(((0..inputs.len()).map(real).collect(), entry, f64::from(explanation.ledger_unit())))
}

fn back_tiles(twins: &Twins) -> usize {
    twins.float.shape(twins.float.steps[0].output).channels.div_ceil(32)
}

/// Whether the rule of the first step was refused.
fn is_mismatch(error: ExplainError) -> bool {
    matches!(error, ExplainError::RuleMismatch { step: 0, .. })
}

fn check(twins: &Twins, choice: Choice<'_>, seed: u64) -> Result<(), TestCaseError> {
    let layer = &twins.float.steps[0];
    let start = Numbers::new(seed, Style::Smooth).sparse(twins.float.shape(layer.output).elements());
    let x: Vec<Figures> = twins.x.iter().map(|x| Figures::exact(x.iter().map(|v| f64::from(*v)).collect())).collect();
    let known = |x: &Figures| Figures { scale: vec![0.0; x.value.len()], ..x.clone() };
    let x: Vec<Figures> = x.iter().map(known).collect();
    let arrived: Vec<f64> = start.iter().map(|v| f64::from(*v)).collect();
    let back = oracle::backward(&twins.float, layer, Some(choice), &x, &arrived);
    prop_assume!(!back.uncertain);
    let overrides = [(Select::Position(0), choice)];
    let composite = Composite::new(Preset::Gradient).with(&overrides);
    let target = Target { output: 0, seed: Seed::Values(&start) };

    match in_floats(twins, &target, &composite) {
        Err(error) => prop_assert!(is_mismatch(error), "{}", error),
        Ok((seen, entry)) => {
            let conserves = choice.rule.conserves() && layer.op != Op::Pad;
            let books = Expected { arrived: &arrived, back: &back, conserves, before: 0.0 }.check(&entry);
            prop_assert!(books.is_ok(), "{} under {choice:?}", books.unwrap_err());
            for (wanted, got) in back.relevance.iter().zip(&seen) {
                let (worst, at) = wanted.worst(got);
                prop_assert!(
                    worst <= FLOATS,
                    "floats: [{at}] is {} and should be {} on {} under {choice:?}",
                    got[at],
                    wanted.value[at],
                    wanted.scale[at]
                );
            }
        }
    }
    match in_integers(twins, &target, &composite) {
        Err(error) => prop_assert!(is_mismatch(error), "{}", error),
        Ok((seen, entry, unit)) => {
            let whole: f64 = back.relevance.iter().flat_map(|r| &r.scale).sum();
            for (wanted, got) in back.relevance.iter().zip(&seen) {
                let off: f64 = wanted.value.iter().zip(got).map(|(a, b)| (a - b).abs()).sum();
                prop_assert!(off <= INTEGERS * whole, "integers: off by {off} of {whole} under {choice:?}");
            }
            prop_assert_eq!(entry.saturated, 0);
            // Half a unit for every share (of a dense layer there is one for every 32 outputs), and a trace of what
            // each output takes and of the whole, because the quotients of a row share an exponent.
            let tiles = if layer.op == Op::Dense { back_tiles(twins) } else { 1 };
            let shares = tiles * twins.q.iter().map(Vec::len).sum::<usize>() + arrived.len();
            let most =
                1.0 + shares as f64 / 2.0 + if choice.bias == Bias::Redistribute { 1e-3 } else { 1e-6 } * whole / unit;
            let conserves = choice.rule.conserves() && layer.op != Op::Pad;
            prop_assert!(!conserves || (entry.rounding as f64).abs() <= most, "{most}: {entry:?} under {choice:?}");
        }
    }
    Ok(())
}

/// A dense layer with more outputs than are worked on together.
fn wide_dense() -> impl Strategy<Value = Case> {
    (1_usize..=40, 33_usize..=100, any::<u64>()).prop_map(|(inputs, outputs, seed)| {
        let mut numbers = Numbers::new(seed, Style::Smooth);
        let mut network = Network::named("wide");
        let x = network.input("x", Shape::new(1, 1, inputs));
        let weights = numbers.list(outputs * inputs);
        let y = network.dense(x, outputs, &weights, &numbers.list(outputs));
        network.output(y);
        Case { network, inputs: vec![numbers.list(inputs)], step: 0 }
    })
}

proptest! {
    #![proptest_config(cases(1024))]

    /// Sums of integers are exact, so the figure is the float twin's, but for the rounding of the latter.
    #[test]
    fn condition_figures_are_those_of_floats((_, case) in any_of([Kind::Conv, Kind::Depthwise, Kind::Dense, Kind::Add, Kind::Average, Kind::Global]), seed: u64) {
        let twins = Twins::new(&case, -17).unwrap();
        let layer = &twins.float.steps[0];
        let start = Numbers::new(seed, Style::Smooth).sparse(twins.float.shape(layer.output).elements());
        let overrides = [(Select::Position(0), Choice::new(Rule::Epsilon(0.01)))];
        let composite = Composite::new(Preset::Gradient).with(&overrides).with_condition();
        let target = Target { output: 0, seed: Seed::Values(&start) };
        let Ok((_, entry)) = in_floats(&twins, &target, &composite) else { return Ok(()) };
        let image = emit(&twins.float).unwrap();
        let model = image.model().unwrap();
        let mut arena = kernel::arena(&model, Mode::Explain);
        let mut session = Session::new(&model, &mut arena, Mode::Explain).unwrap();
        session.run_all(&twins.x.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        let wanted = session.explain(&target, &composite).unwrap().ledger().entries().next().unwrap().condition;
        // An addition brings its terms to whole numbers of a common unit first.
        let off = if layer.op == Op::Add { 1e-3 } else { 1e-5 };
        prop_assert_eq!(entry.condition.is_nan(), wanted.is_nan());
        prop_assert!(wanted.is_nan() || (entry.condition - wanted).abs() <= off, "{} {}", entry.condition, wanted);
    }

    #[test]
    fn wide_dense_layers_explain_what_they_stand_for(case in wide_dense(), pick in picks(), seed: u64) {
        let twins = Twins::new(&case, -17).unwrap();
        let spec = pick.spec(&case);
        let mut result = Ok(());
        twins.on_grid(&spec, |choice| result = check(&twins, choice, seed));
        result?;
    }

    #[test]
    fn int8_layers_explain_what_they_stand_for(
        (_, case) in any_of(Kind::int8()), pick in picks(), seed: u64, zero_point in prop::sample::select(vec![-128i8, -17, 0, 40])
    ) {
        let Some(twins) = Twins::new(&case, zero_point) else { return Ok(()) };
        let spec = pick.spec(&case);
        let mut result = Ok(());
        twins.on_grid(&spec, |choice| result = check(&twins, choice, seed));
        result?;
    }

    /// The derivative of what is part of a step: where its output was clamped, nothing passes.
    #[test]
    fn rectifiers_that_are_part_of_a_step_stop_relevance(
        (_, case) in any_of([Kind::Conv, Kind::Depthwise, Kind::Dense, Kind::Add]), method in 0..3_usize, seed: u64
    ) {
        let Some(mut twins) = Twins::new(&case, -17) else { return Ok(()) };
        // The output's zero point is zero: from there on it is a ReLU.
        twins.int8.steps[0].ints[0] = 0;
        let image = twins.image();
        let model = image.model().unwrap();
        let mut arena = kernel::arena(&model, Mode::Explain);
        let mut session = Session::new(&model, &mut arena, Mode::Explain).unwrap();
        let inputs: Vec<&[i8]> = twins.q.iter().map(Vec::as_slice).collect();
        let outputs = session.run_int8(&inputs).unwrap().int8().unwrap().to_vec();
        let start = Numbers::new(seed, Style::Smooth).sparse(outputs.len());
        let passes = |(q, r): (&i8, &f32)| match method {
            0 => *q > 0 && *q < 127,
            1 => *q > 0 && *q < 127 && *r > 0.0,
            _ => *r > 0.0,
        };
        let gated: Vec<f64> =
            outputs.iter().zip(&start).map(|(q, r)| if passes((q, r)) { f64::from(*r) } else { 0.0 }).collect();
        let preset = [Preset::Gradient, Preset::GuidedBackprop, Preset::Deconvnet][method];
        let target = Target { output: 0, seed: Seed::Values(&start) };
        let explanation = session.explain(&target, &Composite::new(preset)).unwrap();
        let x: Vec<Figures> = twins.x.iter().map(|x| Figures::zeros(x.len())).collect();
        let gradient = Choice::new(relprop::Rule::Gradient);
        let back = oracle::backward(&twins.float, &twins.float.steps[0], Some(gradient), &x, &gated);
        for (i, wanted) in back.relevance.iter().enumerate() {
            let (worst, at) = wanted.worst(explanation.relevance_of(i));
            prop_assert!(worst <= FLOATS, "[{}] is {}", at, explanation.relevance_of(i)[at]);
        }
    }

    #[test]
    fn int8_layers_compute_what_they_stand_for((_, case) in any_of(Kind::int8()), zero_point in -128_i8..=127) {
        let Some(twins) = Twins::new(&case, zero_point) else { return Ok(()) };
        let image = twins.image();
        let model = image.model().unwrap();
        let mut arena = kernel::arena(&model, Mode::Infer);
        let mut session = Session::new(&model, &mut arena, Mode::Infer).unwrap();
        let inputs: Vec<&[i8]> = twins.q.iter().map(Vec::as_slice).collect();
        let got: Vec<f32> = session.run_int8(&inputs).unwrap().iter().collect();
        let wanted = oracle::run(&twins.float, &twins.x).pop().unwrap();
        let quantization = twins.int8.tensors.last().unwrap().quantization.unwrap();
        let ends = [-128.0, 127.0].map(|q| (q - f64::from(quantization.zero_point)) * f64::from(quantization.scale));
        let moves = twins.int8.steps[0].op.is_structural() || twins.int8.steps[0].op == Op::MaxPool;
        for (got, wanted) in got.iter().zip(&wanted) {
            let off = (f64::from(*got) - wanted.clamp(ends[0], ends[1])).abs();
            // Half a unit, and a trace for two roundings.
            prop_assert!(off <= if moves { 0.0 } else { 0.51 * f64::from(quantization.scale) }, "{got} {wanted}");
        }
    }
}
