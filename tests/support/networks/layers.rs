//! Networks around one layer, of any kind and geometry.

use super::Case;
use super::kinds::{FUNCTIONS, Kind};
use super::numbers::{Numbers, numbers};
use proptest::prelude::*;
use relprop::step::{Function, Shape};
use relprop_convert::{Network, Window};

/// The numbers that a layer is made of; what each means depends on the kind.
#[derive(Clone, Copy, Debug)]
pub struct Draft {
    rows: usize,
    columns: usize,
    channels: usize,
    outputs: usize,
    window: Window,
    groups: usize,
    /// Free choices between variants.
    variant: usize,
    /// A `ReLU` comes first, so that the layer knows its inputs to be non-negative.
    relu: bool,
    numbers: Numbers,
}

prop_compose! {
    fn windows()(
        kernel in [1_u16..=4, 1..=4],
        stride in [1_u16..=3, 1..=3],
        dilation in [1_u16..=3, 1..=3],
        pads in [0_u16..=5, 0..=5, 0..=5, 0..=5],
        ceil: bool,
    ) -> Window {
        Window { kernel, stride, dilation, pads, groups: 1, ceil }
    }
}

prop_compose! {
    /// Drafts of layers.
    pub fn drafts()(
        (rows, columns) in (1_usize..=6, 1_usize..=13),
        (channels, outputs) in (1_usize..=11, 1_usize..=19),
        window in windows(),
        groups in 1_usize..=3,
        variant in 0_usize..120,
        relu: bool,
        numbers in numbers(),
    ) -> Draft {
        Draft { rows, columns, channels, outputs, window, groups, variant, relu, numbers }
    }
}

/// Networks around one layer of this kind.
pub fn layer(kind: Kind) -> impl Strategy<Value = Case> {
    drafts().prop_map(move |draft| draft.around(kind))
}

/// Networks around one layer of one of these kinds.
pub fn any_of(kinds: impl Into<Vec<Kind>>) -> impl Strategy<Value = (Kind, Case)> {
    (prop::sample::select(kinds.into()), drafts()).prop_map(|(kind, draft)| (kind, draft.around(kind)))
}

impl Draft {
    /// Builds the network.
    pub fn around(mut self, kind: Kind) -> Case {
        let mut network = Network::named("layer");
        let shape = self.shape(kind);
        let mut inputs = Vec::new();
        let operands: Vec<usize> = (0..self.operands(kind))
            .map(|k| {
                let shape = self.operand_shape(kind, shape, k);
                let input = network.input(format!("input_{k}"), shape);
                inputs.push(self.values(kind, shape.elements()));
                if self.relu { network.relu(input) } else { input }
            })
            .collect();
        let mut output = self.push(kind, &mut network, &operands);
        let step = network.steps.len() - 1;
        if kind == Kind::Softmax {
            // At the output, relevance would start before it.
            output = network.view(output, network.shape(output));
        }
        network.output(output);
        Case { network, inputs, step }
    }

    /// Values of an input.
    fn values(&mut self, kind: Kind, n: usize) -> Vec<f32> {
        let mut values = self.numbers.sparse(n);
        if kind == Kind::Activation {
            // Beyond every kink.
            for v in &mut values {
                *v *= 4.0;
            }
        }
        values
    }

    /// Extent of the first operand: large enough for the window.
    fn shape(&mut self, kind: Kind) -> Shape {
        let mut shape = Shape::new(self.rows, self.columns, self.channels);
        let pool = matches!(kind, Kind::Average | Kind::MaxPool);
        if pool || matches!(kind, Kind::Conv | Kind::Grouped | Kind::Depthwise | Kind::Multiplier) {
            let [height, width] = self.fitted([shape.height, shape.width], pool);
            shape = Shape::new(height, width, shape.channels);
        }
        match kind {
            Kind::Grouped | Kind::Transposed => shape.channels = self.groups * self.channels.div_ceil(2),
            // One channel is no group.
            Kind::Depthwise | Kind::Multiplier => shape.channels = self.channels + 1,
            _ => {}
        }
        shape
    }

