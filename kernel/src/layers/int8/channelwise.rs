//! Windows that do not mix channels, over int8: depthwise convolution and average pooling.

use super::Output;
use crate::fixed;
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::model::format::step::FLAG_COUNT_PAD;
use crate::step::{Axis, Op, Shape, Step, rounded_up};

/// Channels side by side.
const LANES: usize = BLOCK_INT8;

/// A window over each channel by itself; depthwise weights lie as `[kernel row][kernel column][channel]`, those of a
/// mean are one.
pub struct Channelwise<'a> {
    /// Weights; `None` of a mean.
    pub weights: Option<&'a [i8]>,
    /// Bias per channel.
    pub bias: &'a [i32],
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the output.
    pub output: Shape,
    /// Vertical geometry.
    pub vertical: Axis,
    /// Horizontal geometry.
    pub horizontal: Axis,
    count_pad: bool,
}

impl<'a> Channelwise<'a> {
    /// The layer that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let input = model.tensor(model.operand(step, 0)).shape;
        let output = model.tensor(step.output).shape;
        let [vertical, horizontal] = step.axes(input, output);
        let weights = (step.op == Op::Depthwise).then(|| model.bytes(step.params[0]));
        let count_pad = step.flags & FLAG_COUNT_PAD != 0;
        Self { weights, bias: model.words(step.params[1]), input, output, vertical, horizontal, count_pad }
    }

    /// Calls `f(input pixel, tap)` for every input pixel that an output pixel reads.
    #[inline(always)]
    pub fn each_tap(&self, row: usize, column: usize, mut f: impl FnMut(usize, usize)) {
        let (y, x) = (self.vertical.taps(row), self.horizontal.taps(column));
        for ky in y.0..y.1 {
            let line = row * self.vertical.stride + ky * self.vertical.dilation - self.vertical.before;
            for kx in x.0..x.1 {
                let place = column * self.horizontal.stride + kx * self.horizontal.dilation - self.horizontal.before;
                f(line * self.input.width + place, ky * self.horizontal.kernel + kx);
            }
        }
    }

    /// How many inputs an output pixel reads.
    pub fn fan_in(&self, row: usize, column: usize) -> usize {
        let (y, x) = (self.vertical.taps(row), self.horizontal.taps(column));
        (y.1 - y.0) * (x.1 - x.0)
    }

    /// What a mean divides by.
    pub fn count(&self, row: usize, column: usize) -> usize {
        let counted = |axis: &Axis, o: usize| {
            let end = axis.input + axis.before + axis.after;
            rounded_up(end.saturating_sub(o * axis.stride), axis.dilation).min(axis.kernel)
        };
        let count = if self.count_pad {
            counted(&self.vertical, row) * counted(&self.horizontal, column)
        } else {
            self.fan_in(row, column)
        };
        count.max(1)
    }

    /// The weights of one tap from a channel on.
    #[inline(always)]
    pub fn weights_of(&self, tap: usize, channel: usize) -> &'a [i8] {
        let at = tap * self.input.channels + channel;
        self.weights.unwrap_or(&[]).get(at..).unwrap_or(&[])
    }

    /// `y = conv x`, channel by channel.
    pub fn forward(&self, x: &[i8], zero: i32, y: &mut [i8], out: &Output<'_>) {
        let channels = self.input.channels;
        for row in 0..self.output.height {
            for column in 0..self.output.width {
                let at = (row * self.output.width + column) * channels;
                let counts = [self.fan_in(row, column), self.count(row, column)].map(|count| count as i32);
                let y = y.get_mut(at..at + channels).unwrap_or(&mut []);
                for (block, y) in y.chunks_mut(LANES).enumerate() {
                    let first = block * LANES;
                    let sums = self.sums(x, zero, row, column, first, y.len());
                    for (k, (y, sum)) in y.iter_mut().zip(sums).enumerate() {
                        *y = self.finished(sum, zero, counts, first + k, out);
                    }
                }
            }
        }
    }

    /// Sums of `x·w`, or of plain `q` for a mean, for some channels of one output.
    #[inline(always)]
    fn sums(&self, x: &[i8], zero: i32, row: usize, column: usize, first: usize, len: usize) -> [i32; LANES] {
        let mut sums = [0; LANES];
        self.each_tap(row, column, |pixel, tap| {
            let at = pixel * self.input.channels + first;
            let x = x.get(at..at + len).unwrap_or(&[]);
            match self.weights {
                Some(_) => add_products(&mut sums, x, zero as i16, self.weights_of(tap, first)),
                None => sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += i32::from(*x)),
            }
        });
        sums
    }

    fn finished(&self, sum: i32, zero: i32, [inputs, count]: [i32; 2], channel: usize, out: &Output<'_>) -> i8 {
        if self.weights.is_some() {
            return out.of(sum + self.bias.get(channel).copied().unwrap_or(0), channel);
        }
        // What a mean over axes divides by is part of its factor; pooling does not rescale, and divides.
        if out.rescales() {
            return out.of(sum - inputs * zero, 0);
        }
        out.clamped(fixed::mean(sum + (count - inputs) * zero, count) - zero)
    }
}

#[inline(always)]
fn add_products(sums: &mut [i32; LANES], x: &[i8], zero: i16, w: &[i8]) {
    if let (Some(x), Some(w)) = (x.first_chunk::<LANES>(), w.first_chunk::<LANES>()) {
        for i in 0..LANES {
            sums[i] += i32::from(i16::from(x[i]) - zero) * i32::from(w[i]);
        }
        return;
    }
    for ((sum, x), w) in sums.iter_mut().zip(x).zip(w) {
        *sum += i32::from(i16::from(*x) - zero) * i32::from(*w);
    }
}
