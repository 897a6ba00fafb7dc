//! From steps over floats to a network of floats.

use super::builtin::Fused;
use super::error::Error;
use super::resolve::{Resolved, refused};
use super::step::{Activation, Arithmetic, ConstantOperand, Kind, Step};
use crate::builder::Window;
use crate::network::{Layer, Network, Port};
use crate::onnx::Refusal;
use crate::options::Options;
use crate::pack::{self, ConvDims};
use relprop::model::format::step::FLAG_SUBTRACT;
use relprop::step::{Function, Op, Shape};

/// Most weights an image can hold: 2 GiB of floats.
const MAX_PARAMS: usize = 1 << 29;

/// Turns a graph into a network of floats.
///
/// # Errors
/// Every step that the kernel does not have, or whose weights are no numbers.
pub fn lower(resolved: &Resolved<'_, '_>, options: &Options) -> Result<Network, Error> {
    let mut lowering = Lowering::new(resolved, options);
    let mut refusals = Vec::new();
    for step in &resolved.steps {
        if let Err(reason) = lowering.step(step)
            && let Some(operator) = resolved.graph.operators.get(step.operator)
        {
            refusals.push(refused(resolved.graph, operator, reason));
        }
    }
    if let Err(refusal) = lowering.outputs(options) {
        refusals.push(refusal);
    }
    if refusals.is_empty() { Ok(lowering.network) } else { Err(Error::Unsupported(refusals)) }
}

/// A network in the making.
struct Lowering<'r, 'g, 'a> {
    resolved: &'r Resolved<'g, 'a>,
    network: Network,
    /// By tensor of the file: the tensor of the network.
    held: Vec<usize>,
    /// By tensor of the file: it lies between 0 and 1, as gates do.
    squashed: Vec<bool>,
    /// Elements of all parameters so far.
    params: usize,
}

impl<'r, 'g, 'a> Lowering<'r, 'g, 'a> {
    fn new(resolved: &'r Resolved<'g, 'a>, options: &Options) -> Self {
        let name = options.name.clone().unwrap_or_else(|| resolved.graph.name.clone());
        let mut network = Network::named(name);
        let mut held = vec![usize::MAX; resolved.values.len()];
        for (at, &input) in resolved.graph.inputs.iter().enumerate() {
            let name = resolved.name(input);
            let tensor = network.tensor(name, resolved.shape(input));
            let mut port = Port::new(name, tensor, resolved.dims(input).to_vec());
            if at == 0 {
                (port.range, port.pixels) = (options.range, options.pixels);
            }
            network.inputs.push(port);
            if let Some(held) = held.get_mut(input) {
                *held = tensor;
            }
        }
        Self { resolved, network, squashed: vec![false; held.len()], held, params: 0 }
    }

    /// Adds every output; an output is written by a step, and only once an output.
    fn outputs(&mut self, options: &Options) -> Result<(), Refusal> {
        for &output in &self.resolved.graph.outputs {
            let name = self.resolved.name(output);
            let mut tensor = self.held(output);
            if self.network.inputs.iter().chain(&self.network.outputs).any(|port| port.tensor == tensor) {
                let shape = self.network.shape(tensor);
                tensor = self.push(Layer::new(format!("{name}.copy"), Op::View, vec![tensor], 0), name, shape);
            }
            self.network.outputs.push(Port::new(name, tensor, self.resolved.dims(output).to_vec()));
        }
        let Some(port) = self.network.outputs.first_mut() else { return Ok(()) };
        let classes = self.network.tensors.get(port.tensor).map_or(0, |tensor| tensor.shape.channels);
        if options.labels.is_empty() || options.labels.len() == classes {
            port.labels.clone_from(&options.labels);
            return Ok(());
        }
        let reason = format!("{} labels for {classes} classes", options.labels.len());
        Err(Refusal { name: port.name.clone(), op: "output".into(), reason })
    }

    /// The tensor of the network that holds an activation.
    fn held(&self, tensor: usize) -> usize {
        self.held.get(tensor).copied().unwrap_or(usize::MAX)
    }

