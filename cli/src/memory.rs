//! Memory for a session.

use crate::args::RelevanceType;
use crate::refusal;
use crate::session::Session;
use relprop::{Mode, Model};

/// Aligned, zeroed memory as large as a mode needs.
pub struct Memory(Vec<u128>);

impl Memory {
    /// Memory for a model.
    pub fn new(model: &Model<'_>, mode: Mode) -> Self {
        Self(vec![0; model.arena_bytes(mode).div_ceil(size_of::<u128>())])
    }

    /// A session in it.
    pub fn session<'m>(
        &mut self,
        model: &Model<'m>,
        mode: Mode,
        relevance: RelevanceType,
    ) -> anyhow::Result<Session<'m, '_>> {
        let arena = bytemuck::cast_slice_mut(&mut self.0);
        Session::open(model, arena, mode, relevance).map_err(|error| refusal::session(model, error))
    }
}
