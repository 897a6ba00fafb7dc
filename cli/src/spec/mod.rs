//! What people type for rules, steps, targets and methods, and what it means for a model.
//!
//! Everything is parsed without a model first, so that a misspelt rule is found before anything is read, and resolved
//! against one later.

mod bound;
mod method;
mod number;
mod options;
mod resolve;
mod rule;
mod select;
mod target;
mod written;

pub use bound::BoundSpec;
pub use method::Method;
pub use number::shortest;
pub use resolve::{Recipe, idle, rule_of};
pub use rule::{RULES, RuleArg};
pub use select::step_named;
pub use target::{Aim, SeedRelevance, TargetSpec};
pub use written::show;
