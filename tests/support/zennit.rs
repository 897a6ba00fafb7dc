//! Cases of the zennit pack: a network, an input, and what every rule makes of it.

use crate::{npy, user};
use relprop::rule::{Bias, Bound, Choice, Rule, Stabilizer};
use relprop::step::Op;
use relprop::{Composite, Model, Override, Preset, Select};
use relprop_convert::{Image, Options, emit, from_onnx};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A case: the folder, and what its `case.json` says.
pub struct Case {
    /// Where it is.
    pub folder: PathBuf,
    /// `case.json`.
    pub json: Value,
    /// The network, imported.
    pub image: Image,
}

/// The feed-forward cases of a folder, by name.
pub fn folders(pack: &Path) -> Vec<PathBuf> {
    of_kind(pack, "feedforward")
}

/// The recurrent cases of a folder, by name.
pub fn recurrent(pack: &Path) -> Vec<PathBuf> {
    of_kind(pack, "lstm")
}

fn of_kind(pack: &Path, kind: &str) -> Vec<PathBuf> {
    let is_kind = |folder: &PathBuf| {
        let json = std::fs::read(folder.join("case.json")).ok();
        let json: Option<Value> = json.and_then(|json| serde_json::from_slice(&json).ok());
        json.is_some_and(|json| json["kind"] == kind)
    };
    let entries = std::fs::read_dir(pack).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<PathBuf> = entries.filter(is_kind).collect();
    folders.sort();
    folders
}

impl Case {
    /// Reads and imports a case.
    pub fn read(folder: &Path) -> Self {
        let read = |file: &str| std::fs::read(folder.join(file)).expect("the file of a case");
        let json: Value = serde_json::from_slice(&read("case.json")).expect("JSON");
        let convention = json["conventions"]["batchnorm"].as_str().unwrap_or_default();
        let options = Options { keep_batch_norm: convention.contains("not folded"), ..Options::default() };
        let network = from_onnx(&read("model.onnx"), &options);
        let network = network.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let image = emit(&network).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self { folder: folder.to_owned(), json, image }
    }

    /// The input in the kernel's order.
    pub fn input(&self, model: &Model<'_>) -> Vec<f32> {
        user::to_kernel(model, &npy::read(&self.folder.join("input.npy")))
    }

    /// Name of the case and its rules.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.json["rules"].as_object().expect("rules").iter().map(|(name, rule)| (name.as_str(), rule))
    }

    /// Bounds of the input, per channel.
    pub fn bounds(&self) -> [Vec<f32>; 2] {
        ["low", "high"].map(|end| numbers(&self.json["input"][end]))
    }

    /// What an addition does in this case, where it is not the default.
    pub fn addition(&self) -> Option<Override<'static>> {
        let convention = self.json["conventions"]["add"].as_str().unwrap_or_default();
        convention.starts_with("duplicate").then(|| (Select::Op(Op::Add), Choice::new(Rule::Gradient)))
    }
}

/// The targets of a rule: class, and what is expected there.
pub fn targets(rule: &Value) -> impl Iterator<Item = (usize, &Value)> {
    let targets = rule["targets"].as_object().expect("targets").iter();
    targets.map(|(class, expected)| (class.parse().expect("a class"), expected))
}

/// What a float32 implementation may be off by, relative to the largest relevance.
pub fn tolerance(expected: &Value, reached: &str) -> f64 {
    (20.0 * expected[reached].as_f64().unwrap_or(0.0)).max(1e-5)
}

/// A rule of `case.json` that spells out every weighted node.
pub struct Assignment<'a> {
    nodes: Vec<Node<'a>>,
    /// Rules of everything else.
    rest: Vec<Override<'static>>,
}

/// The rule of one weighted node.
struct Node<'a> {
    name: &'a str,
    choice: Choice<'static>,
    /// What the rule borrows, if it has bounds.
    bounds: Option<[Vec<f32>; 2]>,
}

impl<'a> Assignment<'a> {
    /// Reads the rule.
    pub fn of(case: &Case, rule: &'a Value) -> Self {
        let layers = rule["layers"].as_object().expect("layers").iter();
        let nodes = layers.map(|(name, spec)| {
            let bounds = (spec["rule"] == "zbox").then(|| ["low", "high"].map(|end| numbers(&spec[end])));
            Node { name, choice: choice(spec), bounds }
        });
        let norm = Stabilizer::Signed(number(&rule["norm_stabilizer"]));
        let norm = Choice::new(Rule::Norm).with_stabilizer(norm);
        let mut rest = vec![(Select::Op(Op::AveragePool), norm), (Select::Op(Op::Add), norm)];
        rest.extend(case.addition());
        if rule["activation"] == "gradient" {
            rest.push((Select::Activation, Choice::new(Rule::Gradient)));
        }
        Self { nodes: nodes.collect(), rest }
    }

