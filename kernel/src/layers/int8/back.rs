//! What layers over int8 share on their way back: the units of their sums, and how sums become relevance.

use super::recipe::{Hand, Sums};
use super::sink::Sink;
use super::way::Inputs;
use crate::lanes::FAST;
use crate::lanes8::{self, CHANNELS, Term, Weight, first_of};
use crate::model::Model;
use crate::model::format::BLOCK;
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

/// What sums of quotients are multiplied by.
#[derive(Clone, Copy)]
pub enum Factor {
    /// The input, or its part above zero, or below.
    Input,
    Above,
    Below,
    /// The input less one end of the box.
    End(usize),
    /// One.
    One,
}

impl Factor {
    /// Of inputs side by side; whether one is not zero.
    #[inline(always)]
    fn put<N: Number>(self, x: &Inputs<'_>, q: &[i8], at: usize, to: &mut [i16]) -> bool {
        let (low, high) = match self {
            Self::Input => (i16::MIN, i16::MAX),
            Self::Above => (0, i16::MAX),
            Self::Below if x.non_negative => return false,
            Self::Below => (i16::MIN, 0),
            Self::One => (1, 1),
            Self::End(end) => {
                to.iter_mut().enumerate().for_each(|(i, to)| *to = x.above::<N>(q, end, at + i));
                return to.iter().any(|to| *to != 0);
            }
        };
        let mut any = 0;
        for (to, q) in to.iter_mut().zip(q.get(at..).unwrap_or(&[])) {
            *to = (i16::from(*q) - x.zero).max(low).min(high);
            any |= *to;
        }
        any != 0
    }
}

/// A factor, and the sums that it multiplies: of which function of the weights, and which quotients.
type Share = (Factor, &'static [(Weight, usize)]);

impl Hand {
    /// Whether an input of zero gets nothing.
    const fn is_product(self) -> bool {
        matches!(self, Self::Whole | Self::BySign(_) | Self::ByWeight)
    }

    /// What an input gets.
    const fn shares(self) -> &'static [Share] {
        match self {
            Self::Whole => &[(Factor::Input, &[(Weight::ALL, 0)])],
            Self::BySign(true) => &[
                (Factor::Above, &[(Weight::POSITIVE, 0), (Weight::NEGATIVE, 1)]),
                (Factor::Below, &[(Weight::NEGATIVE, 0), (Weight::POSITIVE, 1)]),
            ],
            Self::BySign(false) => {
                &[(Factor::Above, &[(Weight::POSITIVE, 0)]), (Factor::Below, &[(Weight::NEGATIVE, 0)])]
            }
            Self::ByWeight => &[(Factor::Input, &[(Weight::POSITIVE, 0), (Weight::NEGATIVE, 1)])],
            Self::Box => &[(Factor::End(0), &[(Weight::POSITIVE, 0)]), (Factor::End(1), &[(Weight::NEGATIVE, 0)])],
            Self::Squares => &[(Factor::One, &[(Weight::Squared, 0)])],
            Self::Ones => &[(Factor::One, &[(Weight::One, 0)])],
            Self::Slope => &[(Factor::One, &[(Weight::ALL, 0)])],
        }
    }
}

/// Second quotients go to all inputs alike.
const SPREAD: Share = (Factor::One, &[(Weight::One, 1)]);

