//! Forward and relevance passes, one thread, default build.
//!
//! `cargo bench` measures the shipped networks; LeNet-5 where the folder with reference figures is (`RELPROP_SHARED`,
//! or `../shared`), and the large ones where `cargo xtask bench` has written them. With `--features tract`, tract's
//! forward pass stands beside ours in the same run.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use relprop::{Bound, Composite, Mode, Preset, Session, Target};
use relprop_convert::{Image, Options, emit, from_onnx};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The composites that the README's table has, with the bounds of inputs in `[0, 1]`.
const COMPOSITES: [(&str, Preset<'static>); 6] = [
    ("epsilon", Preset::Epsilon(1e-6)),
    ("epsilon_plus", Preset::EpsilonPlus),
    ("epsilon_plus_flat", Preset::EpsilonPlusFlat),
    ("epsilon_alpha2_beta1", Preset::EpsilonAlpha2Beta1),
    ("epsilon_gamma_box", Preset::EpsilonGammaBox { low: Bound::Uniform(0.0), high: Bound::Uniform(1.0) }),
    ("gradient", Preset::Gradient),
];

fn networks() -> Vec<(&'static str, PathBuf)> {
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
fn input(elements: usize) -> Vec<f32> {
    let digit = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/samples/7.png");
    match image::open(digit) {
        Ok(digit) if elements == 784 => digit.to_luma8().iter().map(|p| f32::from(*p) / 255.0).collect(),
        _ => (0..elements).map(|i| 0.5 + 0.5 * (i as f32 * 0.37).sin()).collect(),
    }
}

fn image(path: &Path) -> Image {
    let bytes = std::fs::read(path).expect("readable");
    let network = from_onnx(&bytes, &Options::default()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    emit(&network).expect("an image")
}

fn passes(criterion: &mut Criterion) {
    for (name, path) in networks() {
        let image = image(&path);
        let model = image.model().expect("a valid image");
        let x = input(model.tensor(model.input(0).tensor).shape.elements());
        let mut arena = vec![0; model.arena_bytes(Mode::Retain) + 16];
        let mut session = Session::new(&model, &mut arena, Mode::Retain).expect("enough memory");

        let mut group = criterion.benchmark_group(name);
        if x.len() > 10_000 {
            group.sample_size(10).measurement_time(Duration::from_secs(8));
        }
        group.bench_function("forward", |b| b.iter(|| session.run(&x).expect("finite").len()));
        for (composite, preset) in COMPOSITES {
            group.bench_with_input(BenchmarkId::new("explain", composite), &preset, |b, preset| {
                let composite = Composite::new(*preset);
                b.iter(|| session.explain(&Target::TOP, &composite).expect("rules for all").value());
            });
        }
        #[cfg(feature = "tract")]
        tract::forward(&mut group, &path, &model, &x);
        group.finish();
    }
}

/// The same forward pass by tract.
#[cfg(feature = "tract")]
mod tract {
    use criterion::{BenchmarkGroup, measurement::WallTime};
    use std::path::Path;
    use tract_onnx::prelude::*;

    pub fn forward(group: &mut BenchmarkGroup<'_, WallTime>, path: &Path, model: &relprop::Model<'_>, x: &[f32]) {
        let port = model.input(0);
        let mut user = vec![0.0; x.len()];
        port.to_user(x, &mut user);
        let dims = &port.dims[..port.rank];
        let plan = tract_onnx::onnx()
            .model_for_path(path)
            .and_then(|m| m.with_input_fact(0, f32::fact(dims).into()))
            .and_then(tract_onnx::prelude::InferenceModelExt::into_optimized)
            .and_then(|m| m.into_runnable())
            .expect("tract runs it");
        let tensor = Tensor::from_shape(dims, &user).expect("a tensor");
        group.bench_function("tract forward", |b| {
            b.iter(|| plan.run(tvec!(tensor.clone().into())).expect("tract runs it"));
        });
    }
}

criterion_group!(benches, passes);
criterion_main!(benches);
