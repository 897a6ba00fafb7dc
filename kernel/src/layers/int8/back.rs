//! What layers over int8 share on their way back: the units of their sums, and how sums become relevance.

use super::recipe::{Hand, Sums};
use super::sink::Sink;
use super::way::{BY_SIGN, Inputs};
use crate::lanes::FAST;
use crate::lanes8::{self, CHANNELS, Term, Weight};
use crate::model::Model;
use crate::number::{Number, Unit};
use crate::step::Step;

/// Factors from the sums of a layer to real numbers, and the range of its output.
#[derive(Clone, Copy)]
pub struct Units<'a> {
    out: super::Output<'a>,
    bias: &'a [i32],
    /// The real value of one unit of the input.
    pub input: f32,
    output: f32,
}

impl<'a> Units<'a> {
    /// Of a step.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let scale = |tensor| model.tensor(tensor).scale;
        let (out, bias) = (super::Output::new(model, step), model.words(step.params[1]));
        Self { out, bias, input: scale(model.operand(step, 0)), output: scale(step.output) }
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

    /// The same of a mean, which has weights of one over the number of inputs.
    pub fn of_mean(&self, sums: Sums, count: u32) -> Unit {
        match sums {
            Sums::Count => Unit::whole(1),
            Sums::Squares => Unit { divisor: count, squared: true, ..Unit::whole(1) },
            Sums::Gate => Unit { divisor: count, ..Unit::whole(1) },
            _ => Unit { over: self.input, divisor: count, ..Unit::whole(1) },
        }
    }

    /// The bias of a channel.
    #[inline(always)]
    pub fn bias(&self, channel: usize) -> i32 {
        self.bias.get(channel).copied().unwrap_or(0)
    }

    /// Whether an output with this sum was not clamped.
    pub fn is_open(&self, sum: i32, channel: usize) -> bool {
        self.out.is_inside(self.out.rescale(channel).apply(sum))
    }
}

/// Adds up quotients of one kind, weighed by one function of the weights, for inputs side by side.
type Gather<'g, N, const L: usize, const M: usize> = dyn FnMut(Weight, usize, &mut [[<N as Number>::Sum; L]; M]) + 'g;

/// What is gathered for inputs side by side, in `M` places that meet the same weights, and how it becomes relevance.
#[inline(always)]
pub fn settle<N: Number, const L: usize, const M: usize>(
    x: &Inputs<'_>,
    hand: Hand,
    spreads: bool,
    at: [usize; M],
    mut gather: impl FnMut(Weight, usize, &mut [[N::Sum; L]; M]),
    sink: &mut Sink<'_, N>,
) {
    let here = Inputs { q: sink.values(), ..*x };
    let values: [[i16; L]; M] = at.map(|at| here.load(at));
    // Read before anything is written, which may be there.
    let above = |end| at.map(|at| core::array::from_fn(|i| here.above::<N>(end, at + i)));
    let ends: [[[i16; L]; M]; 2] = if hand == Hand::Box { [above(0), above(1)] } else { [[[0; L]; M]; 2] };
    let mut shares = [[N::Sum::default(); L]; M];
    let silent = values.as_flattened().iter().all(|v| *v == 0);
    let mut weighed = |terms: &[(Weight, usize)], factors: &[[i16; L]; M], gather: &mut Gather<'_, N, L, M>| {
        add_weighed::<N, L, M>(terms, factors, gather, &mut shares);
    };

    match hand {
        Hand::Whole if !silent => weighed(&[(Weight::ALL, 0)], &values, &mut gather),
        Hand::ByWeight if !silent => weighed(&[(Weight::POSITIVE, 0), (Weight::NEGATIVE, 1)], &values, &mut gather),
        Hand::BySign(both) if !silent => {
            for (side, weights) in BY_SIGN.into_iter().enumerate() {
                let part = values.map(|values| values.map(|x| if side == 0 { x.max(0) } else { x.min(0) }));
                if part.as_flattened().iter().all(|x| *x == 0) {
                    continue;
                }
                let terms = [(weights[0], 0), (weights[1], 1)];
                weighed(if both { &terms } else { &terms[..1] }, &part, &mut gather);
            }
        }
        Hand::Whole | Hand::ByWeight | Hand::BySign(_) => {}
        Hand::Box => {
            let [low, high] = ends;
            weighed(&[(Weight::POSITIVE, 0)], &low, &mut gather);
            weighed(&[(Weight::NEGATIVE, 0)], &high, &mut gather);
        }
        Hand::Squares => weighed(&[(Weight::Squared, 0)], &[[1; L]; M], &mut gather),
        Hand::Ones => weighed(&[(Weight::One, 0)], &[[1; L]; M], &mut gather),
        Hand::Slope => weighed(&[(Weight::ALL, 0)], &[[1; L]; M], &mut gather),
    }
    if spreads {
        weighed(&[(Weight::One, 1)], &[[1; L]; M], &mut gather);
    }
    for (at, shares) in at.into_iter().zip(shares) {
        for (i, share) in shares.into_iter().enumerate() {
            sink.add(at + i, share);
        }
    }
}

