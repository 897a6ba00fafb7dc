//! Functions that are not in `core`, through `libm` on every target: the same bits everywhere.

/// `eˣ`.
pub fn exp(x: f32) -> f32 {
    libm::expf(x)
}

/// `eˣ − 1`.
pub fn exp_m1(x: f32) -> f32 {
    libm::expm1f(x)
}

/// `ln x`.
pub fn ln(x: f32) -> f32 {
    libm::logf(x)
}

/// `ln(1 + x)`.
pub fn ln_1p(x: f32) -> f32 {
    libm::log1pf(x)
}

/// `xʸ`.
pub fn pow(x: f32, y: f32) -> f32 {
    libm::powf(x, y)
}

/// `√x`.
pub fn sqrt(x: f32) -> f32 {
    libm::sqrtf(x)
}

/// `tanh x`.
pub fn tanh(x: f32) -> f32 {
    libm::tanhf(x)
}

/// The nearest whole number, ties away from zero.
pub fn round(x: f32) -> f32 {
    libm::roundf(x)
}

/// The nearest whole number, ties to the even one.
pub fn round_ties_even(x: f32) -> f32 {
    libm::rintf(x)
}

/// The error function.
pub fn erf(x: f32) -> f32 {
    libm::erff(x)
}

/// `1 / (1 + e⁻ˣ)`, without overflow on either side.
pub fn sigmoid(x: f32) -> f32 {
    if x >= 0.0 {
        1.0 / (1.0 + exp(-x))
    } else {
        let e = exp(x);
        e / (1.0 + e)
    }
}

/// [`sigmoid`] of every element.
pub fn sigmoid_all(values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x = sigmoid(*x));
}

/// [`tanh`] of every element.
pub fn tanh_all(values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x = tanh(*x));
}
