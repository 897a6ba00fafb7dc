//! One file per layer: its forward and its way back, side by side.
//!
//! This file only finds the memory of a step and hands it to its layer.

pub mod activation;
pub mod add;
pub mod affine;
pub mod conv;
pub mod dense;
pub mod embedding;
pub mod grid;
pub mod int8;
pub mod linear;
pub mod local_response_norm;
pub mod max_pool;
pub mod mul;
pub mod recurrent;
pub mod softmax;
pub mod structural;
pub mod way;
pub mod window;

use crate::lanes;
use crate::model::Model;
use crate::model::format::BLOCK;
use crate::number::Taken;
use crate::plan::{Mode, Placement, Room};
use crate::rule::{Choice, Rule};
use crate::step::{Op, SEQUENCE, STEPS, Step};
use crate::values::Values;
use activation::Activation;
use add::Add;
use affine::Affine;
use conv::Conv;
use core::ops::Range;
use dense::Dense;
use embedding::Embedding;
use linear::{Forward, Linear, Scratch, Source};
use local_response_norm::LocalResponseNorm;
use max_pool::MaxPool;
use structural::Moves;
use way::Way;
use window::Window;

/// Evaluates `$body` with `$layer` being the linear layer that a step describes.
macro_rules! with_linear {
    ($model:expr, $step:expr, |$layer:ident| $body:expr) => {
        match $step.op {
            Op::Conv | Op::ConvTranspose => {
                let $layer = Conv::new($model, $step);
                $body
            }
            Op::Affine if STEPS => {
                let $layer = Affine::new($model, $step);
                $body
            }
            Op::Add if STEPS => {
                let $layer = Add::new($model, $step);
                $body
            }
            Op::Depthwise | Op::AveragePool if STEPS => {
                let $layer = Window::new($model, $step);
                $body
            }
            _ => {
                let $layer = Dense::new($model, $step);
                $body
            }
        }
    };
}

/// A model and its arena, as the layers see them: tensors by name of their place.
pub struct Tape<'m, 'a> {
    /// The model.
    pub model: Model<'m>,
    /// What the arena is planned for.
    pub mode: Mode,
    /// The arena.
    pub arena: &'a mut [f32],
    /// No element of the inputs is negative: half of each split by sign vanishes.
    pub inputs_non_negative: bool,
}

/// Where something of so many bytes is, in words of the arena.
fn words(place: Placement, bytes: usize) -> Range<usize> {
    let start = place.offset.unwrap_or(0) / 4;
    start..start + place.offset.map_or(0, |_| bytes.div_ceil(4))
}

/// Words as the tokens they are.
fn tokens(words: &[f32]) -> &[u16] {
    bytemuck::try_cast_slice(words).unwrap_or(&[])
}

/// Words as the bytes they are.
pub fn bytes(words: &[f32]) -> &[i8] {
    bytemuck::try_cast_slice(words).unwrap_or(&[])
}

/// Words as the bytes they are.
pub fn bytes_mut(words: &mut [f32]) -> &mut [i8] {
    bytemuck::try_cast_slice_mut(words).unwrap_or(&mut [])
}

impl Tape<'_, '_> {
    /// Where a tensor's value is, in whole words.
    pub fn value(&self, tensor: usize) -> Range<usize> {
        words(self.model.value_placement(self.mode, tensor), self.model.tensor(tensor).bytes())
    }

    /// Where a tensor's relevance is.
    pub fn relevance(&self, tensor: usize) -> Range<usize> {
        words(self.model.relevance_placement(self.mode, tensor), self.model.tensor(tensor).relevance_bytes())
    }

