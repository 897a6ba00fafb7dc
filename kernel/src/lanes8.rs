//! The inner loops over 8-bit weights. Sums of integers do not depend on their order, so these may be arranged as
//! every target likes best.

use crate::model::format::BLOCK_INT8;

/// Whether loops get variants for many inputs side by side: where there are vectors to fill, and a compiler that fills
/// them (for WebAssembly, LLVM 20 fails on sixteen at once).
pub const FAST: bool = cfg!(target_pointer_width = "64");

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

/// Inputs per pass where there are many: with twice as many LLVM finds no good order.
const CHUNK: usize = 2 * BLOCK_INT8;

/// `Σ x·w`; `x` must be a whole number of [`BLOCK_INT8`] long, and `w` as long.
#[inline(always)]
pub fn dot(x: &[i16], w: &[i8]) -> i32 {
    let mut sums = [0];
    dots(x, x.len(), w, &mut sums);
    sums[0]
}

/// The same for several patches, which lie one after the other, `len` apart. Weights are widened once for all of them.
#[inline(always)]
pub fn dots<const N: usize>(x: &[i16], len: usize, w: &[i8], sums: &mut [i32; N]) {
    let (chunks, rest) = w.as_chunks::<CHUNK>();
    for (i, w) in chunks.iter().enumerate() {
        add_products(x, len, i * CHUNK, &w.map(i16::from), sums);
    }
    let done = chunks.len() * CHUNK;
    for (i, w) in rest.as_chunks::<BLOCK_INT8>().0.iter().enumerate() {
        add_products(x, len, done + i * BLOCK_INT8, &w.map(i16::from), sums);
    }
}

#[inline(always)]
fn add_products<const L: usize, const N: usize>(x: &[i16], len: usize, at: usize, w: &[i16; L], sums: &mut [i32; N]) {
    for (p, sum) in sums.iter_mut().enumerate() {
        if let Some(x) = x.get(p * len + at..).and_then(|x| x.first_chunk()) {
            *sum += product(x, w);
        }
    }
}

/// A sum of products of 16-bit numbers, and nothing else: what vector units have an instruction for. By itself, because
/// LLVM makes scalars of several such sums side by side.
#[inline(never)]
fn product<const L: usize>(x: &[i16; L], w: &[i16; L]) -> i32 {
    let mut sum = 0;
    for i in 0..L {
        sum += i32::from(x[i]) * i32::from(w[i]);
    }
    sum
}

/// `Σ x·f(w)` over the inputs meant, for several patches as for [`dots`].
pub fn dots_of<const N: usize>(x: &[i16], len: usize, span: Span, w: &[i8], weight: Weight) -> [i32; N] {
    let (mut sums, w) = ([0; N], w.get(..len).unwrap_or(&[]));
    let (chunks, rest) = w.as_chunks::<CHUNK>();
    let rest = rest.as_chunks::<BLOCK_INT8>().0;
    let done = chunks.len() * CHUNK;
    if let (Span::ALL, Weight::Within(low, high)) = (span, weight) {
        let inside = |w: i8| i16::from(w).max(low).min(high);
        for (i, w) in chunks.iter().enumerate() {
            add_products(x, len, i * CHUNK, &w.map(inside), &mut sums);
        }
        for (i, w) in rest.iter().enumerate() {
            add_products(x, len, done + i * BLOCK_INT8, &w.map(inside), &mut sums);
        }
        return sums;
    }
    for (i, w) in w.as_chunks::<BLOCK_INT8>().0.iter().enumerate() {
        let w = weight.load(w);
        for (p, sum) in sums.iter_mut().enumerate() {
            if let Some(x) = x.get(p * len + i * BLOCK_INT8..).and_then(|x| x.first_chunk::<BLOCK_INT8>()) {
                *sum += product(&x.map(|x| x.max(span.low).min(span.high)), &w);
            }
        }
    }
    sums
}

/// `x − zero` of inputs, and zeros up to the end of `patch`.
#[inline(always)]
pub fn widen(patch: &mut [i16], x: &[i8], zero: i16) {
    for (to, x) in patch.iter_mut().zip(x) {
        *to = i16::from(*x) - zero;
    }
}
