//! Networks and inputs that the benches share.

use relprop_convert::{Image, Options, emit, from_onnx};
use std::path::{Path, PathBuf};

/// The networks that are there; those that are not are said to be skipped.
pub fn networks() -> Vec<(&'static str, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("RELPROP_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let all = [
        ("mnist-tiny", root.join("models/mnist-tiny.onnx")),
        ("mnist-cnn", root.join("models/mnist-cnn.onnx")),
        ("lenet5", shared.join("conformance/toolbox_visible/lenet5/model.onnx")),
        ("resnet18", root.join("target/bench-models/resnet18.onnx")),
        ("mobilenet_v2", root.join("target/bench-models/mobilenet_v2.onnx")),
    ];
    let found = |(name, path): &(&str, PathBuf)| {
        let found = path.exists();
        if !found {
            println!("skipped: {name}: {} not found", path.display());
        }
        found
    };
    all.into_iter().filter(found).collect()
}

/// A digit of ours where the input is one, else a smooth pattern in `[0, 1]`: half of a digit is background, and that
/// matters to the figures.
pub fn input(elements: usize) -> Vec<f32> {
    let digit = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/samples/7.png");
    match image::open(digit) {
        Ok(digit) if elements == 784 => digit.to_luma8().iter().map(|p| f32::from(*p) / 255.0).collect(),
        _ => (0..elements).map(|i| 0.5 + 0.5 * (i as f32 * 0.37).sin()).collect(),
    }
}

/// The image of an ONNX file.
pub fn image(path: &Path) -> Image {
    let bytes = std::fs::read(path).expect("readable");
    let network = from_onnx(&bytes, &Options::default()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    emit(&network).expect("an image")
}
