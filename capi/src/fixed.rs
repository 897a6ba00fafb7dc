//! What is in RAM, relevance being of integers alone.

use crate::composite::{Composite, Target};
use crate::ledger::Whole;
use crate::memory::{Handle, Integers, Place, failure};
use crate::model::{Model, sentence};
use crate::running::{self, Running, of_explanation};
use crate::status::Status;
use core::ffi::{c_char, c_void};

/// A session whose relevance is of integers alone, over networks that are int8 throughout: a program that has no other
/// links no routine for floats. What it holds is the library's own.
#[repr(C)]
pub struct Fixed {
    /// The library's own.
    opaque: [u64; 32],
}

// SAFETY: numbers alone, and a mark of its own.
unsafe impl Handle for Fixed {
    type Content = Running<relprop::Fixed>;
    const MARK: usize = 0x5e55_1f1c;
}

/// Opens a session over a model in an arena of so many bytes, for what a `relprop_mode` says. The arena is zeroed; the
/// model's handle may go, the image may not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_fixed_open(
    fixed: *mut Fixed,
    model: *const Model,
    mode: u32,
    arena: *mut c_void,
    bytes: usize,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { running::open(fixed, model, mode, (arena.cast(), bytes), relprop::Session::new_fixed) }
}

/// Why the last of the calls that were refused was, as a sentence: into `buffer` of `capacity` bytes, cut off where it is
/// longer, always with a zero at the end. Returns the length of the whole, as snprintf does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_fixed_error(fixed: *const Fixed, buffer: *mut c_char, capacity: usize) -> usize {
    // SAFETY: pointers are what the header says.
    unsafe { sentence(failure(fixed), buffer, capacity) }
}

/// Runs a network with one input.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_fixed_run(fixed: *mut Fixed, input: *const i8, len: usize) -> Status {
    let inputs = Integers { values: input, len };
    // SAFETY: pointers are what the header says.
    unsafe { relprop_fixed_run_all(fixed, &raw const inputs, 1) }
}

/// Runs a network with several inputs, at most eight.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_fixed_run_all(fixed: *mut Fixed, inputs: *const Integers, count: usize) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { running::run_all(fixed, inputs, count, |session, inputs| session.run_int8(inputs).map(|_| ())) }
}

/// Where the integers of an output are, and how many, until the next run; see `relprop_port` for what they stand for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_fixed_scores(
    fixed: *const Fixed,
    output: usize,
    scores: *mut *const i8,
    len: *mut usize,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { running::scores_int8(fixed, output, scores, len) }
}

/// The index of the largest element of an output, the first of equals: the class.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_fixed_top(fixed: *const Fixed, output: usize, class_index: *mut usize) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { running::top(fixed, output, class_index) }
}

/// Explains the last run. A null target is the top class, a null composite `epsilon_plus`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_fixed_explain(
    fixed: *mut Fixed,
    target: *const Target,
    composite: *const Composite,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe { running::explain(fixed, target, composite) }
}

/// The class that was explained, or SIZE_MAX where the target was about none; and the real value of one unit of the
/// ledger.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_fixed_explained(
    fixed: *const Fixed,
    class_index: *mut usize,
    ledger_unit: *mut f32,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe {
        of_explanation(fixed, |why| {
            let (class_place, unit_place) = (Place::new(class_index)?, Place::new(ledger_unit)?);
            class_place.write(why.class().unwrap_or(usize::MAX));
            unit_place.write(why.ledger_unit());
            Ok(())
        })
    }
}

/// Where the relevance of the `input`-th input is, how many elements it has, and the real value of one unit of it: until
/// the next run or explanation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_fixed_relevance(
    fixed: *const Fixed,
    input: usize,
    relevance: *mut *const i32,
    len: *mut usize,
    unit: *mut f32,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe {
        of_explanation(fixed, |why| {
            let (place, len_place, unit_place) = (Place::new(relevance)?, Place::new(len)?, Place::new(unit)?);
            let found = why.relevance_of(input);
            if found.is_empty() {
                return Err(Status::NoSuchIndex);
            }
            place.write(found.as_ptr());
            len_place.write(found.len());
            unit_place.write(why.unit_of(input));
            Ok(())
        })
    }
}

/// The books of the `step`-th step, which close exactly; zeros, where no relevance reached it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_fixed_ledger(fixed: *const Fixed, step: usize, entry: *mut Whole) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe {
        of_explanation(fixed, |why| {
            let place = Place::new(entry)?;
            place.write(why.ledger().entries().nth(step).ok_or(Status::NoSuchIndex)?.into());
            Ok(())
        })
    }
}

/// The books of the whole network: what began at the output, what arrived at the inputs, and what all steps took. What
/// they are off by, `imbalance`, is zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn relprop_fixed_totals(fixed: *const Fixed, totals: *mut Whole, imbalance: *mut i64) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe {
        of_explanation(fixed, |why| {
            let (place, imbalance_place) = (Place::new(totals)?, Place::new(imbalance)?);
            let ledger = why.ledger();
            place.write(ledger.totals().into());
            imbalance_place.write(ledger.imbalance());
            Ok(())
        })
    }
}
