//! A core with a floating-point unit explains the int8 network in integers and in floats, and a network of floats.

#![no_std]
#![no_main]

use firmware::{Console, Failure, Meter, books, digit, entry, golden, run};
use relprop::{Arena, Composite, Mode, Model, Preset, Session, Target, include_model};
use static_cell::ConstStaticCell;
use ufmt::uwriteln;

const TINY: Model<'static> = include_model!("../../../models/mnist-tiny.int8.rlp");
const CNN: Model<'static> = include_model!("../../../models/mnist-cnn.rlp");

/// Sessions may use the same memory one after the other; the larger network says how much that is.
static ARENA: ConstStaticCell<Arena<{ CNN.arena_bytes(Mode::Explain) }>> = ConstStaticCell::new(Arena::new());
const _: () = assert!(TINY.arena_bytes(Mode::Explain) <= CNN.arena_bytes(Mode::Explain));

/// What the network of floats sees.
static REAL: ConstStaticCell<[f32; digit::PIXELS]> = ConstStaticCell::new([0.0; digit::PIXELS]);

#[entry]
fn main() -> ! {
    run(explain)
}

fn explain(out: &mut Console) -> Result<(), Failure> {
    let arena = ARENA.try_take().ok_or(Failure::Missing("the arena is taken"))?;
    let real = REAL.try_take().ok_or(Failure::Missing("the input is taken"))?;
    let (mut meter, composite) = (Meter::new(), Composite::new(Preset::EpsilonPlus));
    let seven = digit::sample("7")?;

    // int8, relevance in integers: the books close exactly.
    let mut session = Session::new_fixed(&TINY, arena, Mode::Explain)?;
    meter.restart();
    let class = session.run_int8(&[&seven.integers])?.top();
    meter.lap("infer");
    let why = session.explain(&Target::TOP, &composite)?;
    meter.lap("explain");
    uwriteln!(out, "mnist-tiny.int8 reads a {}; relevance in integers", class.unwrap_or_default())?;
    digit::draw(out, seven.picture, digit::percent(why.relevance()))?;
    books(out, &why.ledger())?;
    golden::digits_in_integers(out, "mnist-tiny.int8", &mut session)?;

    // The same network, relevance in floats.
    let mut session = Session::new(&TINY, arena, Mode::Explain)?;
    session.run_int8(&[&seven.integers])?;
    meter.restart();
    session.explain(&Target::TOP, &composite)?;
    meter.lap("explain_floats");
    golden::digits_in_floats(out, "mnist-tiny.int8", &mut session)?;

    // A network of floats.
    let mut session = Session::new(&CNN, arena, Mode::Explain)?;
    seven.real(&CNN.input(0), real);
    meter.restart();
    let class = session.run(real)?.top();
    meter.lap("cnn_infer");
    let why = session.explain(&Target::TOP, &composite)?;
    meter.lap("cnn_explain");
    uwriteln!(out, "mnist-cnn reads a {}", class.unwrap_or_default())?;
    digit::draw(out, seven.picture, digit::percent_of_floats(why.relevance()))?;
    for sample in &digit::SAMPLES {
        sample.real(&CNN.input(0), real);
        golden::line(out, ["mnist-cnn", sample.name, "scores"], golden::of_scores(&session.run(real)?))?;
        let why = session.explain(&Target::TOP, &composite)?;
        golden::line(out, ["mnist-cnn", sample.name, "epsilon_plus"], golden::of_floats(&why))?;
    }
    meter.report(out)
}
