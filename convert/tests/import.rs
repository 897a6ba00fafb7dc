//! Networks that others made are imported, and the kernel accepts what becomes of them.

use relprop_convert::{Options, Plan, emit, from_onnx, parse};
use std::path::{Path, PathBuf};

/// The material that is shared between checkouts: `../shared` beside the workspace, or `RELPROP_SHARED`.
fn shared(path: &str) -> PathBuf {
    let root = std::env::var_os("RELPROP_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    root.join(path)
}

/// Every `folder/*/model.onnx` but those with LSTMs, which are not supported yet.
fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = shared(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} not found", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lstm")))
        .map(|path| path.join("model.onnx"))
        .filter(|path| path.exists())
        .collect();
    paths.sort();
    paths
}

/// Imports, emits, loads, and compares the plans with their lower bounds.
fn import(path: &Path) {
    let Ok(bytes) = std::fs::read(path) else {
        println!("skipped: {} not found", path.display());
        return;
    };
    let name = path.display();
    let network = from_onnx(&bytes, &Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let image = emit(&network).unwrap_or_else(|error| panic!("{name}: {error}"));
    let model = image.model().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(emit(&parse(&model)).unwrap(), image, "{name}");
    for mode in relprop::Mode::ALL {
        let plan = Plan::new(&model, mode);
        assert!(plan.arena * 10 <= plan.lower_bound * 11, "{name}: {} over {}", plan.arena, plan.lower_bound);
    }
}

#[test]
fn zennit_cases() {
    for path in cases("conformance/zennit_visible") {
        import(&path);
    }
}

#[test]
fn toolbox_cases() {
    for path in cases("conformance/toolbox_visible") {
        import(&path);
    }
}

#[test]
fn the_model_zoos_mnist() {
    import(&shared("models/mnist-8.onnx"));
}

#[test]
fn networks_of_this_repository() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for name in ["mnist-cnn.onnx", "mnist-tiny.onnx"] {
        import(&models.join(name));
    }
}
