//! Where relevance went, step by step.

/// The books of one step: `arrived = left + bias + stabilizer + dropped + rounding`.
///
/// Sums are compensated, so that `rounding` is the rounding of the relevances themselves and not of adding them up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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

    const fn from_words(words: [f32; Self::WORDS]) -> Self {
        let [arrived, left, bias, stabilizer, dropped, rounding, peak, condition] = words;
        Self { arrived, left, bias, stabilizer, dropped, rounding, peak, condition }
    }
}

/// The books of one step in integers, in units of the relevance at the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {}

impl Whole {
    /// Words that an entry takes in the arena.
    pub(crate) const WORDS: usize = 16;
}

/// The books of an explanation.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    pub(crate) entries: &'a [[f32; Entry::WORDS]],
    pub(crate) seeded: f32,
    pub(crate) received: f32,
}

impl<'a> Ledger<'a> {
    /// One entry per step, in the model's order. Steps that no relevance reached have only zeros, and no
    /// condition.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry> + use<'a> {
        self.entries.iter().map(|words| Entry::from_words(*words))
    }

    /// Relevance at the output.
    pub fn seeded(&self) -> f32 {
        self.seeded
    }

    /// Relevance at the inputs.
    pub fn received(&self) -> f32 {
        self.received
    }

    /// Each column's sum over the steps.
    pub fn totals(&self) -> Entry {
        let mut sums = [crate::lanes::Exact::default(); 4];
        let mut peak = 0.0f32;
        let mut condition = f32::NAN;
        for e in self.entries() {
            for (sum, value) in sums.iter_mut().zip([e.bias, e.stabilizer, e.dropped, e.rounding]) {
                *sum = sum.plus(value);
            }
            peak = peak.max(e.peak);
            condition = condition.min(e.condition);
        }
        let [bias, stabilizer, dropped, rounding] = sums.map(crate::lanes::Exact::value);
        Entry { arrived: self.seeded, left: self.received, bias, stabilizer, dropped, rounding, peak, condition }
    }

    /// What is left when the books are balanced over the whole network: zero up to the rounding of the entries.
    pub fn imbalance(&self) -> f32 {
        let t = self.totals();
        crate::lanes::Exact::default()
            .plus(t.arrived)
            .plus(-t.left)
            .plus(-t.bias)
            .plus(-t.stabilizer)
            .plus(-t.dropped)
            .plus(-t.rounding)
            .value()
    }
}
