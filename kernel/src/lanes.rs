//! The inner loops: fixed-width arrays, fixed summation order.
//!
//! Every target adds the same numbers in the same order, so every target gets the same bits; the arrays are as wide
//! as two SSE2, NEON or simd128 registers, so LLVM vectorises the loops without being asked. How many pixels share a
//! loaded weight ([`PIXELS`]), and which terms have loops of their own ([`FAST`]), differs between targets and changes
//! nothing in the sums.

use crate::model::format::BLOCK;

/// One block of values: output channels side by side.
pub type Lanes = [f32; BLOCK];

/// Whether loops get a variant for every term and several for the ends of rows: where there are vectors to fill, and
/// neither flash is counted nor what a page downloads.
pub const FAST: bool = cfg!(target_pointer_width = "64");

/// Output pixels per pass over the weights.
pub const PIXELS: usize = if FAST { 4 } else { 1 };

/// Which function of a weight a rule means, by name; [`with_term!`] makes it a [`Term`] outside the loops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// `x·w`.
    All,
    /// Positive contributions.
    Positive,
    /// Negative contributions.
    Negative,
    /// Contributions, positive ones raised by γ.
    RaisedPositive(f32),
    /// Contributions, negative ones raised by γ.
    RaisedNegative(f32),
    /// γ-raised weights.
    RaisedWeights(f32),
    /// `w²`.
    Squared,
    /// `1`.
    Ones,
    /// `|x·w|`.
    Magnitude,
    /// `−x·w⁺`, with the low end of a box as `x`.
    Low,
    /// `−x·w⁻`, with the high end of a box as `x`.
    High,
}

impl Part {
    /// How many times as large the part is for a weight that is `scale` times as large; `scale` is not negative.
    #[inline(always)]
    pub fn of_scale(self, scale: f32) -> f32 {
        match self {
            Self::Squared => scale * scale,
            Self::Ones => 1.0,
            _ => scale,
        }
    }
}

/// Evaluates `$body` with `$term` being the [`Term`] that a [`Part`] names, for inputs of which it is known whether any
/// is negative. `$body` is compiled once for each of them, or, where not [`FAST`], for each of the [`Few`].
macro_rules! with_term {
    ($part:expr, $non_negative:expr, |$term:ident| $body:expr) => {
        if $crate::lanes::FAST {
            $crate::lanes::with_term!(@ ($part, $non_negative), $term, $body,
            (Part::All, _) => All,
            (Part::Positive, true) => NonNegative(Positive),
            (Part::Positive, false) => Positive,
            (Part::Negative, true) => NonNegative(Negative),
            (Part::Negative, false) => Negative,
            (Part::RaisedPositive(gamma), true) => NonNegative(RaisedPositive(gamma)),
            (Part::RaisedPositive(gamma), false) => RaisedPositive(gamma),
            (Part::RaisedNegative(gamma), true) => NonNegative(RaisedNegative(gamma)),
            (Part::RaisedNegative(gamma), false) => RaisedNegative(gamma),
            (Part::RaisedWeights(gamma), _) => RaisedWeights(gamma),
            (Part::Squared, _) => Squared,
            (Part::Ones, _) => Ones,
            (Part::Magnitude, _) => Magnitude,
            (Part::Low, _) => Minus(NonNegative(Positive)),
            (Part::High, _) => Minus(NonNegative(Negative)),
            )
        } else {
            $crate::lanes::with_term!(@ Few::of($part, $non_negative), $term, $body,
                Few::All => All,
                Few::Signed(bend) => bend,
                Few::Unsigned(bend) => NonNegative(bend),
                Few::Rare(rare) => rare,
            )
        }
    };
    (@ $choice:expr, $term:ident, $body:expr, $($pattern:pat => $value:expr,)*) => {{
        use $crate::lanes::*;
        match $choice {
            $($pattern => {
                let $term = $value;
                $body
            })*
        }
    }};
}
pub(crate) use with_term;

/// [`with_term!`] for layers that do little with each element: where not [`FAST`], `$body` is compiled once, for a term
/// that is chosen anew each time.
macro_rules! with_light_term {
    ($part:expr, $non_negative:expr, |$term:ident| $body:expr) => {
        if $crate::lanes::FAST {
            $crate::lanes::with_term!($part, $non_negative, |$term| $body)
        } else {
            let $term = $crate::lanes::Few::of($part, $non_negative);
            $body
        }
    };
}
pub(crate) use with_light_term;

/// A function of a weight, evaluated inside the loop and never stored. It may depend on the sign of the input that the
/// weight meets.
pub trait Term: Copy {
    /// Inputs below zero see another weight than inputs above: only [`term`](Self::term) knows which.
    const SIGNED: bool = false;

