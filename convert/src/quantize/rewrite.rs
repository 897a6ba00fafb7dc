//! Steps without an int8 form, as steps that have one and compute the same.

use crate::network::{Layer, Network, Tensor};
use relprop::step::{Function, Op, Shape};

/// The network with affine steps as depthwise convolutions of one tap, and parametric `ReLU`s of a single slope as leaky
/// ones.
pub fn rewritten(network: &Network) -> Network {
    let mut rewritten = Network { steps: Vec::with_capacity(network.steps.len()), ..network.clone() };
    for step in &network.steps {
        match (step.op, step.params[0].as_slice()) {
            (Op::Affine, _) => affine(&mut rewritten, step),
            (Op::Activation, &[slope]) if step.variant == Function::PRelu as u8 => {
                let mut leaky = step.clone();
                leaky.variant = Function::LeakyRelu as u8;
                leaky.floats[0] = slope;
                leaky.params[0].clear();
                rewritten.steps.push(leaky);
            }
            _ => rewritten.steps.push(step.clone()),
        }
    }
    rewritten
}

fn affine(network: &mut Network, step: &Layer) {
    let shape = network.shape(step.output);
    let mut depthwise = Layer { op: Op::Depthwise, kernel: [1; 2], stride: [1; 2], dilation: [1; 2], ..step.clone() };
    if step.params[0].len() == shape.channels {
        network.steps.push(depthwise);
        return;
    }
    // One factor per element: every element is a channel of a single pixel.
    let flat = Shape::new(1, 1, shape.elements());
    let [before, after] = ["in", "out"].map(|end| {
        let name = format!("{}/{end}", step.name);
        network.tensors.push(Tensor { name, shape: flat, quantization: None, ties_to_even: false });
        network.tensors.len() - 1
    });
    let view =
        |end: &str, from: &[usize], to: usize| Layer::new(format!("{}/{end}", step.name), Op::View, from.to_vec(), to);
    (depthwise.operands, depthwise.output) = (vec![before], after);
    network.steps.extend([view("in", &step.operands, before), depthwise, view("out", &[after], step.output)]);
}

#[cfg(test)]
mod tests {
    use super::rewritten;
    use crate::network::Network;
    use crate::quantize::probe::Probe;
    use relprop::step::Shape;

    #[test]
    fn nothing_changes_but_the_steps() {
        let mut network = Network::named("n");
        let x = network.input("x", Shape::new(1, 2, 2));
        let y = network.affine(x, &[2.0, -3.0], &[]);
        let y = network.affine(y, &[1.0, 2.0, 3.0, 4.0], &[0.5, 0.0, -0.5, 1.0]);
        let y = network.prelu(y, &[0.25]);
        network.output(y);
        let outputs = [network.clone(), rewritten(&network)].map(|network| {
            let mut output = Vec::new();
            let items = [vec![vec![1.0, 2.0, -3.0, 4.0]]];
            let shown = |_, values: &[relprop::Values<'_>]| {
                output.extend(values[0].iter());
                Ok(())
            };
            Probe::new(&network, &[y]).unwrap().run(&items, shown).unwrap();
            output
        });
        assert_eq!(outputs[0], outputs[1]);
        assert_eq!(outputs[0].len(), 4);
    }
}
