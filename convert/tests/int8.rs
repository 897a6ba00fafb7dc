//! Models of integers: what is refused, and bytes that nobody meant to be a model.

mod common;

use common::tflite::{Field, Fields, Tflite, f32s, i32s, i64s, text};
use relprop::{Mode, Session};
use relprop_convert::{Network, Options, emit, from_onnx, from_tflite};
use std::path::PathBuf;

const INT8: u8 = 9;
const INT32: u8 = 2;

/// Operators without options, and those of a dense layer.
const NONE: (u8, Fields) = (0, Vec::new());
const DENSE: (u8, Fields) = (8, Vec::new());

fn unit(scale: f32, zero: i64) -> Fields {
    vec![(2, f32s(&[scale])), (3, i64s(&[zero]))]
}

/// An activation of some type.
fn activation(model: &mut Tflite, name: &str, dims: &[i32], element: u8, quantization: Fields) -> i32 {
    let fields = vec![(0, i32s(dims)), (1, Field::U8(element)), (3, text(name)), (4, Field::Table(quantization))];
    model.tensor(fields)
}

/// Adds an operator that writes `[1, 4]` integers of this unit.
fn op(model: &mut Tflite, code: i32, inputs: &[i32], options: (u8, Fields), quantization: Fields) -> i32 {
    let output = model.op(code, inputs, options);
    let tensor = activation(model, "y", &[1, 4], INT8, quantization);
    model.redirect(output, tensor)
}

/// The input as integers of scale 0.5.
fn quantised(model: &mut Tflite) -> i32 {
    let output = model.op(114, &[0], NONE);
    let tensor = activation(model, "x8", &[1, 4], INT8, unit(0.5, 3));
    model.redirect(output, tensor)
}

fn weights(model: &mut Tflite, quantization: Fields) -> i32 {
    model.constant(&[4, 4], INT8, Field::Vector(1, vec![1; 16]), Some(quantization))
}

fn dense(model: &mut Tflite, quantization: Fields) -> i32 {
    let x = quantised(model);
    let w = weights(model, quantization);
    op(model, 9, &[x, w, -1], DENSE, unit(0.5, 0))
}

fn bias(model: &mut Tflite, element: u8, bytes: Field) -> i32 {
    let x = quantised(model);
    let w = weights(model, unit(0.1, 0));
    let b = model.constant(&[4], element, bytes, Some(unit(0.05, 0)));
    op(model, 9, &[x, w, b], DENSE, unit(0.5, 0))
}

fn import(bytes: &[u8]) -> Result<Network, String> {
    from_tflite(bytes, &Options::default()).map_err(|error| error.to_string())
}

#[test]
fn a_dense_layer_is_fine() {
    let mut model = Tflite::new(&[1, 4]);
    let y = dense(&mut model, unit(0.1, 0));
    assert!(emit(&import(&model.bytes(y)).unwrap()).is_ok());
}

