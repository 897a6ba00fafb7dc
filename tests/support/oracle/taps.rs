//! Linear layers as explicit lists of who reads whom.

use super::{at, places};
use relprop::model::format::BLOCK;
use relprop::model::format::step::{FLAG_COUNT_PAD, FLAG_SUBTRACT};
use relprop::step::{Op, Shape};
use relprop_convert::Network;
use relprop_convert::network::Layer;

/// `z[to] += x[operand][from] · weight`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    /// Which operand is read.
    pub operand: usize,
    /// Which of its elements.
    pub from: usize,
    /// Which element of the output it is added to.
    pub to: usize,
    /// What it is multiplied by.
    pub weight: f64,
}

/// A linear layer: `z[to] = Σ x·w + bias[to]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    /// Every product of the layer; none for what falls on padding.
    pub list: Vec<Tap>,
    /// One per output element.
    pub bias: Vec<f64>,
    /// No weight is a fraction that float32 rounds.
    pub exact: bool,
}

impl Taps {
    /// How many inputs each output reads.
    pub fn fan_in(&self) -> Vec<usize> {
        let mut count = vec![0; self.bias.len()];
        for tap in &self.list {
            count[tap.to] += 1;
        }
        count
    }
}

/// The taps of a linear layer, `None` for any other.
pub fn taps(network: &Network, layer: &Layer) -> Option<Taps> {
    let input = network.shape(*layer.operands.first()?);
    let output = network.shape(layer.output);
    let list = match layer.op {
        Op::Conv => convolution(layer, input, output),
        Op::Depthwise => depthwise(layer, input, output),
        Op::ConvTranspose => transposed(layer, input, output),
        Op::Dense => dense(layer, input, output),
        Op::AveragePool => average(layer, input, output),
        Op::Affine => affine(layer, output),
        Op::Add => addition(layer, output),
        _ => return None,
    };
    let bias = &layer.params[1];
    // None, one per element or one per channel.
    let of = |i: usize| bias.get(if bias.len() == output.elements() { i } else { i % output.channels });
    let bias = (0..output.elements()).map(|i| of(i).map_or(0.0, |b| f64::from(*b))).collect();
    Some(Taps { list, bias, exact: layer.op != Op::AveragePool })
}

/// A weight of a convolution, from the documented order `[group][block of 8 outputs][row][column][input][8]`.
fn weight(layer: &Layer, input: Shape, output: Shape, to: usize, inner: usize, [ky, kx]: [usize; 2]) -> f64 {
    let groups = layer.groups as usize;
    let (fan, outputs) = (input.channels / groups, output.channels / groups);
    let (group, within) = (to / outputs, to % outputs);
    let block = group * outputs.div_ceil(BLOCK) + within / BLOCK;
    let [height, width] = layer.kernel.map(usize::from);
    let packed = ((block * height + ky) * width + kx) * fan + inner;
    f64::from(layer.params[0][packed * BLOCK + within % BLOCK])
}

/// Every tap of the kernel.
fn kernel(layer: &Layer) -> impl Iterator<Item = [usize; 2]> {
    let [height, width] = layer.kernel.map(usize::from);
    (0..height).flat_map(move |ky| (0..width).map(move |kx| [ky, kx]))
}

/// Where a window at position `o` puts tap `k` along an axis: `o·stride + k·dilation − padding`.
fn along(layer: &Layer, axis: usize, o: usize, k: usize) -> isize {
    let product = |a: usize, b: u16| (a * usize::from(b)) as isize;
    product(o, layer.stride[axis]) + product(k, layer.dilation[axis]) - layer.pads[axis] as isize
}

/// The element that the window at `o` reads through tap `k`, unless that is padding.
fn read(layer: &Layer, input: Shape, o: [usize; 2], k: [usize; 2]) -> Option<[usize; 2]> {
    let row = usize::try_from(along(layer, 0, o[0], k[0])).ok()?;
    let column = usize::try_from(along(layer, 1, o[1], k[1])).ok()?;
    (row < input.height && column < input.width).then_some([row, column])
}

fn convolution(layer: &Layer, input: Shape, output: Shape) -> Vec<Tap> {
    let groups = layer.groups as usize;
    let (fan, outputs) = (input.channels / groups, output.channels / groups);
    let mut list = Vec::new();
    for [y, x, channel] in places(output) {
        for k in kernel(layer) {
            let Some([row, column]) = read(layer, input, [y, x], k) else { continue };
            for inner in 0..fan {
                let from = at(input, [row, column, channel / outputs * fan + inner]);
                let weight = weight(layer, input, output, channel, inner, k);
                list.push(Tap { operand: 0, from, to: at(output, [y, x, channel]), weight });
            }
        }
    }
    list
}

