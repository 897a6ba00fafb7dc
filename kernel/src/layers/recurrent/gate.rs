//! The linear map of one gate: `z = W·x + scale ⊙ (U·h) + b`, a linear layer with two operands, so that every rule
//! applies to it.

use crate::lanes::{self, FAST, Lanes, Part, ROOMY, View};
use crate::layers::conv::Conv;
use crate::layers::dense;
use crate::layers::linear::{Forward, Layout, Linear, Rows, Sinks, Source, Strip};
use crate::model::Model;
use crate::model::format::BLOCK;
use crate::step::{Shape, Step, quotient, remainder};

/// Blocks of units per pass over the inputs.
const BLOCKS: usize = if FAST { 4 } else { 1 };

/// One gate; weights lie as `[block of 8 units][input][8]`.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    /// Of the input and of the state before.
    weights: [&'a [Lanes]; 2],
    /// Elements of the input and of the state.
    sizes: [usize; 2],
    units: usize,
    /// A factor on what comes from the state, one per unit and not negative; none is one.
    scale: Option<&'a [f32]>,
    /// One per unit, or none.
    pub bias: &'a [f32],
}

impl<'a> Gate<'a> {
    /// The `gate`-th of a step's gates.
    pub fn new(model: &Model<'a>, step: &Step, gate: usize) -> Self {
        let units = model.tensor(step.output).shape.channels;
        let inputs = model.tensor(model.operand(step, 0)).shape.channels;
        let sizes = [inputs, units];
        let weights_of = |block, size| {
            let (blocks, len): (&[Lanes], _) = (model.floats(block).as_chunks().0, units.div_ceil(BLOCK) * size);
            blocks.get(gate * len..(gate + 1) * len).unwrap_or(&[])
        };
        let weights = [weights_of(step.params[0], inputs), weights_of(step.params[1], units)];
        let bias = model.floats(step.params[2]).get(gate * units..(gate + 1) * units).unwrap_or(&[]);
        Self { weights, sizes, units, scale: None, bias }
    }

    /// The part that comes from the input, with the bias.
    pub fn of_input(&self) -> Self {
        Self { weights: [self.weights[0], &[]], sizes: [self.sizes[0], 0], ..*self }
    }

    /// The part that comes from the state, with another bias.
    pub fn of_state(&self, bias: &'a [f32]) -> Self {
        Self { weights: [&[], self.weights[1]], sizes: [0, self.sizes[1]], bias, ..*self }
    }

    /// With a factor on what comes from the state, and another bias.
    pub const fn scaled(self, scale: &'a [f32], bias: &'a [f32]) -> Self {
        Self { scale: Some(scale), bias, ..self }
    }

    /// `z` of one unit.
    pub fn one(&self, x: [&[f32]; 2], unit: usize) -> f32 {
        let (block, lane) = (quotient(unit, BLOCK), remainder(unit, BLOCK));
        let sum = |x: &[f32], w: &[Lanes], size: usize| {
            let w = w.get(block * size..).unwrap_or(&[]);
            x.iter().zip(w).map(|(x, w)| x * w.get(lane).copied().unwrap_or(0.0)).sum::<f32>()
        };
        let sums = [sum(x[0], self.weights[0], self.sizes[0]), sum(x[1], self.weights[1], self.sizes[1])];
        let scale = self.scale.and_then(|scale| scale.get(unit)).copied().unwrap_or(1.0);
        sums[0] + scale * sums[1] + self.bias.get(unit).copied().unwrap_or(0.0)
    }

    /// The factor of a block's units on what comes from the state.
    #[inline(always)]
    fn scales(&self, block: usize) -> Option<Lanes> {
        let first = block * BLOCK;
        self.scale.map(|scale| lanes::load_at(scale, first, scale.len().saturating_sub(first).min(BLOCK)))
    }

