//! The way back through a linear layer over int8: rows of quotients, handed out to the inputs that they meet.
//!
//! Unlike in floats, where a rule is one sweep after another, every rule needs one sweep only ([`Recipe`]): relevance
//! that arrived is read once, and what is written may overlay it.

use super::back::Units;
use super::recipe::{Denominators, Hand, Quotients, Recipe, Sums};
use super::sink::Sink;
use crate::lanes8::FAST;
use crate::layers::grid::Grid;
use crate::number::{Fraction, Number, Taken, Unit, bits_of};
use crate::rule::{Bias, Bound, Choice, Stabilizer};
use crate::step::{quotient, remainder};
use core::ops::Range;

/// Inputs side by side.
pub const WIDE: usize = if FAST { 16 } else { 8 };
/// The inputs of a step, as its rules see them.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The integers; taken from the sink when they are looked at, because relevance may overlay them.
    pub q: &'a [i8],
    /// How many there are.
    pub elements: usize,
    /// The one that stands for zero.
    pub zero: i16,
    /// None is below it.
    pub non_negative: bool,
    /// Ends of the box of z^B.
    pub bounds: [End<'a>; 2],
    /// Channels.
    pub channels: usize,
}

/// One end of the box, in units of the inputs.
#[derive(Clone, Copy)]
pub enum End<'a> {
    /// The same everywhere.
    Uniform(i16),
    /// Real values, one per channel or per element, and the scale and the zero point to bring them to.
    Values(&'a [f32], f32, i32),
}

impl<'a> End<'a> {
    /// In units of a tensor of this scale; outside what the tensor can hold, the nearest that it can.
    pub fn new<N: Number>(bound: Bound<'a>, scale: f32, zero_point: i32) -> Self {
        match bound {
            Bound::Uniform(value) => Self::Uniform(in_units::<N>(value, scale, zero_point)),
            Bound::Values(values) => Self::Values(values, scale, zero_point),
        }
    }

    /// For one input element.
    fn at<N: Number>(&self, element: usize, channels: usize, elements: usize) -> i16 {
        match *self {
            Self::Uniform(value) => value,
            Self::Values(values, scale, zero_point) => {
                let at = if values.len() == elements { element } else { remainder(element, channels) };
                in_units::<N>(values.get(at).copied().unwrap_or(0.0), scale, zero_point)
            }
        }
    }
}

fn in_units<N: Number>(value: f32, scale: f32, zero_point: i32) -> i16 {
    let unit = Unit { over: scale, ..Unit::whole(1) };
    let magnitude = N::whole_number(N::in_units(f32::from_bits(bits_of(value) & 0x7fff_ffff), unit)).min(512);
    let steps = if bits_of(value) >> 31 == 0 { magnitude } else { -magnitude };
    (steps + zero_point).clamp(-128, 127) as i16
}

impl Inputs<'_> {
    /// Whether inputs side by side all stand for zero.
    #[inline(always)]
    pub fn are_zero(&self, q: &[i8], at: usize, len: usize) -> bool {
        let q = q.get(at..).and_then(|q| q.get(..len));
        q.is_some_and(|q| q.iter().all(|q| i16::from(*q) == self.zero))
    }

    /// `x` less one end of the box.
    #[inline(always)]
    pub fn above<N: Number>(&self, q: &[i8], end: usize, element: usize) -> i16 {
        let bound = self.bounds[end & 1].at::<N>(element, self.channels, self.elements);
        q.get(element).map_or(0, |q| i16::from(*q) - bound)
    }
}

/// The newest rows of quotients.
pub struct Strips<'a, N: Number> {
    rows: [&'a [N::Word]; 2],
    /// Quotients per row; the exponents of the row lie behind them.
    len: usize,
    /// How many rows there is room for.
    kept: usize,
    newest: usize,
    slot: usize,
}

/// One row of quotients of one kind.
pub struct Row<'a, N: Number> {
    /// Quotients.
    pub s: &'a [N::Word],
    /// Their exponent.
    pub exponent: N::Exponent,
}

impl<'a, N: Number> Strips<'a, N> {
    /// The newest row of the output.
    pub fn newest(&self) -> usize {
        self.newest
    }

