//! Relevance in floats or in integers: what a [`Session`](crate::Session) computes with on the way back.

use crate::error::ExplainError;
use crate::lanes::{Exact, Sum, absolute};
use crate::layers::Tape;
use crate::ledger::{Entry, Whole};
use crate::number::{
    Fixed, Number, Places, SEED_BITS, Taken, booked, exponent_of, fraction_of, in_books, scaled, seed_word,
};
use crate::rule::{Choice, Rule, is_finite};
use crate::step::{Op, Step};
use crate::target::Seed;
use crate::values::{Values, top_of};

/// The type of relevance: `f32`, or [`Fixed`] for integers alone. Nobody else can implement it.
pub trait Relevance: Number {
    /// The books of one step.
    type Entry: Copy + Default + PartialEq + core::fmt::Debug;
    /// A sum in the books.
    type Figure: Copy + PartialEq + core::fmt::Debug;
    #[doc(hidden)]
    type Balance: Copy + Default;

    #[doc(hidden)]
    const ENTRY_WORDS: usize;
    #[doc(hidden)]
    fn to_words(entry: Self::Entry, words: &mut [u32]);
    #[doc(hidden)]
    fn from_words(words: &[u32]) -> Self::Entry;
    #[doc(hidden)]
    fn balance(words: &[Self::Word], exponent: i8) -> Self::Balance;
    #[doc(hidden)]
    fn peak(words: &[Self::Word], exponent: i8) -> Self::Figure;
    /// Exponents on the way to a tensor without relevance.
    #[doc(hidden)]
    fn places(arrived: &[Self::Word], exponent: i8) -> Places;
    #[doc(hidden)]
    fn joined(a: Self::Balance, b: Self::Balance) -> Self::Balance;
    #[doc(hidden)]
    fn less(a: Self::Balance, b: Self::Balance) -> Self::Balance;
    #[doc(hidden)]
    fn figure(balance: Self::Balance) -> Self::Figure;
    #[doc(hidden)]
    fn idle() -> Self::Entry;
    #[doc(hidden)]
    fn entry(closing: &Closing<'_, '_, Self>) -> Self::Entry;
    #[doc(hidden)]
    fn totals(entries: impl Iterator<Item = Self::Entry>, seeded: Self::Figure, received: Self::Figure) -> Self::Entry;
    #[doc(hidden)]
    fn imbalance(totals: Self::Entry) -> Self::Figure;
    #[doc(hidden)]
    fn forward(tape: &mut Tape<'_, '_>, index: usize, step: &Step);
    #[doc(hidden)]
    fn backward(tape: &mut Tape<'_, '_>, i: usize, step: &Step, choice: Option<Choice<'_>>, c: bool) -> Taken<Self>;
    #[doc(hidden)]
    fn seed(seed: &Seed<'_>, f: Values<'_>, r: &mut [Self::Word]) -> Result<Start, ExplainError>;
}

/// How relevance started.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The class that it is about.
    pub class: Option<usize>,
    /// The real value of the class, or of the largest: `value · scale`, for integers.
    pub value: (i32, f32),
    /// The real value of one unit of relevance: `scale · 2^exponent`.
    pub unit: (f32, i32),
}

impl Start {
    /// The value as a real number.
    pub fn real_value(&self) -> f32 {
        self.value.0 as f32 * self.value.1
    }

    /// The real value of one unit of a tensor whose relevance has this exponent.
    pub fn unit_at(&self, exponent: i8) -> f32 {
        scaled(self.unit.0, self.unit.1 + i32::from(exponent))
    }
}

/// A step's books before relevance passes it.
pub struct Opening<R: Relevance> {
    /// What arrived.
    pub arrived: R::Balance,
    /// Its exponent.
    pub exponent: i8,
    /// The largest element of it.
    pub peak: R::Figure,
    /// What the operands had from elsewhere.
    pub before: R::Balance,
}