/// What is gathered for inputs side by side, in `M` places that meet the same weights, and how it becomes relevance.
#[cfg_attr(any(target_pointer_width = "64", target_feature = "simd128"), inline(always))]
#[cfg_attr(not(any(target_pointer_width = "64", target_feature = "simd128")), inline(never))]
pub fn settle<N: Number, const L: usize, const M: usize>(
    x: &Inputs<'_>,
    (hand, spreads): (Hand, bool),
    (at, lanes): ([usize; M], usize),
    mut gather: impl FnMut(Weight, usize, &mut [[N::Sum; L]; M]),
    sink: &mut Sink<'_, N>,
) {
    // Backgrounds and dead units get nothing.
    let zero = |at: usize| x.are_zero(sink.values(), at, lanes);
    if !FAST && !spreads && hand.is_product() && at.iter().all(|at| zero(*at)) {
        return;
    }
    let mut shares = [[N::Sum::default(); L]; M];
    for (factor, terms) in hand.shares().iter().chain(spreads.then_some(&SPREAD)) {
        let (mut factors, mut any) = ([[0; L]; M], false);
        for (factors, at) in factors.iter_mut().zip(at) {
            // Nothing is written before all is read, which may be there.
            any |= factor.put::<N>(x, sink.values(), at, factors.get_mut(..lanes).unwrap_or(&mut []));
        }
        if !any {
            continue;
        }
        let mut sums = [[N::Sum::default(); L]; M];
        for (weight, which) in *terms {
            gather(*weight, *which, &mut sums);
        }
        for (shares, (sums, factors)) in shares.iter_mut().zip(sums.iter().zip(&factors)) {
            for (share, (sum, factor)) in shares.iter_mut().zip(sums.iter().zip(factors)).take(lanes) {
                *share = N::sum(*share, N::share(*factor, *sum));
            }
        }
    }
    for (at, shares) in at.iter().zip(&shares) {
        for (i, share) in shares.iter().enumerate().take(lanes) {
            sink.add(at + i, *share);
        }
    }
}

/// Adds `f(w)·s` for some columns of weights that lie side by side, whose rows are `apart`, a row for every quotient.
#[inline(always)]
pub fn add_columns<N: Number, const L: usize>(
    sums: &mut N::Narrow<L>,
    weight: Weight,
    (w, apart): (&[i8], usize),
    columns: usize,
    s: &[N::Word],
) {
    if !FAST {
        return add_some::<N, L>(sums, weight, (w, apart), columns, s);
    }
    for (w, s) in w.chunks(apart.max(1)).zip(s) {
        if *s != N::Word::default() {
            N::weigh(sums, &weight.load(w), *s);
        }
    }
}

/// The same where there are no vectors: no more columns than are asked for.
#[inline(always)]
fn add_some<N: Number, const L: usize>(
    sums: &mut N::Narrow<L>,
    weight: Weight,
    rows: (&[i8], usize),
    columns: usize,
    s: &[N::Word],
) {
    match weight {
        Weight::ALL if columns == BLOCK => add_blocks::<N, L>(sums, rows, s, i16::from),
        Weight::POSITIVE if columns == BLOCK => add_blocks::<N, L>(sums, rows, s, |w| w.max(0).into()),
        Weight::ALL => add_rows::<N, L>(sums, rows, columns, s, i16::from),
        Weight::POSITIVE => add_rows::<N, L>(sums, rows, columns, s, |w| w.max(0).into()),
        _ => add_rows::<N, L>(sums, rows, columns, s, |w| weight.of(w)),
    }
}

/// One row after the other: most quotients are zero.
#[inline(never)]
fn add_rows<N: Number, const L: usize>(
    sums: &mut N::Narrow<L>,
    (w, apart): (&[i8], usize),
    columns: usize,
    s: &[N::Word],
    f: impl Fn(i8) -> i16,
) {
    let mut at = 0;
    for s in s {
        if *s != N::Word::default() {
            let w = w.get(at..).and_then(|w| w.get(..columns));
            N::weigh_by(sums, &f, w.unwrap_or(&[]), *s);
        }
        at += apart;
    }
}

/// The same for eight columns, whose sums are kept in registers.
#[inline(never)]
fn add_blocks<N: Number, const L: usize>(
    sums: &mut N::Narrow<L>,
    (w, apart): (&[i8], usize),
    s: &[N::Word],
    f: impl Fn(i8) -> i16,
) {
    let (mut own, mut at) = (*sums, 0);
    for s in s {
        if *s != N::Word::default()
            && let Some(w) = w.get(at..).and_then(|w| w.first_chunk())
        {
            N::weigh_eight(&mut own, &f, *w, *s);
        }
        at += apart;
    }
    *sums = own;
}

/// Adds `f(w)·s` side by side, each weight with a quotient of its own.
#[inline(always)]
pub fn add_each<N: Number, const L: usize>(sums: &mut N::Narrow<L>, weight: Weight, w: &[i8], s: &[N::Word]) {
    if !FAST {
        return add_pairs::<N, L>(sums, weight, w, s);
    }
    let (w, s) = (first_of::<_, L>(w), first_of::<_, L>(s));
    match weight {
        Weight::Within(low, high) => N::weigh_each(sums, |w| i16::from(w).max(low).min(high), &w, &s),
        _ => N::weigh_each(sums, |w| weight.of(w), &w, &s),
    }
}

