//! What `explain` found, for machines.

use crate::books::{Books, ExactBooks};
use crate::classes::Classes;
use crate::engine::Outcome;
use crate::input::{index_of, user_dims};
use crate::sentence::{Sentence, Spoken};
use crate::session::Words;
use crate::start::Start;
use relprop::{Composite, Model, Whole};
use serde::Serialize;

/// How many inputs of large relevance are named.
const TOP: usize = 10;

/// `explain --json`
#[derive(Serialize)]
pub struct Report {
    /// As the user calls it.
    pub model: String,
    /// As the user calls it.
    pub input: String,
    /// The method.
    pub composite: String,
    /// Overrides, as typed.
    pub rules: Vec<String>,
    /// Name of the output.
    pub output: String,
    /// `logit` or `one`.
    pub seed_relevance: &'static str,
    /// `f32` or `fixed`.
    pub relevance: &'static str,
    /// One per item of the batch.
    pub items: Vec<Item>,
    /// What was written.
    pub files: Vec<String>,
}

/// One item.
#[derive(Serialize)]
pub struct Item {
    class: Option<usize>,
    label: Option<String>,
    contrast: Option<usize>,
    value: f32,
    scores: Vec<f32>,
    relevance_sum: f32,
    /// The largest relevances.
    pub top: Vec<Top>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<Spoken>>,
    ledger: Option<Totals>,
    /// Only where relevance is of integers.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<Exact>,
}

/// The integers behind an explanation.
#[derive(Serialize)]
struct Exact {
    /// What one unit of each input's relevance is worth.
    units: Vec<Unit>,
    ledger: ExactTotals,
}

#[derive(Serialize)]
struct Unit {
    input: String,
    unit: f32,
}

/// One input and its relevance.
#[derive(Serialize)]
pub struct Top {
    /// Name of the model's input.
    pub input: String,
    /// Where it is in the layout of the exported model.
    pub index: Vec<usize>,
    /// Its value.
    pub value: f32,
    /// Its relevance.
    pub relevance: f32,
    /// The integer that this was, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<i32>,
}

/// The ledger, summed over the steps.
#[derive(Serialize)]
pub struct Totals {
    seeded: f32,
    received: f32,
    bias: f32,
    stabilizer: f32,
    dropped: f32,
    rounding: f32,
    imbalance: f32,
    amplification: f32,
    condition: Option<f32>,
}

/// The same in integers.
#[derive(Serialize)]
struct ExactTotals {
    /// What one unit of these is worth.
    unit: f32,
    seeded: i64,
    received: i64,
    bias: i64,
    stabilizer: i64,
    dropped: i64,
    rounding: i64,
    /// Zero.
    imbalance: i64,
    /// Elements that did not fit.
    saturated: i64,
}

/// `--ledger`, for one item.
#[derive(Serialize)]
pub struct LedgerFile {
    class: Option<usize>,
    label: Option<String>,
    totals: Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<ExactTotals>,
    steps: Vec<StepEntry>,
}

/// The books of one step.
#[derive(Serialize)]
pub struct StepEntry {
    step: String,
    op: &'static str,
    rule: Option<String>,
    arrived: f32,
    left: f32,
    bias: f32,
    stabilizer: f32,
    dropped: f32,
    rounding: f32,
    peak: f32,
    condition: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<ExactEntry>,
}

/// The books of one step in integers.
#[derive(Serialize)]
pub struct ExactEntry {
    arrived: i64,
    left: i64,
    bias: i64,
    stabilizer: i64,
    dropped: i64,
    rounding: i64,
    peak: i64,
    saturated: i64,
}

impl From<&Whole> for ExactEntry {
    fn from(entry: &Whole) -> Self {
        let Whole { arrived, left, bias, stabilizer, dropped, rounding, peak, saturated } = *entry;
        Self { arrived, left, bias, stabilizer, dropped, rounding, peak, saturated }
    }
}

impl From<&ExactBooks> for ExactTotals {
    fn from(books: &ExactBooks) -> Self {
        let Whole { arrived, left, bias, stabilizer, dropped, rounding, saturated, .. } = books.totals;
        let (unit, imbalance) = (books.unit, books.imbalance);
        Self { unit, seeded: arrived, received: left, bias, stabilizer, dropped, rounding, imbalance, saturated }
    }
}

impl Exact {
    fn new(model: &Model<'_>, outcome: &Outcome) -> Option<Self> {
        let books = outcome.books.as_ref()?.exact.as_ref()?;
        let unit =
            |(i, words): (usize, &Words)| Unit { input: model.port_name(&model.input(i)).to_owned(), unit: words.unit };
        Some(Self { units: outcome.exact.iter().enumerate().map(unit).collect(), ledger: books.into() })
    }
}

