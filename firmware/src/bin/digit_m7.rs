//! A faster core explains one digit by every composite, and says why it is a seven and not a two.

#![no_std]
#![no_main]

use firmware::{Console, Failure, Meter, digit, entry, golden, run};
use relprop::{Arena, Bound, Composite, Mode, Model, Preset, Session, Target, include_model};
use static_cell::ConstStaticCell;
use ufmt::uwriteln;

const MODEL: Model<'static> = include_model!("../../../models/mnist-cnn.int8.rlp");

/// Every activation is kept, so that many explanations share one inference.
static ARENA: ConstStaticCell<Arena<{ MODEL.arena_bytes(Mode::Retain) }>> = ConstStaticCell::new(Arena::new());
/// Pixels are between black and white.
const LOW: Bound<'static> = Bound::Uniform(0.0);
const HIGH: Bound<'static> = Bound::Uniform(1.0);

const COMPOSITES: [(&str, Preset<'static>); 12] = [
    ("epsilon", Preset::Epsilon(0.01)),
    ("epsilon_plus", Preset::EpsilonPlus),
    ("epsilon_plus_flat", Preset::EpsilonPlusFlat),
    ("epsilon_alpha2_beta1", Preset::EpsilonAlpha2Beta1),
    ("epsilon_alpha2_beta1_flat", Preset::EpsilonAlpha2Beta1Flat),
    ("epsilon_gamma_box", Preset::EpsilonGammaBox { low: LOW, high: HIGH }),
    ("binder_hybrid", Preset::BinderHybrid),
    ("deep_taylor", Preset::DeepTaylor { low: LOW, high: HIGH }),
    ("excitation_backprop", Preset::ExcitationBackprop),
    ("gradient", Preset::Gradient),
    ("guided_backprop", Preset::GuidedBackprop),
    ("deconvnet", Preset::Deconvnet),
];

#[entry]
fn main() -> ! {
    run(explain)
}

fn explain(out: &mut Console) -> Result<(), Failure> {
    let arena = ARENA.try_take().ok_or(Failure::Missing("the arena is taken"))?;
    let mut meter = Meter::new();

    let seven = digit::sample("7")?;
    let mut session = Session::new(&MODEL, arena, Mode::Retain)?;
    meter.restart();
    let scores = session.run_int8(&[&seven.integers])?;
    meter.lap("infer");
    uwriteln!(out, "reads a {}", scores.top().unwrap_or_default())?;
    golden::line(out, ["mnist-cnn.int8", "7", "scores"], golden::of_scores(&scores))?;
    for (name, preset) in COMPOSITES {
        meter.restart();
        let why = session.explain(&Target::TOP, &Composite::new(preset))?;
        if name == "epsilon_plus" {
            meter.lap("explain");
        }
        golden::line(out, ["mnist-cnn.int8", "7", name], golden::of_floats(&why))?;
    }

    let why = session.explain(&Target::contrast(7, 2), &Composite::new(Preset::EpsilonPlus))?;
    uwriteln!(out, "why 7 and not 2")?;
    digit::draw(out, seven.picture, digit::percent_of_floats(why.relevance()))?;

    // Relevance in integers, over the same image and in the same memory.
    let mut session = Session::new_fixed(&MODEL, arena, Mode::Retain)?;
    session.run_int8(&[&seven.integers])?;
    for (name, preset) in COMPOSITES {
        let why = session.explain(&Target::TOP, &Composite::new(preset))?;
        golden::fixed_line(out, ["mnist-cnn.int8", "7", name], golden::of_integers(&why))?;
    }
    meter.report(out)
}
