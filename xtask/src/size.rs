//! `cargo xtask size`: flash that the kernel takes, and what a browser loads of it.

use crate::cross::{Cross, TARGETS, WASM};
use crate::elf::{Program, Symbol};
use crate::{floats, panics, root, succeeds, wasm};
use anyhow::Result;
use clap::Args;
use std::cmp::Reverse;

#[derive(Args)]
pub struct Options {
    /// Only this target
    #[arg(long, value_parser = [TARGETS[0], TARGETS[1], WASM])]
    target: Option<String>,
    /// The probe that `--symbols` and `--panics` look into
    #[arg(long, default_value = EVERYTHING, value_parser = PROBES.map(|(name, _)| name))]
    probe: String,
    /// List the biggest functions
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "30")]
    symbols: Option<usize>,
    /// List the places that may panic
    #[arg(long)]
    panics: bool,
    /// Fail where the budget is exceeded or a panic is linked
    #[arg(long)]
    check: bool,
}

/// The probes, and what each stands for.
const PROBES: [(&str, &str); 5] = [
    ("infer", "one model compiled in, inference only"),
    ("explain", "one model compiled in, one composite"),
    (INTEGERS, "one int8 model compiled in, one composite, relevance in integers"),
    (EVERYTHING, "every rule and loop, models checked at run time"),
    ("messages", "… and errors as sentences"),
];
const EVERYTHING: &str = "everything";
const INTEGERS: &str = "integers";

/// What `everything` may take without int8.
const BUDGET: u64 = 96 * 1024;

/// Generic code is compiled many times; so many of its functions are listed.
const FUNCTIONS: usize = 2;

/// The crates whose code a probe links.
const CRATES: [&str; 4] = ["relprop", "libm", "compiler-builtins", "core"];

pub fn run(options: &Options) -> Result<bool> {
    let mut good = true;
    for target in TARGETS.into_iter().filter(|target| options.target.as_deref().is_none_or(|only| only == *target)) {
        match Cross::find(target) {
            Ok(cross) => good &= measure(&cross, options)?,
            Err(why) => println!("skipped: {why}"),
        }
    }
    if options.target.as_deref().is_none_or(|only| only == WASM) {
        good &= wasm::fits()? || !options.check;
    }
    Ok(good)
}

fn measure(cross: &Cross, options: &Options) -> Result<bool> {
    build(cross, &[], &[])?;
    println!("\n{}, opt-level \"s\", fat LTO, panic \"abort\"; {}", cross.target, cross.name);
    println!("{:>12} {:>8} {:>8} {:>8}   of which code of", "", "text", "rodata", "flash");
    let mut everything = 0;
    for (probe, what) in PROBES {
        let program = Program::read(&cross.program(probe))?;
        let crates = CRATES.map(|name| format!("{name} {}", program.of_crate(name))).join(", ");
        println!("{probe:>12} {:>8} {:>8} {:>8}   {crates}", program.text, program.data, program.flash());
        println!("{:>40} {what}", "");
    }
    let floats_only = cross.apart("floats");
    build(&floats_only, &["--no-default-features", "--features=float,steps"], &[])?;
    println!("without the feature `int8`:");
    for probe in PROBES.iter().map(|(probe, _)| *probe).filter(|probe| *probe != INTEGERS) {
        let program = Program::read(&floats_only.program(probe))?;
        println!("{probe:>12} {:>8} {:>8} {:>8}", program.text, program.data, program.flash());
        if probe == EVERYTHING {
            everything = program.flash();
        }
    }
    let plain = cross.apart("plain");
    build(&plain, &["--no-default-features", "--features=int8"], &[])?;
    println!("with the feature `int8` alone: steps of plain networks");
    let program = Program::read(&plain.program(INTEGERS))?;
    println!("{INTEGERS:>12} {:>8} {:>8} {:>8}", program.text, program.data, program.flash());
    let fits = everything <= BUDGET;
    println!(
        "budget of {EVERYTHING} in floats: {everything} of {BUDGET} bytes, {}",
        if fits { "fits" } else { "EXCEEDED" }
    );
    if let Some(count) = options.symbols {
        list_symbols(Program::read(&cross.program(&options.probe))?.symbols, count);
    }
    let panics = panics::places(&cross.program(&options.probe))?.len();
    println!("places that may panic in {}: {panics}", options.probe);
    if options.panics && panics > 0 {
        list_panics(&cross.apart("panics"), &options.probe)?;
    }
    let floats = floats::routines(&Program::read(&cross.program(INTEGERS))?.symbols);
    println!("float routines in {INTEGERS}: {}", if floats.is_empty() { "none".into() } else { floats.join(", ") });
    Ok(!options.check || (fits && panics == 0 && floats.is_empty()))
}

fn build(cross: &Cross, features: &[&str], more: &[&str]) -> Result<()> {
    let directory = root().join("xtask").join("probe");
    let script = format!("-Clink-arg=-T{}", directory.join("link.x").display());
    // Names with all their types, and a record of who calls whom.
    let mut flags = vec![script.as_str(), "-Clink-arg=--emit-relocs", "-Csymbol-mangling-version=v0"];
    flags.extend(more);
    if !succeeds(&cross.build(&directory.join("Cargo.toml"), features, &flags))? {
        anyhow::bail!("the probes do not build for {}", cross.target);
    }
    Ok(())
}

fn list_symbols(mut symbols: Vec<Symbol>, count: usize) {
    symbols.sort_by_key(|symbol| Reverse(symbol.size));
    for Symbol { name, size, .. } in symbols.iter().take(count) {
        println!("{size:>8}  {name}");
    }
}

fn list_panics(cross: &Cross, probe: &str) -> Result<()> {
    build(cross, &[], &panics::FLAGS)?;
    for ((line, panic), functions) in panics::places(&cross.program(probe))? {
        println!("  {line}: {panic}");
        let shown = functions.iter().filter(|function| **function != line);
        for function in shown.take(FUNCTIONS) {
            println!("      in {function}");
        }
        if functions.len() > FUNCTIONS {
            println!("      and {} more", functions.len() - FUNCTIONS);
        }
    }
    Ok(())
}
