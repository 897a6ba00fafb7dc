//! Memory for a session.

use relprop::{Mode, Model, Session};

/// Aligned, zeroed memory as large as a mode needs.
pub struct Memory(Vec<u128>);

impl Memory {
    /// Memory for a model.
    pub fn new(model: &Model<'_>, mode: Mode) -> Self {
        Self(vec![0; model.arena_bytes(mode).div_ceil(size_of::<u128>())])
    }

    /// A session in it.
    pub fn session<'m>(&mut self, model: &Model<'m>, mode: Mode) -> anyhow::Result<Session<'m, '_>> {
        Ok(Session::new(model, bytemuck::cast_slice_mut(&mut self.0), mode)?)
    }
}
