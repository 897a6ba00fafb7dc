//! Windows that do not mix channels, over int8: depthwise convolution and average pooling.

use super::Output;
use super::back::{Scaled, in_lanes, settle};
use super::recipe::{Hand, Sums};
use super::sink::Sink;
use super::way::{Inputs, Layer, Strips, WIDE};
use crate::fixed;
use crate::lanes8::Weight;
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::model::format::step::FLAG_COUNT_PAD;
use crate::number::{Number, Unit};
use crate::step::{Axis, Op, Shape, Step, quotient, remainder, rounded_up};
use core::ops::Range;

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

impl Channelwise<'_> {
    /// The sums of a row, `term(x, w)` being what one input adds.
    #[inline(always)]
    fn tap_sums(
        &self,
        x: &Inputs<'_>,
        row: usize,
        f: &mut dyn FnMut(usize, [i32; 2]),
        term: impl Fn(i32, i32) -> [i32; 2],
    ) {
        let channels = self.input.channels;
        for column in 0..self.output.width {
            for first in (0..channels).step_by(WIDE) {
                let mut sums = [[0; WIDE]; 2];
                self.each_tap(row, column, |pixel, tap| {
                    let x: [i16; WIDE] = x.load(pixel * channels + first);
                    let w = match self.weights {
                        Some(_) => Weight::ALL.load(self.weights_of(tap, first)),
                        None => [1; WIDE],
                    };
                    for i in 0..WIDE {
                        let [a, b] = term(i32::from(x[i]), i32::from(w[i]));
                        sums[0][i] += a;
                        sums[1][i] += b;
                    }
                });
                let [a, b] = sums;
                for (i, (a, b)) in a.into_iter().zip(b).enumerate().take(channels - first) {
                    f(column * channels + first + i, [a, b]);
                }
            }
        }
    }

    /// The sums of z^B.
    fn box_sums<N: Number>(&self, x: &Inputs<'_>, row: usize, f: &mut dyn FnMut(usize, [i32; 2])) {
        let channels = self.input.channels;
        for column in 0..self.output.width {
            for channel in 0..channels {
                let mut result = [0; 2];
                self.each_tap(row, column, |pixel, tap| {
                    let w = self.weights.map_or(1, |_| self.weights_of(tap, channel).first().copied().unwrap_or(0));
                    let above = x.above::<N>(usize::from(w < 0), pixel * channels + channel);
                    let sum = i32::from(above) * i32::from(w);
                    result = [result[0] + sum, result[1] + i32::from(sum != 0)];
                });
                f(column * channels + channel, result);
            }
        }
    }
}

impl<N: Number> Layer<N> for Scaled<'_, Channelwise<'_>> {
    fn rows(&self) -> usize {
        self.layer.output.height
    }

    fn row(&self, row: usize) -> Range<usize> {
        let len = self.layer.output.row();
        row * len..(row + 1) * len
    }

    fn channels(&self) -> usize {
        self.layer.output.channels
    }

    fn depth(&self) -> usize {
        self.layer.vertical.overlap()
    }

    fn bias(&self, channel: usize) -> i32 {
        self.layer.bias.get(channel).copied().unwrap_or(0)
    }

    fn unit(&self, sums: Sums, element: usize) -> Unit {
        let channels = self.layer.output.channels;
        if self.layer.weights.is_some() {
            return self.units.of(sums, remainder(element, channels));
        }
        // A mean has weights of one over the number of inputs.
        let pixel = quotient(element, channels);
        let (row, column) = (quotient(pixel, self.layer.output.width), remainder(pixel, self.layer.output.width));
        let count = self.layer.count(row, column) as u32;
        match sums {
            Sums::Count => Unit::whole(1),
            Sums::Squares => Unit { divisor: count, squared: true, ..Unit::whole(1) },
            Sums::Gate => Unit { divisor: count, ..Unit::whole(1) },
            _ => Unit { over: self.units.input, divisor: count, ..Unit::whole(1) },
        }
    }

    fn unit_varies(&self) -> bool {
        self.layer.weights.is_none()
    }

    fn input_scale(&self) -> f32 {
        self.units.input
    }

    fn is_open(&self, sum: i32, channel: usize) -> bool {
        self.layer.weights.is_none() || self.units.is_open(sum, channel)
    }

    fn fan_in(&self, element: usize) -> usize {
        let pixel = quotient(element, self.layer.output.channels);
        self.layer.fan_in(quotient(pixel, self.layer.output.width), remainder(pixel, self.layer.output.width))
    }

    fn sums(&self, x: &Inputs<'_>, sums: Sums, row: usize, _: &mut [i16], f: &mut dyn FnMut(usize, [i32; 2])) {
        let layer = &self.layer;
        match sums {
            Sums::Whole => layer.tap_sums(x, row, f, |x, w| [x * w, i32::from(x * w != 0)]),
            Sums::Gate => layer.tap_sums(x, row, f, |x, w| [x * w, 0]),
            Sums::BySign(_) => layer.tap_sums(x, row, f, |x, w| [(x * w).max(0), (x * w).min(0)]),
            Sums::ByWeight => layer.tap_sums(x, row, f, |x, w| [x * w.max(0), x * w.min(0)]),
            Sums::Squares => layer.tap_sums(x, row, f, |_, w| [w * w, 0]),
            Sums::Count => layer.tap_sums(x, row, f, |_, _| [1, 0]),
            Sums::Box => layer.box_sums::<N>(x, row, f),
        }
    }

    fn distribute(&self, x: &Inputs<'_>, hand: Hand, spreads: bool, strips: &Strips<'_, N>, sink: &mut Sink<'_, N>) {
        let (layer, channels) = (&self.layer, self.layer.input.channels);
        for y in layer.vertical.settled(strips.newest()) {
            sink.reach((y + 1) * layer.input.row());
            let rows = layer.vertical.meetings(y);
            for column in 0..layer.input.width {
                let columns = layer.horizontal.meetings(column);
                let first = (y * layer.input.width + column) * channels;
                in_lanes!(channels, |at, L| {
                    let gather = |weight: Weight, which: usize, sums: &mut [N::Sum; L]| {
                        rows.each(|ky, row| {
                            let row = strips.row(row);
                            let (mut narrow, mut count) = (N::nothing::<L>(), 0);
                            columns.each(|kx, column| {
                                let tap = ky * layer.horizontal.kernel + kx;
                                let s = row.s[which & 1].get(column * channels + at..);
                                let Some(s) = s.and_then(|s| s.first_chunk::<L>()) else { return };
                                let w = match layer.weights {
                                    Some(_) => weight.load(layer.weights_of(tap, at)),
                                    None => [weight.of(1); L],
                                };
                                N::weigh_each(&mut narrow, &w, s);
                                count += 1;
                                if count >= weight.chunk() {
                                    N::gather(sums, core::mem::replace(&mut narrow, N::nothing::<L>()), row.exponent);
                                    count = 0;
                                }
                            });
                            N::gather(sums, narrow, row.exponent);
                        });
                    };
                    settle::<N, L>(x, hand, spreads, first + at, L, gather, sink);
                });
            }
        }
    }
}
