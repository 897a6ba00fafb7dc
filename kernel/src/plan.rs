//! Which tensor lives when, and where in the arena.
//!
//! Time runs forward over the steps and back again: step `i` of `n` works at time `i` on the way forward and at
//! `2n − i` on the way back; the seed is set at time `n`. A value lives from its forward step to the last backward
//! step that reads it; a relevance lives from the first consumer's way back to its producer's, and may overlay
//! values that have died. Tensors that share storage (in-place steps) live and move as one.
//!
//! The plan itself (offsets) is made by the converter and stored in the image; here are the lifetimes that it must
//! respect, and that [`Model::new`] holds it to.

use crate::layers::int8;
use crate::layers::linear::Scratch;
use crate::layers::recurrent;
use crate::model::Model;
use crate::step::{Axis, Op, Step, quotient, rounded_up};

/// What an arena is sized for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Mode {
    /// Scores only: smallest arena.
    Infer,
    /// Scores and explanations. Relevance overlays activations that have died, so that a second explanation of the
    /// same input repeats the inference.
    Explain,
    /// Scores and explanations; every activation is kept, so that several explanations share one inference.
    Retain,
}

impl Mode {
    /// All modes, in the order of the image.
    pub const ALL: [Self; 3] = [Self::Infer, Self::Explain, Self::Retain];

    /// Whether relevance has a place in this mode.
    pub const fn explains(self) -> bool {
        !matches!(self, Self::Infer)
    }
}

/// Memory of a step's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Room {
    /// While it works forward.
    Forward,
    /// While it works back.
    Back,
    /// From the way forward to the way back: the tape of a recurrent step.
    Kept,
}

impl Room {
    /// All, in the order of the image.
    pub const ALL: [Self; 3] = [Self::Forward, Self::Back, Self::Kept];

    /// When a step needs it, in a model of `steps` steps.
    pub const fn lifetime(self, mode: Mode, steps: usize, step: usize) -> Lifetime {
        let (forward, back) = (forward_time(step), backward_time(steps, step));
        match (self, mode) {
            (Self::Forward, _) | (Self::Kept, Mode::Infer) => Lifetime { first: forward, last: forward },
            (Self::Back, _) => Lifetime { first: back, last: back },
            (Self::Kept, Mode::Explain) => Lifetime { first: forward, last: back },
            (Self::Kept, Mode::Retain) => Lifetime { first: forward, last: end_time(steps) },
        }
    }
}

/// First and last time at which something must be in memory, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// First write.
    pub first: usize,
    /// Last read.
    pub last: usize,
}

