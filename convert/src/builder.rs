//! Networks in a few lines: constructors that take weights in the order that people write them in.

use crate::network::{Layer, Network, Port, Tensor};
use crate::pack::{self, ConvDims};
use relprop::model::format::step::{FLAG_COUNT_PAD, FLAG_SUBTRACT};
use relprop::step::{Function, Op, Shape};

/// Geometry of a window: of a convolution or of pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width.
    pub kernel: [u16; 2],
    /// Vertical and horizontal stride.
    pub stride: [u16; 2],
    /// Vertical and horizontal dilation.
    pub dilation: [u16; 2],
    /// Padding at the top, left, bottom and right.
    pub pads: [u16; 4],
    /// Groups of a convolution; ignored by pooling.
    pub groups: u32,
    /// Pooling: a last window may hang over the edge.
    pub ceil: bool,
}

impl Window {
    /// A window of this size, stride 1, no padding, one group.
    pub const fn new(height: u16, width: u16) -> Self {
        Self { kernel: [height, width], stride: [1; 2], dilation: [1; 2], pads: [0; 4], groups: 1, ceil: false }
    }

    /// Height and width of the output that this window makes of an input; zero where it does not fit.
    pub const fn output(&self, input: Shape) -> [usize; 2] {
        [self.along(0, input.height), self.along(1, input.width)]
    }

    const fn along(&self, axis: usize, input: usize) -> usize {
        let (stride, pads) = (self.stride[axis] as usize, [self.pads[axis] as usize, self.pads[axis + 2] as usize]);
        let reach = (self.kernel[axis] as usize).saturating_sub(1) * self.dilation[axis] as usize + 1;
        let padded = input.saturating_add(pads[0] + pads[1]);
        if stride == 0 || (reach > padded && !self.ceil) {
            return 0;
        }
        let room = padded.saturating_sub(reach);
        let output = if self.ceil { room.div_ceil(stride) } else { room / stride } + 1;
        // The last window must begin before the padding at the end.
        if self.ceil && (output - 1) * stride >= input + pads[0] { output - 1 } else { output }
    }

    /// Height and width of what a transposed convolution with this window makes of an input.
    pub const fn transposed_output(&self, input: Shape) -> [usize; 2] {
        [self.transposed_along(0, input.height), self.transposed_along(1, input.width)]
    }

    const fn transposed_along(&self, axis: usize, input: usize) -> usize {
        let reach = (self.kernel[axis] as usize).saturating_sub(1) * self.dilation[axis] as usize + 1;
        let whole = input.saturating_sub(1).saturating_mul(self.stride[axis] as usize).saturating_add(reach);
        whole.saturating_sub(self.pads[axis] as usize + self.pads[axis + 2] as usize)
    }
}

impl Network {
    /// An empty network.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a tensor that no step writes yet, and returns its index.
    pub fn tensor(&mut self, name: impl Into<String>, shape: Shape) -> usize {
        self.tensors.push(Tensor { name: name.into(), shape, quantization: None, ties_to_even: false });
        self.tensors.len() - 1
    }

    /// Extent of a tensor; `0 × 0 × 0` if there is none with this index.
    pub fn shape(&self, tensor: usize) -> Shape {
        self.tensors.get(tensor).map_or(Shape::new(0, 0, 0), |tensor| tensor.shape)
    }

    /// Adds an input in the kernel's own layout (height, width, channels) and returns its tensor.
    pub fn input(&mut self, name: impl Into<String>, shape: Shape) -> usize {
        let name = name.into();
        let tensor = self.tensor(name.clone(), shape);
        self.inputs.push(Port::new(name, tensor, vec![1, shape.height, shape.width, shape.channels]));
        tensor
    }

    /// Makes a tensor an output, in the kernel's own layout.
    pub fn output(&mut self, tensor: usize) {
        let shape = self.shape(tensor);
        let name = self.tensors.get(tensor).map(|tensor| tensor.name.clone()).unwrap_or_default();
        self.outputs.push(Port::new(name, tensor, vec![1, shape.height, shape.width, shape.channels]));
    }

    /// Adds a step that writes a new tensor and returns that tensor. The step's `output` is set here; where its name
    /// is empty it becomes the op's name and the position.
    pub fn push(&mut self, mut layer: Layer, shape: Shape) -> usize {
        if layer.name.is_empty() {
            layer.name = format!("{}_{}", layer.op.name(), self.steps.len());
        }
        layer.output = self.tensor(layer.name.clone(), shape);
        let output = layer.output;
        self.steps.push(layer);
        output
    }