    /// Cuts the padding to what the kind allows and returns an extent that the window fits.
    fn fitted(&mut self, extent: [usize; 2], pool: bool) -> [usize; 2] {
        let mut fitted = extent;
        for (axis, extent) in fitted.iter_mut().enumerate() {
            let dilation = self.window.dilation[axis];
            let reach = (self.window.kernel[axis] - 1) * dilation;
            for side in [axis, axis + 2] {
                // A convolution may see nothing but padding, a pooling window may not.
                let most = if pool { reach } else { reach + 3 };
                self.window.pads[side] = self.window.pads[side].min(most);
            }
            let pads = self.window.pads[axis] + self.window.pads[axis + 2];
            *extent = (*extent).max(usize::from(dilation)).max(usize::from((reach + 1).saturating_sub(pads)));
        }
        if !pool {
            self.window.ceil = false;
        }
        fitted
    }

    fn operands(&self, kind: Kind) -> usize {
        match kind {
            Kind::Add | Kind::Sub | Kind::Mul => 2,
            Kind::Concat => 1 + self.groups,
            _ => 1,
        }
    }

    fn operand_shape(&mut self, kind: Kind, shape: Shape, k: usize) -> Shape {
        let Shape { height, width, channels } = shape;
        let other = 1 + self.numbers.below(5);
        match kind {
            Kind::Mul if k == 1 && self.variant.is_multiple_of(2) => Shape::new(1, 1, channels),
            Kind::Concat if k > 0 => match self.variant % 3 {
                0 => Shape::new(other, width, channels),
                1 => Shape::new(height, other, channels),
                _ => Shape::new(height, width, other),
            },
            _ => shape,
        }
    }

    fn push(&mut self, kind: Kind, n: &mut Network, operands: &[usize]) -> usize {
        let x = operands[0];
        let shape = n.shape(x);
        let Shape { height, width, channels } = shape;
        let variant = self.variant;
        let mut numbers = self.numbers;
        match kind {
            Kind::Conv => self.conv(n, x, 1, self.outputs),
            Kind::Grouped => self.conv(n, x, self.groups, self.groups * self.outputs.div_ceil(2)),
            Kind::Depthwise => self.conv(n, x, channels, channels),
            Kind::Multiplier => self.conv(n, x, channels, channels * (1 + self.groups)),
            Kind::Transposed => self.transposed(n, x),
            Kind::Dense => {
                let weights = numbers.list(self.outputs * shape.elements());
                n.dense(x, self.outputs, &weights, &numbers.bias(self.outputs))
            }
            Kind::Average => n.average_pool(x, &self.window, variant.is_multiple_of(2)),
            Kind::Global => n.global_average_pool(x),
            Kind::Affine => {
                let len = if variant.is_multiple_of(2) { channels } else { shape.elements() };
                let scale = numbers.list(len);
                n.affine(x, &scale, &numbers.bias(len))
            }
            Kind::Add => n.add(x, operands[1]),
            Kind::Sub => n.sub(x, operands[1]),
            Kind::Mul => n.mul(x, operands[1]),
            Kind::MaxPool => n.max_pool(x, &self.window),
            Kind::Activation => {
                let x = self.before_activation(n, x);
                activation(n, x, variant % FUNCTIONS.len(), &mut numbers)
            }
            Kind::ResponseNorm => n.local_response_norm(x, 1 + variant as u32 % 6, 0.3, 0.75, 1.5),
            Kind::Softmax => n.softmax(x, variant.is_multiple_of(2)),
            Kind::Concat => n.concat(operands, (variant % 3) as u8),
            Kind::Pad => {
                let before = [variant % 3, variant % 4, variant % 2].map(|v| v as u32);
                let after = [variant % 2, variant % 5, variant % 3];
                let size = |axis: usize, extent: usize| before[axis] as usize + extent + after[axis];
                let whole = Shape::new(size(0, height), size(1, width), size(2, channels));
                n.pad(x, before, whole, numbers.one())
            }
            Kind::Slice => {
                let (start, step, count) = (self.slice(height), self.slice(width), self.slice(channels));
                let part = Shape::new(start[2], step[2], count[2]);
                let pick = |at: usize| [start[at] as u32, step[at] as u32, count[at] as u32];
                n.slice(x, pick(0), pick(1), part)
            }
            Kind::View => match variant % 3 {
                0 => n.view(x, Shape::new(1, 1, shape.elements())),
                1 => n.view(x, Shape::new(width, height, channels)),
                _ => n.view(x, Shape::new(shape.elements(), 1, 1)),
            },
            Kind::Transpose => {
                let dims = [1, height as u32, width as u32, channels as u32];
                let order = permutation(variant % 24);
                let [_, a, b, c] = order.map(|axis| dims[axis as usize] as usize);
                let lead = dims[order[0] as usize] as usize;
                n.transpose(x, dims, order, Shape::new(lead * a, b, c))
            }
        }
    }

