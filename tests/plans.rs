//! Wherever a plan lets things lie: if it is accepted, what is computed there is what every plan computes.
//!
//! Plans are changed at random: something is moved to where something else lies, or near it, or is said to live for a
//! shorter time. A check that lets a wrong plan pass shows here as other bits.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use relprop::model::format::{ALIGNMENT, NONE_32, Section, header, plan};
use relprop::plan::{overlay_lead, value_lead};
use relprop::step::Shape;
use relprop::{Composite, Fixed, Mode, Model, Preset, Session, Target};
use relprop_convert::quantize::{QuantizeOptions, quantize};
use relprop_convert::{Image, Network, emit};
use std::cell::Cell;
use support::cases::cases;
use support::kernel::{self, slices};
use support::mutate::repair;
use support::networks::Case;
use support::networks::graphs::graph;
use support::networks::kinds::Kind;
use support::networks::layers::any_of;
use support::networks::numbers::{Numbers, Style};

/// A change of a plan.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Something lies where something else does, or so many steps of the alignment behind that.
    Move(usize, usize, isize),
    /// The relevance of a step's first operand and what it may overlay, its value or the relevance of the step's output, lie
    /// behind everything else and as far apart as they must, or so many steps of the alignment farther.
    Overlay(usize, bool, isize),
    /// The value or the relevance of a tensor lives from later on, or less long.
    Shorten(usize, bool, usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let near = prop_oneof![2 => Just(0_isize), 5 => -6_isize..=6, 3 => -128_isize..=128];
    let change = prop_oneof![
        6 => (any::<usize>(), any::<usize>(), near).prop_map(|(a, b, by)| Change::Move(a, b, by)),
        4 => (any::<usize>(), any::<bool>(), -3_isize..=1).prop_map(|(step, value, by)| Change::Overlay(step, value, by)),
        1 => (any::<usize>(), any::<bool>(), 1_usize..4).prop_map(|(t, first, by)| Change::Shorten(t, first, by)),
    ];
    prop::collection::vec(change, 1..=2)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The table of a mode.
struct Table {
    start: usize,
    tensors: usize,
    steps: usize,
    /// The tensor whose memory each tensor has.
    storage: Vec<usize>,
}

impl Table {
    fn new(model: &Model<'_>, mode: Mode) -> Self {
        let (tensors, steps) = (model.tensors(), model.steps());
        let first = word(model.image(), header::SECTIONS + 8 * Section::Plans as usize) as usize;
        let start = first + mode as usize * plan::table_size(tensors, steps);
        Self { start, tensors, steps, storage: (0..tensors).map(|t| model.storage(t)).collect() }
    }

    fn entry(&self, tensor: usize) -> usize {
        self.start + plan::HEAD + tensor * plan::ENTRY
    }

    /// Where the offsets of things are written: of one thing the same offset may be written several times.
    fn offsets(&self) -> Vec<Vec<usize>> {
        let mut all = vec![vec![self.start + plan::LEDGER]];
        for field in [plan::VALUE_OFFSET, plan::RELEVANCE_OFFSET] {
            for root in 0..self.tensors {
                let sharing = (0..self.tensors).filter(|&t| self.storage[t] == root);
                all.push(sharing.map(|t| self.entry(t) + field).collect());
            }
        }
        let scratches = self.entry(self.tensors);
        all.extend((0..self.steps * plan::SCRATCH / 4).map(|k| vec![scratches + 4 * k]));
        all
    }

    /// Writes an offset for a tensor, and for all that share its memory.
    fn place(&self, tensor: usize, field: usize, offset: usize, bytes: &mut [u8]) {
        for t in (0..self.tensors).filter(|&t| self.storage[t] == self.storage[tensor]) {
            let at = self.entry(t) + field;
            bytes[at..at + 4].copy_from_slice(&(offset as u32).to_le_bytes());
        }
    }

    fn apply(&self, model: &Model<'_>, change: Change, bytes: &mut [u8]) {
        match change {
            Change::Overlay(step, value, by) => {
                let step = model.step(step % self.steps);
                let sink = model.operand(&step, 0);
                let (lead, source, field) = if value {
                    (value_lead(model, &step), sink, plan::VALUE_OFFSET)
                } else {
                    (overlay_lead(model, &step), step.output, plan::RELEVANCE_OFFSET)
                };
                let Some(lead) = lead.filter(|_| word(bytes, self.entry(sink) + plan::RELEVANCE_OFFSET) != NONE_32)
                else {
                    return;
                };
                let step = ALIGNMENT as isize;
                let ahead = (lead.div_euclid(step) + isize::from(lead.rem_euclid(step) > 0) + by) * step;
                let end = word(bytes, self.start + plan::ARENA) as usize + ahead.min(0).unsigned_abs();
                self.place(sink, plan::RELEVANCE_OFFSET, end, bytes);
                self.place(source, field, end.wrapping_add_signed(ahead), bytes);
            }
            Change::Move(a, b, by) => {
                let mut things = self.offsets();
                things.retain(|places| places.first().is_some_and(|at| word(bytes, *at) != NONE_32));
                let (Some(a), Some(b)) = (things.get(a % things.len()), things.get(b % things.len())) else { return };
                let to = word(bytes, b[0]) as isize + by * ALIGNMENT as isize;
                let to = u32::try_from(to).unwrap_or(0);
                for at in a {
                    bytes[*at..at + 4].copy_from_slice(&to.to_le_bytes());
                }
            }
            Change::Shorten(tensor, first, by) => {
                let root = self.storage[tensor % self.tensors];
                for t in (0..self.tensors).filter(|&t| self.storage[t] == root) {
                    for [from, to] in
                        [[plan::VALUE_FIRST, plan::VALUE_LAST], [plan::RELEVANCE_FIRST, plan::RELEVANCE_LAST]]
                    {
                        let at = self.entry(t) + if first { from } else { to };
                        let time = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
                        let by = by as u16;
                        let time = if first { time.saturating_add(by) } else { time.saturating_sub(by) };
                        bytes[at..at + 2].copy_from_slice(&time.to_le_bytes());
                    }
                }
            }
        }
    }
}

/// Another plan for a mode, with room behind the arena; `None` where nothing was to be changed.
fn changed(image: &Image, mode: Mode, changes: &[Change]) -> Option<Image> {
    let model = image.model().unwrap();
    let table = Table::new(&model, mode);
    let mut bytes = image.bytes().to_vec();
    for change in changes {
        table.apply(&model, *change, &mut bytes);
    }
    if bytes == image.bytes() {
        return None;
    }
    let arena = word(&bytes, table.start + plan::ARENA) + 1024 * ALIGNMENT as u32;
    bytes[table.start + plan::ARENA..][..4].copy_from_slice(&arena.to_le_bytes());
    repair(&mut bytes);
    Some(Image::from_bytes(&bytes))
}

/// Twice, so that an inference is repeated over what an explanation has left.
fn in_floats(model: &Model<'_>, inputs: &[Vec<f32>], mode: Mode, composite: &Composite<'_>) -> Vec<Vec<u32>> {
    let mut arena = kernel::arena(model, mode);
    let mut session = Session::new(model, &mut arena, mode).unwrap();
    session.run_all(&slices(inputs)).unwrap();
    if !mode.explains() {
        let values = (0..model.outputs()).map(|i| session.output(i).unwrap().iter().collect::<Vec<f32>>());
        return values.map(|values| kernel::bits(&values)).collect();
    }
    // A preset may have no rule for a step.
    let mut explain =
        || kernel::explain_in(&mut session, &Target::TOP, composite).map_or(Vec::new(), |seen| seen.bits());
    vec![explain(), explain()]
}

/// The same in integers; nothing of networks that need floats.
fn in_integers(model: &Model<'_>, inputs: &[Vec<f32>], mode: Mode, composite: &Composite<'_>) -> Vec<Vec<i32>> {
    let mut arena = kernel::arena(model, mode);
    let Ok(mut session) = Session::<Fixed>::new_fixed(model, &mut arena, mode) else { return Vec::new() };
    let quantized = |(i, input): (usize, &Vec<f32>)| {
        let tensor = model.tensor(model.input(i).tensor);
        input.iter().map(|x| tensor.quantized(*x)).collect::<Vec<i8>>()
    };
    let q: Vec<Vec<i8>> = inputs.iter().enumerate().map(quantized).collect();
    session.run_int8(&q.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    let mut seen = Vec::new();
    for _ in 0..if mode.explains() { 2 } else { 0 } {
        let shown = session.explain_with(&Target::TOP, composite, |tensor| seen.push(tensor.relevance.to_vec()));
        let Ok(why) = shown else { return Vec::new() };
        let books = why.ledger().entries().flat_map(|e| [e.arrived, e.left, e.bias, e.stabilizer, e.dropped]);
        let books: Vec<i32> = books.map(|figure| figure as i32).collect();
        seen.push(books);
    }
    seen
}

/// Whether another plan was accepted; if so, what comes of it is held against what comes of the other.
fn check(image: &Image, inputs: &[Vec<f32>], mode: Mode, changes: &[Change]) -> Result<Option<bool>, TestCaseError> {
    let Some(other) = changed(image, mode, changes) else { return Ok(None) };
    let (model, Ok(other)) = (image.model().unwrap(), other.model()) else { return Ok(Some(false)) };
    for composite in [Preset::EpsilonPlus, Preset::EpsilonAlpha2Beta1].map(Composite::new) {
        let [wanted, got] = [&model, &other].map(|model| in_floats(model, inputs, mode, &composite));
        prop_assert_eq!(wanted, got);
        let [wanted, got] = [&model, &other].map(|model| in_integers(model, inputs, mode, &composite));
        prop_assert_eq!(wanted, got);
    }
    Ok(Some(true))
}

prop_compose! {
    /// A dense layer of more outputs than are worked on together.
    fn wide()(inputs in 1_usize..=40, outputs in 33_usize..=70, seed: u64) -> Case {
        let (mut network, mut numbers) = (Network::named("wide"), Numbers::new(seed, Style::Smooth));
        let x = network.input("x", Shape::new(1, 1, inputs));
        let y = network.dense(x, outputs, &numbers.list(outputs * inputs), &numbers.bias(outputs));
        network.output(y);
        Case { network, inputs: vec![numbers.list(inputs)], step: 0 }
    }
}

/// Plans of images that are made of graphs; some must be accepted and some refused, or else nothing was tested.
fn try_plans(image_of: impl Fn(&Case) -> Image) {
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    let mode = prop::sample::select(Mode::ALL.to_vec());
    let layer = any_of(Kind::all()).prop_map(|(_, case)| case);
    let networks = prop_oneof![6 => graph(), 2 => layer, 1 => wide()];
    let plans = (networks, mode, prop::collection::vec(changes(), 24));
    let ran = TestRunner::new(cases(512)).run(&plans, |(case, mode, plans)| {
        let image = image_of(&case);
        for changes in plans {
            match check(&image, &case.inputs, mode, &changes)? {
                Some(true) => accepted.set(accepted.get() + 1),
                Some(false) => refused.set(refused.get() + 1),
                None => {}
            }
        }
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    println!("{} plans accepted, {} refused", accepted.get(), refused.get());
    assert!(accepted.get() > 200 && refused.get() > 200);
}

#[test]
fn an_accepted_plan_changes_no_bit_of_floats() {
    try_plans(Case::image);
}

#[test]
fn an_accepted_plan_changes_no_bit_of_int8() {
    try_plans(|case| {
        let quantized = quantize(&case.network, std::slice::from_ref(&case.inputs), &QuantizeOptions::default());
        emit(&quantized.expect("a graph can be quantised").network).expect("an image")
    });
}
