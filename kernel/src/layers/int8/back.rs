//! The rules' view of convolution, dense and channelwise layers over int8.

use super::channelwise::Channelwise;
use super::conv::Conv;
use super::dense::{Dense, TILE};
use super::recipe::{Hand, Sums};
use super::sink::Sink;
use super::way::{BY_SIGN, Inputs, Layer, Strips, WIDE};
use crate::lanes8::{self, Span, Weight};
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::number::{Number, Unit};
use crate::step::{Meetings, Step, quotient, remainder};
use core::ops::Range;

/// Factors from the sums of a layer to real numbers, and the range of its output.
#[derive(Clone, Copy)]
pub struct Units<'a> {
    out: super::Output<'a>,
    input: f32,
    output: f32,
}

impl<'a> Units<'a> {
    /// Of a step.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let scale = |tensor| model.tensor(tensor).scale;
        Self { out: super::Output::new(model, step), input: scale(model.operand(step, 0)), output: scale(step.output) }
    }

    /// The real value of one unit of the sums: `scale of the input · scale of the weights`, which the multiplier has
    /// in units of the output.
    fn of(&self, sums: Sums, channel: usize) -> Unit {
        let factor = self.out.rescale(channel);
        let unit = Unit {
            multiplier: factor.multiplier.max(1) as u32,
            exponent: factor.shift - 31,
            over: self.output,
            ..Unit::whole(1)
        };
        match sums {
            Sums::Count => Unit::whole(1),
            Sums::Squares => Unit { under: self.input, squared: true, ..unit },
            Sums::Gate => Unit { under: self.input, ..unit },
            _ => unit,
        }
    }

    /// Whether an output with this sum was not clamped.
    fn is_open(&self, sum: i32, channel: usize) -> bool {
        self.out.is_inside(self.out.rescale(channel).apply(sum))
    }
}

/// Adds up quotients of one kind, weighed by one function of the weights, for inputs side by side.
type Gather<'g, N, const L: usize> = dyn FnMut(Weight, usize, &mut [<N as Number>::Sum; L]) + 'g;

/// What is gathered for inputs side by side, and how it becomes relevance.
#[inline(always)]
fn settle<N: Number, const L: usize>(
    x: &Inputs<'_>,
    hand: Hand,
    spreads: bool,
    at: usize,
    len: usize,
    mut gather: impl FnMut(Weight, usize, &mut [N::Sum; L]),
    sink: &mut Sink<'_, N>,
) {
    let here = Inputs { q: sink.values(), ..*x };
    let values: [i16; L] = here.load(at);
    // Read before anything is written, which may be there.
    let ends: [[i16; L]; 2] = match hand {
        Hand::Box => [0, 1].map(|end| core::array::from_fn(|i| here.above::<N>(end, at + i))),
        _ => [[0; L]; 2],
    };
    let mut shares = [N::Sum::default(); L];
    let silent = values.iter().all(|v| *v == 0);
    let mut weighed = |terms: &[(Weight, usize)], factor: &dyn Fn(usize) -> i32, gather: &mut Gather<'_, N, L>| {
        let mut sums = [N::Sum::default(); L];
        for (weight, which) in terms {
            gather(*weight, *which, &mut sums);
        }
        for i in 0..L {
            shares[i] = N::sum(shares[i], N::share(factor(i), sums[i]));
        }
    };
    let x_of = |i: usize| i32::from(values[i]);
    match hand {
        Hand::Whole if !silent => weighed(&[(Weight::ALL, 0)], &x_of, &mut gather),
        Hand::ByWeight if !silent => weighed(&[(Weight::POSITIVE, 0), (Weight::NEGATIVE, 1)], &x_of, &mut gather),
        Hand::BySign(both) if !silent => {
            for (side, weights) in BY_SIGN.into_iter().enumerate() {
                let part = |i: usize| if side == 0 { x_of(i).max(0) } else { x_of(i).min(0) };
                if (0..L).all(|i| part(i) == 0) {
                    continue;
                }
                let terms = [(weights[0], 0), (weights[1], 1)];
                weighed(if both { &terms } else { &terms[..1] }, &part, &mut gather);
            }
        }
        Hand::Whole | Hand::ByWeight | Hand::BySign(_) => {}
        Hand::Box => {
            weighed(&[(Weight::POSITIVE, 0)], &|i| i32::from(ends[0][i]), &mut gather);
            weighed(&[(Weight::NEGATIVE, 0)], &|i| i32::from(ends[1][i]), &mut gather);
        }
        Hand::Squares => weighed(&[(Weight::Squared, 0)], &|_| 1, &mut gather),
        Hand::Ones => weighed(&[(Weight::One, 0)], &|_| 1, &mut gather),
        Hand::Slope => weighed(&[(Weight::ALL, 0)], &|_| 1, &mut gather),
    }
    if spreads {
        weighed(&[(Weight::One, 1)], &|_| 1, &mut gather);
    }
    for (i, share) in shares.into_iter().enumerate().take(len) {
        sink.add(at + i, share);
    }
}

/// Calls `f` with lanes for as many of `len` inputs as possible, then for the rest.
macro_rules! in_lanes {
    ($len:expr, |$at:ident, $lanes:ident| $body:expr) => {{
        let len = $len;
        let mut $at = 0;
        while $at + WIDE <= len {
            const $lanes: usize = WIDE;
            $body;
            $at += WIDE;
        }
        while $at < len {
            const $lanes: usize = 1;
            $body;
            $at += 1;
        }
    }};
}

