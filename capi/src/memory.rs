//! The caller's memory: where pointers become references.

use crate::status::{Failure, Status};
use core::mem::{MaybeUninit, align_of, size_of};
use core::ops::Range;

/// An input of floats, where a network has several.
#[repr(C)]
pub struct Numbers {
    /// Rows, columns, channels.
    pub values: *const f32,
    /// Elements.
    pub len: usize,
}

/// An input of integers, where a network has several.
#[repr(C)]
pub struct Integers {
    /// Rows, columns, channels.
    pub values: *const i8,
    /// Elements.
    pub len: usize,
}

/// Types that any bytes are a value of.
///
/// # Safety
/// Any bytes are.
pub unsafe trait Plain: Copy + 'static {}
// SAFETY: numbers.
unsafe impl Plain for u8 {}
// SAFETY: numbers.
unsafe impl Plain for i8 {}
// SAFETY: numbers.
unsafe impl Plain for u16 {}
// SAFETY: numbers.
unsafe impl Plain for f32 {}

/// Whether a pointer can be one to so many elements.
fn check<T>(start: *const T, len: usize) -> Result<(), Status> {
    if start.is_null() {
        Err(Status::NullPointer)
    } else if !start.is_aligned() {
        Err(Status::Misaligned)
    } else if len.checked_mul(size_of::<T>()).is_none_or(|bytes| bytes > isize::MAX as usize) {
        Err(Status::Length)
    } else {
        Ok(())
    }
}

/// The addresses of so many elements.
pub fn span<T>(start: *const T, len: usize) -> Range<usize> {
    start.addr()..start.addr().saturating_add(len.saturating_mul(size_of::<T>()))
}

/// What may not be in one place is not.
pub fn apart(a: &Range<usize>, b: &Range<usize>) -> Result<(), Status> {
    if a.start < b.end && b.start < a.end { Err(Status::Overlap) } else { Ok(()) }
}

/// Elements that the caller has.
///
/// # Safety
/// The pointer is null, or so many elements are there and nobody writes to them.
pub unsafe fn elements<'c, T: Plain>(start: *const T, len: usize) -> Result<&'c [T], Status> {
    if len == 0 {
        return Ok(&[]);
    }
    check(start, len)?;
    // SAFETY: there by contract, aligned and short enough as checked, and any bytes are numbers.
    Ok(unsafe { core::slice::from_raw_parts(start, len) })
}

/// Elements that the caller wants written.
///
/// # Safety
/// The pointer is null, or so many elements are there and nobody else uses them.
pub unsafe fn elements_mut<'c, T: Plain>(start: *mut T, len: usize) -> Result<&'c mut [T], Status> {
    if len == 0 {
        return Ok(&mut []);
    }
    check(start, len)?;
    // SAFETY: there by contract, aligned and short enough as checked, and any bytes are numbers.
    Ok(unsafe { core::slice::from_raw_parts_mut(start, len) })
}

/// An arena, zeroed: not more than `most` bytes of the caller's.
///
/// # Safety
/// As [`elements_mut`], as long as the session lives.
pub unsafe fn arena(start: *mut u8, len: usize, most: usize) -> Result<&'static mut [u8], Status> {
    let len = len.min(most);
    check(start, len)?;
    // SAFETY: so many bytes are there by contract. What C left in them need not be a value; zeros are.
    unsafe { start.write_bytes(0, len) };
    // SAFETY: as above, and they have values now.
    unsafe { elements_mut(start, len) }
}

/// The text up to the first zero.
///
/// # Safety
/// The pointer is null, or there is a zero behind it, and nobody writes there.
pub unsafe fn text<'c>(start: *const core::ffi::c_char) -> Result<&'c core::ffi::CStr, Status> {
    check(start, 1)?;
    // SAFETY: it ends by contract.
    Ok(unsafe { core::ffi::CStr::from_ptr(start) })
}

/// Copies a struct that the caller filled in; `None` where there is none.
///
/// # Safety
/// The pointer is null, or to one.
pub unsafe fn optional<'c, T>(given: *const T) -> Result<Option<&'c T>, Status> {
    if given.is_null() {
        return Ok(None);
    }
    check(given, 1)?;
    // SAFETY: there by contract, and aligned. Structs of this library have only numbers and pointers.
    Ok(Some(unsafe { &*given }))
}

/// A place that the caller wants a result in.
pub struct Place<T>(*mut T);

