//! What firmware with one model compiled in links: inference only.

#![no_std]
#![no_main]

use probe::World;
use relprop::{Mode, Model, Session};

/// The entry. `include_model!` checks at compile time; nothing of the checks is left at run time.
#[unsafe(no_mangle)]
pub fn probe(world: &mut World<'_>) -> Option<f32> {
    let model = Model::new_unchecked(world.image);
    let mut session = Session::new(&model, world.arena, Mode::Infer).ok()?;
    session.run(world.input).ok()?.get(0)
}