    /// Adds a step that writes a new tensor.
    fn push(&mut self, mut layer: Layer, name: &str, shape: Shape) -> usize {
        layer.output = self.network.tensor(name, shape);
        let output = layer.output;
        self.network.steps.push(layer);
        output
    }

    /// Counts parameters before they are made.
    fn reserve(&mut self, elements: Option<usize>) -> Result<(), String> {
        let params = elements.and_then(|n| self.params.checked_add(n)).filter(|&n| n <= MAX_PARAMS);
        self.params = params.ok_or("the weights are too large for an image (2 GiB at most)")?;
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let name = self.resolved.name(step.output);
        let shape = self.resolved.shape(step.output);
        let operands = self.distinct(step, name);
        let mut layer = Layer::new(name, Op::View, operands, 0);
        match step.kind {
            Kind::Conv { window, weights, bias } => self.conv(&mut layer, &window, weights, bias)?,
            Kind::Depthwise { window, multiplier, weights, bias } => {
                self.depthwise(&mut layer, &window, multiplier, weights, bias)?;
            }
            Kind::TransposeConv { window, weights, bias } => self.transposed(&mut layer, &window, weights, bias)?,
            Kind::Dense { rows, weights, bias } => return self.dense(step, layer, rows, weights, bias),
            Kind::AveragePool(window) | Kind::Mean(window) => {
                layer.op = Op::AveragePool;
                window.describe(&mut layer);
            }
            Kind::MaxPool(window) => {
                layer.op = Op::MaxPool;
                window.describe(&mut layer);
            }
            Kind::Arithmetic { op, constant: Some(constant) } => {
                self.affine(&mut layer, op, constant, shape)?;
            }
            Kind::Arithmetic { op, constant: None } => {
                layer.op = if op == Arithmetic::Mul { Op::Mul } else { Op::Add };
                layer.flags = if op == Arithmetic::Sub { FLAG_SUBTRACT } else { 0 };
                if op == Arithmetic::Mul && self.is_gate(step) {
                    layer.operands.reverse();
                }
            }
            Kind::Concat(axis) => (layer.op, layer.variant) = (Op::Concat, axis),
            Kind::View => {}
            Kind::Pad { before: [top, left, front], value } => {
                layer.op = Op::Pad;
                layer.ints = [top, left, front, 0, 0, 0, 0, 0];
                if let Some(value) = value {
                    layer.floats[0] = self.resolved.floats(value)?.first().copied().unwrap_or(0.0);
                }
            }
            Kind::Softmax => layer.op = Op::Softmax,
            Kind::Activation(activation) => function(&mut layer, activation)?,
            Kind::Quantize => return Err("floats are not quantised".into()),
            Kind::Dequantize => return Err("only of constants".into()),
            Kind::Lstm { .. } => return Err("recurrent layers are not supported yet".into()),
        }
        self.finish(step, layer, shape);
        Ok(())
    }

    /// Adds a layer and the fused activation after it.
    fn finish(&mut self, step: &Step, layer: Layer, shape: Shape) {
        let name = self.resolved.name(step.output);
        let fused = match step.fused {
            Fused::Relu => Some((Function::Relu, "relu", [0.0, 0.0])),
            Fused::Relu6 => Some((Function::Clip, "relu6", [0.0, 6.0])),
            Fused::ReluN1To1 => Some((Function::Clip, "relu_n1_to_1", [-1.0, 1.0])),
            Fused::None | Fused::Tanh | Fused::Other(_) => None,
        };
        let tensor = if let Some((function, suffix, [a, b])) = fused {
            let before = self.push(layer, &format!("{name}.before_{suffix}"), shape);
            let mut activation = Layer::new(format!("{name}.{suffix}"), Op::Activation, vec![before], 0);
            activation.variant = function as u8;
            activation.floats = [a, b, 0.0, 0.0];
            self.push(activation, name, shape)
        } else {
            self.push(layer, name, shape)
        };
        if let (Some(held), Some(squashed)) = (self.held.get_mut(step.output), self.squashed.get_mut(step.output)) {
            *held = tensor;
            *squashed = matches!(step.kind, Kind::Activation(Activation::Logistic) | Kind::Softmax);
        }
    }

