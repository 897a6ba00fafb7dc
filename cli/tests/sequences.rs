//! Sequences on the command line: as long as they are, of numbers or of tokens.

mod common;

use common::{relprop, root};
use npyz::WriterBuilder;
use std::fs;
use std::path::Path;

const STATES: &str = "tests/data/recurrent/gru_all.onnx";
const WORDS: &str = "tests/data/recurrent/words_gru.onnx";

fn array(path: &Path) -> (Vec<u64>, Vec<f32>) {
    let file = npyz::NpyFile::new(fs::File::open(path).unwrap()).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

fn write(path: &Path, shape: &[u64]) {
    let file = fs::File::create(path).unwrap();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd().unwrap();
    writer.extend((0..shape.iter().product()).map(|i| (i % 7) as f32 * 0.5 - 1.0)).unwrap();
    writer.finish().unwrap();
}

fn message(arguments: &[&str], last: &Path) -> String {
    let failed = relprop().args(arguments).arg(last).assert().failure();
    String::from_utf8_lossy(&failed.get_output().stderr).into_owned()
}

#[test]
fn outputs_and_relevance_are_as_long_as_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.npy");
    for length in [1, 6] {
        let input = format!("tests/data/recurrent/gru_all.{length}.x.npy");
        relprop().args(["run", STATES, &input, "--out"]).arg(&out).assert().success();
        let (shape, got) = array(&out);
        let wanted = array(&root().join(format!("tests/data/recurrent/gru_all.{length}.y.npy")));
        assert_eq!(shape, wanted.0);
        assert!(got.iter().zip(&wanted.1).all(|(got, wanted)| (got - wanted).abs() < 1e-5));
        relprop().args(["explain", STATES, &input, "--target", "0", "--out"]).arg(&out).assert().success();
        assert_eq!(array(&out).0, [1, length, 3]);
    }
}

#[test]
fn tokens_are_integers() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.npy");
    relprop().args(["explain", WORDS, "tests/data/recurrent/words_gru.6.x.npy", "--out"]).arg(&out).assert().success();
    assert_eq!(array(&out).0, [6, 1]);
    let halves = folder.path().join("halves.npy");
    write(&halves, &[4, 1]);
    let told = message(&["run", WORDS], &halves);
    assert!(told.contains("element [0, 0] is -1: tokens are whole numbers from 0 to 6"), "{told}");
}

#[test]
fn the_longest_is_that_of_the_input_or_of_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(&path("long.npy"), &[1, 150, 3]);
    relprop().args(["run", STATES]).arg(path("long.npy")).arg("--out").arg(path("y.npy")).assert().success();
    assert_eq!(array(&path("y.npy")).0, [1, 150, 2]);
    relprop().args(["convert", STATES, "--max-length", "20", "-o"]).arg(path("m.rlp")).assert().success();
    let told = message(&["run", path("m.rlp").to_str().unwrap()], &path("long.npy"));
    assert!(
        told.contains("it is a sequence of 150: the model takes up to 20 (convert it with --max-length 150)"),
        "{told}"
    );
}
