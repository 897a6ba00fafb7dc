//! Long short-term memory over int8 as TensorFlow Lite Micro computes it: input and state in bytes, gates and cell in
//! 16 bits.
//!
//! What gates are functions of has units of 2⁻¹², gates have 2⁻¹⁵, the cell a power of two of its own. A row of the tape
//! is `i`, `f`, `g`, `c`, and the state less its zero point, with zeros behind it up to a whole number of passes of the
//! inner loops.

pub mod back;
mod curve;

use crate::fixed::Rescale;
use crate::lanes8;
use crate::layers::recurrent::Walk;
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::model::format::lstm_int8::{CELL_BOUND, CELL_PLACES, OUTPUT_FACTOR, STATE_FACTORS};
use crate::plan::Mode;
use crate::step::{Shape, Step};
use curve::Curve;

/// Parts of a row of the tape.
const I: usize = 0;
const F: usize = 1;
const G: usize = 2;
const C: usize = 3;
const H: usize = 4;
/// The gate that no row keeps.
const O: usize = 3;
/// Binary places of what gates are functions of.
const GATE_PLACES: u32 = 12;

/// 16-bit numbers of a row of the tape.
pub const fn row_len(units: usize) -> usize {
    H * units + units.next_multiple_of(BLOCK_INT8)
}

/// Bytes of the tape.
pub const fn tape_bytes(mode: Mode, input: Shape, output: Shape) -> usize {
    2 * crate::layers::recurrent::rows(mode, input.height) * row_len(output.channels)
}

/// Bytes of scratch on the way forward: one input, widened.
pub const fn forward_bytes(input: Shape) -> usize {
    2 * input.channels.next_multiple_of(BLOCK_INT8)
}

/// The cell that a step describes.
pub struct Lstm<'a> {
    weights: &'a [i8],
    bias: &'a [i32],
    pairs: &'a [[i32; 2]],
    curve: Curve<'a>,
    inputs: usize,
    units: usize,
    /// Binary places of the cell.
    places: u32,
    /// Largest magnitude of the cell; zero where there is none.
    bound: i32,
    /// What stands for zero in the input and in the state.
    zeros: [i32; 2],
}

impl<'a> Lstm<'a> {
    /// The layer that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let (input, output) = (model.tensor(model.operand(step, 0)), model.tensor(step.output));
        Self {
            weights: model.bytes(step.params[0]),
            bias: model.words(step.params[1]),
            pairs: model.pairs(step.params[2]),
            curve: Curve::new(model.halves(step.params[3])),
            inputs: input.shape.channels,
            units: output.shape.channels,
            places: step.ints[CELL_PLACES],
            bound: step.ints[CELL_BOUND] as i32,
            zeros: [input.zero_point, output.zero_point],
        }
    }

    /// The factor from sums over the input (`k` is 0) or the state (1) to what a gate is a function of.
    fn factor(&self, k: usize, gate: usize) -> Rescale {
        self.rescale(if k == 0 { gate } else { STATE_FACTORS + gate })
    }

    fn rescale(&self, at: usize) -> Rescale {
        Rescale::new(self.pairs.get(at).copied().unwrap_or([0; 2]), false)
    }

    /// Weights of one gate of a unit, for the input or for the state, and what follows them.
    fn weights_of(&self, k: usize, gate: usize, unit: usize) -> &'a [i8] {
        let row = gate * self.units + unit;
        let at = if k == 0 { row * self.inputs } else { 4 * self.units * self.inputs + row * self.units };
        self.weights.get(at..).unwrap_or(&[])
    }

    fn bias_of(&self, gate: usize, unit: usize) -> i32 {
        self.bias.get(gate * self.units + unit).copied().unwrap_or(0)
    }

    /// Sums over the input and over the state, without the bias.
    fn sums(&self, gate: usize, unit: usize, x: [&[i16]; 2]) -> [i32; 2] {
        let dot = |k, x: &[i16]| lanes8::dot(x, self.weights_of(k, gate, unit).get(..x.len()).unwrap_or(&[]));
        let [from_input, from_state] = x;
        [dot(0, from_input), dot(1, from_state)]
    }

    /// The state in a row of the tape.
    fn state<'t>(&self, row: &'t [i16]) -> &'t [i16] {
        row.get(H * self.units..).unwrap_or(&[])
    }

    /// What a gate is a function of.
    fn before_gate(&self, gate: usize, unit: usize, x: [&[i16]; 2]) -> i16 {
        let [from_input, from_state] = self.sums(gate, unit, x);
        let from_input = narrow(self.factor(0, gate).apply(from_input + self.bias_of(gate, unit)));
        let from_state = narrow(self.factor(1, gate).apply(from_state));
        from_input.saturating_add(from_state)
    }

    /// The cell: `f·c′ + i·g`.
    fn cell(&self, [i, f, g, before]: [i16; 4]) -> i16 {
        let power = |shift| Rescale { multiplier: 1 << 30, shift, single: false };
        let kept = narrow(power(-14).apply(i32::from(f) * i32::from(before)));
        let new = narrow(power(self.places as i32 - 29).apply(i32::from(i) * i32::from(g)));
        let sum = kept.saturating_add(new);
        if self.bound > 0 { i32::from(sum).max(-self.bound).min(self.bound) as i16 } else { sum }
    }

    /// One unit of a moment.
    fn unit(&self, unit: usize, x: [&[i16]; 2], before: &[i16], row: &mut [i16]) {
        let [i, f, o] = [I, F, O].map(|gate| self.curve.sigmoid(self.before_gate(gate, unit, x)));
        let g = self.curve.tanh(self.before_gate(G, unit, x), GATE_PLACES);
        let c = self.cell([i, f, g, at(before, self.units, C, unit)]);
        let product = i32::from(self.curve.tanh(c, self.places)) * i32::from(o);
        let h = self.rescale(OUTPUT_FACTOR).apply(product).saturating_add(self.zeros[1]);
        let h = h.max(i8::MIN.into()).min(i8::MAX.into()) - self.zeros[1];
        for (part, value) in [(I, i), (F, f), (G, g), (C, c), (H, h as i16)] {
            if let Some(place) = row.get_mut(part * self.units + unit) {
                *place = value;
            }
        }
    }

    /// Runs the cell over a sequence. `wide` has room for one input, widened.
    pub fn forward(&self, walk: &Walk, x: &[i8], y: &mut [i8], tape: &mut [i16], wide: &mut [i16]) {
        wide.fill(0);
        tape.get_mut(walk.row(0)).unwrap_or(&mut []).fill(0);
        for k in 1..=walk.moments {
            let Ok([before, row]) = tape.get_disjoint_mut([walk.row(k - 1), walk.row(k)]) else { return };
            row.get_mut(H * self.units..).unwrap_or(&mut []).fill(0);
            lanes8::widen(wide, x.get(walk.input(k)).unwrap_or(&[]), self.zeros[0] as i16);
            let state = self.state(before);
            (0..self.units).for_each(|unit| self.unit(unit, [wide, state], before, row));
            let state = self.state(row);
            let place = walk.output(k).unwrap_or(0..0);
            for (y, h) in y.get_mut(place).unwrap_or(&mut []).iter_mut().zip(state) {
                *y = (i32::from(*h) + self.zeros[1]) as i8;
            }
        }
    }
}

/// One element of a part of a row.
fn at(row: &[i16], units: usize, part: usize, unit: usize) -> i16 {
    row.get(part * units + unit).copied().unwrap_or(0)
}

/// The nearest 16-bit number.
fn narrow(value: i32) -> i16 {
    value.max(i16::MIN.into()).min(i16::MAX.into()) as i16
}