    /// The operands of a step. The kernel wants those of arithmetic to be two tensors: what is added to itself, or
    /// multiplied by itself, is copied.
    fn distinct(&mut self, step: &Step, name: &str) -> Vec<usize> {
        let mut operands: Vec<usize> = step.inputs.iter().map(|&input| self.held(input)).collect();
        if let (Kind::Arithmetic { .. }, [a, b]) = (&step.kind, operands.as_mut_slice())
            && a == b
        {
            let copy = format!("{name}.copy");
            *b = self.push(Layer::new(&copy, Op::View, vec![*a], 0), &copy, self.network.shape(*a));
        }
        operands
    }

    /// Whether the first factor gates the second, rather than the other way round: by what made them.
    fn is_gate(&self, step: &Step) -> bool {
        let &[a, b] = step.inputs.as_slice() else { return false };
        let squashed = |input: usize| self.squashed.get(input) == Some(&true);
        let same = self.resolved.shape(a).same(self.resolved.shape(b));
        same && squashed(a) && !squashed(b)
    }

    fn bias(&self, bias: Option<usize>) -> Result<Vec<f32>, String> {
        bias.map_or(Ok(Vec::new()), |bias| self.resolved.floats(bias))
    }

    /// The four extents of weights.
    fn extents(&self, weights: usize) -> [usize; 4] {
        self.resolved.dims(weights).try_into().unwrap_or_default()
    }

    fn conv(&mut self, layer: &mut Layer, window: &Window, weights: usize, bias: Option<usize>) -> Result<(), String> {
        let [outputs, height, width, inputs] = self.extents(weights);
        let dims = ConvDims { outputs, inputs, kernel: [height, width], groups: window.groups as usize };
        self.reserve(packed(dims))?;
        // From `[output][row][column][input]`.
        let taps = height * width;
        let weights = gather(&self.resolved.floats(weights)?, [outputs, inputs, taps], [taps * inputs, 1, inputs]);
        window.describe(layer);
        (layer.op, layer.groups) = (Op::Conv, window.groups);
        layer.params = [pack::conv(&weights, dims), self.bias(bias)?, Vec::new(), Vec::new()];
        Ok(())
    }

    fn depthwise(
        &mut self,
        layer: &mut Layer,
        window: &Window,
        multiplier: usize,
        weights: usize,
        bias: Option<usize>,
    ) -> Result<(), String> {
        let [_, height, width, outputs] = self.extents(weights);
        let dims = ConvDims { outputs, inputs: 1, kernel: [height, width], groups: window.groups as usize };
        self.reserve(packed(dims))?;
        window.describe(layer);
        let weights = self.resolved.floats(weights)?;
        let packed = if multiplier == 1 {
            // They are in the kernel's order already.
            layer.op = Op::Depthwise;
            weights
        } else {
            (layer.op, layer.groups) = (Op::Conv, window.groups);
            pack::conv(&gather(&weights, [outputs, 1, height * width], [1, 0, outputs]), dims)
        };
        layer.params = [packed, self.bias(bias)?, Vec::new(), Vec::new()];
        Ok(())
    }

    fn transposed(
        &mut self,
        layer: &mut Layer,
        window: &Window,
        weights: usize,
        bias: Option<usize>,
    ) -> Result<(), String> {
        let [outputs, height, width, inputs] = self.extents(weights);
        let dims = ConvDims { outputs, inputs, kernel: [height, width], groups: 1 };
        self.reserve(packed(dims))?;
        let taps = height * width;
        let weights = gather(&self.resolved.floats(weights)?, [inputs, outputs, taps], [1, taps * inputs, inputs]);
        window.describe(layer);
        (layer.op, layer.groups) = (Op::ConvTranspose, 1);
        layer.params = [pack::conv_transpose(&weights, dims), self.bias(bias)?, Vec::new(), Vec::new()];
        Ok(())
    }

