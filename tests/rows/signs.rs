//! Steps whose output is never negative, and the condition.

use super::parts::{CUBE, UNIT, int8, one, ranged, two, window_of};
use relprop::step::{Function, Op, Shape};
use relprop_convert::network::{Layer, Port, Quantization};
use relprop_convert::{Network, Recurrent, Window};

/// When an output may be said to be never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Whatever the inputs are.
    Always,
    /// Where all of the inputs are said to be so.
    AsInputs,
    /// In no case.
    Never,
}

/// A network whose last step may, or may not, be said to be so.
pub struct Claim {
    pub what: String,
    pub network: Network,
    pub sign: Sign,
}

/// All of them.
pub fn claims() -> Vec<Claim> {
    [floats(), integers()].into_iter().flatten().collect()
}

fn claim(what: impl Into<String>, sign: Sign, network: Network) -> Claim {
    Claim { what: what.into(), network, sign }
}

/// Above activations that are never negative.
fn floats() -> Vec<Claim> {
    use Sign::{Always, AsInputs, Never};
    let over = |step: &dyn Fn(&mut Network, usize) -> usize| {
        one(CUBE, |n, x| {
            let x = n.relu(x);
            step(n, x)
        })
    };
    let both = |step: &dyn Fn(&mut Network, usize, usize) -> usize| {
        two([CUBE; 2], |n, [a, b]| {
            let (a, b) = (n.relu(a), n.relu(b));
            step(n, a, b)
        })
    };
    let point = Window { groups: 1, ..Window::new(1, 1) };
    let cell = Recurrent { weights: &[0.5; 16], recurrent: &[0.5; 4], ..Recurrent::default() };
    let sequence = |lstm: bool| {
        one(Shape::new(4, 1, 4), |n, x| {
            let x = n.relu(x);
            let gru = Recurrent { weights: &[0.5; 12], recurrent: &[0.5; 3], ..cell };
            if lstm { n.lstm(x, 1, &cell) } else { n.gru(x, 1, &gru) }
        })
    };
    let conversion = |zero_point| {
        over(&|n, x| {
            let y = n.push(Layer::new("quantize", Op::Quantize, vec![x], 0), CUBE);
            n.tensors[y].quantization = Some(Quantization { zero_point, ..UNIT });
            y
        })
    };
    let mut claims = vec![
        claim("sum", AsInputs, both(&|n, a, b| n.add(a, b))),
        claim("difference", Never, both(&|n, a, b| n.sub(a, b))),
        claim("product", AsInputs, both(&|n, a, b| n.mul(a, b))),
        claim("concat", AsInputs, both(&|n, a, b| n.concat(&[a, b], 2))),
        claim("zeros around", AsInputs, over(&|n, x| n.pad(x, [1; 3], Shape::new(5, 5, 5), 0.0))),
        claim("less around", Never, over(&|n, x| n.pad(x, [1; 3], Shape::new(5, 5, 5), -0.5))),
        claim("slice", AsInputs, over(&|n, x| n.slice(x, [0; 3], [1; 3], Shape::new(2, 2, 2)))),
        claim("view", AsInputs, over(&|n, x| n.view(x, Shape::new(1, 1, 64)))),
        claim("transpose", AsInputs, over(&|n, x| n.transpose(x, [1, 4, 4, 4], [0, 2, 1, 3], CUBE))),
        claim("max_pool", AsInputs, over(&|n, x| n.max_pool(x, &Window::new(2, 2)))),
        claim("average_pool", AsInputs, over(&|n, x| n.average_pool(x, &Window::new(2, 2), true))),
        claim("local_response_norm", AsInputs, over(&|n, x| n.local_response_norm(x, 3, 0.5, 0.75, 1.0))),
        claim("softmax", Always, over(&|n, x| n.softmax(x, false))),
        claim("log_softmax", Never, over(&|n, x| n.softmax(x, true))),
        claim("affine", Never, over(&|n, x| n.affine(x, &[0.5; 4], &[]))),
        claim("conv", Never, over(&|n, x| n.conv(x, &point, 2, &[0.5; 8], &[]))),
        claim("depthwise", Never, over(&|n, x| n.conv(x, &Window { groups: 4, ..point }, 4, &[0.5; 4], &[]))),
        claim("conv_transpose", Never, over(&|n, x| n.conv_transpose(x, &point, 2, &[0.5; 8], &[]))),
        claim("dense", Never, over(&|n, x| n.dense(x, 1, &[0.5; 64], &[]))),
        claim("lstm", Never, sequence(true)),
        claim("gru", Never, sequence(false)),
        claim("quantize", AsInputs, conversion(3)),
        claim("quantize from the smallest integer on", Always, conversion(-128)),
    ];
    for code in 0..=Function::Softplus as u8 {
        let function = Function::from_code(code).unwrap();
        let always = matches!(
            function,
            Function::Relu | Function::Sigmoid | Function::HardSigmoid | Function::Softplus | Function::Clip
        );
        let sign = if always { Always } else { AsInputs };
        let network = over(&|n, x| n.activation(x, function, [0.0, 0.5]));
        if function != Function::PRelu {
            claims.push(claim(format!("{function:?}"), sign, network));
        }
    }
    for (what, sign, function, attributes) in [
        ("clip to below and above zero", AsInputs, Function::Clip, [-0.5, 0.5]),
        ("clip to below zero", Never, Function::Clip, [-0.5, -0.25]),
        ("turned selu", Never, Function::Selu, [0.5, -0.5]),
    ] {
        claims.push(claim(what, sign, over(&|n, x| n.activation(x, function, attributes))));
    }
    claims.push(claim("prelu", AsInputs, over(&|n, x| n.prelu(x, &[-0.5]))));
    claims
}

