//! Where the reference figures are.

use std::path::PathBuf;

/// A path below the folder with the reference figures: `RELPROP_SHARED`, or `../shared` beside the workspace.
///
/// `None` where it does not exist, after saying so: a fresh clone has no such folder, and its tests pass without it.
pub fn path(below: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    let path = std::env::var_os("RELPROP_SHARED").map_or_else(beside, PathBuf::from).join(below);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} not found", path.display());
    None
}

/// A path below `tests/data`, which is part of the repository.
pub fn data(below: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data")).join(below)
}
