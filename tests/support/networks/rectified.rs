//! Rectified networks, of which the literature says most.

use super::numbers::{Numbers, Style};
use proptest::prelude::*;
use relprop::step::Shape;
use relprop_convert::{Network, Window};

/// A rectified network: convolutions with bias, max pooling, a dense layer.
#[derive(Clone, Copy, Debug)]
pub struct Rectified {
    extent: usize,
    channels: [usize; 3],
    pool: bool,
    /// Whether layers have biases.
    pub bias: bool,
    seed: u64,
}

prop_compose! {
    /// Any of them.
    pub fn rectified()(
        extent in 4_usize..=7,
        channels in [1_usize..=3, 1..=9, 1..=6],
        pool: bool,
        seed: u64,
    ) -> Rectified {
        Rectified { extent, channels, pool, bias: true, seed }
    }
}

impl Rectified {
    /// Extent of the input.
    pub fn shape(&self) -> Shape {
        Shape::new(self.extent, self.extent, self.channels[0])
    }

    /// An input, of either sign.
    pub fn input(&self) -> Vec<f32> {
        Numbers::new(!self.seed, Style::Smooth).sparse(self.shape().elements())
    }

    /// The network, its first layer scaled by `factors[0]` and so on; the last layer makes up for it.
    pub fn network(&self, factors: [f32; 2]) -> Network {
        let mut numbers = Numbers::new(self.seed, Style::Smooth);
        let mut scaled = |n: usize, factor: f32| -> Vec<f32> {
            numbers.list(n).iter().map(|v| v * factor / (n as f32).sqrt()).collect()
        };
        let bias = |values: Vec<f32>| if self.bias { values } else { Vec::new() };
        let [inputs, hidden, outputs] = self.channels;
        let window = Window { pads: [1; 4], ..Window::new(3, 3) };
        let mut n = Network::named("rectified");
        let mut x = n.input("x", self.shape());
        let weights = scaled(9 * inputs * hidden, factors[0]);
        x = n.conv(x, &window, hidden, &weights, &bias(scaled(hidden, factors[0])));
        x = n.relu(x);
        if self.pool {
            x = n.max_pool(x, &Window { stride: [2, 2], ..Window::new(2, 2) });
        }
        let weights = scaled(9 * hidden * outputs, factors[1]);
        x = n.conv(x, &window, outputs, &weights, &bias(scaled(outputs, factors[0] * factors[1])));
        x = n.relu(x);
        let elements = n.shape(x).elements();
        let weights = scaled(3 * elements, 1.0 / (factors[0] * factors[1]));
        x = n.dense(x, 3, &weights, &bias(scaled(3, 1.0)));
        n.output(x);
        n
    }
}
