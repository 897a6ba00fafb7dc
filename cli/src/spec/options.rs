//! What comes after the semicolons: bias, stabiliser and gates.

use super::number::{non_negative, number, shortest};
use relprop::rule::Gates;
use relprop::{Bias, Choice, Rule, Stabilizer};

/// The options of a rule, as far as they are given.
#[derive(Default)]
pub struct Options {
    bias: Option<Bias>,
    form: Option<Stabilizer>,
    epsilon: Option<f32>,
    gates: Option<Gates>,
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

impl Options {
    /// Reads `key=value` after `key=value`.
    pub fn parse<'t>(parts: impl Iterator<Item = &'t str>) -> Result<Self, String> {
        let mut options = Self::default();
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.trim() {
                "bias" => options.bias = Some(one_of("bias", value, &BIASES)?),
                "stabilizer" => options.form = Some(one_of("stabilizer", value, &STABILIZERS)?),
                "eps" => options.epsilon = Some(number(value).and_then(|value| non_negative("eps", value))?),
                "gates" => options.gates = Some(one_of("gates", value, &GATES)?),
                _ => {
                    return Err(format!(
                        "there is no option `{part}`; options are bias=, stabilizer=, eps= and gates="
                    ));
                }
            }
        }
        Ok(options)
    }

    /// What becomes of the bias.
    pub fn bias(&self) -> Bias {
        self.bias.unwrap_or_default()
    }

    /// What gates of recurrent cells get.
    pub fn gates(&self) -> Gates {
        self.gates.unwrap_or_default()
    }

    /// The stabiliser of a rule, which may bring its own ε.
    pub fn stabilizer(&self, rule: Option<&Rule<'_>>) -> Result<Stabilizer, String> {
        match (rule, self.form, self.epsilon) {
            (Some(Rule::Zero), None, None) => Ok(Stabilizer::DEFAULT),
            (Some(Rule::Zero), ..) => Err("zero has no stabilizer; take epsilon:… for one".to_owned()),
            (Some(Rule::Epsilon(_)), _, Some(_)) => {
                Err("epsilon brings its own ε: write it as epsilon:0.01 and leave eps= out".to_owned())
            }
            (Some(Rule::Epsilon(epsilon)), form, None) => {
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

/// The options that are not the default ones, as they are typed. A rule with an ε of its own shows it itself.
pub fn written(choice: &Choice<'_>) -> String {
    let Choice { rule, bias, stabilizer, gates } = *choice;
    let has_epsilon = matches!(rule, Rule::Epsilon(_));
    let mut options = String::new();
    if let Some((name, _)) = BIASES.iter().find(|(_, known)| *known == bias && bias != Bias::default()) {
        options = options + ";bias=" + name;
    }
    let epsilon = stabilizer.epsilon();
    let same_form = |known: &Stabilizer| known.with_epsilon(epsilon) == stabilizer;
    if let Some((name, form)) = STABILIZERS.iter().find(|(_, form)| same_form(form)) {
        if !same_form(&Stabilizer::DEFAULT) {
            options = options + ";stabilizer=" + name;
        }
        if !has_epsilon && form.epsilon() != epsilon {
            options = options + ";eps=" + &shortest(epsilon);
        }
    }
    if let Some((name, _)) = GATES.iter().find(|(_, known)| *known == gates && gates != Gates::default()) {
        options = options + ";gates=" + name;
    }
    options
}
