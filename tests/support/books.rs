//! Checking the entries of a ledger against the oracle.

use crate::close::{Figures, TOLERANCE};
use crate::oracle::Back;
use relprop::Entry;

/// What a step's entry should say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Relevance that arrived.
    pub arrived: &'a [f64],
    /// What the step made of it.
    pub back: &'a Back,
    /// The step keeps a sum: what is missing must be accounted for.
    pub conserves: bool,
    /// Magnitude of relevance that other steps had already left at the same operands.
    pub before: f64,
}

impl Expected<'_> {
    /// Says which figure of an entry is wrong, if any.
    ///
    /// # Errors
    /// The name of the figure, what it is and what it should be.
    pub fn check(&self, entry: &Entry) -> Result<(), String> {
        let sum = |values: &[f64]| values.iter().sum::<f64>();
        let size = |values: &[f64]| values.iter().map(|v| v.abs()).sum::<f64>();
        let arrived = sum(self.arrived);
        let left = self.back.relevance.iter().map(|r| sum(&r.value)).sum::<f64>();
        let taken = self.back.taken;
        let given = self.back.relevance.iter().map(|r: &Figures| sum(&r.scale)).sum::<f64>();
        let scale = size(self.arrived) + given + self.before + taken.scale;
        let dropped = if self.conserves { taken.dropped } else { arrived - left };
        let figures = [
            ("arrived", entry.arrived, arrived),
            ("left", entry.left, left),
            ("bias", entry.bias, taken.bias),
            ("stabilizer", entry.stabilizer, taken.stabilizer),
            ("dropped", entry.dropped, dropped),
            // What the others leave unexplained is rounding, and must be as small as rounding is.
            ("rounding", entry.rounding, 0.0),
        ];
        for (name, got, expected) in figures {
            let error = (f64::from(got) - expected).abs() / (scale + f64::from(f32::MIN_POSITIVE));
            if error.is_nan() || error > TOLERANCE {
                return Err(format!(
                    "{name} is {got} and should be {expected}, on a scale of {scale}: off by {error:e}"
                ));
            }
        }
        let closes = arrived - left - taken.bias - taken.stabilizer - dropped;
        if closes.abs() > 1e-9 * scale {
            return Err(format!("the oracle's own books are off by {closes}"));
        }
        Ok(())
    }
}