    /// Used on every way forward, and worth more variants of a loop.
    const COMMON: bool = false;

    /// The weight as an input that is not negative sees it.
    fn weight(self, w: f32) -> f32;

    /// The contribution of one input: `x` times the weight it sees.
    #[inline(always)]
    fn term(self, x: f32, w: f32) -> f32 {
        x * self.weight(w)
    }
}

/// `x·w`.
#[derive(Clone, Copy)]
pub struct All;

impl Term for All {
    const COMMON: bool = true;

    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        w
    }
}

/// Positive contributions: `x⁺w⁺ + x⁻w⁻ = max(x·w, 0)`.
#[derive(Clone, Copy)]
pub struct Positive;

impl Term for Positive {
    const SIGNED: bool = true;

    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        positive(w)
    }

    #[inline(always)]
    fn term(self, x: f32, w: f32) -> f32 {
        positive(x * w)
    }
}

/// Negative contributions: `x⁺w⁻ + x⁻w⁺ = min(x·w, 0)`.
#[derive(Clone, Copy)]
pub struct Negative;

impl Term for Negative {
    const SIGNED: bool = true;

    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        negative(w)
    }

    #[inline(always)]
    fn term(self, x: f32, w: f32) -> f32 {
        negative(x * w)
    }
}

/// A part as inputs that are never negative see it: one function of the weight, evaluated once for all pixels.
#[derive(Clone, Copy)]
pub struct NonNegative<P>(pub P);

impl<P: Term> Term for NonNegative<P> {
    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        self.0.weight(w)
    }
}

/// The same with the opposite sign.
#[derive(Clone, Copy)]
pub struct Minus<P>(pub P);

impl<P: Term> Term for Minus<P> {
    const SIGNED: bool = P::SIGNED;

    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        -self.0.weight(w)
    }

    #[inline(always)]
    fn term(self, x: f32, w: f32) -> f32 {
        -self.0.term(x, w)
    }
}

/// γ-raised contributions: `p + γ·p⁺` with `p = x·w`.
#[derive(Clone, Copy)]
pub struct RaisedPositive(pub f32);

impl Term for RaisedPositive {
    const SIGNED: bool = true;

    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        w + self.0 * positive(w)
    }

    #[inline(always)]
    fn term(self, x: f32, w: f32) -> f32 {
        let p = x * w;
        p + self.0 * positive(p)
    }
}

/// γ-raised contributions: `p + γ·p⁻` with `p = x·w`.
#[derive(Clone, Copy)]
pub struct RaisedNegative(pub f32);

impl Term for RaisedNegative {
    const SIGNED: bool = true;

    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        w + self.0 * negative(w)
    }

    #[inline(always)]
    fn term(self, x: f32, w: f32) -> f32 {
        let p = x * w;
        p + self.0 * negative(p)
    }
}

/// γ-raised weights: `w + γ·w⁺`, whatever the input.
#[derive(Clone, Copy)]
pub struct RaisedWeights(pub f32);

impl Term for RaisedWeights {
    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        w + self.0 * positive(w)
    }
}

/// `w²`.
#[derive(Clone, Copy)]
pub struct Squared;

impl Term for Squared {
    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        w * w
    }
}

/// `1`, whatever the weight.
#[derive(Clone, Copy)]
pub struct Ones;

impl Term for Ones {
    #[inline(always)]
    fn weight(self, _: f32) -> f32 {
        1.0
    }
}

/// `|x·w|`.
#[derive(Clone, Copy)]
pub struct Magnitude;

impl Term for Magnitude {
    const SIGNED: bool = true;

    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        absolute(w)
    }

    #[inline(always)]
    fn term(self, x: f32, w: f32) -> f32 {
        absolute(x * w)
    }
}

/// Any of the terms that are linear on either side of zero, chosen at run time: `all·p + (positive·p⁺ + negative·p⁻)`
/// with `p = x·w`, or with `p = w` and a factor `x` as [`NonNegative`]. The same numbers as the terms it stands for,
/// rounded at the same places, as long as nothing overflows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bend {
    /// Factor of all.
    pub all: f32,
    /// Factor of what is positive.
    pub positive: f32,
    /// Factor of what is negative.
    pub negative: f32,
}

impl Term for Bend {
    const SIGNED: bool = true;

    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        self.all * w + (self.positive * positive(w) + self.negative * negative(w))
    }

    #[inline(always)]
    fn term(self, x: f32, w: f32) -> f32 {
        self.weight(x * w)
    }
}

