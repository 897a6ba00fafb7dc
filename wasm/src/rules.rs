//! Composites, rules and steps by the names that the `relprop` command uses.

use crate::object::{Options, index};
use crate::refusal::Refusal;
use js_sys::{Array, Float32Array};
use relprop::step::Op;
use relprop::{Bias, Bound, Choice, Gates, Model, Override, Preset, Rule, Select, Stabilizer, Ties};
use wasm_bindgen::{JsCast, JsValue};

/// Composites, in the order in which a list of them reads well.
pub const COMPOSITES: [&str; 14] = [
    "epsilon_plus",
    "epsilon_plus_flat",
    "epsilon_alpha2_beta1",
    "epsilon_alpha2_beta1_flat",
    "epsilon_gamma_box",
    "epsilon",
    "deep_taylor",
    "binder_hybrid",
    "excitation_backprop",
    "gradient",
    GRADIENT_X_INPUT,
    "guided_backprop",
    "deconvnet",
    "none",
];
/// The one that is not of rules alone.
pub const GRADIENT_X_INPUT: &str = "gradient_x_input";

/// The preset with this name.
///
/// # Errors
/// There is none.
pub fn preset<'a>(name: &str, low: Bound<'a>, high: Bound<'a>) -> Result<Preset<'a>, Refusal> {
    Ok(match name {
        "epsilon" => Preset::Epsilon(1e-6),
        "epsilon_plus" => Preset::EpsilonPlus,
        "epsilon_plus_flat" => Preset::EpsilonPlusFlat,
        "epsilon_alpha2_beta1" => Preset::EpsilonAlpha2Beta1,
        "epsilon_alpha2_beta1_flat" => Preset::EpsilonAlpha2Beta1Flat,
        "epsilon_gamma_box" => Preset::EpsilonGammaBox { low, high },
        "binder_hybrid" => Preset::BinderHybrid,
        "deep_taylor" => Preset::DeepTaylor { low, high },
        "excitation_backprop" => Preset::ExcitationBackprop,
        "guided_backprop" => Preset::GuidedBackprop,
        "deconvnet" => Preset::Deconvnet,
        "gradient" | GRADIENT_X_INPUT => Preset::Gradient,
        "none" => Preset::Bare,
        _ => return Err(unknown("composite", name, &COMPOSITES)),
    })
}

/// Whether a composite has to know the range of the inputs.
pub fn needs_box(composite: &str) -> bool {
    matches!(composite, "epsilon_gamma_box" | "deep_taylor")
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Refusal {
    Refusal::Argument(format!("there is no {what} `{name}`; there are {}", known.join(", ")))
}

/// One end of a box: a number, or one per channel or element in the kernel's order.
pub enum Ends {
    /// The same everywhere.
    Uniform(f32),
    /// One per channel or element.
    Values(Vec<f32>),
}

impl Ends {
    /// Reads an option; values for every element come in the model's layout.
    ///
    /// # Errors
    /// It is neither a number nor a `Float32Array`.
    pub fn read(options: &Options<'_>, key: &str, model: &Model<'_>) -> Result<Option<Self>, Refusal> {
        let Some(given) = options.get(key) else { return Ok(None) };
        let Some(values) = given.dyn_ref::<Float32Array>() else {
            return Ok(options.number(key)?.map(Self::Uniform));
        };
        let (port, user) = (model.input(0), values.to_vec());
        if user.len() != model.tensor(port.tensor).shape.elements() {
            return Ok(Some(Self::Values(user)));
        }
        let mut kernel = vec![0.0; user.len()];
        port.to_kernel(&user, &mut kernel);
        Ok(Some(Self::Values(kernel)))
    }

    /// As the kernel takes it.
    pub fn bound(&self) -> Bound<'_> {
        match self {
            Self::Uniform(value) => Bound::Uniform(*value),
            Self::Values(values) => Bound::Values(values),
        }
    }
}

