//! RISC-V without floats: relevance in integers, and, for the same bits as everywhere, in floats that are software.

#![no_std]
#![no_main]

use firmware::{Console, Failure, Meter, books, digit, entry, golden, run};
use relprop::{Arena, Composite, Mode, Model, Preset, Session, Target, include_model};
use static_cell::ConstStaticCell;
use ufmt::uwriteln;

const MODEL: Model<'static> = include_model!("../../../models/mnist-tiny.int8.rlp");
static ARENA: ConstStaticCell<Arena<{ MODEL.arena_bytes(Mode::Explain) }>> = ConstStaticCell::new(Arena::new());

#[entry]
fn main() -> ! {
    run(explain)
}

fn explain(out: &mut Console) -> Result<(), Failure> {
    let arena = ARENA.try_take().ok_or(Failure::Missing("the arena is taken"))?;
    let (mut meter, composite) = (Meter::new(), Composite::new(Preset::EpsilonPlus));

    let mut session = Session::new_fixed(&MODEL, arena, Mode::Explain)?;
    let seven = digit::sample("7")?;
    meter.restart();
    let class = session.run_int8(&[&seven.integers])?.top();
    meter.lap("infer");
    let why = session.explain(&Target::TOP, &composite)?;
    meter.lap("explain");
    uwriteln!(out, "reads a {}, because of", class.unwrap_or_default())?;
    digit::draw(out, seven.picture, digit::percent(why.relevance()))?;
    books(out, &why.ledger())?;
    golden::digits_in_integers(out, "mnist-tiny.int8", &mut session)?;

    let mut session = Session::new(&MODEL, arena, Mode::Explain)?;
    session.run_int8(&[&seven.integers])?;
    meter.restart();
    session.explain(&Target::TOP, &composite)?;
    meter.lap("explain_floats");
    golden::digits_in_floats(out, "mnist-tiny.int8", &mut session)?;
    meter.report(out)
}
