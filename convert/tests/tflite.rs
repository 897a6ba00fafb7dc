//! TensorFlow Lite files: what they compute, what is refused, and bytes that nobody meant to be a model.

mod common;

use common::damage::{flipped, rewritten, truncated};
use common::tflite::{Field, Fields, Tflite, f32s, file, i32s, i64s, text};
use proptest::prelude::*;
use proptest::sample::Index;
use relprop::{Mode, Session};
use relprop_convert::tflite::{Error, FlatError};
use relprop_convert::{Network, Options, emit, from_tflite};

const SAME: u8 = 0;
const VALID: u8 = 1;
const RELU: u8 = 1;

/// Operators without options.
const NONE: (u8, Fields) = (0, Vec::new());

fn conv(padding: u8, stride: i32, fused: u8, dilation: i32) -> (u8, Fields) {
    let numbers = [(1, stride), (2, stride), (4, dilation), (5, dilation)].map(|(at, n)| (at, Field::I32(n)));
    (1, [vec![(0, Field::U8(padding)), (3, Field::U8(fused))], numbers.to_vec()].concat())
}

fn depthwise(padding: u8, stride: i32) -> (u8, Fields) {
    (2, vec![(0, Field::U8(padding)), (1, Field::I32(stride)), (2, Field::I32(stride))])
}

fn pool(padding: u8, stride: i32, size: i32) -> (u8, Fields) {
    let numbers = [(1, stride), (2, stride), (3, size), (4, size)].map(|(at, n)| (at, Field::I32(n)));
    (5, [vec![(0, Field::U8(padding))], numbers.to_vec()].concat())
}

fn softmax() -> (u8, Fields) {
    (9, vec![(0, Field::F32(1.0))])
}

/// Numbers without a pattern, between −1 and 1.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as f32 / 32_768.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn import(bytes: &[u8]) -> Result<Network, Error> {
    from_tflite(bytes, &Options::default())
}

fn run(bytes: &[u8], input: &[f32]) -> Vec<f32> {
    let network = import(bytes).unwrap_or_else(|error| panic!("{error}"));
    let image = emit(&network).unwrap_or_else(|error| panic!("{error}"));
    let model = image.model().unwrap();
    let mut arena = vec![0; model.arena_bytes(Mode::Infer) + 16];
    Session::new(&model, &mut arena, Mode::Infer).unwrap().run(input).unwrap().iter().collect()
}

fn close(got: &[f32], wanted: &[f32]) {
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(wanted) {
        assert!((got - wanted).abs() < 1e-5, "{got} is not {wanted}");
    }
}

/// Where a tap of a padded window falls.
fn tap(o: usize, k: usize, [stride, dilation, before]: [usize; 3], limit: usize) -> Option<usize> {
    (o * stride + k * dilation).checked_sub(before).filter(|&i| i < limit)
}

#[test]
fn convolutions_pad_as_tensorflow_does() {
    // Height and width, kernel, stride, dilation, and what is padded before and made.
    let cases =
        [([5, 6], 3, 2, 1, [1, 0], [3, 3]), ([7, 4], 3, 1, 2, [2, 2], [7, 4]), ([6, 6], 2, 1, 1, [0, 0], [6, 6])];
    for ([h, w], k, stride, dilation, before, [oh, ow]) in cases {
        let (x, weights, bias) = (numbers(h * w * 2, 1), numbers(3 * k * k * 2, 2), numbers(3, 3));
        let mut wanted = Vec::new();
        for (oy, ox, o) in (0..oh * ow * 3).map(|i| (i / 3 / ow, i / 3 % ow, i % 3)) {
            let mut sum = bias[o];
            for (ky, kx, c) in (0..k * k * 2).map(|i| (i / 2 / k, i / 2 % k, i % 2)) {
                let places =
                    [tap(oy, ky, [stride, dilation, before[0]], h), tap(ox, kx, [stride, dilation, before[1]], w)];
                if let [Some(y), Some(xx)] = places {
                    sum += x[(y * w + xx) * 2 + c] * weights[((o * k + ky) * k + kx) * 2 + c];
                }
            }
            wanted.push(sum.max(0.0));
        }
        let mut model = Tflite::new(&[1, h as i32, w as i32, 2]);
        let weights = model.floats(&[3, k as i32, k as i32, 2], &weights);
        let bias = model.floats(&[3], &bias);
        let y = model.op(3, &[0, weights, bias], conv(SAME, stride as i32, RELU, dilation as i32));
        close(&run(&model.bytes(y), &x), &wanted);
    }
}

