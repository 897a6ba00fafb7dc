//! What follows from a network and is written into its image: shared storage and signs.
//!
//! The kernel checks both claims; the conditions here are those of its `model/check.rs`.

use crate::network::{Layer, Network};
use relprop::model::format::step::FLAG_SUBTRACT;
use relprop::step::{Function, Op};

/// For every tensor the one whose memory it uses: itself, unless a step works in place.
///
/// A view needs no memory of its own, and an activation none where the way back can recompute its input: after a
/// linear step. Neither may overwrite what somebody else still reads.
pub fn storage(network: &Network) -> Vec<usize> {
    let count = network.tensors.len();
    let mut consumers = vec![0_usize; count];
    let mut producer: Vec<Option<Op>> = vec![None; count];
    let mut is_output = vec![false; count];
    for step in &network.steps {
        for &operand in &step.operands {
            if let Some(consumers) = consumers.get_mut(operand) {
                *consumers += 1;
            }
        }
        if let Some(producer) = producer.get_mut(step.output) {
            *producer = Some(step.op);
        }
    }
    for port in &network.outputs {
        if let Some(is_output) = is_output.get_mut(port.tensor) {
            *is_output = true;
        }
    }

    let mut storage: Vec<usize> = (0..count).collect();
    for step in &network.steps {
        let &[from] = step.operands.as_slice() else { continue };
        let alone = consumers.get(from) == Some(&1) && is_output.get(from) == Some(&false);
        let possible = match step.op {
            Op::View => true,
            Op::Activation => {
                !is_int8(network, from) && producer.get(from).is_some_and(|op| op.is_some_and(Op::is_linear))
            }
            _ => false,
        };
        if let (true, true, Some(&root)) = (alone, possible, storage.get(from))
            && let Some(own) = storage.get_mut(step.output)
        {
            *own = root;
        }
    }
    storage
}

/// For every tensor whether no element of it can be negative.
pub fn non_negative(network: &Network) -> Vec<bool> {
    let mut known = vec![false; network.tensors.len()];
    for step in &network.steps {
        let inputs = step.operands.iter().all(|&operand| known.get(operand) == Some(&true));
        if let Some(output) = known.get_mut(step.output) {
            *output = match network.tensors.get(step.output).and_then(|tensor| tensor.quantization) {
                Some(quantization) => is_non_negative_int8(step, inputs, quantization.zero_point),
                None => is_non_negative(step, inputs),
            };
        }
    }
    known
}

fn is_int8(network: &Network, tensor: usize) -> bool {
    network.tensors.get(tensor).is_some_and(|tensor| tensor.quantization.is_some())
}

/// No integer may be below the one that stands for zero.
fn is_non_negative_int8(step: &Layer, inputs: bool, zero_point: i8) -> bool {
    let ranged = !matches!(step.op, Op::Activation | Op::Softmax | Op::Quantize | Op::Lstm) && !step.op.is_structural();
    let ([low, _, _, padding, ..], zero) = (step.ints.map(|bits| bits as i32), i32::from(zero_point));
    let kept = match step.op {
        Op::Pad => padding >= zero,
        op => op.is_structural() || op == Op::Quantize,
    };
    zero_point == i8::MIN || (ranged && low >= zero) || (kept && inputs)
}

fn is_non_negative(step: &Layer, inputs: bool) -> bool {
    let [a, b, ..] = step.floats;
    match step.op {
        Op::Activation => match Function::from_code(step.variant) {
            Some(Function::Relu | Function::Sigmoid | Function::HardSigmoid | Function::Softplus) => true,
            Some(Function::Clip) => a >= 0.0 || (inputs && b >= 0.0),
            Some(Function::Selu) => inputs && b >= 0.0,
            _ => inputs,
        },
        Op::Add => inputs && step.flags & FLAG_SUBTRACT == 0,
        Op::Pad => inputs && a >= 0.0,
        Op::Softmax => step.variant == 0,
        Op::MaxPool
        | Op::AveragePool
        | Op::Mul
        | Op::Concat
        | Op::Slice
        | Op::View
        | Op::Transpose
        | Op::LocalResponseNorm
        | Op::Quantize
        | Op::Dequantize => inputs,
        Op::Conv | Op::Depthwise | Op::ConvTranspose | Op::Dense | Op::Affine | Op::Embedding | Op::Lstm | Op::Gru => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{non_negative, storage};
    use crate::network::Network;
    use relprop::step::{Function, Shape};

    #[test]
    fn relu_after_conv_is_in_place_and_non_negative() {
        let mut network = Network::named("n");
        let x = network.input("x", Shape::new(1, 1, 2));
        let y = network.dense(x, 2, &[1.0; 4], &[]);
        let z = network.activation(y, Function::Relu, [0.0; 2]);
        let w = network.activation(z, Function::Tanh, [0.0; 2]);
        network.output(w);
        // The tanh reads an activation, which the way back cannot recompute.
        assert_eq!(storage(&network), [0, 1, 1, 3]);
        assert_eq!(non_negative(&network), [false, false, true, true]);
    }

    #[test]
    fn what_others_read_is_not_overwritten() {
        let mut network = Network::named("n");
        let x = network.input("x", Shape::new(1, 1, 2));
        let y = network.dense(x, 2, &[1.0; 4], &[]);
        let z = network.activation(y, Function::Relu, [0.0; 2]);
        let sum = network.add(y, z);
        network.output(sum);
        assert_eq!(storage(&network), [0, 1, 2, 3]);
    }

    #[test]
    fn a_view_of_the_input_is_free() {
        let mut network = Network::named("n");
        let x = network.input("x", Shape::new(2, 1, 2));
        let y = network.view(x, Shape::new(1, 1, 4));
        let z = network.dense(y, 2, &[1.0; 8], &[]);
        network.output(z);
        assert_eq!(storage(&network), [0, 0, 2]);
    }
}
