//! What is written: shapes, pictures, JSON.

mod common;
#[allow(dead_code)]
#[path = "../../convert/tests/common/tflite.rs"]
mod tflite;

use common::{relprop, root};
use serde_json::Value;
use std::fs;
use std::path::Path;

const MODEL: &str = "models/mnist-cnn.rlp";

fn array(path: &Path) -> (Vec<u64>, Vec<f32>) {
    let file = npyz::NpyFile::new(fs::File::open(path).unwrap()).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

fn write(path: &Path, shape: &[u64], data: &[f64]) {
    use npyz::WriterBuilder;
    let file = fs::File::create(path).unwrap();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd().unwrap();
    writer.extend(data).unwrap();
    writer.finish().unwrap();
}

/// Three drawn digits as `pixel / 255`.
fn digits() -> Vec<f64> {
    let pixels = |name: &str| image::open(root().join("models/samples").join(name)).unwrap().to_luma8().into_raw();
    ["7.png", "4.png", "0.png"].into_iter().flat_map(pixels).map(|pixel| f64::from(pixel) / 255.0).collect()
}

#[test]
fn outputs_have_the_shape_of_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let data = digits();
    for (shape, scores) in [
        (&[1, 1, 28, 28][..], &[1, 10][..]),
        (&[1, 28, 28], &[10]),
        (&[3, 1, 28, 28], &[3, 10]),
        (&[3, 1, 1, 28, 28], &[3, 1, 10]),
    ] {
        let elements: u64 = shape.iter().product();
        write(&path("x.npy"), shape, &data[..elements as usize]);
        let arg = |name: &str| path(name).to_str().unwrap().to_owned();
        relprop()
            .args(["explain", MODEL, &arg("x.npy"), "--out", &arg("r.npy"), "--scores", &arg("s.npy")])
            .args(["--png", &arg("p.png"), "--ledger", &arg("l.json")])
            .assert()
            .success();
        assert_eq!(array(&path("r.npy")).0, shape);
        assert_eq!(array(&path("s.npy")).0, scores);
        assert!(image::open(path("p.png")).is_ok());
        let ledger: Value = serde_json::from_slice(&fs::read(path("l.json")).unwrap()).unwrap();
        let items = if scores.len() > 1 && scores[0] == 3 { ledger.as_array().unwrap().clone() } else { vec![ledger] };
        assert_eq!(items[0]["steps"].as_array().unwrap().len(), 12);
        // A batch says of each item what the item alone says.
        assert_eq!(items[0]["label"], "7");
    }
}

#[test]
fn a_batch_is_its_items() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let digits = digits();
    write(Path::new(&path("x.npy")), &[3, 1, 28, 28], &digits);
    write(Path::new(&path("y.npy")), &[1, 1, 28, 28], &digits[784..2 * 784]);
    let relevance = |input: &str| {
        relprop().args(["explain", MODEL, &path(input), "--out", &path("r.npy")]).assert().success();
        array(Path::new(&path("r.npy"))).1
    };
    assert!(relevance("x.npy")[784..2 * 784] == relevance("y.npy"));
}

#[test]
fn json_is_one_object() {
    let output = relprop().args(["explain", "--json", "--target", "7-1"]).assert().success().get_output().clone();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["composite"], "epsilon_plus");
    let item = &report["items"][0];
    assert_eq!((&item["class"], &item["contrast"]), (&Value::from(7), &Value::from(1)));
    assert_eq!(item["scores"].as_array().unwrap().len(), 10);
    let ledger = &item["ledger"];
    let figure = |name: &str| ledger[name].as_f64().unwrap();
    let taken = ["received", "bias", "stabilizer", "dropped", "rounding"].map(figure).iter().sum::<f64>();
    assert!((figure("seeded") - taken).abs() < 1e-5 * figure("seeded").abs());
    assert_eq!(ledger["condition"], Value::Null);
}

/// What the images that ship were made from, and with which options.
#[test]
fn images_were_made_from_their_onnx_files() {
    let digits = "--labels 0,1,2,3,4,5,6,7,8,9 --input-range 0,1 --input-scale 0.00392156862745098 --input-mean 0";
    let digits: Vec<_> = digits.split(' ').collect();
    let moods = vec!["--labels", "very negative,negative,neutral,positive,very positive"];
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made.rlp");
    for (name, options) in [("mnist-tiny", &digits), ("mnist-cnn", &digits), ("sentiment", &moods)] {
        let onnx = format!("models/{name}.onnx");
        relprop().args(["convert", &onnx, "--name", name, "-o"]).arg(&made).args(options).assert().success();
        let shipped = fs::read(root().join(format!("models/{name}.rlp"))).unwrap();
        assert!(fs::read(&made).unwrap() == shipped, "models/{name}.rlp was not made from its .onnx file");
    }
}

#[test]
fn an_image_explains_as_its_onnx_file_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (model, out) in [("models/mnist-tiny.onnx", "a.npy"), ("models/mnist-tiny.rlp", "b.npy")] {
        relprop().args(["explain", model, "models/samples/5.png", "--out", &path(out)]).assert().success();
    }
    assert!(array(Path::new(&path("a.npy"))) == array(Path::new(&path("b.npy"))));
}

