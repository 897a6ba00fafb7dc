//! Softmax and log-softmax over channels.

use crate::lanes;
use crate::math;
use crate::rule::Rule;

/// `y = softmax x` per pixel, or its logarithm.
pub fn forward(log: bool, channels: usize, x: &[f32], y: &mut [f32]) {
    let channels = channels.max(1);
    for (pixel, y) in y.chunks_exact_mut(channels).enumerate() {
        let x = lanes::piece(x, pixel, channels);
        let top = x.iter().fold(f32::NEG_INFINITY, |top, v| if *v > top { *v } else { top });
        let mut sum = 0.0;
        for (y, x) in y.iter_mut().zip(x) {
            *y = if log { x - top } else { math::exp(x - top) };
            sum += if log { math::exp(*y) } else { *y };
        }
        let scale = math::ln(sum);
        for y in y {
            *y = if log { *y - scale } else { *y / sum };
        }
    }
}

/// For a softmax inside a graph: `Pass`, or the derivative.
pub fn backward(rule: &Rule<'_>, log: bool, channels: usize, x: &[f32], relevance: &[f32], sink: &mut [f32]) {
    let channels = channels.max(1);
    for (pixel, sink) in sink.chunks_exact_mut(channels).enumerate() {
        let (x, relevance) = (lanes::piece(x, pixel, channels), lanes::piece(relevance, pixel, channels));
        if *rule != Rule::Gradient {
            for (sink, r) in sink.iter_mut().zip(relevance) {
                *sink += r;
            }
            continue;
        }
        let top = x.iter().fold(f32::NEG_INFINITY, |top, v| if *v > top { *v } else { top });
        let sum: f32 = x.iter().map(|x| math::exp(x - top)).sum();
        let p = |x: f32| math::exp(x - top) / sum;
        // ∂y_i/∂x_j = p_i(δ_ij − p_j) for softmax, δ_ij − p_j for its logarithm.
        let weighted = |(x, r): (&f32, &f32)| if log { *r } else { p(*x) * r };
        let total: f32 = x.iter().zip(relevance).map(weighted).sum();
        for ((sink, x), r) in sink.iter_mut().zip(x).zip(relevance) {
            *sink += weighted((x, r)) - p(*x) * total;
        }
    }
}
