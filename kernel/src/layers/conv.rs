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
    fn merges(&self) -> bool {
        self.horizontal.dilation == 1 && !self.horizontal.transposed && self.groups == 1
    }

    /// Calls `f` for every run of one output, in the order of the taps.
    #[inline(always)]
    fn each_run(&self, row: usize, column: usize, mut f: impl FnMut(Run)) {
        let (vertical, horizontal) = (&self.vertical, &self.horizontal);
        for ky in 0..vertical.kernel {
            let Some(y) = vertical.input_of(row, ky) else { continue };
            let weight = |kx: usize| (ky * horizontal.kernel + kx) * self.fan();
            if self.merges() {
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
        block: &Block<'_>,
        column: usize,
    ) -> [[f32; L]; N] {
        let (fan, channels) = (self.fan(), self.input.channels);
        let mut acc = [[0.0; L]; N];
        self.each_run(block.row, column, |run| {
            let len = run.taps * fan;
            let w = block.weights.get(run.weight..run.weight + len).unwrap_or(&[]);
            let inputs = core::array::from_fn(|p| {
                x.get(0, run.pixel + p * self.horizontal.stride, channels, block.group * fan, len)
            });
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
    fn block_row<P: Part, const L: usize>(&self, part: P, x: &Source<'_>, block: &Block<'_>, z: &mut [f32]) {
        let end = if self.horizontal.transposed { 0 } else { self.interior_end() };
        let mut column = 0;
        while column < self.output.width {
            let whole = column < end && column * self.horizontal.stride >= self.horizontal.before;
            column += match if whole { end - column } else { 1 } {
                many if many >= PIXELS => block.put(column, &self.pixels::<P, PIXELS, L>(part, x, block, column), z),
                3 => block.put(column, &self.pixels::<P, 3, L>(part, x, block, column), z),
                2 => block.put(column, &self.pixels::<P, 2, L>(part, x, block, column), z),
                _ => block.put(column, &self.pixels::<P, 1, L>(part, x, block, column), z),
            };
        }
    }
}

/// A block of output channels in one row, and where its sums go.
struct Block<'a> {
    weights: &'a [Lanes],
    group: usize,
    row: usize,
    /// First channel's place in an output pixel.
    first: usize,
    /// Elements from one output pixel to the next.
    pixel: usize,
    /// Channels that there are.
    channels: usize,
}

impl Block<'_> {
    /// Stores the sums of outputs side by side; returns how many.
    #[inline(always)]
    fn put<const L: usize>(&self, column: usize, sums: &[[f32; L]], z: &mut [f32]) -> usize {
        for (p, sums) in sums.iter().enumerate() {
            let z = z.get_mut((column + p) * self.pixel + self.first..).unwrap_or(&mut []);
            match z.first_chunk_mut() {
                Some(z) if self.channels >= L => *z = *sums,
                _ => z.iter_mut().zip(sums).take(self.channels).for_each(|(z, sum)| *z = *sum),
            }
        }
        sums.len()
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
        for (i, weights) in self.weights.chunks_exact(self.block_len()).enumerate() {
            let (group, index) = (i / self.blocks(), i % self.blocks());
            let channels = (in_group - index * BLOCK).min(BLOCK);
            let first = group * layout.group + index * BLOCK;
            let block = Block { weights, group, row, first, pixel: layout.pixel, channels };
            // Half a block is enough where the channels end.
            if channels > BLOCK / 2 {
                self.block_row::<P, BLOCK>(part, x, &block, z);
            } else {
                self.block_row::<P, { BLOCK / 2 }>(part, x, &block, z);
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
                self.each_run(row, column, |run| {
                    let len = run.taps * fan;
                    let x_run = x.get(0, run.pixel, channels, group * fan, len);
                    let start = run.pixel * channels + group * fan;
                    let r = r[0].get_mut(start..start + len).unwrap_or(&mut []);
                    shares.add(part, x_run, run.weight, r);
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