#[test]
fn a_tensorflow_lite_file_does_what_an_onnx_file_does() {
    use tflite::{Field, Tflite};
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut model = Tflite::new(&[1, 28, 28, 1]);
    let weights: Vec<f32> = (0..784 * 3).map(|i| (i * 37 % 101) as f32 / 500.0 - 0.1).collect();
    let weights = model.floats(&[3, 784], &weights);
    let dense = model.op(9, &[0, weights, -1], (8, vec![(0, Field::U8(0))]));
    let softmax = model.op(25, &[dense], (9, vec![(0, Field::F32(1.0))]));
    // Told by what is in it, whatever it is called.
    fs::write(path("model.bin"), model.bytes(softmax)).unwrap();
    relprop().args(["inspect", &path("model.bin")]).assert().success();
    relprop().args(["run", &path("model.bin"), "models/samples/5.png"]).assert().success();
    relprop().args(["convert", &path("model.bin"), "-o", &path("m.rlp"), "--labels", "a,b,c"]).assert().success();
    for (model, out) in [("model.bin", "a.npy"), ("m.rlp", "b.npy")] {
        relprop().args(["explain", &path(model), "models/samples/5.png", "--out", &path(out)]).assert().success();
    }
    assert!(array(Path::new(&path("a.npy"))) == array(Path::new(&path("b.npy"))));
}

#[test]
fn rules_can_be_read_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    write(Path::new(&path("low.npy")), &[1, 1, 28, 28], &[0.0; 784]);
    write(Path::new(&path("high.npy")), &[1], &[1.0]);
    let relevance = |rule: &str| {
        relprop().args(["explain", "--rule", rule, "--out", &path("r.npy")]).assert().success();
        array(Path::new(&path("r.npy"))).1
    };
    let files = format!("first=zbox:@{},@{}", path("low.npy"), path("high.npy"));
    assert!(relevance(&files) == relevance("conv1=zbox:0,1"));
}

#[test]
fn every_method_explains() {
    let help = relprop().args(["explain", "--composite", "?"]).assert().code(2).get_output().stderr.clone();
    let help = String::from_utf8(help).unwrap();
    let methods = help.split("possible values: ").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    assert!(methods.split(", ").count() >= 19);
    for method in methods.split(", ").filter(|method| *method != "none") {
        relprop().args(["explain", "--composite", method]).assert().success();
    }
}

#[test]
fn idle_rules_are_noticed() {
    let output = relprop().args(["explain", "--rule", "add=norm"]).assert().success().get_output().clone();
    assert!(String::from_utf8(output.stderr).unwrap().contains("changes no step"));
    let output = relprop().args(["explain", "--rule", "conv=gamma:0.25"]).assert().success().get_output().clone();
    assert!(output.stderr.is_empty());
}

#[test]
fn colour_is_asked_for() {
    let colored = |command: &mut assert_cmd::Command| {
        let output = command.assert().success().get_output().stdout.clone();
        String::from_utf8(output).unwrap().contains("\x1b[")
    };
    assert!(!colored(&mut relprop()));
    assert!(colored(relprop().args(["--color", "always"])));
    assert!(colored(relprop().args(["--color", "always"]).env("COLORTERM", "truecolor")));
    assert!(!colored(relprop().args(["--color", "never"]).env("CLICOLOR_FORCE", "1")));
}

#[test]
fn completions_are_for_a_shell() {
    let output = relprop().args(["completions", "bash"]).assert().success().get_output().stdout.clone();
    assert!(String::from_utf8(output).unwrap().contains("epsilon_plus"));
}

/// Digits of our own in the shape of MNIST.
fn mnist(folder: &Path, part: &str) {
    let pixels: Vec<u8> = digits().iter().map(|value| (value * 255.0).round() as u8).collect();
    let header = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 28, 0, 0, 0, 28];
    fs::write(folder.join(format!("{part}-images-idx3-ubyte")), [&header[..], &pixels].concat()).unwrap();
    fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), [0, 0, 8, 1, 0, 0, 0, 3, 7, 4, 1]).unwrap();
}

#[test]
fn eval_reads_idx_files() {
    let folder = tempfile::tempdir().unwrap();
    mnist(folder.path(), "t10k");
    let mnist = folder.path().to_str().unwrap();
    let output = relprop().args(["eval", MODEL, "--mnist", mnist, "--json"]).assert().success().get_output().clone();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["images"], &report["correct"]), (&Value::from(3), &Value::from(2)));
    assert!(report["imbalance"]["max"].as_f64().unwrap() < 1e-5);
}

#[test]
fn quantize_learns_from_digits_or_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    mnist(folder.path(), "train");
    mnist(folder.path(), "t10k");
    write(Path::new(&path("x.npy")), &[3, 1, 28, 28], &digits());
    let quantize = |args: &[&str], output: &str| {
        let command = ["quantize", MODEL, "-o", &path(output), "--json", "--bias-correction"];
        let output = relprop().args(command).args(args).assert().success().get_output().clone();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let report = quantize(&["--mnist", &path("")], "a.rlp");
    assert_eq!(report["accuracy"]["correct"], serde_json::json!([2, 2]));
    assert_eq!(report["layers"][0]["scale"], 1.0_f32 / 255.0);
    let sqnr = |layer: &Value| layer["sqnr_db"].as_f64();
    assert!(report["layers"].as_array().unwrap().iter().filter_map(sqnr).all(|db| db > 25.0));
    quantize(&["--mnist", &path("")], "b.rlp");
    assert!(fs::read(path("a.rlp")).unwrap() == fs::read(path("b.rlp")).unwrap());
    let other = quantize(&["--calibrate", &path("x.npy"), "--method", "percentile"], "b.rlp");
    assert_eq!(other["accuracy"], Value::Null);

    relprop().args(["eval", &path("a.rlp"), "--mnist", &path("")]).assert().success();
    relprop().args(["run", &path("a.rlp"), "models/samples/7.png", "--out", &path("y.npy")]).assert().success();
    assert_eq!(array(Path::new(&path("y.npy"))).0, [1, 10]);
    let mixed = quantize(&["--calibrate", &path("x.npy"), "--float-ends"], "c.rlp");
    assert_eq!((&mixed["layers"][0]["int8"], &mixed["layers"][1]["int8"]), (&Value::from(false), &Value::from(true)));
}