/// A layer with the factors of its step.
pub struct Scaled<'a, T> {
    /// The layer.
    pub layer: T,
    /// The factors.
    pub units: Units<'a>,
}

/// Sums of one patch: what a rule divides by.
#[inline(always)]
fn sums_of(sums: Sums, non_negative: bool, patch: &[i16], w: &[i8]) -> [i32; 2] {
    let dot = |span, weight| lanes8::dot_of(patch, span, w, weight);
    let whole = || lanes8::dot(patch, w.get(..patch.len()).unwrap_or(&[]));
    match sums {
        Sums::Gate => [whole(), 0],
        Sums::Whole => match whole() {
            // Contributions may cancel, or there may be none.
            0 => [0, sums_of(Sums::BySign(false), non_negative, patch, w)[0]],
            sum => [sum, 1],
        },
        Sums::BySign(both) => {
            let positive = if non_negative {
                dot(Span::ALL, Weight::POSITIVE)
            } else {
                dot(Span::POSITIVE, Weight::POSITIVE) + dot(Span::NEGATIVE, Weight::NEGATIVE)
            };
            [positive, if both { whole() - positive } else { 0 }]
        }
        Sums::ByWeight => {
            let positive = dot(Span::ALL, Weight::POSITIVE);
            [positive, whole() - positive]
        }
        Sums::Box => [0, 0],
        Sums::Squares => [dot(Span::ALL, Weight::Squared), 0],
        Sums::Count => [patch.iter().map(|one| i32::from(*one)).sum(), 0],
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

impl<N: Number> Layer<N> for Scaled<'_, Dense<'_>> {
    fn rows(&self) -> usize {
        self.layer.outputs.div_ceil(TILE)
    }

    fn row(&self, row: usize) -> Range<usize> {
        row * TILE..((row + 1) * TILE).min(self.layer.outputs)
    }

    fn channels(&self) -> usize {
        self.layer.outputs
    }

    fn depth(&self) -> usize {
        1
    }

    fn bias(&self, channel: usize) -> i32 {
        self.layer.bias.get(channel).copied().unwrap_or(0)
    }

    fn unit(&self, sums: Sums, element: usize) -> Unit {
        self.units.of(sums, element)
    }

    fn input_scale(&self) -> f32 {
        self.units.input
    }

    fn is_open(&self, sum: i32, channel: usize) -> bool {
        self.units.is_open(sum, channel)
    }

    fn fan_in(&self, _: usize) -> usize {
        self.layer.inputs
    }

    fn sums(&self, x: &Inputs<'_>, sums: Sums, row: usize, _: &mut [i16], f: &mut dyn FnMut(usize, [i32; 2])) {
        let layer = &self.layer;
        let range = <Self as Layer<N>>::row(self, row);
        for (at, output) in range.enumerate() {
            let mut result = [0; 2];
            let mut wide = [0; 4 * BLOCK_INT8];
            for (chunk, q) in x.q.chunks(wide.len()).enumerate() {
                let from = chunk * wide.len();
                let w = layer.weights.get(output * layer.inputs + from..).unwrap_or(&[]);
                let patch = wide.get_mut(..q.len().next_multiple_of(BLOCK_INT8)).unwrap_or(&mut []);
                patch.fill(0);
                let part = match sums {
                    Sums::Box => {
                        let mut part = 0;
                        for (end, weight) in [Weight::POSITIVE, Weight::NEGATIVE].into_iter().enumerate() {
                            for (i, to) in patch.iter_mut().enumerate().take(q.len()) {
                                *to = x.above::<N>(end, from + i);
                            }
                            part += lanes8::dot_of(patch, Span::ALL, w, weight);
                        }
                        [part, i32::from(part != 0)]
                    }
                    Sums::Squares | Sums::Count => {
                        patch.iter_mut().take(q.len()).for_each(|to| *to = 1);
                        sums_of(sums, true, patch, w)
                    }
                    _ => {
                        lanes8::widen(patch, q, x.zero);
                        sums_of(sums, x.non_negative, patch, w)
                    }
                };
                result = [result[0] + part[0], result[1] + part[1]];
            }
            f(at, result);
        }
    }

    fn distribute(&self, x: &Inputs<'_>, hand: Hand, spreads: bool, strips: &Strips<'_, N>, sink: &mut Sink<'_, N>) {
        let layer = &self.layer;
        sink.reach(layer.inputs);
        let (row, first) = (strips.row(strips.newest()), strips.newest() * TILE);
        let heard = |s: &[N::Word]| s.iter().any(|s| *s != N::Word::default());
        let outputs = TILE.min(layer.outputs - first);
        if !row.s.iter().any(|s| heard(s)) {
            return;
        }
        in_lanes!(layer.inputs, |at, L| {
            let gather = |weight: Weight, which: usize, sums: &mut [N::Sum; L]| {
                let s = row.s[which & 1].get(..outputs).unwrap_or(&[]);
                for (chunk, s) in s.chunks(weight.chunk()).enumerate() {
                    let mut narrow = N::nothing::<L>();
                    for (j, s) in s.iter().enumerate() {
                        if *s != N::Word::default() {
                            let output = first + chunk * weight.chunk() + j;
                            let w = layer.weights.get(output * layer.inputs + at..).unwrap_or(&[]);
                            N::weigh(&mut narrow, &weight.load(w), *s);
                        }
                    }
                    N::gather(sums, narrow, row.exponent);
                }
            };
            settle::<N, L>(x, hand, spreads, at, L, gather, sink);
        });
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
