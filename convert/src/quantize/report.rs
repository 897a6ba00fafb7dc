//! What quantising cost, tensor by tensor.

use super::lower::Lowered;
use super::probe::Probe;
use super::{Item, QuantizeError, unit};
use crate::network::{Network, Quantization};
use relprop::step::Op;

/// A tensor of the quantised network beside the same tensor of the float network.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerReport {
    /// Name of the tensor: of the activation, where the step before it has taken that over.
    pub name: String,
    /// The op that writes it; `None` for an input.
    pub op: Option<Op>,
    /// What its integers stand for; `None` where it stayed one of floats.
    pub unit: Option<Quantization>,
    /// The values that the smallest and the largest integer stand for.
    pub range: [f64; 2],
    /// Share of the float values that lie outside, and so saturate.
    pub saturated: f64,
    /// Signal-to-quantisation-noise ratio in dB: mean squared value over mean squared error, everything included that
    /// earlier steps added. Infinite where nothing differs.
    pub sqnr: f64,
}

/// What is said of a tensor that should be nothing and is not.
const LOWEST: f64 = -99.0;
/// How many items' values are held at a time.
const TOGETHER: usize = 16;

/// Runs both networks and compares them.
pub fn report(network: &Network, lowered: &Lowered, items: &[Item]) -> Result<Vec<LayerReport>, QuantizeError> {
    let origins = &lowered.origins;
    let units: Vec<Option<Quantization>> =
        origins.iter().map(|origin| lowered.network.tensors[origin.lowered].quantization).collect();
    let (inputs, steps): (Vec<_>, Vec<_>) = origins.iter().enumerate().partition(|(_, origin)| origin.step.is_none());
    let mut sums = vec![Sums::default(); origins.len()];
    for item in items {
        for (&(at, _), values) in inputs.iter().zip(item) {
            let there = |value: &f32| units[at].map_or(*value, |unit| back_and_forth(unit, *value));
            sums[at].add(values.iter().map(|value| (*value, there(value))), units[at]);
        }
    }
    let float: Vec<usize> = steps.iter().map(|(_, origin)| origin.float).collect();
    let written: Vec<usize> = steps.iter().map(|(_, origin)| origin.lowered).collect();
    let (float, integers) = (Probe::new(network, &float)?, Probe::new(&lowered.network, &written)?);
    for items in items.chunks(TOGETHER) {
        let mut expected: Vec<Vec<f32>> = Vec::new();
        float.run(items, |_, values| {
            expected.extend(values.iter().map(|values| values.iter().collect()));
            Ok(())
        })?;
        integers.run(items, |item, values| {
            let expected = expected.iter().skip(item * steps.len());
            for ((&(at, _), expected), got) in steps.iter().zip(expected).zip(values) {
                sums[at].add(expected.iter().copied().zip(got.iter()), units[at]);
            }
            Ok(())
        })?;
    }
    Ok(origins
        .iter()
        .zip(units)
        .zip(sums)
        .map(|((origin, unit), sums)| {
            let op = origin.step.map(|step| network.steps[step].op);
            sums.report(network.tensors[origin.float].name.clone(), op, unit)
        })
        .collect())
}

/// A value as the integers have it.
fn back_and_forth(unit: Quantization, value: f32) -> f32 {
    let q = unit::quantized(unit, value.into());
    (f32::from(q) - f32::from(unit.zero_point)) * unit.scale
}

/// Sums over the values of a tensor.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: u64,
    outside: u64,
    signal: f64,
    noise: f64,
}

impl Sums {
    /// Adds pairs of a float value and what the integers make of it.
    fn add(&mut self, pairs: impl Iterator<Item = (f32, f32)>, unit: Option<Quantization>) {
        let half = unit.map_or(0.0, |unit| f64::from(unit.scale) / 2.0);
        let [low, high] = unit.map_or([f64::NEG_INFINITY, f64::INFINITY], unit::ends);
        for (expected, got) in pairs {
            let (expected, got) = (f64::from(expected), f64::from(got));
            self.count += 1;
            self.outside += u64::from(expected < low - half || expected > high + half);
            self.signal += expected * expected;
            self.noise += (expected - got) * (expected - got);
        }
    }

    fn report(self, name: String, op: Option<Op>, unit: Option<Quantization>) -> LayerReport {
        LayerReport {
            name,
            op,
            unit,
            range: unit.map_or([f64::NEG_INFINITY, f64::INFINITY], unit::ends),
            saturated: self.outside as f64 / self.count.max(1) as f64,
            sqnr: if self.noise > 0.0 {
                (10.0 * (self.signal / self.noise).log10()).max(LOWEST)
            } else {
                f64::INFINITY
            },
        }
    }
}
