//! Whatever a graph does to the order of elements, the user sees what the graph says.

mod common;

use common::Onnx;
use proptest::prelude::*;
use relprop::{Mode, Session};
use relprop_convert::{Options, emit, from_onnx};

/// A tensor in the user's order, and the graph that makes it.
#[derive(Clone)]
struct Tensor {
    dims: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    fn counting(dims: &[usize]) -> Self {
        let count = dims.iter().product::<usize>();
        Self { dims: dims.to_vec(), data: (0..count).map(|i| i as f32 - count as f32 / 3.0).collect() }
    }

    /// The elements for which `index` gives coordinates, in the order of a tensor of these extents.
    fn gather(&self, dims: Vec<usize>, index: impl Fn(&[usize]) -> Vec<usize>) -> Self {
        let mut data = Vec::new();
        for flat in 0..dims.iter().product() {
            let (mut rest, mut at) = (flat, vec![0; dims.len()]);
            for (axis, &dim) in dims.iter().enumerate().rev() {
                (at[axis], rest) = (rest % dim, rest / dim);
            }
            let position = index(&at).iter().zip(&self.dims).fold(0, |sum, (&i, &dim)| sum * dim + i);
            data.push(self.data[position]);
        }
        Self { dims, data }
    }
}

/// One thing that a graph does; numbers are reduced to what the tensor at hand allows.
#[derive(Clone, Copy, Debug)]
enum Move {
    Transpose(usize),
    Split(usize, usize),
    Merge(usize),
    Slice(usize, usize),
    Twice(usize),
    Pad(usize),
    Scale,
    Relu,
    Mix,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => any::<usize>().prop_map(Move::Transpose),
        3 => any::<(usize, usize)>().prop_map(|(a, b)| Move::Split(a, b)),
        3 => any::<usize>().prop_map(Move::Merge),
        2 => any::<(usize, usize)>().prop_map(|(a, b)| Move::Slice(a, b)),
        2 => any::<usize>().prop_map(Move::Twice),
        1 => any::<usize>().prop_map(Move::Pad),
        2 => Just(Move::Scale),
        1 => Just(Move::Relu),
        1 => Just(Move::Mix),
    ];
    prop::collection::vec(one, 1..8)
}

/// Applies a move to the graph and to the tensor.
fn apply(onnx: &mut Onnx, name: &str, t: &Tensor, step: Move) -> (String, Tensor) {
    let rank = t.dims.len();
    let int = |list: &[usize]| list.iter().map(|&n| n as i64).collect::<Vec<_>>();
    let nothing = || (name.to_owned(), t.clone());
    match step {
        Move::Transpose(seed) => {
            let mut order: Vec<usize> = (0..rank).collect();
            let mut seed = seed;
            for i in (1..rank).rev() {
                order.swap(i, seed % (i + 1));
                seed /= i + 1;
            }
            let dims = order.iter().map(|&axis| t.dims[axis]).collect();
            let result = t.gather(dims, |at| {
                let mut from = vec![0; rank];
                order.iter().zip(at).for_each(|(&axis, &i)| from[axis] = i);
                from
            });
            if rank == 1 {
                return nothing();
            }
            (onnx.op("Transpose", &[name], &[("perm", &int(&order))]), result)
        }
        Move::Split(axis, factor) => {
            let axis = axis % rank;
            let factors: Vec<usize> = (2..t.dims[axis]).filter(|f| t.dims[axis].is_multiple_of(*f)).collect();
            if rank == 6 || factors.is_empty() {
                return nothing();
            }
            let factor = factors[factor % factors.len()];
            let mut dims = t.dims.clone();
            dims[axis] /= factor;
            dims.insert(axis + 1, factor);
            reshape(onnx, name, t, dims)
        }
        Move::Merge(axis) => {
            if rank == 1 {
                return nothing();
            }
            let axis = axis % (rank - 1);
            let mut dims = t.dims.clone();
            dims[axis] *= dims.remove(axis + 1);
            reshape(onnx, name, t, dims)
        }
        Move::Slice(axis, seed) => {
            let axis = axis % rank;
            let (start, stride) = (seed % t.dims[axis], seed / 7 % 2 + 1);
            let mut dims = t.dims.clone();
            dims[axis] = (dims[axis] - start).div_ceil(stride);
            let lists = [start, usize::MAX >> 1, axis, stride].map(|n| onnx.ints(&[n as i64]));
            let inputs: Vec<&str> = std::iter::once(name).chain(lists.iter().map(String::as_str)).collect();
            let result = t.gather(dims, |at| {
                let mut from = at.to_vec();
                from[axis] = start + stride * from[axis];
                from
            });
            (onnx.op("Slice", &inputs, &[]), result)
        }
        Move::Twice(axis) => {
            let axis = axis % rank;
            let mut dims = t.dims.clone();
            dims[axis] *= 2;
            let result = t.gather(dims, |at| {
                let mut from = at.to_vec();
                from[axis] %= t.dims[axis];
                from
            });
            (onnx.op("Concat", &[name, name], &[("axis", &[axis as i64])]), result)
        }
        Move::Pad(axis) => {
            let axis = if rank == 4 && t.dims[0] == 1 { 1 + axis % 3 } else { return nothing() };
            let mut pads = [0; 8];
            (pads[axis], pads[4 + axis]) = (1, 2);
            let pads = onnx.ints(&pads);
            let mut dims = t.dims.clone();
            dims[axis] += 3;
            let mut padded = Tensor { dims: t.dims.clone(), data: t.data.clone() };
            padded.data.push(0.0);
            let inside = |at: &[usize]| (1..=t.dims[axis]).contains(&at[axis]);
            let strides = |at: &[usize]| at.iter().zip(&t.dims).fold(0, |sum, (&i, &dim)| sum * dim + i);
            padded.dims = vec![padded.data.len()];
            let result = padded.gather(dims, |at| {
                let mut from = at.to_vec();
                from[axis] = from[axis].wrapping_sub(1);
                vec![if inside(at) { strides(&from) } else { t.data.len() }]
            });
            (onnx.op("Pad", &[name, &pads], &[]), result)
        }
        Move::Scale => {
            let factors: Vec<f32> = (0..t.data.len()).map(|i| [1.0, -2.0, 0.5][i % 3]).collect();
            let data = t.data.iter().zip(&factors).map(|(x, f)| x * f).collect();
            let factors = onnx.floats(&t.dims, &factors);
            (onnx.op("Mul", &[name, &factors], &[]), Tensor { dims: t.dims.clone(), data })
        }
        Move::Relu => {
            let data = t.data.iter().map(|x| x.max(0.0)).collect();
            (onnx.op("Relu", &[name], &[]), Tensor { dims: t.dims.clone(), data })
        }
        Move::Mix => {
            // The tensor plus itself in another layout: reversed and reversed back.
            let order: Vec<i64> = (0..rank as i64).rev().collect();
            if rank == 1 {
                return nothing();
            }
            let there = onnx.op("Transpose", &[name], &[("perm", &order)]);
            let scale = onnx.floats(&[1], &[2.0]);
            let scaled = onnx.op("Mul", &[&there, &scale], &[]);
            let back = onnx.op("Transpose", &[&scaled], &[("perm", &order)]);
            let data = t.data.iter().map(|x| x + 2.0 * x).collect();
            (onnx.op("Add", &[name, &back], &[]), Tensor { dims: t.dims.clone(), data })
        }
    }
}

