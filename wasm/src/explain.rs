//! An explanation: what is asked for, and what is answered.

use crate::object::{Options, array, count, number, object};
use crate::refusal::Refusal;
use crate::rules::{self, Ends, GRADIENT_X_INPUT, RuleOption};
use crate::target::Wanted;
use crate::{scores, words};
use js_sys::Float32Array;
use relprop::{Bound, Composite, Entry, Explanation, Ledger, Model, Override, Session, Target};
use wasm_bindgen::JsValue;

/// What the network was run on, and what it said.
#[derive(Default)]
pub struct Given {
    /// The first input, in the kernel's order, where it is of numbers.
    pub input: Vec<f32>,
    /// The text, where it is one.
    pub text: Option<String>,
    /// The scores of the first output.
    pub scores: Vec<f32>,
}

/// What is asked for.
pub struct Asked {
    wanted: Wanted,
    composite: String,
    rules: Vec<RuleOption>,
    low: Ends,
    high: Ends,
    condition: bool,
}

const KEYS: [&str; 7] = ["target", "seed", "composite", "rules", "low", "high", "condition"];

impl Asked {
    /// Reads the options.
    ///
    /// # Errors
    /// One is unknown or not what it should be, or a box is needed and missing.
    pub fn read(options: JsValue, model: &Model<'_>, given: &Given) -> Result<Self, Refusal> {
        let options = Options::new("options", options, &KEYS)?;
        let composite = options.text("composite")?.unwrap_or_else(|| "epsilon_plus".to_owned());
        let [low, high] = ends(&options, model, rules::needs_box(&composite))?;
        let is_gradient = matches!(composite.as_str(), "gradient" | GRADIENT_X_INPUT | "guided_backprop" | "deconvnet");
        if composite == GRADIENT_X_INPUT && !given.scores.is_empty() && (given.input.is_empty() || model.inputs() > 1) {
            return Err(Refusal::argument("gradient_x_input needs one input of numbers"));
        }
        Ok(Self {
            wanted: Wanted::read(&options, model, &given.scores, is_gradient)?,
            rules: rules::read(&options, model)?,
            condition: options.get("condition").is_some_and(|value| value.is_truthy()),
            composite,
            low,
            high,
        })
    }
}

/// The box of the inputs: as given, else as the model says.
fn ends(options: &Options<'_>, model: &Model<'_>, needed: bool) -> Result<[Ends; 2], Refusal> {
    let range = model.input(0).range;
    if needed && range.is_none() && (options.get("low").is_none() || options.get("high").is_none()) {
        return Err(Refusal::argument("this composite needs low and high: the model does not say its range"));
    }
    let (low, high) = range.unwrap_or_default();
    let end = |key, stored| Ok::<_, Refusal>(Ends::read(options, key, model)?.unwrap_or(Ends::Uniform(stored)));
    Ok([end("low", low)?, end("high", high)?])
}

/// Explains the last run.
///
/// # Errors
/// As the kernel says, or the composite is unknown.
pub fn explain(session: &mut Session<'_, '_>, given: &Given, asked: &Asked) -> Result<JsValue, Refusal> {
    let model = *session.model();
    let (low, high): (Bound<'_>, Bound<'_>) = (asked.low.bound(), asked.high.bound());
    let overrides: Vec<Override<'_>> = asked.rules.iter().map(RuleOption::as_override).collect();
    let composite = Composite { measure_condition: asked.condition, ..Composite::default() }.with(&overrides);
    let composite = Composite { preset: rules::preset(&asked.composite, low, high)?, ..composite };
    let explanation = session.explain(&Target { output: 0, seed: asked.wanted.seed() }, &composite)?;
    Ok(answer(&model, &explanation, given, asked))
}

fn answer(model: &Model<'_>, explanation: &Explanation<'_>, given: &Given, asked: &Asked) -> JsValue {
    let mut relevances: Vec<Vec<f32>> =
        (0..model.inputs()).map(|input| explanation.relevance_of(input).to_vec()).collect();
    let times_input = asked.composite == GRADIENT_X_INPUT;
    if let (true, Some(first)) = (times_input, relevances.first_mut()) {
        first.iter_mut().zip(&given.input).for_each(|(r, x)| *r *= x);
    }
    let first = relevances.first().map_or(&[][..], Vec::as_slice);
    let tokens = given.text.as_ref().map_or(JsValue::NULL, |text| words::words(model, text, first));
    let arrays: Vec<JsValue> = relevances.iter().enumerate().map(|(i, r)| in_user_layout(model, i, r)).collect();
    let (class, not) = asked.wanted.classes(&given.scores);
    object([
        ("relevance", arrays.first().cloned().unwrap_or(JsValue::NULL)),
        ("relevances", array(arrays)),
        ("scores", scores::scores(model, &given.scores)),
        ("class", class.map_or(JsValue::NULL, count)),
        ("not", not.map_or(JsValue::NULL, count)),
        ("value", explanation.value().into()),
        ("ledger", if times_input { JsValue::NULL } else { ledger(model, &explanation.ledger()) }),
        ("tokens", tokens),
    ])
}

fn in_user_layout(model: &Model<'_>, input: usize, kernel: &[f32]) -> JsValue {
    let mut user = kernel.to_vec();
    model.input(input).to_user(kernel, &mut user);
    Float32Array::from(user.as_slice()).into()
}

fn ledger(model: &Model<'_>, ledger: &Ledger<'_>) -> JsValue {
    let entries = ledger.entries().enumerate().map(|(i, entry)| {
        let step = model.step(i);
        books(model.step_name(&step), step.op.name(), &entry)
    });
    object([
        ("seeded", ledger.seeded().into()),
        ("received", ledger.received().into()),
        ("imbalance", ledger.imbalance().into()),
        ("entries", array(entries)),
        ("totals", books("", "", &ledger.totals())),
    ])
}

/// One line of the books.
fn books(step: &str, op: &str, entry: &Entry) -> JsValue {
    object([
        ("step", step.into()),
        ("op", op.into()),
        ("arrived", entry.arrived.into()),
        ("left", entry.left.into()),
        ("bias", entry.bias.into()),
        ("stabilizer", entry.stabilizer.into()),
        ("dropped", entry.dropped.into()),
        ("rounding", entry.rounding.into()),
        ("peak", entry.peak.into()),
        ("condition", number(Some(entry.condition))),
    ])
}