    fn layer(op: Op, operands: &[usize]) -> Layer {
        Layer::new("", op, operands.to_vec(), 0)
    }

    /// Convolution with weights `[output][input in the group][row][column]` and a bias per output, or none.
    ///
    /// One group per channel and as many outputs as inputs make a depthwise convolution.
    pub fn conv(&mut self, input: usize, window: &Window, outputs: usize, weights: &[f32], bias: &[f32]) -> usize {
        let shape = self.shape(input);
        let groups = window.groups as usize;
        let kernel = window.kernel.map(usize::from);
        let depthwise = groups > 1 && groups == shape.channels && groups == outputs;
        let mut layer = Self::layer(if depthwise { Op::Depthwise } else { Op::Conv }, &[input]);
        window.describe(&mut layer);
        let packed = if depthwise {
            pack::depthwise(weights, outputs, kernel)
        } else {
            layer.groups = window.groups;
            let inputs = shape.channels.checked_div(groups).unwrap_or(0);
            pack::conv(weights, ConvDims { outputs, inputs, kernel, groups })
        };
        layer.params = [packed, bias.to_vec(), Vec::new(), Vec::new()];
        let [height, width] = window.output(shape);
        self.push(layer, Shape::new(height, width, outputs))
    }

    /// Transposed convolution with weights `[input][output in the group][row][column]`; the padding is cut off.
    pub fn conv_transpose(
        &mut self,
        input: usize,
        window: &Window,
        outputs: usize,
        weights: &[f32],
        bias: &[f32],
    ) -> usize {
        let shape = self.shape(input);
        let groups = window.groups as usize;
        let inputs = shape.channels.checked_div(groups).unwrap_or(0);
        let mut layer = Self::layer(Op::ConvTranspose, &[input]);
        window.describe(&mut layer);
        layer.groups = window.groups;
        let dims = ConvDims { outputs, inputs, kernel: window.kernel.map(usize::from), groups };
        layer.params = [pack::conv_transpose(weights, dims), bias.to_vec(), Vec::new(), Vec::new()];
        let [height, width] = window.transposed_output(shape);
        self.push(layer, Shape::new(height, width, outputs))
    }

    /// Dense layer with weights `[output][input]`, inputs in the kernel's order, and a bias per output, or none.
    pub fn dense(&mut self, input: usize, outputs: usize, weights: &[f32], bias: &[f32]) -> usize {
        let mut layer = Self::layer(Op::Dense, &[input]);
        let packed = pack::dense(weights, outputs, self.shape(input).elements());
        layer.params = [packed, bias.to_vec(), Vec::new(), Vec::new()];
        self.push(layer, Shape::new(1, 1, outputs))
    }

    /// Maximum over a window.
    pub fn max_pool(&mut self, input: usize, window: &Window) -> usize {
        self.pool(Op::MaxPool, input, window)
    }

    /// Mean over a window; the divisor is the whole window if `count_pad`, else what of it lies inside the input.
    pub fn average_pool(&mut self, input: usize, window: &Window, count_pad: bool) -> usize {
        let output = self.pool(Op::AveragePool, input, window);
        if let Some(layer) = self.steps.last_mut() {
            layer.flags = if count_pad { FLAG_COUNT_PAD } else { 0 };
        }
        output
    }

    /// Mean over the whole of every channel.
    pub fn global_average_pool(&mut self, input: usize) -> usize {
        let shape = self.shape(input);
        self.average_pool(input, &Window::new(shape.height as u16, shape.width as u16), false)
    }

    fn pool(&mut self, op: Op, input: usize, window: &Window) -> usize {
        let shape = self.shape(input);
        let mut layer = Self::layer(op, &[input]);
        window.describe(&mut layer);
        let [height, width] = window.output(shape);
        self.push(layer, Shape::new(height, width, shape.channels))
    }

    /// Elementwise function; `attributes` are its `a` and `b`, see [`Function`].
    pub fn activation(&mut self, input: usize, function: Function, attributes: [f32; 2]) -> usize {
        let mut layer = Self::layer(Op::Activation, &[input]);
        layer.variant = function as u8;
        layer.floats = [attributes[0], attributes[1], 0.0, 0.0];
        self.push(layer, self.shape(input))
    }

    /// `ReLU`.
    pub fn relu(&mut self, input: usize) -> usize {
        self.activation(input, Function::Relu, [0.0; 2])
    }

