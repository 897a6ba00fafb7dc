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
    for digit::Sample { name, integers, .. } in &digit::SAMPLES {
        session.run_int8(&[integers])?;
        let why = session.explain(&Target::TOP, &composite)?;
        golden::fixed_line(out, ["mnist-tiny.int8", name, "epsilon_plus"], golden::of_integers(&why))?;
    }

    let mut session = Session::new(&MODEL, arena, Mode::Explain)?;
    for digit::Sample { name, integers, .. } in &digit::SAMPLES {
        session.run_int8(&[integers])?;
        meter.restart();
        let why = session.explain(&Target::TOP, &composite)?;
        if *name == "7" {
            meter.lap("explain_floats");
        }
        golden::line(out, ["mnist-tiny.int8", name, "epsilon_plus"], golden::of_floats(&why))?;
    }
    meter.report(out)
}
