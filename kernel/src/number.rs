//! What relevance over int8 layers is made of: floats, or integers alone.
//!
//! The rules of `layers/int8/way.rs` are written once, over these operations. A row of outputs turns its relevance
//! into quotients `s = R/z`; sums `c = Σ w·s` of such quotients are handed to the inputs. In floats all of that is
//! plain arithmetic. In integers a row of quotients shares one exponent, sums are exact, and each input's share is
//! rounded once; a tensor of relevance shares one exponent too, which rises when a share does not fit, and falls when
//! biases have taken so much that few bits are left.

use crate::fixed::Rescale;
use crate::lanes::{FAST, Sum, each_lane};
use crate::model::format::BLOCK;
use crate::rule::Stabilizer;
use bytemuck::Pod;

/// Binary places behind the point of a denominator and of a factor.
const PLACES: u32 = 16;
/// Binary places behind the point of a sum of quotients.
const SUM_PLACES: u32 = 16;
/// Quotients are below `2^QUOTIENT_BITS`, so that either half has 16 bits with its sign.
const QUOTIENT_BITS: u32 = 30;
/// Quotients are split here, so that sums of either half with 8-bit weights fit 32 bits.
const HALF_BITS: u32 = 15;
/// Relevance in integers starts below two to this power: far enough below the precision of quotients that their
/// rounding is lost in that of the shares, and with room to grow before exponents rise.
pub const SEED_BITS: u32 = 26;
/// Largest exponent of a tensor: what is larger still saturates.
const MAX_EXPONENT: i8 = 24;
/// Smallest exponent of a tensor: relevance that shrinks further than this loses digits.
const MIN_EXPONENT: i8 = -40;
/// How far the exponent falls from one tensor to the next, at most: sums have more places behind the point than that.
const MOST_FALLEN: i8 = 12;

/// A numerator and a denominator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fraction<N: Number> {
    /// Relevance times a factor.
    pub numerator: N::Wide,
    /// A stabilised denominator, zero where nothing may pass.
    pub denominator: N::Wide,
}

