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

fn json(args: &[&str]) -> serde_json::Value {
    let output = relprop().args(args).assert().success().get_output().clone();
    serde_json::from_slice(&output.stdout).unwrap()
}

const TINY: &str = "models/mnist-tiny.int8.rlp";
const SEVEN: &str = "models/samples/7.png";

#[test]
fn relevance_in_integers_closes_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.json");
    let report =
        json(&["explain", TINY, SEVEN, "--relevance", "fixed", "--json", "--ledger", ledger.to_str().unwrap()]);
    assert_eq!(report["relevance"], "fixed");
    let item = &report["items"][0];
    let books = &item["exact"]["ledger"];
    assert_eq!((books["imbalance"].as_i64(), books["saturated"].as_i64()), (Some(0), Some(0)));
    let spent = ["received", "bias", "stabilizer", "dropped", "rounding"].iter().map(|c| books[c].as_i64().unwrap());
    assert_eq!(books["seeded"].as_i64().unwrap(), spent.sum::<i64>());
    // The real numbers are the integers in their units.
    let real = books["seeded"].as_f64().unwrap() * books["unit"].as_f64().unwrap();
    assert!((real / item["value"].as_f64().unwrap() - 1.0).abs() < 1e-6);
    let (top, unit) = (&item["top"][0], item["exact"]["units"][0]["unit"].as_f64().unwrap());
    assert!((top["exact"].as_f64().unwrap() * unit / top["relevance"].as_f64().unwrap() - 1.0).abs() < 1e-6);
    let written: serde_json::Value = serde_json::from_slice(&fs::read(ledger).unwrap()).unwrap();
    assert_eq!(written["exact"], *books);
    for step in written["steps"].as_array().unwrap() {
        let figure = |column: &str| step["exact"][column].as_i64().unwrap();
        let spent = ["left", "bias", "stabilizer", "dropped", "rounding"].map(figure).iter().sum::<i64>();
        assert_eq!(figure("arrived"), spent, "{step}");
    }
}

#[test]
fn floats_are_refused_where_integers_were_asked_for() {
    for (args, expected) in [
        (&["explain", TINY, SEVEN, "--composite", "smoothgrad"][..], "smoothgrad computes with floats"),
        (&["explain", TINY, SEVEN, "--condition"], "--condition measures with floats"),
        (&["explain", "models/mnist-tiny.rlp", SEVEN], "make the network int8 first"),
        (
            &["explain", "tests/data/tflm-ops/mixed.tflite", "tests/data/tflm-ops/mixed.x.npy"],
            "computes with floats, so its relevance cannot",
        ),
        (&["explain", TINY, SEVEN, "--rule", "dense=epsilon:0.1;stabilizer=norm_scale"], "take another stabilizer"),
    ] {
        let refused = relprop().args(args).args(["--relevance", "fixed"]).assert().code(2);
        let message = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(message.contains(expected), "{args:?}: {message}");
    }
}

#[test]
fn what_has_no_condition_figure_is_named() {
    for (args, expected) in [
        (&["explain", TINY, SEVEN][..], ""),
        (&["explain", "models/mnist-tiny.rlp", SEVEN, "--rule", "linear=zplus"], "no step has one"),
        (&["explain", TINY, SEVEN, "--composite", "occlusion"], "keeps no ledger"),
        (&["explain", "models/mnist-tiny.rlp", SEVEN], ""),
    ] {
        let explained = relprop().args(args).arg("--condition").assert().success();
        let message = String::from_utf8_lossy(&explained.get_output().stderr).into_owned();
        assert!(message.contains(expected) && message.is_empty() == expected.is_empty(), "{args:?}: {message}");
    }
}

#[test]
fn pixels_scaled_for_another_network_are_noticed() {
    for (scale, noticed) in [("0.00001", true), ("0.003921569", false)] {
        let explained = relprop().args(["explain", TINY, SEVEN, "--input-scale", scale]).assert().success();
        let message = String::from_utf8_lossy(&explained.get_output().stderr).into_owned();
        let expected =
            "the picture uses 2 of the input's 256 levels: it becomes 0 to 0.002550, the input takes 0 to 1.000";
        assert_eq!(message.contains(expected), noticed, "{message}");
        assert_eq!(message.contains("--input-scale"), noticed, "{message}");
    }
}

#[test]
fn only_classes_have_percentages() {
    // Scores of classes; as many outputs as inputs, and no labels; a picture.
    let ops = |name: &str| ["tflite", "x.npy"].map(|ending| format!("tests/data/tflm-ops/{name}.{ending}"));
    let cases =
        [([TINY, SEVEN].map(String::from), true), (ops("dense"), true), (ops("tanh"), false), (ops("conv"), false)];
    for ([model, input], shown) in cases {
        let told = relprop().args(["run", &model, &input]).assert().success();
        let text = String::from_utf8_lossy(&told.get_output().stdout).into_owned();
        assert_eq!(text.contains(" %"), shown, "{model}: {text}");
    }
}

#[test]
fn floats_and_integers_compare() {
    let report = json(&["compare", TINY, TINY, SEVEN, "--relevance-b", "fixed", "--json"]);
    let item = &report["items"][0];
    assert!(item["difference"].as_f64().unwrap() < 1e-5 && item["cosine"].as_f64().unwrap() > 0.999_999, "{item}");
    assert_eq!((item["same_top"].as_bool(), item["same_peak"].as_bool()), (Some(true), Some(true)));
}

#[test]
fn networks_compare() {
    let folder = tempfile::tempdir().unwrap();
    let png = folder.path().join("both.png");
    let compared =
        relprop().args(["compare", "models/mnist-tiny.rlp", TINY, SEVEN, "--out"]).arg(&png).assert().success();
    let text = String::from_utf8_lossy(&compared.get_output().stdout).into_owned();
    assert!(text.contains("A  models/mnist-tiny.rlp, by epsilon_plus") && text.contains("cosine"), "{text}");
    assert!(fs::read(png).unwrap().starts_with(b"\x89PNG"));
    // The same network by two composites, against another class than the one that is named.
    let report =
        json(&["compare", TINY, TINY, SEVEN, "--composite-b", "epsilon", "--target", "3", "-k", "5", "--json"]);
    assert_eq!((report["k"].as_u64(), report["items"][0]["class"].as_u64()), (Some(5), Some(3)));
    assert_eq!(report["sides"][1]["composite"], "epsilon");
    let other = relprop().args(["compare", TINY, "tests/data/tflm-ops/dense.tflite"]).assert().code(2);
    let message = String::from_utf8_lossy(&other.get_output().stderr).into_owned();
    assert!(message.contains("inputs of different shapes"), "{message}");
}
