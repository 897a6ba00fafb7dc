//! What differs from core to core: how a program starts, where its stack is, and what counts instructions.

#[cfg_attr(target_arch = "arm", path = "cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv.rs")]
mod core;

pub use core::entry;
pub(crate) use core::{Counter, stack_end, stack_pointer, stack_start};
