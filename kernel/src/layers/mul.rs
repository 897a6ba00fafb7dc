//! Product of a signal and a gate.

use crate::rule::Rule;

/// `y = signal · gate`; the gate is as long as the signal, or one pixel that stands for every pixel.
pub fn forward(signal: &[f32], gate: &[f32], y: &mut [f32]) {
    for (y, signal) in y.chunks_mut(gate.len().max(1)).zip(signal.chunks(gate.len().max(1))) {
        for ((y, s), g) in y.iter_mut().zip(signal).zip(gate) {
            *y = s * g;
        }
    }
}

/// Signal takes all (Arras et al. 2017): the gate is a weight and receives nothing. `Flat` halves relevance between
/// the two, the gradient is the product rule.
pub fn backward(rule: &Rule<'_>, x: [&[f32]; 2], relevance: &[f32], sinks: [&mut [f32]; 2]) {
    let [signal, gate] = x;
    let [to_signal, to_gate] = sinks;
    let pixel = gate.len().max(1);
    let pixels = relevance.chunks(pixel).zip(signal.chunks(pixel)).zip(to_signal.chunks_mut(pixel));
    for ((relevance, signal), to_signal) in pixels {
        let elements = relevance.iter().zip(signal).zip(gate).zip(to_signal).zip(&mut *to_gate);
        for ((((r, s), g), to_signal), to_gate) in elements {
            let (a, b) = match rule {
                Rule::Gradient => (r * g, r * s),
                Rule::Flat => (0.5 * r, 0.5 * r),
                _ => (*r, 0.0),
            };
            *to_signal += a;
            *to_gate += b;
        }
    }
}