/// A step of integers above maxima that are never below the integer of zero.
fn above(op: Op, output: Shape, operands: usize, set: impl Fn(&mut Layer)) -> Network {
    let mut n = int8(Op::MaxPool, &[CUBE], CUBE, |step| {
        ranged(step);
        window_of(step, [1, 1], 0);
        step.ints[0] = 3;
    });
    let mut rectified = vec![1];
    if operands == 2 {
        let x = n.input("x1", CUBE);
        let y = n.tensor("y1", CUBE);
        let mut layer = n.steps[0].clone();
        (layer.operands, layer.output) = (vec![x], y);
        n.steps.push(layer);
        rectified.push(y);
    }
    let y = n.tensor("last", output);
    for tensor in &mut n.tensors {
        tensor.quantization = Some(UNIT);
    }
    let mut layer = Layer::new("last", op, rectified, y);
    set(&mut layer);
    n.steps.push(layer);
    n.outputs = vec![Port::new("last", y, vec![1, output.height, output.width, output.channels])];
    n
}

fn integers() -> Vec<Claim> {
    use Sign::{Always, AsInputs, Never};
    let pool = |low: i32| {
        above(Op::MaxPool, CUBE, 1, |step| {
            ranged(step);
            window_of(step, [1, 1], 0);
            step.ints[0] = low as u32;
        })
    };
    let sum = |low: i32| {
        above(Op::Add, CUBE, 2, |step| {
            ranged(step);
            step.int8.rescale = vec![[1 << 30, 0]; 3];
            step.ints[0] = low as u32;
        })
    };
    let pad =
        |value: i32| above(Op::Pad, Shape::new(5, 5, 5), 1, |step| step.ints = [1, 1, 1, value as u32, 0, 0, 0, 0]);
    let activation = |zero_point| {
        let mut n = above(Op::Activation, CUBE, 1, |step| step.int8.weights = vec![1; 256]);
        n.tensors.last_mut().unwrap().quantization = Some(Quantization { zero_point, ..UNIT });
        n
    };
    let softmax = || above(Op::Softmax, CUBE, 1, |step| step.ints = [1 << 30, 4, 0, 0, 0, 0, 0, 0]);
    let mut dequantized = above(Op::Dequantize, CUBE, 1, |_| {});
    dequantized.tensors.last_mut().unwrap().quantization = None;
    vec![
        claim("int8 max_pool from zero on", Always, pool(3)),
        claim("int8 max_pool from above zero on", Always, pool(4)),
        claim("int8 max_pool from below zero on", Never, pool(2)),
        claim("int8 sum from zero on", Always, sum(3)),
        claim("int8 sum from below zero on", Never, sum(-128)),
        claim("int8 zeros around", AsInputs, pad(3)),
        claim("int8 less around", Never, pad(2)),
        claim("int8 concat", AsInputs, above(Op::Concat, Shape::new(4, 4, 8), 2, |step| step.variant = 2)),
        claim("int8 view", AsInputs, above(Op::View, Shape::new(1, 1, 64), 1, |_| {})),
        claim("int8 table", Never, activation(3)),
        claim("int8 table from the smallest integer on", Always, activation(-128)),
        claim("int8 softmax", Never, softmax()),
        claim("dequantize", AsInputs, dequantized),
    ]
}
