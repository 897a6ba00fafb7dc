//! Bad files and bad commands: one message that says what to do, and never a panic.

mod common;

use common::{relprop, root};
use relprop::step::Shape;
use relprop_convert::{Network, Window, emit};
use std::fs;
use std::path::Path;

const MODEL: &str = "models/mnist-cnn.rlp";
const DIGIT: &str = "models/samples/7.png";

fn refused(args: &[&str], code: i32, expected: &str) {
    let output = relprop().args(args).assert().code(code).get_output().clone();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("error: "), "{args:?}: {message}");
    assert!(message.contains(expected), "{args:?}: {message}");
    assert!(!message.contains("panicked"), "{args:?}: {message}");
}

fn npy(path: &Path, dtype: &str, shape: &str, data: &[u8]) {
    let mut header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}");
    header += &" ".repeat(63 - (header.len() + 10) % 64);
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    fs::write(path, bytes).unwrap();
}

#[test]
fn models() {
    let folder = tempfile::tempdir().unwrap();
    let image = fs::read(root().join(MODEL)).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut flipped = image.clone();
    flipped[5000] ^= 1;
    for (path, expected) in [
        ("no/such.rlp".to_owned(), "there is no such file"),
        ("models".to_owned(), "a folder"),
        (file("empty", b""), "is empty"),
        (file("text", b"hello, I am no model\n"), "neither a model image (.rlp) nor an ONNX or TensorFlow Lite file"),
        (DIGIT.to_owned(), "neither a model image (.rlp) nor an ONNX or TensorFlow Lite file"),
        (file("tflite", b"\0\0\0\0TFL3\0\0\0\0"), "not a TensorFlow Lite model"),
        (file("truncated", &image[..1000]), "truncated"),
        (file("flipped", &flipped), "damaged"),
    ] {
        refused(&["explain", &path, DIGIT], 1, expected);
        refused(&["run", &path, DIGIT], 1, expected);
        refused(&["inspect", &path], 1, expected);
    }
}

/// What asks for too much is refused before it runs, with the limit and both numbers; looking at it is free.
#[test]
fn limits() {
    refused(&["run", MODEL, DIGIT, "--max-memory", "0"], 1, "the limit is 0 (--max-memory and --max-work raise");
    refused(&["explain", MODEL, DIGIT, "--max-work", "0"], 1, "multiply-accumulates, the limit is 0 (--max-memory");
    let shown = relprop().args(["inspect", MODEL, "--max-work", "0", "--max-memory", "0"]).assert().success();
    let text = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(text.contains("work    up to "), "{text}");

    // A window of 65 535 rows over eight million: half a billion gigaoperations in less than a kilobyte.
    let mut network = Network::named("bomb");
    let x = network.input("x", Shape::new(1 << 23, 1, 1));
    let window = Window { pads: [32_767, 0, 32_767, 0], ..Window::new(65_535, 1) };
    let y = network.average_pool(x, &window, false);
    network.output(y);
    let image = emit(&network).unwrap();
    assert!(image.bytes().len() < 1024);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.rlp");
    fs::write(&path, image.bytes()).unwrap();
    let started = std::time::Instant::now();
    refused(&["explain", path.to_str().unwrap(), DIGIT], 1, "an inference takes up to ");
    assert!(started.elapsed().as_secs() < 5);
}

/// Whatever is cut off, there is a message.
#[test]
fn truncated_onnx() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(root().join("models/mnist-tiny.onnx")).unwrap();
    let path = folder.path().join("truncated.onnx");
    for len in [1, 7, 64, 1000, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..len]).unwrap();
        refused(&["inspect", path.to_str().unwrap()], 1, "truncated.onnx");
    }
}

#[test]
fn inputs() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut nan = vec![0; 784 * 4];
    nan[(3 * 28 + 4) * 4..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    npy(&path("nan.npy"), "<f4", "(1, 1, 28, 28)", &nan);
    npy(&path("shape.npy"), "<f4", "(3, 28, 28)", &[0; 3 * 784 * 4]);
    npy(&path("short.npy"), "<f4", "(1, 1, 28, 28)", &[0; 100]);
    npy(&path("none.npy"), "<f4", "(0, 1, 28, 28)", &[]);
    npy(&path("huge.npy"), "<f4", "(4000000000, 1, 28, 28)", &[]);
    npy(&path("objects.npy"), "|O", "(1, 1, 28, 28)", &[0; 100]);
    npy(&path("complex.npy"), "<c8", "(1, 1, 28, 28)", &[0; 784 * 8]);
    npy(&path("header.npy"), "nonsense", "(1, 1, 28, 28)", &[]);
    fs::write(path("text.npy"), "1 2 3").unwrap();
    fs::write(path("cut.png"), &fs::read(root().join(DIGIT)).unwrap()[..100]).unwrap();
    image::GrayImage::new(32, 32).save(path("large.png")).unwrap();
    fs::write(path("digits"), [&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28][..], &[0; 784]].concat()).unwrap();
    for (name, code, expected) in [
        ("missing.npy", 1, "there is no such file"),
        ("", 1, "a folder"),
        ("nan.npy", 1, "element [0, 0, 3, 4] is NaN"),
        ("shape.npy", 1, "its shape is [3, 28, 28], the model takes [1, 1, 28, 28]"),
        ("short.npy", 1, "ends before"),
        ("none.npy", 1, "no items"),
        ("huge.npy", 1, "ends before"),
        ("objects.npy", 1, "Python objects"),
        ("complex.npy", 1, "astype"),
        ("header.npy", 1, "header is damaged"),
        ("text.npy", 1, "neither a .npy file nor a PNG"),
        ("cut.png", 1, "damaged"),
        ("large.png", 1, "the model takes 28 × 28"),
        ("digits", 2, "digits#17"),
        ("digits#1", 1, "there is no picture 1"),
    ] {
        let input = path(name);
        refused(&["explain", MODEL, input.to_str().unwrap()], code, expected);
    }
}