/// Relevance in floats or in integers.
pub trait Number: Sized + Copy + Default + core::fmt::Debug + PartialEq + 'static {
    /// Rows of quotients share an exponent.
    const HAS_EXPONENTS: bool;
    /// Functions of real numbers, and their derivatives, may be asked for.
    const HAS_FUNCTIONS: bool;
    /// One, as a factor.
    const ONE: Self::Wide;
    /// One element of relevance, or of a row of quotients.
    type Word: Pod + Default + PartialEq + core::fmt::Debug;
    /// A denominator, a factor or a share of the books.
    type Wide: Copy + Default + PartialEq + core::fmt::Debug;
    /// A value in units that differ by factors only.
    type Prepared: Copy;
    /// Exponent of a row of quotients.
    type Exponent: Copy + Default + PartialEq;
    /// Quotients times weights, before they are added up.
    type Narrow<const L: usize>: Copy;
    /// A sum of quotients times weights.
    type Sum: Pod + Default + PartialEq;
    /// An entry in a column of the books.
    type Amount: Copy + Default;
    /// A column of the books.
    type Total: Copy + Default;

    /// An exact sum of products as a denominator's part.
    fn part(sum: i32) -> Self::Word;
    /// A sum added to a denominator's part.
    fn raised(part: Self::Word, sum: i32) -> Self::Word;
    /// A denominator's part as a number.
    fn wide(part: Self::Word) -> Self::Wide;
    /// A constant as a factor.
    fn constant(value: f32) -> Self::Wide;
    /// `a + b`.
    fn plus(a: Self::Wide, b: Self::Wide) -> Self::Wide;
    /// `a − b`.
    fn minus(a: Self::Wide, b: Self::Wide) -> Self::Wide;
    /// `a · factor`.
    fn times(a: Self::Wide, factor: Self::Wide) -> Self::Wide;
    /// Whether a number is below zero.
    fn is_negative(a: Self::Wide) -> bool;
    /// Relevance times a factor.
    fn numerator(relevance: Self::Word, factor: Self::Wide) -> Self::Wide;
    /// How many units a value is, but for the factors of the unit.
    fn prepared(value: f32, unit: Unit) -> Self::Prepared;
    /// The same with such factors.
    fn over_factors(prepared: &Self::Prepared, unit: &Unit) -> Self::Wide;
    /// How many units a value is.
    fn in_units(value: f32, unit: Unit) -> Self::Wide {
        Self::over_factors(&Self::prepared(value, unit), &unit)
    }
    /// `(value · scale)²`.
    fn squared(value: i32, scale: f32) -> Self::Wide;
    /// `denominator · n / rest`: over this goes the `n`-th part of `rest`. Nothing where there is no rest.
    fn over_share(denominator: Self::Wide, rest: Self::Wide, n: usize) -> Self::Wide;
    /// The nearest whole number of a number, ties up.
    fn whole_number(a: Self::Wide) -> i32;
    /// The stabilised denominator; the form's own ε is replaced by one in units of the denominator.
    fn stabilized(z: Self::Wide, form: Stabilizer, epsilon: Self::Wide) -> Self::Wide;

    /// A quotient with all the digits of a word, and its exponent.
    fn quotient(fraction: &Fraction<Self>) -> (Self::Word, Self::Exponent);
    /// The exponent that quotients can share.
    fn shared(a: Self::Exponent, b: Self::Exponent) -> Self::Exponent;
    /// A quotient under a lower exponent. What it loses is cut off, so that it does not matter in how many steps.
    fn lowered(quotient: Self::Word, from: Self::Exponent, to: Self::Exponent) -> Self::Word;
    /// An exponent as it is kept behind its row.
    fn keep(exponent: Self::Exponent) -> Self::Word;
    /// The exponent behind a row.
    fn kept(word: Self::Word) -> Self::Exponent;
    /// `share · quotient`: what a bias or a stabiliser takes.
    fn taken(quotient: Self::Word, exponent: Self::Exponent, share: Self::Wide) -> Self::Amount;
    /// `|a + b| / (a − b)` of a part that is not negative and one that is not positive, as far as floats are at hand.
    fn condition(parts: [Self::Word; 2]) -> Option<f32>;
    /// `share · quotient` as a sum: what goes to a term of the denominator.
    fn portion(quotient: Self::Word, exponent: Self::Exponent, share: Self::Wide) -> Self::Sum;
    /// A sum as an entry.
    fn amount(sum: Self::Sum) -> Self::Amount;
    /// A sum as a numerator.
    fn numerator_of(sum: Self::Sum) -> Self::Wide;
    /// `value / 2^places`, at most 16 places.
    fn binary(value: i32, places: u32) -> Self::Wide;
    /// `value · factor`, with places behind the point.
    fn rescaled(value: i32, factor: Rescale) -> Self::Wide;
    /// `a / factor`; nothing where the factor is zero.
    fn over_factor(a: Self::Wide, factor: Rescale) -> Self::Wide;
    /// A numerator that found no denominator, as an entry.
    fn lost(numerator: Self::Wide) -> Self::Amount;
    /// Adds an entry to a column; floats to one of eight sums, by the lane.
    fn book(total: &mut Self::Total, amount: Self::Amount, lane: usize);

    /// Nothing.
    fn nothing<const L: usize>() -> Self::Narrow<L>;
    /// Adds `w·s`.
    fn weigh<const L: usize>(sums: &mut Self::Narrow<L>, w: &[i16; L], s: Self::Word);
    /// Adds `f(w)·s` to the first sums, as many as there are weights.
    fn weigh_by<const L: usize>(sums: &mut Self::Narrow<L>, f: impl Fn(i8) -> i16, w: &[i8], s: Self::Word);
    /// Adds `f(w)·s` to eight sums.
    fn weigh_eight<const L: usize>(sums: &mut Self::Narrow<L>, f: impl Fn(i8) -> i16, w: [i8; BLOCK], s: Self::Word);
    /// Adds `f(w)·s` to the first sums, each weight with a quotient of its own.
    fn weigh_each<const L: usize>(sums: &mut Self::Narrow<L>, f: impl Fn(i8) -> i16, w: &[i8], s: &[Self::Word]);
    /// Adds the first sums up, and brings them to the unit of the relevance that arrived.
    fn gather<const L: usize>(total: &mut [Self::Sum], sums: &Self::Narrow<L>, exponent: Self::Exponent);
    /// A product of a contribution with one quotient, as a sum.
    fn product(x: i32, s: Self::Word, exponent: Self::Exponent) -> Self::Sum;
    /// `x·sum`.
    fn share(x: i16, sum: Self::Sum) -> Self::Sum;
    /// `a + b`.
    fn sum(a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// Relevance that arrived, as a sum.
    fn whole(relevance: Self::Word) -> Self::Sum;
    /// `sum · factor`, where [`HAS_FUNCTIONS`](Self::HAS_FUNCTIONS).
    fn real_share(sum: Self::Sum, factor: f32) -> Self::Sum;
    /// What `f` makes of one element, where [`HAS_FUNCTIONS`](Self::HAS_FUNCTIONS).
    fn through(relevance: Self::Word, f: impl FnOnce(&mut [f32])) -> Self::Sum;
    /// `sum / n`.
    fn part_of(sum: Self::Sum, n: usize) -> Self::Sum;
    /// `word += sum`, both in the sink's unit; `None` where that does not fit.
    fn put(word: Self::Word, sum: Self::Sum, places: Places) -> Option<Self::Word>;
    /// Half of a word, rounded: what a sink's words become when its exponent rises by one.
    fn halved(word: Self::Word) -> Self::Word;
    /// The nearest word where [`put`](Self::put) fits nothing any more.
    fn saturated(word: Self::Word, sum: Self::Sum, places: Places) -> Self::Word;
}

/// What a step took from the relevance that arrived, and how well it was conditioned.
#[derive(Clone, Copy)]
pub struct Taken<N: Number> {
    /// By the bias.
    pub bias: N::Total,
    /// By the stabiliser.
    pub stabilizer: N::Total,
    /// Dropped.
    pub dropped: N::Total,
    /// Smallest `|z| / Σ|x·w|`, where it was asked for.
    pub condition: f32,
    /// Elements that did not fit.
    pub saturated: u32,
}

impl<N: Number> Default for Taken<N> {
    fn default() -> Self {
        let nothing = N::Total::default();
        Self { bias: nothing, stabilizer: nothing, dropped: nothing, condition: f32::NAN, saturated: 0 }
    }
}

/// From the exponent of the relevance that arrived to that of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Exponent of the relevance that arrived.
    pub arrived: i8,
    /// Exponent of the sink.
    pub sink: i8,
}

