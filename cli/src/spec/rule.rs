//! `SELECT=RULE`: how a rule is typed.

use super::bound::{BoundSpec, Values};
use super::number::{non_negative, number};
use super::options::{self, Options};
use super::select::SelectSpec;
use super::written;
use relprop::rule::Gates;
use relprop::{Bias, Choice, Model, Rule, Stabilizer, Ties};
use std::fmt;
use std::str::FromStr;

/// `SELECT=RULE`
#[derive(Clone, Debug, PartialEq)]
pub struct RuleArg {
    /// Which steps.
    pub select: SelectSpec,
    /// What they get.
    pub rule: RuleSpec,
}

impl FromStr for RuleArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (select, rule) = text.split_once('=').ok_or("expected SELECT=RULE, such as conv=zplus")?;
        Ok(Self { select: select.parse()?, rule: rule.parse()? })
    }
}

impl fmt::Display for RuleArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.select, self.rule)
    }
}

/// A rule with its options; `B` is what the ends of a box are.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed<B> {
    kind: Kind<B>,
    bias: Bias,
    stabilizer: Stabilizer,
    gates: Gates,
}

impl<B> Typed<B> {
    /// A rule with the options of this one.
    fn with_options<'r>(&self, rule: Rule<'r>) -> Choice<'r> {
        Choice::new(rule).with_bias(self.bias).with_stabilizer(self.stabilizer).with_gates(self.gates)
    }
}

/// A rule as typed, files not yet read.
pub type RuleSpec = Typed<BoundSpec>;

/// A rule whose files have been read.
pub type LoadedRule = Typed<Values>;

/// Everything but the options.
#[derive(Clone, Debug, PartialEq)]
enum Kind<B> {
    Plain(Rule<'static>),
    ZBox { low: B, high: B },
}

impl<B> Kind<B> {
    fn plain(&self) -> Option<&Rule<'static>> {
        match self {
            Self::Plain(rule) => Some(rule),
            Self::ZBox { .. } => None,
        }
    }
}

/// Every rule as it may be written, for messages.
pub const RULES: &str = "zero, epsilon:0.01, norm, zplus, alphabeta:2,1, beta:0, gamma:0.25, gamma_original:0.25, \
                     zbox:-1,1, wsquare, flat, pass, gradient, guided_backprop, deconvnet, beta_smooth:10, winner, \
                     split_ties, taylor";

impl FromStr for RuleSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(';');
        let rule = parts.next().unwrap_or_default();
        let (name, arguments) = match rule.split_once(':') {
            Some((name, arguments)) => (name, Some(arguments)),
            None => (rule, None),
        };
        let kind = kind(name, arguments)?;
        let options = Options::parse(parts)?;
        let stabilizer = options.stabilizer(kind.plain())?;
        Ok(Self { stabilizer, bias: options.bias(), gates: options.gates(), kind })
    }
}

fn kind(name: &str, arguments: Option<&str>) -> Result<Kind<BoundSpec>, String> {
    let one = || {
        let text = arguments.ok_or_else(|| format!("{name} needs a number, such as {name}:0.25"))?;
        number(text).and_then(|value| non_negative(name, value))
    };
    let plain = match name {
        "zero" => Rule::Zero,
        "norm" => Rule::Norm,
        "zplus" => Rule::ZPlus,
        "wsquare" => Rule::WSquare,
        "flat" => Rule::Flat,
        "pass" => Rule::Pass,
        "gradient" => Rule::Gradient,
        "guided_backprop" => Rule::GuidedBackprop,
        "deconvnet" => Rule::Deconvnet,
        "winner" => Rule::Winner(Ties::First),
        "split_ties" => Rule::Winner(Ties::Split),
        "taylor" => Rule::Taylor,
        "epsilon" => return one().map(|epsilon| Kind::Plain(Rule::Epsilon(epsilon))),
        "beta" => return one().map(|beta| Kind::Plain(Rule::Beta(beta))),
        "gamma" => return one().map(|gamma| Kind::Plain(Rule::Gamma(gamma))),
        "gamma_original" => return one().map(|gamma| Kind::Plain(Rule::GammaOriginal(gamma))),
        "beta_smooth" => return one().map(|beta| Kind::Plain(Rule::BetaSmooth(beta))),
        "alphabeta" => return alpha_beta(arguments),
        "zbox" => return z_box(arguments),
        _ => return Err(format!("there is no rule `{name}`; rules are {RULES}")),
    };
    if arguments.is_some() { Err(format!("{name} takes no number")) } else { Ok(Kind::Plain(plain)) }
}

fn alpha_beta(arguments: Option<&str>) -> Result<Kind<BoundSpec>, String> {
    let (alpha, beta) = pair(arguments).ok_or("alphabeta needs two numbers, such as alphabeta:2,1")?;
    let (alpha, beta) = (number(alpha)?, number(beta)?);
    if alpha < 0.0 || beta < 0.0 || (alpha - beta - 1.0).abs() > 1e-6 {
        return Err(format!("alphabeta:{alpha},{beta}: both must be ≥ 0 and α − β must be 1"));
    }
    Ok(Kind::Plain(Rule::AlphaBeta { alpha, beta }))
}

