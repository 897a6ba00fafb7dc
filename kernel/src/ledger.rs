//! Where relevance went, step by step.

use crate::relevance::Relevance;

/// The books of one step: `arrived = left + bias + stabilizer + dropped + rounding`.
///
/// Sums are compensated, so that `rounding` is the rounding of the relevances themselves and not of adding them up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Entry {
    /// Relevance that arrived at the step's output.
    pub arrived: f32,
    /// Relevance that left to its inputs.
    pub left: f32,
    /// Absorbed by the bias.
    pub bias: f32,
    /// Absorbed by the stabiliser.
    pub stabilizer: f32,
    /// Dropped: what fell on padding, or met no contribution at all. Under the gradient family, which keeps no sum,
    /// whatever the step changed.
    pub dropped: f32,
    /// The rest: what float arithmetic lost or gained.
    pub rounding: f32,
    /// Largest relevance that arrived, as a magnitude.
    pub peak: f32,
    /// Smallest `|z| / Σ|x·w|` over the outputs, where it was asked for and the rule divides by `z`; else NaN.
    /// Near zero the explanation is ill-conditioned here.
    pub condition: f32,
}

impl Entry {
    /// Floats that an entry takes in the arena.
    pub(crate) const WORDS: usize = 8;

    pub(crate) const fn to_words(self) -> [f32; Self::WORDS] {
        let Self { arrived, left, bias, stabilizer, dropped, rounding, peak, condition } = self;
        [arrived, left, bias, stabilizer, dropped, rounding, peak, condition]
    }

    pub(crate) const fn from_words(words: [f32; Self::WORDS]) -> Self {
        let [arrived, left, bias, stabilizer, dropped, rounding, peak, condition] = words;
        Self { arrived, left, bias, stabilizer, dropped, rounding, peak, condition }
    }
}

/// The books of one step in integers, in units of the relevance at the output, which close exactly:
/// `arrived = left + bias + stabilizer + dropped + rounding`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Whole {
    /// Relevance that arrived at the step's output.
    pub arrived: i64,
    /// Relevance that left to its inputs.
    pub left: i64,
    /// Absorbed by the bias.
    pub bias: i64,
    /// Absorbed by the stabiliser.
    pub stabilizer: i64,
    /// Dropped, see [`Entry::dropped`].
    pub dropped: i64,
    /// The rest: shares are rounded to whole numbers, at most half a unit for each (of a dense layer, for each and
    /// every 32 outputs; where the exponent of a tensor rises, its units are larger, and smaller where it falls).
    /// Because the quotients of a row share an exponent, an output that divides by far more than another of its row
    /// keeps few digits of its quotient, and adds what that loses.
    pub rounding: i64,
    /// Largest relevance that arrived, as a magnitude.
    pub peak: i64,
    /// Elements of the inputs' relevance that did not fit 32 bits: zero, or the explanation is wrong there. Of more than
    /// 255 it says 255.
    pub saturated: i64,
}

impl Whole {
    /// Words that an entry takes in the arena.
    pub(crate) const WORDS: usize = 12;
    /// Bits of the last figure that count elements which did not fit.
    const SATURATED_BITS: u32 = 8;

    /// The entry in real numbers, one unit of the books being so many. Integers are not asked how well they are
    /// conditioned.
    pub fn real(&self, unit: f32) -> Entry {
        let figure = |units: i64| (units as f64 * f64::from(unit)) as f32;
        Entry {
            arrived: figure(self.arrived),
            left: figure(self.left),
            bias: figure(self.bias),
            stabilizer: figure(self.stabilizer),
            dropped: figure(self.dropped),
            rounding: figure(self.rounding),
            peak: figure(self.peak),
            condition: f32::NAN,
        }
    }

    /// What is kept of it: rounding is what closes the books, and follows.
    pub(crate) const fn to_figures(self) -> [i64; Self::WORDS / 2] {
        let Self { arrived, left, bias, stabilizer, dropped, peak, saturated, .. } = self;
        let most = (1 << Self::SATURATED_BITS) - 1;
        let counted = if saturated < most { saturated } else { most };
        [arrived, left, bias, stabilizer, dropped, (peak << Self::SATURATED_BITS) | counted]
    }

