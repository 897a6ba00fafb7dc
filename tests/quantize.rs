//! The quantiser: what it writes the kernel accepts, it is near the float network, and it is the same every time.

use proptest::prelude::*;
use relprop::Mode;
use relprop::step::{Function, Op, Shape};
use relprop_convert::network::Layer;
use relprop_convert::quantize::{Item, Method, QuantizeError, QuantizeOptions, Quantized, quantize};
use relprop_convert::{Network, Window, emit, parse};
use support::cases::cases;
use support::networks::Case;
use support::networks::graphs::graph;
use support::networks::kinds::Kind;
use support::networks::layers::any_of;
use support::networks::numbers::{Numbers, Style};
use support::{kernel, oracle};

const METHODS: [Method; 3] = [Method::MinMax, Method::Percentile(0.999), Method::Mse];

/// The inputs of a case, and others of the same size.
fn items(case: &Case) -> Vec<Item> {
    let mut numbers = Numbers::new(7, Style::Smooth);
    let mut other = || case.inputs.iter().map(|input| numbers.sparse(input.len())).collect();
    [case.inputs.clone()].into_iter().chain((0..4).map(|_| other())).collect()
}

fn run(network: &Network, item: &Item) -> Vec<Vec<f32>> {
    let image = emit(network).unwrap();
    kernel::run(&image.model().unwrap(), item, Mode::Infer)
}

/// The unit of an output; zero of floats.
fn unit(quantized: &Quantized, output: usize) -> f64 {
    let tensor = quantized.network.outputs[output].tensor;
    quantized.network.tensors[tensor].quantization.map_or(0.0, |unit| unit.scale.into())
}

/// What rounding may cost each element of the output, beside the rounding of the output itself.
fn bound(case: &Case) -> Vec<f64> {
    let mut peak = f64::from(case.inputs.iter().flatten().fold(2.0_f32, |peak, v| peak.max(v.abs())));
    // What a layer adds up, at most, if all that it reads is as large as can be.
    let mut scales = |layer: &Layer| {
        let operands: Vec<Vec<f64>> =
            layer.operands.iter().map(|&t| vec![peak; case.network.shape(t).elements()]).collect();
        let operands: Vec<&[f64]> = operands.iter().map(Vec::as_slice).collect();
        let scales = oracle::forward(&case.network, layer, &operands).scale;
        let bounds: Vec<f64> = scales.iter().map(|scale| 0.03 * (scale + 2.0 * peak)).collect();
        peak = scales.into_iter().fold(peak, f64::max);
        bounds
    };
    case.network.steps[..=case.step].iter().map(&mut scales).last().expect("a layer")
}

proptest! {
    #![proptest_config(cases(256))]

    /// Rounding costs a unit of the output and a few hundredths of what is added up.
    #[test]
    fn every_layer_is_nearly_what_it_was((kind, case) in any_of(Kind::all())) {
        let quantized = quantize(&case.network, &items(&case), &QuantizeOptions::default()).unwrap();
        let expected = run(&case.network, &case.inputs).remove(0);
        let got = run(&quantized.network, &case.inputs).remove(0);
        let unit = unit(&quantized, 0);
        for (i, ((expected, got), bound)) in expected.iter().zip(&got).zip(bound(&case)).enumerate() {
            let error = (f64::from(*expected) - f64::from(*got)).abs();
            prop_assert!(error <= 1.5 * unit + bound, "{kind:?}, element {i}: {got} is not {expected}; unit {unit}");
        }
    }

    #[test]
    fn every_graph_has_an_image_and_always_the_same(case in graph(), method in 0..3_usize, bias_correction: bool, float_ends: bool) {
        let options = QuantizeOptions { method: METHODS[method], bias_correction, float_ends };
        let quantized = quantize(&case.network, &items(&case), &options).unwrap();
        let image = emit(&quantized.network).unwrap();
        prop_assert_eq!(&parse(&image.model().unwrap()), &quantized.network);
        prop_assert_eq!(&quantize(&case.network, &items(&case), &options).unwrap(), &quantized);
        let ends = quantized.network.inputs.iter().chain(&quantized.network.outputs);
        for port in ends.filter(|_| float_ends) {
            prop_assert!(quantized.network.tensors[port.tensor].quantization.is_none());
        }
        let outputs = run(&quantized.network, &case.inputs);
        prop_assert_eq!(outputs.len(), case.network.outputs.len());
        prop_assert!(outputs.iter().flatten().all(|value| value.is_finite()));
    }

    /// Convolution, addition, pooling and a dense layer, as in small residual networks.
    #[test]
    fn small_networks_say_what_they_said(seed: u64, channels in 2..9_usize, method in 0..3_usize, bias_correction: bool) {
        let mut numbers = Numbers::new(seed, Style::Smooth);
        let network = residual(&mut numbers, channels);
        let items: Vec<Item> = (0..24).map(|_| vec![numbers.sparse(8 * 8 * 2)]).collect();
        let options = QuantizeOptions { method: METHODS[method], bias_correction, float_ends: false };
        let quantized = quantize(&network, &items, &options).unwrap();
        for layer in &quantized.layers {
            prop_assert!(layer.unit.is_some() && layer.sqnr > 10.0 && layer.saturated < 0.02, "{:?}", layer);
        }
        let mut agreed = 0;
        for item in &items {
            let tops = [&network, &quantized.network].map(|network| top(&run(network, item)[0]));
            agreed += usize::from(tops[0] == tops[1]);
        }
        prop_assert!(agreed >= items.len() * 3 / 4, "{agreed} of {}", items.len());
    }
}

