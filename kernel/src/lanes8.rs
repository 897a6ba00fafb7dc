//! The inner loops over 8-bit weights. Sums of integers do not depend on their order, so these may be arranged as
//! every target likes best.

use crate::model::format::BLOCK_INT8;

/// Which function of a weight is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// `w` inside these bounds: all weights, those above zero, those below.
    Within(i16, i16),
    /// `w²`.
    Squared,
    /// `1`.
    One,
}

impl Weight {
    /// `w`.
    pub const ALL: Self = Self::Within(-128, 127);
    /// `max(w, 0)`.
    pub const POSITIVE: Self = Self::Within(0, 127);
    /// `min(w, 0)`.
    pub const NEGATIVE: Self = Self::Within(-128, 0);

    /// How many quotients times such weights may be added up before they are gathered: then no half of a sum of integers
    /// leaves 32 bits.
    pub const fn chunk(self) -> usize {
        match self {
            Self::Squared => 2,
            _ => 128,
        }
    }

    /// The function of one weight.
    #[inline(always)]
    pub fn of(self, w: i8) -> i16 {
        let w = i16::from(w);
        match self {
            Self::Within(low, high) => w.max(low).min(high),
            Self::Squared => w * w,
            Self::One => 1,
        }
    }

    /// Weights side by side; zeros beyond the end.
    #[inline(always)]
    pub fn load<const L: usize>(self, w: &[i8]) -> [i16; L] {
        let mut raw = [0; L];
        match w.first_chunk::<L>() {
            Some(chunk) => raw = *chunk,
            None => {
                for (raw, w) in raw.iter_mut().zip(w) {
                    *raw = *w;
                }
            }
        }
        match self {
            Self::Within(low, high) => raw.map(|w| i16::from(w).max(low).min(high)),
            Self::Squared => raw.map(|w| i16::from(w) * i16::from(w)),
            Self::One => [1; L],
        }
    }
}

/// Which inputs are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Smallest.
    pub low: i16,
    /// Largest.
    pub high: i16,
}

impl Span {
    /// All inputs.
    pub const ALL: Self = Self { low: i16::MIN, high: i16::MAX };
    /// `max(x, 0)`.
    pub const POSITIVE: Self = Self { low: 0, high: i16::MAX };
    /// `min(x, 0)`.
    pub const NEGATIVE: Self = Self { low: i16::MIN, high: 0 };
}

/// `Σ x·w` for `N` patches of inputs; every `x` must be a whole number of [`BLOCK_INT8`] long, and `w` at least as
/// long.
#[inline(always)]
pub fn dot<const N: usize>(x: [&[i16]; N], w: &[i8]) -> [i32; N] {
    let mut sums = [0; N];
    let len = x.first().map_or(0, |x| x.len());
    let Some(w) = w.get(..len) else { return sums };
    let mut cut = x;
    for x in &mut cut {
        let Some(same) = x.get(..len) else { return sums };
        *x = same;
    }
    for i in 0..len {
        for (sum, x) in sums.iter_mut().zip(cut) {
            *sum += i32::from(x[i]) * i32::from(w[i]);
        }
    }
    sums
}

/// `Σ x·f(w)` over the inputs meant.
pub fn dot_of(x: &[i16], span: Span, w: &[i8], weight: Weight) -> i32 {
    let (x, w) = (x.as_chunks::<BLOCK_INT8>().0, w.as_chunks::<BLOCK_INT8>().0);
    let mut sums = [0; BLOCK_INT8];
    for (x, w) in x.iter().zip(w) {
        let w = weight.load::<BLOCK_INT8>(w);
        for i in 0..BLOCK_INT8 {
            sums[i] += i32::from(x[i].max(span.low).min(span.high)) * i32::from(w[i]);
        }
    }
    sums.iter().sum()
}

/// `x − zero` of inputs, and zeros up to the end of `patch`.
#[inline(always)]
pub fn widen(patch: &mut [i16], x: &[i8], zero: i16) {
    for (to, x) in patch.iter_mut().zip(x) {
        *to = i16::from(*x) - zero;
    }
}
