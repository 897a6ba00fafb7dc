//! Cortex-M.

use core::arch::asm;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{Peripherals, SYST};
pub use cortex_m_rt::entry;

unsafe extern "C" {
    static mut _stack_start: u32;
    static mut __sheap: u32;
}

/// Where the stack begins: it grows down from here.
pub fn stack_start() -> *mut u32 {
    &raw mut _stack_start
}

/// Where it must not reach: the end of the variables.
pub fn stack_end() -> *mut u32 {
    &raw mut __sheap
}

/// Where it is now.
#[inline(always)]
pub fn stack_pointer() -> *mut u32 {
    cortex_m::register::msp::read() as *mut u32
}

/// The core's timer, which QEMU's `-icount shift=0` makes count instructions: it turns one tick of virtual time into so
/// many of them, measured when the counter starts.
pub struct Counter {
    ticks: u32,
}

/// The timer has 24 bits.
const LARGEST: u32 = 0x00ff_ffff;
/// Passes of a loop of two instructions.
const PASSES: u32 = 500_000;

impl Counter {
    /// Starts the timer, and calibrates it.
    pub fn new() -> Self {
        // SAFETY: nobody else uses the timer.
        let mut timer = unsafe { Peripherals::steal() }.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(LARGEST);
        timer.clear_current();
        timer.enable_counter();
        let start = Self::now();
        // SAFETY: two instructions that change one register and the flags.
        unsafe { asm!("2:", "subs {n}, #1", "bne 2b", n = inout(reg) PASSES => _, options(nomem, nostack)) };
        let ticks = Self::since(start);
        Self { ticks }
    }

    /// A moment, for [`Self::instructions`].
    pub fn now() -> u32 {
        SYST::get_current()
    }

    fn since(start: u32) -> u32 {
        start.wrapping_sub(Self::now()) & LARGEST
    }

    /// Instructions since then.
    pub fn instructions(&self, start: u32) -> u32 {
        let ticks = u64::from(Self::since(start));
        (ticks * 2 * u64::from(PASSES)).checked_div(u64::from(self.ticks)).unwrap_or(0) as u32
    }
}
