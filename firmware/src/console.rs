//! Where a program prints: the host's standard output, by semihosting, in QEMU as through a probe.

use core::ffi::CStr;
use relprop::{ExplainError, RunError, SessionError};
use semihosting::sys::arm_compat::sys_write0;
use ufmt::{uWrite, uwriteln};

/// The host's standard output, a line at a time.
pub struct Console {
    line: [u8; LINE],
    used: usize,
}

/// Longer lines are written in pieces.
const LINE: usize = 80;

/// Why a program gave up.
#[derive(Clone, Copy)]
#[cfg_attr(feature = "log", derive(defmt::Format))]
pub enum Failure {
    /// The session could not be opened.
    Session(SessionError),
    /// The inference was refused.
    Run(RunError),
    /// The explanation was refused.
    Explain(ExplainError),
    /// What the program needs is not there: what.
    Missing(&'static str),
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl From<ExplainError> for Failure {
    fn from(error: ExplainError) -> Self {
        Self::Explain(error)
    }
}

/// Runs a program, and ends QEMU with its result.
pub fn run(program: impl FnOnce(&mut Console) -> Result<(), Failure>) -> ! {
    let mut console = Console { line: [0; LINE], used: 0 };
    let result = program(&mut console);
    if let Err(failure) = result {
        let _ = uwriteln!(console, "failed: {}", what(failure));
    }
    console.flush();
    semihosting::process::exit(i32::from(result.is_err()))
}

/// What failed. With the kernel's feature `defmt`, errors say more: see `log_m4`.
fn what(failure: Failure) -> &'static str {
    match failure {
        Failure::Session(_) => "no session",
        Failure::Run(_) => "the inference was refused",
        Failure::Explain(_) => "the explanation was refused",
        Failure::Missing(what) => what,
    }
}

impl Console {
    fn flush(&mut self) {
        // One byte is always left for the zero at the end.
        if let Some(end) = self.line.get_mut(self.used) {
            *end = 0;
        }
        if let Ok(text) = CStr::from_bytes_until_nul(&self.line) {
            sys_write0(text);
        }
        self.used = 0;
    }
}

impl uWrite for Console {
    type Error = Failure;

    fn write_str(&mut self, text: &str) -> Result<(), Failure> {
        for byte in text.bytes() {
            if let Some(place) = self.line.get_mut(self.used) {
                *place = byte;
                self.used += 1;
            }
            if byte == b'\n' || self.used >= LINE - 1 {
                self.flush();
            }
        }
        Ok(())
    }
}
