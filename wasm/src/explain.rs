//! An explanation: what is asked for, and what is answered.

use crate::ledger::{self, Of};
use crate::object::{Options, array, count, object};
use crate::refusal::Refusal;
use crate::rules::{self, Ends, GRADIENT_X_INPUT, RuleOption};
use crate::session::{Exact, Open, Passed};
use crate::target::Wanted;
use crate::{scores, words};
use js_sys::{Float32Array, Int32Array};
use relprop::{Bound, Composite, Model, Override, Target};
use wasm_bindgen::JsValue;

/// What the network was run on, and what it said.
#[derive(Default)]
pub struct Given {
    /// The first input, in the kernel's order, where it is of numbers.
    pub input: Vec<f32>,
    /// The tokens, where it is of tokens.
    pub tokens: Vec<u16>,
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
    layers: bool,
}

const KEYS: [&str; 8] = ["target", "seed", "composite", "rules", "low", "high", "condition", "layers"];

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
            condition: options.is_set("condition"),
            layers: options.is_set("layers"),
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
pub fn explain(session: &mut Open<'_>, given: &Given, asked: &Asked) -> Result<JsValue, Refusal> {
    let model = *session.model();
    let (low, high): (Bound<'_>, Bound<'_>) = (asked.low.bound(), asked.high.bound());
    let overrides: Vec<Override<'_>> = asked.rules.iter().map(RuleOption::as_override).collect();
    let composite = Composite { measure_condition: asked.condition, ..Composite::default() }.with(&overrides);
    let composite = Composite { preset: rules::preset(&asked.composite, low, high)?, ..composite };
    let target = Target { output: 0, seed: asked.wanted.seed() };
    let passed = session.explain(&target, &composite, asked.layers)?;
    Ok(answer(&Of { model, composite: &composite }, passed, given, asked))
}

fn answer(of: &Of<'_>, mut passed: Passed, given: &Given, asked: &Asked) -> JsValue {
    let model = &of.model;
    let times_input = asked.composite == GRADIENT_X_INPUT;
    if let (true, Some(first)) = (times_input, passed.relevances.first_mut()) {
        first.iter_mut().zip(&given.input).for_each(|(r, x)| *r *= x);
    }
    let first = passed.relevances.first().map_or(&[][..], Vec::as_slice);
    let tokens = given.text.as_ref().map_or(JsValue::NULL, |text| words::words(model, text, first));
    let arrays: Vec<JsValue> = passed
        .relevances
        .iter()
        .enumerate()
        .map(|(i, r)| Float32Array::from(in_user_layout(model, i, r).as_slice()).into())
        .collect();
    let (class, not) = asked.wanted.classes(&given.scores);
    let exact = passed.exact.filter(|_| !times_input);
    object([
        ("relevance", arrays.first().cloned().unwrap_or(JsValue::NULL)),
        ("relevances", array(arrays)),
        ("scores", scores::scores(model, &given.scores)),
        ("class", class.map_or(JsValue::NULL, count)),
        ("not", not.map_or(JsValue::NULL, count)),
        ("value", passed.value.into()),
        ("ledger", if times_input { JsValue::NULL } else { ledger::in_floats(of, &passed.books) }),
        ("exact", exact.map_or(JsValue::NULL, |exact| integers(of, &exact))),
        ("layers", if asked.layers { layers(model, &passed.layers) } else { JsValue::NULL }),
        ("tokens", tokens),
    ])
}

/// The integers behind an explanation.
fn integers(of: &Of<'_>, exact: &Exact) -> JsValue {
    let words = exact.relevances.iter().enumerate();
    let arrays: Vec<JsValue> =
        words.map(|(i, (words, _))| Int32Array::from(in_user_layout(&of.model, i, words).as_slice()).into()).collect();
    object([
        ("relevance", arrays.first().cloned().unwrap_or(JsValue::NULL)),
        ("relevances", array(arrays)),
        ("units", array(exact.relevances.iter().map(|(_, unit)| (*unit).into()))),
        ("ledger", ledger::in_integers(of, exact)),
    ])
}

/// Relevance that arrived at steps, in the order in which they run.
fn layers(model: &Model<'_>, layers: &[(usize, Vec<f32>)]) -> JsValue {
    array(layers.iter().rev().map(|(index, relevance)| {
        let step = model.step(*index);
        let shape = model.tensor(step.output).shape;
        object([
            ("position", count(*index)),
            ("step", model.step_name(&step).into()),
            ("op", step.op.name().into()),
            ("shape", array([shape.height, shape.width, shape.channels].map(count))),
            ("relevance", Float32Array::from(relevance.as_slice()).into()),
        ])
    }))
}

fn in_user_layout<T: Copy>(model: &Model<'_>, input: usize, kernel: &[T]) -> Vec<T> {
    let mut user = kernel.to_vec();
    model.input(input).to_user(kernel, &mut user);
    user
}
