//! The float models of the TFLM pack: the network through the TensorFlow Lite importer, and the forward pass against
//! the scores of TensorFlow Lite's own kernels.
//!
//! The pack is beside the repository; see [`support::shared`].

use relprop::Mode;
use relprop_convert::{Options, emit, from_tflite, tflite};
use serde_json::Value;
use std::path::{Path, PathBuf};
use support::close::relative_to_peak;
use support::tally::Tally;
use support::{kernel, npy, shared};

/// What a model whose weights are integers may be off by: TensorFlow Lite rounds the activations of such layers to
/// eight bits, this importer does not.
const HYBRID: f64 = 0.1;

fn folders(pack: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(pack).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("model_float.tflite").exists()).collect();
    folders.sort();
    folders
}

/// Whether a layer reads weights that are integers.
fn is_hybrid(graph: &tflite::schema::Graph<'_>) -> bool {
    let bytes = |tensor: &tflite::schema::Tensor<'_>| tensor.element == tflite::schema::Element::Int8;
    graph.tensors.iter().any(bytes)
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
        let network = match from_tflite(&bytes, &Options::default()) {
            Err(error) if graph.operators.iter().any(|operator| operator.op.ends_with("LSTM")) => {
                assert!(error.to_string().contains("recurrent layers are not supported yet"), "{name}: {error}");
                println!("{name}: not supported yet: {error}");
                continue;
            }
            network => network.unwrap_or_else(|error| panic!("{name}: {error}")),
        };
        let image = emit(&network).unwrap_or_else(|error| panic!("{name}: {error}"));
        let model = image.model().unwrap();

        let (inputs, outputs) =
            (npy::read(&folder.join("inputs.npy")), npy::read(&folder.join("outputs_float.npy")));
        let scale = json["inputs"]["scale"].as_f64().expect("a scale") as f32;
        let zero = json["inputs"]["zero_point"].as_f64().expect("a zero point") as f32;
        let range = outputs.values.iter().fold(0.0_f64, |range, value| range.max(value.abs()));
        let mut worst = 0.0_f64;
        let mut agree = 0;
        for i in 0..inputs.shape[0] {
            let input: Vec<f32> = inputs.item(i).narrowed().iter().map(|q| (q - zero) * scale).collect();
            let expected = outputs.item(i).values;
            let got = kernel::run(&model, &[input], Mode::Infer).swap_remove(0);
            let peak = expected.iter().fold(0.0_f64, |peak, value| peak.max(value.abs()));
            worst = worst.max(relative_to_peak(&got, &expected) * peak / range);
            agree += usize::from(top(&got.iter().map(|v| f64::from(*v)).collect::<Vec<_>>()) == top(&expected));
        }
        let tolerance = if is_hybrid(&graph) { HYBRID } else { 1e-5 };
        let count = inputs.shape[0];
        println!("{name}: {count} inputs, worst {worst:.2e} of the range, {agree} with the same largest score");
        tally.check(&name, worst, tolerance);
    }
    tally.report("float models");
}

fn top(scores: &[f64]) -> Option<usize> {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
}

/// Integer models are read and resolved; only their lowering is missing.
#[test]
fn integer_models_are_resolved_and_refused() {
    let Some(pack) = shared::path("conformance/tflm") else { return };
    for folder in std::fs::read_dir(pack).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let bytes = std::fs::read(folder.join("model.tflite")).unwrap();
        let graph = tflite::read(&bytes).unwrap();
        let mut refusals = Vec::new();
        let resolved = tflite::resolve::Resolved::new(&graph, &mut refusals);
        assert!(refusals.is_empty(), "{}: {refusals:?}", folder.display());
        let wanted: Value = serde_json::from_slice(&std::fs::read(folder.join("model.json")).unwrap()).unwrap();
        assert_eq!(resolved.steps.len(), wanted["operators"].as_array().unwrap().len(), "{}", folder.display());
        let error = from_tflite(&bytes, &Options::default()).unwrap_err().to_string();
        assert!(error.contains("(INT8): quantised activations are not supported yet"), "{error}");
    }
}
