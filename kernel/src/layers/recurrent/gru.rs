//! Gated recurrent unit (Cho et al. 2014): `z, r = σ(·)`, `h = (1 − z)⊙n + z⊙h′`, where `n = tanh(W·x + b + U·(r⊙h′))`,
//! or, with the reset after the product, `n = tanh(W·x + b + r⊙(U·h′ + b_r))`.

use super::gate::Gate;
use super::{Back, Cell, CellBack, Moment, at};
use crate::layers::linear;
use crate::math;
use crate::model::Model;
use crate::model::format::step::FLAG_RESET_AFTER;
use crate::rule::Gates;
use crate::step::Step;

/// Parts of a row of the tape; the first three are the gates, in the order of their weights.
const Z: usize = 0;
const R: usize = 1;
const N: usize = 2;
/// What of the state reaches `n`: `r⊙h′`, or, with the reset after the product, `U·h′ + b_r`.
const A: usize = 3;
const H: usize = 4;

/// A GRU cell.
pub struct Gru<'a> {
    gates: [Gate<'a>; 3],
    /// `b_r`, where the reset comes after the product.
    recurrent_bias: Option<&'a [f32]>,
    units: usize,
}

impl<'a> Gru<'a> {
    /// The cell that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let after = step.flags & FLAG_RESET_AFTER != 0;
        Self {
            gates: [Z, R, N].map(|gate| Gate::new(model, step, gate)),
            recurrent_bias: after.then(|| model.floats(step.params[3])),
            units: model.tensor(step.output).shape.channels,
        }
    }

    /// `n`, from the reset and the state.
    fn candidate(&self, x: &[f32], state: &[f32], row: &mut [f32]) {
        let (units, n) = (self.units, &self.gates[N]);
        let Ok([r, z, a]) = row.get_disjoint_mut([R * units..N * units, N * units..A * units, A * units..H * units])
        else {
            return;
        };
        match self.recurrent_bias {
            None => {
                for ((a, r), h) in a.iter_mut().zip(r).zip(state) {
                    *a = *r * h;
                }
                linear::forward_row(n, [x, a], 0, z);
            }
            Some(bias) => {
                linear::forward_row(&n.of_state(bias), [&[], state], 0, a);
                linear::forward_row(&n.of_input(), [x, &[]], 0, z);
                for ((z, r), a) in z.iter_mut().zip(r).zip(a) {
                    *z += *r * *a;
                }
            }
        }
        math::tanh_all(z);
    }
}

impl Cell for Gru<'_> {
    fn forward(&self, x: &[f32], before: &[f32], row: &mut [f32]) {
        let units = self.units;
        let state = before.get(H * units..).unwrap_or(&[]);
        for (gate, z) in self.gates.iter().zip(row.chunks_exact_mut(units.max(1))).take(N) {
            linear::forward_row(gate, [x, state], 0, z);
        }
        math::sigmoid_all(row.get_mut(..N * units).unwrap_or(&mut []));
        self.candidate(x, state, row);
        for j in 0..units {
            let z = at(row, units, Z, j);
            let h = (1.0 - z) * at(row, units, N, j) + z * at(before, units, H, j);
            if let Some(state) = row.get_mut(H * units + j) {
                *state = h;
            }
        }
    }
}

impl CellBack for Gru<'_> {
    fn backward(&self, moment: &Moment<'_>, back: &mut Back<'_>, to_input: &mut [f32]) {
        if back.is_gradient() {
            self.derivatives(moment, back, to_input);
        } else {
            self.relevances(moment, back, to_input);
        }
    }
}

