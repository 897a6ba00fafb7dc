//! Activation functions and their derivatives, from their definitions.

use relprop::step::{Function, Shape};
use relprop_convert::network::Layer;

/// An activation of one element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activation {
    function: Function,
    a: f64,
    b: f64,
}

impl Activation {
    /// What an activation layer does to element `index`.
    pub fn of(layer: &Layer, shape: Shape, index: usize) -> Self {
        let function = Function::from_code(layer.variant).expect("a function");
        let [a, b, ..] = layer.floats.map(f64::from);
        let slopes = &layer.params[0];
        let slope = slopes.get(if slopes.len() == 1 { 0 } else { index % shape.channels });
        Self { function, a: slope.map_or(a, |slope| f64::from(*slope)), b }
    }

    /// `f(x)`.
    pub fn value(self, x: f64) -> f64 {
        let Self { a, b, .. } = self;
        match self.function {
            Function::Relu => x.max(0.0),
            Function::Clip => x.max(a).min(b),
            Function::LeakyRelu | Function::PRelu => x.max(0.0) + a * x.min(0.0),
            Function::Elu => x.max(0.0) + a * (x.min(0.0).exp() - 1.0),
            Function::Selu => b * (x.max(0.0) + a * (x.min(0.0).exp() - 1.0)),
            Function::Gelu => x * self.gate(x),
            Function::Silu => x * sigmoid(x),
            Function::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Function::HardSigmoid => (a * x + b).clamp(0.0, 1.0),
            Function::Sigmoid => sigmoid(x),
            Function::Tanh => x.tanh(),
            Function::Softplus => (1.0 + x.exp()).ln(),
        }
    }

    /// `f′(x)`; at a kink, the slope of the side below.
    pub fn derivative(self, x: f64) -> f64 {
        let Self { a, b, .. } = self;
        let step = |above: bool| f64::from(u8::from(above));
        match self.function {
            Function::Relu => step(x > 0.0),
            Function::Clip => step(a < x && x < b),
            Function::LeakyRelu | Function::PRelu => step(x > 0.0) + a * step(x <= 0.0),
            Function::Elu => step(x > 0.0) + a * x.exp() * step(x <= 0.0),
            Function::Selu => b * (step(x > 0.0) + a * x.exp() * step(x <= 0.0)),
            Function::Gelu => self.gate(x) + x * self.gate_slope(x),
            Function::Silu => sigmoid(x) + x * sigmoid(x) * sigmoid(-x),
            Function::HardSwish => step(x >= 3.0) + (x / 3.0 + 0.5) * step(-3.0 < x && x < 3.0),
            Function::HardSigmoid => a * step(0.0 < a * x + b && a * x + b < 1.0),
            Function::Sigmoid => sigmoid(x) * sigmoid(-x),
            Function::Tanh => 1.0 - x.tanh() * x.tanh(),
            Function::Softplus => sigmoid(x),
        }
    }

    /// What errors of `f(x)` are relative to: some functions subtract numbers as large as one, or as their input.
    pub fn scale(self, x: f64) -> f64 {
        let whole = match self.function {
            Function::Gelu | Function::HardSwish => x.abs(),
            Function::HardSigmoid => (self.a * x).abs() + self.b.abs(),
            _ => 0.0,
        };
        whole + self.value(x).abs()
    }

    /// Φ(x), or its tanh approximation (Hendrycks & Gimpel 2016).
    fn gate(self, x: f64) -> f64 {
        let phi = if self.a == 0.0 { libm::erf(x / 2.0_f64.sqrt()) } else { cubic(x).tanh() };
        0.5 * (1.0 + phi)
    }

    fn gate_slope(self, x: f64) -> f64 {
        if self.a == 0.0 {
            return (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        }
        let slope = (2.0 / std::f64::consts::PI).sqrt() * (1.0 + 3.0 * 0.044_715 * x * x);
        0.5 * slope * (1.0 - cubic(x).tanh().powi(2))
    }
}

fn cubic(x: f64) -> f64 {
    (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))
}

/// `1 / (1 + e⁻ˣ)`.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
