//! Every field of every record of an image: what is out of range is refused, with the record and the reason.
//!
//! The fields are those that `kernel/src/model/format.rs` describes: one without a row here fails the test.

mod rows;

use relprop::error::{Place, Reason};
use relprop::model::format::{MAGIC, Section, header};
use relprop::model::format::{plan, port, step, string, tensor};
use relprop::plan::Room;
use relprop::step::Shape;
use relprop::{Mode, Model};
use relprop_convert::network::Layer;
use relprop_convert::{EmitError, Network, emit};
use rows::hollow::{Hollow, hollow};
use rows::parts::parts;
use rows::places::{Disorder, InPlace, disorders, in_place};
use rows::signs::{Claim, Sign, claims};
use rows::{Base, Row, rows};
use std::collections::BTreeSet;
use support::mutate::repair;

/// Constants of the description that are no fields, and why.
const NO_FIELDS: [&str; 14] = [
    // Where the checksum starts, how large records are, and how many there are.
    "header::CRC_START",
    "header::SIZE",
    "tensor::SIZE",
    "step::SIZE",
    "port::SIZE",
    "string::SIZE",
    "plan::MODES",
    "plan::HEAD",
    "plan::ENTRY",
    // All flags together.
    "tensor::FLAGS_DEFINED",
    "step::FLAGS_DEFINED",
    "port::FLAGS_DEFINED",
    // Sizes of parameter blocks, which have rows as `step::PARAMS`.
    "lstm_int8::FACTORS",
    "lstm_int8::TABLE",
];

/// Names of parts of a parameter block or of attributes, whose rows are of `step::PARAMS` and `step::INTS`.
const PARTS: [&str; 3] = ["lstm_int8::STATE_FACTORS", "lstm_int8::OUTPUT_FACTOR", "lstm_int8::MOST_PLACES"];

/// Every constant of a module of the description.
fn described() -> BTreeSet<String> {
    let (mut module, mut names) = (String::new(), BTreeSet::new());
    for line in include_str!("../kernel/src/model/format.rs").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["pub", "mod", name, "{"] => (*name).clone_into(&mut module),
            ["}"] if !line.starts_with(' ') => module.clear(),
            ["pub", "const", name, ..] if !module.is_empty() && *name != "fn" => {
                names.insert(format!("{module}::{}", name.trim_end_matches(':')));
            }
            _ => {}
        }
    }
    names
}

