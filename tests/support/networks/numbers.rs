//! Weights and inputs from a seed.

use proptest::prelude::*;

/// What kind of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Any between −2 and 2.
    Smooth,
    /// Multiples of 1/16 between −2 and 2, whose sums of products float32 adds without rounding, so that sums of
    /// exactly zero occur, and mean the same to everyone.
    Grid,
}

/// A seeded generator (`SplitMix64`, Steele et al. 2014).
#[derive(Clone, Copy, Debug)]
pub struct Numbers {
    state: u64,
    /// What kind it makes.
    pub style: Style,
}

/// Seeds of either style.
pub fn numbers() -> impl Strategy<Value = Numbers> {
    (any::<u64>(), any::<bool>())
        .prop_map(|(seed, grid)| Numbers::new(seed, if grid { Style::Grid } else { Style::Smooth }))
}

impl Numbers {
    /// A generator.
    pub const fn new(seed: u64, style: Style) -> Self {
        Self { state: seed, style }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 32) as usize % limit.max(1)
    }

    /// A number between −2 and 2.
    pub fn one(&mut self) -> f32 {
        match self.style {
            Style::Smooth => (self.next() >> 40) as f32 / (1 << 22) as f32 - 2.0,
            Style::Grid => (self.below(65) as f32 - 32.0) / 16.0,
        }
    }

    /// `n` numbers.
    pub fn list(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.one()).collect()
    }

    /// `n` numbers of which some are exactly zero, as activations are.
    pub fn sparse(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| if self.below(6) == 0 { 0.0 } else { self.one() }).collect()
    }

    /// A bias: one number per output, or zeros, or none at all.
    pub fn bias(&mut self, n: usize) -> Vec<f32> {
        match self.below(4) {
            0 => Vec::new(),
            1 => vec![0.0; n],
            _ => self.list(n),
        }
    }
}