    /// A dense layer of one row; of several a convolution over them.
    fn dense(
        &mut self,
        step: &Step,
        mut layer: Layer,
        rows: usize,
        weights: usize,
        bias: Option<usize>,
    ) -> Result<(), String> {
        let [outputs, inputs]: [usize; 2] = self.resolved.dims(weights).try_into().unwrap_or_default();
        let dims = ConvDims { outputs, inputs, kernel: [1; 2], groups: 1 };
        self.reserve(packed(dims))?;
        layer.op = Op::Dense;
        layer.params =
            [pack::dense(&self.resolved.floats(weights)?, outputs, inputs), self.bias(bias)?, Vec::new(), Vec::new()];
        let (shape, wanted) = (Shape::new(rows, 1, outputs), self.resolved.shape(step.output));
        if rows > 1 {
            Window::new(1, 1).describe(&mut layer);
            (layer.op, layer.groups) = (Op::Conv, 1);
            let from = layer.operands.first().copied().unwrap_or(usize::MAX);
            let read = Shape::new(rows, 1, inputs);
            if !self.network.shape(from).same(read) {
                let name = format!("{}.rows", layer.name);
                layer.operands = vec![self.push(Layer::new(&name, Op::View, vec![from], 0), &name, read)];
            }
        }
        if wanted.same(shape) {
            self.finish(step, layer, shape);
            return Ok(());
        }
        // The rows have the extents of the input.
        let name = format!("{}.flat", layer.name);
        let flat = self.push(layer, &name, shape);
        self.finish(step, Layer::new(format!("{name}.view"), Op::View, vec![flat], 0), wanted);
        Ok(())
    }

    /// `scale · x + shift`, of an activation and a constant.
    fn affine(
        &mut self,
        layer: &mut Layer,
        op: Arithmetic,
        constant: ConstantOperand,
        shape: Shape,
    ) -> Result<(), String> {
        let mut list = self.resolved.floats(constant.tensor)?;
        if list.len() == 1 {
            list = vec![list.first().copied().unwrap_or_default(); shape.channels];
        }
        self.reserve(list.len().checked_mul(2))?;
        let all = |value: f32| vec![value; list.len()];
        let [scale, shift] = match (op, constant.first) {
            (Arithmetic::Add, _) => [all(1.0), list],
            (Arithmetic::Sub, false) => [all(1.0), list.iter().map(|value| -value).collect()],
            (Arithmetic::Sub, true) => [all(-1.0), list],
            (Arithmetic::Mul, _) => [list, Vec::new()],
        };
        layer.op = Op::Affine;
        layer.params = [scale, shift, Vec::new(), Vec::new()];
        Ok(())
    }
}

fn function(layer: &mut Layer, activation: Activation) -> Result<(), String> {
    let (function, a, b) = match activation {
        Activation::Relu => (Function::Relu, 0.0, 0.0),
        Activation::Relu6 => (Function::Clip, 0.0, 6.0),
        Activation::ReluN1To1 => (Function::Clip, -1.0, 1.0),
        Activation::LeakyRelu(slope) if slope.is_finite() => (Function::LeakyRelu, slope, 0.0),
        Activation::LeakyRelu(slope) => return Err(format!("a slope of {slope}")),
        Activation::Elu => (Function::Elu, 1.0, 0.0),
        Activation::HardSwish => (Function::HardSwish, 0.0, 0.0),
        Activation::Logistic => (Function::Sigmoid, 0.0, 0.0),
        Activation::Tanh => (Function::Tanh, 0.0, 0.0),
    };
    (layer.op, layer.variant) = (Op::Activation, function as u8);
    layer.floats = [a, b, 0.0, 0.0];
    Ok(())
}

/// Number of weights once they are packed.
fn packed(dims: ConvDims) -> Option<usize> {
    let blocks = dims.groups.checked_mul(dims.outputs_per_group().checked_next_multiple_of(8)?)?;
    dims.kernel.iter().try_fold(blocks.checked_mul(dims.inputs)?, |product, &size| product.checked_mul(size))
}

/// The elements at `i·a + j·b + k·c` for all `i`, `j`, `k` in order.
fn gather(from: &[f32], extents: [usize; 3], [a, b, c]: [usize; 3]) -> Vec<f32> {
    let [outer, middle, inner] = extents;
    let mut gathered = Vec::with_capacity(from.len());
    for i in 0..outer {
        for j in 0..middle {
            gathered.extend((0..inner).map(|k| from.get(i * a + j * b + k * c).copied().unwrap_or(0.0)));
        }
    }
    gathered
}
