//! The crate for JavaScript, compiled to WebAssembly, and its own tests in Node and in Chromium.

use crate::cross::{Cross, WASM};
use crate::stages::Outcome;
use crate::{output_of, root, succeeds, target_dir};
use anyhow::Result;
use std::path::PathBuf;

/// Of `wasm-bindgen`, whose very version the runner has to have.
const VERSION: &str = "0.2.130";

const RUNNER: &str = "wasm-bindgen-test-runner";

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
        let Some(runner) = runner() else {
            let how = "cargo install --locked --root target/tools --version";
            return Ok(Outcome::Skipped(format!("no {RUNNER} {VERSION}; {how} {VERSION} wasm-bindgen-cli")));
        };
        let cross = match Cross::find(WASM) {
            Ok(cross) => cross.with_profile("dev"),
            Err(why) => return Ok(Outcome::Skipped(why)),
        };
        eprintln!("with {}", cross.name);
        let manifest = root().join("wasm").join("Cargo.toml");
        let command = cross.test(&manifest, self.tests(), &runner).env("WASM_BINDGEN_TEST_TIMEOUT", PATIENCE);
        succeeds(&command).map(Outcome::of)
    }
}

/// The runner of the right version: beside what is built, or on the path.
fn runner() -> Option<PathBuf> {
    let local = target_dir().join("tools").join("bin").join(RUNNER);
    [local, RUNNER.into()].into_iter().find(|program| {
        output_of(program, &["--version"]).is_some_and(|said| said.split_whitespace().any(|word| word == VERSION))
    })
}

#[cfg(test)]
mod tests {
    use super::{VERSION, root};

    #[test]
    fn the_runner_is_of_the_version_that_the_crate_is_bound_with() {
        let manifest = std::fs::read_to_string(root().join("wasm").join("Cargo.toml")).expect("readable");
        assert!(manifest.contains(&format!("wasm-bindgen = \"={VERSION}\"")), "{manifest}");
    }
}