/// The same geometry with the roles of input and output exchanged: input position `i` adds to the outputs at
/// `i·stride + k·dilation − padding`.
fn transposed(layer: &Layer, input: Shape, output: Shape) -> Vec<Tap> {
    let groups = layer.groups as usize;
    let (fan, outputs) = (input.channels / groups, output.channels / groups);
    let mut list = Vec::new();
    for [y, x, channel] in places(input) {
        for k in kernel(layer) {
            let Some([row, column]) = read(layer, output, [y, x], k) else { continue };
            for within in 0..outputs {
                let to = channel / fan * outputs + within;
                let weight = weight(layer, input, output, to, channel % fan, k);
                let from = at(input, [y, x, channel]);
                list.push(Tap { operand: 0, from, to: at(output, [row, column, to]), weight });
            }
        }
    }
    list
}

/// Weights lie as `[row][column][channel]`.
fn depthwise(layer: &Layer, input: Shape, output: Shape) -> Vec<Tap> {
    let width = usize::from(layer.kernel[1]);
    each_window(layer, input, output, |[_, _, channel], [ky, kx]| {
        f64::from(layer.params[0][(ky * width + kx) * input.channels + channel])
    })
}

/// One over the number of taps inside the input, or inside the padded input.
fn average(layer: &Layer, input: Shape, output: Shape) -> Vec<Tap> {
    let counts_padding = layer.flags & FLAG_COUNT_PAD != 0;
    let end = [input.height, input.width].map(|extent| extent as isize);
    let counted = |axis: usize, o: usize| {
        let taps = (0..usize::from(layer.kernel[axis])).map(|k| along(layer, axis, o, k));
        let limit = end[axis] + layer.pads[axis + 2] as isize;
        taps.filter(|place| if counts_padding { *place < limit } else { (0..end[axis]).contains(place) }).count()
    };
    each_window(layer, input, output, |[y, x, _], _| 1.0 / (counted(0, y) * counted(1, x)) as f64)
}

/// A window over each channel by itself.
fn each_window(layer: &Layer, input: Shape, output: Shape, weight: impl Fn([usize; 3], [usize; 2]) -> f64) -> Vec<Tap> {
    let mut list = Vec::new();
    for [y, x, channel] in places(output) {
        for k in kernel(layer) {
            if let Some([row, column]) = read(layer, input, [y, x], k) {
                let (from, to) = (at(input, [row, column, channel]), at(output, [y, x, channel]));
                list.push(Tap { operand: 0, from, to, weight: weight([y, x, channel], k) });
            }
        }
    }
    list
}

/// The elements that the window of a pooling layer reads for one output, in row-major order.
pub(crate) fn window(layer: &Layer, input: Shape, [y, x, channel]: [usize; 3]) -> Vec<usize> {
    let read = |k| read(layer, input, [y, x], k).map(|[row, column]| at(input, [row, column, channel]));
    kernel(layer).filter_map(read).collect()
}

/// Weights lie as `[block of 8 outputs][input][8]`.
fn dense(layer: &Layer, input: Shape, output: Shape) -> Vec<Tap> {
    let inputs = input.elements();
    let weight = |from: usize, to: usize| layer.params[0][(to / BLOCK * inputs + from) * BLOCK + to % BLOCK];
    let pairs = (0..output.channels).flat_map(|to| (0..inputs).map(move |from| (from, to)));
    pairs.map(|(from, to)| Tap { operand: 0, from, to, weight: f64::from(weight(from, to)) }).collect()
}

fn affine(layer: &Layer, output: Shape) -> Vec<Tap> {
    let scale = &layer.params[0];
    let weight = |i: usize| scale[if scale.len() == output.elements() { i } else { i % output.channels }];
    (0..output.elements()).map(|i| Tap { operand: 0, from: i, to: i, weight: f64::from(weight(i)) }).collect()
}

fn addition(layer: &Layer, output: Shape) -> Vec<Tap> {
    let second = if layer.flags & FLAG_SUBTRACT == 0 { 1.0 } else { -1.0 };
    let weights = [(0, 1.0), (1, second)];
    let pairs = (0..output.elements()).flat_map(|i| weights.map(|(operand, weight)| (i, operand, weight)));
    pairs.map(|(i, operand, weight)| Tap { operand, from: i, to: i, weight }).collect()
}
