//! What is explained: which output, and how relevance starts there.

use crate::number::bits_of;

/// How relevance starts at an output. `f` is the output before any softmax.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seed<'a> {
    /// The largest element, with its value: `R = f_top`.
    Top,
    /// One element, with its value: `R_k = f_k`.
    Class(usize),
    /// One element, with one: `R_k = 1`.
    OneHot(usize),
    /// All elements, with their values.
    All,
    /// Why `k` and not `l`: `R_k = f_k`, `R_l = −f_l`.
    Contrast(usize, usize),
    /// The caller's own relevance, one per element of the output in the kernel's order.
    Values(&'a [f32]),
}

/// A seed at one of the model's outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target<'a> {
    /// Which output.
    pub output: usize,
    /// How relevance starts there.
    pub seed: Seed<'a>,
}

impl Target<'_> {
    /// The class with the largest score.
    pub const TOP: Target<'static> = Target { output: 0, seed: Seed::Top };

    /// One class, with its score.
    pub const fn class(k: usize) -> Self {
        Self { output: 0, seed: Seed::Class(k) }
    }

    /// One class, with one.
    pub const fn one_hot(k: usize) -> Self {
        Self { output: 0, seed: Seed::OneHot(k) }
    }

    /// Why `k` and not `l`.
    pub const fn contrast(k: usize, l: usize) -> Self {
        Self { output: 0, seed: Seed::Contrast(k, l) }
    }

    /// The same at another output.
    #[must_use]
    pub const fn at_output(self, output: usize) -> Self {
        Self { output, ..self }
    }
}

/// Index of the largest element, the first of equals.
///
/// Without a float operation: sessions of integers come here, too, as far as the compiler can tell.
pub fn arg_max(values: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, i32)> = None;
    for (i, v) in values.iter().enumerate() {
        best = match (best, rank(*v)) {
            // Nothing is larger than what is no number.
            (None, rank) => Some((i, rank.unwrap_or(i32::MAX))),
            (Some((_, largest)), Some(rank)) if rank > largest => Some((i, rank)),
            _ => best,
        };
    }
    best.map(|(i, _)| i)
}

/// An integer that is in the order of the numbers, both zeros being one; `None` for what is no number.
fn rank(value: f32) -> Option<i32> {
    const INFINITY: i32 = 0x7f80_0000;
    let bits = bits_of(value);
    let magnitude = (bits & 0x7fff_ffff) as i32;
    let signed = if bits >> 31 == 1 { -magnitude } else { magnitude };
    (magnitude <= INFINITY).then_some(signed)
}

#[cfg(test)]
mod tests {
    use super::arg_max;
    use proptest::prelude::*;

    /// By comparing floats.
    fn oracle(values: &[f32]) -> Option<usize> {
        (0..values.len()).reduce(|best, i| if values[i] > values[best] { i } else { best })
    }

    proptest! {
        #[test]
        fn the_largest_is_found_without_floats(
            values in prop::collection::vec(
                prop_oneof![any::<f32>(), Just(0.0), Just(-0.0), Just(f32::NAN), Just(f32::INFINITY), -2.0_f32..2.0],
                0..6,
            )
        ) {
            prop_assert_eq!(arg_max(&values), oracle(&values));
        }
    }
}
