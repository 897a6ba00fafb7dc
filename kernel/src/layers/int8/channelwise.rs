//! Windows that do not mix channels, over int8: depthwise convolution and average pooling.

use super::Output;
use super::back::{add_each, both, in_lanes, settle, two_sums};
use super::recipe::{Hand, Sums};
use super::sink::Sink;
use super::way::{Bands, Inputs, Layer, Sheet, Strips, WIDE};
use crate::fixed;
use crate::lanes8::{Term, Weight};
use crate::layers::grid::Grid;
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::model::format::step::FLAG_COUNT_PAD;
use crate::number::Number;
use crate::step::{Op, Step};

/// Channels side by side.
const LANES: usize = BLOCK_INT8;

/// A window over each channel by itself; depthwise weights lie as `[kernel row][kernel column][channel]`, those of a
/// mean are one.
pub struct Channelwise<'a> {
    /// Weights; `None` of a mean.
    pub weights: Option<&'a [i8]>,
    /// Bias per channel.
    pub bias: &'a [i32],
    /// Geometry.
    pub grid: Grid,
    count_pad: bool,
}

impl<'a> Channelwise<'a> {
    /// The layer that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let weights = (step.op == Op::Depthwise).then(|| model.bytes(step.params[0]));
        let count_pad = step.flags & FLAG_COUNT_PAD != 0;
        Self { weights, bias: model.words(step.params[1]), grid: Grid::new(model, step), count_pad }
    }

    /// The weights of one tap from a channel on.
    #[inline(always)]
    pub fn weights_of(&self, tap: usize, channel: usize) -> &'a [i8] {
        let at = tap * self.grid.input.channels + channel;
        self.weights.unwrap_or(&[]).get(at..).unwrap_or(&[])
    }

    /// `y = conv x`, channel by channel.
    pub fn forward(&self, x: &[i8], zero: i32, y: &mut [i8], out: &Output<'_>) {
        let channels = self.grid.input.channels;
        for row in 0..self.grid.output.height {
            for column in 0..self.grid.output.width {
                let at = (row * self.grid.output.width + column) * channels;
                let counts = [self.grid.fan_in(row, column), self.grid.count(row, column, self.count_pad)]
                    .map(|count| count as i32);
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
        let zero = if self.weights.is_some() { zero as i16 } else { 0 };
        self.window(x, zero, [row, column], [first, len], |x, w| x * w)
    }

    /// Sums of terms of inputs and weights (of a mean: ones) over the window of one output, for some channels.
    #[inline(always)]
    fn window<const L: usize>(
        &self,
        q: &[i8],
        zero: i16,
        [row, column]: [usize; 2],
        [first, len]: [usize; 2],
        term: impl Fn(i32, i32) -> i32,
    ) -> [i32; L] {
        let mut sums = [0; L];
        self.grid.each_tap(row, column, |pixel, tap| {
            let at = pixel * self.grid.input.channels + first;
            let w = if self.weights.is_some() { self.weights_of(tap, first) } else { &[1; L] };
            add_terms(&mut sums, q.get(at..at + len).unwrap_or(&[]), zero, w, &term);
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
fn add_terms<const L: usize>(sums: &mut [i32; L], q: &[i8], zero: i16, w: &[i8], term: impl Fn(i32, i32) -> i32) {
    let of = |q: i8, w: i8| term(i32::from(i16::from(q) - zero), w.into());
    if let (Some(q), Some(w)) = (q.first_chunk::<L>(), w.first_chunk::<L>()) {
        for i in 0..L {
            sums[i] += of(q[i], w[i]);
        }
        return;
    }
    for ((sum, q), w) in sums.iter_mut().zip(q).zip(w) {
        *sum += of(*q, *w);
    }
}

impl Channelwise<'_> {
    /// The sums of a row but for z^B.
    fn tap_sums<N: Number>(&self, x: &Inputs<'_>, sums: Sums, row: usize, to: &mut Sheet<'_, N>) {
        let channels = self.grid.input.channels;
        for column in 0..self.grid.output.width {
            for first in (0..channels).step_by(WIDE) {
                let len = WIDE.min(channels - first);
                if to.is_silent(column * channels + first, len) {
                    continue;
                }
                let of = |term| self.terms(x, [row, column], [first, len], term);
                let [mut one, mut other] = two_sums(sums, Weight::ALL, x.non_negative, of, |sums| sums.contains(&0));
                for (one, other) in one.iter_mut().zip(&mut other) {
                    [*one, *other] = both(sums, *one, *other);
                }
                let parts = [&one, &other].map(|sums| sums.get(..len).unwrap_or(&[]));
                to.put(column * channels + first, first, parts);
            }
        }
    }

    /// Sums of terms of a kind for some channels of one output.
    #[inline(always)]
    fn terms(&self, x: &Inputs<'_>, place: [usize; 2], channels: [usize; 2], term: Term) -> [i32; WIDE] {
        match term {
            Term::By(Weight::ALL) => self.window(x.q, x.zero, place, channels, |x, w| x * w),
            Term::By(Weight::POSITIVE) => self.window(x.q, x.zero, place, channels, |x, w| x * w.max(0)),
            Term::Positive => self.window(x.q, x.zero, place, channels, |x, w| (x * w).max(0)),
            // Squares and counts: of weights alone. No rule sums up others.
            Term::By(weight) => self.window(x.q, x.zero, place, channels, |_, w| weight.of(w as i8).into()),
        }
    }

    /// The sums of z^B.
    fn box_sums<N: Number>(&self, x: &Inputs<'_>, row: usize, to: &mut Sheet<'_, N>) {
        let channels = self.grid.input.channels;
        for column in 0..self.grid.output.width {
            for channel in 0..channels {
                let mut result = [0; 2];
                self.grid.each_tap(row, column, |pixel, tap| {
                    let w = self.weights.map_or(1, |_| self.weights_of(tap, channel).first().copied().unwrap_or(0));
                    let above = x.above::<N>(x.q, usize::from(w < 0), pixel * channels + channel);
                    let sum = i32::from(above) * i32::from(w);
                    result = [result[0] + sum, result[1] + i32::from(sum != 0)];
                });
                to.put(column * channels + channel, channel, result.each_ref().map(core::slice::from_ref));
            }
        }
    }
}

impl<N: Number> Layer<N> for Channelwise<'_> {
    fn bands(&self) -> Bands {
        Bands::of(&self.grid)
    }

    fn fan_in(&self, element: usize) -> usize {
        let (row, column) = self.grid.place(element);
        self.grid.fan_in(row, column)
    }

    fn divisor(&self, element: usize) -> Option<u32> {
        let (row, column) = self.grid.place(element);
        self.weights.is_none().then(|| self.grid.count(row, column, self.count_pad) as u32)
    }

    fn sums(&self, x: &Inputs<'_>, sums: Sums, row: usize, _: &mut [i16], to: &mut Sheet<'_, N>) {
        match sums {
            Sums::Box => self.box_sums(x, row, to),
            _ => self.tap_sums(x, sums, row, to),
        }
    }

    fn distribute(&self, x: &Inputs<'_>, hand: Hand, spreads: bool, strips: &Strips<'_, N>, sink: &mut Sink<'_, N>) {
        let channels = self.grid.input.channels;
        for y in self.grid.vertical.settled(strips.newest()) {
            sink.reach((y + 1) * self.grid.input.row());
            let rows = self.grid.vertical.meetings(y);
            for column in 0..self.grid.input.width {
                let columns = self.grid.horizontal.meetings(column);
                let first = (y * self.grid.input.width + column) * channels;
                in_lanes!(channels, |at, L, lanes| {
                    let gather = |weight: Weight, which: usize, [sums]: &mut [[N::Sum; L]; 1]| {
                        let sums = sums.get_mut(..lanes).unwrap_or(&mut []);
                        rows.each(|ky, row| {
                            let row = strips.row(row, which);
                            let (mut narrow, mut count) = (N::nothing::<L>(), 0);
                            columns.each(|kx, column| {
                                let tap = ky * self.grid.horizontal.kernel + kx;
                                let s = row.s.get(column * channels + at..).unwrap_or(&[]);
                                let w = if self.weights.is_some() { self.weights_of(tap, at) } else { &[1; L] };
                                add_each::<N, L>(&mut narrow, weight, w, s);
                                count += 1;
                                if count >= weight.chunk() {
                                    N::gather(sums, &narrow, row.exponent);
                                    (narrow, count) = (N::nothing::<L>(), 0);
                                }
                            });
                            N::gather(sums, &narrow, row.exponent);
                        });
                    };
                    settle::<N, L, 1>(x, (hand, spreads), ([first + at], lanes), gather, sink);
                });
            }
        }
    }
}