impl Places {
    /// To a sink that holds nothing yet: where biases have taken most of the relevance, what is left gets finer units,
    /// down to as many bits as it had at the start.
    pub fn fallen(arrived: i8, peak_bits: u32) -> Self {
        let room = (SEED_BITS.saturating_sub(peak_bits) as i8).min(MOST_FALLEN);
        Self { arrived, sink: arrived.saturating_sub(room).max(MIN_EXPONENT) }
    }

    /// The same with the next larger exponent, if there is one.
    pub const fn risen(self) -> Option<Self> {
        if self.sink < MAX_EXPONENT { Some(Self { sink: self.sink + 1, ..self }) } else { None }
    }
}

/// A positive number: `multiplier · 2^exponent`, times or over the scales of tensors. Multipliers come from the image,
/// scales are floats there; neither is computed with as a float in integer relevance.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    /// A whole number, not zero.
    pub multiplier: u32,
    /// A power of two.
    pub exponent: i32,
    /// A whole number that divides.
    pub divisor: u32,
    /// A scale that multiplies.
    pub over: f32,
    /// A scale that divides.
    pub under: f32,
    /// All of it squared.
    pub squared: bool,
}

impl Unit {
    /// A whole number.
    pub const fn whole(multiplier: u32) -> Self {
        Self { multiplier, exponent: 0, divisor: 1, over: 1.0, under: 1.0, squared: false }
    }
}

/// Two to this power, as far as a normal float goes.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent.clamp(-126, 127) + 127) as u32) << 23)
}

impl Rescale {
    /// The factor as a float.
    fn real(self) -> f32 {
        self.multiplier as f32 * power_of_two(self.shift - 31)
    }
}

impl Number for f32 {
    const HAS_EXPONENTS: bool = false;
    const HAS_FUNCTIONS: bool = true;
    const ONE: f32 = 1.0;
    type Word = f32;
    type Wide = f32;
    type Prepared = f32;
    type Exponent = ();
    type Narrow<const L: usize> = [f32; L];
    type Sum = f32;
    type Amount = f32;
    type Total = Sum;

    #[inline(always)]
    fn part(sum: i32) -> f32 {
        sum as f32
    }

    #[inline(always)]
    fn raised(part: f32, sum: i32) -> f32 {
        part + sum as f32
    }

    #[inline(always)]
    fn wide(part: f32) -> f32 {
        part
    }

    #[inline(always)]
    fn constant(value: f32) -> f32 {
        value
    }

    #[inline(always)]
    fn plus(a: f32, b: f32) -> f32 {
        a + b
    }

    #[inline(always)]
    fn minus(a: f32, b: f32) -> f32 {
        a - b
    }

    #[inline(always)]
    fn times(a: f32, factor: f32) -> f32 {
        a * factor
    }

    #[inline(always)]
    fn is_negative(a: f32) -> bool {
        a < 0.0
    }

    #[inline(always)]
    fn numerator(relevance: f32, factor: f32) -> f32 {
        relevance * factor
    }

    fn prepared(value: f32, _: Unit) -> f32 {
        value
    }

    fn over_factors(value: &f32, unit: &Unit) -> f32 {
        // In two steps, so that neither overflows.
        let half = unit.exponent / 2;
        let number = unit.multiplier as f32 * power_of_two(half) * power_of_two(unit.exponent - half);
        let number = number * unit.over / unit.under / unit.divisor as f32;
        let result = if unit.squared { *value / number / number } else { *value / number };
        if result.is_finite() { result } else { f32::MAX }
    }

    fn squared(value: i32, scale: f32) -> f32 {
        let root = value as f32 * scale;
        root * root
    }

    #[inline(always)]
    fn over_share(denominator: f32, rest: f32, n: usize) -> f32 {
        if rest == 0.0 { 0.0 } else { denominator * n as f32 / rest }
    }

    fn whole_number(a: f32) -> i32 {
        libm::floorf(a + 0.5) as i32
    }

    #[inline(always)]
    fn stabilized(z: f32, form: Stabilizer, epsilon: f32) -> f32 {
        form.with_epsilon(epsilon).stabilized(z)
    }

    #[inline(always)]
    fn quotient(fraction: &Fraction<f32>) -> (f32, ()) {
        let Fraction { numerator, denominator } = *fraction;
        (if numerator == 0.0 || denominator == 0.0 { 0.0 } else { numerator / denominator }, ())
    }

    #[inline(always)]
    fn shared((): (), (): ()) {}

    #[inline(always)]
    fn lowered(quotient: f32, (): (), (): ()) -> f32 {
        quotient
    }

    #[inline(always)]
    fn keep((): ()) -> f32 {
        0.0
    }

    #[inline(always)]
    fn kept(_: f32) {}

    #[inline(always)]
    fn taken(quotient: f32, (): (), share: f32) -> f32 {
        quotient * share
    }

    fn condition([a, b]: [f32; 2]) -> Option<f32> {
        (a - b > 0.0).then(|| crate::lanes::absolute(a + b) / (a - b))
    }

    #[inline(always)]
    fn portion(quotient: f32, (): (), share: f32) -> f32 {
        quotient * share
    }

    #[inline(always)]
    fn amount(sum: f32) -> f32 {
        sum
    }

    #[inline(always)]
    fn numerator_of(sum: f32) -> f32 {
        sum
    }

    #[inline(always)]
    fn binary(value: i32, places: u32) -> f32 {
        value as f32 * power_of_two(-(places as i32))
    }

    #[inline(always)]
    fn rescaled(value: i32, factor: Rescale) -> f32 {
        value as f32 * factor.real()
    }

