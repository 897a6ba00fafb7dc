//! Networks whose steps are out of order, and steps that would work in the memory of what they read.

use super::parts::{CUBE, int8, one, ranged};
use relprop::error::{Place, Reason};
use relprop::step::{Function, Op, Shape};
use relprop_convert::network::{Layer, Port, Tensor};
use relprop_convert::{Network, Window};

/// A network that is refused, and for what.
pub struct Disorder {
    pub what: &'static str,
    pub network: Network,
    pub refused: (Place, usize, Reason),
}

/// Two activations, one after the other; and what is wrong with each.
pub fn disorders() -> Vec<Disorder> {
    use Reason::{Order, Port};
    let chain = || {
        one(CUBE, |n, x| {
            let y = n.relu(x);
            n.activation(y, Function::Tanh, [0.0; 2])
        })
    };
    let of = |what, refused, change: &dyn Fn(&mut Network)| {
        let mut network = chain();
        change(&mut network);
        Disorder { what, network, refused }
    };
    vec![
        of("the second step first", (Place::Step, 0, Order), &|n| n.steps.swap(0, 1)),
        of("a step that reads what it writes", (Place::Step, 1, Order), &|n| n.steps[1].operands[0] = 2),
        of("a tensor that is written twice", (Place::Tensor, 1, Order), &|n| {
            let again = n.steps[0].clone();
            n.steps.push(again);
        }),
        of("a tensor that nobody writes", (Place::Tensor, 3, Order), &|n| {
            n.tensors.push(Tensor::floats("idle", CUBE));
        }),
        of("an output that nobody writes", (Place::Port, 1, Port), &|n| {
            n.tensors.push(Tensor::floats("idle", CUBE));
            n.outputs[0].tensor = 3;
        }),
        of("an input that is written", (Place::Port, 0, Port), &|n| n.inputs[0].tensor = 1),
        of("an input twice", (Place::Port, 1, Port), &|n| {
            let again = n.inputs[0].clone();
            n.inputs.push(again);
        }),
        of("an output twice", (Place::Port, 2, Port), &|n| {
            let again = n.outputs[0].clone();
            n.outputs.push(again);
        }),
    ]
}

/// A network whose step at a position works in the memory of its operand, if it may.
pub struct InPlace {
    pub what: &'static str,
    pub network: Network,
    pub step: usize,
    pub may: bool,
}

/// All of them.
pub fn in_place() -> Vec<InPlace> {
    let point = Window { groups: 1, ..Window::new(1, 1) };
    let conv = |n: &mut Network, x| n.conv(x, &point, 4, &[0.5; 16], &[]);
    let of = |what, step, may, network| InPlace { what, network, step, may };
    let table = {
        let mut n = int8(Op::Add, &[CUBE; 2], CUBE, |step| {
            ranged(step);
            step.int8.rescale = vec![[1 << 30, 0]; 3];
        });
        let y = n.tensor("table", CUBE);
        n.tensors[y].quantization = n.tensors[0].quantization;
        let mut layer = Layer::new("table", Op::Activation, vec![2], y);
        layer.int8.weights = vec![1; 256];
        n.steps.push(layer);
        n.outputs = vec![Port::new("table", y, vec![1, 4, 4, 4])];
        n
    };
    let flat = Shape::new(1, 1, 64);
    vec![
        of(
            "an activation of a convolution",
            1,
            true,
            one(CUBE, |n, x| {
                let y = conv(n, x);
                n.relu(y)
            }),
        ),
        of("an activation of an input", 0, false, one(CUBE, Network::relu)),
        of(
            "an activation of a maximum",
            1,
            false,
            one(CUBE, |n, x| {
                let y = n.max_pool(x, &Window::new(2, 2));
                n.relu(y)
            }),
        ),
        of(
            "an activation of an output",
            1,
            false,
            one(CUBE, |n, x| {
                let y = conv(n, x);
                n.output(y);
                n.relu(y)
            }),
        ),
        of(
            "an activation of what another step reads",
            1,
            false,
            one(CUBE, |n, x| {
                let y = conv(n, x);
                let z = n.relu(y);
                n.output(z);
                n.activation(y, Function::Tanh, [0.0; 2])
            }),
        ),
        of("an activation over int8", 1, false, table),
        of(
            "a maximum of a convolution",
            1,
            false,
            one(CUBE, |n, x| {
                let y = conv(n, x);
                n.max_pool(y, &point)
            }),
        ),
        of(
            "a view of an activation",
            1,
            true,
            one(CUBE, |n, x| {
                let y = n.relu(x);
                n.view(y, flat)
            }),
        ),
        of(
            "a view of an output",
            1,
            false,
            one(CUBE, |n, x| {
                let y = n.relu(x);
                n.output(y);
                n.view(y, flat)
            }),
        ),
        of(
            "a view of what another step reads",
            1,
            false,
            one(CUBE, |n, x| {
                let y = n.relu(x);
                let z = n.view(y, flat);
                n.output(z);
                n.max_pool(y, &point)
            }),
        ),
    ]
}