fn top(values: &[f32]) -> Option<usize> {
    relprop::target::arg_max(values)
}

fn residual(numbers: &mut Numbers, channels: usize) -> Network {
    let mut n = Network::named("residual");
    let window = Window { pads: [1; 4], ..Window::new(3, 3) };
    let x = n.input("x", Shape::new(8, 8, 2));
    let y = n.conv(x, &window, channels, &numbers.list(18 * channels), &numbers.list(channels));
    let y = n.relu(y);
    let z = n.conv(y, &window, channels, &numbers.list(9 * channels * channels), &numbers.list(channels));
    let y = n.add(y, z);
    let y = n.activation(y, Function::Relu, [0.0; 2]);
    let y = n.max_pool(y, &Window { stride: [2; 2], ..Window::new(2, 2) });
    let y = n.average_pool(y, &Window { stride: [2; 2], ..Window::new(2, 2) }, false);
    let y = n.dense(y, 5, &numbers.list(20 * channels), &numbers.list(5));
    n.output(y);
    n
}

#[test]
fn activations_become_the_range_of_the_step_before_them() {
    let network = residual(&mut Numbers::new(1, Style::Smooth), 4);
    let items = [vec![Numbers::new(2, Style::Smooth).list(128)]];
    let quantized = quantize(&network, &items, &QuantizeOptions::default()).unwrap().network;
    let ops: Vec<Op> = quantized.steps.iter().map(|step| step.op).collect();
    assert_eq!(ops, [Op::Conv, Op::Conv, Op::Add, Op::MaxPool, Op::AveragePool, Op::Dense]);
    for step in [0, 2] {
        assert_eq!(quantized.steps[step].ints[0] as i32, -128);
        assert_eq!(quantized.tensors[quantized.steps[step].output].quantization.unwrap().zero_point, -128);
    }
}

#[test]
fn what_has_no_integers_stays_between_conversions() {
    let mut network = Network::named("n");
    let x = network.input("x", Shape::new(2, 2, 4));
    let y = network.local_response_norm(x, 3, 1.0, 0.5, 1.0);
    let y = network.conv(y, &Window::new(1, 1), 3, &[0.5; 12], &[]);
    let y = network.softmax(y, true);
    network.output(y);
    let items = [vec![Numbers::new(2, Style::Smooth).list(16)]];
    let quantized = quantize(&network, &items, &QuantizeOptions::default()).unwrap().network;
    let ops: Vec<Op> = quantized.steps.iter().map(|step| step.op).collect();
    let wanted = [Op::Dequantize, Op::LocalResponseNorm, Op::Quantize, Op::Conv, Op::Dequantize, Op::Softmax];
    assert_eq!(ops, wanted);
    assert!(emit(&quantized).is_ok());
}

/// One large weight makes the many small ones round to nothing, which shifts the mean; the bias brings it back.
#[test]
fn bias_correction_brings_the_mean_back() {
    let mut network = Network::named("n");
    let x = network.input("x", Shape::new(1, 1, 16));
    let mut weights = [0.003; 16];
    weights[0] = 1.0;
    let y = network.dense(x, 1, &weights, &[]);
    network.output(y);
    let mut numbers = Numbers::new(3, Style::Smooth);
    let items: Vec<Item> = (0..32).map(|_| vec![numbers.list(16).iter().map(|v| v + 2.0).collect()]).collect();
    let sqnr = [false, true].map(|bias_correction| {
        let options = QuantizeOptions { bias_correction, ..QuantizeOptions::default() };
        quantize(&network, &items, &options).unwrap().layers[1].sqnr
    });
    assert!(sqnr[1] > sqnr[0] + 5.0, "{sqnr:?}");
}

#[test]
fn what_cannot_be_quantised_is_refused() {
    let mut network = Network::named("n");
    let x = network.input("x", Shape::new(1, 1, 2));
    let y = network.dense(x, 1, &[3e38; 2], &[]);
    network.output(y);
    let attempt = |items: &[Item]| quantize(&network, items, &QuantizeOptions::default());
    assert_eq!(attempt(&[]), Err(QuantizeError::NoItems));
    assert!(matches!(attempt(&[vec![vec![1.0]]]), Err(QuantizeError::Item { item: 0, .. })));
    let infinite = attempt(&[vec![vec![0.0; 2]], vec![vec![2.0; 2]]]);
    assert_eq!(infinite, Err(QuantizeError::NotFinite { item: 1, tensor: "dense_0".into() }));
    let once = attempt(&[vec![vec![0.1; 2]]]).unwrap();
    let twice = quantize(&once.network, &[vec![vec![0.1; 2]]], &QuantizeOptions::default());
    assert_eq!(twice, Err(QuantizeError::Integers));
}
