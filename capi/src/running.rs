//! What sessions of floats and of integers share.

use crate::composite::{Composite, Target};
use crate::memory::{self, Handle, Integers, Numbers, Place, apart, content, elements, optional, span, with};
use crate::model::{Model, kernel_mode, opened};
use crate::status::{Failure, Status};
use core::ops::Range;
use relprop::{Explanation, Model as KernelModel, Relevance, RunError, Session, SessionError, Values};

/// A session, and the explanation of its last run.
///
/// The explanation borrows the session beside it. So nothing here makes a reference to the whole, and whoever changes
/// the session forgets the explanation first.
pub struct Running<R: Relevance> {
    session: Session<'static, 'static, R>,
    why: Option<Explanation<'static, R>>,
    arena: Range<usize>,
}

/// The most inputs of one call.
const MOST_INPUTS: usize = 8;
/// Bytes in front of the first aligned one, at most.
const SLACK: usize = 15;

type Opened<R> = Result<Session<'static, 'static, R>, SessionError>;

/// Opens a session.
///
/// # Safety
/// Pointers are what the header says.
pub unsafe fn open<H: Handle<Content = Running<R>>, R: Relevance>(
    handle: *mut H,
    model: *const Model,
    number: u32,
    (arena, bytes): (*mut u8, usize),
    open: impl FnOnce(&KernelModel<'static>, &'static mut [u8], relprop::Mode) -> Opened<R>,
) -> Status {
    let make = || {
        // SAFETY: by contract.
        let (model_there, mode) = (unsafe { opened(model) }?, kernel_mode(number)?);
        let image = model_there.image();
        let most = model_there.arena_bytes(mode).saturating_add(SLACK);
        let taken = span(arena.cast_const(), bytes.min(most));
        for other in [span(image.as_ptr(), image.len()), span(handle.cast_const(), 1), span(model, 1)] {
            apart(&taken, &other)?;
        }
        // SAFETY: by contract, and nothing that is read later lies there.
        let memory = unsafe { memory::arena(arena, bytes, most) }?;
        Ok(Running { session: open(&model_there, memory, mode)?, why: None, arena: taken })
    };
    // SAFETY: by contract.
    unsafe { memory::open(handle, make) }
}

/// Runs, and forgets the explanation of the run before.
///
/// # Safety
/// Pointers are what the header says.
pub unsafe fn run<H: Handle<Content = Running<R>>, R: Relevance>(
    handle: *mut H,
    given: &[Range<usize>],
    run: impl FnOnce(&mut Session<'static, 'static, R>) -> Result<(), Failure>,
) -> Status {
    let work = |running: *mut Running<R>| {
        // SAFETY: it is open. The explanation is gone before the session is changed.
        let session = unsafe {
            given.iter().try_for_each(|input| apart(input, &*(&raw const (*running).arena)))?;
            (*running).why = None;
            &mut *(&raw mut (*running).session)
        };
        run(session)
    };
    // SAFETY: by contract.
    unsafe { with(handle, work) }
}

/// Something that inputs of several are listed as.
pub trait Listed {
    /// Elements.
    type Element: memory::Plain;
    /// Where they are, and how many.
    fn parts(&self) -> (*const Self::Element, usize);
}

impl Listed for Numbers {
    type Element = f32;

    fn parts(&self) -> (*const f32, usize) {
        (self.values, self.len)
    }
}

impl Listed for Integers {
    type Element = i8;

    fn parts(&self) -> (*const i8, usize) {
        (self.values, self.len)
    }
}

/// Runs on several inputs.
///
/// # Safety
/// Pointers are what the header says.
pub unsafe fn run_all<H: Handle<Content = Running<R>>, R: Relevance, L: Listed>(
    handle: *mut H,
    inputs: *const L,
    count: usize,
    start: impl FnOnce(&mut Session<'static, 'static, R>, &[&[L::Element]]) -> Result<(), RunError>,
) -> Status {
    let (mut slices, mut spans) = ([&[][..]; MOST_INPUTS], [const { 0..0 }; MOST_INPUTS]);
    let (Some(used), Some(spans)) = (slices.get_mut(..count), spans.get_mut(..count)) else {
        return Status::TooManyInputs;
    };
    for (i, (slice, place)) in used.iter_mut().zip(&mut *spans).enumerate() {
        // SAFETY: by contract there are as many.
        let read = unsafe {
            optional(inputs.wrapping_add(i)).and_then(|input| {
                let (start, len) = input.ok_or(Status::NullPointer)?.parts();
                Ok((elements(start, len)?, span(start, len)))
            })
        };
        match read {
            Ok(read) => (*slice, *place) = read,
            Err(status) => return status,
        }
    }
    let used = &*used;
    // SAFETY: by contract.
    unsafe { run(handle, spans, |session| Ok(start(session, used)?)) }
}

