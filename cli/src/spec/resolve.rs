//! Rules as typed, made ready for one model.

use super::bound::Values;
use super::method::Method;
use super::rule::LoadedRule;
use super::select::SelectSpec;
use super::written::show;
use crate::args::RuleArgs;
use crate::usage;
use relprop::{Bound, Composite, ExplainError, Model, Override, Preset};

/// A method with its box and its overrides, files read.
pub struct Recipe {
    /// The method.
    pub method: Method,
    low: Option<Values>,
    high: Option<Values>,
    rules: Vec<(SelectSpec, LoadedRule)>,
}

impl Recipe {
    /// Reads what the command line names, and looks up steps.
    ///
    /// # Errors
    /// A file cannot be read, a step does not exist, or a box is missing.
    pub fn new(args: &RuleArgs, model: &Model<'_>) -> anyhow::Result<Self> {
        let recipe = Self::with_any_box(args, model)?;
        if recipe.method.needs_box() && (recipe.low.is_none() || recipe.high.is_none()) {
            return Err(usage!(
                "{} needs to know the range of the inputs, and the model does not say: pass --low and --high \
                 (or store it with `relprop convert --input-range`)",
                recipe.method.name()
            ));
        }
        Ok(recipe)
    }

    /// As [`new`](Self::new), for those who want to know the rules and not to apply them: the box may be missing.
    ///
    /// # Errors
    /// A file cannot be read, or a step does not exist.
    pub fn with_any_box(args: &RuleArgs, model: &Model<'_>) -> anyhow::Result<Self> {
        let method = args.composite.unwrap_or_default();
        let range = model.input(0).range;
        let stored = |end: fn((f32, f32)) -> f32| range.map(end).map(Values::Uniform);
        let recipe = Self {
            method,
            low: args.low.as_ref().map(|spec| spec.resolve(model)).transpose()?.or_else(|| stored(|r| r.0)),
            high: args.high.as_ref().map(|spec| spec.resolve(model)).transpose()?.or_else(|| stored(|r| r.1)),
            rules: args
                .rules
                .iter()
                .map(|arg| Ok((arg.select.clone(), arg.rule.load(model)?)))
                .collect::<anyhow::Result<_>>()?,
        };
        if recipe.preset().is_none() && !recipe.rules.is_empty() {
            return Err(usage!("{} has rules of its own: leave --rule out", method.name()));
        }
        // Steps that do not exist are found now.
        recipe.overrides(model)?;
        Ok(recipe)
    }

    /// The composite that the overrides lie on, `None` for loops.
    pub fn preset(&self) -> Option<Preset<'_>> {
        // Composites without a box never look at it.
        let low = self.low.as_ref().map_or(Bound::Uniform(0.0), Values::bound);
        let high = self.high.as_ref().map_or(Bound::Uniform(0.0), Values::bound);
        self.method.preset(low, high)
    }

    /// The overrides, in rising order of precedence.
    ///
    /// # Errors
    /// A step does not exist.
    pub fn overrides(&self, model: &Model<'_>) -> anyhow::Result<Vec<Override<'_>>> {
        self.rules.iter().map(|(select, rule)| Ok((select.resolve(model)?, rule.choice()))).collect()
    }
}

/// Positions of the overrides that no step takes: likely a mistake.
pub fn idle(model: &Model<'_>, preset: Preset<'_>, overrides: &[Override<'_>]) -> Vec<usize> {
    let takes = |at: usize| {
        // Only those below, so that one which a later one replaces is not called idle.
        let composite = Composite::new(preset).with(overrides.get(..=at).unwrap_or_default());
        let Some((select, choice)) = overrides.get(at) else { return true };
        let matching = (0..model.steps()).filter(|&i| select.matches(model, i, &model.step(i)));
        // A step that refuses a rule is told later, as an error.
        matching.map(|i| composite.choose(model, i)).any(|chosen| chosen.is_err() || chosen == Ok(Some(*choice)))
    };
    (0..overrides.len()).filter(|&at| !takes(at)).collect()
}

/// The rule of a step as it would be typed; `None` where it needs none.
///
/// # Errors
/// It has none, or one that does not apply.
pub fn rule_of(model: &Model<'_>, composite: &Composite<'_>, step: usize) -> Result<Option<String>, ExplainError> {
    Ok(composite.choose(model, step)?.as_ref().map(show))
}
