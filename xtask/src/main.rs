//! What people type to build, test and measure relprop: `cargo xtask --help`.

mod bench;
mod bindings;
mod cross;
mod demo;
mod elf;
mod features;
mod firmware;
mod floats;
mod fuzz;
mod mutants;
mod panics;
mod size;
mod stages;
mod test;
mod wasm;

use anyhow::Result;
use clap::Parser;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Build, test and measure relprop")]
enum Command {
    /// Everything that a change must pass: format, lints, tests, docs, MSRV, `no_std` builds, the browser
    Test(test::Options),
    /// Flash that the kernel takes on small cores, the panics that are linked, and what a browser loads
    Size(size::Options),
    /// The package for JavaScript, in `wasm/pkg`
    Wasm,
    /// The live demo: serves it on localhost, or writes it as a static site
    Demo(demo::Options),
    /// The programs for small cores: builds them, runs them in QEMU, holds their bits and their size to what they were
    Firmware(firmware::Options),
    /// The fuzz targets: builds them with the nightly compiler, runs each, prints what was found
    Fuzz(fuzz::Options),
    /// Mutants of the rules, the ledger and the checks of images that no test notices: many hours for all, `-- --shard 0/50` for some
    Mutants(mutants::Options),
    /// Criterion benches, with the large networks made first where Python is there; or the passes in a browser
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Test(options) => Ok(test::run(&options)),
        Command::Size(options) => size::run(&options),
        Command::Wasm => wasm::run(),
        Command::Demo(options) => demo::run(&options),
        Command::Firmware(options) => firmware::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The cargo that runs this.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Where cargo puts what it builds.
fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Output of a short command, `None` where it fails or does not exist.
///
/// The program is not a `Path`, which would be looked for in the current directory only.
fn output_of(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let command = duct::cmd(program.as_ref(), arguments).dir(root()).stderr_null().stdin_null();
    command.read().ok().map(|output| output.trim().to_owned())
}

/// The Rust version that the workspace promises to build with.
const MSRV: &str = env!("CARGO_PKG_RUST_VERSION");

/// Runs a command in the root of the repository; whether it succeeded.
fn succeeds(command: &duct::Expression) -> Result<bool> {
    Ok(command.dir(root()).stdin_null().unchecked().run()?.status.success())
}
