//! `SELECT=RULE`: how a rule is written.

use super::bound::{BoundSpec, Values};
use super::select::SelectSpec;
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

/// A rule with its options, files not yet read.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSpec {
    kind: Kind,
    bias: Bias,
    stabilizer: Stabilizer,
}

/// Everything but the options.
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Plain(Rule<'static>),
    ZBox { low: BoundSpec, high: BoundSpec },
}

/// Every rule as it may be written, for messages.
const RULES: &str = "zero, epsilon:0.01, norm, zplus, alphabeta:2,1, beta:0, gamma:0.25, gamma_original:0.25, \
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
        Ok(Self { stabilizer: options.stabilizer(&kind)?, bias: options.bias.unwrap_or_default(), kind })
    }
}

fn kind(name: &str, arguments: Option<&str>) -> Result<Kind, String> {
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

fn alpha_beta(arguments: Option<&str>) -> Result<Kind, String> {
    let (alpha, beta) = pair(arguments).ok_or("alphabeta needs two numbers, such as alphabeta:2,1")?;
    let (alpha, beta) = (number(alpha)?, number(beta)?);
    if alpha < 0.0 || beta < 0.0 || (alpha - beta - 1.0).abs() > 1e-6 {
        return Err(format!("alphabeta:{alpha},{beta}: both must be ≥ 0 and α − β must be 1"));
    }
    Ok(Kind::Plain(Rule::AlphaBeta { alpha, beta }))
}

fn z_box(arguments: Option<&str>) -> Result<Kind, String> {
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

/// A finite number.
pub fn number(text: &str) -> Result<f32, String> {
    match text.trim().parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("`{text}` is not a number")),
    }
}

fn non_negative(name: &str, value: f32) -> Result<f32, String> {
    if value >= 0.0 { Ok(value) } else { Err(format!("{name}:{value}: the number must not be negative")) }
}

/// A number as short as it can be written: `0.25`, `1e-6`.
pub fn shortest(value: f32) -> String {
    if value == 0.0 || (1e-4..1e7).contains(&value.abs()) { format!("{value}") } else { format!("{value:e}") }
}

/// What comes after the semicolons.
#[derive(Default)]
struct Options {
    bias: Option<Bias>,
    form: Option<Stabilizer>,
    epsilon: Option<f32>,
}

const BIASES: [(&str, Bias); 3] =
    [("absorb", Bias::Absorb), ("zero", Bias::Zero), ("redistribute", Bias::Redistribute)];

/// With the ε that each form has by default.
const STABILIZERS: [(&str, Stabilizer); 5] = [
    ("signed", Stabilizer::DEFAULT),
    ("clip", Stabilizer::Clip(1e-6)),
    ("norm_scale", Stabilizer::NormScale(1e-6)),
    ("at_zero", Stabilizer::AtZero(1e-7)),
    ("unsigned", Stabilizer::Unsigned(1e-6)),
];

impl Options {
    fn parse<'t>(parts: impl Iterator<Item = &'t str>) -> Result<Self, String> {
        let mut options = Self::default();
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.trim() {
                "bias" => options.bias = Some(one_of("bias", value, &BIASES)?),
                "stabilizer" => options.form = Some(one_of("stabilizer", value, &STABILIZERS)?),
                "eps" => options.epsilon = Some(number(value).and_then(|value| non_negative("eps", value))?),
                _ => return Err(format!("there is no option `{part}`; options are bias=, stabilizer= and eps=")),
            }
        }
        Ok(options)
    }

    fn stabilizer(&self, kind: &Kind) -> Result<Stabilizer, String> {
        match (kind, self.form, self.epsilon) {
            (Kind::Plain(Rule::Zero), None, None) => Ok(Stabilizer::DEFAULT),
            (Kind::Plain(Rule::Zero), ..) => Err("zero has no stabilizer; take epsilon:… for one".to_owned()),
            (Kind::Plain(Rule::Epsilon(_)), _, Some(_)) => {
                Err("epsilon brings its own ε: write it as epsilon:0.01 and leave eps= out".to_owned())
            }
            (Kind::Plain(Rule::Epsilon(epsilon)), form, None) => {
                Ok(form.unwrap_or(Stabilizer::DEFAULT).with_epsilon(*epsilon))
            }
            (_, form, epsilon) => {
                let form = form.unwrap_or(Stabilizer::DEFAULT);
                Ok(form.with_epsilon(epsilon.unwrap_or(form.epsilon())))
            }
        }
    }
}

