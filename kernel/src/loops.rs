//! Methods that take several passes. None allocates: results go to buffers of the caller's.

use crate::composite::{Composite, Preset};
use crate::error::ExplainError;
use crate::lanes::positive;
use crate::math;
use crate::session::Session;
use crate::step::{quotient, remainder};
use crate::target::Target;
use crate::values::Values;

/// Runs `input` and adds `scale · gradient` to `sum`.
fn add_gradient(
    session: &mut Session<'_, '_>,
    target: &Target<'_>,
    input: &[f32],
    scale: f32,
    sum: &mut [f32],
) -> Result<(), ExplainError> {
    session.run(input)?;
    let explanation = session.explain(target, &Composite::new(Preset::Gradient))?;
    for (sum, g) in sum.iter_mut().zip(explanation.relevance()) {
        *sum += scale * g;
    }
    Ok(())
}

fn fits(input: &[f32], buffers: &[&[f32]]) -> Result<(), ExplainError> {
    let expected = input.len();
    if buffers.iter().all(|b| b.len() == expected) { Ok(()) } else { Err(ExplainError::BufferLength { expected }) }
}

/// Gradient × input (Shrikumar et al. 2016). The target's seed multiplies the gradient: [`Target::one_hot`] gives the
/// plain one.
///
/// # Errors
/// As [`Session::run`] and [`Session::explain`]; `out` is not as long as `input`.
pub fn gradient_x_input(
    session: &mut Session<'_, '_>,
    target: &Target<'_>,
    input: &[f32],
    out: &mut [f32],
) -> Result<(), ExplainError> {
    fits(input, &[out])?;
    out.fill(0.0);
    add_gradient(session, target, input, 1.0, out)?;
    for (o, x) in out.iter_mut().zip(input) {
        *o *= x;
    }
    Ok(())
}

/// Integrated gradients (Sundararajan et al. 2017): `(x − x₀)/n · Σ_{k=1..n} ∇f(x₀ + k/n·(x − x₀))`.
///
/// `work` is as long as `input` and holds the points on the path.
///
/// # Errors
/// As [`Session::run`] and [`Session::explain`]; a buffer has the wrong length.
pub fn integrated_gradients(
    session: &mut Session<'_, '_>,
    target: &Target<'_>,
    input: &[f32],
    baseline: &[f32],
    steps: usize,
    work: &mut [f32],
    out: &mut [f32],
) -> Result<(), ExplainError> {
    fits(input, &[baseline, work, out])?;
    let steps = steps.max(1);
    out.fill(0.0);
    for k in 1..=steps {
        let t = k as f32 / steps as f32;
        for ((w, x), b) in work.iter_mut().zip(input).zip(baseline) {
            *w = b + t * (x - b);
        }
        add_gradient(session, target, work, 1.0 / steps as f32, out)?;
    }
    for ((o, x), b) in out.iter_mut().zip(input).zip(baseline) {
        *o *= x - b;
    }
    Ok(())
}

/// `SmoothGrad` (Smilkov et al. 2017): the mean gradient at `n` noisy copies of the input, the last without noise.
///
/// The noise is normal with standard deviation `noise`, from a generator that `seed` starts: the same everywhere.
///
/// # Errors
/// As [`Session::run`] and [`Session::explain`]; a buffer has the wrong length.
pub fn smoothgrad(
    session: &mut Session<'_, '_>,
    target: &Target<'_>,
    input: &[f32],
    (n, noise, seed): (usize, f32, u64),
    work: &mut [f32],
    out: &mut [f32],
) -> Result<(), ExplainError> {
    fits(input, &[work, out])?;
    let n = n.max(1);
    let mut random = Random(seed);
    out.fill(0.0);
    for k in 1..=n {
        for (w, x) in work.iter_mut().zip(input) {
            *w = if k < n { x + noise * random.normal() } else { *x };
        }
        add_gradient(session, target, work, 1.0 / n as f32, out)?;
    }
    Ok(())
}

