//! Arithmetic with constants and between activations.

use super::{Held, Lowering, Stop, axes};
use crate::network::Layer;
use crate::onnx::graph::{Node, ValueId};
use crate::onnx::layout::Layout;
use relprop::model::format::step::FLAG_SUBTRACT;
use relprop::step::{Op, Shape};

impl Lowering<'_> {
    /// `Affine`: a scale, then perhaps a shift.
    pub(super) fn affine(&mut self, node: &Node) -> Result<(), Stop> {
        let (_, dims, held) = self.input(node, 0)?;
        let (output, _) = self.output(node)?;
        let shape = self.shape(&held);
        let list = |lowering: &Self, k: usize, what: &str| -> Result<Vec<f32>, Stop> {
            let constant = lowering.weights(node, k, what)?;
            let list = axes::in_kernel_order(constant, dims, &held.layout, shape);
            Ok(list.ok_or_else(|| format!("{what} does not fit the input, or has too many elements"))?)
        };
        let mut scale = list(self, 1, "the scale")?;
        let mut shift = if node.input(2).is_some() { list(self, 2, "the shift")? } else { Vec::new() };
        // One value per channel beside one per element: both per element.
        let elements = shape.elements();
        let stretch = |list: Vec<f32>| list.iter().copied().cycle().take(elements).collect();
        if scale.len() < shift.len() {
            scale = stretch(scale);
        } else if !shift.is_empty() && shift.len() < scale.len() {
            shift = stretch(shift);
        }
        self.reserve(scale.len().checked_add(shift.len()))?;

        let mut layer = Layer::new(&node.name, Op::Affine, vec![held.tensor], 0);
        layer.params = [scale, shift, Vec::new(), Vec::new()];
        self.finish(layer, output, shape, held.layout)
    }

    /// `Add` and `Sub` of two activations.
    pub(super) fn add(&mut self, node: &Node) -> Result<(), Stop> {
        let (a, a_dims, _) = self.input(node, 0)?;
        let (b, b_dims, _) = self.input(node, 1)?;
        let (output, dims) = self.output(node)?;
        if a_dims != dims || b_dims != dims {
            return Err(Stop::Refused(format!("shapes {a_dims:?} and {b_dims:?}: activations must have the same")));
        }
        let (operands, shape, layout) = self.alike(node, a, b)?;
        let mut layer = Layer::new(&node.name, Op::Add, operands.to_vec(), 0);
        layer.flags = if node.op == "Sub" { FLAG_SUBTRACT } else { 0 };
        self.finish(layer, output, shape, layout)
    }

    /// `Mul` of two activations: the first operand of the step is the signal, the second the gate.
    pub(super) fn mul(&mut self, node: &Node) -> Result<(), Stop> {
        let (a, a_dims, _) = self.input(node, 0)?;
        let (b, b_dims, _) = self.input(node, 1)?;
        let (output, dims) = self.output(node)?;
        let (signal, gate) = if self.is_gate(a, b, dims) { (b, a) } else { (a, b) };
        if a_dims == dims && b_dims == dims {
            let (operands, shape, layout) = self.alike(node, signal, gate)?;
            let layer = Layer::new(&node.name, Op::Mul, operands.to_vec(), 0);
            return self.finish(layer, output, shape, layout);
        }
        let gate_dims = self.graph.dims(gate).unwrap_or_default();
        let per_channel = axes::is_picture(dims)
            && self.graph.dims(signal) == Some(dims)
            && gate_dims.len() == dims.len()
            && gate_dims.iter().enumerate().all(|(axis, &dim)| dim == 1 || axis == 1)
            && gate_dims.get(1) == dims.get(1);
        if !per_channel {
            return Err(Stop::Refused(format!(
                "shapes {a_dims:?} and {b_dims:?}: a gate has the shape of its signal, or one value per channel"
            )));
        }
        let layout = Layout::channels_last(dims);
        let shape = axes::picture(dims);
        let signal = self.arrange(node, signal, &layout, shape)?;
        let flat = Layout::identity(shape.channels);
        let gate = self.arrange(node, gate, &flat, Shape::new(1, 1, shape.channels))?;
        let layer = Layer::new(&node.name, Op::Mul, self.distinct(node, [signal, gate])?.to_vec(), 0);
        self.finish(layer, output, shape, layout)
    }

    /// Two values of the same extents in the same layout and shape.
    fn alike(&mut self, node: &Node, a: ValueId, b: ValueId) -> Result<([usize; 2], Shape, Layout), Stop> {
        let held = |lowering: &Self, value: ValueId| lowering.held.get(value).cloned().flatten().ok_or(Stop::Orphan);
        let (first, second) = (held(self, a)?, held(self, b)?);
        let dims = self.graph.dims(a).ok_or(Stop::Orphan)?;
        // Where they differ the one that is in the kernel's usual order is right.
        let usual = axes::is_picture(dims) && second.layout == Layout::channels_last(dims);
        let Held { tensor, layout } = if usual && first.layout != second.layout { second } else { first };
        let shape = self.network.shape(tensor);
        let operands = [self.arrange(node, a, &layout, shape)?, self.arrange(node, b, &layout, shape)?];
        Ok((self.distinct(node, operands)?, shape, layout))
    }

    /// The kernel wants two operands to be two tensors: what is added to itself, or multiplied by itself, is copied.
    fn distinct(&mut self, node: &Node, [a, b]: [usize; 2]) -> Result<[usize; 2], Stop> {
        if a != b {
            return Ok([a, b]);
        }
        let name = format!("{}.copy", node.name);
        let layer = Layer::new(&name, Op::View, vec![a], 0);
        Ok([a, self.push(layer, &name, self.network.shape(a))?])
    }

    /// Whether `a` gates `b` rather than the other way round: by its shape, else by what made it.
    fn is_gate(&self, a: ValueId, b: ValueId, dims: &[usize]) -> bool {
        let full = |value| self.graph.dims(value) == Some(dims);
        let squashed = |value: ValueId| {
            let producer = self.producers.get(value).copied().flatten();
            let op = producer.and_then(|at| self.graph.nodes.get(at)).map(|node| node.op.as_str());
            matches!(op, Some("Sigmoid" | "HardSigmoid" | "Softmax"))
        };
        if full(a) == full(b) { squashed(a) && !squashed(b) } else { !full(a) }
    }
}
