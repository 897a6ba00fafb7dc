//! What is explained, as JavaScript says it.

use crate::object::{Options, index};
use crate::refusal::Refusal;
use relprop::target::arg_max;
use relprop::{Model, Seed};
use wasm_bindgen::JsValue;

/// What is explained.
#[derive(Clone, Copy)]
enum Aim {
    Top,
    All,
    Class(usize),
    Contrast(usize, usize),
}

/// What is explained, and how relevance starts.
pub struct Wanted {
    aim: Aim,
    /// With one, not with the score: one value per class then.
    ones: Option<Vec<f32>>,
}

impl Wanted {
    /// Reads `target` and `seed`; `ones` is what happens where the caller does not say.
    ///
    /// # Errors
    /// There is no such class, or the seed is unknown.
    pub fn read(options: &Options<'_>, model: &Model<'_>, scores: &[f32], ones: bool) -> Result<Self, Refusal> {
        let aim = Aim::read(options, model, scores)?;
        let ones = match options.text("seed")?.as_deref() {
            None => ones,
            Some("one") => true,
            Some("logit") => false,
            Some(_) => return Err(Refusal::argument("seed must be \"logit\" or \"one\"")),
        };
        Ok(Self { aim, ones: ones.then(|| unit_seed(aim, scores)) })
    }

    /// As the kernel takes it.
    pub fn seed(&self) -> Seed<'_> {
        match (&self.ones, self.aim) {
            // A class that does not exist is the kernel's to refuse.
            (_, Aim::Class(class)) if self.ones.is_some() => Seed::OneHot(class),
            (Some(values), _) => Seed::Values(values),
            (None, Aim::Top) => Seed::Top,
            (None, Aim::All) => Seed::All,
            (None, Aim::Class(class)) => Seed::Class(class),
            (None, Aim::Contrast(class, other)) => Seed::Contrast(class, other),
        }
    }

    /// The class that is asked about, and the one that it is told from.
    pub fn classes(&self, scores: &[f32]) -> (Option<usize>, Option<usize>) {
        self.aim.classes(scores)
    }
}

/// The class that `target` is about, and the one that it is told from.
///
/// # Errors
/// There is no such class.
pub fn classes(
    options: &Options<'_>,
    model: &Model<'_>,
    scores: &[f32],
) -> Result<(Option<usize>, Option<usize>), Refusal> {
    Ok(Aim::read(options, model, scores)?.classes(scores))
}

impl Aim {
    fn read(options: &Options<'_>, model: &Model<'_>, scores: &[f32]) -> Result<Self, Refusal> {
        options.get("target").map_or(Ok(Self::Top), |target| aim(&target, model, scores))
    }

    fn classes(self, scores: &[f32]) -> (Option<usize>, Option<usize>) {
        match self {
            Self::Top => (arg_max(scores), None),
            Self::All => (None, None),
            Self::Class(class) => (Some(class), None),
            Self::Contrast(class, other) => (Some(class), Some(other)),
        }
    }
}

/// One for each class that is meant, minus one for the one that it is told from.
fn unit_seed(aim: Aim, scores: &[f32]) -> Vec<f32> {
    let mut seed = vec![0.0; scores.len()];
    let mut set = |class: usize, value: f32| {
        if let Some(place) = seed.get_mut(class) {
            *place += value;
        }
    };
    match aim {
        Aim::Top => set(arg_max(scores).unwrap_or(0), 1.0),
        Aim::All => seed.fill(1.0),
        Aim::Class(class) => set(class, 1.0),
        Aim::Contrast(class, other) => {
            set(class, 1.0);
            set(other, -1.0);
        }
    }
    seed
}

fn aim(target: &JsValue, model: &Model<'_>, scores: &[f32]) -> Result<Aim, Refusal> {
    match target.as_string().as_deref() {
        Some("top") => return Ok(Aim::Top),
        Some("all") => return Ok(Aim::All),
        _ => {}
    }
    if !target.is_object() {
        return Ok(Aim::Class(class(target, model)?));
    }
    let options = Options::new("target", target.clone(), &["class", "not"])?;
    let of = |key: &str| {
        let given = options.get(key).ok_or_else(|| Refusal::Argument(format!("target needs {key}")))?;
        match given.as_string().as_deref() {
            Some("top") => Ok(arg_max(scores).unwrap_or(0)),
            _ => class(&given, model),
        }
    };
    Ok(Aim::Contrast(of("class")?, of("not")?))
}

/// A class by number or label.
fn class(given: &JsValue, model: &Model<'_>) -> Result<usize, Refusal> {
    if let Some(class) = index(given) {
        return Ok(class);
    }
    let Some(label) = given.as_string() else {
        return Err(Refusal::argument("a class is a number or a label"));
    };
    let port = model.output(0);
    let found = (0..port.labels).find(|class| model.label(&port, *class) == label);
    found.ok_or_else(|| Refusal::Argument(format!("there is no class `{label}`")))
}