#[test]
fn refusals() {
    type Make = fn(&mut Tflite) -> i32;
    let cases: [(&str, Make); 26] = [
        ("y (tensor of INT8): a scale of 0", |m| op(m, 114, &[0], NONE, unit(0.0, 0))),
        ("y (tensor of INT8): a scale of 0.0000", |m| op(m, 114, &[0], NONE, unit(1e-40, 0))),
        ("scales do not fit its shape, or are no positive numbers", |m| op(m, 114, &[0], NONE, unit(-1.0, 0))),
        ("scales do not fit its shape, or are no positive numbers", |m| op(m, 114, &[0], NONE, unit(f32::NAN, 0))),
        ("y (tensor of INT8): a zero point of 128", |m| op(m, 114, &[0], NONE, unit(1.0, 128))),
        ("y (tensor of INT8): it has no scale, or more than one", |m| op(m, 114, &[0], NONE, Vec::new())),
        ("y (tensor of INT8): it has no scale, or more than one", |m| {
            op(m, 114, &[0], NONE, vec![(2, f32s(&[1.0; 4])), (6, Field::I32(1))])
        }),
        ("b (tensor of UINT8): quantise it to signed bytes", |m| {
            let y = m.op(114, &[0], NONE);
            let unsigned = activation(m, "b", &[1, 4], 3, unit(1.0, 0));
            m.redirect(y, unsigned)
        }),
        ("s (tensor of INT16): activations must be FLOAT32 or INT8", |m| {
            let y = m.op(114, &[0], NONE);
            let short = activation(m, "s", &[1, 4], 7, unit(1.0, 0));
            m.redirect(y, short)
        }),
        ("weights with a zero point", |m| dense(m, unit(0.1, 1))),
        ("weights with scales along axis 1", |m| dense(m, vec![(2, f32s(&[0.1; 4])), (6, Field::I32(1))])),
        ("its scales do not fit its shape", |m| dense(m, vec![(2, f32s(&[0.1; 3])), (6, Field::I32(0))])),
        ("its scales do not fit its shape", |m| dense(m, vec![(2, f32s(&[0.1; 4])), (6, Field::I32(-1))])),
        ("its scales do not fit its shape", |m| dense(m, vec![(2, f32s(&[0.1; 4])), (3, i64s(&[0; 3]))])),
        ("weights without a scale", |m| dense(m, Vec::new())),
        ("of shape [4, 4] in 15 bytes", |m| {
            let x = quantised(m);
            let w = m.constant(&[4, 4], INT8, Field::Vector(1, vec![1; 15]), Some(unit(0.1, 0)));
            op(m, 9, &[x, w, -1], DENSE, unit(0.5, 0))
        }),
        ("a constant of FLOAT32 beside integers", |m| {
            let (x, w) = (quantised(m), m.floats(&[4, 4], &[1.0; 16]));
            op(m, 9, &[x, w, -1], DENSE, unit(0.5, 0))
        }),
        ("a bias of INT64", |m| bias(m, 4, i64s(&[0; 4]))),
        ("a bias of -2147483648", |m| bias(m, INT32, i32s(&[i32::MIN; 4]))),
        ("it mixes floats and integers", |m| {
            let x = quantised(m);
            m.op(19, &[x], NONE)
        }),
        ("it mixes floats and integers", |m| op(m, 19, &[0], NONE, unit(0.5, 0))),
        ("only with an output of scale 0.0078125 and zero point 0", |m| {
            let x = quantised(m);
            op(m, 28, &[x], NONE, unit(0.01, 0))
        }),
        ("only with an output of scale 1/256", |m| {
            let x = quantised(m);
            op(m, 25, &[x], (9, vec![(0, Field::F32(1.0))]), unit(0.01, 0))
        }),
        ("they must be the same", |m| {
            let x = quantised(m);
            let shape = m.ints(&[1, 4]);
            op(m, 22, &[x, shape], NONE, unit(0.5, 4))
        }),
        ("a million times finer", |m| {
            let x = quantised(m);
            op(m, 0, &[x, x], (11, Vec::new()), unit(1e-9, 0))
        }),
        ("outputs that read 32769 inputs each", |m| {
            let wide = m.activation("wide", &[1, 32_769]);
            m.inputs(&[wide]);
            let x = m.op(114, &[wide], NONE);
            let tensor = activation(m, "x8", &[1, 32_769], INT8, unit(0.5, 3));
            let x = m.redirect(x, tensor);
            let w = m.constant(&[1, 32_769], INT8, Field::Vector(1, vec![1; 32_769]), Some(unit(0.1, 0)));
            let y = m.op(9, &[x, w, -1], DENSE);
            let tensor = activation(m, "y", &[1, 1], INT8, unit(0.5, 3));
            m.redirect(y, tensor)
        }),
    ];
    for (expected, make) in cases {
        let mut model = Tflite::new(&[1, 4]);
        let y = make(&mut model);
        let message = import(&model.bytes(y)).expect_err(expected);
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[test]
fn all_of_them_are_told_at_once() {
    let mut model = Tflite::new(&[1, 4]);
    let x = quantised(&mut model);
    let w = weights(&mut model, unit(0.1, 1));
    let y = op(&mut model, 9, &[x, w, -1], DENSE, unit(0.5, 0));
    let z = op(&mut model, 28, &[y], NONE, unit(0.5, 0));
    let message = import(&model.bytes(z)).unwrap_err();
    assert!(message.contains("FULLY_CONNECTED") && message.contains("TANH"), "{message}");
}

/// Neither panics nor takes long; what is accepted is a model that runs.
fn survive(network: Result<Network, String>) {
    let Ok(network) = network else { return };
    let Ok(image) = emit(&network) else { return };
    let model = image.model().expect("what is emitted is accepted");
    if model.arena_bytes(Mode::Infer) > 1 << 20 {
        return;
    }
    let mut arena = vec![0xff; model.arena_bytes(Mode::Infer) + 16];
    let mut session = Session::new(&model, &mut arena, Mode::Infer).expect("a session");
    let inputs: Vec<Vec<f32>> =
        (0..model.inputs()).map(|i| vec![0.7; model.tensor(model.input(i).tensor).shape.elements()]).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    session.run_all(&inputs).expect("a run");
}

/// The files below a folder of `tests/data` of the repository that end so.
fn files(folder: &str, end: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data")).join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == end));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Calls `f` with a file of which one byte is another.
fn each_change(bytes: &mut [u8], every: usize, f: impl Fn(&[u8])) {
    for at in (0..bytes.len()).step_by(every) {
        for change in [0x01, 0x80, 0xff] {
            bytes[at] ^= change;
            f(bytes);
            bytes[at] ^= change;
        }
    }
}

#[test]
fn changed_tensorflow_lite_files_are_survived() {
    for mut bytes in files("tflm-ops", "tflite") {
        each_change(&mut bytes, 1, |bytes| survive(import(bytes)));
        for len in (0..bytes.len()).step_by(16) {
            survive(import(&bytes[..len]));
        }
    }
}

#[test]
fn changed_onnx_files_are_survived() {
    let import = |bytes: &[u8]| from_onnx(bytes, &Options::default()).map_err(|error| error.to_string());
    for mut bytes in files("qdq", "onnx") {
        let every = bytes.len() / 2000;
        each_change(&mut bytes, every, |bytes| survive(import(bytes)));
        for len in (0..bytes.len()).step_by(64) {
            survive(import(&bytes[..len]));
        }
    }
}
