//! SELECT: how steps are named.

use crate::usage;
use relprop::step::Op;
use relprop::{Model, Select};
use std::fmt;
use std::str::FromStr;

/// Groups of steps, beside the ops.
const GROUPS: [(&str, Select<'static>); 8] = [
    ("all", Select::All),
    ("linear", Select::Linear),
    ("first", Select::First),
    ("first_conv", Select::FirstConv),
    ("conv", Select::Conv),
    ("dense", Select::Dense),
    ("pool", Select::Pool),
    ("activation", Select::Activation),
];

/// Another name for an op.
const ALIASES: [(&str, Op); 1] = [("batch_norm", Op::Affine)];

/// Which steps a rule is for, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectSpec {
    /// A word: a group, an op, or else a step's name.
    Word(String),
    /// `name:conv`: the step of this name, whatever else the word means.
    Name(String),
    /// `step:3`: by position.
    Position(usize),
}

impl FromStr for SelectSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text.is_empty() => Err("nothing is selected: write SELECT=RULE, such as conv=zplus".to_owned()),
            Some(("name", "")) => Err("a step's name is missing after name:".to_owned()),
            Some(("name", name)) => Ok(Self::Name(name.to_owned())),
            Some(("step", position)) => {
                position.parse().map(Self::Position).map_err(|_| format!("`{position}` is not a position"))
            }
            _ => Ok(Self::Word(text.to_owned())),
        }
    }
}

impl fmt::Display for SelectSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Name(name) => write!(f, "name:{name}"),
            Self::Position(position) => write!(f, "step:{position}"),
        }
    }
}

impl SelectSpec {
    /// What it means for a model.
    ///
    /// # Errors
    /// There is no such step; close names are offered.
    pub fn resolve(&self, model: &Model<'_>) -> anyhow::Result<Select<'_>> {
        match self {
            Self::Word(word) => match keyword(word) {
                Some(select) => Ok(select),
                None if has_step(model, word) => Ok(Select::Name(word)),
                None => Err(unknown(model, word)),
            },
            Self::Name(name) => step_named(model, name).map(|_| Select::Name(name)),
            Self::Position(position) if *position < model.steps() => Ok(Select::Position(*position)),
            Self::Position(position) => {
                Err(usage!("there is no step {position}: the model's steps are 0 to {}", model.steps() - 1))
            }
        }
    }
}

fn keyword(word: &str) -> Option<Select<'static>> {
    let group = GROUPS.iter().find(|(name, _)| *name == word).map(|(_, select)| *select);
    let alias = || ALIASES.iter().find(|(name, _)| *name == word).map(|(_, op)| Select::Op(*op));
    group.or_else(|| ops().find(|op| op.name() == word).map(Select::Op)).or_else(alias)
}

/// Every op that the kernel knows.
fn ops() -> impl Iterator<Item = Op> {
    (0..=u8::MAX).filter_map(Op::from_code)
}

fn has_step(model: &Model<'_>, name: &str) -> bool {
    step_names(model).any(|known| known == name)
}

fn step_names<'a>(model: &Model<'a>) -> impl Iterator<Item = &'a str> {
    (0..model.steps()).map(|i| model.step_name(&model.step(i)))
}

/// The error for a word that selects nothing, with close ones.
fn unknown(model: &Model<'_>, word: &str) -> anyhow::Error {
    let mut groups: Vec<&str> = Vec::new();
    for keyword in GROUPS.iter().map(|(name, _)| *name).chain(ops().map(Op::name)) {
        if !groups.contains(&keyword) {
            groups.push(keyword);
        }
    }
    let hint = close_to(word, step_names(model).chain(groups.iter().copied()));
    usage!(
        "there is no step or group of steps `{word}`{hint}\n  groups: {}\n  `relprop inspect` lists the steps",
        groups.join(", ")
    )
}

/// `; did you mean …?`, where something is near enough.
fn close_to<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let likeness = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &word.to_lowercase());
    let mut close: Vec<(f64, &str)> = known.map(|known| (likeness(known), known)).filter(|(l, _)| *l > 0.75).collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0));
    close.dedup_by(|a, b| a.1 == b.1);
    let close: Vec<&str> = close.into_iter().take(3).map(|(_, known)| known).collect();
    if close.is_empty() { String::new() } else { format!("; did you mean {}?", close.join(", ")) }
}

/// The step of this name.
///
/// # Errors
/// There is none; close names are offered.
pub fn step_named(model: &Model<'_>, name: &str) -> anyhow::Result<usize> {
    step_names(model).position(|known| known == name).ok_or_else(|| {
        let hint = close_to(name, step_names(model));
        usage!("the model has no step `{name}`{hint}\n  `relprop inspect` lists the steps")
    })
}

#[cfg(test)]
mod tests {
    use super::{SelectSpec, keyword};
    use relprop::Select;
    use relprop::step::Op;

    #[test]
    fn groups_ops_and_aliases_are_keywords() {
        assert_eq!(keyword("conv"), Some(Select::Conv));
        assert_eq!(keyword("first_conv"), Some(Select::FirstConv));
        assert_eq!(keyword("max_pool"), Some(Select::Op(Op::MaxPool)));
        assert_eq!(keyword("batch_norm"), Some(Select::Op(Op::Affine)));
        assert_eq!(keyword("conv1"), None);
    }

    #[test]
    fn prefixes_force_a_name_or_a_position() {
        assert_eq!("name:conv".parse(), Ok(SelectSpec::Name("conv".to_owned())));
        assert_eq!("step:3".parse(), Ok(SelectSpec::Position(3)));
        assert_eq!("Conv:0".parse(), Ok(SelectSpec::Word("Conv:0".to_owned())));
    }
}
