//! Recurrent layers: a cell that walks over a sequence, and the tape that its way back reads.
//!
//! The tape has a row per moment, in the order in which the cell meets them, after a row for the state before the
//! first; without explanations only the newest two rows are kept. What a row holds is the cell's own business; its
//! last part is the state.

pub mod gate;
pub mod gru;
pub mod lstm;

use super::linear::{Operands, Scratch, Sinks, Source};
use super::way::Way;
use super::{Tape, int8, linear};
use crate::lanes::{Sum, absolute};
use crate::math;
use crate::model::Model;
use crate::model::format::step::{FLAG_ALL_STATES, FLAG_REVERSE};
use crate::number::Taken;
use crate::plan::{Mode, Room};
use crate::rule::{Bias, Choice, Gates, Stabilizer};
use crate::step::{Op, Shape, Step, remainder};
use core::ops::Range;
use gate::Gate;
use gru::Gru;
use lstm::Lstm;

/// Parts of a row of the tape, each as long as the state.
pub const fn parts(op: Op) -> usize {
    match op {
        Op::Lstm => 6,
        _ => 5,
    }
}

/// Rows of the tape.
pub const fn rows(mode: Mode, moments: usize) -> usize {
    if mode.explains() { moments + 1 } else { 2 }
}

/// Bytes of the tape.
pub const fn tape_bytes(mode: Mode, step: &Step, input: Shape, output: Shape) -> usize {
    4 * rows(mode, input.height) * parts(step.op) * output.channels
}

/// Scratch of the way back, in floats: relevance of the state and of the cell, of four gates, a bias, and what a
/// linear layer needs.
pub const fn scratch_len(step: &Step, input: Shape, output: Shape) -> usize {
    7 * output.channels + Scratch::of(step, input, output).total()
}

/// How a step walks.
#[derive(Clone, Copy)]
pub struct Walk {
    /// Moments there are.
    pub moments: usize,
    /// Elements of an input.
    inputs: usize,
    /// Elements of the state.
    units: usize,
    /// From the last moment to the first.
    reverse: bool,
    /// The output is all states, not the last one.
    all: bool,
    /// Elements of a row of the tape.
    len: usize,
    /// Rows of the tape.
    rows: usize,
}

impl Walk {
    /// Over the input of a step, with a tape of floats or of 16-bit integers.
    pub fn new(model: &Model<'_>, mode: Mode, step: &Step) -> Self {
        let input = model.tensor(model.operand(step, 0)).shape;
        let units = model.tensor(step.output).shape.channels;
        let len = if model.is_int8(step) { int8::lstm::row_len(units) } else { parts(step.op) * units };
        Self {
            moments: input.height,
            inputs: input.channels,
            units,
            reverse: step.flags & FLAG_REVERSE != 0,
            all: step.flags & FLAG_ALL_STATES != 0,
            len,
            rows: rows(mode, input.height),
        }
    }

    /// The moment that is met as the `k`-th, counted from one.
    fn moment(&self, k: usize) -> usize {
        if self.reverse { self.moments - k } else { k - 1 }
    }

    /// Where the row of the `k`-th moment lies on the tape, counted from one; the state before the first is the zeroth.
    pub fn row(&self, k: usize) -> Range<usize> {
        let at = remainder(k, self.rows) * self.len;
        at..at + self.len
    }

    /// Where the relevance or the value of the state after the `k`-th moment lies in the output, if it does.
    pub fn output(&self, k: usize) -> Option<Range<usize>> {
        let row = if self.all { self.moment(k) } else { 0 };
        (self.all || k == self.moments).then(|| row * self.units..(row + 1) * self.units)
    }

    /// The input of the `k`-th moment.
    pub fn input(&self, k: usize) -> Range<usize> {
        let at = self.moment(k) * self.inputs;
        at..at + self.inputs
    }

    /// The state at the end of a row.
    fn state<'t>(&self, row: &'t [f32]) -> &'t [f32] {
        row.get(self.len - self.units..).unwrap_or(&[])
    }
}

/// One element of a part of a row.
#[inline(always)]
fn at(row: &[f32], units: usize, i: usize, j: usize) -> f32 {
    row.get(i * units + j).copied().unwrap_or(0.0)
}

/// A kind of cell. This half is what inference links: nothing of it leads to the rules.
trait Cell {
    /// Fills a row of the tape from the input and the row before.
    fn forward(&self, x: &[f32], before: &[f32], row: &mut [f32]);
}

/// The other half.
trait CellBack {
    /// Relevance of a moment: takes what arrived at the state, leaves what goes to the state before, and passes the
    /// rest to the input.
    fn backward(&self, moment: &Moment<'_>, back: &mut Back<'_>, to_input: &mut [f32]);
}