impl Item {
    /// Reports an item.
    pub fn new(model: &Model<'_>, classes: &Classes, inputs: &[Vec<f32>], scores: &[f32], outcome: &Outcome) -> Self {
        let start = &outcome.start;
        Self {
            class: start.class,
            label: start.class.and_then(|class| classes.label(class)).map(str::to_owned),
            contrast: start.contrast,
            value: start.value,
            scores: scores.to_vec(),
            relevance_sum: outcome.relevance_sum(),
            top: top(model, inputs, outcome),
            text: None,
            words: None,
            ledger: outcome.books.as_ref().map(|books| Totals::new(books, start)),
            exact: Exact::new(model, outcome),
        }
    }
}

impl Item {
    /// The same, of a text.
    pub fn of_text(self, sentence: Option<&Sentence>, outcome: &Outcome) -> Self {
        let relevance = outcome.relevance.first().map_or(&[][..], Vec::as_slice);
        let text = sentence.map(|sentence| sentence.text.clone());
        Self { text, words: sentence.map(|sentence| sentence.spoken(relevance)), ..self }
    }
}

impl Totals {
    fn new(books: &Books, start: &Start) -> Self {
        let t = &books.totals;
        Self {
            seeded: t.arrived,
            received: t.left,
            bias: t.bias,
            stabilizer: t.stabilizer,
            dropped: t.dropped,
            rounding: t.rounding,
            imbalance: books.imbalance,
            amplification: start.amplification(t.peak),
            condition: finite(t.condition),
        }
    }
}

impl LedgerFile {
    /// The books of an item; `None` for methods that keep none.
    pub fn new(model: &Model<'_>, classes: &Classes, composite: &Composite<'_>, outcome: &Outcome) -> Option<Self> {
        let books = outcome.books.as_ref()?;
        let (start, exact) = (&outcome.start, books.exact.as_ref());
        let steps = books.entries.iter().enumerate().map(|(i, entry)| {
            let step = model.step(i);
            StepEntry {
                step: model.step_name(&step).to_owned(),
                op: step.op.name(),
                rule: crate::spec::rule_of(model, composite, i).ok().flatten(),
                arrived: entry.arrived,
                left: entry.left,
                bias: entry.bias,
                stabilizer: entry.stabilizer,
                dropped: entry.dropped,
                rounding: entry.rounding,
                peak: entry.peak,
                condition: finite(entry.condition),
                exact: exact.and_then(|books| books.entries.get(i)).map(ExactEntry::from),
            }
        });
        Some(Self {
            class: start.class,
            label: start.class.and_then(|class| classes.label(class)).map(str::to_owned),
            totals: Totals::new(books, start),
            exact: exact.map(ExactTotals::from),
            steps: steps.collect(),
        })
    }
}

fn finite(value: f32) -> Option<f32> {
    value.is_finite().then_some(value)
}

/// The model at the length of a sequence that it was fed with.
fn at_length_of<'m>(model: &Model<'m>, inputs: &[Vec<f32>]) -> Model<'m> {
    let row = model.tensor(model.input(0).tensor).shape.row();
    inputs.first().map_or(*model, |input| model.at_length(input.len() / row.max(1)))
}

/// The inputs with the largest relevance, over all inputs of the model.
fn top(model: &Model<'_>, inputs: &[Vec<f32>], outcome: &Outcome) -> Vec<Top> {
    let model = &at_length_of(model, inputs);
    let mut largest: Vec<(usize, usize, f32)> = outcome
        .relevance
        .iter()
        .enumerate()
        .flat_map(|(input, relevance)| relevance.iter().enumerate().map(move |(at, r)| (input, at, *r)))
        .collect();
    // Stable, so that equals stay in order.
    largest.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
    largest.truncate(TOP);
    largest
        .into_iter()
        .map(|(input, at, relevance)| {
            let port = model.input(input);
            let dims = user_dims(&port);
            let mut user_of: Vec<usize> = (0..dims.iter().product()).collect();
            let numbers = user_of.clone();
            port.to_kernel(&numbers, &mut user_of);
            let user = user_of.get(at).copied().unwrap_or(at);
            Top {
                input: model.port_name(&port).to_owned(),
                index: index_of(dims, user),
                value: inputs.get(input).and_then(|values| values.get(at)).copied().unwrap_or_default(),
                relevance,
                exact: outcome.exact.get(input).and_then(|exact| exact.words.get(at)).copied(),
            }
        })
        .collect()
}