fn z_box(arguments: Option<&str>) -> Result<Kind<BoundSpec>, String> {
    let help = "zbox needs the ends of the box, such as zbox:-1,1 or zbox:@low.npy,@high.npy";
    let (low, high) = pair(arguments).ok_or(help)?;
    let (low, high): (BoundSpec, BoundSpec) = (low.parse()?, high.parse()?);
    match (&low, &high) {
        (BoundSpec::Number(l), BoundSpec::Number(h)) if l > h => Err(format!("zbox:{l},{h}: the box is empty")),
        _ => Ok(Kind::ZBox { low, high }),
    }
}

fn pair(arguments: Option<&str>) -> Option<(&str, &str)> {
    arguments?.split_once(',')
}

impl fmt::Display for RuleSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Plain(rule) => f.write_str(&written::name(*rule))?,
            Kind::ZBox { low, high } => write!(f, "zbox:{low},{high}")?,
        }
        // Whatever the box is, its options are written the same way.
        let rule = *self.kind.plain().unwrap_or(&Rule::Norm);
        f.write_str(&options::written(&self.with_options(rule)))
    }
}

impl RuleSpec {
    /// Reads the files that the rule names.
    pub fn load(&self, model: &Model<'_>) -> anyhow::Result<LoadedRule> {
        let kind = match &self.kind {
            Kind::Plain(rule) => Kind::Plain(*rule),
            Kind::ZBox { low, high } => Kind::ZBox { low: low.resolve(model)?, high: high.resolve(model)? },
        };
        Ok(Typed { kind, bias: self.bias, stabilizer: self.stabilizer, gates: self.gates })
    }
}

impl LoadedRule {
    /// As the kernel takes it.
    pub fn choice(&self) -> Choice<'_> {
        let rule = match &self.kind {
            Kind::Plain(rule) => *rule,
            Kind::ZBox { low, high } => Rule::ZBox { low: low.bound(), high: high.bound() },
        };
        self.with_options(rule)
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, RuleArg, RuleSpec};
    use relprop::{Bias, Rule, Stabilizer};

    #[test]
    fn what_is_written_comes_back() {
        for text in [
            "zero",
            "epsilon:0.01",
            "epsilon:0.001;bias=redistribute;gates=half",
            "zplus;gates=magnitude",
            "zbox:-1,1;gates=proportional",
            "epsilon:1e-6;bias=zero",
            "epsilon:0.25;stabilizer=norm_scale",
            "norm",
            "zplus;bias=redistribute",
            "alphabeta:2,1;eps=0.001",
            "beta:0",
            "gamma:0.25;bias=zero;stabilizer=clip;eps=0.001",
            "gamma_original:0.25",
            "zbox:-1,1",
            "zbox:@low.npy,@some/high.npy",
            "wsquare;stabilizer=at_zero",
            "flat",
            "pass",
            "gradient",
            "guided_backprop",
            "deconvnet",
            "beta_smooth:10",
            "winner",
            "split_ties",
            "taylor",
        ] {
            let rule: RuleSpec = text.parse().unwrap();
            assert_eq!(rule.to_string(), text);
        }
    }

    #[test]
    fn epsilon_is_the_stabilizers() {
        let rule: RuleSpec = "epsilon:0.01;stabilizer=clip;bias=zero".parse().unwrap();
        assert_eq!(rule.kind, Kind::Plain(Rule::Epsilon(0.01)));
        assert_eq!(rule.stabilizer, Stabilizer::Clip(0.01));
        assert_eq!(rule.bias, Bias::Zero);
    }

    #[test]
    fn at_zero_has_an_epsilon_of_its_own() {
        let rule: RuleSpec = "zplus;stabilizer=at_zero".parse().unwrap();
        assert_eq!(rule.stabilizer, Stabilizer::AtZero(1e-7));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "=",
            "conv",
            "conv=",
            "conv=nonsense",
            "=zplus",
            "conv=epsilon",
            "conv=epsilon:",
            "conv=epsilon:x",
            "conv=epsilon:-1",
            "conv=epsilon:nan",
            "conv=epsilon:inf",
            "conv=zplus:1",
            "conv=alphabeta:2",
            "conv=alphabeta:2,2",
            "conv=alphabeta:0,-1",
            "conv=zbox",
            "conv=zbox:1",
            "conv=zbox:1,0",
            "conv=zbox:@,1",
            "conv=zplus;",
            "conv=zplus;bias",
            "conv=zplus;bias=no",
            "conv=zplus;stabilizer=",
            "conv=zplus;eps=x",
            "lstm=zplus;gates=all",
            "conv=zero;stabilizer=clip",
            "conv=epsilon:1;eps=1",
            "conv=zplus;width=3",
            "name:=zplus",
            "step:x=zplus",
        ] {
            assert!(text.parse::<RuleArg>().is_err(), "{text}");
        }
    }
}