/// The other terms, chosen at run time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rare {
    /// `w²`.
    Squared,
    /// `1`.
    Ones,
}

impl Term for Rare {
    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        match self {
            Self::Squared => Squared.weight(w),
            Self::Ones => Ones.weight(w),
        }
    }
}

/// A part as one of few terms: what is compiled where flash is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Few {
    /// [`All`].
    All,
    /// Of contributions.
    Signed(Bend),
    /// Of weights.
    Unsigned(Bend),
    /// Neither.
    Rare(Rare),
}

impl Few {
    /// The term of a part, for inputs of which it is known whether any is negative.
    pub fn of(part: Part, non_negative: bool) -> Self {
        let of_weights = |all, positive, negative| Self::Unsigned(Bend { all, positive, negative });
        let of_terms = |all, positive, negative| {
            let bend = Bend { all, positive, negative };
            if non_negative { Self::Unsigned(bend) } else { Self::Signed(bend) }
        };
        match part {
            Part::All => Self::All,
            Part::Positive => of_terms(0.0, 1.0, 0.0),
            Part::Negative => of_terms(0.0, 0.0, 1.0),
            Part::RaisedPositive(gamma) => of_terms(1.0, gamma, 0.0),
            Part::RaisedNegative(gamma) => of_terms(1.0, 0.0, gamma),
            Part::RaisedWeights(gamma) => of_weights(1.0, gamma, 0.0),
            Part::Squared => Self::Rare(Rare::Squared),
            Part::Ones => Self::Rare(Rare::Ones),
            Part::Magnitude => Self::Signed(Bend { all: 0.0, positive: 1.0, negative: -1.0 }),
            Part::Low => of_weights(0.0, -1.0, 0.0),
            Part::High => of_weights(0.0, 0.0, -1.0),
        }
    }
}

impl Term for Few {
    const SIGNED: bool = true;

    #[inline(always)]
    fn weight(self, w: f32) -> f32 {
        match self {
            Self::All => w,
            Self::Signed(bend) | Self::Unsigned(bend) => bend.weight(w),
            Self::Rare(rare) => rare.weight(w),
        }
    }

    #[inline(always)]
    fn term(self, x: f32, w: f32) -> f32 {
        match self {
            Self::Signed(bend) => bend.term(x, w),
            _ => x * self.weight(w),
        }
    }
}

/// The `i`-th `len` values; none where there are not so many.
#[inline(always)]
pub fn piece(values: &[f32], i: usize, len: usize) -> &[f32] {
    values.get(i * len..(i + 1) * len).unwrap_or(&[])
}

/// `len` values from `start` on; none where there are not so many.
#[inline(always)]
pub fn span(values: &[f32], start: usize, len: usize) -> &[f32] {
    values.get(start..start + len).unwrap_or(&[])
}

/// `len` values from `start` on, from `start + apart` on and so on; nothing where there are not so many.
#[inline(always)]
pub fn spans<T, const N: usize>(values: &[T], start: usize, apart: usize, len: usize) -> Option<[&[T]; N]> {
    let mut spans: [&[T]; N] = [&[]; N];
    for (i, span) in spans.iter_mut().enumerate() {
        *span = values.get(start + i * apart..)?.get(..len)?;
    }
    Some(spans)
}

