//! The functions as C calls them: what they return is what the kernel returns, and what is wrong is refused.

// Handles do not move once they are made, and figures are the kernel's to the last bit.
#![allow(clippy::unnecessary_box_returns, clippy::float_cmp)]

use relprop::model::Aligned;
use relprop_capi::*;
use relprop_convert::Image;
use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

const TINY: &str = "mnist-tiny.int8.rlp";
const FLOATS: &str = "mnist-tiny.rlp";

fn image(name: &str) -> Image {
    let path = format!("{}/../models/{name}", env!("CARGO_MANIFEST_DIR"));
    Image::from_bytes(&std::fs::read(path).unwrap())
}

/// A sample digit as the int8 networks take it.
fn digit(name: &str) -> Vec<i8> {
    let path = format!("{}/../models/samples/{name}.png", env!("CARGO_MANIFEST_DIR"));
    let mut reader =
        png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels.iter().map(|pixel| (pixel ^ 0x80).cast_signed()).collect()
}

/// Handles as C has them: memory that nobody has set.
fn handle<T>() -> Box<T> {
    // SAFETY: handles are of numbers.
    unsafe { Box::new(std::mem::zeroed()) }
}

fn open_model(bytes: &[u8]) -> Box<Model> {
    let mut model = handle::<Model>();
    // SAFETY: the image outlives the test.
    assert_eq!(unsafe { relprop_model_open(&raw mut *model, bytes.as_ptr().cast(), bytes.len()) }, Status::Ok);
    model
}

fn arena_bytes(model: &Model, mode: Mode) -> usize {
    let mut bytes = 0;
    // SAFETY: both are there.
    assert_eq!(unsafe { relprop_model_arena(model, mode as u32, &raw mut bytes) }, Status::Ok);
    bytes
}

/// An arena of exactly so many bytes, aligned.
struct Arena(Vec<Aligned<[u8; 16]>>, usize);

impl Arena {
    fn new(bytes: usize) -> Self {
        Self(vec![Aligned([0xa5; 16]); bytes.div_ceil(16) + 1], bytes)
    }

    fn start(&mut self) -> *mut c_void {
        self.0.as_mut_ptr().cast()
    }
}

fn crc(words: &[i32], unit: f32) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    for word in words {
        hash.update(&word.to_le_bytes());
    }
    hash.update(&unit.to_bits().to_le_bytes());
    hash.finalize()
}

