//! Running and explaining whatever an image says. The figures may be anything; what counts is that it comes back.

use crate::kernel;
use crate::networks::choices::PRESETS;
use crate::networks::numbers::{Numbers, Style};
use relprop::rule::{Bias, Choice, Rule, Stabilizer};
use relprop::step::DType;
use relprop::{Composite, Limits, Mode, Model, Relevance, Select, Session, Target};
use relprop_convert::{Image, parse};

/// What a test has patience for: an image may describe a network of any size.
pub const LIMITS: Limits =
    Limits { image: 1 << 20, checks: 1 << 24, arena: 1 << 22, forward: 1 << 21, explain: 1 << 26 };

/// Numbers for inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// As activations are.
    Usual,
    /// As large as floats are, and as small.
    Extreme,
}

/// In every mode, by every composite.
pub fn exercise(bytes: &[u8]) {
    for mode in Mode::ALL {
        exercise_in(bytes, mode, 1, Inputs::Usual, PRESETS.len());
    }
}

/// In one mode, by so many composites, if the image is accepted: what is within the limits must run.
pub fn exercise_in(bytes: &[u8], mode: Mode, seed: u64, inputs: Inputs, composites: usize) {
    let image = Image::from_bytes(bytes);
    let Ok(model) = LIMITS.open(image.bytes(), mode) else { return };
    let _ = parse(&model);
    let mut arena = kernel::arena(&model, mode);
    if let Ok(mut session) = Session::new_fixed(&model, &mut arena, mode) {
        let given: Vec<Vec<i8>> = (0..model.inputs()).map(|i| integers(&model, i, seed)).collect();
        session.run_int8(&given.iter().map(Vec::as_slice).collect::<Vec<_>>()).expect("a checked image runs");
        explain(&mut session, seed as usize, composites);
    }
    let mut arena = kernel::arena(&model, mode);
    let mut session = Session::new(&model, &mut arena, mode).expect("a checked image has a session");
    if feed(&model, &mut session, seed, inputs) {
        explain(&mut session, seed as usize, composites);
    }
}

/// Whether there was something to feed it: tokens go to networks of one input only.
fn feed(model: &Model<'_>, session: &mut Session<'_, '_>, seed: u64, inputs: Inputs) -> bool {
    let tokens = |i| model.tensor(model.input(i).tensor).dtype == DType::Token;
    let mut numbers = Numbers::new(seed, Style::Smooth);
    if (0..model.inputs()).any(tokens) {
        let given = vec![(numbers.below(model.tokens())) as u16; elements(model, 0)];
        let ran = session.run_tokens(&given).is_ok();
        assert!(ran || model.inputs() > 1, "a checked image reads the tokens it knows");
        return ran;
    }
    let mut value = |extreme: bool| match numbers.below(if extreme { 6 } else { 1 }) {
        1 => f32::MAX,
        2 => f32::MIN,
        3 => f32::MIN_POSITIVE / 16.0,
        4 => -0.0,
        5 => 1e20,
        _ => numbers.one(),
    };
    let mut list = |i| (0..elements(model, i)).map(|_| value(inputs == Inputs::Extreme)).collect();
    let given: Vec<Vec<f32>> = (0..model.inputs()).map(&mut list).collect();
    session.run_all(&kernel::slices(&given)).expect("a checked image runs");
    true
}

fn elements(model: &Model<'_>, input: usize) -> usize {
    model.tensor(model.input(input).tensor).shape.elements()
}

fn integers(model: &Model<'_>, input: usize, seed: u64) -> Vec<i8> {
    let mut numbers = Numbers::new(seed, Style::Smooth);
    (0..elements(model, input)).map(|_| numbers.below(256) as u8 as i8).collect()
}

fn explain<R: Relevance>(session: &mut Session<'_, '_, R>, first: usize, count: usize) {
    let rough = [(
        Select::All,
        Choice::new(Rule::Gamma(0.5)).with_bias(Bias::Redistribute).with_stabilizer(Stabilizer::NormScale(0.1)),
    )];
    let composites = PRESETS.map(Composite::new);
    let picked = (0..count).map(|k| &composites[(first.wrapping_add(k)) % composites.len()]);
    for composite in picked.chain([&Composite::default().with(&rough).with_condition()]) {
        for output in 0..session.model().outputs() {
            if let Ok(explanation) = session.explain(&Target::TOP.at_output(output), composite) {
                let _ = (explanation.relevance().len(), explanation.unit_of(0), explanation.ledger().entries().count());
            }
        }
    }
}
