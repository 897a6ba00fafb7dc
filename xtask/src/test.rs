//! `cargo xtask test`: everything that a change must pass.

use crate::bindings::Engine;
use crate::cross::{self, Cross};
use crate::features;
use crate::firmware;
use crate::fuzz;
use crate::stages::{Outcome, Stages};
use crate::{MSRV, cargo, output_of, root, succeeds};
use anyhow::Result;
use clap::{Args, ValueEnum};
use duct::cmd;
use std::ffi::OsString;
use std::path::Path;

#[derive(Args)]
pub struct Options {
    /// Run only this stage; may be given several times
    #[arg(long, value_enum)]
    only: Vec<Stage>,
    /// Longer: property tests draw twenty times as many cases, every fuzz target runs for ten minutes
    #[arg(long)]
    long: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// rustfmt
    Fmt,
    /// clippy, warnings denied
    Clippy,
    /// All tests, doc tests included
    Test,
    /// Documentation, warnings denied
    Docs,
    /// The oldest Rust version promised
    Msrv,
    /// The kernel for cores without std
    NoStd,
    /// The kernel and its C API with every set of features, for every kind of target
    Features,
    /// The crate for JavaScript, in Node and Chromium
    Bindings,
    /// The package for JavaScript, as npm would publish it: in Node, in pages and workers, through bundlers
    Wasm,
    /// The page, in Chromium
    Page,
    /// The programs for small cores, in QEMU
    Firmware,
    /// The tests that matter for hostile inputs, where addresses have 32 bits
    Narrow,
    /// The tests that matter for hostile inputs, optimised as a release is, with checks of every sum and every assertion;
    /// with `--long`, or by name
    Hardened,
    /// Every fuzz target for half a minute, from its seeds
    Fuzz,
    /// Licences and sources of what is built in
    Deny,
}

/// The kernel, and the tests of the whole system that feed it what nobody meant: an overflow anywhere is a panic.
const HOSTILE: [&str; 19] = [
    "-p",
    "relprop",
    "-p",
    "relprop-workspace",
    "--lib",
    "--test",
    "corpus",
    "--test",
    "fields",
    "--test",
    "graphs",
    "--test",
    "images",
    "--test",
    "int8",
    "--test",
    "invariants",
    "--test",
    "limits",
];

/// Where addresses have 32 bits, as on small cores and in pages, tests of what values come out run, too: loops are those
/// for cores without vectors.
const VALUES: [&str; 4] = ["--test", "golden", "--test", "recurrent"];

/// Without advisories, whose database is fetched from elsewhere than crates are.
const DENY: [&str; 4] = ["check", "licenses", "bans", "sources"];

/// The workspaces, each with its own lock file.
const WORKSPACES: [&str; 5] = [".", "firmware", "firmware/tflm", "fuzz", "xtask/probe"];

pub fn run(options: &Options) -> bool {
    let mut stages = Stages::default();
    for stage in Stage::value_variants() {
        // The tests above it run with the same checks, and fuzz targets do so optimised.
        let by_default = options.long || *stage != Stage::Hardened;
        if options.only.contains(stage) || (options.only.is_empty() && by_default) {
            stage.run(&mut stages, options.long);
        }
    }
    stages.finish()
}

impl Stage {
    fn run(self, stages: &mut Stages, long: bool) {
        match self {
            Self::Fmt => run_cargo(stages, "fmt", &["fmt", "--all", "--check"]),
            Self::Clippy => {
                let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
                run_cargo(stages, "clippy", &arguments);
            }
            Self::Test => {
                let command = drawing(cmd!(cargo(), "test", "--workspace", "--no-fail-fast"), long);
                stages.run("test", "cargo test --workspace --no-fail-fast", || succeeds(&command).map(Outcome::of));
            }
            Self::Docs => {
                let command = cmd!(cargo(), "doc", "--workspace", "--no-deps").env("RUSTDOCFLAGS", "-D warnings");
                stages.run("docs", "cargo doc --workspace --no-deps, warnings denied", || {
                    succeeds(&command).map(Outcome::of)
                });
            }
            Self::Msrv => stages.run("msrv", &format!("cargo check with Rust {MSRV}"), msrv),
            Self::NoStd => {
                for target in cross::TARGETS {
                    stages.run(&format!("no_std {target}"), "cargo build --release --lib of the kernel", || {
                        no_std(target)
                    });
                }
            }
            Self::Features => {
                stages.run("features", "cargo check of the kernel and its C API, features × targets", features::stage);
            }
            Self::Bindings => {
                for engine in Engine::ALL {
                    let name = engine.name();
                    stages.run(&format!("bindings {name}"), &format!("cargo test of relprop-wasm in {name}"), || {
                        engine.test()
                    });
                }
            }
            Self::Wasm => stages.run("wasm", "the package for JavaScript, and its tests in Node and Chromium", || {
                package(&root().join("wasm"), |_| Ok(()))
            }),
            Self::Page => stages.run("page", "the live demo, and its tests in Chromium", || {
                package(&root().join("web-demo").join("tests"), |folder| crate::demo::write(&folder.join("../dist")))
            }),
            Self::Firmware => stages.run("firmware", "programs for small cores, in QEMU", firmware::stage),
            Self::Narrow => {
                let start = ["test", "--no-fail-fast", "--target", cross::NARROW];
                let arguments = [&start[..], &HOSTILE, &VALUES].concat();
                stages.run("narrow", &format!("cargo {}", arguments.join(" ")), || narrow(&arguments, long));
            }
            Self::Hardened => {
                let arguments = [&["test", "--profile", "hardened"][..], &HOSTILE].concat();
                let command = drawing(cmd(cargo(), &arguments), long);
                stages
                    .run("hardened", &format!("cargo {}", arguments.join(" ")), || succeeds(&command).map(Outcome::of));
            }
            Self::Fuzz => {
                // A short run repeats; a long one explores.
                let (seconds, seed) = if long { (600, 0) } else { (30, 1) };
                stages.run("fuzz", "every fuzz target under AddressSanitizer", || fuzz::stage(seconds, seed));
            }
            Self::Deny => stages.run("deny", &format!("cargo deny {}, of each workspace", DENY.join(" ")), deny),
        }
    }
}

