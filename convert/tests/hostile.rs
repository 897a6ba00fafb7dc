//! Bytes that nobody meant to be a model, and models that the kernel has no steps for.

mod common;

use common::Onnx;
use common::damage::{flipped, rewritten, truncated};
use proptest::prelude::*;
use proptest::sample::Index;
use relprop_convert::{ImportError, Options, emit, from_onnx};

/// A small network with a bit of everything.
fn picture() -> Vec<u8> {
    let mut onnx = Onnx::new(&[1, 2, 6, 6]);
    let w = onnx.floats(&[2, 2, 3, 3], &[0.1; 36]);
    let b = onnx.floats(&[2, 1, 1], &[0.5; 2]);
    let conv = onnx.op("Conv", &["x", &w], &[("pads", &[1, 1, 1, 1]), ("strides", &[2, 2])]);
    let biased = onnx.op("Add", &[&conv, &b], &[]);
    let relu = onnx.op("Relu", &[&biased], &[]);
    let pool = onnx.op("MaxPool", &[&relu], &[("kernel_shape", &[2, 2])]);
    let joined = onnx.op("Concat", &[&pool, &pool], &[("axis", &[1])]);
    let moved = onnx.op("Transpose", &[&joined], &[("perm", &[0, 2, 3, 1])]);
    let shape = onnx.ints(&[1, -1]);
    let flat = onnx.op("Reshape", &[&moved, &shape], &[]);
    let w = onnx.floats(&[2, 16], &[0.2; 32]);
    let scores = onnx.op("Gemm", &[&flat, &w], &[("transB", &[1])]);
    let y = onnx.op("Softmax", &[&scores], &[("axis", &[1])]);
    onnx.bytes(&y)
}

/// A recurrent network over tokens, of any length, with a vocabulary.
fn sentence() -> Vec<u8> {
    include_bytes!("../../tests/data/recurrent/lstm_words.onnx").to_vec()
}

/// Neither panics nor takes long; what is accepted is a model.
fn survive(bytes: &[u8]) {
    if let Ok(network) = from_onnx(bytes, &Options::default())
        && let Ok(image) = emit(&network)
    {
        image.model().expect("what is emitted is accepted");
    }
}

#[test]
fn the_models_themselves_are_fine() {
    for model in [picture(), sentence()] {
        let network = from_onnx(&model, &Options::default()).unwrap();
        assert!(emit(&network).is_ok());
    }
}

#[test]
fn every_truncation_is_survived() {
    truncated(&picture(), survive);
    truncated(&sentence(), survive);
}

#[test]
fn every_flipped_bit_is_survived() {
    flipped(picture(), survive);
    flipped(sentence(), survive);
}

proptest! {
    #[test]
    fn rubbish_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survive(&bytes);
    }

    #[test]
    fn rewritten_bytes_are_survived(changes in prop::collection::vec(any::<(Index, [u8; 1])>(), 1..6)) {
        survive(&rewritten(picture(), changes.clone()));
        survive(&rewritten(sentence(), changes));
    }
}

#[test]
fn all_that_is_not_supported_is_told_at_once() {
    let mut onnx = Onnx::new(&[1, 4]);
    let a = onnx.op("LSTM", &["x"], &[]);
    let b = onnx.op("Relu", &[&a], &[]);
    let c = onnx.op("NonZero", &["x"], &[]);
    let d = onnx.op("MatMul", &["x", "x"], &[]);
    let e = onnx.op("Erf", &["x"], &[]);
    let y = onnx.op("Sum", &[&b, &c, &d, &e], &[]);
    let Err(ImportError::Unsupported(refusals)) = from_onnx(&onnx.bytes(&y), &Options::default()) else {
        panic!("it was imported");
    };
    let names: Vec<&str> = refusals.iter().map(|refusal| refusal.name.as_str()).collect();
    assert_eq!(names, ["lstm0", "nonzero2", "matmul3", "erf4"]);
    let message = ImportError::Unsupported(refusals).to_string();
    assert!(message.contains("lstm0 (LSTM): an input [1, 4]: it must be [length, 1, size]"), "{message}");
    assert!(message.contains("supported ops: "), "{message}");
}
