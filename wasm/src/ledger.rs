//! The books of an explanation, for JavaScript: in floats, and in exact integers where relevance was of integers.

use crate::object::{array, number, object};
use crate::rules;
use crate::session::{Books, Exact};
use js_sys::BigInt;
use relprop::{Composite, Entry, Model, Whole};
use wasm_bindgen::JsValue;

/// What was explained, and by which rules.
pub struct Of<'a> {
    /// The model, at the length of the run.
    pub model: Model<'a>,
    /// The rules.
    pub composite: &'a Composite<'a>,
}

impl Of<'_> {
    /// What an entry is about: the step, what it does, its rule.
    fn step(&self, index: usize) -> [JsValue; 3] {
        let step = self.model.step(index);
        let rule = self.composite.choose(&self.model, index).ok().flatten();
        let rule = rule.map_or(JsValue::NULL, |choice| rules::name(&choice.rule).into());
        [self.model.step_name(&step).into(), step.op.name().into(), rule]
    }

    /// The entry of the sums is about none.
    fn none() -> [JsValue; 3] {
        ["".into(), "".into(), JsValue::NULL]
    }
}

/// Books in real numbers.
pub fn in_floats(of: &Of<'_>, books: &Books<Entry, f32>) -> JsValue {
    let entries = books.entries.iter().enumerate().map(|(i, entry)| real(of.step(i), entry));
    object([
        ("seeded", books.totals.arrived.into()),
        ("received", books.totals.left.into()),
        ("imbalance", books.imbalance.into()),
        ("entries", array(entries)),
        ("totals", real(Of::none(), &books.totals)),
    ])
}

/// Books in integers.
pub fn in_integers(of: &Of<'_>, exact: &Exact) -> JsValue {
    let books = &exact.books;
    let entries = books.entries.iter().enumerate().map(|(i, entry)| whole(of.step(i), entry));
    object([
        ("unit", exact.unit.into()),
        ("seeded", integer(books.totals.arrived)),
        ("received", integer(books.totals.left)),
        ("imbalance", integer(books.imbalance)),
        ("entries", array(entries)),
        ("totals", whole(Of::none(), &books.totals)),
    ])
}

/// A figure may need more than the 53 bits of a number.
fn integer(value: i64) -> JsValue {
    BigInt::from(value).into()
}

fn real([step, op, rule]: [JsValue; 3], entry: &Entry) -> JsValue {
    object([
        ("step", step),
        ("op", op),
        ("rule", rule),
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

fn whole([step, op, rule]: [JsValue; 3], entry: &Whole) -> JsValue {
    object([
        ("step", step),
        ("op", op),
        ("rule", rule),
        ("arrived", integer(entry.arrived)),
        ("left", integer(entry.left)),
        ("bias", integer(entry.bias)),
        ("stabilizer", integer(entry.stabilizer)),
        ("dropped", integer(entry.dropped)),
        ("rounding", integer(entry.rounding)),
        ("peak", integer(entry.peak)),
        ("saturated", integer(entry.saturated)),
    ])
}
