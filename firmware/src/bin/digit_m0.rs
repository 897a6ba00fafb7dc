//! A core without floats and 16 KB of RAM reads a digit, and says which pixels made it say so. Integers alone.

#![no_std]
#![no_main]

use firmware::{Console, Failure, Meter, books, digit, entry, golden, run};
use relprop::{Arena, Composite, Fixed, Mode, Model, Preset, Session, Target, include_model};
use static_cell::ConstStaticCell;
use ufmt::uwriteln;

/// In flash; a broken image does not compile.
const MODEL: Model<'static> = include_model!("../../../models/mnist-tiny.int8.rlp");

/// All the RAM that the kernel uses, but for a bounded stack.
static ARENA: ConstStaticCell<Arena<{ MODEL.arena_bytes(Mode::Explain) }>> = ConstStaticCell::new(Arena::new());

#[entry]
fn main() -> ! {
    run(explain)
}

fn explain(out: &mut Console) -> Result<(), Failure> {
    let arena = ARENA.try_take().ok_or(Failure::Missing("the arena is taken"))?;
    let mut meter = Meter::new();
    let mut session = Session::new_fixed(&MODEL, arena, Mode::Explain)?;
    read(out, digit::sample("7")?, &mut session, &mut meter)?;
    // The same bits as everywhere.
    golden::digits_in_integers(out, "mnist-tiny.int8", &mut session)?;
    meter.report(out)
}

/// Apart, so that its stack is free again afterwards.
#[inline(never)]
fn read(
    out: &mut Console,
    sample: &digit::Sample,
    session: &mut Session<'_, '_, Fixed>,
    meter: &mut Meter,
) -> Result<(), Failure> {
    meter.restart();
    let class = session.run_int8(&[&sample.integers])?.top();
    meter.lap("infer");
    let why = session.explain(&Target::TOP, &Composite::new(Preset::EpsilonPlus))?;
    meter.lap("explain");

    uwriteln!(out, "reads a {}, because of", class.unwrap_or_default())?;
    digit::draw(out, sample.picture, digit::percent(why.relevance()))?;
    books(out, &why.ledger())
}
