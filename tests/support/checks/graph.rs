//! A graph against the oracle, step by step, from what the kernel itself had there.

use crate::books::Expected;
use crate::close::{Figures, TOLERANCE, widened};
use crate::networks::Case;
use crate::networks::choices::Pick;
use crate::{kernel, oracle};
use proptest::prelude::*;
use relprop::step::Op;
use relprop::{Composite, Mode, Model, Preset, Rule, Seed, Select, Target};
use relprop_convert::Network;

/// The kernel's values of every tensor, exact where they are still in memory; what an activation in place overwrote is
/// computed again.
fn known(network: &Network, model: &Model<'_>, inputs: &[Vec<f32>]) -> Vec<Figures> {
    let retained = kernel::retained(model, inputs).into_iter().map(|values| {
        let value = widened(&values);
        Figures { scale: vec![0.0; value.len()], value }
    });
    let mut known: Vec<Figures> = retained.collect();
    for activation in network.steps.iter().filter(|step| step.op == Op::Activation) {
        let overwritten = activation.operands[0];
        if model.storage(activation.output) == model.storage(overwritten) {
            let before = network.steps.iter().find(|step| step.output == overwritten).unwrap();
            let operands: Vec<&[f64]> = before.operands.iter().map(|&t| known[t].value.as_slice()).collect();
            known[overwritten] = oracle::forward(network, before, &operands);
        }
    }
    known
}

fn check_forward(network: &Network, model: &Model<'_>, known: &[Figures]) -> Result<(), TestCaseError> {
    for (i, layer) in network.steps.iter().enumerate() {
        if known[layer.output].scale.iter().any(|scale| *scale > 0.0) {
            // Overwritten: the activation that did it is looked at.
            continue;
        }
        let operands: Vec<&[f64]> = layer.operands.iter().map(|&t| known[t].value.as_slice()).collect();
        let mut expected = oracle::forward(network, layer, &operands);
        if model.in_place(&model.step(i)) && layer.op == Op::Activation {
            // No activation is steeper than 2.
            let scales = expected.scale.iter_mut().zip(&known[layer.operands[0]].scale);
            scales.for_each(|(scale, blur)| *scale += 2.0 * blur);
        }
        let got: Vec<f32> = known[layer.output].value.iter().map(|v| *v as f32).collect();
        let (error, at) = expected.worst(&got);
        prop_assert!(error <= TOLERANCE, "step {i}, element {at} is off by {error:e}");
    }
    Ok(())
}

/// The tensor where relevance starts, and the relevance.
fn start(network: &Network, known: &[Figures], target: &Target<'_>) -> (usize, Vec<f64>) {
    let output = network.outputs[target.output].tensor;
    let producer = network.steps.iter().find(|step| step.output == output).unwrap();
    let tensor = if producer.op == Op::Softmax { producer.operands[0] } else { output };
    let f = &known[tensor].value;
    let mut r = vec![0.0; f.len()];
    match target.seed {
        Seed::Top => {
            let top = (0..f.len()).fold(0, |best, k| if f[k] > f[best] { k } else { best });
            r[top] = f[top];
        }
        Seed::Class(k) => r[k] = f[k],
        Seed::OneHot(k) => r[k] = 1.0,
        Seed::All => r.clone_from(f),
        Seed::Contrast(k, l) => {
            r[k] += f[k];
            r[l] -= f[l];
        }
        Seed::Values(values) => r = widened(values),
    }
    (tensor, r)
}

fn check_backward(
    case: &Case,
    model: &Model<'_>,
    known: &[Figures],
    target: &Target<'_>,
    composite: &Composite<'_>,
) -> Result<(), TestCaseError> {
    let network = &case.network;
    let seen = kernel::explain(model, &case.inputs, Mode::Retain, target, composite).unwrap();
    prop_assume!(seen.relevance.iter().flatten().flatten().all(|r| r.is_finite()));
    let mut expected: Vec<Option<Figures>> = vec![None; network.tensors.len()];
    let (tensor, r) = start(network, known, target);
    expected[tensor] = Some(Figures::exact(r));
    for (i, layer) in network.steps.iter().enumerate().rev() {
        let head = layer.op == Op::Softmax && layer.operands[0] == tensor;
        let Some(r) = seen.relevance[layer.output].as_ref().filter(|_| !head) else { continue };
        let x: Vec<Figures> = layer.operands.iter().map(|&t| known[t].clone()).collect();
        let choice = composite.choose(model, i).unwrap();
        let r = widened(r);
        let back = oracle::backward(network, layer, choice, &x, &r);
        prop_assume!(!back.uncertain);
        let earlier = layer.operands.iter().filter_map(|&t| expected[t].as_ref());
        let before = earlier.map(|r| r.scale.iter().sum::<f64>()).sum();
        let conserves = layer.op != Op::Pad && choice.is_none_or(|c| c.rule.conserves() && c.rule != Rule::Taylor);
        let books = Expected { arrived: &r, back: &back, conserves, before }.check(&seen.entries[i]);
        prop_assert!(books.is_ok(), "step {i}: {} under {choice:?}", books.unwrap_err());
        for (k, given) in back.relevance.iter().enumerate() {
            let operand = layer.operands[k];
            let sum = expected[operand].get_or_insert_with(|| Figures::zeros(given.value.len()));
            sum.add_all(given);
        }
    }
    for (tensor, (expected, got)) in expected.iter().zip(&seen.relevance).enumerate() {
        let is_input = network.inputs.iter().any(|port| port.tensor == tensor);
        prop_assert_eq!(expected.is_some() || is_input, got.is_some(), "tensor {} is reached", tensor);
        let Some(got) = got else { continue };
        // An input that nothing leads to has no relevance.
        let nothing = Figures::zeros(got.len());
        let (error, at) = expected.as_ref().unwrap_or(&nothing).worst(got);
        prop_assert!(error <= TOLERANCE, "tensor {tensor}, element {at} is off by {error:e}, {composite:?}");
    }
    Ok(())
}

/// A target at some output.
fn target(network: &Network, pick: (usize, usize, usize)) -> Target<'static> {
    let output = pick.0 % network.outputs.len();
    let classes = network.shape(network.outputs[output].tensor).elements();
    let (k, l) = (pick.1 % classes, pick.2 % classes);
    let seeds = [Seed::Top, Seed::Class(k), Seed::OneHot(k), Seed::All, Seed::Contrast(k, l)];
    Target { output, seed: seeds[pick.2 % seeds.len()] }
}

/// Every step of a graph against the oracle, forward and back; one step may have a rule of its own.
///
/// # Errors
/// What is off.
pub fn check(
    case: &Case,
    preset: Preset<'_>,
    (pick, step): (Pick, Option<usize>),
    aim: (usize, usize, usize),
) -> Result<(), TestCaseError> {
    let image = case.image();
    let model = image.model().unwrap();
    let known = known(&case.network, &model, &case.inputs);
    check_forward(&case.network, &model, &known)?;
    // One step has a rule of its own. A softmax at the output has none.
    let step = step.map(|step| step % case.network.steps.len());
    let step = step.filter(|step| case.network.steps[*step].op != Op::Softmax);
    let spec = step.map(|step| (step, pick.spec_for(case, step)));
    let overrides: Vec<_> = spec.iter().map(|(step, spec)| (Select::Position(*step), spec.choice())).collect();
    let composite = Composite::new(preset).with(&overrides);
    check_backward(case, &model, &known, &target(&case.network, aim), &composite)
}