impl Gru<'_> {
    /// Backpropagation through time, of one moment.
    fn derivatives(&self, moment: &Moment<'_>, back: &mut Back<'_>, to_input: &mut [f32]) {
        let (row, units) = (moment.row, self.units);
        let before = |j| at(moment.before, units, H, j);
        for j in 0..units {
            let (z, n) = (at(row, units, Z, j), at(row, units, N, j));
            let Some(dh) = back.state.get_mut(j) else { return };
            let d = *dh;
            *dh = d * z;
            back.set(N, j, d * (1.0 - z) * (1.0 - n * n));
            back.set(Z, j, d * (before(j) - n) * z * (1.0 - z));
        }
        self.through_candidate(moment, back, to_input);
        for j in 0..units {
            let r = at(row, units, R, j);
            let factor = if self.recurrent_bias.is_some() { at(row, units, A, j) } else { before(j) };
            back.set(R, j, back.get(A, j) * factor * r * (1.0 - r));
            if self.recurrent_bias.is_none() {
                back.add_to_state(j, back.get(A, j) * r);
            }
        }
        self.through_gates(moment, back, to_input);
    }

    /// Relevance of the state goes to `h′` and `n`, that of `n` to the input and `h′`, and what gates get of it
    /// (nothing, where signals take all) to them.
    fn relevances(&self, moment: &Moment<'_>, back: &mut Back<'_>, to_input: &mut [f32]) {
        let (row, units) = (moment.row, self.units);
        let state = moment.before.get(H * units..).unwrap_or(&[]);
        let before = |j| at(moment.before, units, H, j);
        let z = |gate: usize, j: usize| self.gates[gate % 3].one([moment.x, state], j);
        let arrived = core::mem::take(&mut back.state);
        let new = |j| (1.0 - at(row, units, Z, j)) * at(row, units, N, j);
        let kept = |j| at(row, units, Z, j) * before(j);
        back.split(arrived, |j| [kept(j), new(j)], [Z, N]);
        for (j, arrived) in arrived.iter_mut().enumerate() {
            let [of_kept, signal] = back.shares(back.get(Z, j), || z(Z, j), || before(j));
            *arrived = signal;
            let [of_new, signal] = back.shares(back.get(N, j), || -z(Z, j), || self.before_tanh(moment, j));
            back.set(N, j, signal);
            back.set(Z, j, of_kept + of_new);
        }
        back.state = arrived;
        if self.recurrent_bias.is_some() && back.choice.gates != Gates::Signal {
            return self.in_two_sums(moment, back, to_input);
        }
        self.through_candidate(moment, back, to_input);
        for j in 0..units {
            back.set(R, j, 0.0);
            if self.recurrent_bias.is_none() {
                let [gate, signal] = back.shares(back.get(A, j), || z(R, j), || before(j));
                back.set(R, j, gate);
                back.add_to_state(j, signal);
            }
        }
        self.through_gates(moment, back, to_input);
    }

    /// What arrived at `n` goes through its linear map, with all of it as denominator. With the reset before the product,
    /// what comes from the state waits in place [`A`]; with the reset after, it is there already, and in that place lies
    /// what arrived at `n`: the derivative of `r⊙a`, without its factors.
    fn through_candidate(&self, moment: &Moment<'_>, back: &mut Back<'_>, to_input: &mut [f32]) {
        let (row, units) = (moment.row, self.units);
        let state = moment.before.get(H * units..).unwrap_or(&[]);
        let Some(recurrent_bias) = self.recurrent_bias else {
            let a = row.get(A * units..H * units).unwrap_or(&[]);
            (0..units).for_each(|j| back.set(A, j, 0.0));
            return back.through_apart(&self.gates[N], N, A, [moment.x, a], to_input);
        };
        let r = row.get(R * units..N * units).unwrap_or(&[]);
        let bias = core::mem::take(&mut back.bias);
        for (j, bias) in bias.iter_mut().enumerate() {
            *bias = at(self.gates[N].bias, units, 0, j) + at(r, units, 0, j) * at(recurrent_bias, units, 0, j);
            back.set(A, j, back.get(N, j));
        }
        let map = self.gates[N].scaled(r, bias);
        back.through(&map, N, [moment.x, state], to_input);
        back.bias = bias;
    }

    /// With the reset after the product, and gates that get something: `n` is a sum of what comes from the input and of
    /// `r⊙a`, each with a linear map of its own.
    fn in_two_sums(&self, moment: &Moment<'_>, back: &mut Back<'_>, to_input: &mut [f32]) {
        let (row, units) = (moment.row, self.units);
        let state = moment.before.get(H * units..).unwrap_or(&[]);
        let product = |j| at(row, units, R, j) * at(row, units, A, j);
        let bias = core::mem::take(&mut back.bias);
        for (j, r) in bias.iter_mut().enumerate() {
            *r = back.get(N, j);
        }
        back.split(bias, |j| [self.before_tanh(moment, j) - product(j), product(j)], [N, A]);
        back.bias = bias;
        for j in 0..units {
            let z = || self.gates[R].one([moment.x, state], j);
            let [gate, signal] = back.shares(back.get(A, j), z, || at(row, units, A, j));
            back.set(R, j, gate);
            back.set(A, j, signal);
        }
        back.through(&self.gates[N].of_input(), N, [moment.x, &[]], to_input);
        back.through(&self.gates[N].of_state(self.recurrent_bias.unwrap_or(&[])), A, [&[], state], &mut []);
        self.through_gates(moment, back, to_input);
    }

    fn through_gates(&self, moment: &Moment<'_>, back: &mut Back<'_>, to_input: &mut [f32]) {
        let state = moment.before.get(H * self.units..).unwrap_or(&[]);
        back.through(&self.gates[Z], Z, [moment.x, state], to_input);
        back.through(&self.gates[R], R, [moment.x, state], to_input);
    }

    /// What `n` was before its function.
    fn before_tanh(&self, moment: &Moment<'_>, j: usize) -> f32 {
        let (row, units, n) = (moment.row, self.units, &self.gates[N]);
        let a = row.get(A * units..H * units).unwrap_or(&[]);
        if self.recurrent_bias.is_none() {
            return n.one([moment.x, a], j);
        }
        n.of_input().one([moment.x, &[]], j) + at(row, units, R, j) * at(row, units, A, j)
    }
}