    #[inline(always)]
    fn over_factor(a: f32, factor: Rescale) -> f32 {
        if factor.multiplier == 0 { 0.0 } else { a / factor.real() }
    }

    #[inline(always)]
    fn lost(numerator: f32) -> f32 {
        numerator
    }

    #[inline(always)]
    fn book(total: &mut Sum, amount: f32, lane: usize) {
        total.add_to(lane, amount);
    }

    #[inline(always)]
    fn nothing<const L: usize>() -> [f32; L] {
        [0.0; L]
    }

    #[inline(always)]
    fn weigh<const L: usize>(sums: &mut [f32; L], w: &[i16; L], s: f32) {
        for i in 0..L {
            sums[i] += f32::from(w[i]) * s;
        }
    }

    #[inline(always)]
    fn weigh_by<const L: usize>(sums: &mut [f32; L], f: impl Fn(i8) -> i16, w: &[i8], s: f32) {
        for (sum, w) in sums.iter_mut().zip(w) {
            *sum += f32::from(f(*w)) * s;
        }
    }

    #[inline(always)]
    fn weigh_eight<const L: usize>(sums: &mut [f32; L], f: impl Fn(i8) -> i16, w: [i8; BLOCK], s: f32) {
        if let Some(sums) = sums.first_chunk_mut::<BLOCK>() {
            each_lane!(i => sums[i] += f32::from(f(w[i])) * s);
        }
    }

    #[inline(always)]
    fn weigh_each<const L: usize>(sums: &mut [f32; L], f: impl Fn(i8) -> i16, w: &[i8], s: &[f32]) {
        for (sum, (w, s)) in sums.iter_mut().zip(w.iter().zip(s)) {
            *sum += f32::from(f(*w)) * s;
        }
    }

    #[inline(always)]
    fn gather<const L: usize>(total: &mut [f32], sums: &[f32; L], (): ()) {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
    }

    #[inline(always)]
    fn product(x: i32, s: f32, (): ()) -> f32 {
        x as f32 * s
    }

    #[inline(always)]
    fn share(x: i16, sum: f32) -> f32 {
        f32::from(x) * sum
    }

    #[inline(always)]
    fn sum(a: f32, b: f32) -> f32 {
        a + b
    }

    #[inline(always)]
    fn whole(relevance: f32) -> f32 {
        relevance
    }

    #[inline(always)]
    fn real_share(sum: f32, factor: f32) -> f32 {
        sum * factor
    }

    #[inline(always)]
    fn through(relevance: f32, f: impl FnOnce(&mut [f32])) -> f32 {
        let mut one = [relevance];
        f(&mut one);
        one[0]
    }

    #[inline(always)]
    fn part_of(sum: f32, n: usize) -> f32 {
        sum / n as f32
    }

    #[inline(always)]
    fn put(word: f32, sum: f32, _: Places) -> Option<f32> {
        Some(word + sum)
    }

    #[inline(always)]
    fn halved(word: f32) -> f32 {
        word
    }

    #[inline(always)]
    fn saturated(word: f32, _: f32, _: Places) -> f32 {
        word
    }
}

/// Relevance in integers: no float operation anywhere on the way back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fixed;

/// The bits of a float, where the compiler does not see that they are one's: it would make comparisons of floats of
/// tests on them, and those are calls where there is no unit for floats.
#[inline(always)]
pub fn bits_of(value: f32) -> u32 {
    core::hint::black_box(value.to_bits())
}

/// A positive number as mantissa and exponent; the mantissa has its highest bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Real {
    mantissa: u32,
    exponent: i32,
}

impl Real {
    fn new(value: u64, exponent: i32) -> Self {
        let places = 32 - value.max(1).leading_zeros() as i32;
        let mantissa = if places >= 0 { value.max(1) >> places } else { value.max(1) << -places };
        Self { mantissa: mantissa as u32, exponent: exponent + places }
    }

    /// The magnitude of a finite float, by its bits; `None` of zero.
    fn of(value: f32) -> Option<Self> {
        let bits = bits_of(value);
        let (fraction, biased) = (bits & 0x007f_ffff, ((bits >> 23) & 0xff) as i32);
        match biased {
            0 if fraction == 0 => None,
            0 => Some(Self::new(u64::from(fraction), -149)),
            _ => Some(Self::new(u64::from(fraction | 0x0080_0000), biased - 150)),
        }
    }

    fn times(self, other: Self) -> Self {
        let product = u64::from(self.mantissa) * u64::from(other.mantissa);
        Self::shifted((product >> 32) as u32, (product >> 31) as u32, self.exponent + other.exponent + 32)
    }

    fn over(self, other: Self) -> Self {
        let quotient = divided(u64::from(self.mantissa) << 31, other.mantissa);
        Self::shifted(quotient, quotient << 1, self.exponent - other.exponent - 31)
    }

    /// A mantissa, or where that lacks its highest bit, the one with a place more.
    fn shifted(mantissa: u32, longer: u32, exponent: i32) -> Self {
        if mantissa >> 31 == 1 {
            Self { mantissa, exponent }
        } else {
            Self { mantissa: longer, exponent: exponent - 1 }
        }
    }

    /// As a fixed-point number, rounded to the nearest; at least one unit, at most 2⁴⁶.
    fn fixed(self) -> i64 {
        let places = self.exponent + PLACES as i32;
        let value = if places > 14 { 1 << 46 } else { shifted(i64::from(self.mantissa), -places) };
        value.clamp(1, 1 << 46)
    }
}

