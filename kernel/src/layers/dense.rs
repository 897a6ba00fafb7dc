//! Fully connected layer.

use super::linear::{Forward, Layout, Linear, Rows, Sinks, Source, Strip, TOGETHER, all_zero, settle, weigh};
use crate::lanes::{All, FAST, Lanes, Part, Term, with_term};
use crate::model::Model;
use crate::model::format::BLOCK;
use crate::step::{Shape, Step, quotient};

/// Blocks of outputs per pass over the inputs.
const BLOCKS: usize = if FAST { 4 } else { 1 };

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
    fn blocks<P: Term, const N: usize>(&self, part: P, x: &[f32], w: &[Lanes], z: &mut [f32]) {
        let mut acc = [[0.0; BLOCK]; N];
        let mut rows: [&[Lanes]; N] = [&[]; N];
        for (row, w) in rows.iter_mut().zip(w.chunks_exact(self.inputs.max(1))) {
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

    /// The shares of `N` inputs, whose weights come first in `w`.
    #[inline(always)]
    fn give<P: Term, const N: usize>(&self, part: P, x: &[f32; N], w: &[Lanes], s: &[Lanes], r: &mut [f32; N]) {
        if !all_zero(x) {
            let mut acc = [[0.0; BLOCK]; N];
            weigh(part, x, w, self.inputs, s, &mut acc);
            settle(part, x, acc, r);
        }
    }
}

impl Dense<'_> {
    /// [`Linear::apply`] for one term.
    fn sums<P: Term>(&self, part: P, x: &Source<'_>, _: usize, z: &mut [f32], _: Layout) {
        let x = x.get(0, 0, self.inputs, 0, self.inputs);
        let several = z.chunks_mut(BLOCKS * BLOCK).zip(self.weights.chunks((BLOCKS * self.inputs).max(1)));
        for (z, w) in several {
            match quotient(w.len(), self.inputs) {
                4 if FAST => self.blocks::<P, 4>(part, x, w, z),
                3 if FAST => self.blocks::<P, 3>(part, x, w, z),
                2 if FAST => self.blocks::<P, 2>(part, x, w, z),
                _ => self.blocks::<P, 1>(part, x, w, z),
            }
        }
    }

    /// [`Linear::distribute`] for one term.
    fn hand_out<P: Term>(&self, part: P, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>) {
        // Most outputs of a classifier receive nothing.
        let s = s.row(0).as_chunks().0;
        let heard = |s: &Lanes| s.iter().any(|s| *s != 0.0);
        let (Some(first), Some(last)) = (s.iter().position(heard), s.iter().rposition(heard)) else { return };
        let s = s.get(first..=last).unwrap_or(&[]);
        let w = self.weights.get(first * self.inputs..).unwrap_or(&[]);
        let x = x.get(0, 0, self.inputs, 0, self.inputs);
        let (x_chunks, x_rest) = x.as_chunks::<TOGETHER>();
        let (r_chunks, r_rest) = r[0].as_chunks_mut::<TOGETHER>();
        for (i, (x, r)) in x_chunks.iter().zip(r_chunks).enumerate() {
            self.give(part, x, w.get(i * TOGETHER..).unwrap_or(&[]), s, r);
        }
        let done = x_chunks.len() * TOGETHER;
        for (i, (x, r)) in x_rest.iter().zip(r_rest).enumerate() {
            let mut one = [*r];
            self.give(part, &[*x], w.get(done + i..).unwrap_or(&[]), s, &mut one);
            [*r] = one;
        }
    }
}

impl Forward for Dense<'_> {
    fn rows(&self) -> Rows {
        Rows::blocked(self.output, 1)
    }

    fn bias(&self) -> &[f32] {
        self.bias
    }

    fn plain(&self, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout) {
        self.sums(All, x, row, z, layout);
    }
}

impl Linear for Dense<'_> {
    fn apply(&self, part: Part, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout) {
        with_term!(part, x.non_negative, |term| self.sums(term, x, row, z, layout));
    }

    fn distribute(&self, part: Part, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>) {
        with_term!(part, x.non_negative, |term| self.hand_out(term, x, s, r));
    }

    fn fan_in(&self, _: usize, _: usize) -> usize {
        self.inputs
    }
}