/// What a moment computed with.
struct Moment<'t> {
    x: &'t [f32],
    before: &'t [f32],
    row: &'t [f32],
}

/// Passes relevance of a gate through its linear map, and adds to what was taken.
fn handed(
    map: &Gate<'_>,
    operands: Operands<'_>,
    relevance: &[f32],
    sinks: Sinks<'_>,
    (scratch, sizes): (&mut [f32], Scratch),
    (choice, condition): (Choice<'_>, bool),
    taken: Taken<f32>,
) -> Taken<f32> {
    if relevance.iter().all(|r| *r == 0.0) {
        return taken;
    }
    let way = &mut Way::new(map, sizes, Source::tensor(operands, false), relevance, sinks, scratch, choice);
    let Some(way) = way else { return taken };
    (way.taken, way.measure_condition) = (taken, condition);
    way.propagate()
}

/// The way back from moment to moment.
struct Back<'b> {
    units: usize,
    choice: Choice<'b>,
    /// Condition figures are wanted.
    condition: bool,
    /// Of the output's state, then of the state before.
    state: &'b mut [f32],
    /// Of the LSTM's cell.
    cell: &'b mut [f32],
    /// Of up to four gates.
    gates: &'b mut [f32],
    /// A bias that differs between moments.
    bias: &'b mut [f32],
    scratch: &'b mut [f32],
    sizes: Scratch,
    taken: Taken<f32>,
}

impl Back<'_> {
    /// Passes what arrived at a gate, in its place among the gates, through its linear map to both operands; the state
    /// before gets its part on top of what it has.
    fn through(&mut self, map: &Gate<'_>, gate: usize, operands: Operands<'_>, to_input: &mut [f32]) {
        let r = self.gates.get(gate * self.units..(gate + 1) * self.units).unwrap_or(&[]);
        self.taken = handed(
            map,
            operands,
            r,
            [to_input, self.state],
            (self.scratch, self.sizes),
            (self.choice, self.condition),
            self.taken,
        );
    }

    /// The same, but what the state before would get goes to another place among the gates.
    fn through_apart(&mut self, map: &Gate<'_>, gate: usize, to: usize, operands: Operands<'_>, to_input: &mut [f32]) {
        let place = |i: usize| i * self.units..(i + 1) * self.units;
        let Ok([r, to_state]) = self.gates.get_disjoint_mut([place(gate), place(to)]) else { return };
        self.taken = handed(
            map,
            operands,
            r,
            [to_input, to_state],
            (self.scratch, self.sizes),
            (self.choice, self.condition),
            self.taken,
        );
    }

    fn add_to_state(&mut self, j: usize, value: f32) {
        if let Some(r) = self.state.get_mut(j) {
            *r += value;
        }
    }

    /// Splits relevance of sums of two terms between them (ε-rule, with the form and the ε of the choice), into two
    /// places among the gates. What the stabiliser takes is booked, or, to be redistributed, spread over both terms of
    /// all units (Arras et al. 2017).
    fn split(&mut self, relevance: &[f32], terms: impl Fn(usize) -> [f32; 2], places: [usize; 2]) {
        let stabilizer = self.stabilizer(&terms);
        let mut spread = 0.0;
        for (j, r) in relevance.iter().enumerate() {
            let terms = terms(j);
            let sum = terms[0] + terms[1];
            let stable = stabilizer.stabilized(sum);
            let s = if *r == 0.0 || stable == 0.0 { 0.0 } else { r / stable };
            if stable == 0.0 {
                self.taken.dropped.add_one(*r);
            }
            if self.choice.bias == Bias::Redistribute {
                spread += s * (stable - sum) / (2 * self.units) as f32;
            } else {
                self.taken.stabilizer.add_one(s * (stable - sum));
            }
            for (place, term) in places.into_iter().zip(terms) {
                self.set(place, j, term * s);
            }
        }
        for place in places {
            (0..self.units).for_each(|j| self.set(place, j, self.get(place, j) + spread));
        }
    }

    /// The stabiliser of such a sum, with ε in units of it where it is relative to the rms.
    fn stabilizer(&self, terms: &impl Fn(usize) -> [f32; 2]) -> Stabilizer {
        let Stabilizer::NormScale(epsilon) = self.choice.effective_stabilizer() else {
            return self.choice.effective_stabilizer();
        };
        let mut squares = Sum::default();
        for [a, b] in (0..self.units).map(terms) {
            squares.add_one((a + b) * (a + b));
        }
        Stabilizer::Signed(epsilon * math::sqrt(squares.total().value() / self.units as f32))
    }

    /// Relevance of a product as that of the gate and that of the signal; both are told by what they were before their
    /// functions, where that matters.
    fn shares(&self, relevance: f32, gate: impl FnOnce() -> f32, signal: impl FnOnce() -> f32) -> [f32; 2] {
        let proportional = |gate: f32, signal: f32| {
            let part = gate / Stabilizer::DEFAULT.stabilized(gate + signal);
            [relevance * part, relevance * (1.0 - part)]
        };
        match self.choice.gates {
            Gates::Signal => [0.0, relevance],
            Gates::Half => [0.5 * relevance; 2],
            Gates::Proportional => proportional(gate(), signal()),
            Gates::Magnitude => proportional(absolute(gate()), absolute(signal())),
        }
    }

    /// Relevance in a place among the gates.
    fn get(&self, place: usize, j: usize) -> f32 {
        at(self.gates, self.units, place, j)
    }

    fn set(&mut self, place: usize, j: usize, value: f32) {
        if let Some(r) = self.gates.get_mut(place * self.units + j) {
            *r = value;
        }
    }

    /// Whether derivatives are wanted.
    fn is_gradient(&self) -> bool {
        !self.choice.rule.conserves()
    }
}

