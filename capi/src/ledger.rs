//! Where relevance went.

use relprop::ledger::{Entry as KernelEntry, Whole as KernelWhole};

/// The books of a step in floats, in the units of the output: `arrived = left + bias + stabilizer + dropped + rounding`.
#[repr(C)]
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// Relevance that arrived at the step's output.
    pub arrived: f32,
    /// Relevance that left to its inputs.
    pub left: f32,
    /// Absorbed by the bias.
    pub bias: f32,
    /// Absorbed by the stabiliser.
    pub stabilizer: f32,
    /// Dropped: what fell on padding, or met no contribution at all.
    pub dropped: f32,
    /// The rest: what float arithmetic lost or gained.
    pub rounding: f32,
    /// Largest relevance that arrived, as a magnitude.
    pub peak: f32,
    /// Smallest |z| / sum |x w| over the outputs, where it was asked for and the rule divides by z; else no number.
    pub condition: f32,
}

impl From<KernelEntry> for Entry {
    fn from(entry: KernelEntry) -> Self {
        let KernelEntry { arrived, left, bias, stabilizer, dropped, rounding, peak, condition } = entry;
        Self { arrived, left, bias, stabilizer, dropped, rounding, peak, condition }
    }
}

/// The books of a step in integers, which close exactly: `arrived = left + bias + stabilizer + dropped + rounding`.
/// `relprop_fixed_explained` says what one unit is.
#[repr(C)]
#[derive(Debug, PartialEq, Eq)]
pub struct Whole {
    /// Relevance that arrived at the step's output.
    pub arrived: i64,
    /// Relevance that left to its inputs.
    pub left: i64,
    /// Absorbed by the bias.
    pub bias: i64,
    /// Absorbed by the stabiliser.
    pub stabilizer: i64,
    /// Dropped: what fell on padding, or met no contribution at all.
    pub dropped: i64,
    /// The rest: shares are rounded to whole numbers.
    pub rounding: i64,
    /// Largest relevance that arrived, as a magnitude.
    pub peak: i64,
    /// Elements that did not fit 32 bits: zero, or the explanation is wrong there. 255 stands for any more.
    pub saturated: i64,
}

impl From<KernelWhole> for Whole {
    fn from(whole: KernelWhole) -> Self {
        let KernelWhole { arrived, left, bias, stabilizer, dropped, rounding, peak, saturated } = whole;
        Self { arrived, left, bias, stabilizer, dropped, rounding, peak, saturated }
    }
}
