//! What fuzzers feed, and what must come of it: one function per target, of bytes that may be anything.
//!
//! Targets that build networks read the bytes as the randomness of the strategies that property tests draw from, so that
//! both know the same networks. `fuzz/` calls these under libFuzzer, `tests/corpus.rs` on every committed input.

use crate::checks::exercise::{Inputs, LIMITS, exercise_in};
use crate::checks::{self, graph, int8_layer, statements};
use crate::int8::Twins;
use crate::lstm_int8::any_cell;
use crate::mutate::{edits, mutations, repair};
use crate::networks::choices::{picks, presets};
use crate::networks::graphs;
use crate::networks::kinds::Kind;
use crate::networks::layers::any_of;
use crate::networks::numbers::{Numbers, Style};
use crate::networks::small;
use crate::recurrent::{self, choices};
use crate::shared::data;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use relprop::model::crc32;
use relprop::rule::{Bias, Gates};
use relprop::{Mode, Preset};
use relprop_convert::{Network, Options, emit, from_onnx, from_tflite};
use std::sync::LazyLock;

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// Those that need nothing but the kernel and the converter.
pub const TARGETS: [Target; 7] = [
    ("image", image),
    ("image_mutate", image_mutate),
    ("onnx", onnx),
    ("tflite", tflite),
    ("graph", graph),
    ("int8_layer", int8_layer),
    ("lstm", lstm),
];

/// Randomness for what the bytes do not decide. (Behind its end there would be zeros, on which a generator that rejects
/// some numbers never ends.)
static MORE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut numbers = Numbers::new(0, Style::Smooth);
    (0..1 << 17).map(|_| numbers.below(256) as u8).collect()
});

/// What a strategy makes of bytes that stand for randomness; `None` where it rejects them.
fn drawn<S: Strategy>(bytes: &[u8], strategy: &S) -> Option<S::Value> {
    let rng = TestRng::from_seed(RngAlgorithm::PassThrough, &[bytes, &MORE].concat());
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
    strategy.new_tree(&mut runner).ok().map(|tree| tree.current())
}

/// Panics where a check failed; a case that a check does not want is fine.
fn holds(result: Result<(), TestCaseError>, case: impl FnOnce() -> String) {
    if let Err(TestCaseError::Fail(reason)) = result {
        panic!("{reason}: {}", case());
    }
}

fn mode_of(seed: u32) -> Mode {
    Mode::ALL[seed as usize % Mode::ALL.len()]
}

/// Runs and explains an image with inputs that depend on its bytes.
fn run_image(bytes: &[u8]) {
    let seed = crc32(bytes);
    let inputs = if seed & 64 == 0 { Inputs::Usual } else { Inputs::Extreme };
    exercise_in(bytes, mode_of(seed), u64::from(seed), inputs, 4);
}

/// An image as it is, and with the checksum that a malicious writer would give it.
pub fn image(bytes: &[u8]) {
    let _ = LIMITS.open(bytes, Mode::Explain);
    let mut repaired = bytes.to_vec();
    repair(&mut repaired);
    run_image(&repaired);
}

/// Valid images, to be damaged.
static VALID: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut images = vec![small::tiny(), small::two(), small::heads()];
    for name in ["lstm_words", "words_gru", "gru_mean", "lstm_last", "lstm_both"] {
        let bytes = std::fs::read(data("recurrent").join(name).with_extension("onnx")).unwrap_or_default();
        let imported = from_onnx(&bytes, &Options::default()).ok();
        images.extend(imported.and_then(|network| emit(&network).ok()));
    }
    images.iter().map(|image| image.bytes().to_vec()).collect()
});

/// A valid image (of the tree, a graph, an int8 layer or an int8 cell) with changed fields and the right checksum; or a
/// changed network, planned afterwards.
pub fn image_mutate(bytes: &[u8]) {
    let Some((&pick, bytes)) = bytes.split_first() else { return };
    let (changes, bytes) = bytes.split_at(bytes.len() / 2);
    let base = match pick % 16 {
        0..=4 => VALID.get(usize::from(pick / 16) % VALID.len()).cloned(),
        5..=7 => drawn(bytes, &graphs::graph()).map(|case| case.image().bytes().to_vec()),
        8 | 9 => drawn(bytes, &(any_of(Kind::int8()), any::<i8>()))
            .and_then(|((_, case), zero)| Twins::new(&case, zero))
            .map(|twins| twins.image().bytes().to_vec()),
        10 | 11 => drawn(bytes, &any_cell()).map(|cell| cell.image().bytes().to_vec()),
        _ => return edited(changes, bytes),
    };
    let mutations = drawn(changes, &prop::collection::vec(mutations(), 1..=4));
    if let (Some(mut image), Some(mutations)) = (base, mutations) {
        for mutation in mutations {
            mutation.apply(&mut image);
        }
        repair(&mut image);
        run_image(&image);
    }
}