    /// A row of the output, of the first or the second quotients; empty if it is not kept.
    #[inline(always)]
    pub fn row(&self, row: usize, which: usize) -> Row<'a, N> {
        let age = self.newest.wrapping_sub(row);
        let slot = if age <= self.slot { self.slot - age } else { (self.slot + self.kept).wrapping_sub(age) };
        let start = slot.wrapping_mul(self.len + 1);
        let s = self.rows[which & 1].get(start..).and_then(|rest| rest.get(..self.len)).unwrap_or(&[]);
        Row { s, exponent: N::kept(self.rows[0].get(start + self.len).copied().unwrap_or_default()) }
    }
}

/// The rows that the outputs of a layer come in.
#[derive(Clone, Copy)]
pub struct Bands {
    /// How many rows.
    pub rows: usize,
    /// Elements of a row; the last may be shorter.
    pub len: usize,
    /// Elements of all rows.
    pub elements: usize,
    /// Channels: elements this far apart share bias and unit.
    pub channels: usize,
    /// Rows that [`Layer::distribute`] looks at.
    pub depth: usize,
}

impl Bands {
    /// Of a layer with a window: the rows of its output.
    pub fn of(grid: &Grid) -> Self {
        Self {
            rows: grid.output.height,
            len: grid.output.row(),
            elements: grid.output.elements(),
            channels: grid.output.channels,
            depth: grid.vertical.overlap(),
        }
    }

    /// The output elements of a row.
    pub fn row(&self, row: usize) -> Range<usize> {
        row * self.len..((row + 1) * self.len).min(self.elements)
    }
}

/// A linear layer over int8: what the rules need of it.
pub trait Layer<N: Number> {
    /// How its outputs are arranged.
    fn bands(&self) -> Bands;
    /// How many inputs an output reads.
    fn fan_in(&self, element: usize) -> usize;
    /// What a mean divides an output by; `None` where there are weights.
    fn divisor(&self, _element: usize) -> Option<u32> {
        None
    }
    /// The sums of a row, without the bias; those of silent outputs may be left out.
    fn sums(&self, x: &Inputs<'_>, sums: Sums, row: usize, patches: &mut [i16], to: &mut Sheet<'_, N>);
    /// Hands out what no later row adds to; where `spreads`, the second quotients go to all inputs alike.
    fn distribute(&self, x: &Inputs<'_>, hand: Hand, spreads: bool, strips: &Strips<'_, N>, sink: &mut Sink<'_, N>);
}

/// The sums of a row, in the place of its quotients.
pub struct Sheet<'a, N: Number> {
    parts: [&'a mut [N::Word]; 2],
    /// The relevance that arrived at the row.
    arrived: &'a [N::Word],
    terms: Terms<'a>,
}

impl<N: Number> Sheet<'_, N> {
    /// Whether no relevance arrived at outputs side by side, so that nobody asks for their sums.
    #[inline(always)]
    pub fn is_silent(&self, at: usize, len: usize) -> bool {
        let arrived = self.arrived.get(at..).unwrap_or(&[]);
        arrived.iter().take(len).all(|r| *r == N::Word::default())
    }

    /// Adds the sums, or one of two parts of them, of outputs side by side, from a place in the row and a channel on.
    /// Those of silent outputs stay zero.
    #[inline(never)]
    pub fn put(&mut self, at: usize, channel: usize, sums: [&[i32]; 2]) {
        let [first, second] = &mut self.parts;
        let words = first.get_mut(at..).unwrap_or(&mut []).iter_mut().zip(second.get_mut(at..).unwrap_or(&mut []));
        let words = words.zip(self.arrived.get(at..).unwrap_or(&[]));
        for (i, (((first, second), r), (a, b))) in words.zip(sums[0].iter().zip(sums[1])).enumerate() {
            if *r != N::Word::default() {
                let [a, b] = self.terms.with_bias(channel + i, [*a, *b]);
                (*first, *second) = (N::raised(*first, a), N::raised(*second, b));
            }
        }
    }

    /// The same of one output.
    #[inline(never)]
    pub fn put_one(&mut self, at: usize, channel: usize, sums: [i32; 2]) {
        let [first, second] = &mut self.parts;
        let (Some(first), Some(second)) = (first.get_mut(at), second.get_mut(at)) else { return };
        if self.arrived.get(at).is_some_and(|r| *r != N::Word::default()) {
            let [a, b] = self.terms.with_bias(channel, sums);
            (*first, *second) = (N::raised(*first, a), N::raised(*second, b));
        }
    }
}

