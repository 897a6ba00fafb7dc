//! Everything, and errors as sentences: what `core::fmt` adds.

#![no_std]
#![no_main]

use core::fmt::Write;
use relprop::{ExplainError, ImageError, RunError, SessionError};

/// The entry.
#[unsafe(no_mangle)]
pub fn probe(
    world: &mut probe::World<'_>,
    text: fn(&str),
    errors: (ImageError, SessionError, RunError, ExplainError),
    out: &mut dyn Write,
) -> Option<f32> {
    let (image, session, run, explain) = errors;
    writeln!(out, "{image} {session} {run} {explain}").ok()?;
    probe::everything(world, text)
}
