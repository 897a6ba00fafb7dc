//! The kernel's errors, in the words of someone who typed a command.

use crate::spec::{Method, rule_of, show};
use crate::usage;
use anyhow::anyhow;
use relprop::step::Op;
use relprop::{Composite, ExplainError, Mismatch, Model, RunError, SessionError};

/// Why an explanation was refused, with steps and rules by name.
pub fn explain(model: &Model<'_>, composite: Option<&Composite<'_>>, error: ExplainError) -> anyhow::Error {
    let named = |index: usize| named(model, index);
    let op = |index: usize| model.step(index).op.name();
    match error {
        ExplainError::NoRule { step } => {
            let rule = match model.step(step).op {
                Op::MaxPool => "winner",
                op if op.is_linear() => "epsilon:0.01",
                _ => "pass",
            };
            usage!("{} has no rule: give it one, such as --rule {}={rule}", named(step), op(step))
        }
        ExplainError::RuleMismatch { step, reason } => {
            let rule = composite.and_then(|composite| rule(model, composite, step)).unwrap_or_default();
            let advice = advice(reason).unwrap_or("`relprop explain --help` lists other rules");
            usage!("{} cannot take the rule {rule}: {}; {advice}", named(step), reason.message())
        }
        ExplainError::RuleParameter { step } => usage!("the rule for {} has a number out of range", named(step)),
        ExplainError::BoundLength { step } => {
            let shape = model.tensor(model.operand(&model.step(step), 0)).shape;
            usage!(
                "the box of {} needs one number, {} (one per channel) or {} (one per element)",
                named(step),
                shape.channels,
                shape.elements()
            )
        }
        ExplainError::NoSuchOutput { output } => no_output(model, output),
        ExplainError::Run(error) => run(model, error),
        other => anyhow!("{other}"),
    }
}

/// Why an input was refused.
pub fn run(model: &Model<'_>, error: RunError) -> anyhow::Error {
    match error {
        RunError::InputCount { .. } => inputs_missing(model),
        other => anyhow!("{other}"),
    }
}

/// There is no such output.
pub fn no_output(model: &Model<'_>, output: usize) -> anyhow::Error {
    let names: Vec<String> =
        (0..model.outputs()).map(|i| format!("{i} ({})", model.port_name(&model.output(i)))).collect();
    usage!("the model has no output {output}: it has {}", names.join(", "))
}

/// The inputs given are not those of the model.
pub fn inputs_missing(model: &Model<'_>) -> anyhow::Error {
    if model.inputs() == 1 {
        return usage!("the model has one input: name one file (a batch is one .npy file)");
    }
    let names: Vec<String> =
        (0..model.inputs()).map(|i| format!("{}=FILE", model.port_name(&model.input(i)))).collect();
    usage!("the model has {} inputs: write {}", model.inputs(), names.join(" "))
}

/// Why no session could be opened.
pub fn session(model: &Model<'_>, error: SessionError) -> anyhow::Error {
    match error {
        SessionError::NeedsFloats { step } => {
            let what = if model.has_int8() {
                "leave --relevance fixed out"
            } else {
                "leave --relevance fixed out, or make the network int8 first (`relprop quantize`)"
            };
            usage!("{} computes with floats, so its relevance cannot be of integers alone: {what}", named(model, step))
        }
        other => anyhow!("{other}"),
    }
}

/// What needs floats, when relevance is to be of integers alone.
///
/// # Errors
/// It was asked for.
pub fn floats_only(method: Method, condition: bool) -> anyhow::Result<()> {
    if !method.is_composite() {
        return Err(usage!("{} computes with floats: leave --relevance fixed out", method.name()));
    }
    if condition {
        return Err(usage!("--condition measures with floats: leave it out, or --relevance fixed"));
    }
    Ok(())
}

fn named(model: &Model<'_>, index: usize) -> String {
    let step = model.step(index);
    format!("step `{}` ({})", model.step_name(&step), step.op.name())
}

/// The rule of a step, as typed.
fn rule(model: &Model<'_>, composite: &Composite<'_>, index: usize) -> Option<String> {
    let step = model.step(index);
    let mut last_first = composite.overrides.iter().rev();
    let overriding = last_first.find(|(select, _)| select.matches(model, index, &step));
    let text = match overriding {
        Some((_, choice)) => Some(show(choice)),
        None => rule_of(model, composite, index).ok().flatten(),
    };
    text.map(|text| format!("`{text}`"))
}

/// What to do about a rule that was refused for this reason.
const fn advice(reason: Mismatch) -> Option<&'static str> {
    Some(match reason {
        Mismatch::StabilizerNorm => "take another stabilizer, such as `;stabilizer=signed`",
        Mismatch::Cancelling => "take gamma, or leave --relevance fixed out",
        Mismatch::NoDerivative => "leave --relevance fixed out, or give it the rule pass",
        Mismatch::Redistribute => "leave `;bias=redistribute` out",
        _ => return None,
    })
}
