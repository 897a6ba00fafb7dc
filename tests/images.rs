//! Images: compiled in, and damaged in every way.

use proptest::prelude::*;
use relprop::model::format::{self, Section, header};
use relprop::step::Shape;
use relprop::{Arena, Composite, Mode, Model, Session, Target, include_model};
use relprop_convert::{Network, emit};
use support::cases::cases;
use support::checks::exercise::exercise;
use support::int8::Twins;
use support::lstm_int8::any_cell;
use support::mutate::{Mutation, edits, mutations, repair};
use support::networks::Case;
use support::networks::graphs::graph;
use support::networks::kinds::Kind;
use support::networks::layers::any_of;
use support::networks::small::tiny;

/// Validated by the compiler, and so is what it says.
static MODEL: Model<'static> = include_model!("data/tiny.rlp");
/// The size of the arena is a constant.
const RAM: usize = {
    const MODEL: Model<'static> = include_model!("data/tiny.rlp");
    MODEL.arena_bytes(Mode::Explain)
};
const _: () = assert!(RAM > 0 && RAM < 2048);
const _: () = assert!(Model::new(b"RELPROP\0").is_err() && Model::new(b"").is_err());
static ARENA: std::sync::Mutex<Arena<RAM>> = std::sync::Mutex::new(Arena::new());

/// The step from the only element to the next is never taken; where addresses have 32 bits, it overflows.
#[test]
fn a_step_past_the_only_element_may_be_of_any_length() {
    let mut n = Network::named("one");
    let x = n.input("x", Shape::new(2, 3, 5));
    let y = n.slice(x, [1, 2, 3], [u32::MAX; 3], Shape::new(1, 1, 1));
    n.output(y);
    let image = emit(&n).unwrap();
    let model = image.model().unwrap();
    let mut arena = vec![0; model.arena_bytes(Mode::Explain) + 16];
    let mut session = Session::new(&model, &mut arena, Mode::Explain).unwrap();
    let x: Vec<f32> = (0..30).map(|i| i as f32).collect();
    assert_eq!(session.run(&x).unwrap().floats().unwrap(), [28.0]);
    let explanation = session.explain(&Target::TOP, &Composite::default()).unwrap();
    let reached: Vec<usize> = (0..30).filter(|i| explanation.relevance()[*i] != 0.0).collect();
    assert_eq!(reached, [28]);
}

#[test]
fn an_image_that_is_compiled_in_runs_in_a_static_arena() {
    assert_eq!((MODEL.name(), MODEL.steps()), ("tiny", 3));
    assert_eq!(MODEL.image(), tiny().bytes());
    let mut arena = ARENA.lock().unwrap();
    let mut session = Session::new(&MODEL, &mut arena.0, Mode::Explain).unwrap();
    let scores = session.run(&[0.5; 16]).unwrap().floats().unwrap().to_vec();
    let explanation = session.explain(&Target::TOP, &Composite::default()).unwrap();
    let top = explanation.class().unwrap();
    assert!(scores.iter().all(|score| *score <= scores[top]));
    assert_eq!(explanation.value(), scores[top]);
    assert!(explanation.relevance().iter().any(|r| *r != 0.0));
}

#[test]
fn every_truncated_image_is_refused() {
    let image = tiny();
    for len in 0..image.bytes().len() {
        assert!(Model::new(&image.bytes()[..len]).is_err(), "the first {len} bytes");
    }
    let mut longer = image.bytes().to_vec();
    longer.push(0);
    assert!(Model::new(&longer).is_err());
}

#[test]
fn every_flipped_bit_is_noticed() {
    let image = tiny();
    let mut bytes = image.bytes().to_vec();
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Model::new(&bytes).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(Model::new(&bytes).is_ok());
}

