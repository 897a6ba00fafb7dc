//! The inner loops over 8-bit weights. Sums of integers do not depend on their order, so these may be arranged as
//! every target likes best.

#[cfg(any(test, not(any(target_pointer_width = "64", target_feature = "simd128"))))]
mod scalars;
#[cfg(any(test, target_pointer_width = "64", target_feature = "simd128"))]
mod vectors;

#[cfg(not(any(target_pointer_width = "64", target_feature = "simd128")))]
pub use scalars::{CHANNELS, dot, read, sums};
#[cfg(any(target_pointer_width = "64", target_feature = "simd128"))]
pub use vectors::{CHANNELS, dot, read, sums};

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
        let raw = first_of::<_, L>(w);
        match self {
            Self::Within(low, high) => raw.map(|w| i16::from(w).max(low).min(high)),
            Self::Squared => raw.map(|w| i16::from(w) * i16::from(w)),
            Self::One => [1; L],
        }
    }
}

/// The first of some values; zeros beyond the end.
#[inline(always)]
pub fn first_of<T: Copy + Default, const L: usize>(values: &[T]) -> [T; L] {
    values.first_chunk().copied().unwrap_or_else(|| {
        let mut first = [T::default(); L];
        first.iter_mut().zip(values).for_each(|(to, value)| *to = *value);
        first
    })
}

/// What an input and a weight add to a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// `x·f(w)`.
    By(Weight),
    /// `max(x·w, 0)`.
    Positive,
}

impl Term {
    /// `x·w`.
    pub const PRODUCT: Self = Self::By(Weight::ALL);
}

/// The same weights for all that are worked on together, where the last have no neighbours.
#[inline(always)]
pub fn together<'w>(count: usize, mut w: impl FnMut(usize) -> &'w [i8]) -> [&'w [i8]; CHANNELS] {
    core::array::from_fn(|k| w(k.min(count.max(1) - 1)))
}

/// `x − zero` of inputs, and zeros up to the end of `patch`.
#[inline(always)]
pub fn widen(patch: &mut [i16], x: &[i8], zero: i16) {
    for (to, x) in patch.iter_mut().zip(x) {
        *to = i16::from(*x) - zero;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two patches, their length in memory, and weights of two channels.
    fn operands() -> impl Strategy<Value = (Vec<i16>, usize, [Vec<i8>; 2], usize)> {
        (1_usize..70).prop_flat_map(|len| {
            let apart = len.next_multiple_of(crate::model::format::BLOCK_INT8);
            let weights = || prop::collection::vec(any::<i8>(), len);
            (prop::collection::vec(-255_i16..=255, 2 * len), Just(apart), [weights(), weights()], Just(len)).prop_map(
                |(x, apart, w, len)| {
                    // Zeros behind both, as in a patch and in an image.
                    let mut patches = vec![0; 2 * apart];
                    for p in 0..2 {
                        patches[p * apart..p * apart + len].copy_from_slice(&x[p * len..(p + 1) * len]);
                    }
                    let padded = w.map(|mut w| {
                        w.resize(apart, 0);
                        w
                    });
                    (patches, apart, padded, len)
                },
            )
        })
    }

    fn naive(x: &[i16], w: &[i8], term: Term) -> i32 {
        let one = |(x, w): (&i16, &i8)| {
            let (x, w) = (i32::from(*x), i32::from(*w));
            match term {
                Term::Positive => (x * w).max(0),
                Term::By(Weight::Squared) => x * w * w,
                Term::By(Weight::One) => x,
                Term::By(Weight::Within(low, high)) => x * w.clamp(i32::from(low), i32::from(high)),
            }
        };
        x.iter().zip(w).map(one).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn loops_agree_with_naive_ones((x, apart, w, len) in operands()) {
            let terms = [
                Term::PRODUCT,
                Term::Positive,
                Term::By(Weight::POSITIVE),
                Term::By(Weight::NEGATIVE),
                Term::By(Weight::Squared),
                Term::By(Weight::One),
            ];
            for term in terms {
                let expected = |k: usize| [0, 1].map(|p| naive(&x[p * apart..p * apart + len], &w[k], term));
                let two = w.each_ref().map(|w| &w[..scalars::read(len)]);
                prop_assert_eq!(scalars::sums::<2>(&x, apart, two, term), [expected(0), expected(1)]);
                prop_assert_eq!(scalars::sums::<1>(&x, apart, two, term), [[expected(0)[0]], [expected(1)[0]]]);
                let [by_vectors] = vectors::sums::<2>(&x, apart, [&w[0][..vectors::read(len)]], term);
                prop_assert_eq!(by_vectors, expected(0));
            }
            let expected = naive(&x, &w[0], Term::PRODUCT);
            prop_assert_eq!(scalars::dot(&x[..len], &w[0][..len]), expected);
            prop_assert_eq!(vectors::dot(&x[..vectors::read(len)], &w[0][..vectors::read(len)]), expected);
        }
    }
}