/// Which steps, as written.
enum Selected {
    Group(Select<'static>),
    Name(String),
}

/// A rule for some steps, as given.
pub struct RuleOption {
    select: Selected,
    choice: Choice<'static>,
}

impl RuleOption {
    /// As the kernel takes it.
    pub fn as_override(&self) -> Override<'_> {
        let select = match &self.select {
            Selected::Group(select) => *select,
            Selected::Name(name) => Select::Name(name),
        };
        (select, self.choice)
    }
}

const KEYS: [&str; 11] =
    ["select", "rule", "epsilon", "alpha", "beta", "gamma", "low", "high", "bias", "stabilizer", "gates"];

/// Reads the list of rules.
///
/// # Errors
/// Something in it is not a rule, or names a step that the model does not have.
pub fn read(options: &Options<'_>, model: &Model<'_>) -> Result<Vec<RuleOption>, Refusal> {
    let Some(given) = options.get("rules") else { return Ok(Vec::new()) };
    let Some(list) = given.dyn_ref::<Array>() else { return Err(Refusal::argument("rules must be an array")) };
    list.iter().map(|given| one(&Options::new("a rule", given, &KEYS)?, model)).collect()
}

fn one(options: &Options<'_>, model: &Model<'_>) -> Result<RuleOption, Refusal> {
    let Some(select) = options.get("select") else { return Err(Refusal::argument("a rule needs select")) };
    let name = options.text("rule")?.ok_or_else(|| Refusal::argument("a rule needs rule"))?;
    let mut choice = Choice::new(rule(options, &name)?);
    if let Some(bias) = options.text("bias")? {
        choice = choice.with_bias(named("bias", &bias, &BIASES)?);
    }
    if let Some(gates) = options.text("gates")? {
        choice = choice.with_gates(named("gates", &gates, &GATES)?);
    }
    choice = choice.with_stabilizer(stabilizer(options)?);
    Ok(RuleOption { select: selected(&select, model)?, choice })
}

const BIASES: [(&str, Bias); 3] =
    [("absorb", Bias::Absorb), ("zero", Bias::Zero), ("redistribute", Bias::Redistribute)];

const GATES: [(&str, Gates); 4] = [
    ("signal", Gates::Signal),
    ("half", Gates::Half),
    ("proportional", Gates::Proportional),
    ("magnitude", Gates::Magnitude),
];

/// With the ε that each form has by default.
const STABILIZERS: [(&str, Stabilizer); 5] = [
    ("signed", Stabilizer::DEFAULT),
    ("clip", Stabilizer::Clip(1e-6)),
    ("norm_scale", Stabilizer::NormScale(1e-6)),
    ("at_zero", Stabilizer::AtZero(1e-7)),
    ("unsigned", Stabilizer::Unsigned(1e-6)),
];

fn named<T: Copy>(what: &str, name: &str, known: &[(&str, T)]) -> Result<T, Refusal> {
    let found = known.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| unknown(what, name, &known.iter().map(|(known, _)| *known).collect::<Vec<_>>()))
}

/// The form, and the ε of rules that bring none of their own.
fn stabilizer(options: &Options<'_>) -> Result<Stabilizer, Refusal> {
    let form = match options.text("stabilizer")? {
        Some(name) => named("stabilizer", &name, &STABILIZERS)?,
        None => Stabilizer::DEFAULT,
    };
    Ok(form.with_epsilon(options.number("epsilon")?.unwrap_or(form.epsilon())))
}

const RULES: [&str; 19] = [
    "zero",
    "epsilon",
    "norm",
    "zplus",
    "alphabeta",
    "beta",
    "gamma",
    "gamma_original",
    "zbox",
    "wsquare",
    "flat",
    "pass",
    "gradient",
    "guided_backprop",
    "deconvnet",
    "beta_smooth",
    "winner",
    "split_ties",
    "taylor",
];