#[test]
fn depthwise_outputs_of_a_channel_are_neighbours() {
    for multiplier in [1, 2] {
        let outputs = 3 * multiplier;
        let (x, weights) = (numbers(5 * 5 * 3, 4), numbers(9 * outputs, 5));
        let mut wanted = Vec::new();
        for (oy, ox, o) in (0..9 * outputs).map(|i| (i / outputs / 3, i / outputs % 3, i % outputs)) {
            let mut sum = 0.0;
            for (ky, kx) in (0..9).map(|i| (i / 3, i % 3)) {
                if let [Some(y), Some(xx)] = [tap(oy, ky, [2, 1, 1], 5), tap(ox, kx, [2, 1, 1], 5)] {
                    sum += x[(y * 5 + xx) * 3 + o / multiplier] * weights[(ky * 3 + kx) * outputs + o];
                }
            }
            wanted.push(sum);
        }
        let mut model = Tflite::new(&[1, 5, 5, 3]);
        let weights = model.floats(&[1, 3, 3, outputs as i32], &weights);
        let y = model.op(4, &[0, weights, -1], depthwise(SAME, 2));
        close(&run(&model.bytes(y), &x), &wanted);
    }
}

#[test]
fn transposed_convolutions_scatter() {
    let (x, weights) = (numbers(2 * 3 * 2, 6), numbers(3 * 9 * 2, 7));
    let mut wanted = vec![0.0; 4 * 5 * 3];
    for (iy, ix, ky, kx) in (0..54_usize).map(|i| (i / 27, i / 9 % 3, i / 3 % 3, i % 3)) {
        // Rows: 3 + 2 − 4 = 1 too many, the odd one after; columns: 5 + 2 − 5 = 2, one on each side.
        if let (oy @ 0..4, Some(ox @ 0..5)) = (iy * 2 + ky, (ix * 2 + kx).checked_sub(1)) {
            for (o, c) in (0..6).map(|i| (i / 2, i % 2)) {
                wanted[(oy * 5 + ox) * 3 + o] += x[(iy * 3 + ix) * 2 + c] * weights[((o * 3 + ky) * 3 + kx) * 2 + c];
            }
        }
    }
    let mut model = Tflite::new(&[1, 2, 3, 2]);
    let (shape, weights) = (model.ints(&[1, 4, 5, 3]), model.floats(&[3, 3, 3, 2], &weights));
    let options = vec![(0, Field::U8(SAME)), (1, Field::I32(2)), (2, Field::I32(2))];
    let y = model.op(67, &[shape, weights, 0], (49, options));
    close(&run(&model.bytes(y), &x), &wanted);
}

#[test]
fn pooling_divides_by_what_is_inside() {
    let x: Vec<f32> = (1..=9).map(|v| v as f32).collect();
    let pooled = |code: i32, options: (u8, Fields)| {
        let mut model = Tflite::new(&[1, 3, 3, 1]);
        let y = model.op(code, &[0], options);
        run(&model.bytes(y), &x)
    };
    close(&pooled(1, pool(SAME, 2, 2)), &[3.0, 4.5, 7.5, 9.0]);
    close(&pooled(17, pool(SAME, 2, 2)), &[5.0, 6.0, 8.0, 9.0]);
    close(&pooled(17, pool(VALID, 1, 2)), &[5.0, 6.0, 8.0, 9.0]);
    for (axes, wanted) in [(vec![1, 2], vec![5.0]), (vec![-2], vec![2.0, 5.0, 8.0]), (vec![1], vec![4.0, 5.0, 6.0])] {
        let mut model = Tflite::new(&[1, 3, 3, 1]);
        let axes = model.ints(&axes);
        let y = model.op(40, &[0, axes], (27, vec![(0, Field::U8(1))]));
        close(&run(&model.bytes(y), &x), &wanted);
    }
}

