//! Networks of integers on the command line.

mod common;

use common::{relprop, root};
use std::fs;
use std::path::Path;

const MODEL: &str = "tests/data/tflm-ops/dense.tflite";
const INPUT: &str = "tests/data/tflm-ops/dense.x.npy";

fn array<T: npyz::Deserialize>(path: &Path) -> (Vec<u64>, Vec<T>) {
    let file = npyz::NpyFile::new(fs::File::open(path).unwrap()).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

#[test]
fn raw_takes_and_gives_integers() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("y.npy");
    relprop().args(["run", MODEL, INPUT, "--raw", "--out"]).arg(&out).assert().success();
    let wanted = array::<i8>(&root().join("tests/data/tflm-ops/dense.y.npy"));
    assert_eq!(array::<i8>(&out), wanted);
    // Otherwise they are what the integers stand for, as the model has it.
    relprop().args(["run", MODEL, INPUT, "--out"]).arg(&out).assert().success();
    let (shape, scores) = array::<f32>(&out);
    let real: Vec<f32> = wanted.1.iter().map(|q| (f32::from(*q) - 7.0) * 0.11).collect();
    assert_eq!((shape, scores), (wanted.0, real));
}

#[test]
fn raw_floats_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let floats = folder.path().join("x.npy");
    relprop().args(["run", MODEL, INPUT, "--out"]).arg(&floats).assert().success();
    let refused = relprop().args(["run", MODEL, "--raw"]).arg(&floats).assert().failure();
    let message = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(message.contains("with --raw this network takes its integers: a .npy file of int8"), "{message}");
}

#[test]
fn inspect_shows_units() {
    let inspected = relprop().args(["inspect", "tests/data/tflm-ops/mixed.tflite"]).assert().success();
    let text = String::from_utf8_lossy(&inspected.get_output().stdout).into_owned();
    for line in ["[1, 4, 3, 4]  int8, (q + 9) · 0.04", "4×3×4   float", "4×3×4   (q + 120) · 0.02"] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn convert_writes_an_image_that_runs_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    relprop().args(["convert", MODEL, "-o"]).arg(path("m.rlp")).assert().success();
    relprop().arg("run").arg(path("m.rlp")).args([INPUT, "--raw", "--out"]).arg(path("y.npy")).assert().success();
    assert_eq!(array::<i8>(&path("y.npy")), array::<i8>(&root().join("tests/data/tflm-ops/dense.y.npy")));
}