/// What the sums of a row are made of.
#[derive(Clone, Copy)]
struct Terms<'a> {
    units: &'a Units<'a>,
    sums: Sums,
    has_bias: bool,
    is_mean: bool,
}

impl Terms<'_> {
    /// Both sums of an output with its bias.
    #[inline(always)]
    fn with_bias(&self, channel: usize, [a, b]: [i32; 2]) -> [i32; 2] {
        let bias = if self.has_bias { self.units.bias(channel) } else { 0 };
        match self.sums {
            Sums::Whole => [a + bias, b],
            Sums::BySign(_) | Sums::ByWeight => [a + bias.max(0), b + bias.min(0)],
            Sums::Gate => [i32::from(self.is_mean || self.units.is_open(a + bias, channel)), 0],
            Sums::Box | Sums::Squares | Sums::Count => [a, b],
        }
    }
}

/// A step on its way back.
pub struct Way<'a, 'r, N: Number> {
    /// The layer, behind a pointer, so that this is compiled once.
    pub layer: &'a dyn Layer<N>,
    /// Its inputs.
    pub x: Inputs<'a>,
    /// Its rule.
    pub recipe: Recipe<'r, N>,
    /// Bias, and what its sums are worth.
    pub units: Units<'a>,
    /// What becomes of the bias.
    pub bias: Bias,
    /// Whether condition figures are wanted, which rules have that divide by `z` itself.
    pub measures: bool,
    /// The form of the stabiliser, with ε in real numbers.
    pub form: Stabilizer,
    /// Rows of quotients of either kind.
    pub strips: [&'a mut [N::Word]; 2],
    /// Quotients per row.
    pub len: usize,
    /// Inputs of some outputs.
    pub patches: &'a mut [i16],
    /// The books.
    pub taken: Taken<N>,
}

impl<N: Number> Way<'_, '_, N> {
    /// Whether a rule can be followed: what bias and stabiliser took is spread through the second quotients, which
    /// then must be free.
    pub fn can(choice: &Choice<'_>) -> bool {
        let recipe = Recipe::<N>::new(choice.rule);
        recipe.is_some_and(|recipe| choice.bias != Bias::Redistribute || !recipe.uses_second())
    }

    /// Passes the relevance back.
    pub fn propagate(&mut self, sink: &mut Sink<'_, N>) -> Taken<N> {
        let (layer, bands) = (self.layer, self.layer.bands());
        let (spreads, depth) = (self.bias == Bias::Redistribute, bands.depth);
        let (mut slot, mut silence) = (0, depth);
        let kept = quotient(self.strips[0].len(), self.len + 1);
        for row in 0..bands.rows {
            slot = if slot + 2 <= kept { slot + 1 } else { 0 };
            let range = bands.row(row);
            let silent = sink.arrived(range.clone()).iter().all(|r| *r == N::Word::default());
            if silent {
                silence += 1;
                let start = slot * (self.len + 1);
                for strip in &mut self.strips {
                    strip.get_mut(start..=start + self.len).unwrap_or(&mut []).fill(N::Word::default());
                }
            } else {
                // Rows before the first are no rows: whatever the ring holds of them is cleared.
                if silence >= depth {
                    self.strips.iter_mut().for_each(|strip| strip.fill(N::Word::default()));
                }
                silence = 0;
                if self.measures {
                    self.sum_row(Sums::BySign(true), row, slot, sink);
                    self.measure_row(range.clone(), slot, sink);
                }
                self.sum_row(self.recipe.sums, row, slot, sink);
                self.divide_row(range, slot, sink);
            }
            if silence < depth {
                let [first, second] = &self.strips;
                let strips = Strips { rows: [first, second], len: self.len, kept, newest: row, slot };
                layer.distribute(&self.x, self.recipe.hand, spreads, &strips, sink);
            }
        }
        sink.finish();
        self.taken.saturated = sink.saturated;
        self.taken
    }

