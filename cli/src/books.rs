//! A ledger that outlives its session.

use relprop::{Entry, Explanation, Fixed, Whole};

/// Where the relevance of one explanation went, in real numbers.
#[derive(Clone, Debug)]
pub struct Books {
    /// One entry per step.
    pub entries: Vec<Entry>,
    /// Their sums.
    pub totals: Entry,
    /// What is left when all is added up.
    pub imbalance: f32,
    /// The same in integers, where relevance was of integers.
    pub exact: Option<ExactBooks>,
}

/// The books as they are on a device without floats.
#[derive(Clone, Debug)]
pub struct ExactBooks {
    /// What a unit of any figure here is worth.
    pub unit: f32,
    /// One entry per step.
    pub entries: Vec<Whole>,
    /// Their sums.
    pub totals: Whole,
    /// What is left when all is added up: zero.
    pub imbalance: i64,
}

impl Books {
    /// The books of an explanation in floats.
    pub fn of_floats(explanation: &Explanation<'_>) -> Self {
        let ledger = explanation.ledger();
        let (entries, totals) = (ledger.entries().collect(), ledger.totals());
        Self { entries, totals, imbalance: ledger.imbalance(), exact: None }
    }

    /// The books of an explanation in integers.
    pub fn of_integers(explanation: &Explanation<'_, Fixed>) -> Self {
        let ledger = explanation.ledger();
        let exact = ExactBooks {
            unit: explanation.ledger_unit(),
            entries: ledger.entries().collect(),
            totals: ledger.totals(),
            imbalance: ledger.imbalance(),
        };
        let real = |whole: &Whole| whole.real(exact.unit);
        Self {
            entries: exact.entries.iter().map(real).collect(),
            totals: real(&exact.totals),
            imbalance: (exact.imbalance as f64 * f64::from(exact.unit)) as f32,
            exact: Some(exact),
        }
    }

    /// Elements of relevance that did not fit their integers, over all steps.
    pub fn saturated(&self) -> i64 {
        self.exact.as_ref().map_or(0, |exact| exact.totals.saturated)
    }
}
