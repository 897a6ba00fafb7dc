//! What is explained: which output, and how relevance starts there.

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
pub fn arg_max(values: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (i, v) in values.iter().enumerate() {
        if best.is_none_or(|(_, b)| *v > b) {
            best = Some((i, *v));
        }
    }
    best.map(|(i, _)| i)
}