#[test]
fn every_field_has_a_row() {
    let described = described();
    assert!(described.len() > 60, "the description is not understood: {described:?}");
    let rows = rows();
    let with_rows: BTreeSet<String> = rows.iter().map(|row| row.field.to_owned()).collect();
    let excused: BTreeSet<String> = NO_FIELDS.iter().chain(&PARTS).map(|name| (*name).to_owned()).collect();
    let missing: Vec<&String> = described.iter().filter(|f| !with_rows.contains(*f) && !excused.contains(*f)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    let unknown: Vec<&String> = with_rows.union(&excused).filter(|name| !described.contains(*name)).collect();
    assert!(unknown.is_empty(), "no such field: {unknown:?}");
}

#[test]
fn every_value_out_of_range_is_refused_by_name() {
    let mut wrong = Vec::new();
    for row in rows() {
        let bytes = row.base.image();
        assert_eq!(Model::new(&bytes).err(), None, "{:?} is sound", row.base);
        let got = refused(&row, bytes);
        let wanted = Some((row.place, row.index, row.reason));
        if got != wanted {
            wrong.push(format!("{} = {:?} of {:?}: {got:?}, not {wanted:?}", row.field, row.value, row.base));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn parts_that_do_not_fit_together_are_refused_by_name() {
    let mut wrong = Vec::new();
    for part in parts() {
        let got = match emit(&part.network) {
            Ok(image) => Model::new(image.bytes()).err().map(|error| (error.place, error.index, error.reason)),
            Err(EmitError::Invalid(error)) => Some((error.place, error.index, error.reason)),
            Err(error) => panic!("{}: {error}", part.what),
        };
        if got != part.refused {
            wrong.push(format!("{}: {got:?}, not {:?}", part.what, part.refused));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The claim is made and withdrawn for the output, and withdrawn for each input by itself.
#[test]
fn never_negative_is_what_cannot_be() {
    for Claim { what, network, sign } in claims() {
        let sound = emit(&network).unwrap_or_else(|error| panic!("{what}: {error}"));
        let last = network.steps.len() - 1;
        let Layer { operands, output, .. } = &network.steps[last];
        let claimed = |tensor| sound.model().unwrap().tensor(tensor).non_negative;
        assert!(operands.iter().all(|&input| claimed(input)), "{what}: the inputs are never negative");
        assert_eq!(claimed(*output), sign != Sign::Never, "{what}: what the converter says");
        let refused = |withdrawn: Option<usize>| {
            let mut bytes = sound.bytes().to_vec();
            flag(&mut bytes, *output, |flags| flags | tensor::NON_NEGATIVE);
            if let Some(input) = withdrawn {
                flag(&mut bytes, input, |flags| flags & !tensor::NON_NEGATIVE);
            }
            repair(&mut bytes);
            Model::new(&bytes).err().map(|error| (error.place, error.index, error.reason))
        };
        let sign_of = |holds: bool| (!holds).then_some((Place::Step, last, Reason::Sign));
        assert_eq!(refused(None), sign_of(sign != Sign::Never), "{what}");
        for &input in operands {
            assert_eq!(refused(Some(input)), sign_of(sign == Sign::Always), "{what}, where {input} may be negative");
        }
    }
}

#[test]
fn headers_of_wrong_sizes_are_refused() {
    for Hollow { what, mut bytes, refused } in hollow() {
        repair(&mut bytes);
        let got = Model::new(&bytes).err().map(|error| (error.place, error.index, error.reason));
        assert_eq!(got, Some(refused), "{what}");
    }
}

#[test]
fn strings_outside_the_text_and_of_no_text_are_refused() {
    let bytes = Base::Floats.image();
    let ([strings, count], [text, len]) = (section(&bytes, Section::Strings), section(&bytes, Section::Text));
    let refused = |at, value: &[u8]| refused_with(bytes.clone(), at, value);
    // As long as all of the text, which it is not the first of.
    let length = strings + string::SIZE + string::LENGTH;
    assert_eq!(refused(length, &(len as u32).to_le_bytes()), Some((Place::String, 1, Reason::Bounds)));
    assert_eq!(refused(text, &[0xff]), Some((Place::String, 0, Reason::Text)));
    assert_eq!(refused(text, b"x"), None);
    // A name behind the last.
    let name = (count as u16).to_le_bytes();
    assert_eq!(refused(header::NAME, &name), Some((Place::Header, 0, Reason::Index)));
}

/// A user's tensor of other dimensions is as good, where its moments are the tensor's.
#[test]
fn users_may_have_other_dimensions() {
    let mut flat = Network::named("flat");
    let x = flat.input("x", Shape::new(4, 4, 4));
    let y = flat.relu(x);
    flat.output(y);
    flat.inputs[0].dims = vec![1, 64];
    let sequence = |most, channels, dims: &[usize]| {
        let mut network = Network::named(format!("{most} moments of {channels} as {dims:?}"));
        let x = network.sequence_input("x", most, channels);
        let y = network.relu(x);
        network.output(y);
        network.inputs[0].dims = dims.to_vec();
        network
    };
    for network in [flat, sequence(1, 3, &[3]), sequence(4, 2, &[4, 2]), sequence(5, 1, &[1, 5])] {
        let image = emit(&network).unwrap_or_else(|error| panic!("{}: {error}", network.name));
        assert_eq!(Model::new(image.bytes()).err(), None, "{}", network.name);
    }
    // Moments do not lie along the last of all axes.
    let refused = emit(&sequence(5, 1, &[1, 1, 1, 1, 1, 5])).err();
    let wanted = relprop::ImageError { place: Place::Port, index: 0, reason: Reason::Sequence };
    assert_eq!(refused, Some(EmitError::Invalid(wanted)));
}

#[test]
fn steps_out_of_order_are_refused() {
    for Disorder { what, network, refused: (place, index, reason) } in disorders() {
        let wanted = relprop::ImageError { place, index, reason };
        assert_eq!(emit(&network).err(), Some(EmitError::Invalid(wanted)), "{what}");
    }
}

/// Who may work in the memory of what it reads does so, and an image is refused where another step does.
#[test]
fn memory_is_shared_where_nothing_is_lost() {
    for InPlace { what, network, step, may } in in_place() {
        let image = emit(&network).unwrap_or_else(|error| panic!("{what}: {error}"));
        let Layer { operands, output, .. } = &network.steps[step];
        assert_eq!(image.model().unwrap().storage(*output) == operands[0], may, "{what}");
        let [first, _] = section(image.bytes(), Section::Tensors);
        let at = first + output * tensor::SIZE + tensor::STORAGE;
        let got = refused_with(image.bytes().to_vec(), at, &(operands[0] as u16).to_le_bytes());
        assert_eq!(got, (!may).then_some((Place::Tensor, *output, Reason::Storage)), "{what}");
    }
}

/// Something that a plan places.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Thing {
    Value(usize),
    Relevance(usize),
    Scratch(usize),
    Ledger,
}

impl Thing {
    /// Relevance may lie where other relevance or its own value ends.
    fn may_touch(self, other: Self) -> bool {
        match (self, other) {
            (Self::Relevance(_), Self::Relevance(_)) => true,
            (Self::Relevance(a), Self::Value(b)) | (Self::Value(a), Self::Relevance(b)) => a == b,
            _ => false,
        }
    }
}

/// What a plan places: what it is, where its offset is written, the offset, and when it lives.
fn things(model: &Model<'_>, mode: Mode) -> Vec<(Thing, usize, usize, [usize; 2])> {
    let (tensors, n) = (model.tensors(), model.steps());
    let [first, _] = section(model.image(), Section::Plans);
    let table = first + mode as usize * plan::table_size(tensors, n);
    let mut things = Vec::new();
    for t in (0..tensors).filter(|&t| model.storage(t) == t) {
        let entry = table + plan::HEAD + t * plan::ENTRY;
        let places = [
            (Thing::Value(t), plan::VALUE_OFFSET, model.value_placement(mode, t)),
            (Thing::Relevance(t), plan::RELEVANCE_OFFSET, model.relevance_placement(mode, t)),
        ];
        for (thing, at, place) in places {
            let offset = place.offset.map(|offset| (thing, entry + at, offset));
            things.extend(offset.map(|(a, b, c)| (a, b, c, [place.lifetime.first, place.lifetime.last])));
        }
    }
    for step in 0..n {
        let entry = table + plan::HEAD + tensors * plan::ENTRY + step * plan::SCRATCH;
        for (k, room, time) in [(0, Room::Forward, step), (1, Room::Back, 2 * n - step)] {
            let offset = model.scratch_offset(mode, room, step);
            things.extend(offset.map(|offset| (Thing::Scratch(step), entry + 4 * k, offset, [time, time])));
        }
    }
    let ledger = model.ledger_offset(mode);
    things.extend(ledger.map(|offset| (Thing::Ledger, table + plan::LEDGER, offset, [0, 2 * n + 1])));
    things
}

#[test]
fn what_lives_together_lies_apart() {
    for base in [Base::Floats, Base::Sum, Base::Cell] {
        let bytes = base.image();
        let model = Model::new(&bytes).unwrap();
        let shared = |t: usize| (0..model.tensors()).any(|other| other != t && model.storage(other) == t);
        for mode in Mode::ALL {
            let things = things(&model, mode);
            let mut moved = 0;
            for &(a, at, _, [first, last]) in &things {
                // Who else is there would have to move, too.
                if matches!(a, Thing::Value(t) | Thing::Relevance(t) if shared(t)) {
                    continue;
                }
                for &(b, _, offset, [begin, end]) in &things {
                    if a == b || first > end || begin > last || a.may_touch(b) {
                        continue;
                    }
                    moved += 1;
                    let got = refused_with(bytes.clone(), at, &(offset as u32).to_le_bytes());
                    let wanted = |reason| Some((Place::Plan, mode as usize, reason));
                    // Or it ends behind the arena.
                    let fits = got == wanted(Reason::Overlap) || got == wanted(Reason::Arena);
                    assert!(fits, "{base:?} {mode:?}: {a:?} where {b:?} is: {got:?}");
                }
            }
            assert!(moved >= if mode == Mode::Infer { 1 } else { 8 }, "{base:?} {mode:?}: {moved}");
        }
    }
}

#[test]
fn tensors_that_share_memory_are_planned_alike() {
    let offsets = [(plan::VALUE_OFFSET, 16, Reason::Storage), (plan::RELEVANCE_OFFSET, 16, Reason::Storage)];
    let times = [plan::VALUE_FIRST, plan::VALUE_LAST, plan::RELEVANCE_FIRST, plan::RELEVANCE_LAST];
    let mut changed = 0;
    for base in [Base::Floats, Base::Sum, Base::Cell] {
        let bytes = base.image();
        let model = Model::new(&bytes).unwrap();
        let [first, _] = section(&bytes, Section::Plans);
        for (mode, t) in Mode::ALL.into_iter().flat_map(|mode| (0..model.tensors()).map(move |t| (mode, t))) {
            if model.storage(t) == t {
                continue;
            }
            let entry =
                first + mode as usize * plan::table_size(model.tensors(), model.steps()) + plan::HEAD + t * plan::ENTRY;
            // There is no relevance to be placed where nothing is explained.
            let offsets = offsets.into_iter().take(if mode.explains() { 2 } else { 1 });
            for (field, by, reason) in offsets.chain(times.map(|field| (field, 1, Reason::Lifetime))) {
                let at = entry + field;
                let old = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
                for value in [old.wrapping_add(by), old.wrapping_sub(by)] {
                    changed += 1;
                    let got = refused_with(bytes.clone(), at, &value.to_le_bytes());
                    assert_eq!(
                        got,
                        Some((Place::Plan, mode as usize, reason)),
                        "{base:?} {mode:?}: field {field} of {t}"
                    );
                }
            }
        }
    }
    assert!(changed >= 34, "{changed}");
}

/// After the first, which stands for all others.
#[test]
fn words_rise_byte_by_byte() {
    for (words, sound) in [
        (&["", "a", "b", "c"][..], true),
        (&["z", "a", "b"], true),
        (&["", "a", "ab", "b"], true),
        (&["", "Z", "a", "ä"], true),
        (&["", "b", "a", "c"], false),
        (&["", "a", "c", "b"], false),
        (&["", "a", "a"], false),
        (&["", "ab", "a"], false),
        (&["", "bb", "ba"], false),
    ] {
        let mut network = Base::Words.network();
        network.steps[0].params[0] = vec![0.5; 2 * words.len()];
        network.inputs[0].labels = words.iter().map(|&word| word.into()).collect();
        let refused = emit(&network).err();
        let wanted = relprop::ImageError { place: Place::Port, index: 0, reason: Reason::Words };
        assert_eq!(refused, (!sound).then_some(EmitError::Invalid(wanted)), "{words:?}");
    }
}

#[test]
fn operands_that_are_no_tensors_are_refused() {
    let bytes = Base::Floats.image();
    let ([operands, count], [_, tensors]) = (section(&bytes, Section::Operands), section(&bytes, Section::Tensors));
    for step in 0..count {
        for tensor in [tensors, 0xffff] {
            let got = refused_with(bytes.clone(), operands + 2 * step, &(tensor as u16).to_le_bytes());
            assert_eq!(got, Some((Place::Step, step, Reason::Index)), "{tensor} for an operand of {step}");
        }
    }
}

/// Where a section begins, and how many records it has.
fn section(bytes: &[u8], section: Section) -> [usize; 2] {
    let at = header::SECTIONS + 8 * section as usize;
    [at, at + 4].map(|at| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize)
}

/// What an image is refused for with other bytes somewhere.
fn refused_with(mut bytes: Vec<u8>, at: usize, value: &[u8]) -> Option<(Place, usize, Reason)> {
    bytes[at..at + value.len()].copy_from_slice(value);
    repair(&mut bytes);
    Model::new(&bytes).err().map(|error| (error.place, error.index, error.reason))
}

#[test]
fn images_that_end_early_are_refused() {
    let bytes = Base::Floats.image();
    for len in 0..bytes.len() {
        let reason = Model::new(&bytes[..len]).unwrap_err().reason;
        let wanted = if len < MAGIC.len() { Reason::NotAnImage } else { Reason::Truncated };
        assert_eq!(reason, wanted, "after {len} bytes");
    }
}

fn flag(bytes: &mut [u8], tensor: usize, change: impl Fn(u8) -> u8) {
    let [first, _] = section(bytes, Section::Tensors);
    let flags = &mut bytes[first + tensor * tensor::SIZE + tensor::FLAGS];
    *flags = change(*flags);
}

/// What the image is refused for with the row's value in its field.
fn refused(row: &Row, mut bytes: Vec<u8>) -> Option<(Place, usize, Reason)> {
    let at = start(row, &bytes) + row.at;
    bytes[at..at + row.value.len()].copy_from_slice(&row.value);
    if row.repaired {
        repair(&mut bytes);
    }
    Model::new(&bytes).err().map(|error| (error.place, error.index, error.reason))
}

/// Where the record begins.
fn start(row: &Row, bytes: &[u8]) -> usize {
    let section = |name| section(bytes, name)[0];
    let (module, _) = row.field.split_once("::").unwrap();
    match module {
        "header" => 0,
        "tensor" => section(Section::Tensors) + row.record * tensor::SIZE,
        "step" | "lstm_int8" => section(Section::Steps) + row.record * step::SIZE,
        "port" => section(Section::Ports) + row.record * port::SIZE,
        "string" => section(Section::Strings) + row.record * string::SIZE,
        _ => {
            let model = Model::new_unchecked(bytes);
            section(Section::Plans) + row.record * plan::table_size(model.tensors(), model.steps())
        }
    }
}

impl Base {
    fn image(self) -> Vec<u8> {
        emit(&self.network()).unwrap_or_else(|error| panic!("{self:?}: {error}")).bytes().to_vec()
    }
}
