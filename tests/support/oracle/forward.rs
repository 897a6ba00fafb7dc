//! The way forward.

use super::functions::Activation;
use super::taps::{self, taps};
use super::{places, unlike};
use crate::close::Figures;
use relprop::step::Op;
use relprop_convert::Network;
use relprop_convert::network::Layer;

/// Values of every tensor for these inputs.
pub fn run(network: &Network, inputs: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let mut values = vec![Vec::new(); network.tensors.len()];
    for (port, input) in network.inputs.iter().zip(inputs) {
        values[port.tensor] = crate::close::widened(input);
    }
    for layer in &network.steps {
        let operands: Vec<&[f64]> = layer.operands.iter().map(|&t| values[t].as_slice()).collect();
        values[layer.output] = forward(network, layer, &operands).value;
    }
    values
}

/// What one layer makes of its operands.
pub fn forward(network: &Network, layer: &Layer, x: &[&[f64]]) -> Figures {
    let input = network.shape(layer.operands[0]);
    let output = network.shape(layer.output);
    if let Some(taps) = taps(network, layer) {
        let mut z = Figures::exact(taps.bias.clone());
        for tap in &taps.list {
            let product = x[tap.operand][tap.from] * tap.weight;
            z.add(tap.to, product, product.abs());
        }
        return z;
    }
    match layer.op {
        Op::MaxPool => {
            let largest = |place| {
                let window = taps::window(layer, input, place);
                window.into_iter().map(|i| x[0][i]).fold(f64::NEG_INFINITY, f64::max)
            };
            Figures::exact(places(output).map(largest).collect())
        }
        Op::Activation => {
            let functions = (0..output.elements()).map(|i| Activation::of(layer, output, i));
            let (value, scale) = functions.zip(x[0]).map(|(f, x)| (f.value(*x), f.scale(*x))).unzip();
            Figures { value, scale }
        }
        Op::Mul => {
            let gate = |i: usize| x[1][i % x[1].len()];
            Figures::exact(x[0].iter().enumerate().map(|(i, signal)| signal * gate(i)).collect())
        }
        Op::LocalResponseNorm => {
            let norm = unlike::ResponseNorm::of(layer, output);
            Figures::exact((0..output.elements()).map(|i| norm.value(x[0], i)).collect())
        }
        Op::Softmax => unlike::softmax(layer, output, x[0]),
        _ => {
            let mut y = vec![f64::from(layer.floats[0]); output.elements()];
            for (k, x) in x.iter().enumerate() {
                for (from, to) in unlike::moves(network, layer, k) {
                    y[to] = x[from];
                }
            }
            Figures::exact(y)
        }
    }
}
