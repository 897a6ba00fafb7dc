//! Layers over int8 tensors, bit for bit as TensorFlow Lite Micro computes them.
//!
//! This file finds the memory of a step and hands it to its layer. Inputs are `x = q − zero point`; sums of `x·w` are
//! exact 32-bit integers, so what is shared with the float layers is the geometry and the meaning of the rules, not
//! the loops.

pub mod add;
pub mod back;
pub mod backward;
pub mod channelwise;
pub mod conv;
pub mod dense;
pub mod lstm;
pub mod mul;
pub mod recipe;
pub mod sink;
pub mod softmax;
pub mod table;
pub mod way;

use super::max_pool::MaxPool;
use super::recurrent::Walk;
use super::structural::Moves;
use super::{Tape, bytes, bytes_mut};
use crate::fixed::Rescale;
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::model::format::step::FLAG_SINGLE_ROUNDING;
use crate::plan::Room;
use crate::step::{Op, SEQUENCE, STEPS, Shape, Step};
use add::Add;
use channelwise::Channelwise;
use conv::Conv;
use dense::Dense;
use lstm::Lstm;
use softmax::Scaling;

impl Tape<'_, '_> {
    /// Runs an int8 step forward.
    pub fn forward_int8(&mut self, index: usize, step: &Step) {
        let model = self.model;
        if step.op.is_structural() {
            return self.move_int8(step);
        }
        let place = |k: usize| if k < step.operands { self.value(model.operand(step, k)) } else { 0..0 };
        let [scratch, kept] = [Room::Forward, Room::Kept].map(|room| self.scratch(room, index));
        let walk = Walk::new(&model, self.mode, step);
        let memory = [place(0), place(1), self.value(step.output), scratch, kept];
        let Ok([x, x2, y, scratch, kept]) = self.arena.get_disjoint_mut(memory) else { return };
        let values = |words, k: usize| {
            let len = if k < step.operands { model.tensor(model.operand(step, k)).shape.elements() } else { 0 };
            bytes(words).get(..len).unwrap_or(&[])
        };
        let (x, x2) = (values(x, 0), values(x2, 1));
        let output = model.tensor(step.output).shape;
        let y = bytes_mut(y).get_mut(..output.elements()).unwrap_or(&mut []);
        let [scratch, kept]: [&mut [i16]; 2] =
            [scratch, kept].map(|words| bytemuck::try_cast_slice_mut(words).unwrap_or(&mut []));
        let zero = |k: usize| model.tensor(model.operand(step, k.min(step.operands - 1))).zero_point;
        let out = Output::new(&model, step);
        match step.op {
            Op::Conv | Op::ConvTranspose => Conv::new(&model, step).forward(x, zero(0), y, &out, scratch),
            Op::Dense => Dense::new(&model, step).forward(x, zero(0), y, &out),
            Op::Depthwise | Op::AveragePool if STEPS => Channelwise::new(&model, step).forward(x, zero(0), y, &out),
            Op::MaxPool => {
                MaxPool::new(&model, step).forward(x, y, i8::MIN);
                for y in y {
                    *y = (*y).max(out.low as i8).min(out.high as i8);
                }
            }
            Op::Add if STEPS => Add::new(&model, step, &out).forward([x, x2], y, &out),
            Op::Mul if STEPS => mul::forward([x, x2], [zero(0), zero(1)], y, &out),
            Op::Lstm if SEQUENCE => Lstm::new(&model, step).forward(&walk, x, y, kept, scratch),
            Op::Softmax => softmax::forward(Scaling::new(step.ints), output.channels, x, y),
            Op::Activation => table::forward(model.bytes(step.params[0]), x, y),
            _ => {}
        }
    }

    /// Moves elements.
    fn move_int8(&mut self, step: &Step) {
        let model = self.model;
        if model.in_place(step) {
            return;
        }
        let output = self.value(step.output);
        if let (Op::Pad, Some(y)) = (step.op, self.arena.get_mut(output.clone())) {
            bytes_mut(y).fill(step.ints[3] as i8);
        }
        for k in 0..step.operands {
            let memory = [self.value(model.operand(step, k)), output.clone()];
            if let Ok([x, y]) = self.arena.get_disjoint_mut(memory) {
                Moves::new(&model, step, k).forward(bytes(x), bytes_mut(y));
            }
        }
    }
}

/// From accumulators to int8: rescale per channel, add the zero point, clamp.
#[derive(Clone, Copy)]
pub struct Output<'a> {
    pairs: &'a [[i32; 2]],
    single: bool,
    zero_point: i32,
    low: i32,
    high: i32,
}

impl<'a> Output<'a> {
    /// Of a step that has a range in its first two attributes and multipliers in its third parameter block.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let [low, high, ..] = step.ints.map(|bits| bits as i32);
        let zero_point = model.tensor(step.output).zero_point;
        let single = step.flags & FLAG_SINGLE_ROUNDING != 0;
        Self { pairs: model.pairs(step.params[2]), single, zero_point, low, high }
    }

    /// The `i`-th factor.
    #[inline(always)]
    pub fn rescale(&self, i: usize) -> Rescale {
        Rescale::new(self.pairs.get(i).copied().unwrap_or([0; 2]), self.single)
    }

    /// An accumulator, rescaled by the factor of its channel.
    #[inline(always)]
    pub fn of(&self, accumulator: i32, channel: usize) -> i8 {
        self.clamped(self.rescale(channel).apply(accumulator))
    }

    /// A value in units of the output.
    #[inline(always)]
    pub fn clamped(&self, value: i32) -> i8 {
        value.saturating_add(self.zero_point).max(self.low).min(self.high) as i8
    }

    /// Whether a value in units of the output is not clamped.
    pub fn is_inside(&self, value: i32) -> bool {
        let value = value.saturating_add(self.zero_point);
        value > self.low && value < self.high
    }

    /// Whether there are factors at all.
    pub fn rescales(&self) -> bool {
        !self.pairs.is_empty()
    }
}

/// Scratch of an int8 step, in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scratch {
    /// Words of one row of `s`.
    pub row: usize,
    /// Rows that are kept, of each of two signs.
    pub depth: usize,
    /// 16-bit inputs of one output.
    pub patch: usize,
}

impl Scratch {
    /// Bytes on the way forward.
    pub const fn forward(step: &Step, input: Shape) -> usize {
        2 * conv::PIXELS * Self::patch(step, input)
    }

    /// What the way back needs.
    pub const fn of(step: &Step, input: Shape, output: Shape) -> Self {
        let patch = Self::patch(step, input);
        match step.op {
            Op::Conv | Op::ConvTranspose | Op::Depthwise | Op::AveragePool => {
                let depth = step.axes(input, output)[0].overlap();
                Self { row: output.row(), depth, patch }
            }
            Op::Dense => {
                Self { row: if output.channels < dense::TILE { output.channels } else { dense::TILE }, depth: 1, patch }
            }
            _ => Self { row: 0, depth: 0, patch: 0 },
        }
    }

    /// Bytes of all of it: rows with an exponent each, and the patch.
    pub const fn bytes(self) -> usize {
        8 * self.depth * (self.row + 1) + 2 * conv::PIXELS * self.patch
    }

    const fn patch(step: &Step, input: Shape) -> usize {
        match step.op {
            Op::Conv | Op::ConvTranspose => conv::patch_len(step, input).next_multiple_of(BLOCK_INT8),
            _ => 0,
        }
    }
}
