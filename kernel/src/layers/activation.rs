//! Elementwise nonlinearities.

use crate::lanes;
use crate::math;
use crate::model::Model;
use crate::rule::Rule;
use crate::step::{Function, Step};

/// √(2/π), of the tanh form of GELU.
const GELU_TANH: f32 = 0.797_884_6;
/// The cubic term of the tanh form of GELU (Hendrycks & Gimpel 2016).
const GELU_CUBIC: f32 = 0.044_715;
/// 1/√2.
const HALF_ROOT: f32 = core::f32::consts::FRAC_1_SQRT_2;
/// 1/√(2π).
const NORMAL: f32 = 0.398_942_3;

/// An activation layer.
pub struct Activation<'a> {
    function: Function,
    a: f32,
    b: f32,
    slopes: &'a [f32],
}

impl<'a> Activation<'a> {
    /// The layer that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let [a, b, ..] = step.floats;
        let function = step.function().unwrap_or(Function::Relu);
        Self { function, a, b, slopes: model.floats(step.params[0]) }
    }

    /// `values = f(values)`.
    pub fn forward(&self, values: &mut [f32]) {
        // The common ones are loops of their own, so that they vectorise.
        match self.function {
            Function::Relu => values.iter_mut().for_each(|v| *v = lanes::positive(*v)),
            Function::Clip => values.iter_mut().for_each(|v| *v = clamp(*v, self.a, self.b)),
            _ => {
                for (i, v) in values.iter_mut().enumerate() {
                    *v = self.value(*v, i);
                }
            }
        }
    }

    /// `relevance` is multiplied by what the rule says of each `x`, in place; `first` is the index of the first `x`.
    pub fn backward(&self, rule: &Rule<'_>, x: &[f32], first: usize, relevance: &mut [f32]) {
        for (i, (r, x)) in relevance.iter_mut().zip(x).enumerate() {
            *r *= match *rule {
                Rule::Gradient => self.derivative(*x, first + i),
                Rule::GuidedBackprop => open(*x > 0.0 && *r > 0.0),
                Rule::Deconvnet => open(*r > 0.0),
                Rule::BetaSmooth(beta) => math::sigmoid(beta * x),
                _ => 1.0,
            };
        }
    }

    /// The slope below zero of element `index`.
    fn slope(&self, index: usize) -> f32 {
        match self.function {
            Function::PRelu => self.slopes.get(index % self.slopes.len().max(1)).copied().unwrap_or(0.0),
            _ => self.a,
        }
    }

    fn value(&self, x: f32, index: usize) -> f32 {
        match self.function {
            Function::Relu => lanes::positive(x),
            Function::Clip => clamp(x, self.a, self.b),
            Function::LeakyRelu | Function::PRelu => x * if x > 0.0 { 1.0 } else { self.slope(index) },
            Function::Elu if x > 0.0 => x,
            Function::Elu => self.a * math::exp_m1(x),
            Function::Selu if x > 0.0 => self.b * x,
            Function::Selu => self.b * self.a * math::exp_m1(x),
            Function::Gelu => x * self.gelu_gate(x),
            Function::Silu => x * math::sigmoid(x),
            Function::HardSwish => x * clamp(x / 6.0 + 0.5, 0.0, 1.0),
            Function::HardSigmoid => clamp(self.a * x + self.b, 0.0, 1.0),
            Function::Sigmoid => math::sigmoid(x),
            Function::Tanh => math::tanh(x),
            Function::Softplus => lanes::positive(x) + math::ln_1p(math::exp(-lanes::absolute(x))),
        }
    }

    /// `f′(x)`; at a kink, the slope of the side below.
    fn derivative(&self, x: f32, index: usize) -> f32 {
        match self.function {
            Function::Relu => open(x > 0.0),
            Function::Clip => open(x > self.a && x < self.b),
            Function::LeakyRelu | Function::PRelu | Function::Elu if x > 0.0 => 1.0,
            Function::LeakyRelu | Function::PRelu => self.slope(index),
            Function::Elu => self.a * math::exp(x),
            Function::Selu if x > 0.0 => self.b,
            Function::Selu => self.b * self.a * math::exp(x),
            Function::Gelu => self.gelu_gate(x) + x * self.gelu_slope(x),
            Function::Silu => {
                let s = math::sigmoid(x);
                s + x * s * (1.0 - s)
            }
            Function::HardSwish if x <= -3.0 => 0.0,
            Function::HardSwish if x >= 3.0 => 1.0,
            Function::HardSwish => x / 3.0 + 0.5,
            Function::HardSigmoid => {
                let z = self.a * x + self.b;
                if z > 0.0 && z < 1.0 { self.a } else { 0.0 }
            }
            Function::Sigmoid => {
                let s = math::sigmoid(x);
                s * (1.0 - s)
            }
            Function::Tanh => {
                let t = math::tanh(x);
                1.0 - t * t
            }
            Function::Softplus => math::sigmoid(x),
        }
    }

    /// Φ(x), or its tanh approximation.
    fn gelu_gate(&self, x: f32) -> f32 {
        let phi =
            if self.a == 0.0 { math::erf(x * HALF_ROOT) } else { math::tanh(GELU_TANH * (x + GELU_CUBIC * x * x * x)) };
        0.5 * (1.0 + phi)
    }

    /// The derivative of [`gelu_gate`](Self::gelu_gate).
    fn gelu_slope(&self, x: f32) -> f32 {
        if self.a == 0.0 {
            return NORMAL * math::exp(-0.5 * x * x);
        }
        let t = math::tanh(GELU_TANH * (x + GELU_CUBIC * x * x * x));
        0.5 * (1.0 - t * t) * GELU_TANH * (1.0 + 3.0 * GELU_CUBIC * x * x)
    }
}

/// `min(max(x, low), high)`, without a case that panics.
#[inline(always)]
pub fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let raised = if x > low { x } else { low };
    if raised < high { raised } else { high }
}

fn open(gate: bool) -> f32 {
    if gate { 1.0 } else { 0.0 }
}
