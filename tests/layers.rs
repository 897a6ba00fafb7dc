//! Every layer and every rule against the oracle.

use proptest::prelude::*;
use relprop::{Composite, Mode, Preset, Seed, Select, Target};
use support::cases::cases;
use support::close::{Figures, TOLERANCE};
use support::networks::Case;
use support::networks::choices::{Pick, picks};
use support::networks::kinds::Kind;
use support::networks::layers::any_of;
use support::networks::numbers::{Numbers, Style};
use support::{kernel, oracle};

/// Values of the operands of the step that a case is about, as the kernel has them: exactly what the step reads.
fn operands(case: &Case, values: &[Vec<f64>]) -> Vec<Figures> {
    let layer = &case.network.steps[case.step];
    let known = |tensor: &usize| Figures { value: values[*tensor].clone(), scale: vec![0.0; values[*tensor].len()] };
    layer.operands.iter().map(known).collect()
}

/// Forward: the step's output against the oracle.
fn check_forward(case: &Case) -> Result<(), TestCaseError> {
    let image = case.image();
    let model = image.model().unwrap();
    let values = oracle::run(&case.network, &case.inputs);
    let layer = &case.network.steps[case.step];
    let operands: Vec<&[f64]> = layer.operands.iter().map(|&t| values[t].as_slice()).collect();
    let mut expected = oracle::forward(&case.network, layer, &operands);
    if case.step > 0 && layer.op == relprop::step::Op::Activation {
        // What it reads is itself a sum.
        let before = case.network.steps.iter().find(|step| step.output == layer.operands[0]).unwrap();
        let reads: Vec<&[f64]> = before.operands.iter().map(|&t| values[t].as_slice()).collect();
        let z = oracle::forward(&case.network, before, &reads);
        for (scale, z) in expected.scale.iter_mut().zip(z.scale) {
            // No activation is steeper than 2.
            *scale += 2.0 * z;
        }
    }
    let outputs = kernel::run(&model, &case.inputs, Mode::Infer);
    let (error, at) = expected.worst(&outputs[0]);
    prop_assert!(error <= TOLERANCE, "element {at} is off by {error:e}: {} for {}", outputs[0][at], expected.value[at]);
    Ok(())
}

/// Backward: relevance of the step's operands against the oracle.
fn check_backward(case: &Case, pick: Pick, seed: u64) -> Result<(), TestCaseError> {
    let image = case.image();
    let model = image.model().unwrap();
    let spec = pick.spec(case);
    let layer = &case.network.steps[case.step];
    let mut numbers = Numbers::new(seed, Style::Smooth);
    let start = numbers.sparse(case.network.shape(layer.output).elements());

    let overrides = [(Select::Position(case.step), spec.choice())];
    let composite = Composite::new(Preset::Gradient).with(&overrides);
    let target = Target { output: 0, seed: Seed::Values(&start) };
    let seen = kernel::explain(&model, &case.inputs, Mode::Explain, &target, &composite).unwrap();

    let values = oracle::run(&case.network, &case.inputs);
    let mut x = operands(case, &values);
    if layer.op == relprop::step::Op::Activation
        && let Some(before) = case.network.steps.iter().find(|step| step.output == layer.operands[0])
    {
        let reads: Vec<&[f64]> = before.operands.iter().map(|&t| values[t].as_slice()).collect();
        x = vec![oracle::forward(&case.network, before, &reads)];
    }
    let r = support::close::widened(&start);
    let back = oracle::backward(&case.network, layer, Some(spec.choice()), &x, &r);
    prop_assume!(!back.uncertain);
    for (k, expected) in back.relevance.iter().enumerate() {
        let got = seen.relevance[layer.operands[k]].as_ref().unwrap();
        let (error, at) = expected.worst(got);
        prop_assert!(
            error <= TOLERANCE,
            "operand {k}, element {at} is off by {error:e}: {} for {}, scale {}, under {spec:?}",
            got[at],
            expected.value[at],
            expected.scale[at]
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn linear_layers_compute_what_their_taps_say((_, case) in any_of(Kind::LINEAR)) {
        check_forward(&case)?;
    }

    #[test]
    fn other_layers_compute_what_their_formula_says((_, case) in any_of(Kind::NONLINEAR)) {
        check_forward(&case)?;
    }

    #[test]
    fn elements_arrive_where_they_should((_, case) in any_of(Kind::STRUCTURAL)) {
        check_forward(&case)?;
    }

    #[test]
    fn rules_over_linear_layers_are_their_formulas((_, case) in any_of(Kind::LINEAR), pick in picks(), seed: u64) {
        check_backward(&case, pick, seed)?;
    }

    #[test]
    fn rules_of_other_layers_are_their_formulas((_, case) in any_of(Kind::NONLINEAR), pick in picks(), seed: u64) {
        check_backward(&case, pick, seed)?;
    }

    #[test]
    fn relevance_returns_the_way_that_elements_came((_, case) in any_of(Kind::STRUCTURAL), pick in picks(), seed: u64) {
        check_backward(&case, pick, seed)?;
    }
}
