//! What a program takes: stack by painting, instructions by the core's counter.

use crate::board::{Counter, stack_end, stack_pointer, stack_start};
use ufmt::{uWrite, uwriteln};

/// What is written where no stack has been yet.
const PAINT: u32 = 0xcccc_cccc;
/// Words below the stack pointer that are not painted: the frames of who paints.
const MARGIN: usize = 32;
/// Laps, at most.
const LAPS: usize = 6;

/// Counts instructions between laps, and how far the stack has reached.
///
/// In QEMU with `-icount shift=0` every instruction takes one nanosecond of virtual time. That counts instructions, not
/// cycles: a load or a division takes longer than an addition on a real core, and flash makes it wait.
pub struct Meter {
    counter: Counter,
    last: u32,
    laps: [(&'static str, u32); LAPS],
    used: usize,
}

impl Meter {
    /// Paints the stack, and starts counting.
    #[inline(never)]
    #[expect(clippy::new_without_default)]
    pub fn new() -> Self {
        paint();
        let counter = Counter::new();
        let mut meter = Self { last: Counter::now(), counter, laps: [("", 0); LAPS], used: 0 };
        // What a lap itself takes is not the program's.
        meter.restart();
        meter
    }

    /// The instructions since the last lap, or the last restart, are those of `what`.
    pub fn lap(&mut self, what: &'static str) {
        let instructions = self.counter.instructions(self.last);
        if let Some(lap) = self.laps.get_mut(self.used) {
            *lap = (what, instructions);
            self.used += 1;
        }
        self.restart();
    }

    /// What happened since the last lap does not count.
    pub fn restart(&mut self) {
        self.last = Counter::now();
    }

    /// Prints what was measured.
    ///
    /// # Errors
    /// The console's.
    pub fn report<W: uWrite>(&self, out: &mut W) -> Result<(), W::Error> {
        for (what, instructions) in self.laps.iter().take(self.used) {
            uwriteln!(out, "meter {} {} instructions", *what, *instructions)?;
        }
        let used = high_water();
        if used >= stack_start().addr() - stack_end().addr() {
            uwriteln!(out, "the stack has reached the variables")?;
        }
        uwriteln!(out, "meter stack {} bytes", used)
    }
}

/// Paints what lies between the variables and the stack.
#[inline(never)]
fn paint() {
    let mut place = stack_end();
    let end = stack_pointer().wrapping_sub(MARGIN);
    while place < end {
        // SAFETY: nothing lies between the variables and the stack, and `MARGIN` keeps this function's own frame.
        unsafe { place.write_volatile(PAINT) };
        place = place.wrapping_add(1);
    }
}

/// Bytes of stack, from its start to the last word that is not painted any more.
fn high_water() -> usize {
    let mut place = stack_end();
    // SAFETY: reads memory that is there, up to the start of the stack.
    while place < stack_start() && unsafe { place.read_volatile() } == PAINT {
        place = place.wrapping_add(1);
    }
    stack_start().addr() - place.addr()
}