/// The same where there are no vectors: no more of them than there are.
#[inline(never)]
fn add_pairs<N: Number, const L: usize>(sums: &mut N::Narrow<L>, weight: Weight, w: &[i8], s: &[N::Word]) {
    match weight {
        Weight::ALL => N::weigh_each(sums, i16::from, w, s),
        Weight::POSITIVE => N::weigh_each(sums, |w| w.max(0).into(), w, s),
        _ => N::weigh_each(sums, |w| weight.of(w), w, s),
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
            Self::Above(end) => run.iter_mut().enumerate().for_each(|(i, to)| *to = x.above::<N>(x.q, end, at + i)),
        }
    }
}

/// Does something for `len` inputs, so many side by side, of which some count. Where there are vectors the last few are
/// worked on one by one, elsewhere together.
macro_rules! in_lanes {
    ($len:expr, |$at:ident, $lanes:ident, $count:ident| $body:expr) => {{
        let (mut $at, len) = (0, $len);
        while $at + WIDE <= len || !crate::lanes::FAST && $at < len {
            const $lanes: usize = WIDE;
            let $count = if crate::lanes::FAST { WIDE } else { WIDE.min(len - $at) };
            $body;
            $at += WIDE;
        }
        while crate::lanes::FAST && $at < len {
            const $lanes: usize = 1;
            let $count = 1;
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
    let [first, second] = two_sums(sums, weight, non_negative, of, |sums| sums.as_flattened().contains(&0));
    for (channel, (first, second)) in first.iter().zip(&second).enumerate() {
        for (patch, (a, b)) in first.iter().zip(second).enumerate() {
            put(channel, patch, both(sums, *a, *b));
        }
    }
}

/// Sums of all terms (of a rule that knows one kind only, of those) and of the first kind, as far as [`both`] looks at
/// them. `of` sums up terms of a kind.
#[inline(always)]
pub fn two_sums<T: Copy>(
    sums: Sums,
    weight: Weight,
    non_negative: bool,
    of: impl Fn(Term) -> T,
    has_zero: impl Fn(&T) -> bool,
) -> [T; 2] {
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
        Sums::Whole if !has_zero(&first) => first,
        Sums::Whole | Sums::BySign(true) => of(positive),
        Sums::ByWeight => of(Term::By(Weight::POSITIVE)),
        _ => first,
    };
    [first, second]
}

/// The two sums that a rule divides by, of the sum of all terms (of a rule that knows one kind only, of those) and that
/// of the first kind.
#[inline(always)]
pub fn both(sums: Sums, all: i32, first: i32) -> [i32; 2] {
    match sums {
        // Where terms cancel, those above zero tell that there are any.
        Sums::Whole => [all, if all == 0 { first } else { 1 }],
        Sums::BySign(true) | Sums::ByWeight => [first, all - first],
        Sums::Box => [all, i32::from(all != 0)],
        _ => [all, 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::Fixed;
    use proptest::prelude::*;

    const L: usize = 8;

    /// Of a weight.
    type Function = fn(i16) -> i16;

    /// `Σ f(w)·s` for every column, by the definition; exact, because both fit a double.
    fn naive(f: Function, w: &[i8], apart: usize, s: &[i32]) -> Vec<f64> {
        let row = |j: usize, i: usize| f64::from(f(w[j * apart + i].into())) * f64::from(s[j]);
        (0..L).map(|i| (0..s.len()).map(|j| row(j, i)).sum()).collect()
    }

    fn kinds() -> [(Weight, Function); 5] {
        [
            (Weight::ALL, |w| w),
            (Weight::POSITIVE, |w| w.max(0)),
            (Weight::NEGATIVE, |w| w.min(0)),
            (Weight::One, |_| 1),
            (Weight::Within(-3, 90), |w| w.clamp(-3, 90)),
        ]
    }

    /// Sums of integers as numbers; as many places are asked for as a sum has behind its point, so that nothing is shifted.
    fn gathered(narrow: &<Fixed as Number>::Narrow<L>) -> [f64; L] {
        let mut sums = [0; L];
        Fixed::gather(&mut sums, narrow, Some(16));
        sums.map(|sum: i64| sum as f64)
    }

    #[test]
    fn products_are_shares_of_inputs() {
        let hands = [Hand::Whole, Hand::BySign(true), Hand::BySign(false), Hand::ByWeight, Hand::Box, Hand::Squares];
        for hand in hands.into_iter().chain([Hand::Ones, Hand::Slope]) {
            let of_inputs = |(factor, _): &Share| matches!(factor, Factor::Input | Factor::Above | Factor::Below);
            assert_eq!(hand.is_product(), hand.shares().iter().all(of_inputs), "{hand:?}");
        }
    }

    proptest! {
        #[test]
        fn columns_are_sums_of_weighed_quotients(
            w in prop::collection::vec(any::<i8>(), 40 * 11),
            s in prop::collection::vec(prop_oneof![Just(0), -(1 << 30) + 1..1 << 30], 0..40),
            columns in 1..=L,
            apart in L..=11,
        ) {
            for (weight, f) in kinds() {
                let wanted = naive(f, &w, apart, &s);
                let (mut some, mut all) = (Fixed::nothing::<L>(), Fixed::nothing::<L>());
                add_some::<Fixed, L>(&mut some, weight, (&w, apart), columns, &s);
                add_columns::<Fixed, L>(&mut all, weight, (&w, apart), L, &s);
                prop_assert_eq!(&gathered(&some)[..columns], &wanted[..columns]);
                prop_assert_eq!(&gathered(&some)[columns..], &[0.0; L][columns..]);
                if FAST {
                    prop_assert_eq!(&gathered(&all)[..], &wanted[..]);
                }
                let reals: Vec<f32> = s.iter().map(|s| *s as f32 / 1e9).collect();
                let (mut some, mut all) = (f32::nothing::<L>(), f32::nothing::<L>());
                add_some::<f32, L>(&mut some, weight, (&w, apart), columns, &reals);
                add_columns::<f32, L>(&mut all, weight, (&w, apart), L, &reals);
                prop_assert_eq!(&some[..columns], &all[..columns]);
            }
        }

        #[test]
        fn pairs_are_products_of_weights_and_quotients(
            w in prop::collection::vec(any::<i8>(), 0..=L + 2),
            s in prop::collection::vec(-(1 << 30) + 1..1 << 30, 0..=L + 2),
        ) {
            for (weight, f) in kinds() {
                let product = |i: usize| match (w.get(i), s.get(i)) {
                    (Some(w), Some(s)) => f64::from(f((*w).into())) * f64::from(*s),
                    _ => 0.0,
                };
                let wanted: Vec<f64> = (0..L).map(product).collect();
                let (mut some, mut all) = (Fixed::nothing::<L>(), Fixed::nothing::<L>());
                add_pairs::<Fixed, L>(&mut some, weight, &w, &s);
                add_each::<Fixed, L>(&mut all, weight, &w, &s);
                let there = L.min(w.len()).min(s.len());
                prop_assert_eq!(&gathered(&some)[..], &wanted[..]);
                prop_assert_eq!(&gathered(&all)[..there], &wanted[..there]);
                let reals: Vec<f32> = s.iter().map(|s| *s as f32 / 1e9).collect();
                let (mut some, mut all) = (f32::nothing::<L>(), f32::nothing::<L>());
                add_pairs::<f32, L>(&mut some, weight, &w, &reals);
                add_each::<f32, L>(&mut all, weight, &w, &reals);
                prop_assert_eq!(&some[..there], &all[..there]);
            }
        }

        #[test]
        fn two_sums_tell_whether_there_are_terms(terms in prop::collection::vec(-300_i32..=300, 0..6)) {
            let sum = |f: fn(i32) -> i32| terms.iter().map(|term| f(*term)).sum::<i32>();
            let [z, any] = both(Sums::Whole, sum(|t| t), sum(|t| t.max(0)));
            prop_assert_eq!(z, sum(|t| t));
            prop_assert_eq!(any != 0, terms.iter().any(|term| *term != 0));
            let signs = both(Sums::BySign(true), sum(|t| t), sum(|t| t.max(0)));
            prop_assert_eq!(signs, [sum(|t| t.max(0)), sum(|t| t.min(0))]);
        }
    }
}
