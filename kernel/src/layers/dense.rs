//! Fully connected layer.

use super::linear::{Layout, Linear, Rows, Shares, Sinks, Source};
use crate::lanes::{Lanes, Part};
use crate::model::Model;
use crate::model::format::BLOCK;
use crate::step::{Shape, Step};

/// Blocks of outputs per pass over the inputs.
const TOGETHER: usize = 4;

/// A dense layer; weights lie as `[block of 8 outputs][input][8]`.
pub struct Dense<'a> {
    weights: &'a [Lanes],
    bias: &'a [f32],
    inputs: usize,
    output: Shape,
}

impl<'a> Dense<'a> {
    /// The layer that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        Self {
            weights: model.floats(step.params[0]).as_chunks().0,
            bias: model.floats(step.params[1]),
            inputs: model.tensor(model.operand(step, 0)).shape.elements(),
            output: model.tensor(step.output).shape,
        }
    }

    /// Sums of `N` blocks: the accumulators of one block alone would wait for each other.
    #[inline(always)]
    fn blocks<P: Part, const N: usize>(&self, part: P, x: &[f32], w: &[Lanes], z: &mut [f32]) {
        let mut acc = [[0.0; BLOCK]; N];
        let mut rows: [&[Lanes]; N] = [&[]; N];
        for (row, w) in rows.iter_mut().zip(w.chunks_exact(self.inputs)) {
            *row = w.get(..x.len()).unwrap_or(&[]);
        }
        if rows.iter().any(|row| row.len() != x.len()) {
            return;
        }
        for (i, x) in x.iter().enumerate() {
            for (acc, row) in acc.iter_mut().zip(rows) {
                if let Some(w) = row.get(i) {
                    for (lane, w) in acc.iter_mut().zip(w) {
                        *lane += part.term(*x, *w);
                    }
                }
            }
        }
        for (z, sum) in z.iter_mut().zip(acc.as_flattened()) {
            *z = *sum;
        }
    }
}

impl Linear for Dense<'_> {
    fn rows(&self) -> Rows {
        Rows::blocked(self.output, 1)
    }

    fn bias(&self) -> &[f32] {
        self.bias
    }

    fn apply<P: Part>(&self, part: P, x: &Source<'_>, _: usize, z: &mut [f32], _: Layout) {
        let x = x.get(0, 0, self.inputs, 0, self.inputs);
        let several = z.chunks_mut(TOGETHER * BLOCK).zip(self.weights.chunks(TOGETHER * self.inputs));
        for (z, w) in several {
            match w.len() / self.inputs {
                4 => self.blocks::<P, 4>(part, x, w, z),
                3 => self.blocks::<P, 3>(part, x, w, z),
                2 => self.blocks::<P, 2>(part, x, w, z),
                _ => self.blocks::<P, 1>(part, x, w, z),
            }
        }
    }

    fn distribute<P: Part>(&self, part: P, x: &Source<'_>, _: usize, s: &[f32], r: &mut Sinks<'_>) {
        let values = x.get(0, 0, self.inputs, 0, self.inputs);
        if let Some(shares) = Shares::new(self.weights, self.inputs, s.as_chunks().0) {
            shares.add(part, values, 0, r[0]);
        }
    }

    fn fan_in(&self, _: usize, _: usize) -> usize {
        self.inputs
    }
}