#[test]
fn arithmetic_with_constants_and_gates() {
    let x = [1.0, -2.0, 3.0, -4.0];
    let constant = |code: i32, values: &[f32], first: bool| {
        let mut model = Tflite::new(&[1, 2, 1, 2]);
        let c = model.floats(&[values.len() as i32], values);
        let y = model.op(code, &if first { [c, 0] } else { [0, c] }, NONE);
        run(&model.bytes(y), &x)
    };
    close(&constant(0, &[1.0, 2.0], false), &[2.0, 0.0, 4.0, -2.0]);
    close(&constant(41, &[1.0], false), &[0.0, -3.0, 2.0, -5.0]);
    close(&constant(41, &[1.0], true), &[0.0, 3.0, -2.0, 5.0]);
    close(&constant(18, &[2.0, -1.0], true), &[2.0, 2.0, 6.0, 4.0]);

    let mut model = Tflite::new(&[1, 2, 1, 2]);
    let axes = model.ints(&[1, 2]);
    let mean = model.op(40, &[0, axes], (27, vec![(0, Field::U8(1))]));
    let gate = model.op(14, &[mean], NONE);
    let y = model.op(18, &[gate, 0], NONE);
    let twice = model.op(0, &[y, y], NONE);
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    let [a, b] = [2.0 * sigmoid(2.0), 2.0 * sigmoid(-3.0)];
    close(&run(&model.bytes(twice), &x), &[a, -2.0 * b, 3.0 * a, -4.0 * b]);
}

