//! Convolution, grouped or not, and transposed convolution, over int8: forward and back.
//!
//! The inputs of one output are gathered into a patch of 16-bit values, zeros where they fall on padding; every
//! output channel is one product of that patch with its weights, which lie as
//! `[output][kernel row][kernel column][input channel of the group]`.

use super::Output;
use super::back::{Scaled, in_lanes, settle, sums_of};
use super::recipe::{Hand, Sums};
use super::sink::Sink;
use super::way::{Inputs, Layer, Strips, WIDE};
use crate::lanes::FAST;
use crate::lanes8::{self, Span, Weight};
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::number::{Number, Unit};
use crate::step::{Axis, Meetings, Shape, Step, quotient, remainder};
use core::ops::Range;

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

impl Conv<'_> {
    fn fill<N: Number>(&self, x: &Inputs<'_>, row: usize, column: usize, group: usize, kind: Fill, patch: &mut [i16]) {
        self.gather(row, column, group, patch, |at, run| match kind {
            Fill::Own => lanes8::widen(run, x.q.get(at..).unwrap_or(&[]), x.zero),
            Fill::Ones => run.fill(1),
            Fill::Above(end) => run.iter_mut().enumerate().for_each(|(i, to)| *to = x.above::<N>(end, at + i)),
        });
    }
}

#[derive(Clone, Copy)]
enum Fill {
    Own,
    Ones,
    Above(usize),
}

impl<N: Number> Layer<N> for Scaled<'_, Conv<'_>> {
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
        self.units.of(sums, remainder(element, self.layer.output.channels))
    }

    fn input_scale(&self) -> f32 {
        self.units.input
    }

    fn is_open(&self, sum: i32, channel: usize) -> bool {
        self.units.is_open(sum, channel)
    }

    fn fan_in(&self, element: usize) -> usize {
        let (output, layer) = (self.layer.output, &self.layer);
        let pixel = quotient(element, output.channels);
        let (row, column) = (quotient(pixel, output.width), remainder(pixel, output.width));
        let rows = (0..layer.vertical.kernel).filter(|k| layer.vertical.input_of(row, *k).is_some());
        let columns = (0..layer.horizontal.kernel).filter(|k| layer.horizontal.input_of(column, *k).is_some());
        rows.count() * columns.count() * layer.fan()
    }

    fn sums(&self, x: &Inputs<'_>, sums: Sums, row: usize, patch: &mut [i16], f: &mut dyn FnMut(usize, [i32; 2])) {
        let layer = &self.layer;
        let patch = patch.get_mut(..layer.patch().next_multiple_of(BLOCK_INT8)).unwrap_or(&mut []);
        let passes: &[Fill] = match sums {
            Sums::Box => &[Fill::Above(0), Fill::Above(1)],
            Sums::Squares | Sums::Count => &[Fill::Ones],
            _ => &[Fill::Own],
        };
        for column in 0..layer.output.width {
            for group in 0..layer.groups {
                for (pass, fill) in passes.iter().enumerate() {
                    layer.fill::<N>(x, row, column, group, *fill, patch);
                    for channel in group * layer.per_group()..(group + 1) * layer.per_group() {
                        let w = layer.weights_of(channel);
                        let at = column * layer.output.channels + channel;
                        if sums == Sums::Box {
                            let weight = if pass == 0 { Weight::POSITIVE } else { Weight::NEGATIVE };
                            let sum = lanes8::dot_of(patch, Span::ALL, w, weight);
                            f(at, [sum, i32::from(sum != 0)]);
                        } else {
                            f(at, sums_of(sums, x.non_negative, patch, w));
                        }
                    }
                }
            }
        }
    }

    fn distribute(&self, x: &Inputs<'_>, hand: Hand, spreads: bool, strips: &Strips<'_, N>, sink: &mut Sink<'_, N>) {
        let layer = &self.layer;
        for y in layer.vertical.settled(strips.newest()) {
            sink.reach((y + 1) * layer.input.row());
            let rows = layer.vertical.meetings(y);
            for column in 0..layer.input.width {
                let columns = layer.horizontal.meetings(column);
                let pixel = y * layer.input.width + column;
                for group in 0..layer.groups {
                    let first = pixel * layer.input.channels + group * layer.fan();
                    let place = Place { rows, columns, group };
                    in_lanes!(layer.fan(), |at, L| {
                        let gather = |weight, which, sums: &mut [N::Sum; L]| {
                            layer.collect::<N, L>(&place, at, weight, which, strips, sums);
                        };
                        settle::<N, L>(x, hand, spreads, first + at, L, gather, sink);
                    });
                }
            }
        }
        sink.reach(layer.vertical.settled(strips.newest()).end * layer.input.row());
    }
}

/// The outputs that one input pixel meets, for one group of channels.
struct Place {
    rows: Meetings,
    columns: Meetings,
    group: usize,
}

impl Conv<'_> {
    /// `sums[i] += Σ f(w)·s` over the outputs that an input pixel meets, for channels of its group from `at` on.
    #[inline(always)]
    fn collect<N: Number, const L: usize>(
        &self,
        place: &Place,
        at: usize,
        weight: Weight,
        which: usize,
        strips: &Strips<'_, N>,
        sums: &mut [N::Sum; L],
    ) {
        let (outputs, len) = (self.per_group(), self.patch());
        let first = place.group * outputs;
        place.rows.each(|ky, row| {
            let row = strips.row(row);
            let s = row.s[which & 1];
            place.columns.each(|kx, column| {
                let tap = (ky * self.horizontal.kernel + kx) * self.fan() + at;
                let start = column * self.output.channels + first;
                let s = s.get(start..start + outputs).unwrap_or(&[]);
                for (chunk, s) in s.chunks(weight.chunk()).enumerate() {
                    let mut narrow = N::nothing::<L>();
                    for (j, s) in s.iter().enumerate() {
                        if *s != N::Word::default() {
                            let w = (first + chunk * weight.chunk() + j) * len + tap;
                            N::weigh(&mut narrow, &weight.load(self.weights.get(w..).unwrap_or(&[])), *s);
                        }
                    }
                    N::gather(sums, narrow, row.exponent);
                }
            });
        });
    }
}
