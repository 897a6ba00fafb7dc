//! Fully connected layer over int8; weights lie as `[output][input]`.

use super::Output;
use super::back::{Fill, add_columns, in_lanes, settle, sums_of};
use super::recipe::{Hand, Sums};
use super::sink::Sink;
use super::way::{Bands, Inputs, Layer, Sheet, Strips, WIDE};
use crate::lanes8::{self, CHANNELS, FAST, Term, Weight};
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::number::Number;
use crate::step::Step;

/// Outputs that are worked on together on the way back.
pub const TILE: usize = 32;
/// Outputs of which sums are kept at once: the stack is small where there are no vectors.
const AT_ONCE: usize = if FAST { TILE } else { 8 };
/// Inputs that are widened together.
const CHUNK: usize = 4 * BLOCK_INT8;

/// A dense layer.
pub struct Dense<'a> {
    /// Weights.
    pub weights: &'a [i8],
    /// Bias per output.
    pub bias: &'a [i32],
    /// Number of inputs.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
}

impl<'a> Dense<'a> {
    /// The layer that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        Self {
            weights: model.bytes(step.params[0]),
            bias: model.words(step.params[1]),
            inputs: model.tensor(model.operand(step, 0)).shape.elements(),
            outputs: model.tensor(step.output).shape.channels,
        }
    }

    /// The weights of one output for inputs from `from` on, and what follows them.
    #[inline(always)]
    fn weights_of(&self, output: usize, from: usize) -> &'a [i8] {
        self.weights.get(output * self.inputs + from..).unwrap_or(&[])
    }

    /// The weights of some outputs, of which `count` are left, for `len` inputs.
    #[inline(always)]
    fn weights_together(&self, first: usize, count: usize, from: usize, len: usize) -> [&'a [i8]; CHANNELS] {
        lanes8::together(count, |k| self.weights_of(first + k, from).get(..len).unwrap_or(&[]))
    }

    /// Calls `f(first input, widened inputs)` for some inputs at a time, zeros behind the last.
    #[inline(always)]
    fn chunks(x: &[i8], zero: i16, mut f: impl FnMut(usize, &[i16])) {
        for (i, x) in x.chunks(CHUNK).enumerate() {
            let mut wide = [0; CHUNK];
            lanes8::widen(&mut wide, x, zero);
            f(i * CHUNK, wide.get(..lanes8::read(x.len())).unwrap_or(&[]));
        }
    }

    /// `y = W·x + b`, a few outputs at a time.
    pub fn forward(&self, x: &[i8], zero: i32, y: &mut [i8], out: &Output<'_>) {
        const TOGETHER: usize = 16;
        for (tile, y) in y.chunks_mut(TOGETHER).enumerate() {
            let first = tile * TOGETHER;
            let mut sums = [0_i32; TOGETHER];
            Self::chunks(x, zero as i16, |from, wide| {
                for (k, sums) in sums.chunks_mut(CHANNELS).enumerate().take(y.len().div_ceil(CHANNELS)) {
                    let k = k * CHANNELS;
                    let weights = self.weights_together(first + k, y.len() - k, from, wide.len());
                    let more = lanes8::sums::<1>(wide, wide.len(), weights, Term::PRODUCT);
                    for (sum, [more]) in sums.iter_mut().zip(more) {
                        *sum += more;
                    }
                }
            });
            for (k, (y, sum)) in y.iter_mut().zip(sums).enumerate() {
                *y = out.of(sum + self.bias.get(first + k).copied().unwrap_or(0), first + k);
            }
        }
    }
}

impl Dense<'_> {
    /// Both sums of some outputs, but of those that are silent.
    #[inline(always)]
    fn totals<N: Number>(
        &self,
        x: &Inputs<'_>,
        sums: Sums,
        [first, count]: [usize; 2],
        silent: impl Fn(usize) -> bool,
    ) -> [[i32; AT_ONCE]; 2] {
        let mut totals = [[0; AT_ONCE]; 2];
        for (chunk, q) in x.q.chunks(CHUNK).enumerate() {
            let from = chunk * CHUNK;
            let mut wide = [0; CHUNK];
            let len = lanes8::read(q.len());
            let patch = wide.get_mut(..len).unwrap_or(&mut []);
            for (fill, weight) in Fill::passes(sums) {
                fill.put::<N>(x, from, patch.get_mut(..q.len()).unwrap_or(&mut []));
                for k in (0..count).step_by(CHANNELS).filter(|k| !silent(*k)) {
                    let weights = self.weights_together(first + k, count - k, from, len);
                    let kind = (sums, *weight);
                    sums_of::<1>(kind, x.non_negative, patch, len, weights, |next, _, parts| {
                        for (totals, part) in totals.iter_mut().zip(parts) {
                            totals.iter_mut().skip(k + next).take(1).for_each(|total| *total += part);
                        }
                    });
                }
            }
        }
        totals
    }
}

impl<N: Number> Layer<N> for Dense<'_> {
    fn bands(&self) -> Bands {
        let (outputs, len) = (self.outputs, TILE.min(self.outputs));
        Bands { rows: outputs.div_ceil(TILE), len, elements: outputs, channels: outputs, depth: 1 }
    }

    fn fan_in(&self, _: usize) -> usize {
        self.inputs
    }

    fn sums(&self, x: &Inputs<'_>, sums: Sums, row: usize, _: &mut [i16], to: &mut Sheet<'_, N>) {
        let range = Layer::<N>::bands(self).row(row);
        for start in (0..range.len()).step_by(AT_ONCE) {
            let (first, count) = (range.start + start, AT_ONCE.min(range.len() - start));
            if !to.is_silent(start, count) {
                let silent = |k| to.is_silent(start + k, CHANNELS);
                let totals = self.totals::<N>(x, sums, [first, count], silent);
                let totals = totals.each_ref().map(|totals| totals.get(..count).unwrap_or(&[]));
                to.put(start, first, totals);
            }
        }
    }

    fn distribute(&self, x: &Inputs<'_>, hand: Hand, spreads: bool, strips: &Strips<'_, N>, sink: &mut Sink<'_, N>) {
        sink.reach(self.inputs);
        let (rows, first) = ([0, 1].map(|which| strips.row(strips.newest(), which)), strips.newest() * TILE);
        let heard = |s: &[N::Word]| s.iter().any(|s| *s != N::Word::default());
        let outputs = TILE.min(self.outputs - first);
        if !rows.iter().any(|row| heard(row.s)) {
            return;
        }
        in_lanes!(self.inputs, |at, L, lanes| {
            let gather = |weight: Weight, which: usize, [sums]: &mut [[N::Sum; L]; 1]| {
                let row = &rows[which & 1];
                let s = row.s.get(..outputs).unwrap_or(&[]);
                for (chunk, s) in s.chunks(weight.chunk()).enumerate() {
                    let mut narrow = N::nothing::<L>();
                    let output = first + chunk * weight.chunk();
                    let w = self.weights.get(output * self.inputs + at..).unwrap_or(&[]);
                    add_columns::<N, L>(&mut narrow, weight, (w, self.inputs), lanes, s);
                    N::gather(sums.get_mut(..lanes).unwrap_or(&mut []), &narrow, row.exponent);
                }
            };
            settle::<N, L, 1>(x, (hand, spreads), ([at], lanes), gather, sink);
        });
    }
}
