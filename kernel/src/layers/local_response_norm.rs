//! Local response normalisation over channels (Krizhevsky et al. 2012).

use crate::lanes;
use crate::math;
use crate::model::Model;
use crate::rule::{Rule, Stabilizer};
use crate::step::Step;

/// `y_k = x_k · (bias + alpha·Σ x_j²)^−beta`, the sum running over `size` channels around `k`.
pub struct LocalResponseNorm {
    size: usize,
    alpha: f32,
    beta: f32,
    bias: f32,
    channels: usize,
}

impl LocalResponseNorm {
    /// The layer that a step describes.
    pub fn new(model: &Model<'_>, step: &Step) -> Self {
        let [alpha, beta, bias, _] = step.floats;
        let channels = model.tensor(step.output).shape.channels;
        Self { size: step.ints[0] as usize, alpha, beta, bias, channels }
    }

    /// Channels around `k`.
    fn neighbours(&self, k: usize) -> core::ops::Range<usize> {
        let before = (self.size - 1) / 2;
        k.saturating_sub(before)..(k + self.size - before).min(self.channels)
    }

    /// `bias + alpha·Σ x²` around channel `k` of a pixel.
    fn base(&self, x: &[f32], k: usize) -> f32 {
        let neighbours = x.get(self.neighbours(k)).unwrap_or(&[]);
        self.bias + self.alpha * neighbours.iter().map(|x| x * x).sum::<f32>()
    }

    /// The way forward.
    pub fn forward(&self, x: &[f32], y: &mut [f32]) {
        let channels = self.channels.max(1);
        for (pixel, y) in y.chunks_exact_mut(channels).enumerate() {
            let x = lanes::piece(x, pixel, channels);
            for (k, (x_k, y)) in x.iter().zip(y).enumerate() {
                *y = x_k * math::pow(self.base(x, k), -self.beta);
            }
        }
    }

    /// The way back: `Pass`, the gradient, or the Taylor rule. What the latter's stabiliser takes is left over.
    pub fn backward(&self, rule: &Rule<'_>, st: Stabilizer, x: &[f32], relevance: &[f32], sink: &mut [f32]) {
        let channels = self.channels.max(1);
        for (pixel, sink) in sink.chunks_exact_mut(channels).enumerate() {
            let (x, relevance) = (lanes::piece(x, pixel, channels), lanes::piece(relevance, pixel, channels));
            for (k, r) in relevance.iter().enumerate() {
                if *r == 0.0 {
                    continue;
                }
                match rule {
                    Rule::Gradient => self.derivative(x, k, *r, sink),
                    Rule::Taylor => self.taylor(x, k, *r, st, sink),
                    _ => {
                        if let Some(sink) = sink.get_mut(k) {
                            *sink += r;
                        }
                    }
                }
            }
        }
    }

    /// `∂y_k/∂x_j·r`, added to every neighbour.
    fn derivative(&self, x: &[f32], k: usize, r: f32, sink: &mut [f32]) {
        let base = self.base(x, k);
        let x_k = x.get(k).copied().unwrap_or(0.0);
        let own = math::pow(base, -self.beta);
        let cross = -2.0 * self.alpha * self.beta * x_k * own / base;
        for j in self.neighbours(k) {
            if let (Some(sink), Some(x_j)) = (sink.get_mut(j), x.get(j)) {
                *sink += r * (cross * x_j + if j == k { own } else { 0.0 });
            }
        }
    }

    /// First-order Taylor rule (Binder et al. 2016, "Layer-wise relevance propagation for neural networks with local
    /// renormalization layers"): `y_k` is expanded at `x` towards the point where all but `x_k` are zero, which gives
    /// the contributions `x_k·(bias + alpha·x_k²)^−beta` of `k` itself and `−2·alpha·beta·x_k·x_j²·base^(−beta−1)` of
    /// its neighbours; relevance is shared in proportion to them.
    fn taylor(&self, x: &[f32], k: usize, r: f32, st: Stabilizer, sink: &mut [f32]) {
        let base = self.base(x, k);
        let x_k = x.get(k).copied().unwrap_or(0.0);
        let own = x_k * math::pow(self.bias + self.alpha * x_k * x_k, -self.beta);
        let cross = -2.0 * self.alpha * self.beta * x_k * math::pow(base, -self.beta - 1.0);
        let share = |j: usize| match x.get(j) {
            Some(_) if j == k => own,
            Some(x_j) => cross * x_j * x_j,
            None => 0.0,
        };
        let s = r / st.stabilized(self.neighbours(k).map(share).sum());
        for j in self.neighbours(k) {
            if let Some(sink) = sink.get_mut(j) {
                *sink += share(j) * s;
            }
        }
    }
}
