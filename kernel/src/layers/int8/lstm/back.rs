//! The way back through an LSTM over int8: signals take all (Arras et al. 2017), by the ε-rule.
//!
//! Relevance of the state goes to the cell. That of the cell is split between `f·c′` and `i·g`, whose products are exact
//! in units of 2⁻¹⁵ with 16 more places. That of `g` passes its linear map: sums over the input and over the state have
//! units of their own, and their factors, which the way forward rounds after, bring both to units of 2⁻¹² with 16 more
//! places; a quotient for each is in units of its own sum again. What gates are functions of is never clamped here.
//!
//! Between moments relevance is not rounded to words: it keeps the places of a sum.

use super::{C, F, G, GATE_PLACES, I, Lstm, at};
use crate::lanes8::{self, Weight};
use crate::layers::int8::sink::Sink;
use crate::layers::recurrent::Walk;
use crate::model::format::BLOCK_INT8;
use crate::number::{Fraction, Number, Taken, Unit};
use crate::rule::{Bias, Choice, Stabilizer};
use crate::step::Shape;
use core::ops::Range;

/// Places of gates.
const FRACTION_PLACES: u32 = 15;
/// Weights that are handed out together.
const LANES: usize = BLOCK_INT8;

/// Bytes of scratch: sums for the state, the cell, `g`, and the quotients that meet the state and the input, eight bytes
/// each; and one input, widened.
pub const fn scratch_bytes(input: Shape, output: Shape) -> usize {
    8 * (4 * output.channels + input.channels) + super::forward_bytes(input)
}

/// What one quotient is, and what the stabiliser added to its denominator.
struct Quotient<N: Number> {
    word: N::Word,
    exponent: N::Exponent,
    stable: N::Wide,
    added: N::Wide,
}

impl<N: Number> Quotient<N> {
    fn new(fraction: &Fraction<N>, added: N::Wide) -> Self {
        let (word, exponent) = N::quotient(fraction);
        Self { word, exponent, stable: fraction.denominator, added }
    }

    /// What goes to a term of the denominator.
    fn portion(&self, term: N::Wide) -> N::Sum {
        N::portion(self.word, self.exponent, term)
    }
}

/// The way back from moment to moment.
pub struct Back<'b, 'r, N: Number> {
    layer: &'b Lstm<'b>,
    choice: Choice<'r>,
    /// ε in units of the cell's sum, and of what gates are functions of.
    epsilon: [N::Wide; 2],
    /// Relevance of the state, of the cell and of `g`.
    state: &'b mut [N::Sum],
    cell: &'b mut [N::Sum],
    gate: &'b mut [N::Sum],
    /// Sums of quotients that meet the input, and the state.
    shares: [&'b mut [N::Sum]; 2],
    wide: &'b mut [i16],
    taken: Taken<N>,
}

impl<'b, 'r, N: Number> Back<'b, 'r, N> {
    /// In this scratch; `None` where it is too small.
    pub fn new(layer: &'b Lstm<'b>, choice: Choice<'r>, scratch: &'b mut [f32]) -> Option<Self> {
        let (units, inputs) = (layer.units, layer.inputs);
        let (sums, wide) = scratch.split_at_mut_checked(2 * (4 * units + inputs))?;
        let sums: &mut [N::Sum] = bytemuck::try_cast_slice_mut(sums).ok()?;
        let wide = bytemuck::try_cast_slice_mut(wide).ok()?;
        sums.fill(N::Sum::default());
        let (state, sums) = sums.split_at_mut_checked(units)?;
        let (cell, sums) = sums.split_at_mut_checked(units)?;
        let (gate, sums) = sums.split_at_mut_checked(units)?;
        let (of_state, sums) = sums.split_at_mut_checked(units)?;
        let of_input = sums.get_mut(..inputs)?;
        let form = choice.effective_stabilizer();
        let epsilon = [FRACTION_PLACES, GATE_PLACES]
            .map(|places| N::in_units(form.epsilon(), Unit { exponent: -(places as i32), ..Unit::whole(1) }));
        let (shares, taken) = ([of_input, of_state], Taken::default());
        Some(Self { layer, choice, epsilon, state, cell, gate, shares, wide, taken })
    }

    /// Passes relevance back to the input. What arrives at the state and the cell before the first moment is dropped.
    pub fn propagate(mut self, walk: &Walk, tape: &[i16], sink: &mut Sink<'_, N>) -> Taken<N> {
        sink.finish();
        self.wide.fill(0);
        for k in (1..=walk.moments).rev() {
            let part = |place: Range<usize>| tape.get(place).unwrap_or(&[]);
            let (before, row) = (part(walk.row(k - 1)), part(walk.row(k)));
            for (r, arrived) in self.state.iter_mut().zip(sink.arrived(walk.output(k).unwrap_or(0..0))) {
                *r = N::sum(*r, N::whole(*arrived));
            }
            let input = sink.values().get(walk.input(k)).unwrap_or(&[]);
            lanes8::widen(self.wide, input, self.layer.zeros[0] as i16);
            self.split_cell(before, row);
            let spread = self.through_gate(before);
            self.settle(before, walk.input(k).start, spread, sink);
        }
        for r in self.state.iter().chain(&*self.cell) {
            N::book(&mut self.taken.dropped, N::amount(*r), 0);
        }
        self.taken
    }

