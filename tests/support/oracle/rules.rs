//! The rules over linear layers, as the formulas of the papers over a list of taps.
//!
//! Nearly all of them are one scheme: each tap has a contribution `c_ij`, the bias has one, and
//! `R_i = factor · Σ_j c_ij / st(Σ_i c_ij + bias_j) · R_j`.

use super::taps::{Tap, Taps};
use relprop::rule::{Bound, Rule};

/// A contribution, and the magnitude of what was added up to make it.
pub type Contribution = (f64, f64);

/// One way of sharing out relevance; αβ and γ share twice.
pub struct Share<'a> {
    /// Multiplies the relevance.
    pub factor: f64,
    /// What the input of a tap contributes to its output.
    pub contribution: Box<dyn Fn(&Tap) -> Contribution + 'a>,
    /// What a bias contributes.
    pub bias: Box<dyn Fn(f64) -> f64 + 'a>,
    /// Which outputs take part, by their value.
    pub open: fn(f64) -> bool,
}

/// A layer and what it read.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The layer.
    pub taps: &'a Taps,
    /// Its operands.
    pub x: &'a [&'a [f64]],
    /// Channels of the first operand.
    pub channels: usize,
}

/// The shares that a rule consists of; none for rules that do not divide.
pub fn shares<'a>(rule: Rule<'a>, scene: Scene<'a>) -> Vec<Share<'a>> {
    let x = move |tap: &Tap| scene.x[tap.operand][tap.from];
    let always: fn(f64) -> bool = |_| true;
    let simple = |contribution: Box<dyn Fn(&Tap) -> f64 + 'a>, bias: Box<dyn Fn(f64) -> f64 + 'a>| {
        let contribution = Box::new(move |tap: &Tap| (contribution(tap), contribution(tap).abs()));
        Share { factor: 1.0, contribution, bias, open: always }
    };
    let alpha_beta = |alpha: f64, beta: f64| {
        let positive = move |tap: &Tap| parts(x(tap), tap.weight, |x, w, x_, w_| x * w + x_ * w_);
        let negative = move |tap: &Tap| parts(x(tap), tap.weight, |x, w, x_, w_| x * w_ + x_ * w);
        let positive = simple(Box::new(positive), Box::new(|b| b.max(0.0)));
        let negative = simple(Box::new(negative), Box::new(|b| b.min(0.0)));
        vec![Share { factor: alpha, ..positive }, Share { factor: -beta, ..negative }]
    };
    match rule {
        Rule::Zero | Rule::Epsilon(_) | Rule::Norm => {
            vec![simple(Box::new(move |tap| x(tap) * tap.weight), Box::new(|b| b))]
        }
        Rule::AlphaBeta { alpha, beta } => alpha_beta(alpha.into(), beta.into()),
        Rule::ZPlus => alpha_beta(1.0, 0.0),
        Rule::Beta(beta) => alpha_beta(1.0 + f64::from(beta), beta.into()),
        Rule::Gamma(gamma) => {
            let g = f64::from(gamma);
            let (raised, lowered) = (move |w: f64| w + g * w.max(0.0), move |w: f64| w + g * w.min(0.0));
            let above = move |tap: &Tap| x(tap).max(0.0) * raised(tap.weight) + x(tap).min(0.0) * lowered(tap.weight);
            let below = move |tap: &Tap| x(tap).max(0.0) * lowered(tap.weight) + x(tap).min(0.0) * raised(tap.weight);
            let above = simple(Box::new(above), Box::new(raised));
            let below = simple(Box::new(below), Box::new(lowered));
            vec![Share { open: |z| z > 0.0, ..above }, Share { open: |z| z < 0.0, ..below }]
        }
        Rule::GammaOriginal(gamma) => {
            let g = f64::from(gamma);
            let raised = move |w: f64| w + g * w.max(0.0);
            vec![simple(Box::new(move |tap| x(tap) * raised(tap.weight)), Box::new(raised))]
        }
        Rule::ZBox { low, high } => {
            let bound = move |bound: Bound<'a>, tap: &Tap| match bound {
                Bound::Uniform(value) => f64::from(value),
                Bound::Values(values) if values.len() == scene.x[0].len() => f64::from(values[tap.from]),
                Bound::Values(values) => f64::from(values[tap.from % scene.channels]),
            };
            let contribution = move |tap: &Tap| {
                let w = tap.weight;
                let terms = [x(tap) * w, -bound(low, tap) * w.max(0.0), -bound(high, tap) * w.min(0.0)];
                (terms.iter().sum(), terms.iter().map(|t| t.abs()).sum())
            };
            vec![Share { contribution: Box::new(contribution), ..simple(Box::new(|_| 0.0), Box::new(|_| 0.0)) }]
        }
        Rule::WSquare => vec![simple(Box::new(|tap| tap.weight * tap.weight), Box::new(|b| b * b))],
        Rule::Flat => vec![simple(Box::new(|_| 1.0), Box::new(|_| 0.0))],
        _ => Vec::new(),
    }
}

/// `f(x⁺, w⁺, x⁻, w⁻)`.
fn parts(x: f64, w: f64, f: impl Fn(f64, f64, f64, f64) -> f64) -> f64 {
    f(x.max(0.0), w.max(0.0), x.min(0.0), w.min(0.0))
}