#[test]
fn shapes_that_are_computed_are_known() {
    // What Keras writes for Flatten with a batch that is left open.
    let mut model = Tflite::new(&[1, 2, 1, 3]);
    let shape = model.op(77, &[0], NONE);
    let (zero, one, minus) = (model.ints(&[0]), model.ints(&[1]), model.constant(&[], 2, i32s(&[-1]), None));
    let batch = model.op(45, &[shape, zero, one, one], (32, vec![(4, Field::I32(1))]));
    let target = model.op(83, &[batch, minus], (59, vec![(0, Field::I32(2))]));
    let flat = model.op(22, &[0, target], NONE);
    let weights = model.floats(&[1, 6], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let y = model.op(9, &[flat, weights, -1], (8, Vec::new()));
    let network = import(&model.bytes(y)).unwrap();
    assert_eq!(network.steps.len(), 2, "{:?}", network.steps);
    assert_eq!(network.outputs[0].dims, [1, 1]);
}

#[test]
fn structure_keeps_the_order_of_elements() {
    let x = numbers(2 * 2 * 3, 8);
    let mut model = Tflite::new(&[1, 2, 2, 3]);
    let pads = model.constant(&[4, 2], 2, i32s(&[0, 0, 1, 0, 0, 1, 0, 0]), None);
    let padded = model.op(34, &[0, pads], NONE);
    let both = model.op(2, &[padded, padded], (10, vec![(0, Field::I32(-1))]));
    let axis = model.ints(&[1]);
    let wide = model.op(70, &[both, axis], NONE);
    let narrow = model.op(43, &[wide], (30, vec![(0, i32s(&[1]))]));
    let mut wanted = vec![0.0; 3 * 3 * 6];
    for (y, c) in (0..2 * 2 * 3).map(|i| (i / 3, i % 3)) {
        for copy in [0, 3] {
            wanted[((y / 2 + 1) * 3 + y % 2) * 6 + copy + c] = x[y * 3 + c];
        }
    }
    close(&run(&model.bytes(narrow), &x), &wanted);
}

#[test]
fn short_weights_are_multiplied_out() {
    let mut model = Tflite::new(&[1, 2]);
    let half = model.constant(&[1, 2], 1, Field::Vector(1, vec![0, 0x3c, 0, 0xc0]), None);
    let bytes = Field::Vector(1, vec![10, 0xf6, 3, 1]);
    let scales = vec![(2, f32s(&[0.5, 2.0])), (3, i64s(&[0, 1])), (6, Field::I32(0))];
    let integers = model.constant(&[2, 2], 9, bytes, Some(scales));
    let dense = model.op(9, &[0, integers, -1], (8, vec![(0, Field::U8(0))]));
    let weights = model.op(6, &[half], NONE);
    let y = model.op(9, &[dense, weights, -1], (8, Vec::new()));
    // Rows (5, −5) and (4, 0), then (1, −2).
    close(&run(&model.bytes(y), &[3.0, 1.0]), &[10.0 - 24.0]);
}

#[test]
fn all_that_is_not_supported_is_told_at_once() {
    let mut model = Tflite::new(&[1, 4]);
    let a = model.op(48, &[0], NONE);
    let b = model.op(19, &[a], NONE);
    let c = model.op(119, &[0], NONE);
    let d = model.op(25, &[0], (9, vec![(0, Field::F32(2.0))]));
    let e = model.op(999, &[0], NONE);
    let y = model.op(2, &[b, c, d, e], (10, vec![(0, Field::I32(1))]));
    model.op(64, &[0], NONE);
    let error = import(&model.bytes(y)).unwrap_err();
    let message = error.to_string();
    let Error::Unsupported(refusals) = error else { panic!("{message}") };
    let told: Vec<(&str, &str)> = refusals.iter().map(|refusal| (&*refusal.name, &*refusal.op)).collect();
    assert_eq!(told, [("t1", "TOPK_V2"), ("t3", "WHILE"), ("t4", "SOFTMAX"), ("t5", "operator 999")], "{message}");
    assert!(message.contains("t3 (WHILE): it calls another graph"), "{message}");
    assert!(message.contains("supported operators: ADD"), "{message}");
}

/// What is refused, and in which words.
#[test]
fn refusals() {
    type Make = fn(&mut Tflite) -> i32;
    let cases: [(&str, Make); 14] = [
        ("w1 is a constant", |m| {
            let w = m.floats(&[1, 4], &[1.0; 4]);
            m.op(19, &[w], NONE)
        }),
        ("weights of shape [9, 4] in 16 bytes", |m| {
            let w = m.floats(&[9, 4], &[1.0; 4]);
            m.op(9, &[0, w, -1], (8, Vec::new()))
        }),
        ("holds NaN or infinity", |m| {
            let w = m.floats(&[1, 4], &[f32::NAN; 4]);
            m.op(9, &[0, w, -1], (8, Vec::new()))
        }),
        ("a bias of [2] for 1 outputs", |m| {
            let (w, b) = (m.floats(&[1, 4], &[1.0; 4]), m.floats(&[2], &[1.0; 2]));
            m.op(9, &[0, w, b], (8, Vec::new()))
        }),
        ("shuffled weights", |m| {
            let w = m.floats(&[1, 4], &[1.0; 4]);
            m.op(9, &[0, w, -1], (8, vec![(1, Field::U8(1))]))
        }),
        ("fused activation Tanh", |m| {
            let w = m.floats(&[1, 4], &[1.0; 4]);
            m.op(9, &[0, w, -1], (8, vec![(0, Field::U8(4))]))
        }),
        ("weights must be constant", |m| m.op(9, &[0, 0, -1], (8, Vec::new()))),
        ("input 0 is missing", |m| m.op(19, &[-1], NONE)),
        ("an input with 2 axes", |m| m.op(17, &[0], pool(SAME, 1, 2))),
        ("cannot take the shape [3]", |m| {
            let shape = m.ints(&[3]);
            m.op(22, &[0, shape], NONE)
        }),
        ("no operator before it writes its input loose", |m| {
            let loose = m.activation("loose", &[1, 4]);
            m.op(19, &[loose], NONE)
        }),
        ("its output is [1, 4], the file says [1, 5]", |m| {
            let y = m.op(19, &[0], NONE);
            let wrong = m.activation("wrong", &[1, 5]);
            m.redirect(y, wrong)
        }),
        ("a quantisation of its own making", |m| {
            let quantization = vec![(4, Field::U8(1)), (5, Field::Table(Vec::new()))];
            let w = m.constant(&[1, 4], 9, Field::Vector(1, vec![1; 4]), Some(quantization));
            m.op(9, &[0, w, -1], (8, Vec::new()))
        }),
        ("its scales do not fit", |m| {
            let w = m.constant(&[1, 4], 9, Field::Vector(1, vec![1; 4]), Some(vec![(2, f32s(&[1.0; 3]))]));
            m.op(9, &[0, w, -1], (8, Vec::new()))
        }),
    ];
    for (expected, make) in cases {
        let mut model = Tflite::new(&[1, 4]);
        let y = make(&mut model);
        let message = import(&model.bytes(y)).expect_err(expected).to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn references_to_nowhere() {
    let model = |inputs: &[i32], output: i32| {
        let mut model = Tflite::new(&[1, 4]);
        model.op(19, inputs, NONE);
        import(&model.bytes(output))
    };
    assert_eq!(model(&[7], 1), Err(Error::Dangling { what: "tensor", index: 7 }));
    assert_eq!(model(&[-2], 1), Err(Error::Dangling { what: "tensor", index: -2 }));
    assert_eq!(model(&[0], 9), Err(Error::Dangling { what: "tensor", index: 9 }));
    let buffer = vec![(0, i32s(&[4])), (2, Field::I32(5)), (3, text("w"))];
    let mut with_buffer = Tflite::new(&[1, 4]);
    with_buffer.tensor(buffer);
    assert_eq!(import(&with_buffer.bytes(0)), Err(Error::Dangling { what: "buffer", index: 5 }));

    assert_eq!(import(b""), Err(Error::Malformed(FlatError::Identifier)));
    assert_eq!(import(b"\xff\xff\xff\xffTFL3"), Err(Error::Malformed(FlatError::Bounds)));
    assert_eq!(import(&file(&vec![(0, Field::I32(2))])), Err(Error::Version(2)));
    assert_eq!(import(&file(&vec![(0, Field::I32(3))])), Err(Error::NoGraph));
    let circle: Vec<u8> = [&[8, 0, 0, 0], b"TFL3".as_slice(), &[0; 8]].concat();
    assert_eq!(import(&circle), Err(Error::Malformed(FlatError::Vtable)));
}

/// A small network with a bit of everything.
fn model() -> Vec<u8> {
    let mut model = Tflite::new(&[1, 4, 4, 2]);
    let scales = vec![(2, f32s(&[0.5, 0.25])), (3, i64s(&[0, 0])), (6, Field::I32(0))];
    let w = model.constant(&[2, 3, 3, 2], 9, Field::Vector(1, (0..36).collect()), Some(scales));
    let b = model.floats(&[2], &[0.5; 2]);
    let y = model.op(3, &[0, w, b], conv(SAME, 2, RELU, 1));
    let w = model.floats(&[1, 2, 2, 4], &[0.1; 16]);
    let z = model.op(4, &[y, w, -1], depthwise(SAME, 1));
    let z = model.op(17, &[z], pool(VALID, 1, 2));
    let joined = model.op(2, &[z, z], (10, vec![(0, Field::I32(3))]));
    let shape = model.ints(&[1, -1]);
    let flat = model.op(22, &[joined, shape], NONE);
    let w = model.floats(&[3, 8], &[0.2; 24]);
    let scores = model.op(9, &[flat, w, -1], (8, Vec::new()));
    let y = model.op(25, &[scores], softmax());
    model.bytes(y)
}

/// Neither panics nor takes long; what is accepted is a model.
fn survive(bytes: &[u8]) {
    if let Ok(network) = import(bytes)
        && let Ok(image) = emit(&network)
    {
        image.model().expect("what is emitted is accepted");
    }
}

#[test]
fn the_model_itself_is_fine() {
    assert_eq!(run(&model(), &numbers(32, 9)).len(), 3);
}

#[test]
fn every_truncation_is_survived() {
    truncated(&model(), survive);
}

#[test]
fn every_flipped_bit_is_survived() {
    flipped(model(), survive);
}

proptest! {
    #[test]
    fn rubbish_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survive(&[b"\x10\0\0\0TFL3".as_slice(), &bytes].concat());
    }

    #[test]
    fn rewritten_bytes_are_survived(changes in prop::collection::vec(any::<(Index, [u8; 1])>(), 1..6)) {
        survive(&rewritten(model(), changes));
    }

    #[test]
    fn rewritten_words_are_survived(changes in prop::collection::vec(any::<(Index, [u8; 4])>(), 1..4)) {
        survive(&rewritten(model(), changes));
    }
}