impl Tape<'_, '_> {
    /// Runs a recurrent step forward.
    pub fn forward_recurrent(&mut self, index: usize, step: &Step) {
        let model = self.model;
        let walk = Walk::new(&model, self.mode, step);
        let memory = [self.value(model.operand(step, 0)), self.value(step.output), self.scratch(Room::Kept, index)];
        let Ok([x, y, tape]) = self.arena.get_disjoint_mut(memory) else { return };
        let mut go = |cell: &dyn Cell| {
            tape.get_mut(walk.row(0)).unwrap_or(&mut []).fill(0.0);
            for k in 1..=walk.moments {
                let Ok([before, row]) = tape.get_disjoint_mut([walk.row(k - 1), walk.row(k)]) else { return };
                cell.forward(x.get(walk.input(k)).unwrap_or(&[]), before, row);
                if let Some(y) = walk.output(k).and_then(|place| y.get_mut(place)) {
                    crate::lanes::copy(y, walk.state(row));
                }
            }
        };
        match step.op {
            Op::Lstm => go(&Lstm::new(&model, step)),
            _ => go(&Gru::new(&model, step)),
        }
    }

    /// Passes relevance back through a recurrent step. What arrives at the state before the first moment is booked as
    /// dropped.
    #[inline(never)]
    pub fn backward_recurrent(&mut self, index: usize, step: &Step, choice: Choice<'_>, condition: bool) -> Taken<f32> {
        let model = self.model;
        let walk = Walk::new(&model, self.mode, step);
        let sizes = self.scratch_sizes(step);
        let input = model.operand(step, 0);
        let (kept, scratch) = (self.scratch(Room::Kept, index), self.scratch(Room::Back, index));
        let memory = [self.value(input), self.relevance(step.output), self.relevance(input), kept, scratch];
        let Ok([x, r, sink, tape, scratch]) = self.arena.get_disjoint_mut(memory) else { return Taken::default() };
        let units = walk.units;
        let Some((own, scratch)) = scratch.split_at_mut_checked(7 * units) else { return Taken::default() };
        own.fill(0.0);
        let Ok([state, cell, gates, bias]) =
            own.get_disjoint_mut([0..units, units..2 * units, 2 * units..6 * units, 6 * units..7 * units])
        else {
            return Taken::default();
        };
        let mut back =
            Back { units, choice, condition, state, cell, gates, bias, scratch, sizes, taken: Taken::default() };
        let mut go = |layer: &dyn CellBack| {
            for k in (1..=walk.moments).rev() {
                if let Some(r) = walk.output(k).and_then(|place| r.get(place)) {
                    linear::add_to(back.state, r);
                }
                let part = |place: Range<usize>| tape.get(place).unwrap_or(&[]);
                let x = x.get(walk.input(k)).unwrap_or(&[]);
                let moment = Moment { x, before: part(walk.row(k - 1)), row: part(walk.row(k)) };
                layer.backward(&moment, &mut back, sink.get_mut(walk.input(k)).unwrap_or(&mut []));
            }
        };
        match step.op {
            Op::Lstm => go(&Lstm::new(&model, step)),
            _ => go(&Gru::new(&model, step)),
        }
        if !back.is_gradient() {
            back.taken.dropped.add_all(back.state);
            back.taken.dropped.add_all(back.cell);
        }
        back.taken
    }
}