    /// Divides relevance by a sum; what finds nothing to be divided by is dropped.
    fn divided(&mut self, r: N::Sum, sum: N::Wide, epsilon: N::Wide) -> Quotient<N> {
        let form: Stabilizer = self.choice.effective_stabilizer();
        let stable = N::stabilized(sum, form, epsilon);
        let fraction = Fraction { numerator: N::numerator_of(r), denominator: stable };
        if stable == N::Wide::default() {
            N::book(&mut self.taken.dropped, N::amount(r), 0);
        }
        Quotient::new(&fraction, N::minus(stable, sum))
    }

    fn redistributes(&self) -> bool {
        self.choice.bias == Bias::Redistribute
    }

    /// Relevance of the state joins that of the cell, which is split.
    fn split_cell(&mut self, before: &[i16], row: &[i16]) {
        let (units, places) = (self.layer.units, self.layer.places);
        let mut spread = N::Sum::default();
        for j in 0..units {
            let (Some(state), Some(cell)) = (self.state.get(j), self.cell.get(j)) else { return };
            let r = N::sum(*state, *cell);
            let value = |row, part| i32::from(at(row, units, part, j));
            let kept = N::binary(value(row, F) * value(before, C), places);
            let new = N::binary(value(row, I) * value(row, G), FRACTION_PLACES);
            let quotient = self.divided(r, N::plus(kept, new), self.epsilon[0]);
            let taken = quotient.portion(quotient.added);
            if self.redistributes() {
                spread = N::sum(spread, taken);
            } else {
                N::book(&mut self.taken.stabilizer, N::amount(taken), 0);
            }
            let parts = [(&mut *self.cell, kept), (&mut *self.gate, new)];
            for (to, term) in parts {
                if let Some(to) = to.get_mut(j) {
                    *to = quotient.portion(term);
                }
            }
        }
        let part = N::part_of(spread, 2 * units);
        for r in self.cell.iter_mut().chain(&mut *self.gate) {
            *r = N::sum(*r, part);
        }
    }

    /// Quotients of `g`, weighed, for the input and the state; returns what each of these gets besides.
    fn through_gate(&mut self, before: &[i16]) -> N::Sum {
        self.shares.iter_mut().for_each(|shares| shares.fill(N::Sum::default()));
        let layer = self.layer;
        let pairs = [0, 1].map(|k| layer.factor(k, G));
        let mut spread = N::Sum::default();
        for j in 0..layer.units {
            let r = self.gate.get(j).copied().unwrap_or_default();
            if r == N::Sum::default() {
                continue;
            }
            let sums = layer.sums(G, j, [&*self.wide, layer.state(before)]);
            let bias = if self.choice.bias == Bias::Zero { 0 } else { layer.bias_of(G, j) };
            let z = N::plus(N::rescaled(sums[0] + bias, pairs[0]), N::rescaled(sums[1], pairs[1]));
            let quotient = self.divided(r, z, self.epsilon[1]);
            let taken = [N::rescaled(bias, pairs[0]), quotient.added].map(|share| quotient.portion(share));
            if self.redistributes() {
                spread = N::sum(spread, N::sum(taken[0], taken[1]));
            } else {
                N::book(&mut self.taken.bias, N::amount(taken[0]), 0);
                N::book(&mut self.taken.stabilizer, N::amount(taken[1]), 0);
            }
            for (k, shares) in self.shares.iter_mut().enumerate() {
                let denominator = N::over_factor(quotient.stable, pairs[k]);
                let fraction = Fraction { numerator: N::numerator_of(r), denominator };
                hand::<N>(&Quotient::new(&fraction, N::Wide::default()), layer.weights_of(k, G, j), shares);
            }
        }
        N::part_of(spread, layer.inputs + layer.units)
    }

    /// Weighed quotients become relevance of the input, from this element on, and of the state before.
    fn settle(&mut self, before: &[i16], first: usize, spread: N::Sum, sink: &mut Sink<'_, N>) {
        let share = |x: i16, sum: N::Sum| N::sum(N::share(x, sum), spread);
        for (i, (x, sum)) in self.wide.iter().zip(&*self.shares[0]).enumerate() {
            sink.add(first + i, share(*x, *sum));
        }
        let state = self.layer.state(before).iter().zip(&*self.shares[1]);
        for (r, (h, sum)) in self.state.iter_mut().zip(state) {
            *r = share(*h, *sum);
        }
    }
}

/// Adds a quotient times weights to sums, one weight each.
fn hand<N: Number>(quotient: &Quotient<N>, w: &[i8], sums: &mut [N::Sum]) {
    if quotient.word == N::Word::default() {
        return;
    }
    for (sums, w) in sums.chunks_mut(LANES).zip(w.chunks(LANES)) {
        let mut narrow = N::nothing::<LANES>();
        N::weigh(&mut narrow, &Weight::ALL.load(w), quotient.word);
        let mut products = [N::Sum::default(); LANES];
        N::gather(&mut products, &narrow, quotient.exponent);
        for (sum, product) in sums.iter_mut().zip(products) {
            *sum = N::sum(*sum, product);
        }
    }
}
