//! `cargo xtask mutants`: what tests do not notice, in the rules, the ledger and the checks of images.
//!
//! cargo-mutants does not look into macros, and the conditions of the checks stand in two of their own. It is given a copy
//! of the tree where these are written out.

use crate::{cargo, output_of, root, succeeds};
use anyhow::{Context, Result, ensure};
use clap::Args;
use duct::cmd;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

#[derive(Args)]
pub struct Options {
    /// What else `cargo mutants` is told: `-- --shard 0/50`, `-- --list`
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// Where the macros are.
const CHECKS: &str = "kernel/src/model/check.rs";

/// Runs cargo-mutants; whether no mutant survived.
pub fn run(options: &Options) -> Result<bool> {
    ensure!(
        output_of(cargo(), &["mutants", "--version"]).is_some(),
        "no cargo-mutants; cargo install cargo-mutants --locked"
    );
    let folder = crate::target_dir().join("mutants");
    let tree = folder.join("tree");
    copy(&tree)?;
    let checks = tree.join(CHECKS);
    fs::write(&checks, written_out(&fs::read_to_string(&checks)?)?)?;
    // Which files, and which tests, is in `.cargo/mutants.toml`.
    let start = ["mutants", "--package", "relprop", "--gitignore", "false", "--dir"].map(OsString::from);
    let paths = [tree.into(), "--output".into(), folder.into()];
    succeeds(&cmd(cargo(), start.into_iter().chain(paths).chain(options.arguments.iter().cloned())))
}

/// What git knows of the tree, as it lies there.
fn copy(tree: &Path) -> Result<()> {
    if tree.exists() {
        fs::remove_dir_all(tree)?;
    }
    let files = cmd!("git", "ls-files", "-z").dir(root()).read().context("git lists the files")?;
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        let (from, to) = (root().join(file), tree.join(file));
        if from.is_file() {
            fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// With `ensure!(condition, …)` and `attempt!(result, …)` as what they stand for, line by line.
fn written_out(text: &str) -> Result<String> {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let calls = ["ensure!(", "attempt!("].map(|call| rest.find(call));
        let Some(at) = calls.into_iter().flatten().min() else { break };
        out.push_str(&rest[..at]);
        let inside = &rest[at + rest[at..].find('(').unwrap_or(0) + 1..];
        let (arguments, behind) = split(inside).context("a call of a macro does not end")?;
        let [what, more @ ..] = arguments.as_slice() else { anyhow::bail!("a macro without arguments") };
        let place = |words: &str| {
            let (place, index) = words.split_once(' ').context("a place has an index")?;
            anyhow::Ok(format!("ImageError {{ place: Place::{place}, index: {index}, reason"))
        };
        let plain = match (rest[at..].starts_with("ensure"), more) {
            (true, [reason]) => format!("if !({what}) {{ return Err(Reason::{reason}); }}"),
            (true, [at, reason]) => {
                format!("if !({what}) {{ return Err({}: Reason::{reason} }}); }}", place(at)?)
            }
            (false, []) => format!("if let Err(error) = {what} {{ return Err(error); }}"),
            (false, [at]) => format!("if let Err(reason) = {what} {{ return Err({} }}); }}", place(at)?),
            _ => anyhow::bail!("a macro with other arguments: {what}"),
        };
        out.push_str(&plain);
        // Every line stays where it is.
        out.extend(inside[..inside.len() - behind.len()].matches('\n'));
        rest = behind.strip_prefix(';').unwrap_or(behind);
    }
    // Nobody calls them any more.
    Ok((out + rest).replace("macro_rules!", "#[allow(unused_macros)]\nmacro_rules!"))
}

/// The arguments up to the closing parenthesis, each on one line, and what is behind it.
fn split(text: &str) -> Option<(Vec<String>, &str)> {
    let (mut depth, mut arguments, mut start) = (0, Vec::new(), 0);
    let mut end = |from: usize, to: usize| {
        let words: Vec<&str> = text[from..to].split_whitespace().collect();
        if !words.is_empty() {
            arguments.push(words.join(" "));
        }
    };
    for (at, character) in text.char_indices() {
        match character {
            ')' if depth == 0 => {
                end(start, at);
                return Some((arguments, &text[at + 1..]));
            }
            ',' if depth == 0 => {
                end(start, at);
                start = at + 1;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::written_out;

    #[test]
    fn macros_are_what_they_stand_for() {
        let text = "ensure!(a < f(b, c), Step i, Size);\nattempt!(\n    g([1, 2]),\n);\nattempt!(h(), Plan mode + 1);\n\
                    x => ensure!(d, Index),\n";
        let wanted = "if !(a < f(b, c)) { return Err(ImageError { place: Place::Step, index: i, reason: Reason::Size }); }\n\
                      if let Err(error) = g([1, 2]) { return Err(error); }\n\n\n\
                      if let Err(reason) = h() { return Err(ImageError { place: Place::Plan, index: mode + 1, reason }); }\n\
                      x => if !(d) { return Err(Reason::Index); },\n";
        assert_eq!(written_out(text).unwrap(), wanted);
    }

    #[test]
    fn none_is_left_in_the_checks() {
        let checks = std::fs::read_to_string(crate::root().join(super::CHECKS)).unwrap();
        let out = written_out(&checks).unwrap();
        assert!(checks.matches("ensure!(").count() > 100);
        assert_eq!(out.matches("ensure!(").count() + out.matches("attempt!(").count(), 0);
        assert_eq!(out.lines().count(), checks.lines().count() + 2);
    }
}
