//! Everything that the kernel offers, with a model that is checked at run time.

#![no_std]
#![no_main]

/// The entry.
#[unsafe(no_mangle)]
pub fn probe(world: &mut probe::World<'_>, text: fn(&str)) -> Option<f32> {
    probe::everything(world, text)
}