impl Lifetime {
    /// Whether both are in memory at some time.
    pub const fn meets(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Whether `other` lies within.
    pub const fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    const fn including(self, time: usize) -> Self {
        Self {
            first: if time < self.first { time } else { self.first },
            last: if time > self.last { time } else { self.last },
        }
    }
}

/// When step `i` works on the way forward.
pub const fn forward_time(step: usize) -> usize {
    step
}

/// When the seed is set, in a model of `steps` steps.
pub const fn seed_time(steps: usize) -> usize {
    steps
}

/// When step `i` works on the way back.
pub const fn backward_time(steps: usize, step: usize) -> usize {
    2 * steps - step
}

/// The moment after everything.
pub const fn end_time(steps: usize) -> usize {
    2 * steps + 1
}

/// When the value in this storage must be in memory.
pub const fn value_lifetime(model: &Model<'_>, mode: Mode, storage: usize) -> Lifetime {
    let steps = model.steps();
    let mut life = Lifetime { first: usize::MAX, last: 0 };
    let mut i = 0;
    while i < steps {
        let step = model.links(i);
        if model.storage(step.output) == storage {
            life = life.including(forward_time(i));
        }
        let mut k = 0;
        while k < step.operands {
            if model.storage(model.operand_at(step.first + k)) == storage {
                life = life.including(forward_time(i));
                if mode.explains() && step.op.reads_operands_back() {
                    life = life.including(backward_time(steps, i));
                }
            }
            k += 1;
        }
        i += 1;
    }
    let mut p = 0;
    while p < model.inputs() + model.outputs() {
        if model.storage(model.port_tensor(p)) == storage {
            if p < model.inputs() {
                life = life.including(0);
            }
            if p >= model.inputs() {
                life = life.including(seed_time(steps));
            }
            if mode.explains() {
                life = life.including(end_time(steps));
            }
        }
        p += 1;
    }
    if matches!(mode, Mode::Retain) { life.including(end_time(steps)) } else { life }
}

/// When the relevance of this storage must be in memory.
pub const fn relevance_lifetime(model: &Model<'_>, storage: usize) -> Lifetime {
    let steps = model.steps();
    let mut life = Lifetime { first: usize::MAX, last: 0 };
    let mut i = 0;
    while i < steps {
        let step = model.links(i);
        let mut k = 0;
        while k < step.operands {
            if model.storage(model.operand_at(step.first + k)) == storage {
                life = life.including(backward_time(steps, i));
                // Relevance starts before a softmax at the output.
                if matches!(step.op, Op::Softmax) {
                    life = life.including(seed_time(steps));
                }
            }
            k += 1;
        }
        if model.storage(step.output) == storage {
            life = life.including(backward_time(steps, i));
        }
        i += 1;
    }
    let mut p = 0;
    while p < model.inputs() + model.outputs() {
        if model.storage(model.port_tensor(p)) == storage {
            life = life.including(if p < model.inputs() { end_time(steps) } else { seed_time(steps) });
        }
        p += 1;
    }
    life
}

/// How far behind the relevance of a step's first operand the relevance of its output must lie, in bytes, so that the
/// one may overlay the other: what is written then lies only on what has been read. `None` where it may not at all.
///
/// Only steps in int8 read what arrived once and in order.
pub const fn overlay_lead(model: &Model<'_>, step: &Step) -> Option<isize> {
    if !model.is_int8(step) || model.in_place(step) {
        return None;
    }
    let input = model.tensor(model.operand(step, 0)).shape;
    let output = model.tensor(step.output).shape;
    match step.op {
        Op::Add | Op::Activation => Some(0),
        // All inputs are written as soon as the first outputs have been read.
        Op::Dense => {
            let first = if output.channels < int8::dense::TILE { output.channels } else { int8::dense::TILE };
            Some(4 * input.elements() as isize - 4 * first as isize)
        }
        Op::Conv | Op::ConvTranspose | Op::Depthwise | Op::AveragePool => {
            let [rows, _] = step.axes(input, output);
            let turns = turns(&rows);
            let (mut lead, mut i) = (isize::MIN, 0);
            while i < turns.len() {
                let ahead = ahead(&rows, turns[i], input.row(), output.row());
                lead = if ahead > lead { ahead } else { lead };
                i += 1;
            }
            Some(lead)
        }
        _ => None,
    }
}

/// How far what is written reaches ahead of what has been read, in bytes, after output row `o`.
const fn ahead(rows: &Axis, o: usize, written: usize, read: usize) -> isize {
    4 * (written * rows.settled(o).end) as isize - 4 * (read * (o + 1)) as isize
}

/// The output rows of which one reaches farthest ahead. From row to row the reach falls by a row that is read and rises
/// with the inputs that settle: of none before the window leaves the padding (or the first whole stride), of equally many
/// from there on, of none once all have. So it is largest where that changes, and a model of millions of rows is looked
/// at in no time.
const fn turns(rows: &Axis) -> [usize; 6] {
    let last = rows.output - 1;
    let (first, end) = if rows.transposed {
        // The first and the last output with which another input settles.
        let reach = (rows.kernel - 1) * rows.dilation;
        let lowest = rounded_up(rows.before.saturating_sub(reach), rows.stride);
        let highest = rounded_up((last + rows.before + 1).saturating_sub(reach), rows.stride);
        let highest = (if highest < rows.input { highest } else { rows.input }).saturating_sub(1);
        let place = [lowest * rows.stride + reach, highest * rows.stride + reach];
        (place[0].saturating_sub(rows.before), place[1].saturating_sub(rows.before))
    } else {
        (quotient(rows.before, rows.stride), quotient(rows.input + rows.before, rows.stride))
    };
    let turns = [0, first.saturating_sub(1), first, end.saturating_sub(1), end, last];
    let (mut clipped, mut i) = ([last; 6], 0);
    while i < turns.len() {
        clipped[i] = if turns[i] < last { turns[i] } else { last };
        i += 1;
    }
    clipped
}

/// How far behind the relevance of a step's first operand the operand's value must lie, so that the relevance may
/// overlay the value: a row of values is read just before its relevance is written.
pub const fn value_lead(model: &Model<'_>, step: &Step) -> Option<isize> {
    if !model.is_int8(step) {
        return None;
    }
    let input = model.tensor(model.operand(step, 0)).shape;
    match step.op {
        Op::Conv | Op::ConvTranspose | Op::Depthwise | Op::AveragePool => {
            Some((3 * input.elements() + input.row()) as isize)
        }
        _ => None,
    }
}

/// Whether the relevance in a storage may overlay the value there, `ahead` bytes behind it in memory: the step that
/// writes the one is the last that reads the other.
pub(crate) const fn may_overlay_value(model: &Model<'_>, mode: Mode, storage: usize, ahead: isize) -> bool {
    let steps = model.steps();
    let mut i = 0;
    while i < steps {
        let step = model.step(i);
        let time = backward_time(steps, i);
        if model.storage(model.operand(&step, 0)) == storage && value_lifetime(model, mode, storage).last == time {
            return match value_lead(model, &step) {
                Some(lead) => relevance_lifetime(model, storage).first == time && ahead >= lead,
                None => false,
            };
        }
        i += 1;
    }
    false
}

/// Whether the relevance in storage `sink` may overlay that in storage `source`, `ahead` bytes behind it in memory:
/// they meet in one step only, which reads the one while it writes the other.
pub(crate) const fn may_overlay(model: &Model<'_>, sink: usize, source: usize, ahead: isize) -> bool {
    let steps = model.steps();
    let mut i = 0;
    while i < steps {
        let step = model.step(i);
        if model.storage(step.output) == source && model.storage(model.operand(&step, 0)) == sink {
            let time = backward_time(steps, i);
            let met = relevance_lifetime(model, source).last == time && relevance_lifetime(model, sink).first == time;
            return match overlay_lead(model, &step) {
                Some(lead) => met && ahead >= lead,
                None => false,
            };
        }
        i += 1;
    }
    false
}

/// Bytes of scratch that a step needs.
pub const fn scratch_bytes(model: &Model<'_>, mode: Mode, room: Room, index: usize) -> usize {
    let step = model.step(index);
    if model.is_int8(&step) {
        let input = model.tensor(model.operand(&step, 0)).shape;
        let output = model.tensor(step.output).shape;
        if matches!(step.op, Op::Lstm) {
            return match room {
                Room::Forward => int8::lstm::forward_bytes(input),
                Room::Back if mode.explains() => int8::lstm::back::scratch_bytes(input, output),
                Room::Back => 0,
                Room::Kept => int8::lstm::tape_bytes(mode, input, output),
            };
        }
        return match room {
            Room::Forward => int8::Scratch::forward(&step, input),
            Room::Back if mode.explains() => int8::Scratch::of(&step, input, output).bytes(),
            Room::Back | Room::Kept => 0,
        };
    }
    if step.op.is_recurrent() {
        let input = model.tensor(model.operand(&step, 0)).shape;
        let output = model.tensor(step.output).shape;
        return match room {
            Room::Kept => recurrent::tape_bytes(mode, &step, input, output),
            Room::Back if mode.explains() => 4 * recurrent::scratch_len(&step, input, output),
            _ => 0,
        };
    }
    if !mode.explains() || !matches!(room, Room::Back) {
        return 0;
    }
    // An activation in place recomputes what it overwrote, with the scratch of the step before it.
    let recomputed = match step.op {
        Op::Activation if model.in_place(&step) => match model.producer(model.operand(&step, 0)) {
            Some(producer) => model.step(producer),
            None => step,
        },
        _ => step,
    };
    if !recomputed.op.is_linear() {
        return 0;
    }
    let input = model.tensor(model.operand(&recomputed, 0)).shape;
    let output = model.tensor(recomputed.output).shape;
    4 * Scratch::of(&recomputed, input, output).total()
}

/// Bytes of the ledger and of the marks that say which relevances have been written.
pub const fn ledger_bytes(model: &Model<'_>) -> usize {
    let words = if model.is_all_int8() { crate::ledger::Whole::WORDS } else { crate::ledger::Entry::WORDS };
    4 * model.steps() * words + model.tensors().next_multiple_of(4)
}

/// Where one tensor lies in an arena, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Offset in bytes, `None` where there is nothing to place.
    pub offset: Option<usize>,
    /// When it is in memory.
    pub lifetime: Lifetime,
}

#[cfg(test)]
mod tests {
    use super::{ahead, turns};
    use crate::step::Axis;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn the_farthest_row_is_among_the_turns(
            (input, output, kernel, stride) in (1usize..20, 1usize..30, 1usize..7, 1usize..6),
            (dilation, before, transposed) in (1usize..4, 0usize..9, any::<bool>()),
            (written, read) in (1usize..9, 1usize..9),
        ) {
            let rows = Axis { input, output, kernel, stride, dilation, before, after: 0, transposed };
            let farthest = |rows_of: &mut dyn Iterator<Item = usize>| rows_of.map(|o| ahead(&rows, o, written, read)).max();
            prop_assert_eq!(farthest(&mut turns(&rows).into_iter()), farthest(&mut (0..output)));
        }
    }
}
