//! How the values of every tensor spread over the calibration inputs.

use super::probe::Probe;
use super::{Item, Method, QuantizeError};
use crate::network::Network;

/// Bins of a histogram: eight for each integer.
const BINS: usize = 2048;

/// The spread of one tensor's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// Smallest value; zero is always within.
    pub low: f32,
    /// Largest value.
    pub high: f32,
    /// How many values lie in each of the equal parts of the range; empty where nobody asked. Zeros are not counted,
    /// since they cost nothing wherever the range ends.
    pub bins: Vec<u64>,
}

impl Spread {
    const NOTHING: Self = Self { low: 0.0, high: 0.0, bins: Vec::new() };

    fn widen(&mut self, values: impl Iterator<Item = f32>) -> bool {
        for value in values {
            if !value.is_finite() {
                return false;
            }
            self.low = self.low.min(value);
            self.high = self.high.max(value);
        }
        true
    }

    fn count(&mut self, values: impl Iterator<Item = f32>) {
        let width = self.width();
        for value in values {
            let bin = ((f64::from(value) - f64::from(self.low)) / width) as usize;
            if let (Some(count), true) = (self.bins.get_mut(bin.min(BINS - 1)), value != 0.0) {
                *count += 1;
            }
        }
    }

    /// Width of a bin.
    fn width(&self) -> f64 {
        (f64::from(self.high) - f64::from(self.low)) / BINS as f64
    }

    /// Centres of the bins that hold values, and how many.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = (f64, u64)> {
        let (low, width) = (f64::from(self.low), self.width());
        let centre = move |(bin, &count): (usize, &u64)| (low + (bin as f64 + 0.5) * width, count);
        self.bins.iter().enumerate().filter(|(_, count)| **count > 0).map(centre)
    }
}

/// Spreads of all tensors, by tensor.
pub fn observe(network: &Network, items: &[Item], method: Method) -> Result<Vec<Spread>, QuantizeError> {
    if items.is_empty() {
        return Err(QuantizeError::NoItems);
    }
    let written: Vec<usize> = network.steps.iter().map(|step| step.output).collect();
    let probe = Probe::new(network, &written)?;
    let inputs = network.inputs.iter().map(|port| port.tensor);
    let mut spreads = vec![Spread::NOTHING; network.tensors.len()];
    probe.run(items, |item, values| {
        let finite = |tensor: usize, finite: bool| {
            let refusal = || QuantizeError::NotFinite { item, tensor: network.tensors[tensor].name.clone() };
            finite.then_some(()).ok_or_else(refusal)
        };
        for (tensor, values) in inputs.clone().zip(&items[item]) {
            finite(tensor, spreads[tensor].widen(values.iter().copied()))?;
        }
        for (&tensor, values) in written.iter().zip(values) {
            finite(tensor, spreads[tensor].widen(values.iter()))?;
        }
        Ok(())
    })?;
    if method == Method::MinMax {
        return Ok(spreads);
    }
    for spread in &mut spreads {
        spread.bins = vec![0; BINS];
    }
    probe.run(items, |item, values| {
        for (tensor, values) in inputs.clone().zip(&items[item]) {
            spreads[tensor].count(values.iter().copied());
        }
        for (&tensor, values) in written.iter().zip(values) {
            spreads[tensor].count(values.iter());
        }
        Ok(())
    })?;
    Ok(spreads)
}
