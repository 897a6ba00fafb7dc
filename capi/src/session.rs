//! What is in RAM, relevance being of floats.

use crate::composite::{Composite, Target};
use crate::ledger::Entry;
use crate::memory::{Handle, Integers, Numbers, Place, apart, elements, elements_mut, failure, span};
use crate::model::{Model, sentence};
use crate::running::{self, Running, of_explanation, of_session, values};
use crate::status::{Failure, Status};
use core::ffi::{c_char, c_void};

/// A session whose relevance is of floats, over any network. What it holds is the library's own.
#[repr(C)]
pub struct Session {
    /// The library's own.
    opaque: [u64; 30],
}

// SAFETY: numbers alone, and a mark of its own.
unsafe impl Handle for Session {
    type Content = Running<f32>;
    const MARK: usize = 0x5e55_10f0;
}

/// Opens a session over a model in an arena of so many bytes, for what a `relprop_mode` says. The arena is zeroed; the
/// model's handle may go, the image may not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_open(
    session: *mut Session,
    model: *const Model,
    mode: u32,
    arena: *mut c_void,
    bytes: usize,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { running::open(session, model, mode, (arena.cast(), bytes), relprop::Session::new) }
}

/// Why the last of the calls that were refused was, as a sentence: into `buffer` of `capacity` bytes, cut off where it is
/// longer, always with a zero at the end. Returns the length of the whole, as snprintf does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_error(session: *const Session, buffer: *mut c_char, capacity: usize) -> usize {
    // SAFETY: pointers are what the header says.
    unsafe { sentence(failure(session), buffer, capacity) }
}

/// Runs the network on its one input, in real numbers; what an int8 network takes is quantised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_run(session: *mut Session, input: *const f32, len: usize) -> Status {
    let inputs = Numbers { values: input, len };
    // SAFETY: pointers are what the header says.
    unsafe { relprop_session_run_all(session, &raw const inputs, 1) }
}

/// Runs a network with several inputs, at most eight.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_run_all(
    session: *mut Session,
    inputs: *const Numbers,
    count: usize,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { running::run_all(session, inputs, count, |session, inputs| session.run_all(inputs).map(|_| ())) }
}

/// Runs a network whose one input is int8 on integers as they are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_run_int8(session: *mut Session, input: *const i8, len: usize) -> Status {
    let inputs = Integers { values: input, len };
    // SAFETY: pointers are what the header says.
    unsafe { relprop_session_run_int8_all(session, &raw const inputs, 1) }
}

/// Runs a network whose inputs, at most eight, are all int8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_run_int8_all(
    session: *mut Session,
    inputs: *const Integers,
    count: usize,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { running::run_all(session, inputs, count, |session, inputs| session.run_int8(inputs).map(|_| ())) }
}

/// Runs a network whose one input is a sequence of tokens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_run_tokens(session: *mut Session, tokens: *const u16, len: usize) -> Status {
    // SAFETY: pointers are what the header says.
    let tokens = match unsafe { elements(tokens, len) } {
        Ok(tokens) => tokens,
        Err(status) => return status,
    };
    let place = span(tokens.as_ptr(), len);
    // SAFETY: pointers are what the header says.
    unsafe { running::run(session, &[place], |session| Ok(session.run_tokens(tokens).map(|_| ())?)) }
}

/// Runs a network whose one input is an English text of so many bytes, UTF-8. Each word and each mark of punctuation is
/// one moment; a library without the feature `sequence` refuses every text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_run_text(session: *mut Session, text: *const c_char, bytes: usize) -> Status {
    // SAFETY: pointers are what the header says.
    let text = match unsafe { elements::<u8>(text.cast(), bytes) } {
        Ok(text) => core::str::from_utf8(text).map_err(|_| Status::NoWords),
        Err(status) => return status,
    };
    let start = |session: &mut relprop::Session<'static, 'static>| run_text(session, text?);
    // SAFETY: pointers are what the header says.
    unsafe { running::run(session, &[span(text.unwrap_or_default().as_ptr(), bytes)], start) }
}

