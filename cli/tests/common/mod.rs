//! The command, run from the root of the repository so that paths read the same everywhere.

use assert_cmd::Command;
use std::path::Path;

/// The command, without colour.
pub fn relprop() -> Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("relprop");
    command.current_dir(root()).env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE").env_remove("COLORTERM");
    command
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