/// Bytes that mean nothing must be zero, so that they can mean something one day.
#[test]
fn reserved_bytes_must_be_zero() {
    let image = tiny();
    let section = |section: Section| {
        let at = header::SECTIONS + 8 * section as usize;
        u32::from_le_bytes(image.bytes()[at..at + 4].try_into().unwrap()) as usize
    };
    let (tensors, steps) = (section(Section::Tensors), section(Section::Steps));
    let last = steps + 2 * format::step::SIZE;
    let mut reserved = vec![header::FLAGS, header::RESERVED, header::RESERVED + 1];
    reserved.extend([format::tensor::RESERVED_18, format::tensor::RESERVED_28].map(|at| tensors + at));
    reserved.extend([format::step::RESERVED_14, format::step::RESERVED_120 + 7].map(|at| steps + at));
    // What a dense layer does not use.
    let unused = [format::step::KERNEL, format::step::PADS, format::step::GROUPS, format::step::PARAMS + 16];
    reserved.extend(unused.map(|at| last + at));
    reserved.extend([format::step::FLOATS, format::step::INTS + 31].map(|at| last + at));
    for at in reserved {
        let mut bytes = image.bytes().to_vec();
        assert_eq!(bytes[at], 0);
        bytes[at] = 1;
        repair(&mut bytes);
        assert!(Model::new(&bytes).is_err(), "byte {at}");
    }
}

#[test]
fn what_is_unknown_is_refused() {
    let image = tiny();
    let steps = header::SECTIONS + 8 * Section::Steps as usize;
    let steps = u32::from_le_bytes(image.bytes()[steps..steps + 4].try_into().unwrap()) as usize;
    let changes = [
        (header::MAGIC, b'r'),
        (header::VERSION, 1),
        (header::VERSION, 0),
        (header::HEADER_SIZE, 97),
        (steps + format::step::OP, 0),
        (steps + format::step::OP, 20),
        (steps + format::step::OP, 255),
        (steps + format::step::VARIANT, 1),
        (steps + format::step::SIZE + format::step::VARIANT, 13),
        (steps + format::step::FLAGS, 1),
        (steps + format::step::FLAGS + 1, 128),
    ];
    for (at, value) in changes {
        let mut bytes = image.bytes().to_vec();
        bytes[at] = value;
        repair(&mut bytes);
        assert!(Model::new(&bytes).is_err(), "byte {at} = {value}");
    }
}

fn damage(case: &Case, mutations: &[Mutation]) {
    let mut bytes = case.image().bytes().to_vec();
    for mutation in mutations {
        mutation.apply(&mut bytes);
    }
    repair(&mut bytes);
    exercise(&bytes);
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn damaged_graphs_are_refused_or_harmless(case in graph(), mutations in prop::collection::vec(mutations(), 1..=4)) {
        damage(&case, &mutations);
    }

    #[test]
    fn damaged_layers_are_refused_or_harmless(
        (_, case) in any_of(Kind::all()),
        mutations in prop::collection::vec(mutations(), 1..=3),
    ) {
        damage(&case, &mutations);
    }

    #[test]
    fn damaged_int8_layers_are_refused_or_harmless(
        (_, case) in any_of([&Kind::LINEAR[..], &[Kind::MaxPool, Kind::Mul], &Kind::STRUCTURAL].concat()),
        zero_point: i8,
        mutations in prop::collection::vec(mutations(), 1..=3),
    ) {
        let Some(twins) = Twins::new(&case, zero_point) else { return Ok(()) };
        let mut bytes = twins.image().bytes().to_vec();
        for mutation in &mutations {
            mutation.apply(&mut bytes);
        }
        repair(&mut bytes);
        exercise(&bytes);
    }

    #[test]
    fn damaged_int8_cells_are_refused_or_harmless(
        cell in any_cell(),
        mutations in prop::collection::vec(mutations(), 1..=3),
    ) {
        let mut bytes = cell.image().bytes().to_vec();
        for mutation in &mutations {
            mutation.apply(&mut bytes);
        }
        repair(&mut bytes);
        exercise(&bytes);
    }

    #[test]
    fn edited_networks_are_refused_or_harmless(
        (_, case) in any_of(Kind::all()),
        edits in prop::collection::vec(edits(), 1..=3),
    ) {
        let mut network: Network = case.network;
        for edit in edits {
            edit.apply(&mut network);
        }
        // The input's shape for its user is that of its tensor.
        for port in network.inputs.iter_mut().chain(&mut network.outputs) {
            let shape = network.tensors[port.tensor].shape;
            port.dims = vec![1, shape.height, shape.width, shape.channels];
        }
        if let Ok(image) = emit(&network) {
            exercise(image.bytes());
        }
    }

    #[test]
    fn rubbish_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), magic: bool) {
        let mut bytes = bytes;
        if magic && bytes.len() > header::SIZE {
            bytes[..header::SIZE].copy_from_slice(&tiny().bytes()[..header::SIZE]);
            repair(&mut bytes);
        }
        prop_assert!(Model::new(&bytes).is_err());
    }
}