    fn conv(&self, n: &mut Network, x: usize, groups: usize, outputs: usize) -> usize {
        let mut numbers = self.numbers;
        let [height, width] = self.window.kernel.map(usize::from);
        let weights = numbers.list(outputs * n.shape(x).channels / groups * height * width);
        let window = Window { groups: groups as u32, ..self.window };
        n.conv(x, &window, outputs, &weights, &numbers.bias(outputs))
    }

    fn transposed(&self, n: &mut Network, x: usize) -> usize {
        let mut numbers = self.numbers;
        let (shape, outputs) = (n.shape(x), self.groups * self.outputs.div_ceil(3));
        let mut window = Window { groups: self.groups as u32, ..self.window };
        for axis in 0..2 {
            // At least one output remains.
            let most = (window.kernel[axis] - 1) * window.dilation[axis];
            window.pads[axis] = window.pads[axis].min(most / 2);
            window.pads[axis + 2] = window.pads[axis + 2].min(most / 2);
        }
        let [height, width] = window.kernel.map(usize::from);
        let weights = numbers.list(shape.channels * outputs / self.groups * height * width);
        let y = n.conv_transpose(x, &window, outputs, &weights, &numbers.bias(outputs));
        // Output padding: further rows and columns at the end, fewer than the stride.
        n.tensors[y].shape.height += self.variant % usize::from(window.stride[0]);
        n.tensors[y].shape.width += self.variant % usize::from(window.stride[1]);
        y
    }

    /// What precedes an activation: nothing, or a linear layer, in whose memory it then works.
    fn before_activation(&mut self, n: &mut Network, x: usize) -> usize {
        let kinds = [Kind::Conv, Kind::Depthwise, Kind::Transposed, Kind::Dense, Kind::Average, Kind::Affine];
        let Some(kind) = kinds.get(self.variant % 8) else { return x };
        let Shape { height, width, channels } = n.shape(x);
        self.window = Window::new(1 + u16::from(height > 1), 1 + u16::from(width > 2));
        (self.groups, self.variant) = (1, 3);
        match kind {
            // One channel is no group.
            Kind::Depthwise if channels == 1 => x,
            kind => self.push(*kind, n, &[x]),
        }
    }

    /// Start, step and count of a slice along an axis.
    fn slice(&mut self, extent: usize) -> [usize; 3] {
        let start = self.numbers.below(extent);
        let step = 1 + self.numbers.below(3);
        let most = (extent - start).div_ceil(step);
        [start, step, 1 + self.numbers.below(most)]
    }
}

/// Adds the activation function with this index in [`FUNCTIONS`].
pub(super) fn activation(n: &mut Network, x: usize, index: usize, numbers: &mut Numbers) -> usize {
    let (function, attributes) = FUNCTIONS[index];
    if function == Function::PRelu {
        let slopes = if numbers.below(2) == 0 { 1 } else { n.shape(x).channels };
        return n.prelu(x, &numbers.list(slopes));
    }
    n.activation(x, function, attributes)
}

/// The `i`-th permutation of four axes.
pub(super) fn permutation(i: usize) -> [u32; 4] {
    let mut axes = vec![0, 1, 2, 3];
    let picks = [i / 6 % 4, i / 2 % 3, i % 2, 0];
    picks.map(|pick| axes.remove(pick))
}
