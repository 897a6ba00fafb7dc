//! Files, with errors that name them.

use anyhow::{Context, anyhow};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// All bytes of a file.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).map_err(|error| anyhow!("cannot read {}: {}", path.display(), reason(&error)))
}

/// Writes a file as a whole.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).map_err(|error| anyhow!("cannot write {}: {}", path.display(), reason(&error)))
}

/// Serialises a value into a file, for people too.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value).context("cannot write JSON")?;
    text.push('\n');
    write(path, text.as_bytes())
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::IsADirectory => "it is a folder, not a file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
