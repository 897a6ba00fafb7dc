//! MLPerf Tiny's keyword spotter, converted from its `.tflite` file when this is built, explains a spectrogram.

#![no_std]
#![no_main]

use firmware::{Console, Failure, Meter, digit, entry, run};
use relprop::{Arena, Composite, Mode, Model, Preset, Session, Target, include_model};
use static_cell::ConstStaticCell;
use ufmt::{uWrite, uwriteln};

/// `build.rs` converts the file that `RELPROP_KEYWORD` names.
const MODEL: Model<'static> = include_model!(concat!(env!("OUT_DIR"), "/keyword.rlp"));
static ARENA: ConstStaticCell<Arena<{ MODEL.arena_bytes(Mode::Explain) }>> = ConstStaticCell::new(Arena::new());
const _: () = assert!(MODEL.arena_bytes(Mode::Explain) <= 128 * 1024);

/// Windows of sound, and cepstral coefficients of each.
const FRAMES: usize = 49;
const COEFFICIENTS: usize = 10;
/// A spoken word, as integers.
static WORD: &[u8; FRAMES * COEFFICIENTS] = include_bytes!(concat!(env!("OUT_DIR"), "/keyword.input"));

#[entry]
fn main() -> ! {
    run(explain)
}

fn explain(out: &mut Console) -> Result<(), Failure> {
    let arena = ARENA.try_take().ok_or(Failure::Missing("the arena is taken"))?;
    let mut meter = Meter::new();
    let mut session = Session::new(&MODEL, arena, Mode::Explain)?;

    let input: &[i8] = bytemuck::must_cast_slice(WORD);
    meter.restart();
    let class = session.run_int8(&[input])?.top();
    meter.lap("infer");
    let why = session.explain(&Target::TOP, &Composite::new(Preset::EpsilonPlus))?;
    meter.lap("explain");

    uwriteln!(out, "hears \"{}\", because of", MODEL.label(&MODEL.output(0), class.unwrap_or_default()))?;
    let percent = digit::percent_of_floats(why.relevance());
    for coefficient in 0..COEFFICIENTS {
        for frame in 0..FRAMES {
            out.write_char(digit::sign(percent(frame * COEFFICIENTS + coefficient)))?;
        }
        uwriteln!(out, "")?;
    }
    meter.report(out)
}
