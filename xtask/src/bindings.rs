//! The crate for JavaScript, compiled to WebAssembly, and its own tests in Node and in Chromium.

use crate::cross::{Cross, WASM};
use crate::stages::Outcome;
use crate::{cargo, output_of, root, succeeds, target_dir};
use anyhow::Result;
use duct::cmd;
use std::env::consts::EXE_EXTENSION;
use std::path::PathBuf;

/// Feature and program of this package.
const RUNNER: &str = "wasm-test-runner";

/// How long a test may take, in seconds: an engine on a busy machine starts slowly.
const PATIENCE: &str = "180";

/// Where the tests run, and which they are.
#[derive(Clone, Copy)]
pub enum Engine {
    /// Node.
    Node,
    /// Chromium, through chromedriver: in a page, and in a worker.
    Chromium,
}

impl Engine {
    pub const ALL: [Self; 2] = [Self::Node, Self::Chromium];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Chromium => "chromium",
        }
    }

    fn tests(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["--test", "node"],
            Self::Chromium => &["--test", "page", "--test", "worker"],
        }
    }

    /// The program that it is started with, and how to get it.
    fn program(self) -> (&'static str, &'static str) {
        match self {
            Self::Node => ("node", "no node; install Node 18 or later"),
            Self::Chromium => ("chromedriver", "no chromedriver; on Debian: apt install chromium chromium-driver"),
        }
    }

    /// Builds and runs the tests.
    pub fn test(self) -> Result<Outcome> {
        let (program, how) = self.program();
        if output_of(program, &["--version"]).is_none() {
            return Ok(Outcome::Skipped(how.into()));
        }
        let cross = match Cross::find(WASM) {
            Ok(cross) => cross.with_profile("dev"),
            Err(why) => return Ok(Outcome::Skipped(why)),
        };
        let Some(runner) = runner()? else {
            return Ok(Outcome::Failed(format!("{RUNNER} does not build")));
        };
        eprintln!("with {}", cross.name);
        let manifest = root().join("wasm").join("Cargo.toml");
        let command = cross.test(&manifest, self.tests(), &runner).env("WASM_BINDGEN_TEST_TIMEOUT", PATIENCE);
        succeeds(&command).map(Outcome::of)
    }
}

/// Builds what runs the tests: `None` where it does not build.
fn runner() -> Result<Option<PathBuf>> {
    let arguments = ["build", "--package", "xtask", "--features", RUNNER, "--bin", RUNNER];
    let path = target_dir().join("debug").join(RUNNER);
    Ok(succeeds(&cmd(cargo(), arguments))?.then(|| path.with_extension(EXE_EXTENSION)))
}