#[test]
fn commands() {
    let cases: [(&[&str], i32, &str); 25] = [
        (&["--composite", "epsilon_pus"], 2, "epsilon_plus"),
        (&["--composite", "none"], 2, "step `conv1` (conv) has no rule"),
        (&["--composite", "bare", "--rule", "conv=zplus"], 2, "step `fc1` (dense) has no rule"),
        (&["--rule", "conv"], 2, "SELECT=RULE"),
        (&["--rule", "conv=nonsense"], 2, "rules are zero"),
        (&["--rule", "cnov1=zplus"], 2, "did you mean conv1"),
        (&["--rule", "name:conv=zplus"], 2, "did you mean conv1"),
        (&["--rule", "step:99=zplus"], 2, "steps are 0 to 11"),
        (&["--rule", "conv1=winner"], 2, "step `conv1` (conv) cannot take the rule `winner`"),
        (&["--rule", "conv=alphabeta:1,1"], 2, "α − β must be 1"),
        (&["--rule", "first=zbox:@no/such.npy,1"], 1, "no/such.npy"),
        (&["--target", "10"], 2, "classes are 0 to 9"),
        (&["--target", "4-x"], 2, "classes are 0 to 9"),
        (&["--target=-1"], 2, "classes are 0 to 9"),
        (&["--output", "1"], 2, "no output 1"),
        (&["--low", "0"], 2, "--high"),
        (&["--composite", "occlusion", "--target", "all"], 2, "one class"),
        (&["--composite", "smoothgrad", "--rule", "conv=zplus"], 2, "leave --rule out"),
        (&["--composite", "smoothgrad", "--ledger", "no/l.json"], 2, "leave --ledger out"),
        (&["--composite", "grad_cam", "--step", "conv9"], 2, "did you mean conv1"),
        (&["--input-scale", "1,2"], 2, "--input-scale has 2 numbers"),
        (&["--input-mean", "nan"], 2, "must be finite"),
        (&["--out", "heat.png"], 2, "a picture is written by --png"),
        (&["--out", "no/such/r.npy"], 1, "cannot write no/such/r.npy"),
        (&["models/samples/8.png"], 2, "one input"),
    ];
    for (args, code, expected) in cases {
        refused(&[&["explain", MODEL, DIGIT], args].concat(), code, expected);
    }
}

#[test]
fn a_box_must_come_from_somewhere() {
    let args = ["explain", "models/mnist-cnn.onnx", DIGIT, "--composite", "deep_taylor"];
    refused(&args, 2, "pass --low and --high");
    relprop().args(args).args(["--low", "0", "--high", "1"]).assert().success();
}

#[test]
fn conversions() {
    let onnx = "models/mnist-tiny.onnx";
    refused(&["convert", MODEL, "-o", "no/such.rlp"], 1, "cannot write no/such.rlp");
    refused(&["convert", onnx, "-o", "no/such.rlp"], 1, "cannot write no/such.rlp");
    refused(&["convert", onnx, "-o", "no/such.rlp", "--labels", "a,b"], 2, "2 labels, the model has 10 classes");
    refused(&["convert", onnx, "-o", "no/such.rlp", "--input-range", "1,0"], 2, "the smaller one first");
    refused(&["eval", MODEL, "--mnist", "models"], 1, "put the MNIST files there");
}

#[test]
fn quantising() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    npy(Path::new(&path("x.npy")), "<f4", "(1, 28, 28)", &[0; 784 * 4]);
    let quantize = |model: &str, args: &[&str], code: i32, expected: &str| {
        refused(&[&["quantize", model, "-o", &path("q.rlp")], args].concat(), code, expected);
    };
    quantize(MODEL, &[], 2, "--calibrate");
    quantize(MODEL, &["--mnist", &path("")], 1, "there is no train-images-idx3-ubyte");
    quantize(MODEL, &["--calibrate", &path("x.npy"), "--percentile", "3"], 2, "above 50");
    relprop().args(["quantize", MODEL, "-o", &path("q.rlp"), "--calibrate", &path("x.npy")]).assert().success();
    quantize(&path("q.rlp"), &["--calibrate", &path("x.npy")], 1, "integers already");
}