/// `value / 2^places`, rounded to the nearest, ties up; to the left it saturates at 62 bits.
#[inline(always)]
fn shifted(value: i64, places: i32) -> i64 {
    if places <= 0 {
        let left = places.saturating_neg().min(62);
        let most = (1 << 62) >> left;
        return value.clamp(-most, most) << left;
    }
    if places > 62 { 0 } else { ((value >> (places - 1)) + 1) >> 1 }
}

/// `a·b`, saturated. Once where flash is small.
#[cfg_attr(not(any(target_pointer_width = "64", target_feature = "simd128")), inline(never))]
fn product(a: i64, b: i32) -> i64 {
    a.saturating_mul(i64::from(b))
}

/// `n / d` where `d` has its highest bit set and `n` has not, so that there are at most 32 bits of it.
#[inline(always)]
fn divided(n: u64, d: u32) -> u32 {
    let divides_64_bits = cfg!(any(target_pointer_width = "64", target_family = "wasm"));
    if divides_64_bits { (n / u64::from(d.max(1))) as u32 } else { divided_by_digits(n, d) }
}

/// The same.
///
/// Small cores divide 32 bits by 32 bits at most, if they divide at all: two digits of 16 bits, each guessed by the
/// first digit of `d` and put right (Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D).
#[inline(always)]
fn divided_by_digits(n: u64, d: u32) -> u32 {
    let (first, rest) = digit((n >> 32) as u32, (n >> 16) as u32 & 0xffff, d);
    let (second, _) = digit(rest, n as u32 & 0xffff, d);
    (first << 16) | second
}

/// The digit `(rest·2¹⁶ + below) / d`, and what is left, where `rest < d` and `below < 2¹⁶`.
#[inline(always)]
fn digit(rest: u32, below: u32, d: u32) -> (u32, u32) {
    let (high, low) = (d >> 16, d & 0xffff);
    let mut digit = (rest / high.max(1)).min(0xffff);
    let mut left = rest - digit * high;
    // Too large by two at most.
    while left <= 0xffff && digit * low > (left << 16 | below) {
        digit -= 1;
        left += high;
    }
    (digit, (left << 16 | below).wrapping_sub(digit * low))
}

/// Number of bits of a magnitude.
#[inline(always)]
fn bits(value: i64) -> i32 {
    64 - value.unsigned_abs().leading_zeros() as i32
}

impl Number for Fixed {
    const HAS_EXPONENTS: bool = true;
    const HAS_FUNCTIONS: bool = false;
    const ONE: i64 = 1 << PLACES;
    type Word = i32;
    type Wide = i64;
    type Prepared = Option<Real>;
    /// Quotients are multiplied by two to this power; `None` before the first.
    type Exponent = Option<i8>;
    type Narrow<const L: usize> = [[i32; L]; 2];
    type Sum = i64;
    /// In units of the relevance that arrived, with [`SUM_PLACES`].
    type Amount = i64;
    type Total = i64;

    #[inline(always)]
    fn part(sum: i32) -> i32 {
        sum
    }

    #[inline(always)]
    fn raised(part: i32, sum: i32) -> i32 {
        part.wrapping_add(sum)
    }

    #[inline(always)]
    fn wide(part: i32) -> i64 {
        i64::from(part) << PLACES
    }

    fn constant(value: f32) -> i64 {
        let magnitude = Real::of(value).map_or(0, Real::fixed);
        if bits_of(value) >> 31 == 0 { magnitude } else { -magnitude }
    }

    #[inline(always)]
    fn plus(a: i64, b: i64) -> i64 {
        a.saturating_add(b)
    }

    #[inline(always)]
    fn minus(a: i64, b: i64) -> i64 {
        a.saturating_sub(b)
    }

    #[inline(always)]
    fn times(a: i64, factor: i64) -> i64 {
        // The whole and the fractional part of the factor by themselves, so that neither product overflows.
        let (whole, fraction) = (factor >> PLACES, factor & ((1 << PLACES) - 1));
        let low = ((a >> PLACES) * fraction).saturating_add(((a & ((1 << PLACES) - 1)) * fraction) >> PLACES);
        a.saturating_mul(whole).saturating_add(low)
    }

    #[inline(always)]
    fn is_negative(a: i64) -> bool {
        a < 0
    }

    #[inline(always)]
    fn numerator(relevance: i32, factor: i64) -> i64 {
        match i32::try_from(factor) {
            _ if factor == Self::ONE => i64::from(relevance) << PLACES,
            Ok(factor) => i64::from(relevance) * i64::from(factor),
            Err(_) => product(factor, relevance),
        }
    }

    fn prepared(value: f32, unit: Unit) -> Option<Real> {
        let mut number = Real::of(value)?;
        for _ in 0..=usize::from(unit.squared) {
            number = Real::of(unit.over).map_or(number, |scale| number.over(scale));
            number = Real::of(unit.under).map_or(number, |scale| number.times(scale));
        }
        Some(number)
    }

    fn over_factors(prepared: &Option<Real>, unit: &Unit) -> i64 {
        let Some(mut number) = *prepared else { return 0 };
        for _ in 0..=usize::from(unit.squared) {
            if unit.divisor != 1 {
                number = number.times(Real::new(u64::from(unit.divisor), 0));
            }
            number = number.over(Real::new(u64::from(unit.multiplier), unit.exponent));
        }
        number.fixed()
    }

