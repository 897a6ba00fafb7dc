//! tract's forward pass, to compare with `passes`: `cargo bench --features tract`.

use criterion::{Criterion, criterion_group, criterion_main};
use std::time::Duration;
use tract_onnx::prelude::*;

mod common;
use common::{image, input, networks};

fn forward(criterion: &mut Criterion) {
    for (name, path) in networks() {
        let image = image(&path);
        let port = image.model().expect("a valid image").input(0);
        let dims = &port.dims[..port.rank];
        let x = input(dims.iter().product());
        let mut user = vec![0.0; x.len()];
        port.to_user(&x, &mut user);
        let plan = tract_onnx::onnx()
            .model_for_path(&path)
            .and_then(|m| m.with_input_fact(0, f32::fact(dims).into()))
            .and_then(|m| m.into_optimized())
            .and_then(|m| m.into_runnable())
            .expect("tract runs it");
        let tensor = Tensor::from_shape(dims, &user).expect("a tensor");
        let mut group = criterion.benchmark_group(name);
        if x.len() > 10_000 {
            group.sample_size(10).measurement_time(Duration::from_secs(8));
        }
        group.bench_function("tract forward", |b| {
            b.iter(|| plan.run(tvec!(tensor.clone().into())).expect("tract runs it"));
        });
        group.finish();
    }
}

criterion_group!(benches, forward);
criterion_main!(benches);