fn edited(changes: &[u8], bytes: &[u8]) {
    let case = drawn(bytes, &any_of(Kind::all()));
    let edits = drawn(changes, &prop::collection::vec(edits(), 1..=3));
    let (Some((_, case)), Some(edits)) = (case, edits) else { return };
    let mut network = case.network;
    for edit in edits {
        edit.apply(&mut network);
    }
    for port in network.inputs.iter_mut().chain(&mut network.outputs) {
        let shape = network.tensors[port.tensor].shape;
        port.dims = vec![1, shape.height, shape.width, shape.channels];
    }
    if let Ok(image) = emit(&network) {
        run_image(image.bytes());
    }
}

/// What a converter's test has patience for: a file may ask for a network of any size.
fn imported(network: &Network) {
    if let Ok(image) = emit(network) {
        let model = image.model().expect("what is emitted is accepted");
        if LIMITS.check(&model, Mode::Explain).is_ok() {
            run_image(image.bytes());
        }
    }
}

/// An ONNX file; what is imported is emitted, accepted and run.
pub fn onnx(bytes: &[u8]) {
    if let Ok(network) = from_onnx(bytes, &Options::default()) {
        imported(&network);
    }
}

/// A TensorFlow Lite file, likewise.
pub fn tflite(bytes: &[u8]) {
    if let Ok(network) = from_tflite(bytes, &Options::default()) {
        imported(&network);
    }
}

/// A small network of any steps: every step against the oracle, and what the literature says of the whole.
pub fn graph(bytes: &[u8]) {
    let aim = (0_usize..3, any::<usize>(), any::<usize>());
    let strategy = (presets(), picks(), prop::option::of(0_usize..20), aim, graphs::graph());
    let Some((preset, pick, step, aim, case)) = drawn(bytes, &strategy) else { return };
    let shown = || format!("{preset:?} {step:?} {aim:?} {case:?}");
    holds(graph::check(&case, preset, (pick, step), aim), shown);
    holds(statements::check_balance(&case, preset, aim.0), shown);
    let outputs = case.network.shape(case.network.outputs[0].tensor).elements();
    let seed = Numbers::new(aim.1 as u64, Style::Smooth).sparse(outputs);
    holds(statements::check_homogeneity(&case, preset, &seed), shown);
    let mode = if aim.2.is_multiple_of(2) { Mode::Explain } else { Mode::Retain };
    holds(statements::check_same_bits(&case, [preset, Preset::EpsilonPlus], mode), shown);
}

/// An int8 layer under any rule, in floats and in integers, against the oracle.
pub fn int8_layer(bytes: &[u8]) {
    let zero = prop::sample::select(vec![-128_i8, -17, 0, 40]);
    let strategy = (picks(), zero, any::<u64>(), any_of(Kind::int8()));
    let Some((pick, zero, seed, (_, case))) = drawn(bytes, &strategy) else { return };
    let Some(twins) = Twins::new(&case, zero) else { return };
    let spec = pick.spec(&case);
    twins.on_grid(&spec, |choice| holds(int8_layer::check(&twins, choice, seed), || format!("{case:?}")));
}

/// An LSTM over int8, likewise; or an LSTM or a GRU of floats, of any length.
pub fn lstm(bytes: &[u8]) {
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    if kind.is_multiple_of(2) { lstm_int8(bytes) } else { recurrent(bytes) }
}

fn recurrent(bytes: &[u8]) {
    let gates = prop::sample::select(vec![Gates::Half, Gates::Proportional, Gates::Magnitude]);
    let strategy = (any::<usize>(), any::<bool>(), gates, choices(), recurrent::any_cell());
    let Some((number, redistribute, gates, choice, cell)) = drawn(bytes, &strategy) else { return };
    let shown = || format!("{number} {redistribute} {gates:?} {choice:?} {cell:?}");
    holds(checks::recurrent::check_forward(&cell), shown);
    holds(checks::recurrent::check_signals(&cell, number % cell.units, redistribute), shown);
    holds(checks::recurrent::check_gates(&cell, gates), shown);
    holds(checks::recurrent::check_statements(&cell, choice, number), shown);
}

fn lstm_int8(bytes: &[u8]) {
    let bias = prop::sample::select(vec![Bias::Absorb, Bias::Zero, Bias::Redistribute]);
    let epsilon = prop::sample::select(vec![0.02_f32, 0.1, 1.0]);
    let Some((bias, epsilon, cell)) = drawn(bytes, &(bias, epsilon, any_cell())) else { return };
    holds(checks::lstm_int8::check_forward(&cell), || format!("{cell:?}"));
    holds(checks::lstm_int8::check(&cell, bias, epsilon), || format!("{cell:?}"));
}