    fn squared(value: i32, scale: f32) -> i64 {
        let (Some(scale), true) = (Real::of(scale), value != 0) else { return 0 };
        let root = scale.times(Real::new(u64::from(value.unsigned_abs()), 0));
        root.times(root).fixed()
    }

    fn over_share(denominator: i64, rest: i64, n: usize) -> i64 {
        if rest == 0 || denominator == 0 {
            return 0;
        }
        let ratio = Real::new(denominator.unsigned_abs(), 0).over(Real::new(rest.unsigned_abs(), 0));
        let share = ratio.times(Real::new(n as u64, 0)).fixed();
        if (denominator < 0) == (rest < 0) { share } else { -share }
    }

    fn whole_number(a: i64) -> i32 {
        shifted(a, PLACES as i32).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
    }

    #[inline(always)]
    fn stabilized(z: i64, form: Stabilizer, epsilon: i64) -> i64 {
        let signed = if z >= 0 { epsilon } else { -epsilon };
        match form {
            Stabilizer::Signed(_) | Stabilizer::NormScale(_) => z.saturating_add(signed),
            Stabilizer::Clip(_) => {
                if z.abs() > epsilon {
                    z
                } else {
                    signed
                }
            }
            Stabilizer::AtZero(_) => {
                if z == 0 {
                    epsilon
                } else {
                    z
                }
            }
            Stabilizer::Unsigned(_) => z.saturating_add(epsilon),
        }
    }

    fn quotient(fraction: &Fraction<Self>) -> (i32, Option<i8>) {
        let Fraction { numerator, denominator } = *fraction;
        if numerator == 0 || denominator == 0 {
            return (0, None);
        }
        let (n, d) = (numerator.unsigned_abs(), denominator.unsigned_abs());
        let (left, right) = (n.leading_zeros() as i32, 32 - d.leading_zeros() as i32);
        // Both begin with a bit that is set; one place less, so that the quotient has 31 or 32 bits.
        let d = if right >= 0 { d >> right } else { d << -right } as u32;
        let quotient = divided((n << left) >> 1, d);
        let cut = 31 + (quotient >> 31) - QUOTIENT_BITS;
        let word = (quotient >> cut) as i32;
        let exponent = (left + right - 1 - cut as i32) as i8;
        (if (numerator < 0) == (denominator < 0) { word } else { -word }, Some(exponent))
    }

