//! TensorFlow Lite Micro's sources, which a package on crates.io has in it, and a compiler for them.

use super::folder;
use crate::cargo;
use cargo_metadata::MetadataCommand;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the build finds the sources by.
pub const VARIABLE: &str = "RELPROP_TFLM";
/// A compiler of C++ for Cortex-M.
const COMPILER: &str = "arm-none-eabi-g++";

/// The folder with the sources: the one that is named, or the package's.
pub fn sources() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Some(named.into());
    }
    let manifest = folder().join("tflm").join("Cargo.toml");
    let metadata = MetadataCommand::new().cargo_path(cargo()).manifest_path(manifest).exec().ok()?;
    let package = metadata.packages.iter().find(|package| package.name.as_str() == "tfmicro")?;
    Some(package.manifest_path.parent()?.join("submodules/tensorflow").into())
}

/// What keeps them from being compiled here.
pub fn missing() -> Option<String> {
    // Where it is not installed, its name comes back as it is.
    let library = Command::new(COMPILER).arg("-print-file-name=libstdc++.a").output();
    let is_there = library.is_ok_and(|found| Path::new(String::from_utf8_lossy(&found.stdout).trim()).is_absolute());
    if !is_there {
        return Some(format!("no {COMPILER} with its headers; on Debian: apt install libstdc++-arm-none-eabi-newlib"));
    }
    let found = sources().is_some_and(|folder| folder.join("tensorflow").is_dir());
    (!found).then(|| format!("no sources of TensorFlow Lite Micro: crates.io was not reached; name them in {VARIABLE}"))
}