fn rule(options: &Options<'_>, name: &str) -> Result<Rule<'static>, Refusal> {
    let needed =
        |key: &str| options.number(key)?.ok_or_else(|| Refusal::Argument(format!("the rule {name} needs {key}")));
    Ok(match name {
        "zero" => Rule::Zero,
        "epsilon" => Rule::Epsilon(options.number("epsilon")?.unwrap_or(Stabilizer::DEFAULT.epsilon())),
        "norm" => Rule::Norm,
        "zplus" => Rule::ZPlus,
        "alphabeta" => Rule::AlphaBeta { alpha: needed("alpha")?, beta: needed("beta")? },
        "beta" => Rule::Beta(needed("beta")?),
        "gamma" => Rule::Gamma(needed("gamma")?),
        "gamma_original" => Rule::GammaOriginal(needed("gamma")?),
        "zbox" => Rule::ZBox { low: Bound::Uniform(needed("low")?), high: Bound::Uniform(needed("high")?) },
        "wsquare" => Rule::WSquare,
        "flat" => Rule::Flat,
        "pass" => Rule::Pass,
        "gradient" => Rule::Gradient,
        "guided_backprop" => Rule::GuidedBackprop,
        "deconvnet" => Rule::Deconvnet,
        "beta_smooth" => Rule::BetaSmooth(needed("beta")?),
        "winner" => Rule::Winner(Ties::First),
        "split_ties" => Rule::Winner(Ties::Split),
        "taylor" => Rule::Taylor,
        _ => return Err(unknown("rule", name, &RULES)),
    })
}

/// The name of a rule, as [`RULES`] has it.
pub const fn name(rule: &Rule<'_>) -> &'static str {
    match rule {
        Rule::Zero => "zero",
        Rule::Epsilon(_) => "epsilon",
        Rule::Norm => "norm",
        Rule::ZPlus => "zplus",
        Rule::AlphaBeta { .. } => "alphabeta",
        Rule::Beta(_) => "beta",
        Rule::BetaSmooth(_) => "beta_smooth",
        Rule::Gamma(_) => "gamma",
        Rule::GammaOriginal(_) => "gamma_original",
        Rule::ZBox { .. } => "zbox",
        Rule::WSquare => "wsquare",
        Rule::Flat => "flat",
        Rule::Pass => "pass",
        Rule::Gradient => "gradient",
        Rule::GuidedBackprop => "guided_backprop",
        Rule::Deconvnet => "deconvnet",
        Rule::Winner(Ties::First) => "winner",
        Rule::Winner(Ties::Split) => "split_ties",
        Rule::Taylor => "taylor",
    }
}

/// Groups of steps, beside the ops.
const GROUPS: [(&str, Select<'static>); 8] = [
    ("all", Select::All),
    ("linear", Select::Linear),
    ("first", Select::First),
    ("first_conv", Select::FirstConv),
    ("conv", Select::Conv),
    ("dense", Select::Dense),
    ("pool", Select::Pool),
    ("activation", Select::Activation),
];

/// A group, an op, the name of a step, or its position.
fn selected(given: &JsValue, model: &Model<'_>) -> Result<Selected, Refusal> {
    if let Some(position) = index(given).filter(|position| *position < model.steps()) {
        return Ok(Selected::Group(Select::Position(position)));
    }
    let Some(word) = given.as_string() else {
        return Err(Refusal::argument("select must be a group, an op, or a step by name or position"));
    };
    let group = GROUPS.iter().find(|(name, _)| *name == word).map(|(_, select)| *select);
    let op = || (0..=u8::MAX).filter_map(Op::from_code).find(|op| op.name() == word).map(Select::Op);
    if let Some(select) = group.or_else(op) {
        return Ok(Selected::Group(select));
    }
    let is_there = (0..model.steps()).any(|i| model.step_name(&model.step(i)) == word);
    if is_there {
        Ok(Selected::Name(word))
    } else {
        Err(unknown("step or group of steps", &word, &GROUPS.map(|g| g.0)))
    }
}