/// Explains.
///
/// # Safety
/// Pointers are what the header says.
pub unsafe fn explain<H: Handle<Content = Running<R>>, R: Relevance>(
    handle: *mut H,
    target: *const Target,
    composite: *const Composite,
) -> Status {
    let work = |running: *mut Running<R>| {
        // SAFETY: by contract.
        let (target, composite) = unsafe { (Target::read(target)?, Composite::read(composite)?) };
        if let relprop::Seed::Values(values) = target.seed {
            // SAFETY: it is open.
            apart(&span(values.as_ptr(), values.len()), unsafe { &*(&raw const (*running).arena) })?;
        }
        // SAFETY: it is open. The explanation is gone before the session is changed, and borrows nothing but the session,
        // to which no other reference is kept.
        unsafe {
            (*running).why = None;
            let session = &mut *(&raw mut (*running).session);
            let why = session.explain(&target, &composite)?;
            (&raw mut (*running).why).write(Some(why));
        }
        Ok(())
    };
    // SAFETY: by contract.
    unsafe { with(handle, work) }
}

/// Writes something about what was run.
///
/// # Safety
/// Pointers are what the header says.
pub unsafe fn of_session<H: Handle<Content = Running<R>>, R: Relevance>(
    handle: *const H,
    what: impl FnOnce(&'static Session<'static, 'static, R>, &Range<usize>) -> Result<(), Status>,
) -> Status {
    // SAFETY: by contract; an explanation has no other than shared references to the session either.
    let read =
        unsafe { content(handle).map(|running| (&*(&raw const (*running).session), &*(&raw const (*running).arena))) };
    read.and_then(|(session, arena)| what(session, arena)).err().unwrap_or(Status::Ok)
}

/// Writes something about what was explained.
///
/// # Safety
/// Pointers are what the header says.
pub unsafe fn of_explanation<H: Handle<Content = Running<R>>, R: Relevance>(
    handle: *const H,
    what: impl FnOnce(&Explanation<'static, R>) -> Result<(), Status>,
) -> Status {
    // SAFETY: by contract.
    let read = unsafe { content(handle).map(|running| &*(&raw const (*running).why)) };
    read.and_then(|why| what(why.as_ref().ok_or(Status::NotExplained)?)).err().unwrap_or(Status::Ok)
}

/// The values of an output.
pub fn values<R: Relevance>(
    session: &'static Session<'static, 'static, R>,
    output: usize,
) -> Result<Values<'static>, Status> {
    if output >= session.model().outputs() {
        return Err(Status::NoSuchIndex);
    }
    session.output(output).ok_or(Status::NotRun)
}

/// Where the integers of an output are.
///
/// # Safety
/// Pointers are what the header says.
pub unsafe fn scores_int8<H: Handle<Content = Running<R>>, R: Relevance>(
    handle: *const H,
    output: usize,
    scores: *mut *const i8,
    len: *mut usize,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe {
        of_session(handle, |session, _| {
            let (to, to_len) = (Place::new(scores)?, Place::new(len)?);
            let integers = values(session, output)?.int8().ok_or(Status::ValuesNotInt8)?;
            to.write(integers.as_ptr());
            to_len.write(integers.len());
            Ok(())
        })
    }
}

/// The index of the largest element of an output.
///
/// # Safety
/// Pointers are what the header says.
pub unsafe fn top<H: Handle<Content = Running<R>>, R: Relevance>(
    handle: *const H,
    output: usize,
    class_index: *mut usize,
) -> Status {
    // SAFETY: pointers are what the header says.
    unsafe {
        of_session(handle, |session, _| {
            let place = Place::new(class_index)?;
            place.write(values(session, output)?.top().ok_or(Status::Other)?);
            Ok(())
        })
    }
}
