//! From steps to a network: what does not depend on whether numbers are floats or integers.

use super::error::Error;
use super::resolve::{Resolved, Source, refused};
use super::schema::{Element, Tensor};
use super::step::{Activation, Kind, Step};
use crate::builder::Window;
use crate::network::{Layer, Network, Port, Quantization};
use crate::onnx::Refusal;
use crate::options::Options;
use relprop::step::{Op, Shape};

/// Most weights an image can hold: 2 GiB of floats.
const MAX_PARAMS: usize = 1 << 29;

/// Turns a graph into a network. A step computes with floats or with integers, as what it reads and writes is stored;
/// one network may have both.
///
/// # Errors
/// Every activation that is of another type, every step that the kernel does not have, or whose weights are no numbers.
pub fn lower(resolved: &Resolved<'_, '_>, options: &Options) -> Result<Network, Error> {
    let mut refusals: Vec<Refusal> = activations(resolved).filter_map(|tensor| unit(tensor).err()).collect();
    let mut lowering = Lowering::new(resolved, options);
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

/// The tensors that are computed.
fn activations<'g, 'a>(resolved: &Resolved<'g, 'a>) -> impl Iterator<Item = &'g Tensor<'a>> {
    let tensors = resolved.graph.tensors.iter().zip(&resolved.values);
    tensors.filter(|(_, value)| value.source == Source::Activation).map(|(tensor, _)| tensor)
}

/// What the integers of an activation stand for; `None` for floats.
fn unit(tensor: &Tensor<'_>) -> Result<Option<Quantization>, Refusal> {
    let refusal = |reason: String| Refusal {
        name: tensor.name.clone(),
        op: format!("tensor of {}", tensor.element.name()),
        reason,
    };
    match tensor.element {
        Element::Float32 => Ok(None),
        Element::Int8 => {
            let (scale, zero) = tensor.scale().ok_or_else(|| refusal("it has no scale, or more than one".into()))?;
            let zero_point = i8::try_from(zero).map_err(|_| refusal(format!("a zero point of {zero}")))?;
            if !scale.is_normal() || scale < 0.0 {
                return Err(refusal(format!("a scale of {scale}")));
            }
            Ok(Some(Quantization { scale, zero_point }))
        }
        Element::UInt8 => Err(refusal("quantise it to signed bytes: INT8 and FLOAT32 are supported".into())),
        _ => Err(refusal("activations must be FLOAT32 or INT8".into())),
    }
}

/// A network in the making.
pub(super) struct Lowering<'r, 'g, 'a> {
    pub(super) resolved: &'r Resolved<'g, 'a>,
    pub(super) network: Network,
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
            if let Some(tensor) = network.tensors.get_mut(tensor) {
                tensor.quantization = resolved.graph.tensors.get(input).and_then(|tensor| unit(tensor).ok()?);
            }
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
                let layer = Layer::new(format!("{name}.copy"), Op::View, vec![tensor], 0);
                tensor = self.push(layer, name, shape, self.unit_of(tensor));
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
    pub(super) fn held(&self, tensor: usize) -> usize {
        self.held.get(tensor).copied().unwrap_or(usize::MAX)
    }

    /// What the integers of a tensor of the file stand for.
    pub(super) fn unit(&self, tensor: usize) -> Option<Quantization> {
        self.resolved.graph.tensors.get(tensor).and_then(|tensor| unit(tensor).ok()?)
    }

    /// What the integers of a tensor of the network stand for.
    pub(super) fn unit_of(&self, tensor: usize) -> Option<Quantization> {
        self.network.tensors.get(tensor).and_then(|tensor| tensor.quantization)
    }

    /// Makes a dense layer that reads several rows a convolution over them.
    pub(super) fn over_rows(&mut self, layer: &mut Layer, rows: usize, inputs: usize) {
        Window::new(1, 1).describe(layer);
        (layer.op, layer.groups) = (Op::Conv, 1);
        let from = layer.operands.first().copied().unwrap_or(usize::MAX);
        let read = Shape::new(rows, 1, inputs);
        if !self.network.shape(from).same(read) {
            let name = format!("{}.rows", layer.name);
            let view = Layer::new(&name, Op::View, vec![from], 0);
            layer.operands = vec![self.push(view, &name, read, self.unit_of(from))];
        }
    }

    /// Adds a step that writes a new tensor.
    pub(super) fn push(&mut self, mut layer: Layer, name: &str, shape: Shape, unit: Option<Quantization>) -> usize {
        layer.output = self.network.tensor(name, shape);
        let output = layer.output;
        if let Some(tensor) = self.network.tensors.get_mut(output) {
            tensor.quantization = unit;
        }
        self.network.steps.push(layer);
        output
    }

    /// Counts parameters before they are made.
    pub(super) fn reserve(&mut self, elements: Option<usize>) -> Result<(), String> {
        let params = elements.and_then(|n| self.params.checked_add(n)).filter(|&n| n <= MAX_PARAMS);
        self.params = params.ok_or("the weights are too large for an image (2 GiB at most)")?;
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let reads = step.inputs.iter().filter(|&&input| self.is_int8(input)).count();
        match (&step.kind, reads, self.is_int8(step.output)) {
            (Kind::Quantize, 0, true) => {
                self.convert(step, Op::Quantize);
                Ok(())
            }
            (Kind::Dequantize, 1, false) => {
                self.convert(step, Op::Dequantize);
                Ok(())
            }
            (_, 0, false) => self.float_step(step),
            (_, reads, true) if reads == step.inputs.len() => self.int8_step(step),
            _ => Err("it mixes floats and integers".into()),
        }
    }

    fn is_int8(&self, tensor: usize) -> bool {
        self.resolved.graph.tensors.get(tensor).is_some_and(|tensor| tensor.element != Element::Float32)
    }

    /// Between floats and integers.
    fn convert(&mut self, step: &Step, op: Op) {
        let (name, shape) = (self.resolved.name(step.output), self.resolved.shape(step.output));
        let layer = Layer::new(name, op, self.distinct(step, name), 0);
        let tensor = self.push(layer, name, shape, self.unit(step.output));
        self.hold(step, tensor);
    }

    /// Remembers which tensor of the network a step wrote.
    pub(super) fn hold(&mut self, step: &Step, tensor: usize) {
        if let (Some(held), Some(squashed)) = (self.held.get_mut(step.output), self.squashed.get_mut(step.output)) {
            *held = tensor;
            *squashed = matches!(step.kind, Kind::Activation(Activation::Logistic) | Kind::Softmax);
        }
    }

    /// The operands of a step. The kernel wants those of arithmetic to be two tensors: what is added to itself, or
    /// multiplied by itself, is copied.
    pub(super) fn distinct(&mut self, step: &Step, name: &str) -> Vec<usize> {
        let mut operands: Vec<usize> = step.inputs.iter().map(|&input| self.held(input)).collect();
        if let (Kind::Arithmetic { .. }, [a, b]) = (&step.kind, operands.as_mut_slice())
            && a == b
        {
            let copy = format!("{name}.copy");
            let layer = Layer::new(&copy, Op::View, vec![*a], 0);
            *b = self.push(layer, &copy, self.network.shape(*a), self.unit_of(*a));
        }
        operands
    }

    /// Whether the first factor gates the second, rather than the other way round: by what made them.
    pub(super) fn is_gate(&self, step: &Step) -> bool {
        let &[a, b] = step.inputs.as_slice() else { return false };
        let squashed = |input: usize| self.squashed.get(input) == Some(&true);
        let same = self.resolved.shape(a).same(self.resolved.shape(b));
        same && squashed(a) && !squashed(b)
    }

    /// The four extents of weights.
    pub(super) fn extents(&self, weights: usize) -> [usize; 4] {
        self.resolved.dims(weights).try_into().unwrap_or_default()
    }
}
