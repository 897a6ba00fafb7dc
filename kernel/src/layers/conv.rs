//! Convolution, grouped or not, and transposed convolution: one file, because they differ only in which input an
//! output reads through which tap.

use super::linear::{Layout, Linear, Rows, Shares, Sinks, Source};
use crate::lanes::{self, Lanes, PIXELS, Part};
use crate::model::Model;
use crate::model::format::BLOCK;
use crate::step::{Axis, Shape, Step};

/// A convolution; weights lie as `[group][block of 8 outputs][kernel row][kernel column][input channel][8]`.
pub struct Conv<'a> {
    weights: &'a [Lanes],
    bias: &'a [f32],
    input: Shape,
    output: Shape,
    vertical: Axis,
    horizontal: Axis,
    groups: usize,
}

/// Inputs side by side that an output reads through taps side by side.
#[derive(Clone, Copy)]
struct Run {
    /// The first weight, inside a block.
    weight: usize,
    /// The first input pixel.
    pixel: usize,
    /// How many taps.
    taps: usize,
}

impl<'a> Conv<'a> {
    /// The convolution that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let input = model.tensor(model.operand(step, 0)).shape;
        let output = model.tensor(step.output).shape;
        let [vertical, horizontal] = step.axes(input, output);
        let weights = model.floats(step.params[0]).as_chunks().0;
        Self { weights, bias: model.floats(step.params[1]), input, output, vertical, horizontal, groups: step.groups }
    }

    /// Input channels of a group.
    fn fan(&self) -> usize {
        self.input.channels / self.groups
    }

    /// Blocks of output channels of a group.
    fn blocks(&self) -> usize {
        (self.output.channels / self.groups).div_ceil(BLOCK)
    }

    /// Weights of one block of output channels.
    fn block_len(&self) -> usize {
        self.vertical.kernel * self.horizontal.kernel * self.fan()
    }

    /// Whether taps side by side read inputs side by side: one long run per kernel row instead of many short ones.
    fn merges(&self, x: &Source<'_>) -> bool {
        let horizontal = &self.horizontal;
        horizontal.dilation == 1 && !horizontal.transposed && self.groups == 1 && !x.broadcast
    }

    /// Calls `f` for every run of one output, in the order of the taps.
    #[inline(always)]
    fn each_run(&self, merged: bool, row: usize, column: usize, mut f: impl FnMut(Run)) {
        let (vertical, horizontal) = (&self.vertical, &self.horizontal);
        for ky in 0..vertical.kernel {
            let Some(y) = vertical.input_of(row, ky) else { continue };
            let weight = |kx: usize| (ky * horizontal.kernel + kx) * self.fan();
            if merged {
                let (first, last) = horizontal.taps(column);
                let x = column * horizontal.stride + first - horizontal.before;
                f(Run { weight: weight(first), pixel: y * self.input.width + x, taps: last - first });
                continue;
            }
            for kx in 0..horizontal.kernel {
                if let Some(x) = horizontal.input_of(column, kx) {
                    f(Run { weight: weight(kx), pixel: y * self.input.width + x, taps: 1 });
                }
            }
        }
    }

    /// Sums of `N` outputs side by side, which must read the same taps, for the first `L` channels of a block.
    #[inline(always)]
    fn pixels<P: Part, const N: usize, const L: usize>(
        &self,
        part: P,
        x: &Source<'_>,
        w: &[Lanes],
        group: usize,
        row: usize,
        column: usize,
    ) -> [[f32; L]; N] {
        let (fan, channels) = (self.fan(), self.input.channels);
        let mut acc = [[0.0; L]; N];
        self.each_run(self.merges(x), row, column, |run| {
            let len = run.taps * fan;
            let w = w.get(run.weight..run.weight + len).unwrap_or(&[]);
            let inputs =
                core::array::from_fn(|p| x.get(0, run.pixel + p * self.horizontal.stride, channels, group * fan, len));
            lanes::accumulate(part, inputs, w, &mut acc);
        });
        acc
    }

    /// Where the outputs end that read every tap of a kernel row.
    fn interior_end(&self) -> usize {
        let axis = &self.horizontal;
        let reach = (axis.kernel - 1) * axis.dilation;
        let starts = (axis.input + axis.before).saturating_sub(reach);
        starts.div_ceil(axis.stride).min(axis.output)
    }

    /// The first `L` channels of a block, over one row.
    #[inline(always)]
    fn block_row<P: Part, const L: usize>(
        &self,
        part: P,
        x: &Source<'_>,
        w: &[Lanes],
        group: usize,
        row: usize,
        mut put: impl FnMut(usize, &[f32; L]),
    ) {
        let end = if self.horizontal.transposed { 0 } else { self.interior_end() };
        let mut put_all = |column: usize, sums: &[[f32; L]]| {
            for (p, sums) in sums.iter().enumerate() {
                put(column + p, sums);
            }
            sums.len()
        };
        let mut column = 0;
        while column < self.output.width {
            let whole = column < end && column * self.horizontal.stride >= self.horizontal.before;
            column += match if whole { end - column } else { 1 } {
                many if many >= PIXELS => put_all(column, &self.pixels::<P, PIXELS, L>(part, x, w, group, row, column)),
                3 => put_all(column, &self.pixels::<P, 3, L>(part, x, w, group, row, column)),
                2 => put_all(column, &self.pixels::<P, 2, L>(part, x, w, group, row, column)),
                _ => put_all(column, &self.pixels::<P, 1, L>(part, x, w, group, row, column)),
            };
        }
    }
}