    pub(crate) const fn from_figures(figures: [i64; Self::WORDS / 2]) -> Self {
        let [arrived, left, bias, stabilizer, dropped, last] = figures;
        let rest = arrived.saturating_sub(left).saturating_sub(bias);
        let rounding = rest.saturating_sub(stabilizer).saturating_sub(dropped);
        let (peak, saturated) = (last >> Self::SATURATED_BITS, last & ((1 << Self::SATURATED_BITS) - 1));
        Self { arrived, left, bias, stabilizer, dropped, rounding, peak, saturated }
    }
}

/// The books of an explanation.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a, R: Relevance = f32> {
    pub(crate) words: &'a [u32],
    pub(crate) seeded: R::Figure,
    pub(crate) received: R::Figure,
}

impl<'a, R: Relevance> Ledger<'a, R> {
    /// One entry per step, in the model's order. Steps that no relevance reached have only zeros, and no
    /// condition.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = R::Entry> + use<'a, R> {
        self.words.chunks_exact(R::ENTRY_WORDS).map(R::from_words)
    }

    /// Relevance at the output.
    pub fn seeded(&self) -> R::Figure {
        self.seeded
    }

    /// Relevance at the inputs.
    pub fn received(&self) -> R::Figure {
        self.received
    }

    /// Each column's sum over the steps.
    pub fn totals(&self) -> R::Entry {
        R::totals(self.entries(), self.seeded, self.received)
    }

    /// What is left when the books are balanced over the whole network: in floats zero up to the rounding of the
    /// entries, in integers zero.
    pub fn imbalance(&self) -> R::Figure {
        R::imbalance(self.totals())
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Ledger, Whole};

    const WHOLE: Whole = Whole {
        arrived: 1000,
        left: 600,
        bias: -50,
        stabilizer: 30,
        dropped: 400,
        rounding: 20,
        peak: 700,
        saturated: 3,
    };

    #[test]
    fn a_whole_entry_is_what_is_kept_of_it() {
        assert_eq!(Whole::from_figures(WHOLE.to_figures()), WHOLE);
        for (saturated, said) in [(0, 0), (254, 254), (255, 255), (256, 255), (i64::MAX, 255)] {
            let kept = Whole::from_figures(Whole { saturated, ..WHOLE }.to_figures());
            assert_eq!(kept, Whole { saturated: said, ..WHOLE });
        }
    }

    #[test]
    fn a_whole_entry_is_real_in_its_unit() {
        let real = WHOLE.real(0.5);
        let wanted = Entry {
            arrived: 500.0,
            left: 300.0,
            bias: -25.0,
            stabilizer: 15.0,
            dropped: 200.0,
            rounding: 10.0,
            peak: 350.0,
            condition: 0.0,
        };
        assert!(real.condition.is_nan());
        assert_eq!(Entry { condition: 0.0, ..real }, wanted);
        assert_eq!(Entry::from_words(wanted.to_words()), wanted);
    }

    #[test]
    fn totals_are_sums_over_the_steps() {
        let first = Entry { arrived: 8.0, left: 5.0, bias: 2.0, stabilizer: 0.5, dropped: 0.25, ..Entry::default() };
        let second = Entry { arrived: 5.0, left: 4.0, bias: 0.5, rounding: 0.5, peak: 3.0, ..Entry::default() };
        let words = [first, second].map(|entry| entry.to_words().map(f32::to_bits));
        let ledger = Ledger::<f32> { words: words.as_flattened(), seeded: 8.0, received: 4.0 };
        assert_eq!(ledger.entries().len(), 2);
        assert!(ledger.entries().eq([first, second]));
        assert_eq!((ledger.seeded(), ledger.received()), (8.0, 4.0));
        let totals = ledger.totals();
        let columns = [totals.bias, totals.stabilizer, totals.dropped, totals.rounding];
        assert_eq!(columns, [2.5, 0.5, 0.25, 0.5]);
        assert_eq!((totals.arrived, totals.left), (8.0, 4.0));
        assert_eq!(ledger.imbalance(), 0.25);
    }
}