    #[inline(always)]
    fn shared(a: Option<i8>, b: Option<i8>) -> Option<i8> {
        match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            _ => a.or(b),
        }
    }

    #[inline(always)]
    fn lowered(quotient: i32, from: Option<i8>, to: Option<i8>) -> i32 {
        let (Some(from), Some(to)) = (from, to) else { return quotient };
        let magnitude =
            quotient.unsigned_abs().checked_shr((i32::from(from) - i32::from(to)) as u32).unwrap_or(0) as i32;
        if quotient < 0 { -magnitude } else { magnitude }
    }

    #[inline(always)]
    fn keep(exponent: Option<i8>) -> i32 {
        i32::from(exponent.unwrap_or(0))
    }

    #[inline(always)]
    fn kept(word: i32) -> Option<i8> {
        Some(word as i8)
    }

    fn taken(quotient: i32, exponent: Option<i8>, share: i64) -> i64 {
        if quotient == 0 || share == 0 {
            return 0;
        }
        let drop = if share >> 33 == share >> 63 { 0 } else { bits(share) - 33 };
        let product = i64::from(quotient) * (share >> drop);
        shifted(product, i32::from(exponent.unwrap_or(0)) + (PLACES as i32 - SUM_PLACES as i32) - drop)
    }

    fn condition(_: [i32; 2]) -> Option<f32> {
        None
    }

    #[inline(always)]
    fn portion(quotient: i32, exponent: Option<i8>, share: i64) -> i64 {
        Self::taken(quotient, exponent, share)
    }

    #[inline(always)]
    fn amount(sum: i64) -> i64 {
        sum
    }

    #[inline(always)]
    fn numerator_of(sum: i64) -> i64 {
        shifted(sum, SUM_PLACES as i32 - PLACES as i32)
    }

    #[inline(always)]
    fn binary(value: i32, places: u32) -> i64 {
        i64::from(value) << (PLACES - places.min(PLACES))
    }

    fn rescaled(value: i32, factor: Rescale) -> i64 {
        let product = i64::from(value) * i64::from(factor.multiplier);
        shifted(product, 31 - factor.shift - PLACES as i32)
    }

    fn over_factor(a: i64, factor: Rescale) -> i64 {
        if a == 0 || factor.multiplier <= 0 {
            return 0;
        }
        let factor = Real::new(u64::from(factor.multiplier.unsigned_abs()), factor.shift - 31);
        let ratio = Real::new(a.unsigned_abs(), -(PLACES as i32)).over(factor).fixed();
        if a < 0 { -ratio } else { ratio }
    }

    #[inline(always)]
    fn lost(numerator: i64) -> i64 {
        shifted(numerator, PLACES as i32 - SUM_PLACES as i32)
    }

    #[inline(always)]
    fn book(total: &mut i64, amount: i64, _: usize) {
        *total = total.saturating_add(amount);
    }

    #[inline(always)]
    fn nothing<const L: usize>() -> [[i32; L]; 2] {
        [[0; L]; 2]
    }

    #[inline(always)]
    fn weigh<const L: usize>(sums: &mut [[i32; L]; 2], w: &[i16; L], s: i32) {
        let (high, low) = ((s >> HALF_BITS) as i16, (s & ((1 << HALF_BITS) - 1)) as i16);
        for i in 0..L {
            sums[0][i] += i32::from(w[i]) * i32::from(high);
            sums[1][i] += i32::from(w[i]) * i32::from(low);
        }
    }

    #[inline(always)]
    fn weigh_by<const L: usize>([high, low]: &mut [[i32; L]; 2], f: impl Fn(i8) -> i16, w: &[i8], s: i32) {
        let (upper, lower) = (i32::from((s >> HALF_BITS) as i16), s & ((1 << HALF_BITS) - 1));
        for ((high, low), w) in high.iter_mut().zip(low).zip(w) {
            let w = i32::from(f(*w));
            *high += w * upper;
            *low += w * lower;
        }
    }

    #[inline(always)]
    fn weigh_eight<const L: usize>([high, low]: &mut [[i32; L]; 2], f: impl Fn(i8) -> i16, w: [i8; BLOCK], s: i32) {
        let (upper, lower) = (i32::from((s >> HALF_BITS) as i16), s & ((1 << HALF_BITS) - 1));
        if let (Some(high), Some(low)) = (high.first_chunk_mut::<BLOCK>(), low.first_chunk_mut::<BLOCK>()) {
            each_lane!(i => {
                high[i] += i32::from(f(w[i])) * upper;
                low[i] += i32::from(f(w[i])) * lower;
            });
        }
    }

    #[inline(always)]
    fn weigh_each<const L: usize>([high, low]: &mut [[i32; L]; 2], f: impl Fn(i8) -> i16, w: &[i8], s: &[i32]) {
        for ((high, low), (w, s)) in high.iter_mut().zip(low).zip(w.iter().zip(s)) {
            let (w, upper, lower) = (i32::from(f(*w)), (s >> HALF_BITS) as i16, (s & ((1 << HALF_BITS) - 1)) as i16);
            *high += w * i32::from(upper);
            *low += w * i32::from(lower);
        }
    }

    #[inline(always)]
    fn gather<const L: usize>(total: &mut [i64], [high, low]: &[[i32; L]; 2], exponent: Option<i8>) {
        let places = i32::from(exponent.unwrap_or(0)) - SUM_PLACES as i32;
        for (total, (high, low)) in total.iter_mut().zip(high.iter().zip(low)) {
            // Most quotients are zero, and shifts of eight bytes long where registers have four.
            if !FAST && *high | *low == 0 {
                continue;
            }
            let sum = (i64::from(*high) << HALF_BITS) + i64::from(*low);
            *total = total.saturating_add(shifted(sum, places));
        }
    }

    #[inline(always)]
    fn product(x: i32, s: i32, exponent: Option<i8>) -> i64 {
        shifted(i64::from(x) * i64::from(s), i32::from(exponent.unwrap_or(0)) - SUM_PLACES as i32)
    }

    #[inline(always)]
    fn share(x: i16, sum: i64) -> i64 {
        // Mostly there is room for sixteen bits more.
        if sum >> 47 == sum >> 63 { sum * i64::from(x) } else { product(sum, x.into()) }
    }

    #[inline(always)]
    fn sum(a: i64, b: i64) -> i64 {
        a.saturating_add(b)
    }

    #[inline(always)]
    fn whole(relevance: i32) -> i64 {
        i64::from(relevance) << SUM_PLACES
    }

    fn real_share(sum: i64, _: f32) -> i64 {
        sum
    }

    fn through(relevance: i32, _: impl FnOnce(&mut [f32])) -> i64 {
        Self::whole(relevance)
    }

    #[inline(always)]
    fn part_of(sum: i64, n: usize) -> i64 {
        sum / (n as i64).max(1)
    }

    #[inline(always)]
    fn put(word: i32, sum: i64, places: Places) -> Option<i32> {
        let right = SUM_PLACES as i32 + i32::from(places.sink) - i32::from(places.arrived);
        i32::try_from(shifted(sum, right).saturating_add(i64::from(word))).ok()
    }

    #[inline(always)]
    fn halved(word: i32) -> i32 {
        shifted(i64::from(word), 1) as i32
    }

    fn saturated(word: i32, sum: i64, places: Places) -> i32 {
        let right = SUM_PLACES as i32 + i32::from(places.sink) - i32::from(places.arrived);
        let value = shifted(sum, right).saturating_add(i64::from(word));
        if value < 0 { i32::MIN } else { i32::MAX }
    }
}

/// `value · 2^exponent` of a normal number above zero, by its bits: no float is computed with.
pub fn scaled(value: f32, exponent: i32) -> f32 {
    let bits = bits_of(value);
    let biased = ((bits >> 23) & 0xff) as i32 + exponent;
    if biased <= 0 { 0.0 } else { f32::from_bits((bits & 0x807f_ffff) | ((biased.min(254) as u32) << 23)) }
}

/// A finite number above or at zero, in units of `2^-places`; at most 2⁶⁰.
pub fn with_places(value: f32, places: i32) -> i64 {
    let Some(real) = Real::of(value) else { return 0 };
    shifted(i64::from(real.mantissa), -(real.exponent + places)).min(1 << 60)
}

/// The exponent of a finite float other than zero: it is below two to this power.
pub fn exponent_of(value: f32) -> Option<i32> {
    Real::of(value).map(|real| real.exponent + 32)
}