    /// The overrides that it consists of.
    pub fn overrides(&self) -> Vec<Override<'_>> {
        let nodes = self.nodes.iter().map(|Node { name, choice, bounds }| {
            let rule = match bounds {
                Some([low, high]) => Rule::ZBox { low: bound(low), high: bound(high) },
                None => choice.rule,
            };
            (Select::Name(name), Choice { rule, ..*choice })
        });
        self.rest.iter().copied().chain(nodes).collect()
    }
}

/// The rule of every linear step of a recurrent case.
pub fn recurrent_choice(rule: &Value) -> Choice<'static> {
    let bias = if number(&rule["bias_factor"]) == 0.0 { Bias::Absorb } else { Bias::Redistribute };
    Choice::new(Rule::Epsilon(number(&rule["eps"]))).with_bias(bias)
}

/// One number for all channels, or one per channel.
pub fn bound(values: &[f32]) -> Bound<'_> {
    if let [value] = values { Bound::Uniform(*value) } else { Bound::Values(values) }
}

/// The rule of one node, its bounds aside.
fn choice(spec: &Value) -> Choice<'static> {
    let rule = match spec["rule"].as_str().expect("a rule") {
        "epsilon" => Rule::Epsilon(number(&spec["epsilon"])),
        "norm" => Rule::Norm,
        "zplus" => Rule::ZPlus,
        "alphabeta" => Rule::AlphaBeta { alpha: number(&spec["alpha"]), beta: number(&spec["beta"]) },
        "gamma" => Rule::Gamma(number(&spec["gamma"])),
        "wsquare" => Rule::WSquare,
        "flat" => Rule::Flat,
        "pass" => Rule::Pass,
        // The bounds are put in later.
        "zbox" => Rule::ZBox { low: Bound::Uniform(0.0), high: Bound::Uniform(0.0) },
        other => panic!("unknown rule {other}"),
    };
    let epsilon = spec["stabilizer"].as_f64().map_or(1e-6, |epsilon| epsilon as f32);
    let stabilizer = match (spec["clip"] == true, spec["norm_scale"] == true) {
        (true, _) => Stabilizer::Clip(epsilon),
        (_, true) => Stabilizer::NormScale(epsilon),
        _ => Stabilizer::Signed(epsilon),
    };
    let bias = if spec["zero_bias"] == true { Bias::Zero } else { Bias::Absorb };
    Choice::new(rule).with_stabilizer(stabilizer).with_bias(bias)
}

/// The preset that a rule's name is about, if it is one; `low` and `high` are the bounds of the input.
pub fn preset<'a>(name: &str, [low, high]: [Bound<'a>; 2]) -> Option<Preset<'a>> {
    Some(match name {
        "epsilon_1e-06" => Preset::Epsilon(1e-6),
        "epsilon_0.01" => Preset::Epsilon(0.01),
        "epsilon_0.25" => Preset::Epsilon(0.25),
        "dtd_zbox_zplus" => Preset::DeepTaylor { low, high },
        "comp_epsilon_plus" => Preset::EpsilonPlus,
        "comp_epsilon_plus_flat" => Preset::EpsilonPlusFlat,
        "comp_epsilon_alpha2_beta1" => Preset::EpsilonAlpha2Beta1,
        "comp_epsilon_alpha2_beta1_flat" => Preset::EpsilonAlpha2Beta1Flat,
        "comp_epsilon_gamma_box" => Preset::EpsilonGammaBox { low, high },
        "comp_excitation_backprop" => Preset::ExcitationBackprop,
        _ => return None,
    })
}

/// The composite of a method of the gradient family that is one pass.
pub fn gradient(name: &str) -> Option<Composite<'static>> {
    const SMOOTH: &[Override<'static>] = &[(Select::Activation, Choice::new(Rule::BetaSmooth(10.0)))];
    Some(match name {
        "gradient" => Composite::new(Preset::Gradient),
        "guided_backprop" => Composite::new(Preset::GuidedBackprop),
        "deconvnet" => Composite::new(Preset::Deconvnet),
        "beta_smooth_10" => Composite::new(Preset::Gradient).with(SMOOTH),
        _ => return None,
    })
}

fn number(value: &Value) -> f32 {
    value.as_f64().expect("a number") as f32
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().expect("numbers").iter().map(number).collect()
}