/// `to = from`, as far as both go.
#[inline(always)]
pub fn copy(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// `max(v, 0)` as one compare-and-mask: `f32::max` must also treat NaN, and costs more.
#[inline(always)]
pub fn positive(v: f32) -> f32 {
    if v > 0.0 { v } else { 0.0 }
}

/// `min(v, 0)`.
#[inline(always)]
pub fn negative(v: f32) -> f32 {
    if v < 0.0 { v } else { 0.0 }
}

/// `|v|`.
#[inline(always)]
pub fn absolute(v: f32) -> f32 {
    f32::from_bits(v.to_bits() & 0x7fff_ffff)
}

/// `acc[p] += Σ_i part(x[p][i], w[i])` in the order of `i`, for the first `L` lanes. Every `x[p]` must be as long as
/// `w`.
#[inline(always)]
pub fn accumulate<P: Term, const N: usize, const L: usize>(
    part: P,
    x: [&[f32]; N],
    w: &[Lanes],
    acc: &mut [[f32; L]; N],
) {
    let Some(x) = same_length(x, w.len()) else { return };
    let mut sums = *acc;
    for (i, w) in w.iter().enumerate() {
        for (sum, x) in sums.iter_mut().zip(x) {
            let Some(x) = x.get(i) else { continue };
            for (lane, w) in sum.iter_mut().zip(w) {
                *lane += part.term(*x, *w);
            }
        }
    }
    *acc = sums;
}

/// The slices cut to `n` elements, or nothing where one is shorter: after this the compiler knows every length.
#[inline(always)]
fn same_length<T, const N: usize>(slices: [&[T]; N], n: usize) -> Option<[&[T]; N]> {
    let mut cut = slices;
    for slice in &mut cut {
        *slice = slice.get(..n)?;
    }
    Some(cut)
}

/// Four at once, the same sums.
#[inline(always)]
fn sums_of_four(v: &[Lanes; 4]) -> [f32; 4] {
    let [p, q, r, s] = v.map(|[a, b, c, d, e, f, g, h]| [a + e, b + f, c + g, d + h]);
    let fold = |p: [f32; 4], q: [f32; 4]| [p[0] + p[2], p[1] + p[3], q[0] + q[2], q[1] + q[3]];
    let (pq, rs) = (fold(p, q), fold(r, s));
    [pq[0] + pq[1], pq[2] + pq[3], rs[0] + rs[1], rs[2] + rs[3]]
}

/// Sums over the lanes of each, pairwise.
#[inline(always)]
pub fn sums<const M: usize, const N: usize>(v: [[Lanes; N]; M]) -> [[f32; N]; M] {
    // Through memory: adding up lanes in registers would make LLVM split the loops that filled them into pairs.
    let v = core::hint::black_box(v);
    let mut sums = [[0.0; N]; M];
    let (v, flat) = (v.as_flattened(), sums.as_flattened_mut());
    let (v_fours, v_rest) = v.as_chunks::<4>();
    let (fours, rest) = flat.as_chunks_mut::<4>();
    for (sums, v) in fours.iter_mut().zip(v_fours) {
        *sums = sums_of_four(v);
    }
    for (sum, [a, b, c, d, e, f, g, h]) in rest.iter_mut().zip(v_rest) {
        *sum = ((a + e) + (c + g)) + ((b + f) + (d + h));
    }
    sums
}

/// `f(a, b)` lane by lane.
#[inline(always)]
pub fn zip(a: Lanes, b: Lanes, f: impl Fn(f32, f32) -> f32) -> Lanes {
    core::array::from_fn(|i| f(a[i], b[i]))
}

/// Up to eight values as lanes, zeros where there are fewer.
#[inline(always)]
pub fn load(values: &[f32]) -> Lanes {
    match values.first_chunk() {
        Some(chunk) => *chunk,
        None => load_few(values),
    }
}

/// Eight values from `start` on, of which the first `len` count: the others are what lies there, or zeros.
#[inline(always)]
pub fn load_at(values: &[f32], start: usize, len: usize) -> Lanes {
    match values.get(start..).and_then(|values| values.first_chunk()) {
        Some(chunk) => *chunk,
        None => load_few(span(values, start, len)),
    }
}

/// A function of its own: else LLVM makes one `memcpy` of both arms of [`load`], with a length that it looks up.
#[inline(never)]
fn load_few(values: &[f32]) -> Lanes {
    core::array::from_fn(|i| values.get(i).copied().unwrap_or(0.0))
}

/// Lanes as up to eight values.
#[inline(always)]
pub fn store(values: &mut [f32], lanes: &Lanes) {
    match values.first_chunk_mut() {
        Some(chunk) => *chunk = *lanes,
        None => store_few(values, lanes),
    }
}

/// As [`load_few`].
#[inline(never)]
fn store_few(values: &mut [f32], lanes: &Lanes) {
    for (i, lane) in lanes.iter().enumerate() {
        if let Some(value) = values.get_mut(i) {
            *value = *lane;
        }
    }
}

/// Compensated sum in eight lanes (Ogita, Rump & Oishi 2005, Sum2): as exact as adding in twice the precision.
#[derive(Clone, Copy, Default)]
pub struct Sum {
    high: Lanes,
    low: Lanes,
}

impl Sum {
    /// Adds eight values.
    #[inline(always)]
    pub fn add(&mut self, values: Lanes) {
        for ((high, low), value) in self.high.iter_mut().zip(&mut self.low).zip(values) {
            let (sum, error) = two_sum(*high, value);
            *high = sum;
            *low += error;
        }
    }

    /// Adds one value.
    #[inline(always)]
    pub fn add_one(&mut self, value: f32) {
        let [high, ..] = &mut self.high;
        let [low, ..] = &mut self.low;
        let (sum, error) = two_sum(*high, value);
        *high = sum;
        *low += error;
    }

    /// Adds a slice.
    pub fn add_all(&mut self, values: &[f32]) {
        let (chunks, rest) = values.as_chunks();
        for chunk in chunks {
            self.add(*chunk);
        }
        if !rest.is_empty() {
            self.add(load(rest));
        }
    }

    /// The sum of a slice.
    pub fn of(values: &[f32]) -> Self {
        let mut sum = Self::default();
        sum.add_all(values);
        sum
    }

    /// The total so far.
    pub fn total(&self) -> Exact {
        let mut total = Exact::default();
        for (high, low) in self.high.iter().zip(self.low) {
            total = total.plus(*high).plus(low);
        }
        total
    }
}

/// A number in twice the precision: the unevaluated sum of two floats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Exact {
    high: f32,
    low: f32,
}

