//! The float models of the TFLM pack: the network through the TensorFlow Lite importer, and the forward pass against
//! the scores of TensorFlow Lite's own kernels.
//!
//! Where weights are integers those kernels round the activations, which this importer does not. There the scores are
//! compared with those of the same network in float64, with the same rounding: what is imported is the right network.
//!
//! The pack is beside the repository; see [`support::shared`].

use relprop::Mode;
use relprop_convert::tflite::schema::{Element, Graph, Operator};
use relprop_convert::{Network, Options, emit, from_tflite, tflite};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::slice;
use support::tally::Tally;
use support::{close, kernel, npy, oracle, shared};

fn folders(pack: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(pack).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("model_float.tflite").exists()).collect();
    folders.sort();
    folders
}

/// The steps whose weights are integers, by name. TensorFlow Lite's kernels round the activations that these read to
/// eight bits, once per run; this importer multiplies the weights out instead.
fn hybrid(graph: &Graph<'_>) -> Vec<String> {
    let name = |tensor: Option<&usize>| tensor.map_or(String::new(), |at| graph.tensors[*at].name.clone());
    let reads_integers = |operator: &&Operator| {
        operator.inputs.get(1).copied().flatten().is_some_and(|weights| graph.tensors[weights].element == Element::Int8)
    };
    graph.operators.iter().filter(reads_integers).map(|operator| name(operator.outputs.first())).collect()
}

/// The scores of a network in float64, what the named steps read being rounded to eight bits.
fn rounded_run(network: &Network, rounded: &[String], input: &[f32]) -> Vec<f64> {
    let mut values = vec![Vec::new(); network.tensors.len()];
    values[network.inputs[0].tensor] = close::widened(input);
    for layer in &network.steps {
        let mut read: Vec<Vec<f64>> = layer.operands.iter().map(|operand| values[*operand].clone()).collect();
        if rounded.contains(&layer.name) {
            let peak = read[0].iter().fold(0.0_f64, |peak, value| peak.max(value.abs()));
            let unit = peak / 127.0;
            read[0].iter_mut().for_each(|value| *value = (*value / unit).round() * unit);
        }
        let slices: Vec<&[f64]> = read.iter().map(Vec::as_slice).collect();
        values[layer.output] = oracle::forward(network, layer, &slices).value;
    }
    values[network.outputs[0].tensor].clone()
}

#[test]
fn float_models_score_as_tensorflow_lite_does() {
    let Some(pack) = shared::path("conformance/tflm") else { return };
    let mut tally = Tally::default();
    for folder in folders(&pack) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let json: Value = serde_json::from_slice(&std::fs::read(folder.join("model.json")).unwrap()).unwrap();
        let bytes = std::fs::read(folder.join("model_float.tflite")).unwrap();
        let graph = tflite::read(&bytes).unwrap();
        let network = from_tflite(&bytes, &Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let image = emit(&network).unwrap_or_else(|error| panic!("{name}: {error}"));
        let model = image.model().unwrap();

        let (inputs, outputs) = (npy::read(&folder.join("inputs.npy")), npy::read(&folder.join("outputs_float.npy")));
        let scale = json["inputs"]["scale"].as_f64().expect("a scale") as f32;
        let zero = json["inputs"]["zero_point"].as_f64().expect("a zero point") as f32;
        let range = outputs.values.iter().fold(0.0_f64, |range, value| range.max(value.abs()));
        let rounded = hybrid(&graph);
        let (mut worst, mut agree) = (0.0_f64, 0);
        let count = inputs.shape[0];
        for i in 0..count {
            let input: Vec<f32> = inputs.item(i).narrowed().iter().map(|q| (q - zero) * scale).collect();
            let expected = outputs.item(i).values;
            let mut got = close::widened(&kernel::run(&model, slice::from_ref(&input), Mode::Infer)[0]);
            agree += usize::from(top(&got) == top(&expected));
            if !rounded.is_empty() {
                // The oracle is slow.
                if i % 15 != 0 {
                    continue;
                }
                let plain = rounded_run(&network, &[], &input);
                tally.check(&format!("{name} without rounding"), apart(&got, &plain) / range, 1e-5);
                got = rounded_run(&network, &rounded, &input);
            }
            worst = worst.max(apart(&got, &expected) / range);
        }
        println!("{name}: {count} inputs, worst {worst:.2e} of the range, {agree} with the same largest score");
        tally.check(&name, worst, 1e-5);
    }
    tally.report("float models");
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |worst, (a, b)| if (a - b).is_nan() { f64::NAN } else { worst.max((a - b).abs()) })
}

fn top(scores: &[f64]) -> Option<usize> {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
}
