//! RISC-V.

use core::arch::asm;
pub use riscv_rt::entry;

unsafe extern "C" {
    static mut _stack_start: u32;
    static mut __eheap: u32;
}

/// Where the stack begins: it grows down from here.
pub fn stack_start() -> *mut u32 {
    &raw mut _stack_start
}

/// Where it must not reach: the end of the variables.
pub fn stack_end() -> *mut u32 {
    &raw mut __eheap
}

/// Where it is now.
#[inline(always)]
pub fn stack_pointer() -> *mut u32 {
    let pointer;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// The core's own counter of instructions.
pub struct Counter;

impl Counter {
    /// It always runs.
    pub fn new() -> Self {
        Self
    }

    /// A moment, for [`Self::instructions`].
    pub fn now() -> u32 {
        riscv::register::minstret::read() as u32
    }

    /// Instructions since then.
    #[expect(clippy::unused_self)]
    pub fn instructions(&self, start: u32) -> u32 {
        Self::now().wrapping_sub(start)
    }
}
