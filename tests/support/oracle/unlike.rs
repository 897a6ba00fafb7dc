//! Layers that are unlike all others: local response normalisation, softmax, and those that only move elements.

use super::{at, places};
use crate::close::Figures;
use relprop::step::{Op, Shape};
use relprop_convert::Network;
use relprop_convert::network::Layer;

/// `y_k = x_k·(bias + alpha·Σ x_j²)^−beta` over `size` channels around `k`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponseNorm {
    alpha: f64,
    beta: f64,
    bias: f64,
    size: usize,
    channels: usize,
}

impl ResponseNorm {
    /// What a layer says.
    pub fn of(layer: &Layer, shape: Shape) -> Self {
        let [alpha, beta, bias, _] = layer.floats.map(f64::from);
        Self { alpha, beta, bias, size: layer.ints[0] as usize, channels: shape.channels }
    }

    /// The elements whose squares element `k` is divided by: `⌊(size−1)/2⌋` channels before it, `⌈(size−1)/2⌉` after.
    pub fn neighbours(&self, k: usize) -> Vec<usize> {
        let (pixel, channel) = (k / self.channels, k % self.channels);
        let (before, after) = ((self.size - 1) / 2, self.size / 2);
        let near = |other: &usize| channel <= other + before && *other <= channel + after;
        (0..self.channels).filter(near).map(|other| pixel * self.channels + other).collect()
    }

    fn base(&self, x: &[f64], k: usize) -> f64 {
        self.bias + self.alpha * self.neighbours(k).iter().map(|&j| x[j] * x[j]).sum::<f64>()
    }

    /// `y_k`.
    pub fn value(&self, x: &[f64], k: usize) -> f64 {
        x[k] * self.base(x, k).powf(-self.beta)
    }

    /// `∂y_k/∂x_j`.
    pub fn derivative(&self, x: &[f64], k: usize, j: usize) -> f64 {
        let base = self.base(x, k);
        let own = if j == k { base.powf(-self.beta) } else { 0.0 };
        own - 2.0 * self.alpha * self.beta * x[k] * x[j] * base.powf(-self.beta - 1.0)
    }

    /// What element `j` contributes to `y_k` in the expansion of Binder et al. 2016.
    pub fn contribution(&self, x: &[f64], k: usize, j: usize) -> f64 {
        if j == k {
            return x[k] * (self.bias + self.alpha * x[k] * x[k]).powf(-self.beta);
        }
        -2.0 * self.alpha * self.beta * x[k] * x[j] * x[j] * self.base(x, k).powf(-self.beta - 1.0)
    }
}

/// Softmax of every pixel, without logarithm.
pub fn probabilities(shape: Shape, x: &[f64]) -> Vec<f64> {
    let pixels = x.chunks(shape.channels).flat_map(|x| {
        let top = x.iter().fold(f64::NEG_INFINITY, |top, v| top.max(*v));
        let sum: f64 = x.iter().map(|v| (v - top).exp()).sum();
        x.iter().map(move |v| (v - top).exp() / sum)
    });
    pixels.collect()
}

/// Softmax or its logarithm.
pub fn softmax(layer: &Layer, shape: Shape, x: &[f64]) -> Figures {
    let p = probabilities(shape, x);
    if layer.variant == 0 {
        // An exponential is as exact as its argument, which is a difference; and there is the sum of all.
        let top = x.iter().fold(0.0_f64, |top, v| top.max(v.abs()));
        let scale = p.iter().zip(x).map(|(p, x)| p * (2.0 + x.abs() + top)).collect();
        return Figures { value: p, scale };
    }
    let value: Vec<f64> = p.iter().map(|p| p.ln()).collect();
    let scale = value.iter().zip(x).map(|(y, x)| 1.0 + y.abs() + x.abs()).collect();
    Figures { value, scale }
}

/// Which element of operand `k` goes where: concat, pad, slice, view, transpose.
pub fn moves(network: &Network, layer: &Layer, k: usize) -> Vec<(usize, usize)> {
    let input = network.shape(layer.operands[k]);
    let output = network.shape(layer.output);
    let [i0, i1, i2, i3, i4, i5, ..] = layer.ints.map(|v| v as usize);
    match layer.op {
        Op::Concat => {
            let axis = usize::from(layer.variant);
            let extent = |t: &usize| extents(network.shape(*t))[axis];
            let before: usize = layer.operands.iter().take(k).map(extent).sum();
            let mut corner = [0; 3];
            corner[axis] = before;
            places(input).map(|place| (at(input, place), at(output, shifted(place, corner)))).collect()
        }
        Op::Pad => places(input).map(|place| (at(input, place), at(output, shifted(place, [i0, i1, i2])))).collect(),
        Op::Slice => {
            let from = |[y, x, c]: [usize; 3]| at(input, [i0 + i3 * y, i1 + i4 * x, i2 + i5 * c]);
            places(output).map(|place| (from(place), at(output, place))).collect()
        }
        Op::Transpose => permuted(layer),
        Op::View => (0..output.elements()).map(|i| (i, i)).collect(),
        op => panic!("{} moves nothing", op.name()),
    }
}

fn extents(shape: Shape) -> [usize; 3] {
    [shape.height, shape.width, shape.channels]
}

fn shifted(place: [usize; 3], corner: [usize; 3]) -> [usize; 3] {
    std::array::from_fn(|axis| place[axis] + corner[axis])
}

/// Output axis `k` is input axis `ints[4 + k]` of an input with dimensions `ints[..4]`.
fn permuted(layer: &Layer) -> Vec<(usize, usize)> {
    let ints = layer.ints.map(|v| v as usize);
    let (dims, order) = ints.split_at(4);
    let index = |place: [usize; 4], dims: [usize; 4]| place.iter().zip(dims).fold(0, |at, (i, dim)| at * dim + i);
    let dims: [usize; 4] = std::array::from_fn(|axis| dims[axis]);
    let permuted = |of: [usize; 4]| std::array::from_fn(|axis| of[order[axis]]);
    let elements = dims.iter().product();
    let place = |mut i: usize| {
        let mut place = [0; 4];
        for axis in (0..4).rev() {
            place[axis] = i % dims[axis];
            i /= dims[axis];
        }
        place
    };
    (0..elements).map(|i| (i, index(permuted(place(i)), permuted(dims)))).collect()
}