impl<T> Place<T> {
    /// Looks at the pointer.
    pub fn new(place: *mut T) -> Result<Self, Status> {
        check(place, 1).map(|()| Self(place))
    }

    /// Writes the result.
    ///
    /// # Safety
    /// There is memory for one, and nobody else uses it.
    pub unsafe fn write(self, value: T) {
        // SAFETY: there by contract, aligned as checked.
        unsafe { self.0.write(value) };
    }
}

/// A handle as C declares it, and what is in it.
///
/// # Safety
/// The type consists of numbers alone, and different types have marks that differ by more than one.
pub unsafe trait Handle: Sized {
    /// What is in it once it is open.
    type Content;
    /// What tells it from other memory.
    const MARK: usize;
}

/// What lies in the memory of a handle.
#[repr(C)]
struct Slot<T> {
    /// The handle's address and its type's mark: a copy elsewhere is not the handle. See [`State`].
    mark: usize,
    failure: Failure,
    content: MaybeUninit<T>,
}

/// The next mark says that there is only a failure.
const REFUSED: usize = 1;

/// The slot of a handle that need not be open.
fn slot<H: Handle>(handle: *const H) -> Result<*mut Slot<H::Content>, Status> {
    const {
        assert!(size_of::<Slot<H::Content>>() <= size_of::<H>());
        assert!(align_of::<Slot<H::Content>>() <= align_of::<H>());
    }
    check(handle, 1).map(|()| handle.cast_mut().cast())
}

fn mark_at<H: Handle>(handle: *const H) -> usize {
    handle.addr() ^ H::MARK
}

/// Opens a handle, or keeps in it why it could not be.
///
/// # Safety
/// The pointer is null, or to a handle that nobody else uses.
pub unsafe fn open<H: Handle>(handle: *mut H, make: impl FnOnce() -> Result<H::Content, Failure>) -> Status {
    let slot = match slot(handle) {
        Ok(slot) => slot,
        Err(status) => return status,
    };
    let made = make();
    // SAFETY: the handle is as large and as aligned as the slot, and it is there by contract.
    unsafe {
        match made {
            Ok(content) => {
                (*slot).content.write(content);
                (&raw mut (*slot).failure).write(Failure::NONE);
                (&raw mut (*slot).mark).write(mark_at(handle));
                Status::Ok
            }
            Err(failure) => {
                (&raw mut (*slot).failure).write(failure);
                (&raw mut (*slot).mark).write(mark_at(handle) ^ REFUSED);
                failure.status()
            }
        }
    }
}

/// What is in a handle that is open.
///
/// # Safety
/// The pointer is null, or to a handle.
pub unsafe fn content<H: Handle>(handle: *const H) -> Result<*mut H::Content, Status> {
    let slot = slot(handle)?;
    // SAFETY: there by contract, aligned as checked.
    if unsafe { (&raw const (*slot).mark).read() } != mark_at(handle) {
        return Err(Status::NotOpen);
    }
    // SAFETY: as above; no reference is made.
    Ok(unsafe { (&raw mut (*slot).content).cast() })
}

/// Works with what is in a handle, and keeps in it what went wrong.
///
/// # Safety
/// The pointer is null, or to a handle that nobody else uses.
pub unsafe fn with<H: Handle>(handle: *mut H, work: impl FnOnce(*mut H::Content) -> Result<(), Failure>) -> Status {
    // SAFETY: by contract.
    let content = match unsafe { content(handle) } {
        Ok(content) => content,
        Err(status) => return status,
    };
    match work(content) {
        Ok(()) => Status::Ok,
        Err(failure) => {
            if let Ok(slot) = slot(handle) {
                // SAFETY: it is open, so its failure has a value.
                unsafe { (&raw mut (*slot).failure).write(failure) };
            }
            failure.status()
        }
    }
}

/// What went wrong last with a handle that was opened, or that could not be.
///
/// # Safety
/// The pointer is null, or to a handle.
pub unsafe fn failure<H: Handle>(handle: *const H) -> Failure {
    let slot = match slot(handle) {
        Ok(slot) => slot,
        Err(status) => return status.into(),
    };
    // SAFETY: there by contract, aligned as checked.
    let mark = unsafe { (&raw const (*slot).mark).read() };
    if mark & !REFUSED != mark_at(handle) & !REFUSED {
        return Failure::Call(Status::NotOpen);
    }
    // SAFETY: who writes such a mark has written the failure before.
    unsafe { (&raw const (*slot).failure).read() }
}
