//! A model image and an arena, owned together with the session that borrows both.

use crate::object::Options;
use crate::refusal::Refusal;
use crate::session::Open;
use bytemuck::{cast_slice, cast_slice_mut};
use relprop::{Limits, Mode, Model};
use self_cell::{MutBorrow, self_cell};

/// Bytes that may be skipped at the start of an arena, so that what follows is aligned.
const ALIGNMENT: usize = 16;

/// What a session borrows.
pub struct Memory {
    /// The image, in words so that it is aligned, with zeros at its end.
    image: Vec<u64>,
    /// Bytes of the image.
    length: usize,
    arena: MutBorrow<Vec<u8>>,
}

/// What a page gives a model that says nothing else: a gigabyte, and about a minute for an explanation by the costliest
/// rules. A file that someone drops may describe a network of any size.
const LIMITS: Limits =
    Limits { image: u64::MAX, checks: 1 << 28, arena: 1 << 30, forward: 200_000_000_000, explain: 200_000_000_000 };

/// The limits that a caller sets.
///
/// # Errors
/// One is not an amount.
pub fn limits(options: &Options<'_>) -> Result<Limits, Refusal> {
    let arena = options.amount("maxMemory")?.unwrap_or(LIMITS.arena);
    let work = options.amount("maxWork")?.unwrap_or(LIMITS.explain);
    Ok(Limits { arena, forward: work, explain: work, ..LIMITS })
}

self_cell!(
    /// A session and its memory.
    pub struct Kept {
        owner: Memory,
        #[covariant]
        dependent: Open,
    }
);

impl Memory {
    /// Copies an image to where it is aligned.
    fn new(bytes: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        let mut image = vec![0; bytes.len().div_ceil(size_of::<u64>())];
        cast_slice_mut(&mut image)[..bytes.len()].copy_from_slice(bytes);
        let mut memory = Self { image, length: bytes.len(), arena: MutBorrow::new(Vec::new()) };
        let needed = limits.open(memory.bytes(), Mode::Explain)?.arena_bytes(Mode::Explain);
        memory.arena = MutBorrow::new(vec![0; needed + ALIGNMENT]);
        Ok(memory)
    }

    fn bytes(&self) -> &[u8] {
        let bytes: &[u8] = cast_slice(&self.image);
        &bytes[..self.length]
    }
}

/// Validates an image and opens a session over a copy of it; `fixed` for relevance in integers alone.
///
/// # Errors
/// The image is not a model of this kernel's, needs floats, or asks for more than the limits.
pub fn open(image: &[u8], fixed: bool, limits: &Limits) -> Result<Kept, Refusal> {
    Kept::try_new(Memory::new(image, limits)?, |memory| {
        let model = Model::new(memory.bytes())?;
        Ok(Open::new(&model, memory.arena.borrow_mut(), fixed)?)
    })
}
