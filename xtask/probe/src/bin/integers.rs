//! What firmware without a floating-point unit links: one int8 model compiled in, inference, and an explanation in integers
//! alone.

#![no_std]
#![no_main]

use probe as _;
use relprop::{Composite, Mode, Model, Preset, Session, Target};

/// The entry; nothing of the checks is left at run time.
#[unsafe(no_mangle)]
pub fn probe(image: &[u8], arena: &mut [u8], input: &[i8]) -> Option<i32> {
    let model = Model::new_unchecked(image);
    let mut session = Session::new_fixed(&model, arena, Mode::Explain).ok()?;
    let _ = session.run_int8(&[input]).ok()?.int8();
    let explanation = session.explain(&Target::TOP, &Composite::new(Preset::EpsilonPlus)).ok()?;
    let entry = explanation.ledger().totals();
    Some(explanation.relevance().first()? + entry.rounding as i32)
}
