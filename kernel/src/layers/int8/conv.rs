//! Convolution, grouped or not, and transposed convolution, over int8.
//!
//! The inputs of one output are gathered into a patch of 16-bit values, zeros where they fall on padding; every
//! output channel is one product of that patch with its weights, which lie as
//! `[output][kernel row][kernel column][input channel of the group]`.

use super::Output;
use crate::lanes::FAST;
use crate::lanes8;
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::step::{Axis, Shape, Step, quotient};

/// Output pixels per pass over the weights.
pub const PIXELS: usize = 2;

/// Inputs of one output.
pub const fn patch_len(step: &Step, input: Shape) -> usize {
    step.kernel[0] as usize * step.kernel[1] as usize * quotient(input.channels, step.groups)
}

/// A convolution.
pub struct Conv<'a> {
    /// Weights.
    pub weights: &'a [i8],
    /// Bias per output channel.
    pub bias: &'a [i32],
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the output.
    pub output: Shape,
    /// Vertical geometry.
    pub vertical: Axis,
    /// Horizontal geometry.
    pub horizontal: Axis,
    /// Groups.
    pub groups: usize,
}

impl<'a> Conv<'a> {
    /// The convolution that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let input = model.tensor(model.operand(step, 0)).shape;
        let output = model.tensor(step.output).shape;
        let [vertical, horizontal] = step.axes(input, output);
        let (weights, bias) = (model.bytes(step.params[0]), model.words(step.params[1]));
        Self { weights, bias, input, output, vertical, horizontal, groups: step.groups }
    }

    /// Input channels of a group.
    pub fn fan(&self) -> usize {
        quotient(self.input.channels, self.groups)
    }

    /// Output channels of a group.
    pub fn per_group(&self) -> usize {
        quotient(self.output.channels, self.groups)
    }

    /// Inputs of one output.
    pub fn patch(&self) -> usize {
        self.vertical.kernel * self.horizontal.kernel * self.fan()
    }

    /// Weights of one output channel and, behind them, enough to fill the last pass.
    pub fn weights_of(&self, channel: usize) -> &'a [i8] {
        let len = self.patch();
        self.weights.get(channel * len..channel * len + len.next_multiple_of(BLOCK_INT8)).unwrap_or(&[])
    }

    /// Gathers the inputs of one output for a group; `f(input element)` is each one's value.
    #[inline(always)]
    pub fn gather(&self, row: usize, column: usize, group: usize, patch: &mut [i16], f: impl Fn(usize, &mut [i16])) {
        let fan = self.fan();
        patch.fill(0);
        for ky in 0..self.vertical.kernel {
            let Some(y) = self.vertical.input_of(row, ky) else { continue };
            if !self.horizontal.transposed && self.horizontal.dilation == 1 && self.groups == 1 {
                // Taps side by side read inputs side by side.
                let (first, last) = self.horizontal.taps(column);
                if first >= last {
                    // It lies on padding as a whole.
                    continue;
                }
                let x = column * self.horizontal.stride + first - self.horizontal.before;
                let at = (ky * self.horizontal.kernel + first) * fan;
                if let Some(run) = patch.get_mut(at..at + (last - first) * fan) {
                    f((y * self.input.width + x) * fan, run);
                }
                continue;
            }
            for kx in 0..self.horizontal.kernel {
                let Some(x) = self.horizontal.input_of(column, kx) else { continue };
                let at = (ky * self.horizontal.kernel + kx) * fan;
                if let Some(run) = patch.get_mut(at..at + fan) {
                    f((y * self.input.width + x) * self.input.channels + group * fan, run);
                }
            }
        }
    }

    /// `y = conv x`.
    pub fn forward(&self, x: &[i8], zero: i32, y: &mut [i8], out: &Output<'_>, scratch: &mut [i16]) {
        let zero = zero as i16;
        let len = self.patch().next_multiple_of(BLOCK_INT8);
        let fill = |at: usize, run: &mut [i16]| lanes8::widen(run, x.get(at..).unwrap_or(&[]), zero);
        for row in 0..self.output.height {
            for group in 0..self.groups {
                let mut column = 0;
                while column < self.output.width {
                    let at = (row * self.output.width + column) * self.output.channels;
                    let y = y.get_mut(at..).unwrap_or(&mut []);
                    let together = if FAST && column + PIXELS <= self.output.width { PIXELS } else { 1 };
                    for (p, patch) in scratch.chunks_exact_mut(len.max(1)).enumerate().take(together) {
                        self.gather(row, column + p, group, patch, fill);
                    }
                    if together == PIXELS {
                        self.pixels::<PIXELS>(scratch, len, group, y, out);
                    } else {
                        self.pixels::<1>(scratch, len, group, y, out);
                    }
                    column += together;
                }
            }
        }
    }

    /// All channels of a group for `N` output pixels side by side.
    #[inline(always)]
    fn pixels<const N: usize>(&self, patches: &[i16], len: usize, group: usize, y: &mut [i8], out: &Output<'_>) {
        for channel in group * self.per_group()..(group + 1) * self.per_group() {
            let mut sums = [self.bias.get(channel).copied().unwrap_or(0); N];
            lanes8::dots(patches, len, self.weights_of(channel), &mut sums);
            let rescale = out.rescale(channel);
            for (p, sum) in sums.into_iter().enumerate() {
                if let Some(y) = y.get_mut(p * self.output.channels + channel) {
                    *y = out.clamped(rescale.apply(sum));
                }
            }
        }
    }
}