fn one_of<T: Copy>(key: &str, value: &str, known: &[(&str, T)]) -> Result<T, String> {
    known.iter().find(|(name, _)| *name == value.trim()).map(|(_, meaning)| *meaning).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        format!("{key}=`{value}` is unknown; it may be {}", names.join(", "))
    })
}

impl fmt::Display for RuleSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match &self.kind {
            Kind::Plain(rule) => written(*rule),
            Kind::ZBox { low, high } => format!("zbox:{low},{high}"),
        };
        f.write_str(&with_options(rule, self.bias, self.stabilizer, epsilon_of(&self.kind)))
    }
}

fn epsilon_of(kind: &Kind) -> Option<f32> {
    match kind {
        Kind::Plain(Rule::Epsilon(epsilon)) => Some(*epsilon),
        _ => None,
    }
}

/// A rule that a composite chose, as it would be typed.
pub fn show(choice: &Choice<'_>) -> String {
    let own = match choice.rule {
        Rule::Epsilon(epsilon) => Some(epsilon),
        _ => None,
    };
    with_options(written(choice.rule), choice.bias, choice.stabilizer, own)
}

fn written(rule: Rule<'_>) -> String {
    let end = |bound: relprop::Bound<'_>| match bound {
        relprop::Bound::Uniform(value) => shortest(value),
        relprop::Bound::Values(_) => "@…".to_owned(),
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

/// Adds the options that are not the default ones. A rule with an ε of its own shows it only there.
fn with_options(mut text: String, bias: Bias, stabilizer: Stabilizer, own: Option<f32>) -> String {
    if let Some((name, _)) = BIASES.iter().find(|(_, known)| *known == bias && bias != Bias::default()) {
        text += &format!(";bias={name}");
    }
    let epsilon = stabilizer.epsilon();
    let same_form = |known: &Stabilizer| known.with_epsilon(epsilon) == stabilizer;
    if let Some((name, form)) = STABILIZERS.iter().find(|(_, form)| same_form(form)) {
        if !same_form(&Stabilizer::DEFAULT) {
            text += &format!(";stabilizer={name}");
        }
        if own.is_none() && form.epsilon() != epsilon {
            text += &format!(";eps={}", shortest(epsilon));
        }
    }
    text
}

/// A rule whose files have been read.
#[derive(Clone, Debug)]
pub struct LoadedRule {
    kind: LoadedKind,
    bias: Bias,
    stabilizer: Stabilizer,
}

#[derive(Clone, Debug)]
enum LoadedKind {
    Plain(Rule<'static>),
    ZBox { low: Values, high: Values },
}

impl RuleSpec {
    /// Reads the files that the rule names.
    pub fn load(&self, model: &Model<'_>) -> anyhow::Result<LoadedRule> {
        let kind = match &self.kind {
            Kind::Plain(rule) => LoadedKind::Plain(*rule),
            Kind::ZBox { low, high } => LoadedKind::ZBox { low: low.resolve(model)?, high: high.resolve(model)? },
        };
        Ok(LoadedRule { kind, bias: self.bias, stabilizer: self.stabilizer })
    }
}

impl LoadedRule {
    /// As the kernel takes it.
    pub fn choice(&self) -> Choice<'_> {
        let rule = match &self.kind {
            LoadedKind::Plain(rule) => *rule,
            LoadedKind::ZBox { low, high } => Rule::ZBox { low: low.bound(), high: high.bound() },
        };
        Choice::new(rule).with_bias(self.bias).with_stabilizer(self.stabilizer)
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
