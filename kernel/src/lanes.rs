//! The inner loops: fixed-width arrays, fixed summation order.
//!
//! Every target adds the same numbers in the same order, so every target gets the same bits; the arrays are as wide
//! as two SSE2, NEON or simd128 registers, so LLVM vectorises the loops without being asked. How many pixels share a
//! loaded weight ([`PIXELS`]), and how many variants loops have ([`FAST`], [`ROOMY`]), differs between targets and
//! changes nothing in the sums. A rule means a function of the weights, which is evaluated for a few blocks at a time
//! ([`Weight::see`]), so that the loops are the same for all rules.

use crate::model::format::BLOCK;

/// Something for each of eight lanes, written out. Where code is built for size, LLVM keeps a loop over lanes, and what it
/// adds up in memory; written out, that stays in registers.
macro_rules! each_lane {
    ($lane:ident => $body:expr) => { each_lane!($lane => $body; 0 1 2 3 4 5 6 7) };
    ($lane:ident => $body:expr; $($at:literal)*) => {{ $({ let $lane = $at; $body; })* }};
}
pub(crate) use each_lane;

/// One block of values: output channels side by side.
pub type Lanes = [f32; BLOCK];

/// Whether loops work on many values at a time: where there are vectors to fill.
pub const FAST: bool = cfg!(any(target_pointer_width = "64", target_feature = "simd128"));

/// Whether they get more variants, for the ends of rows and for few channels: where neither flash is counted nor what a
/// page downloads.
pub const ROOMY: bool = cfg!(target_pointer_width = "64");

/// Output pixels per pass over the weights.
pub const PIXELS: usize = if FAST { 4 } else { 1 };

/// Which function of inputs and weights a rule means; [`View`] says what each input then sees of a weight.
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

/// Which function of a weight an input sees; evaluated inside the loops and never stored as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weight {
    /// `w`.
    All,
    /// `max(w, 0)`.
    Positive,
    /// `min(w, 0)`.
    Negative,
    /// `all·w + (positive·w⁺ + negative·w⁻)`.
    Bent {
        /// Factor of all.
        all: f32,
        /// Factor of what is positive.
        positive: f32,
        /// Factor of what is negative.
        negative: f32,
    },
    /// `w²`.
    Squared,
    /// `1`.
    One,
}

impl Weight {
    /// The function of blocks side by side. The choice is made here, outside of the loops.
    #[inline(never)]
    pub fn see(self, w: &[Lanes], seen: &mut [Lanes]) {
        #[inline(always)]
        fn each(w: &[Lanes], seen: &mut [Lanes], f: impl Fn(f32) -> f32) {
            for (seen, w) in seen.iter_mut().zip(w) {
                each_lane!(i => seen[i] = f(w[i]));
            }
        }
        match self {
            Self::All => each(w, seen, |w| w),
            Self::Positive => each(w, seen, positive),
            Self::Negative => each(w, seen, negative),
            Self::Bent { all, positive: p, negative: n } => {
                each(w, seen, |w| all * w + (p * positive(w) + n * negative(w)));
            }
            Self::Squared => each(w, seen, |w| w * w),
            Self::One => each(w, seen, |_| 1.0),
        }
    }
}

/// What each of some inputs sees of a block of weights of its own.
#[inline(never)]
pub fn see_each(views: &[Weight], w: &[Lanes], seen: &mut [Lanes]) {
    if let [first, rest @ ..] = views
        && rest.iter().all(|view| view == first)
    {
        return first.see(w, seen);
    }
    for ((view, w), seen) in views.iter().zip(w.chunks(1)).zip(seen.chunks_mut(1)) {
        view.see(w, seen);
    }
}

/// Which inputs count; the others are as zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Inputs {
    /// Every input.
    All,
    /// Those that are not negative.
    NotNegative,
    /// Those that are.
    Negative,
}

impl Inputs {
    /// The input, or zero.
    #[inline(always)]
    pub fn keep(self, x: f32) -> f32 {
        match self {
            Self::All => x,
            Self::NotNegative => positive(x),
            Self::Negative => negative(x),
        }
    }
}

/// What inputs that are not negative see of weights, and what the others see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// By the sign of the input.
    pub weights: [Weight; 2],
    /// Whether the sign matters.
    pub signed: bool,
}

impl View {
    /// `x·w`.
    pub const ALL: Self = Self { weights: [Weight::All; 2], signed: false };