/// A step's books before they are closed.
pub struct Closing<'c, 'r, R: Relevance> {
    /// The step.
    pub op: Op,
    /// Its rule.
    pub rule: Option<Rule<'r>>,
    /// What it began with.
    pub opening: &'c Opening<R>,
    /// What left.
    pub left: R::Balance,
    /// What was taken.
    pub taken: &'c Taken<R>,
}

/// Which elements of a tensor relevance starts at; everything else starts with nothing.
fn starts(
    seed: &Seed<'_>,
    classes: usize,
    top: Option<usize>,
) -> Result<(Option<usize>, [Option<usize>; 2]), ExplainError> {
    let inside =
        |class: usize| if class < classes { Ok(class) } else { Err(ExplainError::NoSuchClass { class, classes }) };
    Ok(match *seed {
        Seed::Top => (top, [top, None]),
        Seed::Class(k) | Seed::OneHot(k) => (Some(inside(k)?), [Some(k), None]),
        Seed::Contrast(k, l) => (Some(inside(k)?), [Some(k), Some(inside(l)?)]),
        Seed::All | Seed::Values(_) => (None, [None, None]),
    })
}

impl Relevance for f32 {
    type Entry = Entry;
    type Figure = f32;
    type Balance = Exact;

    const ENTRY_WORDS: usize = Entry::WORDS;

    fn to_words(entry: Entry, words: &mut [u32]) {
        for (word, value) in words.iter_mut().zip(entry.to_words()) {
            *word = value.to_bits();
        }
    }

    fn from_words(words: &[u32]) -> Entry {
        let mut values = [0.0; Entry::WORDS];
        for (value, word) in values.iter_mut().zip(words) {
            *value = f32::from_bits(*word);
        }
        Entry::from_words(values)
    }

    fn balance(words: &[f32], _: i8) -> Exact {
        Sum::of(words).total()
    }

    fn places(_: &[f32], exponent: i8) -> Places {
        Places { arrived: exponent, sink: exponent }
    }

    fn peak(words: &[f32], _: i8) -> f32 {
        // Magnitudes are in the order of their bits, which are compared many at a time.
        f32::from_bits(words.iter().fold(0, |peak, r| peak.max(absolute(*r).to_bits())))
    }

    fn joined(a: Exact, b: Exact) -> Exact {
        a.minus(Exact::default().minus(b))
    }

    fn less(a: Exact, b: Exact) -> Exact {
        a.minus(b)
    }

    fn figure(balance: Exact) -> f32 {
        balance.value()
    }

    fn idle() -> Entry {
        Entry { condition: f32::NAN, ..Entry::default() }
    }

    /// What neither left nor was taken is rounding; under a rule that keeps no sum, or where elements fall on padding
    /// or are sliced away, it was dropped.
    fn entry(closing: &Closing<'_, '_, f32>) -> Entry {
        let Closing { op, rule, left, taken, opening: &Opening { arrived, peak, .. } } = *closing;
        let (bias, stabilizer) = (taken.bias.total(), taken.stabilizer.total());
        let dropped = taken.dropped.total();
        let rest = arrived.minus(left).minus(bias).minus(stabilizer).minus(dropped);
        let (dropped, rounding) =
            if drops(op, rule) { (dropped.value() + rest.value(), 0.0) } else { (dropped.value(), rest.value()) };
        Entry {
            arrived: arrived.value(),
            left: left.value(),
            bias: bias.value(),
            stabilizer: stabilizer.value(),
            dropped,
            rounding,
            peak,
            condition: taken.condition,
        }
    }

    fn totals(entries: impl Iterator<Item = Entry>, seeded: f32, received: f32) -> Entry {
        let mut sums = [Exact::default(); 4];
        let mut peak = 0.0f32;
        let mut condition = f32::NAN;
        for e in entries {
            for (sum, value) in sums.iter_mut().zip([e.bias, e.stabilizer, e.dropped, e.rounding]) {
                *sum = sum.plus(value);
            }
            peak = peak.max(e.peak);
            condition = condition.min(e.condition);
        }
        let [bias, stabilizer, dropped, rounding] = sums.map(Exact::value);
        Entry { arrived: seeded, left: received, bias, stabilizer, dropped, rounding, peak, condition }
    }

