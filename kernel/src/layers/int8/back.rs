//! What layers over int8 share on their way back: the units of their sums, and how sums become relevance.

use super::recipe::{Hand, Sums};
use super::sink::Sink;
use super::way::{BY_SIGN, Inputs};
use crate::lanes8::{self, Span, Weight};
use crate::model::Model;
use crate::number::{Number, Unit};
use crate::step::Step;

/// Factors from the sums of a layer to real numbers, and the range of its output.
#[derive(Clone, Copy)]
pub struct Units<'a> {
    out: super::Output<'a>,
    /// The real value of one unit of the input.
    pub input: f32,
    output: f32,
}

impl<'a> Units<'a> {
    /// Of a step.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let scale = |tensor| model.tensor(tensor).scale;
        Self { out: super::Output::new(model, step), input: scale(model.operand(step, 0)), output: scale(step.output) }
    }

    /// The real value of one unit of the sums: `scale of the input · scale of the weights`, which the multiplier has
    /// in units of the output.
    pub fn of(&self, sums: Sums, channel: usize) -> Unit {
        let factor = self.out.rescale(channel);
        let unit = Unit {
            multiplier: factor.multiplier.max(1) as u32,
            exponent: factor.shift - 31,
            over: self.output,
            ..Unit::whole(1)
        };
        match sums {
            Sums::Count => Unit::whole(1),
            Sums::Squares => Unit { under: self.input, squared: true, ..unit },
            Sums::Gate => Unit { under: self.input, ..unit },
            _ => unit,
        }
    }

    /// Whether an output with this sum was not clamped.
    pub fn is_open(&self, sum: i32, channel: usize) -> bool {
        self.out.is_inside(self.out.rescale(channel).apply(sum))
    }
}

/// Adds up quotients of one kind, weighed by one function of the weights, for inputs side by side.
type Gather<'g, N, const L: usize> = dyn FnMut(Weight, usize, &mut [<N as Number>::Sum; L]) + 'g;

/// What is gathered for inputs side by side, and how it becomes relevance.
#[inline(always)]
pub fn settle<N: Number, const L: usize>(
    x: &Inputs<'_>,
    hand: Hand,
    spreads: bool,
    at: usize,
    len: usize,
    mut gather: impl FnMut(Weight, usize, &mut [N::Sum; L]),
    sink: &mut Sink<'_, N>,
) {
    let here = Inputs { q: sink.values(), ..*x };
    let values: [i16; L] = here.load(at);
    // Read before anything is written, which may be there.
    let ends: [[i16; L]; 2] = match hand {
        Hand::Box => [0, 1].map(|end| core::array::from_fn(|i| here.above::<N>(end, at + i))),
        _ => [[0; L]; 2],
    };
    let mut shares = [N::Sum::default(); L];
    let silent = values.iter().all(|v| *v == 0);
    let mut weighed = |terms: &[(Weight, usize)], factor: &dyn Fn(usize) -> i32, gather: &mut Gather<'_, N, L>| {
        let mut sums = [N::Sum::default(); L];
        for (weight, which) in terms {
            gather(*weight, *which, &mut sums);
        }
        for i in 0..L {
            shares[i] = N::sum(shares[i], N::share(factor(i), sums[i]));
        }
    };
    let x_of = |i: usize| i32::from(values[i]);
    match hand {
        Hand::Whole if !silent => weighed(&[(Weight::ALL, 0)], &x_of, &mut gather),
        Hand::ByWeight if !silent => weighed(&[(Weight::POSITIVE, 0), (Weight::NEGATIVE, 1)], &x_of, &mut gather),
        Hand::BySign(both) if !silent => {
            for (side, weights) in BY_SIGN.into_iter().enumerate() {
                let part = |i: usize| if side == 0 { x_of(i).max(0) } else { x_of(i).min(0) };
                if (0..L).all(|i| part(i) == 0) {
                    continue;
                }
                let terms = [(weights[0], 0), (weights[1], 1)];
                weighed(if both { &terms } else { &terms[..1] }, &part, &mut gather);
            }
        }
        Hand::Whole | Hand::ByWeight | Hand::BySign(_) => {}
        Hand::Box => {
            weighed(&[(Weight::POSITIVE, 0)], &|i| i32::from(ends[0][i]), &mut gather);
            weighed(&[(Weight::NEGATIVE, 0)], &|i| i32::from(ends[1][i]), &mut gather);
        }
        Hand::Squares => weighed(&[(Weight::Squared, 0)], &|_| 1, &mut gather),
        Hand::Ones => weighed(&[(Weight::One, 0)], &|_| 1, &mut gather),
        Hand::Slope => weighed(&[(Weight::ALL, 0)], &|_| 1, &mut gather),
    }
    if spreads {
        weighed(&[(Weight::One, 1)], &|_| 1, &mut gather);
    }
    for (i, share) in shares.into_iter().enumerate().take(len) {
        sink.add(at + i, share);
    }
}

/// Calls `f` with lanes for as many of `len` inputs as possible, then for the rest.
macro_rules! in_lanes {
    ($len:expr, |$at:ident, $lanes:ident| $body:expr) => {{
        let len = $len;
        let mut $at = 0;
        while $at + WIDE <= len {
            const $lanes: usize = WIDE;
            $body;
            $at += WIDE;
        }
        while $at < len {
            const $lanes: usize = 1;
            $body;
            $at += 1;
        }
    }};
}
pub(super) use in_lanes;

/// A layer with the factors of its step.
pub struct Scaled<'a, T> {
    /// The layer.
    pub layer: T,
    /// The factors.
    pub units: Units<'a>,
}

/// Sums of one patch: what a rule divides by.
#[inline(always)]
pub fn sums_of(sums: Sums, non_negative: bool, patch: &[i16], w: &[i8]) -> [i32; 2] {
    let dot = |span, weight| lanes8::dot_of(patch, span, w, weight);
    let whole = || lanes8::dot(patch, w.get(..patch.len()).unwrap_or(&[]));
    match sums {
        Sums::Gate => [whole(), 0],
        Sums::Whole => match whole() {
            // Contributions may cancel, or there may be none.
            0 => [0, sums_of(Sums::BySign(false), non_negative, patch, w)[0]],
            sum => [sum, 1],
        },
        Sums::BySign(both) => {
            let positive = if non_negative {
                dot(Span::ALL, Weight::POSITIVE)
            } else {
                dot(Span::POSITIVE, Weight::POSITIVE) + dot(Span::NEGATIVE, Weight::NEGATIVE)
            };
            [positive, if both { whole() - positive } else { 0 }]
        }
        Sums::ByWeight => {
            let positive = dot(Span::ALL, Weight::POSITIVE);
            [positive, whole() - positive]
        }
        Sums::Box => [0, 0],
        Sums::Squares => [dot(Span::ALL, Weight::Squared), 0],
        Sums::Count => [patch.iter().map(|one| i32::from(*one)).sum(), 0],
    }
}
