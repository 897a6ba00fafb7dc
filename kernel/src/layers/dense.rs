//! Fully connected layer.

use super::conv::Conv;
use super::linear::{Forward, Layout, Linear, Rows, Sinks, Source, Strip};
use crate::lanes::{self, FAST, Lanes, Part, ROOMY, View};
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
}

/// Sums of `N` blocks of outputs: the accumulators of one block alone would wait for each other. Zeros, where there are not
/// as many weights.
#[inline(always)]
pub fn sums<const N: usize>(view: View, x: &[f32], w: &[Lanes]) -> [Lanes; N] {
    let mut acc = [[0.0; BLOCK]; N];
    let mut rows: [&[Lanes]; N] = [&[]; N];
    for (row, w) in rows.iter_mut().zip(w.chunks_exact(x.len().max(1))) {
        *row = w;
    }
    if rows.iter().any(|row| row.len() != x.len()) {
        return acc;
    }
    if !view.is_all() {
        for (acc, row) in acc.iter_mut().zip(rows) {
            lanes::accumulate(view, [x], [row; 2], core::array::from_mut(acc));
        }
        return acc;
    }
    for (i, x) in x.iter().enumerate() {
        for (acc, row) in acc.iter_mut().zip(rows) {
            if let Some(w) = row.get(i) {
                lanes::multiply_add(acc, |_| *x, w, |w| w);
            }
        }
    }
    acc
}

impl Dense<'_> {
    /// [`Linear::apply`] for one view of the weights.
    fn sums(&self, view: View, x: &Source<'_>, z: &mut [f32]) {
        let x = x.get(0, 0, self.inputs, 0, self.inputs);
        let several = z.chunks_mut(BLOCKS * BLOCK).zip(self.weights.chunks((BLOCKS * self.inputs).max(1)));
        let put = |z: &mut [f32], sums: &[Lanes]| {
            for (z, sum) in z.iter_mut().zip(sums.as_flattened()) {
                *z = *sum;
            }
        };
        for (z, w) in several {
            match quotient(w.len(), self.inputs) {
                4 if FAST => put(z, &sums::<4>(view, x, w)),
                3 if ROOMY => put(z, &sums::<3>(view, x, w)),
                2 if ROOMY => put(z, &sums::<2>(view, x, w)),
                _ => {
                    for (z, w) in z.chunks_mut(BLOCK).zip(w.chunks_exact(self.inputs.max(1))) {
                        put(z, &sums::<1>(view, x, w));
                    }
                }
            }
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

    fn plain(&self, x: &Source<'_>, _: usize, z: &mut [f32], _: Layout) {
        self.sums(View::ALL, x, z);
    }
}

impl Linear for Dense<'_> {
    fn apply(&self, part: Part, x: &Source<'_>, _: usize, z: &mut [f32], _: Layout, _: &mut [Lanes]) {
        self.sums(View::of(part, x.non_negative), x, z);
    }

    /// As a convolution over one pixel, for its weights lie the same way.
    fn distribute(&self, part: Part, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>, room: &mut [Lanes]) {
        // Most outputs of a classifier receive nothing.
        let blocks: &[Lanes] = s.row(0).as_chunks().0;
        let heard = |s: &Lanes| s.iter().any(|s| *s != 0.0);
        let (Some(first), Some(last)) = (blocks.iter().position(heard), blocks.iter().rposition(heard)) else { return };
        let rows = blocks.get(first..=last).unwrap_or(&[]).as_flattened();
        let w = self.weights.get(first * self.inputs..(last + 1) * self.inputs).unwrap_or(&[]);
        let strip = Strip { rows, len: rows.len(), newest: 0, slot: 0, kept: 1 };
        Conv::point(w, self.inputs, rows.len()).distribute(part, x, &strip, r, room);
    }

    fn fan_in(&self, _: usize, _: usize) -> usize {
        self.inputs
    }
}
