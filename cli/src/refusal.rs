//! The kernel's errors, in the words of someone who typed a command.

use crate::spec::show;
use crate::usage;
use anyhow::anyhow;
use relprop::step::Op;
use relprop::{Composite, ExplainError, Model, RunError};

/// Why an explanation was refused, with steps and rules by name.
pub fn explain(model: &Model<'_>, composite: Option<&Composite<'_>>, error: ExplainError) -> anyhow::Error {
    let named = |index: usize| {
        let step = model.step(index);
        format!("step `{}` ({})", model.step_name(&step), step.op.name())
    };
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
        ExplainError::RuleMismatch { step } => {
            let rule = composite.and_then(|composite| overriding(model, composite, step)).unwrap_or_default();
            usage!("{} cannot take the rule {rule}: `relprop explain --help` lists others", named(step))
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

/// The rule that was given to a step, as typed.
fn overriding(model: &Model<'_>, composite: &Composite<'_>, index: usize) -> Option<String> {
    let step = model.step(index);
    let mut last_first = composite.overrides.iter().rev();
    last_first.find(|(select, _)| select.matches(model, index, &step)).map(|(_, choice)| format!("`{}`", show(choice)))
}
