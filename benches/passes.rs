//! Forward and relevance passes, one thread, default build.
//!
//! `cargo bench` measures the shipped networks; LeNet-5 where the folder with reference figures is (`RELPROP_SHARED`,
//! or `../shared`), and the large ones where `cargo xtask bench` has written them. With `--features tract`, the bench
//! `tract` runs tract's forward pass on the same networks and inputs: in a process of its own, because its wide vector
//! registers slow down baseline code that runs after it.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use relprop::{Bound, Composite, Mode, Preset, Session, Target};
use std::time::Duration;

mod common;
use common::{image, input, networks};

/// The composites that the README's table has, with the bounds of inputs in `[0, 1]`.
const COMPOSITES: [(&str, Preset<'static>); 6] = [
    ("epsilon", Preset::Epsilon(1e-6)),
    ("epsilon_plus", Preset::EpsilonPlus),
    ("epsilon_plus_flat", Preset::EpsilonPlusFlat),
    ("epsilon_alpha2_beta1", Preset::EpsilonAlpha2Beta1),
    ("epsilon_gamma_box", Preset::EpsilonGammaBox { low: Bound::Uniform(0.0), high: Bound::Uniform(1.0) }),
    ("gradient", Preset::Gradient),
];

fn passes(criterion: &mut Criterion) {
    for (name, path) in networks() {
        let image = image(&path);
        let model = image.model().expect("a valid image");
        let x = input(model.tensor(model.input(0).tensor).shape.elements());
        let mut arena = vec![0; model.arena_bytes(Mode::Retain) + 16];
        let mut session = Session::new(&model, &mut arena, Mode::Retain).expect("enough memory");
        // Something to explain, should only explanations be asked for.
        session.run(&x).expect("finite");

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
        group.finish();
    }
}

criterion_group!(benches, passes);
criterion_main!(benches);