    /// Sums of some blocks.
    #[inline(always)]
    fn blocks<const N: usize>(&self, (part, view): (Part, View), x: [&[f32]; 2], first: usize, z: &mut [f32]) {
        let sums =
            |x: &[f32], w: &[Lanes], size: usize| dense::sums::<N>(view, x, w.get(first * size..).unwrap_or(&[]));
        let from_input = sums(x[0], self.weights[0], self.sizes[0]);
        let from_state = sums(x[1], self.weights[1], self.sizes[1]);
        for (i, z) in z.chunks_mut(BLOCK).enumerate() {
            let (Some(a), Some(b)) = (from_input.get(i), from_state.get(i)) else { return };
            let b = match self.scales(first + i) {
                Some(scale) => lanes::zip(*b, scale, |b, scale| b * part.of_scale(scale)),
                None => *b,
            };
            for ((z, a), b) in z.iter_mut().zip(a).zip(b) {
                *z = a + b;
            }
        }
    }

    /// [`Linear::apply`] for one view of the weights.
    fn sums(&self, part: (Part, View), x: &Source<'_>, z: &mut [f32]) {
        let [inputs, units] = self.sizes;
        let x = [x.get(0, 0, inputs, 0, inputs), x.get(1, 0, units, 0, units)];
        for (i, z) in z.chunks_mut(BLOCKS * BLOCK).enumerate() {
            match z.len().div_ceil(BLOCK) {
                4 if FAST => self.blocks::<4>(part, x, i * BLOCKS, z),
                3 if ROOMY => self.blocks::<3>(part, x, i * BLOCKS, z),
                2 if ROOMY => self.blocks::<2>(part, x, i * BLOCKS, z),
                _ => {
                    for (j, z) in z.chunks_mut(BLOCK).enumerate() {
                        self.blocks::<1>(part, x, i * BLOCKS + j, z);
                    }
                }
            }
        }
    }
}

impl Forward for Gate<'_> {
    fn rows(&self) -> Rows {
        Rows::blocked(Shape::new(1, 1, self.units), 1)
    }

    fn bias(&self) -> &[f32] {
        self.bias
    }

    fn plain(&self, x: &Source<'_>, _: usize, z: &mut [f32], _: Layout) {
        self.sums((Part::All, View::ALL), x, z);
    }
}

impl Linear for Gate<'_> {
    fn apply(&self, part: Part, x: &Source<'_>, _: usize, z: &mut [f32], _: Layout, _: &mut [Lanes]) {
        let z = z.get_mut(..self.units.next_multiple_of(BLOCK)).unwrap_or(&mut []);
        self.sums((part, View::of(part, x.non_negative)), x, z);
    }

    /// As two convolutions over one pixel, for the weights lie the same way.
    fn distribute(&self, part: Part, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>, room: &mut [Lanes]) {
        let rows = s.row(0);
        let mut whole = |k: usize, rows: &[f32], w: &[Lanes], r: &mut [f32]| {
            if self.sizes[k] == 0 {
                return;
            }
            let strip = Strip { rows, len: rows.len(), newest: 0, slot: 0, kept: 1 };
            let x = Source { values: [x.values[k]; 2], ..*x };
            Conv::point(w, self.sizes[k], rows.len()).distribute(part, &x, &strip, &mut [r, &mut []], room);
        };
        let [to_input, to_state] = r;
        whole(0, rows, self.weights[0], to_input);
        if self.scale.is_none() {
            return whole(1, rows, self.weights[1], to_state);
        }
        for (block, s) in rows.as_chunks::<BLOCK>().0.iter().enumerate() {
            let scale = self.scales(block).unwrap_or([1.0; BLOCK]);
            let s = lanes::zip(*s, scale, |s, scale| s * part.of_scale(scale));
            let w = self.weights[1].get(block * self.sizes[1]..(block + 1) * self.sizes[1]).unwrap_or(&[]);
            whole(1, &s, w, to_state);
        }
    }

    fn fan_in(&self, _: usize, _: usize) -> usize {
        self.sizes[0] + self.sizes[1]
    }
}