    /// The sums of a row, in the place of its quotients.
    fn sum_row(&mut self, sums: Sums, row: usize, slot: usize, sink: &Sink<'_, N>) {
        let start = slot * (self.len + 1);
        let [first, second] = &mut self.strips;
        let first = first.get_mut(start..).unwrap_or(&mut []);
        let second = second.get_mut(start..).unwrap_or(&mut []);
        for strip in [&mut *first, &mut *second] {
            strip.get_mut(..self.len).unwrap_or(&mut []).fill(N::Word::default());
        }
        let units = self.units;
        let has_bias = self.bias != Bias::Zero || sums == Sums::Gate;
        let is_mean = self.layer.divisor(0).is_some();
        let arrived = sink.arrived(self.layer.bands().row(row));
        let terms = Terms { units: &units, sums, has_bias, is_mean };
        let mut sheet = Sheet { parts: [first, second], arrived, terms };
        let x = Inputs { q: sink.values(), ..self.x };
        self.layer.sums(&x, sums, row, self.patches, &mut sheet);
    }

    /// The smallest condition of the outputs that relevance reached.
    #[inline(never)]
    fn measure_row(&mut self, range: Range<usize>, slot: usize, sink: &Sink<'_, N>) {
        let start = slot * (self.len + 1);
        let parts = |k: usize| self.strips[k].get(start..).unwrap_or(&[]);
        for ((a, b), r) in parts(0).iter().zip(parts(1)).zip(sink.arrived(range)) {
            if let (true, Some(condition)) = (*r != N::Word::default(), N::condition([*a, *b])) {
                self.taken.condition = self.taken.condition.min(condition);
            }
        }
    }

    /// Sums become quotients, channel by channel. Apart, so that its stack is free again while layers work.
    #[inline(never)]
    fn divide_row(&mut self, range: Range<usize>, slot: usize, sink: &Sink<'_, N>) {
        let (start, nothing) = (slot * (self.len + 1), N::Word::default());
        let (relevance, is_mean) = (sink.arrived(range.clone()), self.layer.divisor(0).is_some());
        let channels = self.layer.bands().channels.max(1);
        let channel = remainder(range.start, channels);
        let (epsilon, sums) = self.epsilon();
        let epsilon = N::prepared(epsilon, self.unit(sums, range.start, channel));
        let mut exponent = N::Exponent::default();
        for first in 0..channels.min(range.len()) {
            let (mut known, mut next) = (None, first);
            while let Some(r) = relevance.get(next) {
                let (at, element) = (next, range.start + next);
                next += channels;
                if *r == nothing {
                    continue;
                }
                let constants = match &known {
                    Some(constants) if !is_mean => constants,
                    _ => &*known.insert(self.constants(&epsilon, element, channel + first)),
                };
                let sum = |k: usize| self.strips[k & 1].get(start + at).copied().unwrap_or_default();
                let (sums, mut words) = ([sum(0), sum(1)], [nothing; 2]);
                if !self.recipe.stops(sums[0] != nothing, *r) {
                    let fan_in = || self.layer.fan_in(element);
                    let output = constants.output(&self.recipe, sums, *r, (self.form, self.bias), fan_in);
                    let [one, other] = self.divided(&output, constants, first);
                    let shared = N::shared(exponent, N::shared(one.1, other.1));
                    if shared != exponent && exponent != N::Exponent::default() {
                        self.lower([exponent, shared], start, channels, [first, at]);
                    }
                    exponent = shared;
                    words = [N::lowered(one.0, one.1, exponent), N::lowered(other.0, other.1, exponent)];
                }
                for (k, word) in words.into_iter().enumerate() {
                    self.strips[k & 1].get_mut(start + at).into_iter().for_each(|to| *to = word);
                }
            }
        }
        self.strips[0].get_mut(start + self.len).into_iter().for_each(|word| *word = N::keep(exponent));
    }

    /// The quotients of an output that are handed out. What bias and stabiliser take by them is booked, and what found
    /// nothing to be divided by.
    #[inline(always)]
    fn divided(&mut self, of: &Quotients<N>, constants: &Constants<N>, lane: usize) -> [(N::Word, N::Exponent); 2] {
        let (absorbs, kinds, taken) = (self.bias != Bias::Redistribute, self.kinds(), &mut self.taken);
        let mut quotients = [Default::default(); 2];
        for (k, to) in quotients.iter_mut().enumerate().take(kinds) {
            let (word, exponent) = N::quotient(&of.fractions[k]);
            let nothing = N::Wide::default();
            if absorbs && constants.bias[k] != nothing {
                N::book(&mut taken.bias, N::taken(word, exponent, constants.bias[k]), lane);
            }
            if absorbs && of.added[k] != nothing {
                N::book(&mut taken.stabilizer, N::taken(word, exponent, of.added[k]), lane);
            }
            if !of.silent[k] {
                *to = (word, exponent);
            }
        }
        if of.dropped != N::Wide::default() {
            N::book(&mut taken.dropped, N::lost(of.dropped), lane);
        }
        quotients
    }

