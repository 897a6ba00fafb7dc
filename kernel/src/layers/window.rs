//! Windows that do not mix channels: depthwise convolution and average pooling.

use super::linear::{Forward, Layout, Linear, Rows, Sinks, Source, Strip};
use crate::lanes::{self, All, Part, Term, with_term};
use crate::model::Model;
use crate::model::format::{BLOCK, step::FLAG_COUNT_PAD};
use crate::step::{Axis, Op, Shape, Step, rounded_up};

/// A window over each channel by itself.
pub struct Window<'a> {
    kernel: Kernel<'a>,
    bias: &'a [f32],
    input: Shape,
    output: Shape,
    vertical: Axis,
    horizontal: Axis,
}

/// The weights of a window.
#[derive(Clone, Copy)]
enum Kernel<'a> {
    /// `[kernel row][kernel column][channel]`.
    Depthwise(&'a [f32]),
    /// One over the number of inputs, or of taps.
    Mean {
        /// Padding counts.
        count_pad: bool,
    },
}

impl<'a> Window<'a> {
    /// The window that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let input = model.tensor(model.operand(step, 0)).shape;
        let output = model.tensor(step.output).shape;
        let [vertical, horizontal] = step.axes(input, output);
        let (kernel, bias) = match step.op {
            Op::Depthwise => (Kernel::Depthwise(model.floats(step.params[0])), model.floats(step.params[1])),
            _ => (Kernel::Mean { count_pad: step.flags & FLAG_COUNT_PAD != 0 }, &[][..]),
        };
        Self { kernel, bias, input, output, vertical, horizontal }
    }

    /// Calls `f(input pixel, tap)` for every input pixel that an output pixel reads.
    #[inline(always)]
    fn each_tap(&self, row: usize, column: usize, mut f: impl FnMut(usize, usize)) {
        let (y, x) = (self.vertical.taps(row), self.horizontal.taps(column));
        for ky in y.0..y.1 {
            let line = row * self.vertical.stride + ky * self.vertical.dilation - self.vertical.before;
            for kx in x.0..x.1 {
                let place = column * self.horizontal.stride + kx * self.horizontal.dilation - self.horizontal.before;
                f(line * self.input.width + place, ky * self.horizontal.kernel + kx);
            }
        }
    }

    /// The weight of a mean over one output's window.
    fn mean(&self, row: usize, column: usize, count_pad: bool) -> f32 {
        let taps = if count_pad {
            counted(&self.vertical, row) * counted(&self.horizontal, column)
        } else {
            self.fan_in(row, column)
        };
        1.0 / taps.max(1) as f32
    }

    /// Weights of channels `at..at + BLOCK` for one tap.
    #[inline(always)]
    fn weights(&self, mean: f32, tap: usize, at: usize) -> lanes::Lanes {
        match self.kernel {
            Kernel::Depthwise(w) => {
                let channels = self.input.channels;
                lanes::load_at(w, tap * channels + at, channels - at)
            }
            Kernel::Mean { .. } => [mean; BLOCK],
        }
    }

    fn uniform(&self, row: usize, column: usize) -> f32 {
        match self.kernel {
            Kernel::Mean { count_pad } => self.mean(row, column, count_pad),
            Kernel::Depthwise(_) => 0.0,
        }
    }
}

/// Taps of a window that count when padding does: those up to the end of the padding.
fn counted(axis: &Axis, o: usize) -> usize {
    let end = axis.input + axis.before + axis.after;
    rounded_up(end.saturating_sub(o * axis.stride), axis.dilation).min(axis.kernel)
}

impl Window<'_> {
    /// [`Linear::apply`] for one term.
    fn sums<P: Term>(&self, part: P, x: &Source<'_>, row: usize, z: &mut [f32], _: Layout) {
        let channels = self.input.channels;
        for (column, z) in z.chunks_exact_mut(channels.max(1)).enumerate().take(self.output.width) {
            let mean = self.uniform(row, column);
            for (block, z) in z.chunks_mut(BLOCK).enumerate() {
                let at = block * BLOCK;
                let mut acc = [0.0; BLOCK];
                self.each_tap(row, column, |pixel, tap| {
                    let x = x.lanes(pixel, channels, at, z.len());
                    let w = self.weights(mean, tap, at);
                    for ((acc, x), w) in acc.iter_mut().zip(x).zip(w) {
                        *acc += part.term(x, w);
                    }
                });
                lanes::store(z, &acc);
            }
        }
    }

    /// [`Linear::distribute`] for one term.
    fn give<P: Term>(&self, part: P, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>) {
        let (row, s, channels) = (s.newest, s.row(s.newest), self.input.channels);
        let (first, last) = self.vertical.taps(row);
        for ky in first..last {
            let line = row * self.vertical.stride + ky * self.vertical.dilation - self.vertical.before;
            // Neighbours often meet the same output.
            let mut mean = (usize::MAX, 0.0);
            for column in 0..self.input.width {
                let columns = self.horizontal.meetings(column);
                let pixel = line * self.input.width + column;
                let r = r[0].get_mut(pixel * channels..(pixel + 1) * channels).unwrap_or(&mut []);
                for (block, r) in r.chunks_mut(BLOCK).enumerate() {
                    let at = block * BLOCK;
                    let x = x.lanes(pixel, channels, at, r.len());
                    let mut shares = lanes::load(r);
                    for k in 0..columns.count {
                        let (kx, column) = columns.nth(k);
                        if mean.0 != column {
                            mean = (column, self.uniform(row, column));
                        }
                        let s = lanes::load_at(s, column * channels + at, r.len());
                        let w = self.weights(mean.1, ky * self.horizontal.kernel + kx, at);
                        for lane in 0..BLOCK {
                            shares[lane] += part.term(x[lane], w[lane]) * s[lane];
                        }
                    }
                    lanes::store(r, &shares);
                }
            }
        }
    }
}

impl Forward for Window<'_> {
    fn rows(&self) -> Rows {
        Rows::plain(self.output)
    }

    fn bias(&self) -> &[f32] {
        self.bias
    }

    fn plain(&self, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout) {
        self.sums(All, x, row, z, layout);
    }
}

impl Linear for Window<'_> {
    fn apply(&self, part: Part, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout) {
        with_term!(part, x.non_negative, |term| self.sums(term, x, row, z, layout));
    }

    fn distribute(&self, part: Part, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>) {
        with_term!(part, x.non_negative, |term| self.give(term, x, s, r));
    }

    fn fan_in(&self, row: usize, pixel: usize) -> usize {
        let (y, x) = (self.vertical.taps(row), self.horizontal.taps(pixel));
        (y.1 - y.0) * (x.1 - x.0)
    }
}
