//! relprop for C: see `include/relprop.h`, which is made of this, and `docs/c.md`.
//!
//! The kernel has no `unsafe`; what C hands over is turned into references in `memory.rs`, and nowhere else. Functions
//! check what can be checked: null and misaligned pointers, lengths, handles that were never opened, memory that
//! overlaps. What cannot be checked is what every C library asks for, and `# Safety` of every function here: that a
//! pointer which is not null points to as many elements as is said, and that nobody else writes there meanwhile.

#![cfg_attr(target_os = "none", no_std)]

// The header is in this order, not in that of the alphabet.
mod status;

mod text;

mod model;

mod composite;

mod session;

mod fixed;

mod ledger;
mod memory;
#[cfg(target_os = "none")]
mod panic;
mod running;

pub use composite::{Composite, Preset, Seed, Target, relprop_composite_named};
pub use fixed::*;
pub use ledger::{Entry, Whole};
pub use memory::{Integers, Numbers};
pub use model::*;
pub use session::*;
pub use status::{Status, relprop_status_text};
pub use text::Text;

use core::ffi::{CStr, c_char};

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// The version of the library: "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn relprop_version() -> *const c_char {
    VERSION.as_ptr()
}
