//! `--target`: what is explained.

use crate::classes::Classes;
use crate::usage;
use clap::ValueEnum;
use std::convert::Infallible;
use std::str::FromStr;

/// A target as typed; classes are looked up once there is a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TargetSpec {
    /// `top`
    #[default]
    Top,
    /// `all`
    All,
    /// A class, or two with a `-` between them.
    Named(String),
}

impl FromStr for TargetSpec {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "top" => Self::Top,
            "all" => Self::All,
            _ => Self::Named(text.to_owned()),
        })
    }
}

/// How relevance starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeedRelevance {
    /// With the value before any softmax.
    Logit,
    /// With one.
    One,
}

/// A target, by the number of its class in the exported model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Whatever scores best.
    Top,
    /// One class.
    Class(usize),
    /// The first, and not the second.
    Contrast(usize, usize),
    /// Every class with its score.
    All,
}

impl TargetSpec {
    /// Looks the classes up.
    ///
    /// # Errors
    /// There is no such class.
    pub fn resolve(&self, classes: &Classes) -> anyhow::Result<Aim> {
        let text = match self {
            Self::Top => return Ok(Aim::Top),
            Self::All => return Ok(Aim::All),
            Self::Named(text) => text,
        };
        if let Some(class) = classes.find(text) {
            return Ok(Aim::Class(class));
        }
        // Labels may contain the dash that separates two of them.
        let pair = text.match_indices('-').find_map(|(at, dash)| {
            let (first, second) = (text.get(..at)?, text.get(at + dash.len()..)?);
            Some(Aim::Contrast(classes.find(first)?, classes.find(second)?))
        });
        pair.ok_or_else(|| usage!("there is no class `{text}`: {}", classes.describe()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Aim, TargetSpec};
    use crate::classes::Classes;

    fn resolve(text: &str, classes: &Classes) -> Option<Aim> {
        let spec: TargetSpec = text.parse().unwrap();
        spec.resolve(classes).ok()
    }

    #[test]
    fn numbers_labels_and_contrasts() {
        let classes = Classes::named(&["cat", "wire-haired dog", "3", "dog"]);
        assert_eq!(resolve("top", &classes), Some(Aim::Top));
        assert_eq!(resolve("all", &classes), Some(Aim::All));
        assert_eq!(resolve("2", &classes), Some(Aim::Class(2)));
        // A number is an index first.
        assert_eq!(resolve("3", &classes), Some(Aim::Class(3)));
        assert_eq!(resolve("dog", &classes), Some(Aim::Class(3)));
        assert_eq!(resolve("0-3", &classes), Some(Aim::Contrast(0, 3)));
        assert_eq!(resolve("wire-haired dog-cat", &classes), Some(Aim::Contrast(1, 0)));
        assert_eq!(resolve("4", &classes), None);
        assert_eq!(resolve("-1", &classes), None);
        assert_eq!(resolve("", &classes), None);
    }
}
