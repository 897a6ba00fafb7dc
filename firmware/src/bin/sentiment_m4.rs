//! An LSTM reads a sentence, and says which words decided.

#![no_std]
#![no_main]

use firmware::{Console, Failure, Meter, digit, entry, golden, run};
use relprop::text::Words;
use relprop::{Arena, Composite, Mode, Model, Preset, Session, Target, include_model};
use static_cell::ConstStaticCell;
use ufmt::{uWrite, uwrite, uwriteln};

const MODEL: Model<'static> = include_model!("../../../models/sentiment.rlp");
static ARENA: ConstStaticCell<Arena<{ MODEL.arena_bytes(Mode::Explain) }>> = ConstStaticCell::new(Arena::new());

/// One sentence to a line.
static SENTENCES: &str = include_str!("../../../models/samples/sentences.txt");
const NUMBERS: [&str; 13] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"];

#[entry]
fn main() -> ! {
    run(explain)
}

fn explain(out: &mut Console) -> Result<(), Failure> {
    let arena = ARENA.try_take().ok_or(Failure::Missing("the arena is taken"))?;
    let (mut meter, composite) = (Meter::new(), Composite::new(Preset::EpsilonPlus));
    let mut session = Session::new(&MODEL, arena, Mode::Explain)?;

    for (number, sentence) in NUMBERS.iter().zip(SENTENCES.lines()) {
        meter.restart();
        let class = session.run_text(sentence)?.top();
        if *number == "0" {
            meter.lap("infer");
        }
        let why = session.explain(&Target::TOP, &composite)?;
        if *number == "0" {
            meter.lap("explain");
            uwriteln!(out, "{}", sentence)?;
            uwriteln!(out, "is {}, because of", MODEL.label(&MODEL.output(0), class.unwrap_or_default()))?;
            let percent = digit::percent_of_floats(why.relevance());
            for (i, word) in Words::new(sentence).enumerate() {
                uwrite!(out, "  ")?;
                word.bytes().try_for_each(|byte| out.write_char(char::from(byte)))?;
                uwriteln!(out, " {}", percent(i))?;
            }
        }
        golden::line(out, ["sentiment", number, "epsilon_plus"], golden::of_floats(&why))?;
    }
    meter.report(out)
}