/// Occlusion (Zeiler & Fergus 2014): how much `class` of the first output loses when a square of the input is set to
/// `value`; every element gets the mean loss of the squares that covered it. Squares of `window` pixels move by
/// `stride`; all channels of a pixel are covered together.
///
/// # Errors
/// As [`Session::run`]; a buffer has the wrong length; there is no such class.
pub fn occlusion(
    session: &mut Session<'_, '_>,
    class: usize,
    input: &[f32],
    (window, stride, value): (usize, usize, f32),
    work: &mut [f32],
    out: &mut [f32],
) -> Result<(), ExplainError> {
    fits(input, &[work, out])?;
    let model = *session.model();
    let shape = model.tensor(model.input(0).tensor).shape;
    let (window, stride) = (window.max(1), stride.max(1));
    let score =
        |scores: Values<'_>| scores.get(class).ok_or(ExplainError::NoSuchClass { class, classes: scores.len() });
    let whole = score(session.run(input)?)?;
    let place = |i: usize| (quotient(i, shape.row()), quotient(remainder(i, shape.row()), shape.channels));
    let inside = |i: usize, top: usize, left: usize| {
        let (y, x) = place(i);
        (top..top + window).contains(&y) && (left..left + window).contains(&x)
    };
    let starts = |len: usize| (0..=len.saturating_sub(window)).step_by(stride);
    out.fill(0.0);
    for top in starts(shape.height) {
        for left in starts(shape.width) {
            for (i, (w, x)) in work.iter_mut().zip(input).enumerate() {
                *w = if inside(i, top, left) { value } else { *x };
            }
            let loss = whole - score(session.run(work)?)?;
            for (i, o) in out.iter_mut().enumerate() {
                *o += if inside(i, top, left) { loss } else { 0.0 };
            }
        }
    }
    for (i, o) in out.iter_mut().enumerate() {
        let covers = |at: usize, len: usize| starts(len).filter(|s| (*s..s + window).contains(&at)).count();
        let (y, x) = place(i);
        *o /= (covers(y, shape.height) * covers(x, shape.width)).max(1) as f32;
    }
    // Leave the session as if the input itself had been run last.
    session.run(input)?;
    Ok(())
}

/// Grad-CAM (Selvaraju et al. 2017) at the output of a step, for a session in [`Mode::Retain`](crate::Mode::Retain):
/// `ReLU(Σ_c mean(∇_c)·A_c)`, one value per pixel of that step's output.
///
/// # Errors
/// As [`Session::explain`]; the mode does not keep activations, or an activation overwrites this one in place (look at
/// the activation then); there is no such step; `out` has the wrong length.
pub fn grad_cam(
    session: &mut Session<'_, '_>,
    target: &Target<'_>,
    step: usize,
    out: &mut [f32],
) -> Result<(), ExplainError> {
    let model = *session.model();
    if step >= model.steps() {
        return Err(ExplainError::NoSuchStep);
    }
    let tensor = model.step(step).output;
    if session.mode() != crate::Mode::Retain {
        return Err(ExplainError::Mode);
    }
    let shape = model.tensor(tensor).shape;
    let expected = shape.height * shape.width;
    if out.len() != expected {
        return Err(ExplainError::BufferLength { expected });
    }
    if model.is_overwritten(tensor) {
        return Err(ExplainError::Mode);
    }
    out.fill(0.0);
    session.explain_with(target, &Composite::new(Preset::Gradient), |seen| {
        let (true, Some(value)) = (seen.tensor == tensor, seen.value) else { return };
        let channels = shape.channels.max(1);
        for channel in 0..channels {
            let gradients = seen.relevance.iter().skip(channel).step_by(channels);
            let weight = gradients.sum::<f32>() / expected as f32;
            for (o, a) in out.iter_mut().zip(value.iter().skip(channel).step_by(channels)) {
                *o += weight * a;
            }
        }
    })?;
    for o in out.iter_mut() {
        *o = positive(*o);
    }
    Ok(())
}

/// The trivial decomposition that every other has to beat: the value spread evenly over the inputs. It conserves
/// perfectly and explains nothing (Montavon et al. 2018).
pub fn uniform(value: f32, out: &mut [f32]) {
    let share = value / out.len().max(1) as f32;
    out.fill(share);
}

/// The other trivial decomposition: the whole value on the first input.
pub fn first_input(value: f32, out: &mut [f32]) {
    out.fill(0.0);
    if let Some(first) = out.first_mut() {
        *first = value;
    }
}

/// `SplitMix64` (Steele et al. 2014) and the polar method (Marsaglia & Bray 1964): small, seeded, the same on every target, and
/// without a cosine.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // 24 bits, shifted off zero so that the logarithm is finite.
        (((z ^ (z >> 31)) >> 40) as f32 + 0.5) / 16_777_216.0
    }

    fn normal(&mut self) -> f32 {
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = u * u + v * v;
            if square > 0.0 && square < 1.0 {
                return u * math::sqrt(-2.0 * math::ln(square) / square);
            }
        }
    }
}
