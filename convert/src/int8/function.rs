//! Activation functions of real numbers, for tables.

use relprop::step::Function;

/// A function with its attributes `a` and `b`; `None` for those that no table is made of.
pub fn function(function: Function, [a, b]: [f32; 2]) -> Option<impl Fn(f32) -> f32> {
    let (a, b) = (f64::from(a), f64::from(b));
    let known = matches!(
        function,
        Function::Relu
            | Function::Clip
            | Function::LeakyRelu
            | Function::Elu
            | Function::HardSwish
            | Function::HardSigmoid
            | Function::Sigmoid
            | Function::Tanh
            | Function::Softplus
            | Function::Silu
    );
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    known.then_some(move |x: f32| {
        let x = f64::from(x);
        let y = match function {
            Function::Relu => x.max(0.0),
            Function::Clip => x.max(a).min(b),
            Function::LeakyRelu if x < 0.0 => a * x,
            Function::Elu if x < 0.0 => a * x.exp_m1(),
            Function::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
            Function::HardSigmoid => (a * x + b).clamp(0.0, 1.0),
            Function::Sigmoid => sigmoid(x),
            Function::Silu => x * sigmoid(x),
            Function::Tanh => x.tanh(),
            Function::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            _ => x,
        };
        y as f32
    })
}
