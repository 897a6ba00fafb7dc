//! Fully connected layer over int8; weights lie as `[output][input]`.

use super::Output;
use super::back::{Scaled, in_lanes, settle, sums_of};
use super::recipe::{Hand, Sums};
use super::sink::Sink;
use super::way::{Inputs, Layer, Strips, WIDE};
use crate::lanes8::{self, Span, Weight};
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::number::{Number, Unit};
use crate::step::Step;
use core::ops::Range;

/// Outputs that are worked on together on the way back.
pub const TILE: usize = 32;
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

    /// Calls `f(first input, widened inputs)` for some inputs at a time, zeros behind the last.
    #[inline(always)]
    fn chunks(x: &[i8], zero: i16, mut f: impl FnMut(usize, &[i16])) {
        for (i, x) in x.chunks(CHUNK).enumerate() {
            let mut wide = [0; CHUNK];
            lanes8::widen(&mut wide, x, zero);
            f(i * CHUNK, wide.get(..x.len().next_multiple_of(BLOCK_INT8)).unwrap_or(&[]));
        }
    }

    /// `y = W·x + b`, a few outputs at a time.
    pub fn forward(&self, x: &[i8], zero: i32, y: &mut [i8], out: &Output<'_>) {
        const TOGETHER: usize = 16;
        for (tile, y) in y.chunks_mut(TOGETHER).enumerate() {
            let first = tile * TOGETHER;
            let mut sums = [0_i32; TOGETHER];
            Self::chunks(x, zero as i16, |from, wide| {
                for (k, sum) in sums.iter_mut().enumerate().take(y.len()) {
                    let w = self.weights_of(first + k, from);
                    *sum += lanes8::dot(wide, w.get(..wide.len()).unwrap_or(&[]));
                }
            });
            for (k, (y, sum)) in y.iter_mut().zip(sums).enumerate() {
                *y = out.of(sum + self.bias.get(first + k).copied().unwrap_or(0), first + k);
            }
        }
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