/// `golden.txt` has a line for this.
fn is_golden(line: &str) -> bool {
    let path = format!("{}/../tests/data/golden.txt", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().lines().any(|known| known == line)
}

#[test]
fn integers_are_the_golden_ones_and_the_books_close() {
    let image = image(TINY);
    let model = open_model(image.bytes());
    let mut arena = Arena::new(arena_bytes(&model, Mode::Explain));
    let mut fixed = handle::<Fixed>();
    let pixels = digit("7");
    // SAFETY: all that is pointed to is there.
    unsafe {
        let (start, bytes) = (arena.start(), arena.1);
        assert_eq!(
            relprop_fixed_open(&raw mut *fixed, &raw const *model, Mode::Explain as u32, start, bytes),
            Status::Ok
        );
        assert_eq!(relprop_fixed_run(&raw mut *fixed, pixels.as_ptr(), pixels.len()), Status::Ok);
        let mut class = 0;
        assert_eq!(relprop_fixed_top(&raw const *fixed, 0, &raw mut class), Status::Ok);
        assert_eq!(class, 7);
        assert_eq!(relprop_fixed_explain(&raw mut *fixed, null(), null()), Status::Ok);
        let (mut relevance, mut len, mut unit) = (null(), 0, 0.0);
        let status = relprop_fixed_relevance(&raw const *fixed, 0, &raw mut relevance, &raw mut len, &raw mut unit);
        assert_eq!((status, len), (Status::Ok, 784));
        let hash = crc(std::slice::from_raw_parts(relevance, len), unit);
        let line = format!("mnist-tiny.int8 7 fixed epsilon_plus {hash:08x}");
        assert!(is_golden(&line), "{line}");

        let (mut totals, mut imbalance): (Whole, i64) = (std::mem::zeroed(), 1);
        assert_eq!(relprop_fixed_totals(&raw const *fixed, &raw mut totals, &raw mut imbalance), Status::Ok);
        assert_eq!(imbalance, 0);
        let parts = totals.left + totals.bias + totals.stabilizer + totals.dropped + totals.rounding;
        assert_eq!(totals.arrived, parts);
        let (mut steps, mut bias) = (0, 0);
        assert_eq!(relprop_model_steps(&raw const *model, &raw mut steps), Status::Ok);
        for step in 0..steps {
            let mut entry: Whole = std::mem::zeroed();
            assert_eq!(relprop_fixed_ledger(&raw const *fixed, step, &raw mut entry), Status::Ok);
            bias += entry.bias;
        }
        assert_eq!(bias, totals.bias);
        assert_eq!(relprop_fixed_ledger(&raw const *fixed, steps, &raw mut totals), Status::NoSuchIndex);
    }
}

#[test]
fn floats_are_those_of_the_kernel() {
    let image = image(FLOATS);
    let kernel = image.model().unwrap();
    let model = open_model(image.bytes());
    let mut arena = Arena::new(arena_bytes(&model, Mode::Retain));
    let mut session = handle::<Session>();
    let pixels: Vec<f32> = digit("3").iter().map(|q| (f32::from(*q) + 128.0) / 255.0).collect();

    let mut memory = vec![0; kernel.arena_bytes(relprop::Mode::Retain) + 16];
    let mut own = relprop::Session::new(&kernel, &mut memory, relprop::Mode::Retain).unwrap();
    let own_scores: Vec<f32> = own.run(&pixels).unwrap().iter().collect();
    // SAFETY: all that is pointed to is there.
    unsafe {
        let (start, bytes) = (arena.start(), arena.1);
        assert_eq!(
            relprop_session_open(&raw mut *session, &raw const *model, Mode::Retain as u32, start, bytes),
            Status::Ok
        );
        assert_eq!(relprop_session_run(&raw mut *session, pixels.as_ptr(), 784), Status::Ok);
        let mut scores = [0.0; 10];
        assert_eq!(relprop_session_scores(&raw const *session, 0, scores.as_mut_ptr(), 10), Status::Ok);
        assert_eq!(scores[..], own_scores);
        assert_eq!(relprop_session_scores(&raw const *session, 0, scores.as_mut_ptr(), 9), Status::Length);
        assert_eq!(relprop_session_scores(&raw const *session, 1, scores.as_mut_ptr(), 10), Status::NoSuchIndex);

        let mut composite: Composite = std::mem::zeroed();
        assert_eq!(relprop_composite_named(c"epsilon_gamma_box".as_ptr(), &raw mut composite), Status::Ok);
        composite.high = 1.0;
        let target =
            Target { seed: Seed::Contrast as u32, output: 0, class_index: 3, other: 8, values: null(), len: 0 };
        assert_eq!(relprop_session_explain(&raw mut *session, &raw const target, &raw const composite), Status::Ok);
        let (low, high) = (relprop::Bound::Uniform(0.0), relprop::Bound::Uniform(1.0));
        let rules = relprop::Composite::new(relprop::Preset::EpsilonGammaBox { low, high });
        let why = own.explain(&relprop::Target::contrast(3, 8), &rules).unwrap();

        let (mut relevance, mut len) = (null(), 0);
        assert_eq!(relprop_session_relevance(&raw const *session, 0, &raw mut relevance, &raw mut len), Status::Ok);
        assert_eq!(std::slice::from_raw_parts(relevance, len), why.relevance());
        let (mut class, mut value) = (0, 0.0);
        assert_eq!(relprop_session_explained(&raw const *session, &raw mut class, &raw mut value), Status::Ok);
        assert_eq!((class, value), (3, why.value()));
        let (mut totals, mut imbalance): (Entry, f32) = (std::mem::zeroed(), 0.0);
        assert_eq!(relprop_session_totals(&raw const *session, &raw mut totals, &raw mut imbalance), Status::Ok);
        assert_eq!((totals.arrived, totals.bias), (why.ledger().totals().arrived, why.ledger().totals().bias));
        assert_eq!(imbalance, why.ledger().imbalance());

        // A run forgets the explanation, and a second explanation of it is another.
        assert_eq!(relprop_session_run(&raw mut *session, pixels.as_ptr(), 784), Status::Ok);
        let status = relprop_session_relevance(&raw const *session, 0, &raw mut relevance, &raw mut len);
        assert_eq!(status, Status::NotExplained);
        assert_eq!(relprop_session_explain(&raw mut *session, null(), null()), Status::Ok);
        assert_eq!(relprop_session_relevance(&raw const *session, 0, &raw mut relevance, &raw mut len), Status::Ok);
        let plus = relprop::Composite::new(relprop::Preset::EpsilonPlus);
        let why = own.explain(&relprop::Target::TOP, &plus).unwrap();
        assert_eq!(std::slice::from_raw_parts(relevance, len), why.relevance());
    }
}

#[test]
fn sentences_are_run_as_texts() {
    let image = image("sentiment.rlp");
    let model = open_model(image.bytes());
    let mut arena = Arena::new(arena_bytes(&model, Mode::Explain));
    let mut session = handle::<Session>();
    let text = "A gripping thriller with a superb ending.";
    // SAFETY: all that is pointed to is there.
    unsafe {
        let (start, bytes) = (arena.start(), arena.1);
        assert_eq!(
            relprop_session_open(&raw mut *session, &raw const *model, Mode::Explain as u32, start, bytes),
            Status::Ok
        );
        let status = relprop_session_run_text(&raw mut *session, text.as_ptr().cast(), text.len());
        assert_eq!(status, Status::Ok);
        let (mut class, mut label): (usize, Text) = (0, std::mem::zeroed());
        assert_eq!(relprop_session_top(&raw const *session, 0, &raw mut class), Status::Ok);
        assert_eq!(relprop_model_label(&raw const *model, 0, class, &raw mut label), Status::Ok);
        let label = std::slice::from_raw_parts(label.bytes.cast::<u8>(), label.len);
        assert_eq!(label, b"very positive");
        assert_eq!(relprop_session_explain(&raw mut *session, null(), null()), Status::Ok);
        let (mut relevance, mut len) = (null(), 0);
        assert_eq!(relprop_session_relevance(&raw const *session, 0, &raw mut relevance, &raw mut len), Status::Ok);
        assert_eq!(len, 8, "a relevance for every word and mark");
        let status = relprop_session_run_text(&raw mut *session, b"\xff".as_ptr().cast(), 1);
        assert_eq!(status, Status::NoWords);
        assert_eq!(relprop_session_run_tokens(&raw mut *session, [65_535].as_ptr(), 1), Status::NoSuchToken);
        assert_eq!(relprop_session_run(&raw mut *session, [1.0].as_ptr(), 1), Status::TakesTokens);
    }
}

#[test]
fn ports_say_what_the_model_says() {
    let image = image(TINY);
    let kernel = image.model().unwrap();
    let model = open_model(image.bytes());
    // SAFETY: all that is pointed to is there.
    unsafe {
        let (mut inputs, mut outputs, mut is_int8) = (0, 0, false);
        assert_eq!(relprop_model_inputs(&raw const *model, &raw mut inputs), Status::Ok);
        assert_eq!(relprop_model_outputs(&raw const *model, &raw mut outputs), Status::Ok);
        assert_eq!(relprop_model_is_int8(&raw const *model, &raw mut is_int8), Status::Ok);
        assert_eq!((inputs, outputs, is_int8), (1, 1, true));
        let mut port: Port = std::mem::zeroed();
        assert_eq!(relprop_model_input(&raw const *model, 0, &raw mut port), Status::Ok);
        assert_eq!((port.r#type, port.len), (Kind::Int8 as u32, 784));
        assert_eq!([port.height, port.width, port.channels], [28, 28, 1]);
        let tensor = kernel.tensor(kernel.input(0).tensor);
        assert_eq!((port.scale, port.zero_point), (tensor.scale, tensor.zero_point));
        assert_eq!(relprop_model_output(&raw const *model, 0, &raw mut port), Status::Ok);
        assert_eq!((port.len, port.labels), (10, 10));
        assert_eq!(relprop_model_output(&raw const *model, 1, &raw mut port), Status::NoSuchIndex);
        let mut step: Step = std::mem::zeroed();
        assert_eq!(relprop_model_step(&raw const *model, 0, &raw mut step), Status::Ok);
        assert_eq!(std::slice::from_raw_parts(step.op.bytes.cast::<u8>(), step.op.len), b"conv");
        for (mode, number) in relprop::Mode::ALL.into_iter().zip(0..) {
            let mut bytes = 0;
            assert_eq!(relprop_model_arena(&raw const *model, number, &raw mut bytes), Status::Ok);
            assert_eq!(bytes, kernel.arena_bytes(mode));
        }
        assert_eq!(relprop_model_arena(&raw const *model, 3, &raw mut inputs), Status::Unknown);
    }
}

/// The sentence that a handle has.
fn sentence(print: impl Fn(*mut i8, usize) -> usize) -> String {
    let mut buffer = [1_i8; 120];
    let len = print(buffer.as_mut_ptr(), buffer.len());
    // SAFETY: it ends with a zero.
    let text = unsafe { CStr::from_ptr(buffer.as_ptr().cast()) }.to_str().unwrap().to_owned();
    assert_eq!(text.len(), len);
    text
}

#[test]
fn what_the_kernel_refuses_is_said_with_figures() {
    let image = image(TINY);
    let mut model = handle::<Model>();
    // SAFETY: all that is pointed to is there.
    unsafe {
        let start = image.bytes().as_ptr().cast();
        assert_eq!(relprop_model_open(&raw mut *model, start, 100), Status::Image);
        let wanted = relprop::Model::new(&image.bytes()[..100]).unwrap_err().to_string();
        assert_eq!(sentence(|b, n| relprop_model_error(&raw const *model, b.cast(), n)), wanted);
        let mut inputs = 7;
        assert_eq!(relprop_model_inputs(&raw const *model, &raw mut inputs), Status::NotOpen);
        assert_eq!(inputs, 7, "written in spite of a refusal");
    }
    let model = open_model(image.bytes());
    let mut arena = Arena::new(arena_bytes(&model, Mode::Infer));
    let (start, bytes) = (arena.start(), arena.1);
    let mut fixed = handle::<Fixed>();
    // SAFETY: all that is pointed to is there.
    unsafe {
        let status = relprop_fixed_open(&raw mut *fixed, &raw const *model, Mode::Infer as u32, start, bytes - 1);
        assert_eq!(status, Status::ArenaTooSmall);
        let wanted = format!("the arena has {} bytes, {bytes} are needed", bytes - 1);
        assert_eq!(sentence(|b, n| relprop_fixed_error(&raw const *fixed, b.cast(), n)), wanted);
        assert_eq!(
            relprop_fixed_open(&raw mut *fixed, &raw const *model, Mode::Infer as u32, start, bytes),
            Status::Ok
        );
        let mut class = 0;
        assert_eq!(relprop_fixed_top(&raw const *fixed, 0, &raw mut class), Status::NotRun);
        let pixels = digit("7");
        assert_eq!(relprop_fixed_run(&raw mut *fixed, pixels.as_ptr(), 783), Status::InputLength);
        let wanted = "input 0 has 784 elements, 783 were given";
        assert_eq!(sentence(|b, n| relprop_fixed_error(&raw const *fixed, b.cast(), n)), wanted);
        assert_eq!(relprop_fixed_run(&raw mut *fixed, pixels.as_ptr(), 784), Status::Ok);
        assert_eq!(relprop_fixed_explain(&raw mut *fixed, null(), null()), Status::WrongMode);
    }
    let floats = self::image(FLOATS);
    let model = open_model(floats.bytes());
    let mut arena = Arena::new(arena_bytes(&model, Mode::Explain));
    let (start, bytes) = (arena.start(), arena.1);
    // SAFETY: all that is pointed to is there.
    unsafe {
        let status = relprop_fixed_open(&raw mut *fixed, &raw const *model, Mode::Explain as u32, start, bytes);
        assert_eq!(status, Status::NeedsFloats);
        assert_eq!(
            sentence(|b, n| relprop_fixed_error(&raw const *fixed, b.cast(), n)),
            "step 0 needs floats: no relevance in integers alone"
        );
    }
}

/// Each limit by itself, one below what the model needs; then all of them at what it needs, and none.
#[test]
fn a_model_is_held_to_limits() {
    let image = image(TINY);
    let bytes = image.bytes();
    let known = relprop::Model::new(bytes).unwrap();
    let work = known.work();
    let needs = [bytes.len() as u64, 0, known.arena_bytes(relprop::Mode::Explain) as u64, work.forward, work.explain];
    let open = |limits: [u64; 5], mode| {
        let [image, checks, arena, forward, explain] = limits;
        let limits = Limits { image, checks, arena, forward, explain };
        let mut model = handle::<Model>();
        // SAFETY: all that is pointed to is there.
        let status = unsafe {
            let (start, len) = (bytes.as_ptr().cast(), bytes.len());
            relprop_model_open_within(&raw mut *model, start, len, mode, &raw const limits)
        };
        // SAFETY: likewise.
        let print =
            |buffer: *mut i8, capacity| unsafe { relprop_model_error(&raw const *model, buffer.cast(), capacity) };
        (status, sentence(print))
    };
    let refusals = [
        "the image has",
        "validating the image takes",
        "the model needs an arena of",
        "an inference takes",
        "an explanation takes",
    ];
    for (k, refusal) in refusals.into_iter().enumerate() {
        let mut limits = [0; 5];
        limits[k] = needs[k].saturating_sub(1).max(1);
        let (status, text) = open(limits, Mode::Explain as u32);
        assert_eq!(status, Status::Exceeded, "{refusal}");
        assert!(text.starts_with(refusal) && text.ends_with(&format!(", the limit is {}", limits[k])), "{text}");
        if needs[k] > 0 {
            assert!(text.contains(&format!(" {} ", needs[k])), "{text}");
        }
    }
    assert_eq!(open(needs, Mode::Explain as u32).0, Status::Ok);
    assert_eq!(open([0; 5], Mode::Explain as u32).0, Status::Ok);
    assert_eq!(open([0, 0, 0, 0, 1], Mode::Infer as u32).0, Status::Ok, "nothing is explained");
    assert_eq!(open([0; 5], 3).0, Status::Unknown);

    let mut model = handle::<Model>();
    // SAFETY: all that is pointed to is there, but for the limits.
    let status = unsafe { relprop_model_open_within(&raw mut *model, bytes.as_ptr().cast(), bytes.len(), 1, null()) };
    assert_eq!(status, Status::NullPointer);
    let limits = Limits { image: 0, checks: 0, arena: 0, forward: 0, explain: 0 };
    // SAFETY: all that is pointed to is there.
    let status =
        unsafe { relprop_model_open_within(&raw mut *model, bytes.as_ptr().cast(), 100, 1, &raw const limits) };
    assert_eq!(status, Status::Image);
}

#[test]
fn wrong_pointers_and_lengths_are_refused() {
    let image = image(TINY);
    let (start, bytes) = (image.bytes().as_ptr().cast::<c_void>(), image.bytes().len());
    let model = open_model(image.bytes());
    let mut arena = Arena::new(arena_bytes(&model, Mode::Explain));
    let (memory, size) = (arena.start(), arena.1);
    let mode = Mode::Explain as u32;
    let pixels = digit("7");
    // SAFETY: what is pointed to is there, or the pointer is one that is not followed.
    unsafe {
        let mut other = handle::<Model>();
        assert_eq!(relprop_model_open(null_mut(), start, bytes), Status::NullPointer);
        assert_eq!(relprop_model_open(&raw mut *other, null(), bytes), Status::NullPointer);
        assert_eq!(relprop_model_open(&raw mut *other, start.byte_add(1), bytes), Status::ImageMisaligned);
        assert_eq!(relprop_model_open(&raw mut *other, start, usize::MAX), Status::Length);
        assert_eq!(relprop_model_open(&raw mut *other, start, 0), Status::Image);
        assert_eq!(relprop_model_open((&raw mut *other).byte_add(1), start, bytes), Status::Misaligned);
        assert_eq!(relprop_model_inputs(&raw const *model, null_mut()), Status::NullPointer);

        let mut fixed = handle::<Fixed>();
        let here = &raw mut *fixed;
        assert_eq!(relprop_fixed_run(here, pixels.as_ptr(), 784), Status::NotOpen);
        assert_eq!(
            sentence(|b, n| relprop_fixed_error(here, b.cast(), n)),
            "the handle was never opened, or was moved since"
        );
        assert_eq!(relprop_fixed_open(here, null(), mode, memory, size), Status::NullPointer);
        assert_eq!(relprop_fixed_open(here, &raw const *handle::<Model>(), mode, memory, size), Status::NotOpen);
        assert_eq!(relprop_fixed_open(here, &raw const *model, 9, memory, size), Status::Unknown);
        assert_eq!(relprop_fixed_open(here, &raw const *model, mode, null_mut(), size), Status::NullPointer);
        assert_eq!(relprop_fixed_open(here, &raw const *model, mode, memory, 0), Status::ArenaTooSmall);
        assert_eq!(relprop_fixed_open(here, &raw const *model, mode, here.cast(), size), Status::Overlap);
        assert_eq!(relprop_fixed_open(here, &raw const *model, mode, start.cast_mut(), size), Status::Overlap);
        assert_eq!(relprop_fixed_open(here, &raw const *model, mode, memory, size), Status::Ok);

        assert_eq!(relprop_fixed_run(null_mut(), pixels.as_ptr(), 784), Status::NullPointer);
        assert_eq!(relprop_fixed_run(here, null(), 784), Status::NullPointer);
        assert_eq!(relprop_fixed_run(here, pixels.as_ptr(), usize::MAX), Status::Length);
        assert_eq!(relprop_fixed_run(here, memory.cast(), 784), Status::Overlap);
        assert_eq!(relprop_fixed_run_all(here, null(), 1), Status::NullPointer);
        assert_eq!(relprop_fixed_run_all(here, null(), 0), Status::InputCount);
        assert_eq!(relprop_fixed_run_all(here, null(), 9), Status::TooManyInputs);
        assert_eq!(relprop_fixed_explain(here, null(), null()), Status::NotRun);
        assert_eq!(relprop_fixed_run(here, pixels.as_ptr(), 784), Status::Ok);

        let mut target: Target = std::mem::zeroed();
        target.seed = 6;
        assert_eq!(relprop_fixed_explain(here, &raw const target, null()), Status::Unknown);
        target.seed = Seed::Values as u32;
        target.len = 10;
        assert_eq!(relprop_fixed_explain(here, &raw const target, null()), Status::NullPointer);
        target.values = memory.cast();
        assert_eq!(relprop_fixed_explain(here, &raw const target, null()), Status::Overlap);
        target.values = memory.cast::<f32>().byte_add(1);
        assert_eq!(relprop_fixed_explain(here, &raw const target, null()), Status::Misaligned);
        target.seed = Seed::Class as u32;
        target.class_index = 10;
        assert_eq!(relprop_fixed_explain(here, &raw const target, null()), Status::NoSuchClass);
        let mut composite: Composite = std::mem::zeroed();
        assert_eq!(relprop_composite_named(c"epsilon-plus".as_ptr(), &raw mut composite), Status::Unknown);
        assert_eq!(relprop_composite_named(null(), &raw mut composite), Status::NullPointer);
        composite.preset = 12;
        assert_eq!(relprop_fixed_explain(here, null(), &raw const composite), Status::Unknown);
        composite.preset = Preset::Epsilon as u32;
        composite.epsilon = -1.0;
        assert_eq!(relprop_fixed_explain(here, null(), &raw const composite), Status::RuleParameter);

        // A handle that was moved is none.
        let moved = Box::new(std::ptr::read(here));
        assert_eq!(relprop_fixed_explain((&raw const *moved).cast_mut(), null(), null()), Status::NotOpen);
        assert_eq!(relprop_fixed_explain(here, null(), null()), Status::Ok);
        // A handle of another kind is none either.
        let mut steps = 0;
        assert_eq!(relprop_model_steps(here.cast(), &raw mut steps), Status::NotOpen);
        assert_eq!(relprop_session_top(here.cast(), 0, &raw mut steps), Status::NotOpen);
    }
}

#[test]
fn an_arena_that_is_not_aligned_is_used_from_the_first_aligned_byte_on() {
    let image = image(TINY);
    let model = open_model(image.bytes());
    let needed = arena_bytes(&model, Mode::Infer);
    let mut arena = Arena::new(needed + 16);
    // SAFETY: all that is pointed to is there.
    unsafe {
        let mut fixed = handle::<Fixed>();
        let start = arena.start().byte_add(1);
        let status = relprop_fixed_open(&raw mut *fixed, &raw const *model, 0, start, needed + 14);
        assert_eq!(status, Status::ArenaTooSmall);
        assert_eq!(relprop_fixed_open(&raw mut *fixed, &raw const *model, 0, start, needed + 15), Status::Ok);
        // What lies behind is left alone.
        let behind = arena.0.as_ptr().cast::<u8>().add(needed + 16);
        assert_eq!(behind.read(), 0xa5);
    }
}

#[test]
fn every_status_has_a_text_of_its_own() {
    let text = |status| {
        // SAFETY: texts last as long as the program.
        unsafe { CStr::from_ptr(relprop_status_text(status)) }.to_str().unwrap()
    };
    let header = std::fs::read_to_string(format!("{}/include/relprop.h", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let codes = header.lines().filter_map(|line| line.trim().strip_prefix("RELPROP_STATUS_")?.split_once(" = "));
    let codes: Vec<u32> = codes.map(|(_, code)| code.trim_end_matches(',').parse().unwrap()).collect();
    assert!(codes.len() > 30);
    let mut texts: Vec<&str> = codes.iter().map(|code| text(*code)).collect();
    assert!(!texts.contains(&text(1000)), "a status without a text");
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), codes.len());
    // SAFETY: as above.
    let version = unsafe { CStr::from_ptr(relprop_version()) };
    assert_eq!(version.to_str().unwrap(), env!("CARGO_PKG_VERSION"));
}
