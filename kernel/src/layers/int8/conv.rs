//! Convolution, grouped or not, and transposed convolution, over int8: forward and back.
//!
//! The inputs of one output are gathered into a patch of 16-bit values, zeros where they fall on padding; every
//! output channel is one product of that patch with its weights, which lie as
//! `[output][kernel row][kernel column][input channel of the group]`.

use super::Output;
use super::back::{Fill, add_columns, in_lanes, settle, sums_of};
use super::recipe::{Hand, Sums};
use super::sink::Sink;
use super::way::{Bands, Inputs, Layer, Sheet, Strips, WIDE};
use crate::lanes8::{self, CHANNELS, FAST, Term, Weight};
use crate::layers::grid::Grid;
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::number::Number;
use crate::step::{Meetings, Shape, Step, quotient};

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
    /// Geometry.
    pub grid: Grid,
    /// Groups.
    pub groups: usize,
}

impl<'a> Conv<'a> {
    /// The convolution that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let (weights, bias) = (model.bytes(step.params[0]), model.words(step.params[1]));
        Self { weights, bias, grid: Grid::new(model, step), groups: step.groups }
    }

    /// Input channels of a group.
    pub fn fan(&self) -> usize {
        quotient(self.grid.input.channels, self.groups)
    }

    /// Output channels of a group.
    pub fn per_group(&self) -> usize {
        quotient(self.grid.output.channels, self.groups)
    }

    /// Inputs of one output.
    pub fn patch(&self) -> usize {
        self.grid.vertical.kernel * self.grid.horizontal.kernel * self.fan()
    }

    /// Weights of one output channel and, behind them, enough to fill the last pass.
    pub fn weights_of(&self, channel: usize) -> &'a [i8] {
        let len = self.patch();
        self.weights.get(channel * len..channel * len + lanes8::read(len)).unwrap_or(&[])
    }

    /// Gathers the inputs of one output for a group; `f(input element)` is each one's value.
    #[inline(always)]
    pub fn gather(&self, row: usize, column: usize, group: usize, patch: &mut [i16], f: impl Fn(usize, &mut [i16])) {
        let fan = self.fan();
        patch.fill(0);
        for ky in 0..self.grid.vertical.kernel {
            let Some(y) = self.grid.vertical.input_of(row, ky) else { continue };
            if !self.grid.horizontal.transposed && self.grid.horizontal.dilation == 1 && self.groups == 1 {
                // Taps side by side read inputs side by side.
                let (first, last) = self.grid.horizontal.taps(column);
                if first >= last {
                    // It lies on padding as a whole.
                    continue;
                }
                let x = column * self.grid.horizontal.stride + first - self.grid.horizontal.before;
                let at = (ky * self.grid.horizontal.kernel + first) * fan;
                if let Some(run) = patch.get_mut(at..at + (last - first) * fan) {
                    f((y * self.grid.input.width + x) * fan, run);
                }
                continue;
            }
            for kx in 0..self.grid.horizontal.kernel {
                let Some(x) = self.grid.horizontal.input_of(column, kx) else { continue };
                let at = (ky * self.grid.horizontal.kernel + kx) * fan;
                if let Some(run) = patch.get_mut(at..at + fan) {
                    f((y * self.grid.input.width + x) * self.grid.input.channels + group * fan, run);
                }
            }
        }
    }

    /// `y = conv x`.
    pub fn forward(&self, x: &[i8], zero: i32, y: &mut [i8], out: &Output<'_>, scratch: &mut [i16]) {
        let zero = zero as i16;
        let len = self.patch().next_multiple_of(BLOCK_INT8);
        let fill = |at: usize, run: &mut [i16]| lanes8::widen(run, x.get(at..).unwrap_or(&[]), zero);
        for row in 0..self.grid.output.height {
            for group in 0..self.groups {
                for (column, together) in pairs(self.grid.output.width) {
                    let at = (row * self.grid.output.width + column) * self.grid.output.channels;
                    let y = y.get_mut(at..).unwrap_or(&mut []);
                    for (p, patch) in scratch.chunks_exact_mut(len.max(1)).enumerate().take(together) {
                        self.gather(row, column + p, group, patch, fill);
                    }
                    match together {
                        PIXELS => self.pixels::<PIXELS>(scratch, len, group, y, out),
                        _ => self.pixels::<1>(scratch, len, group, y, out),
                    }
                }
            }
        }
    }

    /// All channels of a group for `N` output pixels side by side.
    #[inline(always)]
    fn pixels<const N: usize>(&self, patches: &[i16], len: usize, group: usize, y: &mut [i8], out: &Output<'_>) {
        let end = (group + 1) * self.per_group();
        for first in (end - self.per_group()..end).step_by(CHANNELS) {
            let count = CHANNELS.min(end - first);
            let weights = lanes8::together(count, |k| self.weights_of(first + k));
            let sums = lanes8::sums::<N>(patches, len, weights, Term::PRODUCT);
            for (channel, sums) in (first..end).zip(&sums) {
                let (bias, rescale) = (self.bias.get(channel).copied().unwrap_or(0), out.rescale(channel));
                for (p, sum) in sums.iter().enumerate() {
                    if let Some(y) = y.get_mut(p * self.grid.output.channels + channel) {
                        *y = out.clamped(rescale.apply(*sum + bias));
                    }
                }
            }
        }
    }
}

