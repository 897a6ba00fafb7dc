//! Relevance as the LRP toolbox computes it, on networks trained on digits (figures in float64).
//!
//! The toolbox reads the rules its own way; each difference is an option here: ε of 1e-16 in the non-ε rules, w² without
//! the bias, and pooling that takes part in the rule (αβ on the mean, flat over the window, ties that share).

use relprop::{Bias, Choice, Composite, Mode, Override, Preset, Rule, Select, Stabilizer, Target, Ties};
use relprop_convert::{Options, emit, from_onnx};
use serde_json::Value;
use std::path::Path;
use support::close::relative_to_peak;
use support::{kernel, npy, shared};

#[test]
fn dense_network() {
    network("dense_rect");
}

#[test]
fn lenet5() {
    network("lenet5");
}

#[test]
fn lenet5_with_max_pooling() {
    network("lenet5_maxpool");
}

fn network(name: &str) {
    let Some(folder) = shared::path(&format!("conformance/toolbox_visible/{name}")) else { return };
    let json: Value = serde_json::from_slice(&std::fs::read(folder.join("case.json")).expect("readable")).expect("JSON");
    let onnx = std::fs::read(folder.join("model.onnx")).expect("readable");
    let image = emit(&from_onnx(&onnx, &Options::default()).expect("an import")).expect("an image");
    let model = image.model().expect("a valid image");
    let inputs = npy::read(&folder.join("inputs.npy"));
    let targets = npy::read(&folder.join("targets.npy")).values;
    let logits = npy::read(&folder.join("logits.npy"));

    let mut worst = (0.0, String::new());
    for (rule, spec) in json["rules"].as_object().expect("rules") {
        let figures = npy::read(&folder.join(spec["file"].as_str().expect("a file")));
        let overrides = overrides(spec);
        let composite = Composite::new(Preset::Bare).with(&overrides);
        let tolerance = spec["f32_rel_err"].as_f64().map_or(1e-5, |own| (20.0 * own).max(1e-5));
        for (row, target) in targets.iter().enumerate() {
            // One channel: the user's order is the kernel's.
            let input = inputs.item(row).narrowed();
            let target = Target::class(*target as usize);
            let seen = kernel::explain(&model, &[input], Mode::Retain, &target, &composite).expect("an explanation");
            let scores = relative_to_peak(&seen.outputs[0], &logits.item(row).values);
            assert!(scores <= 1e-5, "{name}: scores of row {row} are off by {scores:.1e}");
            let error = relative_to_peak(&seen.inputs[0], &figures.item(row).values);
            assert!(error <= tolerance, "{name}/{rule}, row {row}: {error:.2e} > {tolerance:.1e}");
            if error > worst.0 {
                worst = (error, format!("{rule}, row {row}"));
            }
            if row == 0 {
                layers(&folder.join("layers").join(rule), &model, &seen, tolerance);
            }
        }
    }
    println!("{name}: worst {:.1e} of the largest entry, at {}", worst.0, worst.1);
}

/// Relevance at every intermediate tensor, where there are figures.
fn layers(folder: &Path, model: &relprop::Model<'_>, seen: &kernel::Seen, tolerance: f64) {
    let Ok(files) = std::fs::read_dir(folder) else { return };
    for file in files.map(|entry| entry.expect("entry").path()) {
        let tensor = file.file_stem().unwrap_or_default().to_string_lossy();
        let found = (0..model.tensors()).find(|t| model.tensor_name(&model.tensor(*t)) == tensor);
        let Some(got) = found.and_then(|t| seen.relevance[t].as_ref()) else { continue };
        let array = npy::read(&file);
        let channels = array.shape.get(1).copied().unwrap_or(1);
        let pixels = array.values.len() / channels;
        let reference: Vec<f64> =
            (0..array.values.len()).map(|i| array.values[i % channels * pixels + i / channels]).collect();
        let error = relative_to_peak(got, &reference);
        assert!(error <= tolerance, "{} at {tensor}: {error:.2e} > {tolerance:.1e}", folder.display());
    }
}

/// The toolbox's rule for every step, in terms of ours.
fn overrides(spec: &Value) -> Vec<Override<'static>> {
    let number = |key: &str| spec[key].as_f64().map(|v| v as f32);
    let tiny = Stabilizer::Signed(1e-16);
    let weighted = match spec["rule"].as_str().expect("a rule") {
        "epsilon" => Choice::new(Rule::Epsilon(number("epsilon").expect("ε"))),
        "alphabeta" => Choice::new(Rule::AlphaBeta {
            alpha: number("alpha").expect("α"),
            beta: number("beta").expect("β"),
        })
        .with_stabilizer(tiny),
        "flat" => Choice::new(Rule::Flat).with_stabilizer(tiny),
        "ww" => w_square(),
        other => panic!("{other} is no rule of the pack"),
    };
    let mut overrides = vec![(Select::Linear, weighted)];
    match spec["first_weighted_node"].as_str() {
        Some("ww") => overrides.push((Select::First, w_square())),
        Some("flat") => overrides.push((Select::First, Choice::new(Rule::Flat).with_stabilizer(tiny))),
        _ => {}
    }
    let pool = spec["pool"]["rule"].as_str().unwrap_or_default();
    let mean = spec["pool"]["stabilizer_on_average"].as_f64().map(|e| e as f32);
    match (pool, mean) {
        (_, Some(epsilon)) => overrides.push((Select::Pool, Choice::new(Rule::Epsilon(epsilon)))),
        ("positive share times alpha", _) => {
            // The pool's inputs are not negative: α times their share, and nothing for β to take.
            overrides.push((Select::Pool, weighted));
        }
        ("uniform over the window", _) => overrides.push((Select::Pool, Choice::new(Rule::Flat).with_stabilizer(tiny))),
        _ => overrides.push((Select::Pool, Choice::new(Rule::Winner(Ties::Split)))),
    }
    overrides
}

/// `w²` without the square of the bias, as the toolbox has it.
fn w_square() -> Choice<'static> {
    Choice::new(Rule::WSquare).with_bias(Bias::Zero).with_stabilizer(Stabilizer::Signed(1e-16))
}