    fn imbalance(t: Entry) -> f32 {
        Exact::default()
            .plus(t.arrived)
            .plus(-t.left)
            .plus(-t.bias)
            .plus(-t.stabilizer)
            .plus(-t.dropped)
            .plus(-t.rounding)
            .value()
    }

    fn forward(tape: &mut Tape<'_, '_>, index: usize, step: &Step) {
        tape.forward(index, step);
    }

    fn backward(tape: &mut Tape<'_, '_>, i: usize, step: &Step, choice: Option<Choice<'_>>, c: bool) -> Taken<f32> {
        tape.backward(i, step, choice, c)
    }

    fn seed(seed: &Seed<'_>, f: Values<'_>, r: &mut [f32]) -> Result<Start, ExplainError> {
        let top = f.top();
        let (class, places) = starts(seed, f.len(), top)?;
        let value_of = |k: usize| f.get(k).unwrap_or(0.0);
        match *seed {
            Seed::All => r.iter_mut().zip(f.iter()).for_each(|(r, f)| *r = f),
            Seed::Values(values) if values.len() == r.len() && values.iter().all(|v| v.is_finite()) => {
                r.iter_mut().zip(values).for_each(|(r, v)| *r = *v);
            }
            Seed::Values(_) => return Err(ExplainError::Seed),
            _ => r.fill(0.0),
        }
        for (i, k) in places.into_iter().enumerate() {
            let Some(k) = k else { continue };
            let value = if matches!(seed, Seed::OneHot(_)) { 1.0 } else { value_of(k) };
            if let Some(r) = r.get_mut(k) {
                *r += if i == 0 { value } else { -value };
            }
        }
        let value = class.or(top).map_or(0.0, value_of);
        Ok(Start { class, value: (1, value), unit: (1.0, 0) })
    }
}

/// Whether what is left over was dropped on purpose.
fn drops(op: Op, rule: Option<Rule<'_>>) -> bool {
    op == Op::Pad || rule.is_some_and(|rule| !rule.conserves() || matches!(rule, Rule::Taylor))
}

/// The largest magnitude.
fn largest(words: &[i32]) -> u32 {
    words.iter().fold(0, |largest, word| largest.max(word.unsigned_abs()))
}

impl Relevance for Fixed {
    type Entry = Whole;
    type Figure = i64;
    type Balance = i64;

    const ENTRY_WORDS: usize = Whole::WORDS;

    fn to_words(entry: Whole, words: &mut [u32]) {
        for (pair, value) in words.as_chunks_mut::<2>().0.iter_mut().zip(entry.to_figures()) {
            *pair = [value as u32, (value >> 32) as u32];
        }
    }

    fn from_words(words: &[u32]) -> Whole {
        let mut figures = [0; Whole::WORDS / 2];
        for (figure, pair) in figures.iter_mut().zip(words.as_chunks::<2>().0) {
            *figure = i64::from(pair[0]) | (i64::from(pair[1]) << 32);
        }
        Whole::from_figures(figures)
    }

    fn balance(words: &[i32], exponent: i8) -> i64 {
        let sum: i64 = words.iter().map(|word| i64::from(*word)).sum();
        in_books(sum, i32::from(exponent))
    }

    fn peak(words: &[i32], exponent: i8) -> i64 {
        in_books(i64::from(largest(words)), i32::from(exponent))
    }

    fn places(arrived: &[i32], exponent: i8) -> Places {
        Places::fallen(exponent, u32::BITS - largest(arrived).leading_zeros())
    }

    fn joined(a: i64, b: i64) -> i64 {
        a.saturating_add(b)
    }

    fn less(a: i64, b: i64) -> i64 {
        a.saturating_sub(b)
    }

    fn figure(balance: i64) -> i64 {
        balance
    }

    fn idle() -> Whole {
        Whole::default()
    }