    /// How many quotients of an output are handed out.
    fn kinds(&self) -> usize {
        if self.recipe.uses_second() || self.bias == Bias::Redistribute { 2 } else { 1 }
    }

    /// Quotients of a row that were made before this channel and place, under a lower exponent.
    #[inline(never)]
    fn lower(&mut self, [from, to]: [N::Exponent; 2], start: usize, channels: usize, [last, end]: [usize; 2]) {
        let kinds = self.kinds();
        for strip in self.strips.iter_mut().take(kinds) {
            let row = strip.get_mut(start..start + self.len).unwrap_or(&mut []);
            for first in 0..=last {
                let mut at = first;
                while let (Some(word), true) = (row.get_mut(at), first < last || at < end) {
                    if *word != N::Word::default() {
                        *word = N::lowered(*word, from, to);
                    }
                    at += channels;
                }
            }
        }
    }

    /// What is added to the denominators, and the sums whose unit it is in.
    fn epsilon(&self) -> (f32, Sums) {
        match self.recipe.hand {
            Hand::Slope => (1.0, Sums::Gate),
            _ => (self.form.epsilon(), self.recipe.sums),
        }
    }

    /// The unit of an element's sums.
    fn unit(&self, sums: Sums, element: usize, channel: usize) -> Unit {
        match self.layer.divisor(element) {
            Some(count) => self.units.of_mean(sums, count),
            None => self.units.of(sums, channel),
        }
    }

    /// What the outputs of a channel share; of a mean, what one output has.
    fn constants(&self, prepared: &N::Prepared, element: usize, channel: usize) -> Constants<N> {
        let (recipe, units, nothing) = (&self.recipe, &self.units, N::Wide::default());
        let whole = units.bias(channel);
        let (bias, missing) = if self.bias == Bias::Zero { (0, whole) } else { (whole, 0) };
        let part = |bias| N::wide(N::part(bias));
        Constants {
            epsilon: N::over_factors(prepared, &self.unit(self.epsilon().1, element, channel)),
            bias: match recipe.sums {
                Sums::Whole => [part(bias), nothing],
                Sums::BySign(_) | Sums::ByWeight => [part(bias.max(0)), part(bias.min(0))],
                Sums::Squares => [N::squared(bias, units.input), nothing],
                Sums::Box | Sums::Count | Sums::Gate => [nothing; 2],
            },
            missing: part(missing),
            cancels: !self.x.non_negative,
        }
    }
}

/// What the outputs of a channel share.
#[derive(Clone, Copy, Default)]
struct Constants<N: Number> {
    epsilon: N::Wide,
    bias: [N::Wide; 2],
    missing: N::Wide,
    cancels: bool,
}

impl<N: Number> Constants<N> {
    #[inline(always)]
    fn output(
        &self,
        recipe: &Recipe<'_, N>,
        sums: [N::Word; 2],
        r: N::Word,
        (form, option): (Stabilizer, Bias),
        fan_in: impl Fn() -> usize,
    ) -> Quotients<N> {
        let sums = sums.map(N::wide);
        let of = Denominators { sums, bias: self.bias, missing: self.missing, cancels: self.cancels };
        let mut quotients = recipe.quotients(&of, r, (form, self.epsilon));
        if option == Bias::Redistribute {
            // The second quotients are free: they carry what bias and stabiliser take, an equal part to every input.
            let Fraction { numerator, denominator } = quotients.fractions[0];
            let (rest, inputs) = (N::plus(self.bias[0], quotients.added[0]), fan_in());
            if inputs == 0 && denominator != N::Wide::default() {
                // Nobody to give it to.
                quotients.dropped = N::plus(quotients.dropped, numerator);
            }
            quotients.fractions[1] = Fraction { numerator, denominator: N::over_share(denominator, rest, inputs) };
            // A quotient that nobody gets must not take digits from the others of its row.
            quotients.silent[1] = inputs == 0;
        }
        quotients
    }
}