#[cfg(feature = "sequence")]
fn run_text(session: &mut relprop::Session<'static, 'static>, text: &str) -> Result<(), Failure> {
    session.run_text(text)?;
    Ok(())
}

#[cfg(not(feature = "sequence"))]
fn run_text(_: &mut relprop::Session<'static, 'static>, _: &str) -> Result<(), Failure> {
    Err(relprop::RunError::NotText { input: 0 }.into())
}

/// The values of an output after a run, as real numbers: exactly as many as it has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_scores(
    session: *const Session,
    output: usize,
    scores: *mut f32,
    len: usize,
) -> Status {
    let copy = |session, arena: &_| {
        let values = values(session, output)?;
        apart(&span(scores.cast_const(), len), arena)?;
        if values.len() != len {
            return Err(Status::Length);
        }
        // SAFETY: pointers are what the header says.
        let scores = unsafe { elements_mut(scores, len) }?;
        scores.iter_mut().zip(values.iter()).for_each(|(to, score)| *to = score);
        Ok(())
    };
    // SAFETY: pointers are what the header says.
    unsafe { of_session(session, copy) }
}

/// Where the integers of an int8 output are, and how many, until the next run; see `relprop_port` for what they stand for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_scores_int8(
    session: *const Session,
    output: usize,
    scores: *mut *const i8,
    len: *mut usize,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { running::scores_int8(session, output, scores, len) }
}

/// The index of the largest element of an output, the first of equals: the class.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_top(
    session: *const Session,
    output: usize,
    class_index: *mut usize,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { running::top(session, output, class_index) }
}

/// Explains the last run. A null target is the top class, a null composite `epsilon_plus`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_explain(
    session: *mut Session,
    target: *const Target,
    composite: *const Composite,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { running::explain(session, target, composite) }
}

/// The class that was explained, or SIZE_MAX where the target was about none; and its value before any softmax, or the
/// largest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_explained(
    session: *const Session,
    class_index: *mut usize,
    value: *mut f32,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe {
        of_explanation(session, |why| {
            let (class_place, value_place) = (Place::new(class_index)?, Place::new(value)?);
            class_place.write(why.class().unwrap_or(usize::MAX));
            value_place.write(why.value());
            Ok(())
        })
    }
}

/// Where the relevance of the `input`-th input is, in the units of the output, and how many elements it has: until the
/// next run or explanation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_relevance(
    session: *const Session,
    input: usize,
    relevance: *mut *const f32,
    len: *mut usize,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe {
        of_explanation(session, |why| {
            let (place, len_place) = (Place::new(relevance)?, Place::new(len)?);
            let found = why.relevance_of(input);
            if found.is_empty() {
                return Err(Status::NoSuchIndex);
            }
            place.write(found.as_ptr());
            len_place.write(found.len());
            Ok(())
        })
    }
}

/// The books of the `step`-th step; zeros, where no relevance reached it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_ledger(session: *const Session, step: usize, entry: *mut Entry) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe {
        of_explanation(session, |why| {
            let place = Place::new(entry)?;
            place.write(why.ledger().entries().nth(step).ok_or(Status::NoSuchIndex)?.into());
            Ok(())
        })
    }
}

/// The books of the whole network: what began at the output, what arrived at the inputs, and what all steps took. What
/// they are off by, `imbalance`, is rounding.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_session_totals(
    session: *const Session,
    totals: *mut Entry,
    imbalance: *mut f32,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe {
        of_explanation(session, |why| {
            let (place, imbalance_place) = (Place::new(totals)?, Place::new(imbalance)?);
            let ledger = why.ledger();
            place.write(ledger.totals().into());
            imbalance_place.write(ledger.imbalance());
            Ok(())
        })
    }
}