    /// What a part names, for inputs of which it is known whether any is negative. The part of one input is `x` times
    /// the weight that it sees.
    pub const fn of(part: Part, non_negative: bool) -> Self {
        match part {
            Part::All => Self::ALL,
            Part::Positive => Self::signed(Weight::Positive, Weight::Negative, non_negative),
            Part::Negative => Self::signed(Weight::Negative, Weight::Positive, non_negative),
            Part::RaisedPositive(gamma) => Self::signed(raised(gamma, 0.0), raised(0.0, gamma), non_negative),
            Part::RaisedNegative(gamma) => Self::signed(raised(0.0, gamma), raised(gamma, 0.0), non_negative),
            Part::RaisedWeights(gamma) => Self::unsigned(raised(gamma, 0.0)),
            Part::Squared => Self::unsigned(Weight::Squared),
            Part::Ones => Self::unsigned(Weight::One),
            Part::Magnitude => Self::signed(sides(1.0, -1.0), sides(-1.0, 1.0), non_negative),
            Part::Low => Self::unsigned(sides(-1.0, 0.0)),
            Part::High => Self::unsigned(sides(0.0, -1.0)),
        }
    }

    const fn signed(above: Weight, below: Weight, non_negative: bool) -> Self {
        Self { weights: if non_negative { [above; 2] } else { [above, below] }, signed: !non_negative }
    }

    const fn unsigned(weight: Weight) -> Self {
        Self { weights: [weight; 2], signed: false }
    }

    /// Whether weights are seen as they are.
    #[inline(always)]
    pub const fn is_all(&self) -> bool {
        matches!(self.weights, [Weight::All, _]) && !self.signed
    }

    /// The view of what has been seen already.
    pub const fn seen(&self) -> Self {
        Self { weights: [Weight::All; 2], signed: self.signed }
    }

    /// What is seen, and by which inputs: one function, or one for each sign.
    #[inline(always)]
    pub fn sides(&self) -> impl Iterator<Item = (&Weight, Inputs)> {
        let inputs: &[Inputs] = if self.signed { &[Inputs::NotNegative, Inputs::Negative] } else { &[Inputs::All] };
        self.weights.iter().zip(inputs.iter().copied())
    }

    /// What an input sees.
    #[inline(always)]
    pub fn at(&self, x: f32) -> Weight {
        self.weights[usize::from(x < 0.0)]
    }

    /// The part of eight inputs, each with a weight of its own.
    #[inline(always)]
    pub fn terms(&self, x: Lanes, w: Lanes) -> Lanes {
        if self.is_all() { zip(x, w, |x, w| x * w) } else { self.seen_terms(&x, &w) }
    }

    #[inline(never)]
    fn seen_terms(&self, x: &Lanes, w: &Lanes) -> Lanes {
        let mut seen = [[0.0; BLOCK]; 2];
        for (weight, seen) in self.weights.iter().zip(&mut seen) {
            weight.see(core::slice::from_ref(w), core::slice::from_mut(seen));
        }
        let [above, below] = seen;
        let mut terms = *x;
        for (x, (above, below)) in terms.iter_mut().zip(above.iter().zip(below)) {
            *x *= if *x < 0.0 { below } else { *above };
        }
        terms
    }
}

/// `w + positive·w⁺ + negative·w⁻`.
const fn raised(positive: f32, negative: f32) -> Weight {
    Weight::Bent { all: 1.0, positive, negative }
}

