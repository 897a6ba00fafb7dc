//! What firmware with one model compiled in links: inference, and an explanation by one composite.

#![no_std]
#![no_main]

use probe::World;
use relprop::{Composite, Mode, Model, Preset, Session, Target};

/// The entry. `include_model!` checks at compile time; nothing of the checks is left at run time.
#[unsafe(no_mangle)]
pub fn probe(world: &mut World<'_>) -> Option<f32> {
    let model = Model::new_unchecked(world.image);
    let mut session = Session::new(&model, world.arena, Mode::Explain).ok()?;
    session.run(world.input).ok()?;
    let explanation = session.explain(&Target::TOP, &Composite::new(Preset::EpsilonPlus)).ok()?;
    explanation.relevance().first().copied()
}
