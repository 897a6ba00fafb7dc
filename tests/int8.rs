//! Int8 layers and every rule, in floats and in integers, against the oracle.

use proptest::prelude::*;
use relprop::rule::{Choice, Rule};
use relprop::step::{Op, Shape};
use relprop::{Composite, Mode, Preset, Seed, Select, Session, Target};
use relprop_convert::{Network, emit};
use support::cases::cases;
use support::checks::int8_layer::{FLOATS, check, in_floats};
use support::close::Figures;
use support::int8::Twins;
use support::networks::Case;
use support::networks::choices::picks;
use support::networks::kinds::Kind;
use support::networks::layers::any_of;
use support::networks::numbers::{Numbers, Style};
use support::{kernel, oracle};

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
