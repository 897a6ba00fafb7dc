//! Errors and the ledger in a log: `defmt` sends numbers, and whoever has the program's file makes words of them.

#![no_std]
#![no_main]

use defmt_semihosting as _;
use firmware::{Failure, digit, entry};
use relprop::{Arena, Composite, Mode, Model, Preset, Session, Target, include_model};
use static_cell::ConstStaticCell;

const MODEL: Model<'static> = include_model!("../../../models/mnist-tiny.int8.rlp");

static ARENA: ConstStaticCell<Arena<{ MODEL.arena_bytes(Mode::Explain) }>> = ConstStaticCell::new(Arena::new());

#[entry]
fn main() -> ! {
    let result = explain();
    if let Err(failure) = result {
        defmt::error!("{}", failure);
    }
    semihosting::process::exit(i32::from(result.is_err()))
}

fn explain() -> Result<(), Failure> {
    let arena = ARENA.try_take().ok_or(Failure::Missing("the arena is taken"))?;
    let mut session = Session::new_fixed(&MODEL, arena, Mode::Explain)?;
    let seven = &digit::sample("7")?.integers;

    // A camera that lost a pixel, and somebody who asks for an eleventh digit.
    if let Err(error) = session.run_int8(&[&seven[1..]]) {
        defmt::warn!("{}", error);
    }
    let class = session.run_int8(&[seven])?.top();
    defmt::info!("reads a {}", class);
    if let Err(error) = session.explain(&Target::class(10), &Composite::new(Preset::EpsilonPlus)) {
        defmt::warn!("{}", error);
    }

    let why = session.explain(&Target::TOP, &Composite::new(Preset::EpsilonPlus))?;
    for (step, entry) in why.ledger().entries().enumerate() {
        defmt::debug!("step {}: {}", step, entry);
    }
    defmt::info!("{}", why.ledger().totals());
    Ok(())
}