impl Conv<'_> {
    /// What a rule divides by, for all channels of a group and `P` output pixels side by side.
    fn pixel_sums<N: Number, const P: usize>(
        &self,
        kind: (Sums, Weight),
        non_negative: bool,
        patches: &[i16],
        (column, group): (usize, usize),
        to: &mut Sheet<'_, N>,
    ) {
        const TOGETHER: usize = if FAST { 16 } else { 4 };
        let (len, end) = (self.patch().next_multiple_of(BLOCK_INT8), (group + 1) * self.per_group());
        for first in (end - self.per_group()..end).step_by(TOGETHER) {
            let mut sums = [[[0; TOGETHER]; 2]; P];
            let count = TOGETHER.min(end - first);
            for k in (0..count).step_by(CHANNELS) {
                let at = |p| (column + p) * self.grid.output.channels + first + k;
                if (0..P).all(|p| to.is_silent(at(p), CHANNELS.min(count - k))) {
                    continue;
                }
                let weights = lanes8::together(count - k, |next| self.weights_of(first + k + next));
                sums_of::<P>(kind, non_negative, patches, len, weights, |next, p, parts| match k + next {
                    k if k >= count => {}
                    k if FAST => {
                        for (sums, part) in sums.iter_mut().skip(p).take(1).flatten().zip(parts) {
                            sums.iter_mut().skip(k).take(1).for_each(|sum| *sum = part);
                        }
                    }
                    k => to.put_one((column + p) * self.grid.output.channels + first + k, first + k, parts),
                });
            }
            if !FAST {
                continue;
            }
            for (p, sums) in sums.iter().enumerate() {
                let sums = sums.each_ref().map(|sums| sums.get(..count).unwrap_or(&[]));
                to.put((column + p) * self.grid.output.channels + first, first, sums);
            }
        }
    }
}

impl<N: Number> Layer<N> for Conv<'_> {
    fn bands(&self) -> Bands {
        Bands::of(&self.grid)
    }

    fn fan_in(&self, element: usize) -> usize {
        let (row, column) = self.grid.place(element);
        self.grid.fan_in(row, column) * self.fan()
    }

    fn sums(&self, x: &Inputs<'_>, sums: Sums, row: usize, patches: &mut [i16], to: &mut Sheet<'_, N>) {
        let len = self.patch().next_multiple_of(BLOCK_INT8);
        for (column, together) in pairs(self.grid.output.width) {
            for group in 0..self.groups {
                let channels = self.grid.output.channels;
                if to.is_silent(column * channels, together * channels) {
                    continue;
                }
                for (fill, weight) in Fill::passes(sums) {
                    for (p, patch) in patches.chunks_exact_mut(len.max(1)).enumerate().take(together) {
                        self.gather(row, column + p, group, patch, |at, run| fill.put::<N>(x, at, run));
                    }
                    let (kind, place) = ((sums, *weight), (column, group));
                    match together {
                        PIXELS => self.pixel_sums::<N, PIXELS>(kind, x.non_negative, patches, place, to),
                        _ => self.pixel_sums::<N, 1>(kind, x.non_negative, patches, place, to),
                    }
                }
            }
        }
    }

    fn distribute(&self, x: &Inputs<'_>, hand: Hand, spreads: bool, strips: &Strips<'_, N>, sink: &mut Sink<'_, N>) {
        let way = |sink: &mut Sink<'_, N>, place: &Place, together: usize| match together {
            PIXELS => self.give::<N, PIXELS>(x, (hand, spreads), strips, place, sink),
            _ => self.give::<N, 1>(x, (hand, spreads), strips, place, sink),
        };
        let settled = self.grid.vertical.settled(strips.newest());
        for y in settled.clone() {
            sink.reach((y + 1) * self.grid.input.row());
            let rows = self.grid.vertical.meetings(y);
            let (apart, _) = self.grid.horizontal.pace();
            for group in 0..self.groups {
                for phase in 0..self.grid.horizontal.phases() {
                    let (mut column, mut columns) = (phase, self.grid.horizontal.meetings(phase));
                    while column < self.grid.input.width {
                        let alike = FAST && self.grid.horizontal.meet_alike(&columns, column, 1);
                        let together = if alike { PIXELS } else { 1 };
                        way(sink, &Place { pixel: y * self.grid.input.width + column, rows, columns, group }, together);
                        columns = self.grid.horizontal.meetings_after(&columns, column, together);
                        column += together * apart;
                    }
                }
            }
        }
        sink.reach(settled.end * self.grid.input.row());
    }
}

