//! Which steps `--condition` says something of.

use crate::spec::Method;
use relprop::{Composite, Model, Rule};

/// What to say where figures were asked for that no step has: they are of rules that divide by `z` itself.
pub fn unmeasured(model: &Model<'_>, method: Method, composite: Option<&Composite<'_>>) -> Option<String> {
    let Some(composite) = composite else {
        return Some(format!("{} keeps no ledger: --condition measures nothing", method.name()));
    };
    let divides = |index: &usize| {
        let choice = composite.choose(model, *index).ok().flatten();
        let by_sum = choice.is_some_and(|choice| matches!(choice.rule, Rule::Zero | Rule::Epsilon(_) | Rule::Norm));
        by_sum && (model.step(*index).op.is_linear() || model.step(*index).op.is_recurrent())
    };
    (!(0..model.steps()).any(|index| divides(&index))).then(|| {
        "--condition measures nothing here: it is for rules that divide by z itself (zero, epsilon, norm), and no step has one"
            .into()
    })
}