    fn entry(closing: &Closing<'_, '_, Fixed>) -> Whole {
        let Closing { op, rule, left, taken, opening: &Opening { arrived, exponent, peak, .. } } = *closing;
        let whole = |total: i64| booked(total, exponent);
        let (bias, stabilizer, dropped) = (whole(taken.bias), whole(taken.stabilizer), whole(taken.dropped));
        let rest = arrived.saturating_sub(left).saturating_sub(bias).saturating_sub(stabilizer).saturating_sub(dropped);
        let (dropped, rounding) = if drops(op, rule) { (dropped.saturating_add(rest), 0) } else { (dropped, rest) };
        let saturated = i64::from(taken.saturated);
        Whole { arrived, left, bias, stabilizer, dropped, rounding, peak, saturated }
    }

    fn totals(entries: impl Iterator<Item = Whole>, seeded: i64, received: i64) -> Whole {
        let start = Whole { arrived: seeded, left: received, ..Whole::default() };
        entries.fold(start, |sum, e| Whole {
            bias: sum.bias.saturating_add(e.bias),
            stabilizer: sum.stabilizer.saturating_add(e.stabilizer),
            dropped: sum.dropped.saturating_add(e.dropped),
            rounding: sum.rounding.saturating_add(e.rounding),
            peak: sum.peak.max(e.peak),
            saturated: sum.saturated.saturating_add(e.saturated),
            ..sum
        })
    }

    fn imbalance(t: Whole) -> i64 {
        [t.left, t.bias, t.stabilizer, t.dropped, t.rounding].into_iter().fold(t.arrived, i64::saturating_sub)
    }

    fn forward(tape: &mut Tape<'_, '_>, index: usize, step: &Step) {
        tape.forward_int8(index, step);
    }

    fn backward(_: &mut Tape<'_, '_>, _: usize, _: &Step, _: Option<Choice<'_>>, _: bool) -> Taken<Fixed> {
        // A session of integers has no other steps.
        Taken::default()
    }

    fn seed(seed: &Seed<'_>, f: Values<'_>, r: &mut [i32]) -> Result<Start, ExplainError> {
        /// An int8 value of at most 255 units becomes relevance below 2²⁶.
        const VALUE_PLACES: i32 = SEED_BITS as i32 - 8;
        const ONE_PLACES: i32 = SEED_BITS as i32 - 1;
        let Values::Int8 { q, scale, zero_point } = f else { return Err(ExplainError::Seed) };
        let top = top_of(q);
        let (class, places) = starts(seed, q.len(), top)?;
        let value_of = |k: usize| q.get(k).map_or(0, |q| i32::from(*q) - zero_point);
        let mut unit = (scale, -VALUE_PLACES);
        match *seed {
            Seed::All => r.iter_mut().enumerate().for_each(|(k, r)| *r = value_of(k) << VALUE_PLACES),
            Seed::Values(values) if values.len() == r.len() => {
                let finite = |v: &f32| is_finite(*v);
                if !values.iter().all(finite) {
                    return Err(ExplainError::Seed);
                }
                let exponent = values.iter().filter_map(|v| exponent_of(*v)).max().unwrap_or(0);
                r.iter_mut().zip(values).for_each(|(r, v)| *r = seed_word(*v, exponent));
                unit = (1.0, fraction_of(exponent));
            }
            Seed::Values(_) => return Err(ExplainError::Seed),
            _ => r.fill(0),
        }
        for (i, k) in places.into_iter().enumerate() {
            let Some(k) = k else { continue };
            let value = if matches!(seed, Seed::OneHot(_)) { 1 << ONE_PLACES } else { value_of(k) << VALUE_PLACES };
            if let Some(r) = r.get_mut(k) {
                *r += if i == 0 { value } else { -value };
            }
        }
        if matches!(seed, Seed::OneHot(_)) {
            unit = (1.0, -ONE_PLACES);
        }
        let value = class.or(top).map_or(0, value_of);
        Ok(Start { class, value: (value, scale), unit })
    }
}