/// The outputs that an input pixel meets, for one group of channels.
struct Place {
    pixel: usize,
    rows: Meetings,
    columns: Meetings,
    group: usize,
}

impl Conv<'_> {
    /// Hands out to the channels of `M` pixels that meet outputs through the same taps.
    fn give<N: Number, const M: usize>(
        &self,
        x: &Inputs<'_>,
        hand: (Hand, bool),
        strips: &Strips<'_, N>,
        place: &Place,
        sink: &mut Sink<'_, N>,
    ) {
        let (apart, _) = self.grid.horizontal.pace();
        let channels = self.grid.input.channels;
        let first: [usize; M] =
            core::array::from_fn(|p| (place.pixel + p * apart) * channels + place.group * self.fan());
        in_lanes!(self.fan(), |at, L, count| {
            let gather = |weight, which, sums: &mut [[N::Sum; L]; M]| {
                self.collect::<N, L, M>(place, (at, count), weight, which, strips, sums);
            };
            settle::<N, L, M>(x, hand, (first.map(|first| first + at), count), gather, sink);
        });
    }

    /// `sums[i] += Σ f(w)·s` over the outputs that input pixels meet, for some channels of their group from `at` on.
    #[inline(always)]
    fn collect<N: Number, const L: usize, const M: usize>(
        &self,
        place: &Place,
        (at, lanes): (usize, usize),
        weight: Weight,
        which: usize,
        strips: &Strips<'_, N>,
        sums: &mut [[N::Sum; L]; M],
    ) {
        let (outputs, len, fan) = (self.per_group(), self.patch(), self.fan());
        let (first, (_, pace)) = (place.group * outputs, self.grid.horizontal.pace());
        place.rows.each(|ky, row| {
            let row = strips.row(row, which);
            for chunk in (0..outputs).step_by(weight.chunk()) {
                let count = weight.chunk().min(outputs - chunk);
                let (mut narrow, mut room) = ([N::nothing::<L>(); M], weight.chunk());
                place.columns.each(|kx, column| {
                    if room < count {
                        gather_all::<N, L, M>(sums, lanes, &mut narrow, row.exponent);
                        room = weight.chunk();
                    }
                    room -= count;
                    let tap = (ky * self.grid.horizontal.kernel + kx) * fan + at;
                    let w = self.weights.get((first + chunk) * len + tap..).unwrap_or(&[]);
                    let s: [&[N::Word]; M] = core::array::from_fn(|p| {
                        let start = (column + p * pace) * self.grid.output.channels + first + chunk;
                        row.s.get(start..start + count).unwrap_or(&[])
                    });
                    if let ([narrow], [s]) = (narrow.as_mut_slice(), s.as_slice()) {
                        return add_columns::<N, L>(narrow, weight, (w, len), lanes, s);
                    }
                    for (j, w) in w.chunks(len.max(1)).take(count).enumerate() {
                        let s = s.map(|s| s.get(j).copied().unwrap_or_default());
                        if s != [N::Word::default(); M] {
                            let w = weight.load(w);
                            for (narrow, s) in narrow.iter_mut().zip(s) {
                                N::weigh(narrow, &w, s);
                            }
                        }
                    }
                });
                gather_all::<N, L, M>(sums, lanes, &mut narrow, row.exponent);
            }
        });
    }
}

/// Adds to the sums of some pixels, and begins anew.
#[inline(always)]
fn gather_all<N: Number, const L: usize, const M: usize>(
    sums: &mut [[N::Sum; L]; M],
    lanes: usize,
    narrow: &mut [N::Narrow<L>; M],
    exponent: N::Exponent,
) {
    for (sums, narrow) in sums.iter_mut().zip(narrow) {
        N::gather(sums.get_mut(..lanes).unwrap_or(&mut []), narrow, exponent);
        *narrow = N::nothing::<L>();
    }
}

/// Columns to work on, and how many from there on together.
fn pairs(width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..width).step_by(PIXELS).map(move |column| (column, PIXELS.min(width - column)))
}