/// Builds the package for JavaScript, and what more there is, and runs the tests of a folder.
fn package(folder: &Path, more: impl FnOnce(&Path) -> Result<()>) -> Result<Outcome> {
    if !folder.join("node_modules").is_dir() {
        return Ok(Outcome::Skipped(format!("npm install --prefix {}", folder.display())));
    }
    if crate::wasm::package()?.is_none() {
        return Ok(Outcome::Skipped(format!("no compiler for {}", cross::WASM)));
    }
    more(folder)?;
    succeeds(&cmd!("npm", "test", "--prefix", folder)).map(Outcome::of)
}

/// Runs here, unlike what is built for small cores, and overflows like it.
fn narrow(arguments: &[&str], long: bool) -> Result<Outcome> {
    if let Some(why) = cross::cannot_run_narrow() {
        return Ok(Outcome::Skipped(why));
    }
    // Else its C would be for musl's own compiler; what tests link has none of it.
    let command = cmd(cargo(), arguments).env("CC_i686_unknown_linux_musl", "cc");
    succeeds(&drawing(command, long)).map(Outcome::of)
}

/// Property tests draw more cases where there is time.
fn drawing(tests: duct::Expression, long: bool) -> duct::Expression {
    if long { tests.env("RELPROP_SOAK", "20") } else { tests }
}

fn deny() -> Result<Outcome> {
    if output_of(cargo(), &["deny", "--version"]).is_none() {
        return Ok(Outcome::Skipped("no cargo-deny; cargo install cargo-deny".into()));
    }
    let mut refused = Vec::new();
    for workspace in WORKSPACES {
        let (manifest, config) = (root().join(workspace).join("Cargo.toml"), root().join("deny.toml"));
        // Only what is refused: warnings, of two versions of a crate, are for who asks for them.
        let start = ["deny", "--log-level", "error", "--locked", "--manifest-path"].map(OsString::from);
        let paths = [manifest.into(), "--config".into(), config.into()];
        if !succeeds(&cmd(cargo(), start.into_iter().chain(paths).chain(DENY.map(OsString::from))))? {
            refused.push(workspace);
        }
    }
    Ok(if refused.is_empty() { Outcome::Passed(String::new()) } else { Outcome::Failed(refused.join(", ")) })
}

fn run_cargo(stages: &mut Stages, name: &str, arguments: &[&str]) {
    let what = format!("cargo {}", arguments.join(" "));
    stages.run(name, &what, || succeeds(&cmd(cargo(), arguments)).map(Outcome::of));
}

/// With the running toolchain where it is that version, else with the one that rustup has.
fn msrv() -> Result<Outcome> {
    let check = ["check", "--workspace", "--all-targets"];
    let current = output_of("rustc", &["--version"]).unwrap_or_default();
    let exact = |version: &str| version == MSRV || version.strip_suffix(".0") == Some(MSRV);
    if current.split_whitespace().nth(1).is_some_and(exact) {
        let passed = succeeds(&cmd(cargo(), check))?;
        return Ok(noted(passed, "the current toolchain"));
    }
    let toolchains = output_of("rustup", &["toolchain", "list"]).unwrap_or_default();
    let named = toolchains.lines().filter_map(|line| line.split_whitespace().next());
    let versions = named.map(|name| (name, name.split('-').next().unwrap_or(name)));
    let Some((toolchain, _)) = versions.into_iter().find(|(_, version)| exact(version)) else {
        return Ok(Outcome::Skipped(format!("no Rust {MSRV}; rustup toolchain install {MSRV} --profile minimal")));
    };
    let arguments = ["run", toolchain, "cargo"].into_iter().chain(check);
    // Artifacts of two compilers in one place would chase each other out.
    let command = cmd("rustup", arguments).env("CARGO_TARGET_DIR", crate::target_dir().join("msrv"));
    // Both name the running toolchain.
    let passed = succeeds(&command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO"))?;
    Ok(noted(passed, toolchain))
}

fn no_std(target: &str) -> Result<Outcome> {
    let cross = match Cross::find(target) {
        Ok(cross) => cross,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    eprintln!("with {}", cross.name);
    let manifest = root().join("kernel").join("Cargo.toml");
    Ok(noted(succeeds(&cross.build(&manifest, &["--lib"], &[]))?, &cross.name))
}

fn noted(passed: bool, note: &str) -> Outcome {
    if passed { Outcome::Passed(note.into()) } else { Outcome::Failed(format!("with {note}")) }
}
