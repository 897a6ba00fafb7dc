//! Which steps `--condition` says something of.

use crate::spec::Method;
use relprop::{Composite, Model, Rule};

/// What to say where figures were asked for that some steps do not have: they are measured in floats, of rules that
/// divide by `z` itself.
pub fn unmeasured(model: &Model<'_>, method: Method, composite: Option<&Composite<'_>>) -> Option<String> {
    let Some(composite) = composite else {
        return Some(format!("{} keeps no ledger: --condition measures nothing", method.name()));
    };
    let divides = |index: &usize| {
        let choice = composite.choose(model, *index).ok().flatten();
        let by_sum = choice.is_some_and(|choice| matches!(choice.rule, Rule::Zero | Rule::Epsilon(_) | Rule::Norm));
        by_sum && model.step(*index).op.is_linear()
    };
    let dividing: Vec<usize> = (0..model.steps()).filter(divides).collect();
    let int8 = dividing.iter().filter(|&&index| model.is_int8(&model.step(index))).count();
    match (dividing.len(), int8) {
        (0, _) => Some(
            "--condition measures nothing here: it is for rules that divide by z itself (zero, epsilon, norm), and no step \
             has one"
                .into(),
        ),
        (_, 0) => None,
        (all, int8) if all == int8 => Some(
            "--condition measures nothing here: it is measured over float steps, and all steps that divide by z itself \
             are int8"
                .into(),
        ),
        (all, int8) => Some(format!(
            "--condition leaves out {int8} of {all} steps that divide by z itself: they are int8, and it is measured over \
             float steps"
        )),
    }
}