/// `shares += factors · Σ sums of the terms`. Once where flash is small.
#[cfg_attr(not(any(target_pointer_width = "64", target_feature = "simd128")), inline(never))]
fn add_weighed<N: Number, const L: usize, const M: usize>(
    terms: &[(Weight, usize)],
    factors: &[[i16; L]; M],
    gather: &mut Gather<'_, N, L, M>,
    shares: &mut [[N::Sum; L]; M],
) {
    let mut sums = [[N::Sum::default(); L]; M];
    for (weight, which) in terms {
        gather(*weight, *which, &mut sums);
    }
    for (shares, (sums, factors)) in shares.iter_mut().zip(sums.iter().zip(factors)) {
        for (share, (sum, factor)) in shares.iter_mut().zip(sums.iter().zip(factors)) {
            *share = N::sum(*share, N::share(*factor, *sum));
        }
    }
}

/// Adds `f(w)·s` for columns of weights that lie side by side, whose rows are `apart`, a row for every quotient.
#[inline(always)]
pub fn add_columns<N: Number, const L: usize>(
    sums: &mut N::Narrow<L>,
    weight: Weight,
    w: &[i8],
    apart: usize,
    s: &[N::Word],
) {
    if FAST {
        for (w, s) in w.chunks(apart.max(1)).zip(s) {
            if *s != N::Word::default() {
                N::weigh(sums, &weight.load(w), *s);
            }
        }
        return;
    }
    match weight {
        Weight::ALL => add_rows::<N, L>(sums, w, apart, s, i16::from),
        Weight::POSITIVE => add_rows::<N, L>(sums, w, apart, s, |w| w.max(0).into()),
        _ => add_rows::<N, L>(sums, w, apart, s, |w| weight.of(w)),
    }
}

/// The same one row after the other: most quotients are zero.
#[inline(never)]
fn add_rows<N: Number, const L: usize>(
    sums: &mut N::Narrow<L>,
    w: &[i8],
    apart: usize,
    s: &[N::Word],
    f: impl Fn(i8) -> i16,
) {
    let mut at = 0;
    for s in s {
        if *s != N::Word::default()
            && let Some(w) = w.get(at..).and_then(|w| w.first_chunk())
        {
            N::weigh_by(sums, &f, w, *s);
        }
        at += apart;
    }
}

/// What the inputs of an output are replaced by.
#[derive(Clone, Copy)]
pub enum Fill {
    /// Their values.
    Own,
    /// One each.
    Ones,
    /// Their values less one end of the box.
    Above(usize),
}

impl Fill {
    /// What sums are made of, and the weights that meet the end of a box.
    pub const fn passes(sums: Sums) -> &'static [(Self, Weight)] {
        match sums {
            Sums::Box => &[(Self::Above(0), Weight::POSITIVE), (Self::Above(1), Weight::NEGATIVE)],
            Sums::Squares | Sums::Count => &[(Self::Ones, Weight::ALL)],
            _ => &[(Self::Own, Weight::ALL)],
        }
    }

    /// Fills in for inputs side by side.
    #[inline(always)]
    pub fn put<N: Number>(self, x: &Inputs<'_>, at: usize, run: &mut [i16]) {
        match self {
            Self::Own => lanes8::widen(run, x.q.get(at..).unwrap_or(&[]), x.zero),
            Self::Ones => run.fill(1),
            Self::Above(end) => run.iter_mut().enumerate().for_each(|(i, to)| *to = x.above::<N>(end, at + i)),
        }
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

/// Sums of `P` patches, which lie one after the other, `len` apart, for some channels: what a rule divides by. `weight`
/// says which weights meet the end of the box that is in the patches; `put` gets channel, patch and sums.
#[inline(always)]
pub fn sums_of<const P: usize>(
    (sums, weight): (Sums, Weight),
    non_negative: bool,
    patches: &[i16],
    len: usize,
    w: [&[i8]; CHANNELS],
    mut put: impl FnMut(usize, usize, [i32; 2]),
) {
    let of = |term| lanes8::sums::<P>(patches, len, w, term);
    let positive = if non_negative { Term::By(Weight::POSITIVE) } else { Term::Positive };
    let first = of(match sums {
        Sums::Whole | Sums::Gate | Sums::BySign(true) | Sums::ByWeight => Term::PRODUCT,
        Sums::BySign(false) => positive,
        Sums::Box => Term::By(weight),
        Sums::Squares => Term::By(Weight::Squared),
        Sums::Count => Term::By(Weight::One),
    });
    let second = match sums {
        // Contributions may cancel, or there may be none.
        Sums::Whole if !first.as_flattened().contains(&0) => first,
        Sums::Whole | Sums::BySign(true) => of(positive),
        Sums::ByWeight => of(Term::By(Weight::POSITIVE)),
        _ => first,
    };
    for (channel, (first, second)) in first.iter().zip(&second).enumerate() {
        for (patch, (a, b)) in first.iter().zip(second).enumerate() {
            let both = match sums {
                Sums::Whole => [*a, if *a == 0 { *b } else { 1 }],
                Sums::BySign(true) | Sums::ByWeight => [*b, a - b],
                Sums::Box => [*a, i32::from(*a != 0)],
                _ => [*a, 0],
            };
            put(channel, patch, both);
        }
    }
}
