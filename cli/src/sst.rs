//! The Stanford Sentiment Treebank (Socher et al. 2013): sentences, labelled from 0 (very negative) to 4.

use crate::files;
use anyhow::{Context, bail};
use std::path::Path;

/// How many labels there are.
pub const LABELS: usize = 5;

/// A sentence and its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// The words, with spaces between them.
    pub text: String,
    /// 0 to 4.
    pub label: usize,
}

impl Labelled {
    /// Whether it is positive; `None` of neutral ones.
    pub const fn is_positive(&self) -> Option<bool> {
        match self.label {
            0 | 1 => Some(false),
            3 | 4 => Some(true),
            _ => None,
        }
    }

    /// One line: `(3 (2 The) (4 …))`.
    fn parse(line: &str) -> Option<Self> {
        let label = line.strip_prefix('(')?.get(..1)?.parse().ok().filter(|label| *label < LABELS)?;
        let words: Vec<&str> = line
            .split_ascii_whitespace()
            .filter(|part| !part.starts_with('('))
            .map(|part| part.trim_end_matches(')'))
            .collect();
        let depth = |c: char| line.matches(c).count();
        (depth('(') == depth(')') && !words.is_empty()).then(|| Self { text: words.join(" "), label })
    }
}

/// Reads a file of trees, one a line.
pub fn read(path: &Path) -> anyhow::Result<Vec<Labelled>> {
    let text = String::from_utf8(files::read(path)?).with_context(|| format!("{} is not UTF-8", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let trees: Vec<Labelled> = lines
        .map(|(i, line)| {
            let tree = Labelled::parse(line);
            tree.with_context(|| format!("{}, line {}: no tree such as (3 (2 A) (4 triumph))", path.display(), i + 1))
        })
        .collect::<anyhow::Result<_>>()?;
    if trees.is_empty() {
        bail!("{} holds no trees", path.display());
    }
    Ok(trees)
}

#[cfg(test)]
mod tests {
    use super::Labelled;

    #[test]
    fn trees_are_read() {
        let tree = Labelled::parse("(3 (2 It) (4 (2 's) (3 (2 -LRB-) (3 good))))");
        assert_eq!(tree, Some(Labelled { text: "It 's -LRB- good".to_owned(), label: 3 }));
        for broken in ["", "(7 a)", "(3 (2 a)", "3", "()", "(3)"] {
            assert_eq!(Labelled::parse(broken), None, "{broken}");
        }
    }
}