impl Exact {
    /// Adds a number.
    pub fn plus(self, value: f32) -> Self {
        let (high, error) = two_sum(self.high, value);
        Self { high, low: self.low + error }
    }

    /// Subtracts another such number.
    pub fn minus(self, other: Self) -> Self {
        self.plus(-other.high).plus(-other.low)
    }

    /// Rounded to one float.
    pub fn value(self) -> f32 {
        self.high + self.low
    }
}

/// `a + b` rounded, and what the rounding lost (Knuth).
#[inline(always)]
fn two_sum(a: f32, b: f32) -> (f32, f32) {
    let sum = a + b;
    let b_seen = sum - a;
    let a_seen = sum - b_seen;
    (sum, (a - a_seen) + (b - b_seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lanes() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(-4.0f32..4.0, 8 * 6)
    }

    /// What a term is in the loops of either direction.
    fn of<P: Term>(term: P, x: f32, w: f32) -> (f32, f32) {
        (term.term(x, w), if P::SIGNED { 0.0 } else { term.weight(w) })
    }

    proptest! {
        #[test]
        fn accumulate_equals_the_sum_it_names(w in lanes(), x in prop::collection::vec(-4.0f32..4.0, 12)) {
            let blocks = w.as_chunks::<8>().0;
            let mut fast = [[0.0; 8]; 2];
            accumulate(Positive, [&x[..6], &x[6..]], blocks, &mut fast);
            for (p, fast) in fast.iter().enumerate() {
                for (lane, fast) in fast.iter().enumerate() {
                    let naive: f32 = (0..6).map(|i| (x[6 * p + i] * w[8 * i + lane]).max(0.0)).sum();
                    prop_assert_eq!(*fast, naive);
                }
            }
        }

        #[test]
        fn parts_are_contributions(x in -3.0f32..3.0, w in -3.0f32..3.0) {
            prop_assert_eq!(Positive.term(x, w) + Negative.term(x, w), x * w);
            prop_assert_eq!(Magnitude.term(x, w), (x * w).abs());
            let positive = x.abs();
            prop_assert_eq!(Positive.term(positive, w), NonNegative(Positive).term(positive, w));
            prop_assert_eq!(Negative.term(positive, w), NonNegative(Negative).term(positive, w));
            prop_assert_eq!(RaisedPositive(0.5).term(x, w), x * w + 0.5 * (x * w).max(0.0));
        }

        #[test]
        fn few_terms_are_the_terms_they_stand_for(x in -3.0f32..3.0, w in -3.0f32..3.0, gamma in 0.0f32..2.0) {
            let parts = [
                Part::All,
                Part::Positive,
                Part::Negative,
                Part::RaisedPositive(gamma),
                Part::RaisedNegative(gamma),
                Part::RaisedWeights(gamma),
                Part::Squared,
                Part::Ones,
                Part::Magnitude,
                Part::Low,
                Part::High,
            ];
            for (part, non_negative) in parts.into_iter().flat_map(|part| [(part, false), (part, true)]) {
                let x = if non_negative { x.abs() } else { x };
                let wanted = with_term!(part, non_negative, |term| of(term, x, w));
                let got = match Few::of(part, non_negative) {
                    Few::All => of(All, x, w),
                    Few::Signed(bend) => of(bend, x, w),
                    Few::Unsigned(bend) => of(NonNegative(bend), x, w),
                    Few::Rare(rare) => of(rare, x, w),
                };
                prop_assert_eq!(got, wanted, "{:?}", part);
                prop_assert_eq!(Few::of(part, non_negative).term(x, w), wanted.0, "{:?}", part);
            }
        }

        #[test]
        fn compensated_sum_is_as_good_as_double(values in prop::collection::vec(-1e6f32..1e6, 0..200)) {
            let exact: f64 = values.iter().map(|v| f64::from(*v)).sum();
            let got = f64::from(Sum::of(&values).total().value());
            prop_assert!((got - exact).abs() <= 1e-7 * exact.abs() + 1e-6);
        }
    }
}