/// A finite float as relevance, where the largest is below `2^exponent`.
pub fn seed_word(value: f32, exponent: i32) -> i32 {
    let Some(real) = Real::of(value) else { return 0 };
    let magnitude = shifted(i64::from(real.mantissa), -(real.exponent - fraction_of(exponent))) as i32;
    if bits_of(value) >> 31 == 0 { magnitude } else { -magnitude }
}

/// One unit of such relevance is two to this power.
pub fn fraction_of(exponent: i32) -> i32 {
    exponent - SEED_BITS as i32
}

/// A column of the books of integers, in units of the books; the relevance that arrived had this exponent.
pub fn booked(total: i64, exponent: i8) -> i64 {
    let exponent = i32::from(exponent);
    // Rounded to a unit of the relevance first, where that is the larger one.
    in_books(shifted(total, SUM_PLACES as i32 - exponent.min(0)), exponent.max(0))
}

/// Relevance of a tensor with this exponent, in units of the books.
pub fn in_books(words: i64, exponent: i32) -> i64 {
    if exponent >= 0 { words.saturating_mul(1 << exponent) } else { shifted(words, -exponent) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn quotients_are_close(n in -(1_i64 << 50)..(1 << 50), d in -(1_i64 << 48)..(1 << 48)) {
            prop_assume!(n != 0 && d != 0);
            let fraction = Fraction::<Fixed> { numerator: n, denominator: d };
            let (word, exponent) = Fixed::quotient(&fraction);
            let got = f64::from(word) / 2f64.powi(i32::from(exponent.unwrap()));
            let real = n as f64 / d as f64;
            prop_assert!((got / real - 1.0).abs() < 4e-9, "{} {}", got, real);
            prop_assert!((1 << (QUOTIENT_BITS - 1)..1 << QUOTIENT_BITS).contains(&word.unsigned_abs()));
        }

        #[test]
        fn quotients_are_lowered_in_any_number_of_steps(
            word in -(1_i32 << 30) + 1..1 << 30, from in -30_i8..90, first in 0_i8..40, then in 0_i8..40
        ) {
            let [middle, to] = [from - first, from - first - then].map(Some);
            let at_once = Fixed::lowered(word, Some(from), to);
            prop_assert_eq!(Fixed::lowered(Fixed::lowered(word, Some(from), middle), middle, to), at_once);
            let exact = f64::from(word) / 2f64.powi(i32::from(first) + i32::from(then));
            prop_assert_eq!(f64::from(at_once), exact.trunc());
        }

        #[test]
        fn digits_are_the_whole_quotient(n in 0_u64..1 << 63, d in 1_u32 << 31.., near in 0_u64..4) {
            prop_assert_eq!(u64::from(divided_by_digits(n, d)), n / u64::from(d));
            // Where guesses are furthest off.
            let (n, d) = ((u64::from(d) << 31) - near.min(2), d | 0xffff);
            prop_assert_eq!(u64::from(divided_by_digits(n, d)), n / u64::from(d));
            prop_assert_eq!(u64::from(divided_by_digits((1 << 63) - 1 - near, d)), ((1 << 63) - 1 - near) / u64::from(d));
        }

        #[test]
        fn reals_are_close(value in 1e-6f32..1e3, a in 1e-3f32..1.0, b in 1e-3f32..1.0, m in 1u32..u32::MAX, e in -40i32..-20) {
            let unit = Unit { multiplier: m, exponent: e, divisor: 3, over: a, under: b, squared: false };
            let real = f64::from(value) / (f64::from(m) * 2f64.powi(e) * f64::from(a) / f64::from(b) / 3.0);
            prop_assume!(real < 2f64.powi(29));
            let got = Fixed::in_units(value, unit) as f64 / 65536.0;
            prop_assert!((got - real).abs() <= 1e-6 * real + 2.0 / 65536.0, "{} {}", got, real);
            prop_assert!((f64::from(f32::in_units(value, unit)) - real).abs() <= 1e-5 * real);
        }

        #[test]
        fn books_are_near(total in -(1_i64 << 44)..(1 << 44), exponent in -40_i8..=0) {
            let real = total as f64 * 2f64.powi(i32::from(exponent) - SUM_PLACES as i32);
            prop_assert!((booked(total, exponent) as f64 - real).abs() <= 0.5);
        }

        #[test]
        fn exponents_fall_no_further_than_sums_have_places(arrived in MIN_EXPONENT..=MAX_EXPONENT, bits in 0_u32..=32) {
            let places = Places::fallen(arrived, bits);
            prop_assert!(places.sink <= arrived && places.sink >= MIN_EXPONENT);
            prop_assert!(arrived - places.sink < SUM_PLACES as i8);
            prop_assert!(bits < SEED_BITS || places.sink == arrived);
        }

        #[test]
        fn factors_multiply(a in -(1_i64 << 46)..(1 << 46), factor in 0.0f32..100.0) {
            let got = Fixed::times(a, Fixed::constant(factor)) as f64;
            prop_assert!((got - a as f64 * f64::from(factor)).abs() <= 2.0 + a.unsigned_abs() as f64 * 1e-5);
        }

        #[test]
        fn sums_in_halves_are_exact(w in prop::array::uniform4(-128i16..128), s in -(1i32 << 30) + 1..(1 << 30)) {
            let mut sums = Fixed::nothing::<4>();
            Fixed::weigh(&mut sums, &w, s);
            for i in 0..4 {
                let both = (i64::from(sums[0][i]) << HALF_BITS) + i64::from(sums[1][i]);
                prop_assert_eq!(both, i64::from(w[i]) * i64::from(s));
            }
        }
    }
}