    /// Leaky `ReLU` with a slope per channel, or one.
    pub fn prelu(&mut self, input: usize, slopes: &[f32]) -> usize {
        let output = self.activation(input, Function::PRelu, [0.0; 2]);
        if let Some(layer) = self.steps.last_mut() {
            layer.params[0] = slopes.to_vec();
        }
        output
    }

    /// `scale · x + shift`, per channel or per element; no shift if that is empty.
    pub fn affine(&mut self, input: usize, scale: &[f32], shift: &[f32]) -> usize {
        let mut layer = Self::layer(Op::Affine, &[input]);
        layer.params = [scale.to_vec(), shift.to_vec(), Vec::new(), Vec::new()];
        self.push(layer, self.shape(input))
    }

    /// Sum of two tensors.
    pub fn add(&mut self, a: usize, b: usize) -> usize {
        self.push(Self::layer(Op::Add, &[a, b]), self.shape(a))
    }

    /// Difference of two tensors.
    pub fn sub(&mut self, a: usize, b: usize) -> usize {
        let mut layer = Self::layer(Op::Add, &[a, b]);
        layer.flags = FLAG_SUBTRACT;
        self.push(layer, self.shape(a))
    }

    /// Product of a signal and a gate; the gate has the signal's shape or one element per channel.
    pub fn mul(&mut self, signal: usize, gate: usize) -> usize {
        self.push(Self::layer(Op::Mul, &[signal, gate]), self.shape(signal))
    }

    /// Concatenation along an axis: 0 height, 1 width, 2 channels.
    pub fn concat(&mut self, parts: &[usize], axis: u8) -> usize {
        let mut shape = parts.first().map_or(Shape::new(0, 0, 0), |&part| self.shape(part));
        for &part in parts.iter().skip(1) {
            let part = self.shape(part);
            match axis {
                0 => shape.height += part.height,
                1 => shape.width += part.width,
                _ => shape.channels += part.channels,
            }
        }
        let mut layer = Self::layer(Op::Concat, parts);
        layer.variant = axis;
        self.push(layer, shape)
    }

    /// Constant padding: the input lies in an output of this shape from `before` (row, column, channel) on.
    pub fn pad(&mut self, input: usize, before: [u32; 3], shape: Shape, value: f32) -> usize {
        let mut layer = Self::layer(Op::Pad, &[input]);
        layer.ints = [before[0], before[1], before[2], 0, 0, 0, 0, 0];
        layer.floats = [value, 0.0, 0.0, 0.0];
        self.push(layer, shape)
    }

    /// Every `step`-th row, column, channel from `start` on, as many as `shape` has.
    pub fn slice(&mut self, input: usize, start: [u32; 3], step: [u32; 3], shape: Shape) -> usize {
        let mut layer = Self::layer(Op::Slice, &[input]);
        layer.ints = [start[0], start[1], start[2], step[0], step[1], step[2], 0, 0];
        self.push(layer, shape)
    }

    /// The same elements in another shape.
    pub fn view(&mut self, input: usize, shape: Shape) -> usize {
        self.push(Self::layer(Op::View, &[input]), shape)
    }

    /// Permutation of axes: the input read as `dims`, output axis `k` being input axis `order[k]`.
    pub fn transpose(&mut self, input: usize, dims: [u32; 4], order: [u32; 4], shape: Shape) -> usize {
        let mut layer = Self::layer(Op::Transpose, &[input]);
        let [a, b, c, d] = dims;
        let [p, q, r, s] = order;
        layer.ints = [a, b, c, d, p, q, r, s];
        self.push(layer, shape)
    }

    /// `x / (bias + alpha · Σ x²)^beta` over `size` channels.
    pub fn local_response_norm(&mut self, input: usize, size: u32, alpha: f32, beta: f32, bias: f32) -> usize {
        let mut layer = Self::layer(Op::LocalResponseNorm, &[input]);
        layer.floats = [alpha, beta, bias, 0.0];
        layer.ints = [size, 0, 0, 0, 0, 0, 0, 0];
        self.push(layer, self.shape(input))
    }

    /// Softmax over channels, or its logarithm.
    pub fn softmax(&mut self, input: usize, logarithm: bool) -> usize {
        let mut layer = Self::layer(Op::Softmax, &[input]);
        layer.variant = u8::from(logarithm);
        self.push(layer, self.shape(input))
    }
}

impl Window {
    /// Writes the geometry into a layer.
    pub(crate) fn describe(&self, layer: &mut Layer) {
        layer.kernel = self.kernel;
        layer.stride = self.stride;
        layer.dilation = self.dilation;
        layer.pads = self.pads;
    }
}
