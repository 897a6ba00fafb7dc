//! `cargo xtask fuzz`: builds the fuzz targets as `cargo fuzz` does, runs each, and prints what came of it.
//!
//! libFuzzer and the sanitizer come with the nightly compiler and the crate `libfuzzer-sys`; cargo-fuzz itself is not
//! needed, and finds the same folders.

mod report;

use crate::stages::Outcome;
use crate::{output_of, root, succeeds};
use anyhow::{Context, Result, ensure};
use clap::Args;
use duct::cmd;
use report::Report;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Every target, in the order in which they run.
pub const TARGETS: [&str; 9] =
    ["image", "image_mutate", "onnx", "tflite", "graph", "int8_layer", "lstm", "cli_spec", "npy"];

/// An instrumented program under `AddressSanitizer`: the very flags of `cargo fuzz build --release`, so that both share
/// what they build.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
    -Zsanitizer=address -Cllvm-args=-sanitizer-coverage-stack-depth -Ccodegen-units=1";

/// Named, so that the flags are for programs and not for what runs while they are built.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// Longer inputs are neither made nor read: what they would show, short ones do.
const MOST_BYTES: u64 = 1 << 16;

#[derive(Args)]
pub struct Options {
    /// Only these targets
    targets: Vec<String>,
    /// How long each runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// Seed of the fuzzer's own randomness, to repeat a run; 0 is another every time
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u32,
    /// How many run at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
}

/// Runs the targets; whether nothing was found.
pub fn run(options: &Options) -> Result<bool> {
    for name in &options.targets {
        ensure!(TARGETS.contains(&name.as_str()), "there is no target {name}: they are {}", TARGETS.join(", "));
    }
    if let Some(why) = missing() {
        anyhow::bail!("{why}");
    }
    let wanted = |name: &&str| options.targets.is_empty() || options.targets.iter().any(|target| target == name);
    let targets: Vec<&str> = TARGETS.into_iter().filter(wanted).collect();
    let reports = build_and_run(&targets, options.seconds, options.seed, options.jobs)?;
    println!("{}", report::table(&reports));
    Ok(reports.iter().all(Report::is_clean))
}

/// A stage of the tests: every target for so long.
pub fn stage(seconds: u32, seed: u32) -> Result<Outcome> {
    if let Some(why) = missing() {
        return Ok(Outcome::Skipped(why));
    }
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let reports = build_and_run(&TARGETS, seconds, seed, jobs)?;
    eprintln!("{}", report::table(&reports));
    let found: Vec<&str> = reports.iter().filter(|report| !report.is_clean()).map(|report| report.target).collect();
    Ok(if found.is_empty() {
        Outcome::Passed(format!("{} targets, {seconds} s each", reports.len()))
    } else {
        Outcome::Failed(format!("{} found something: see fuzz/artifacts", found.join(", ")))
    })
}

/// Why nothing can be fuzzed here, and how to change that.
fn missing() -> Option<String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Some(format!("the fuzzers are built for {TRIPLE} only; cargo fuzz run NAME may do"));
    }
    let toolchains = output_of("rustup", &["toolchain", "list"]).unwrap_or_default();
    let nightly = toolchains.lines().any(|line| line.starts_with("nightly"));
    (!nightly).then(|| "no nightly compiler; rustup toolchain install nightly --profile minimal".into())
}

fn build_and_run(targets: &[&'static str], seconds: u32, seed: u32, jobs: usize) -> Result<Vec<Report>> {
    let programs = build()?;
    let mut reports = Vec::new();
    for together in targets.chunks(jobs.max(1)) {
        let runs: Vec<Result<Report>> = std::thread::scope(|scope| {
            let start = |target: &&'static str| {
                let (target, programs) = (*target, &programs);
                scope.spawn(move || fuzz(target, programs, seconds, seed))
            };
            let threads: Vec<_> = together.iter().map(start).collect();
            let lost = || Err(anyhow::anyhow!("a thread was lost"));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
        });
        for report in runs {
            let report = report?;
            eprintln!("{}", report.line());
            reports.push(report);
        }
    }
    Ok(reports)
}

/// Builds every target; returns where the programs are.
fn build() -> Result<PathBuf> {
    let folder = root().join("fuzz");
    let manifest = folder.join("Cargo.toml");
    let arguments = ["run", "nightly", "cargo", "build", "--release", "--bins", "--target", TRIPLE, "--manifest-path"];
    let build = cmd("rustup", arguments.iter().map(Into::into).chain([manifest.into_os_string()]))
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        // Both name the running toolchain.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO");
    ensure!(succeeds(&build)?, "the fuzz targets do not build");
    Ok(folder.join("target").join(TRIPLE).join("release"))
}

/// A folder with the files of the tree, and of the folder beside it, that a target reads: whole models are seeds, too.
fn gathered(target: &str) -> Result<PathBuf> {
    let extension = match target {
        "onnx" => "onnx",
        "tflite" => "tflite",
        "image" => "rlp",
        "npy" => "npy",
        _ => return Ok(PathBuf::new()),
    };
    let folder = root().join("fuzz/target/gathered").join(target);
    fs::create_dir_all(&folder)?;
    let shared = std::env::var_os("RELPROP_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let mut folders = vec![root().join("tests/data"), root().join("models"), shared.join("models")];
    let mut count = 0;
    while let Some(from) = folders.pop() {
        for entry in fs::read_dir(from).into_iter().flatten().flatten() {
            let (path, size) = (entry.path(), entry.metadata().map_or(0, |data| data.len()));
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|is| is == extension) && size <= MOST_BYTES {
                fs::copy(&path, folder.join(format!("{count}.{extension}")))?;
                count += 1;
            }
        }
    }
    Ok(folder)
}

/// Runs one target from the committed seeds, from whole models, and from what earlier runs have found.
fn fuzz(target: &'static str, programs: &Path, seconds: u32, seed: u32) -> Result<Report> {
    let folder = root().join("fuzz");
    let (corpus, artifacts) = (folder.join("corpus").join(target), folder.join("artifacts").join(target));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let log = artifacts.join("log");
    let mut arguments = vec![
        format!("-max_total_time={seconds}"),
        format!("-seed={seed}"),
        format!("-artifact_prefix={}/", artifacts.display()),
        "-print_final_stats=1".into(),
        "-timeout=20".into(),
        "-rss_limit_mb=3072".into(),
        format!("-max_len={MOST_BYTES}"),
    ];
    let folders = [corpus, folder.join("seeds").join(target), gathered(target)?];
    arguments.extend(folders.iter().filter(|folder| folder.is_dir()).map(|folder| folder.display().to_string()));
    let start = Instant::now();
    let output = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let program = programs.join(target);
    let ended = cmd(&program, arguments).stdin_null().stdout_null().stderr_file(output).unchecked().run()?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    Ok(Report::new(target, &text, ended.status.success(), start.elapsed(), &artifacts))
}
