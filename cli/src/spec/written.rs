//! Rules as they would be typed.

use super::number::shortest;
use super::options;
use relprop::{Bound, Choice, Rule, Ties};

/// A rule that a composite chose.
pub fn show(choice: &Choice<'_>) -> String {
    name(choice.rule) + &options::written(choice)
}

/// A rule without its options.
pub fn name(rule: Rule<'_>) -> String {
    let end = |bound: Bound<'_>| match bound {
        Bound::Uniform(value) => shortest(value),
        Bound::Values(_) => "@…".to_owned(),
    };
    match rule {
        Rule::Zero => "zero".to_owned(),
        Rule::Epsilon(v) => format!("epsilon:{}", shortest(v)),
        Rule::Norm => "norm".to_owned(),
        Rule::AlphaBeta { alpha, beta } => format!("alphabeta:{},{}", shortest(alpha), shortest(beta)),
        Rule::ZPlus => "zplus".to_owned(),
        Rule::Beta(v) => format!("beta:{}", shortest(v)),
        Rule::Gamma(v) => format!("gamma:{}", shortest(v)),
        Rule::GammaOriginal(v) => format!("gamma_original:{}", shortest(v)),
        Rule::ZBox { low, high } => format!("zbox:{},{}", end(low), end(high)),
        Rule::WSquare => "wsquare".to_owned(),
        Rule::Flat => "flat".to_owned(),
        Rule::Pass => "pass".to_owned(),
        Rule::Gradient => "gradient".to_owned(),
        Rule::GuidedBackprop => "guided_backprop".to_owned(),
        Rule::Deconvnet => "deconvnet".to_owned(),
        Rule::BetaSmooth(v) => format!("beta_smooth:{}", shortest(v)),
        Rule::Winner(Ties::First) => "winner".to_owned(),
        Rule::Winner(Ties::Split) => "split_ties".to_owned(),
        Rule::Taylor => "taylor".to_owned(),
    }
}