    /// A tensor's value.
    pub fn values_of(&self, tensor: usize) -> Option<Values<'_>> {
        self.arena.get(self.value(tensor)).map(|words| Values::new(words, &self.model.tensor(tensor)))
    }

    /// Values of a step's first two operands; the second is empty where there is none.
    fn operands(&self, step: &Step) -> [Range<usize>; 2] {
        [0, 1].map(|k| if k < step.operands.min(2) { self.value(self.model.operand(step, k)) } else { 0..0 })
    }

    fn sinks(&self, step: &Step) -> [Range<usize>; 2] {
        [0, 1].map(|k| if k < step.operands.min(2) { self.relevance(self.model.operand(step, k)) } else { 0..0 })
    }

    /// Runs a step forward.
    pub fn forward(&mut self, index: usize, step: &Step) {
        let model = self.model;
        if model.is_int8(step) {
            return self.forward_int8(index, step);
        }
        if !cfg!(feature = "float") {
            return;
        }
        if step.op.is_conversion() {
            return self.convert(step);
        }
        if SEQUENCE && step.op.is_recurrent() {
            return self.forward_recurrent(index, step);
        }
        let output = self.value(step.output);
        let in_place = model.in_place(step);
        if step.op.is_structural() {
            for k in 0..if in_place { 0 } else { step.operands } {
                let input = self.value(model.operand(step, k));
                // Padding keeps the value that the first operand's turn found.
                if let (Op::Pad, Some(y)) = (step.op, self.arena.get_mut(output.clone())) {
                    y.fill(step.floats[0]);
                }
                if let Ok([x, y]) = self.arena.get_disjoint_mut([input, output.clone()]) {
                    Moves::new(&model, step, k).forward(x, y);
                }
            }
            return;
        }
        if in_place {
            if let Some(values) = self.arena.get_mut(output) {
                Activation::new(&model, step).forward(values);
            }
            return;
        }
        let [first, second] = self.operands(step);
        let Ok([x, x2, y]) = self.arena.get_disjoint_mut([first, second, output]) else { return };
        match step.op {
            Op::MaxPool => MaxPool::new(&model, step).forward(x, y, f32::NEG_INFINITY),
            Op::Activation => {
                lanes::copy(y, x);
                Activation::new(&model, step).forward(y);
            }
            Op::Mul if STEPS => mul::forward(x, x2, y),
            Op::Embedding if SEQUENCE => Embedding::new(&model, step).forward(tokens(x), y),
            Op::LocalResponseNorm if STEPS => LocalResponseNorm::new(&model, step).forward(x, y),
            Op::Softmax => softmax::forward(step.variant == 1, model.tensor(step.output).shape.channels, x, y),
            _ => with_linear!(&model, step, |layer| linear::forward(&layer, [x, x2], y)),
        }
    }

    /// Float to int8, or back.
    fn convert(&mut self, step: &Step) {
        let from = self.model.tensor(self.model.operand(step, 0));
        let to = self.model.tensor(step.output);
        let memory = [self.value(self.model.operand(step, 0)), self.value(step.output)];
        let Ok([x, y]) = self.arena.get_disjoint_mut(memory) else { return };
        if step.op == Op::Quantize {
            for (y, x) in bytes_mut(y).iter_mut().zip(x) {
                *y = to.quantized(*x);
            }
        } else {
            for (y, x) in y.iter_mut().zip(bytes(x)) {
                *y = from.real(*x);
            }
        }
    }

    /// Passes relevance back through a step, adding to what its operands have. Kinds of steps are apart, so that none needs
    /// the stack of all.
    pub fn backward(&mut self, index: usize, step: &Step, choice: Option<Choice<'_>>, condition: bool) -> Taken<f32> {
        let rule = choice.map_or(Rule::Pass, |choice| choice.rule);
        if !cfg!(feature = "float") {
            return Taken::default();
        }
        if step.op.is_conversion() {
            let memory = [self.relevance(step.output), self.relevance(self.model.operand(step, 0))];
            if let Ok([r, sink]) = self.arena.get_disjoint_mut(memory) {
                linear::add_to(sink, r);
            }
        } else if self.model.in_place(step) {
            self.in_place_back(index, step, &rule);
        } else if step.op.is_structural() {
            self.structural_back(step);
        } else if let (true, Some(choice)) = (SEQUENCE && step.op.is_recurrent(), choice) {
            return self.backward_recurrent(index, step, choice, condition);
        } else if let Some(choice) = choice {
            return self.layer_back(index, step, choice, condition);
        }
        Taken::default()
    }

    #[inline(never)]
    fn structural_back(&mut self, step: &Step) {
        for k in 0..step.operands {
            let memory = [self.relevance(step.output), self.relevance(self.model.operand(step, k))];
            if let Ok([r, sink]) = self.arena.get_disjoint_mut(memory) {
                Moves::new(&self.model, step, k).backward(r, sink);
            }
        }
    }

    #[inline(never)]
    fn layer_back(&mut self, index: usize, step: &Step, choice: Choice<'_>, condition: bool) -> Taken<f32> {
        let model = self.model;
        let ([x, x2], [sink, sink2]) = (self.operands(step), self.sinks(step));
        let memory = [x, x2, sink, sink2, self.relevance(step.output), self.scratch(Room::Back, index)];
        let (non_negative, sizes) = (self.reads_non_negative(step), self.scratch_sizes(step));
        let Ok([x, x2, sink, sink2, r, scratch]) = self.arena.get_disjoint_mut(memory) else {
            return Taken::default();
        };
        let (rule, channels) = (choice.rule, model.tensor(step.output).shape.channels);
        match step.op {
            Op::MaxPool => MaxPool::new(&model, step).backward(&rule, x, r, sink),
            Op::Activation => {
                Activation::new(&model, step).backward(&rule, x, 0, r);
                linear::add_to(sink, r);
            }
            Op::Mul if STEPS => mul::backward(&rule, [x, x2], r, [sink, sink2]),
            Op::Embedding if SEQUENCE => {
                Embedding::new(&model, step).backward(&rule, tokens(x), r, sink);
            }
            Op::LocalResponseNorm if STEPS => {
                let st = choice.effective_stabilizer();
                LocalResponseNorm::new(&model, step).backward(&rule, st, x, r, sink);
            }
            Op::Softmax => softmax::backward(&rule, step.variant == 1, channels, x, r, sink),
            _ => {
                let source = Source::tensor([x, x2], non_negative);
                #[allow(clippy::large_stack_arrays, reason = "where the stack is small there is no room")]
                let mut room = [[0.0; BLOCK]; linear::ROOM];
                // Behind a pointer, so that the rules are compiled once for all layers.
                let mut back = |layer: &dyn Linear| {
                    let way = &mut Way::new(layer, sizes, source, r, [sink, sink2], scratch, choice);
                    let Some(way) = way else { return Taken::default() };
                    (way.room, way.measure_condition) = (&mut room, condition);
                    way.propagate()
                };
                return with_linear!(&model, step, |layer| back(&layer));
            }
        }
        Taken::default()
    }

    /// Whether no operand of a step is negative.
    fn reads_non_negative(&self, step: &Step) -> bool {
        (0..step.operands).map(|k| self.model.operand(step, k)).all(|tensor| {
            let is_input = (0..self.model.inputs()).any(|i| self.model.input(i).tensor == tensor);
            self.model.tensor(tensor).non_negative || (is_input && self.inputs_non_negative)
        })
    }

    fn scratch_sizes(&self, step: &Step) -> Scratch {
        let input = self.model.tensor(self.model.operand(step, 0)).shape;
        Scratch::of(step, input, self.model.tensor(step.output).shape)
    }

    fn scratch(&self, room: Room, index: usize) -> Range<usize> {
        let bytes = crate::plan::scratch_bytes(&self.model, self.mode, room, index);
        let start = self.model.scratch_offset(self.mode, room, index).unwrap_or(0) / 4;
        start..start + bytes / 4
    }

    /// An activation that overwrote its input: the input is computed again, row by row, from what the step before it
    /// read, which is still there because that step's own way back comes later.
    #[inline(never)]
    fn in_place_back(&mut self, index: usize, step: &Step, rule: &Rule<'_>) {
        let model = self.model;
        let Some(producer) = model.producer(model.operand(step, 0)) else { return };
        if *rule == Rule::Pass || step.op != Op::Activation {
            return;
        }
        let before = model.step(producer);
        let [x, x2] = self.operands(&before);
        let memory = [x, x2, self.relevance(step.output), self.scratch(Room::Back, index)];
        let Ok([x, x2, r, scratch]) = self.arena.get_disjoint_mut(memory) else { return };
        let activation = Activation::new(&model, step);
        let row_len = model.tensor(before.output).shape.row();
        let Some(z) = scratch.get_mut(..row_len) else { return };
        let mut back = |layer: &dyn Forward| {
            for (row, r) in r.chunks_exact_mut(row_len.max(1)).enumerate() {
                linear::forward_row(layer, [x, x2], row, z);
                activation.backward(rule, z, row * row_len, r);
            }
        };
        with_linear!(&model, &before, |layer| back(&layer));
    }
}
