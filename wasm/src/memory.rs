//! A model image and an arena, owned together with the session that borrows both.

use crate::refusal::Refusal;
use crate::session::Open;
use bytemuck::{cast_slice, cast_slice_mut};
use relprop::{Mode, Model};
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
    fn new(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut image = vec![0; bytes.len().div_ceil(size_of::<u64>())];
        cast_slice_mut(&mut image)[..bytes.len()].copy_from_slice(bytes);
        let mut memory = Self { image, length: bytes.len(), arena: MutBorrow::new(Vec::new()) };
        let needed = memory.model()?.arena_bytes(Mode::Explain);
        memory.arena = MutBorrow::new(vec![0; needed + ALIGNMENT]);
        Ok(memory)
    }

    fn model(&self) -> Result<Model<'_>, Refusal> {
        let bytes: &[u8] = cast_slice(&self.image);
        Ok(Model::new(&bytes[..self.length])?)
    }
}

/// Validates an image and opens a session over a copy of it; `fixed` for relevance in integers alone.
///
/// # Errors
/// The image is not a model of this kernel's, or needs floats.
pub fn open(image: &[u8], fixed: bool) -> Result<Kept, Refusal> {
    Kept::try_new(Memory::new(image)?, |memory| {
        let model = memory.model()?;
        Ok(Open::new(&model, memory.arena.borrow_mut(), fixed)?)
    })
}