fn reshape(onnx: &mut Onnx, name: &str, t: &Tensor, dims: Vec<usize>) -> (String, Tensor) {
    let shape: Vec<i64> = dims.iter().map(|&dim| dim as i64).collect();
    let shape = onnx.ints(&shape);
    (onnx.op("Reshape", &[name, &shape], &[]), Tensor { dims, data: t.data.clone() })
}

/// Imports, runs on `x`, and returns the first output in the user's order.
fn run(bytes: &[u8], x: &[f32]) -> Vec<f32> {
    let network = from_onnx(bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let image = emit(&network).expect("the network fits together");
    let model = image.model().expect("the kernel accepts it");
    let mut input = vec![0.0; x.len()];
    model.input(0).to_kernel(x, &mut input);
    let mut arena = vec![0; model.arena_bytes(Mode::Infer) + 16];
    let mut session = Session::new(&model, &mut arena, Mode::Infer).expect("the arena is large enough");
    let scores = session.run(&input).expect("the input fits");
    let mut output = vec![0.0; scores.len()];
    model.output(0).to_user(scores.floats().unwrap(), &mut output);
    output
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_user_sees_what_the_graph_says(
        dims in prop_oneof![
            prop::collection::vec(1_usize..5, 3).prop_map(|d| [&[1], d.as_slice()].concat()),
            prop::collection::vec(1_usize..7, 2).prop_map(|d| [&[1], d.as_slice()].concat()),
            prop::collection::vec(1_usize..7, 1..3),
        ],
        moves in moves(),
        dense in any::<bool>(),
    ) {
        let mut onnx = Onnx::new(&dims);
        let mut tensor = Tensor::counting(&dims);
        let x = tensor.data.clone();
        let mut name = onnx.op("Relu", &["x"], &[]);
        tensor.data.iter_mut().for_each(|x| *x = x.max(0.0));
        for step in moves {
            (name, tensor) = apply(&mut onnx, &name, &tensor, step);
            prop_assume!(tensor.data.len() < 4000);
        }
        if dense {
            // A product with weights that tell every position from every other.
            let n = tensor.data.len();
            (name, tensor) = reshape(&mut onnx, &name, &tensor, vec![1, n]);
            let weights: Vec<f32> = (0..n).map(|i| (i % 17) as f32 - 8.0).collect();
            let w = onnx.floats(&[n, 1], &weights);
            name = onnx.op("MatMul", &[&name, &w], &[]);
            let sum = tensor.data.iter().zip(&weights).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum::<f64>();
            tensor.data = vec![sum as f32];
        }
        let output = run(&onnx.bytes(&name), &x);
        let scale = tensor.data.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
        prop_assert_eq!(output.len(), tensor.data.len());
        for (got, wanted) in output.iter().zip(&tensor.data) {
            prop_assert!((got - wanted).abs() <= scale * 1e-4, "{:?} instead of {:?}", output, tensor.data);
        }
    }
}