/// `positive·w⁺ + negative·w⁻`.
const fn sides(positive: f32, negative: f32) -> Weight {
    Weight::Bent { all: 0.0, positive, negative }
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

/// Blocks of `len` channels: where each starts, and how many channels it has.
pub fn blocks(len: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(BLOCK).map(move |at| (at, BLOCK.min(len - at)))
}

/// `to = from`, as far as both go.
#[inline(always)]
pub fn copy(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// `max(v, 0)` by its bits: `f32::max` must also treat NaN, and a comparison may become a branch.
#[inline(always)]
pub fn positive(v: f32) -> f32 {
    f32::from_bits(v.to_bits() & !(v.to_bits().cast_signed() >> 31).cast_unsigned())
}

/// `min(v, 0)`.
#[inline(always)]
pub fn negative(v: f32) -> f32 {
    f32::from_bits(v.to_bits() & (v.to_bits().cast_signed() >> 31).cast_unsigned())
}

/// `|v|`.
#[inline(always)]
pub fn absolute(v: f32) -> f32 {
    f32::from_bits(v.to_bits() & 0x7fff_ffff)
}

/// `acc[p] += Σ_i x[p][i]·view(w[i])` in the order of `i`, for the first `L` lanes, with weights for either sign of the
/// inputs. Every `x[p]` must be as long as `w`.
#[inline(always)]
pub fn accumulate<const N: usize, const L: usize>(
    view: View,
    x: [&[f32]; N],
    w: [&[Lanes]; 2],
    acc: &mut [[f32; L]; N],
) {
    match view.weights[0] {
        _ if view.signed => add_seen(view, x, w, acc),
        Weight::All => add_products(x, w[0], |w| w, acc),
        // What most rules ask for. Without vectors it costs less to see it again than to keep it.
        Weight::Positive if !FAST => add_products(x, w[0], positive, acc),
        _ => add_seen(view, x, w, acc),
    }
}

#[inline(always)]
fn add_products<const N: usize, const L: usize>(
    x: [&[f32]; N],
    w: &[Lanes],
    see: impl Fn(f32) -> f32,
    acc: &mut [[f32; L]; N],
) {
    let Some(x) = same_length(x, w.len()) else { return };
    let mut sums = *acc;
    for (i, w) in w.iter().enumerate() {
        for (sum, x) in sums.iter_mut().zip(x) {
            let Some(x) = x.get(i) else { continue };
            multiply_add(sum, |_| *x, w, &see);
        }
    }
    *acc = sums;
}

/// `sum += a·see(b)` for each lane that there is.
#[inline(always)]
pub fn multiply_add<const L: usize>(sum: &mut [f32; L], a: impl Fn(usize) -> f32, b: &Lanes, see: impl Fn(f32) -> f32) {
    match sum.first_chunk_mut::<BLOCK>() {
        Some(sum) if !FAST => each_lane!(lane => sum[lane] += a(lane) * see(b[lane])),
        _ => {
            for (lane, (sum, b)) in sum.iter_mut().zip(b).enumerate() {
                *sum += a(lane) * see(*b);
            }
        }
    }
}

/// Weights that are looked at before they are used: a few at a time, so that they stay at hand.
const SEEN: usize = 8;

/// [`accumulate`] for weights that are not seen as they are. Inputs of either sign come one after the other: what is
/// zero adds nothing.
#[inline(never)]
fn add_seen<const N: usize, const L: usize>(view: View, x: [&[f32]; N], w: [&[Lanes]; 2], acc: &mut [[f32; L]; N]) {
    let mut room = [[0.0; BLOCK]; SEEN];
    for start in (0..w[0].len()).step_by(SEEN) {
        let len = SEEN.min(w[0].len() - start);
        let x = x.map(|x| span(x, start, len));
        for ((weight, inputs), w) in view.sides().zip(w) {
            let own = w.get(start..start + len).unwrap_or(&[]);
            let seen = room.get_mut(..len).unwrap_or(&mut []);
            let seen = if *weight == Weight::All {
                own
            } else {
                weight.see(own, seen);
                &*seen
            };
            if inputs == Inputs::All {
                add_products(x, seen, |w| w, acc);
                continue;
            }
            let mut kept = [[0.0; SEEN]; N];
            for (kept, x) in kept.iter_mut().zip(x) {
                for (kept, x) in kept.iter_mut().zip(x) {
                    *kept = inputs.keep(*x);
                }
            }
            add_products(kept.each_ref().map(|x| span(x, 0, len)), seen, |w| w, acc);
        }
    }
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
    let mut lanes = a;
    for (lane, b) in lanes.iter_mut().zip(b) {
        *lane = f(*lane, b);
    }
    lanes
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

/// `r += terms ⊙ s`.
#[inline(always)]
pub fn add_shares(r: &mut [f32], terms: Lanes, s: Lanes) {
    let mut shares = load(r);
    multiply_add(&mut shares, |lane| terms[lane], &s, |s| s);
    store(r, &shares);
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
        self.add_to(0, value);
    }

    /// Adds one value to one of the eight sums.
    #[inline(always)]
    pub fn add_to(&mut self, lane: usize, value: f32) {
        let lane = lane % BLOCK;
        let (high, low) = (&mut self.high[lane], &mut self.low[lane]);
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

    /// What a part names.
    fn term(part: Part, x: f32, w: f32) -> f32 {
        let p = x * w;
        match part {
            Part::All => p,
            Part::Positive => p.max(0.0),
            Part::Negative => p.min(0.0),
            Part::RaisedPositive(gamma) => p + gamma * p.max(0.0),
            Part::RaisedNegative(gamma) => p + gamma * p.min(0.0),
            Part::RaisedWeights(gamma) => x * (w + gamma * w.max(0.0)),
            Part::Squared => x * (w * w),
            Part::Ones => x,
            Part::Magnitude => p.abs(),
            Part::Low => -x * w.max(0.0),
            Part::High => -x * w.min(0.0),
        }
    }

    /// Whether `x` times a function of `w` rounds where the part does: γ-raised contributions round once more.
    fn is_exact(part: Part) -> bool {
        !matches!(part, Part::RaisedPositive(_) | Part::RaisedNegative(_))
    }

    fn parts(gamma: f32) -> [Part; 11] {
        [
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
        ]
    }

    proptest! {
        #[test]
        fn written_out_it_is_the_loop(
            sum in prop::array::uniform8(-4.0f32..4.0),
            a in prop::array::uniform8(-4.0f32..4.0),
            b in prop::array::uniform8(-4.0f32..4.0),
        ) {
            let (mut written, mut looped) = (sum, sum);
            each_lane!(lane => written[lane] += a[lane] * positive(b[lane]));
            multiply_add(&mut looped, |lane| a[lane], &b, positive);
            let naive: Lanes = core::array::from_fn(|i| sum[i] + a[i] * b[i].max(0.0));
            prop_assert_eq!((written, looped), (naive, naive));
        }

        #[test]
        fn accumulate_equals_the_sum_it_names(
            w in prop::collection::vec(-4.0f32..4.0, 8 * 11),
            x in prop::collection::vec(-4.0f32..4.0, 22),
            gamma in 0.0f32..2.0,
            non_negative: bool,
        ) {
            let x: Vec<f32> = x.iter().map(|x| if non_negative { x.abs() } else { *x }).collect();
            for part in parts(gamma) {
                let mut fast = [[0.0; 8]; 2];
                let w_lanes = w.as_chunks::<8>().0;
                let view = View::of(part, non_negative);
                accumulate(view, [&x[..11], &x[11..]], [w_lanes; 2], &mut fast);
                let mut seen = [[[0.0; 8]; 11]; 2];
                for (weight, seen) in view.weights.iter().zip(&mut seen) {
                    weight.see(w_lanes, seen);
                }
                let mut from_seen = [[0.0; 8]; 2];
                accumulate(view.seen(), [&x[..11], &x[11..]], seen.each_ref().map(|seen| &seen[..]), &mut from_seen);
                prop_assert_eq!(from_seen, fast, "{:?}", part);
                if view.weights[0] == Weight::Positive && !view.signed {
                    let mut on_the_way = [[0.0; 8]; 2];
                    add_products([&x[..11], &x[11..]], w_lanes, positive, &mut on_the_way);
                    prop_assert_eq!(on_the_way, fast);
                }
                for (p, fast) in fast.iter().enumerate() {
                    for (lane, fast) in fast.iter().enumerate() {
                        let terms = (0..11).map(|i| term(part, x[11 * p + i], w[8 * i + lane]));
                        let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t.abs()));
                        if is_exact(part) && !View::of(part, non_negative).signed {
                            prop_assert_eq!(*fast, sum, "{:?}", part);
                        }
                        prop_assert!((fast - sum).abs() <= 2e-6 * size, "{part:?}: {fast} {sum}");
                    }
                }
            }
        }

        #[test]
        fn views_are_the_parts_they_stand_for(
            x in prop::array::uniform8(-3.0f32..3.0),
            w in prop::array::uniform8(-3.0f32..3.0),
            gamma in 0.0f32..2.0,
            non_negative: bool,
        ) {
            let x = if non_negative { x.map(f32::abs) } else { x };
            for part in parts(gamma) {
                let view = View::of(part, non_negative);
                for (lane, got) in view.terms(x, w).into_iter().enumerate() {
                    let wanted = term(part, x[lane], w[lane]);
                    if is_exact(part) {
                        prop_assert_eq!(got, wanted, "{:?}", part);
                    }
                    prop_assert!((got - wanted).abs() <= 3e-7 * wanted.abs(), "{part:?}: {got} {wanted}");
                    let mut seen = [[0.0; BLOCK]];
                    view.at(x[lane]).see(&[w], &mut seen);
                    prop_assert_eq!(x[lane] * seen[0][lane], got);
                }
                prop_assert_eq!(view.signed, !non_negative && view.weights[0] != view.weights[1]);
            }
            let sum = zip(View::of(Part::Positive, false).terms(x, w), View::of(Part::Negative, false).terms(x, w), |p, n| p + n);
            prop_assert_eq!(sum, zip(x, w, |x, w| x * w));
        }

        #[test]
        fn compensated_sum_is_as_good_as_double(values in prop::collection::vec(-1e6f32..1e6, 0..200)) {
            let exact: f64 = values.iter().map(|v| f64::from(*v)).sum();
            let got = f64::from(Sum::of(&values).total().value());
            prop_assert!((got - exact).abs() <= 1e-7 * exact.abs() + 1e-6);
        }
    }
}