impl Linear for Conv<'_> {
    fn rows(&self) -> Rows {
        Rows::blocked(self.output, self.groups)
    }

    fn bias(&self) -> &[f32] {
        self.bias
    }

    fn apply<P: Part>(&self, part: P, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout) {
        let in_group = self.output.channels / self.groups;
        for (i, w) in self.weights.chunks_exact(self.block_len()).enumerate() {
            let (group, block) = (i / self.blocks(), i % self.blocks());
            let first = group * layout.group + block * BLOCK;
            let channels = (in_group - block * BLOCK).min(BLOCK);
            let mut put = |column: usize, sums: &[f32]| {
                let z = z.get_mut(column * layout.pixel + first..).unwrap_or(&mut []);
                for (z, sum) in z.iter_mut().take(channels).zip(sums) {
                    *z = *sum;
                }
            };
            // Half a block is enough where the channels end.
            if channels > BLOCK / 2 {
                self.block_row::<P, BLOCK>(part, x, w, group, row, |column, sums| put(column, sums));
            } else {
                self.block_row::<P, { BLOCK / 2 }>(part, x, w, group, row, |column, sums| put(column, sums));
            }
        }
    }

    fn distribute<P: Part>(&self, part: P, x: &Source<'_>, row: usize, s: &[f32], r: &mut Sinks<'_>) {
        let (fan, channels, blocks) = (self.fan(), self.input.channels, self.blocks());
        let group_weights = self.weights.chunks_exact(blocks * self.block_len());
        for (group, w) in group_weights.enumerate() {
            for (column, s) in s.as_chunks().0.chunks_exact(self.groups * blocks).enumerate() {
                let s = s.get(group * blocks..(group + 1) * blocks).unwrap_or(&[]);
                let Some(shares) = Shares::new(w, self.block_len(), s) else { continue };
                self.each_run(self.merges(x), row, column, |run| {
                    let len = run.taps * fan;
                    let x_run = x.get(0, run.pixel, channels, group * fan, len);
                    let start = run.pixel * channels + group * fan;
                    let r = r[0].get_mut(start..start + len).unwrap_or(&mut []);
                    shares.add(part, x_run, x.non_negative, run.weight, r);
                });
            }
        }
    }

    fn fan_in(&self, row: usize, pixel: usize) -> usize {
        let rows = (0..self.vertical.kernel).filter(|k| self.vertical.input_of(row, *k).is_some());
        let columns = (0..self.horizontal.kernel).filter(|k| self.horizontal.input_of(pixel, *k).is_some());
        rows.count() * columns.count() * self.fan()
    }
}
