//! Where relevance went, in words.

use relprop::{Fixed, Ledger};
use ufmt::{uWrite, uwriteln};

/// The books of an explanation in integers, which close exactly.
///
/// # Errors
/// The console's.
pub fn books<W: uWrite>(out: &mut W, ledger: &Ledger<'_, Fixed>) -> Result<(), W::Error> {
    let sum = ledger.totals();
    uwriteln!(out, "ledger  {} at the output = {} on the pixels", sum.arrived, sum.left)?;
    uwriteln!(out, "        + {} to biases + {} to stabilisers + {} dropped", sum.bias, sum.stabilizer, sum.dropped)?;
    uwriteln!(out, "        + {} rounding; off by {}, {} saturated", sum.rounding, ledger.imbalance(), sum.saturated)
}
