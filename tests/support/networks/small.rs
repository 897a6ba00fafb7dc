//! Small networks: two whose images are part of the repository, and one with two heads.

use relprop::step::Shape;
use relprop_convert::{Image, Network, Window, emit};

/// A picture of 4 × 4, a convolution, a dense layer, three classes: `tests/data/tiny.rlp`.
pub fn tiny() -> Image {
    let mut n = Network::named("tiny");
    let x = n.input("picture", Shape::new(4, 4, 1));
    let window = Window { stride: [2, 2], ..Window::new(2, 2) };
    let y = n.conv(x, &window, 2, &[1.0, -0.5, 0.25, 0.5, -1.0, 0.5, 1.0, -0.25], &[0.125, -0.125]);
    let y = n.relu(y);
    let weights: Vec<f32> = (0..24).map(|i| ((i * 7) % 11) as f32 / 8.0 - 0.5).collect();
    let y = n.dense(y, 3, &weights, &[0.0, 0.25, -0.25]);
    n.output(y);
    n.inputs[0].range = Some((0.0, 1.0));
    n.outputs[0].labels = ["ring", "bar", "dot"].map(String::from).to_vec();
    emit(&n).expect("an image")
}

/// The network of the library's first example, `kernel/tests/two.rlp`: of (1, 2) it makes (1.75, 3).
pub fn two() -> Image {
    let mut n = Network::named("two");
    let x = n.input("x", Shape::new(1, 1, 2));
    let y = n.dense(x, 3, &[1.0, -1.0, 0.5, 1.0, -1.0, 2.0], &[0.5, 0.0, -1.0]);
    let y = n.relu(y);
    let y = n.dense(y, 2, &[1.0, 1.0, -0.5, -1.0, 0.5, 1.0], &[0.25, -0.25]);
    n.output(y);
    emit(&n).expect("an image")
}

/// Two inputs, a hidden layer, two classes behind a softmax, and a second head that is not one.
pub fn heads() -> Image {
    let mut network = Network::named("heads");
    let x = network.input("x", Shape::new(1, 1, 2));
    let y = network.dense(x, 3, &[1.0, -1.0, 0.5, 2.0, -1.0, 1.5], &[0.1, 0.0, -0.1]);
    let y = network.relu(y);
    let logits = network.dense(y, 2, &[1.0, 0.5, -1.0, -0.5, 1.0, 2.0], &[]);
    let p = network.softmax(logits, false);
    network.output(p);
    let other = network.dense(y, 1, &[1.0, 1.0, 1.0], &[]);
    network.output(other);
    emit(&network).expect("an image")
}
