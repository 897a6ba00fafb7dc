//! Long short-term memory (Hochreiter & Schmidhuber 1997, with forget gates): `i, f, o = σ(z)`, `g = tanh z`,
//! `c = f⊙c′ + i⊙g`, `h = o⊙tanh c`, where `z = W·x + U·h′ + b` of each gate. The cell may have a bound, to which
//! it is clipped.

use super::gate::Gate;
use super::{Back, Cell, Moment, at};
use crate::lanes::absolute;
use crate::layers::activation::clamp;
use crate::layers::linear;
use crate::math;
use crate::model::Model;
use crate::step::Step;

/// Parts of a row of the tape; the first four are the gates, in the order of their weights.
const I: usize = 0;
const F: usize = 1;
const G: usize = 2;
const O: usize = 3;
const C: usize = 4;
const H: usize = 5;

/// An LSTM cell.
pub struct Lstm<'a> {
    gates: [Gate<'a>; 4],
    units: usize,
    /// Largest magnitude of the cell; zero where there is none.
    bound: f32,
}

impl<'a> Lstm<'a> {
    /// The cell that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let units = model.tensor(step.output).shape.channels;
        Self { gates: [I, F, G, O].map(|gate| Gate::new(model, step, gate)), units, bound: step.floats[0] }
    }
}

impl Cell for Lstm<'_> {
    fn forward(&self, x: &[f32], before: &[f32], row: &mut [f32]) {
        let units = self.units;
        let state = before.get(H * units..).unwrap_or(&[]);
        for (gate, z) in self.gates.iter().zip(row.chunks_exact_mut(units.max(1))) {
            linear::forward_row(gate, [x, state], 0, z);
        }
        if let Ok([sigmoids, tanhs, more]) =
            row.get_disjoint_mut([0..G * units, G * units..O * units, O * units..C * units])
        {
            math::sigmoid_all(sigmoids);
            math::tanh_all(tanhs);
            math::sigmoid_all(more);
        }
        for j in 0..units {
            let c = at(row, units, F, j) * at(before, units, C, j) + at(row, units, I, j) * at(row, units, G, j);
            let c = self.bounded(c);
            if let Ok([cell, state]) = row.get_disjoint_mut([C * units + j, H * units + j]) {
                (*cell, *state) = (c, c);
            }
        }
        let (gates, states) = row.split_at_mut_checked(H * units).unwrap_or((&mut [], &mut []));
        math::tanh_all(states);
        for (h, o) in states.iter_mut().zip(gates.get(O * units..).unwrap_or(&[])) {
            *h *= o;
        }
    }

    fn backward(&self, moment: &Moment<'_>, back: &mut Back<'_>, to_input: &mut [f32]) {
        if back.is_gradient() {
            self.derivatives(moment, back);
        } else {
            self.relevances(moment, back);
        }
        back.state.fill(0.0);
        let state = moment.before.get(H * self.units..).unwrap_or(&[]);
        for (i, gate) in self.gates.iter().enumerate() {
            back.through(gate, i, [moment.x, state], to_input);
        }
    }
}

impl Lstm<'_> {
    /// A value of the cell, as far as it may go.
    fn bounded(&self, c: f32) -> f32 {
        if self.bound > 0.0 { clamp(c, -self.bound, self.bound) } else { c }
    }

    /// Whether a value of the cell is as large as it may be, so that it does not move.
    fn is_stuck(&self, c: f32) -> bool {
        self.bound > 0.0 && absolute(c) >= self.bound
    }

    /// Backpropagation through time, of one moment.
    fn derivatives(&self, moment: &Moment<'_>, back: &mut Back<'_>) {
        for j in 0..self.units {
            let value = |i| at(moment.row, self.units, i, j);
            let (i, f, g, o, tanh_c) = (value(I), value(F), value(G), value(O), math::tanh(value(C)));
            let (Some(dh), Some(dc)) = (back.state.get(j).copied(), back.cell.get(j).copied()) else { return };
            let dc = if self.is_stuck(value(C)) { 0.0 } else { dc + dh * o * (1.0 - tanh_c * tanh_c) };
            back.set(O, j, dh * tanh_c * o * (1.0 - o));
            back.set(I, j, dc * g * i * (1.0 - i));
            back.set(F, j, dc * at(moment.before, self.units, C, j) * f * (1.0 - f));
            back.set(G, j, dc * i * (1.0 - g * g));
            if let Some(cell) = back.cell.get_mut(j) {
                *cell = dc * f;
            }
        }
    }

    /// Relevance of the state goes to the cell, that of the cell to `c′` and `g`, and what gates get of it (Arras et
    /// al. 2017: nothing) to them.
    fn relevances(&self, moment: &Moment<'_>, back: &mut Back<'_>) {
        let (row, before, units) = (moment.row, moment.before, self.units);
        let state = before.get(H * units..).unwrap_or(&[]);
        let z = |gate: usize, j: usize| self.gates[gate & 3].one([moment.x, state], j);
        for j in 0..units {
            let Some(r) = back.state.get(j).copied() else { return };
            let [gate, signal] = back.shares(r, || z(O, j), || at(row, units, C, j));
            back.set(O, j, gate);
            if let Some(cell) = back.cell.get_mut(j) {
                *cell += signal;
            }
        }
        let cell = core::mem::take(&mut back.cell);
        let kept = |j| at(row, units, F, j) * at(before, units, C, j);
        let new = |j| at(row, units, I, j) * at(row, units, G, j);
        back.split(cell, |j| [kept(j), new(j)], [F, G]);
        for (j, cell) in cell.iter_mut().enumerate() {
            let [gate, signal] = back.shares(back.get(F, j), || z(F, j), || at(before, units, C, j));
            *cell = signal;
            back.set(F, j, gate);
            let [gate, signal] = back.shares(back.get(G, j), || z(I, j), || z(G, j));
            back.set(I, j, gate);
            back.set(G, j, signal);
        }
        back.cell = cell;
    }
}
