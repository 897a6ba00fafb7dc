//! `cargo xtask firmware`: the programs of `firmware/` and the one of C in `capi/examples`, built, run in QEMU and measured.
//!
//! A program prints what it shows a person, hashes of its explanations, and what a meter says. The first two are compared
//! with the snapshot beside its source, the hashes with those of the host, the rest with `firmware/budgets.toml`.

mod budget;
mod c;
mod golden;
mod program;
mod run;
mod tflm;

use crate::cross::Cross;
use crate::elf::Program as Image;
use crate::stages::Outcome;
use crate::{floats, panics, root, succeeds};
use anyhow::{Result, bail};
use budget::{Budgets, Figures};
use clap::Args;
use program::{Language, PROGRAMS, Program};
use std::path::{Path, PathBuf};

#[derive(Args, Default)]
pub struct Options {
    /// Only these programs
    #[arg(value_parser = PROGRAMS.map(|program| program.name))]
    programs: Vec<String>,
    /// Show what the programs print
    #[arg(long, short)]
    verbose: bool,
    /// Take what they print as the snapshots to compare with from now on
    #[arg(long)]
    bless: bool,
    /// Take what they need as the budgets to compare with from now on
    #[arg(long)]
    bless_budgets: bool,
}

/// What became of all programs.
pub struct Verdict {
    /// What was wrong, by program.
    pub failures: Vec<String>,
    /// What could not run, and why.
    pub skipped: Vec<String>,
}

pub fn run(options: &Options) -> Result<bool> {
    let verdict = verdict(options)?;
    verdict.skipped.iter().for_each(|why| println!("skipped: {why}"));
    verdict.failures.iter().for_each(|why| println!("FAILED: {why}"));
    Ok(verdict.failures.is_empty())
}

/// As a stage of the tests: skipped where nothing could run.
pub fn stage() -> Result<Outcome> {
    let Verdict { failures, skipped } = verdict(&Options::default())?;
    for why in &failures {
        eprintln!("FAILED: {why}");
    }
    Ok(if !failures.is_empty() {
        Outcome::Failed(failures.join("; "))
    } else if skipped.len() == PROGRAMS.len() {
        Outcome::Skipped(skipped.join("; "))
    } else {
        Outcome::Passed(skipped.iter().map(|why| format!("skipped {why}")).collect::<Vec<_>>().join("; "))
    })
}

/// Builds, runs and measures.
pub fn verdict(options: &Options) -> Result<Verdict> {
    let mut verdict = Verdict { failures: Vec::new(), skipped: Vec::new() };
    let mut budgets = Budgets::read()?;
    let mut rows = Vec::new();
    let is_wanted =
        |program: &&Program| options.programs.is_empty() || options.programs.iter().any(|p| p == program.name);
    for program in PROGRAMS.iter().filter(is_wanted) {
        let (image, cross) = match program.missing().map_or_else(|| Cross::find(program.target), Err) {
            Ok(cross) => (build(program, &cross)?, cross),
            Err(why) => {
                verdict.skipped.push(format!("{}: {why}", program.name));
                continue;
            }
        };
        let Some(path) = image else {
            verdict.failures.push(format!("{} does not build: see above", program.name));
            continue;
        };
        let printed = run::in_qemu(program, &path)?;
        if options.verbose {
            println!("{}:\n{}", program.name, printed.text);
        }
        let mut fails = |why: String| verdict.failures.push(format!("{}: {why}", program.name));
        printed.failure.into_iter().for_each(&mut fails);
        golden::differences(&printed.text)?.into_iter().for_each(&mut fails);
        snapshot(program, &printed.text, options.bless)?.into_iter().for_each(&mut fails);
        let image = Image::read(&path)?;
        if program.is_of_integers() {
            floats::routines(&image.symbols).into_iter().map(|name| format!("links {name}")).for_each(&mut fails);
        }
        let figures = Figures::new(&image, &printed.meters);
        if options.bless_budgets {
            budgets.set(program.name, &figures, &cross.name);
        }
        budgets.exceeded(program.name, &figures, &cross.name).into_iter().for_each(&mut fails);
        rows.push((program.name, figures, cross.name));
    }
    if options.programs.is_empty() && version(c::COMPILER).is_ok() {
        verdict.failures.extend(c::reaches_a_panic()?);
    }
    budget::print(&rows);
    if options.bless_budgets {
        budgets.write()?;
    }
    Ok(verdict)
}

/// Where the programs are.
fn folder() -> PathBuf {
    root().join("firmware")
}

/// Builds a program; where it is, or `None` where it does not build.
fn build(program: &Program, cross: &Cross) -> Result<Option<PathBuf>> {
    if let Language::C(core) = program.language {
        return c::build(program, core, cross);
    }
    let cross = cross.apart("firmware");
    let manifest = folder().join("Cargo.toml");
    let arguments = ["--bin", program.name, "--features", program.features];
    // Names with all their types, for lists of what is linked.
    let command =
        |may_panic| program.prepared(&cross.build(&manifest, &arguments, &["-Csymbol-mangling-version=v0"]), may_panic);
    if succeeds(&command(program.logs()))? {
        return Ok(Some(cross.program(program.name)));
    }
    // Perhaps it may panic: then it does build with a handler that does nothing. Else its build was ended.
    if succeeds(&command(true))? {
        let places = panics::places(&cross.program(program.name))?;
        for (line, panic) in places.into_keys() {
            println!("{} may panic: {line}: {panic}", program.name);
        }
    }
    Ok(None)
}

/// Compares with the snapshot, or writes it; what is wrong.
fn snapshot(program: &Program, text: &str, bless: bool) -> Result<Option<String>> {
    let path = program.snapshot();
    if bless {
        std::fs::write(&path, text)?;
        return Ok(None);
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected == text {
        return Ok(None);
    }
    let differs = |(a, b): &(&str, &str)| a != b;
    let first = expected.lines().zip(text.lines()).find(differs);
    let (is, was) = first.map_or(("more or fewer lines", ""), |(was, is)| (is, was));
    Ok(Some(format!("prints other than {}: {is:?}, not {was:?}", short(&path))))
}

/// A path from the root of the repository.
fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// What a tool prints for `--version`, or that it is not there.
fn version(tool: &str) -> Result<String> {
    match crate::output_of(tool, &["--version"]) {
        Some(text) => Ok(text.lines().next().unwrap_or_default().into()),
        None => bail!("{tool} is not installed"),
    }
}
