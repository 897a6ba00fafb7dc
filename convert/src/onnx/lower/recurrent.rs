//! Recurrent layers and the embedding before them.

use super::{Lowering, Stop, axes};
use crate::network::Layer;
use crate::onnx::graph::{Node, ValueId};
use crate::onnx::layout::Layout;
use crate::onnx::recurrent::{self, Direction};
use crate::pack;
use relprop::model::format::BLOCK;
use relprop::model::format::step::{FLAG_ALL_STATES, FLAG_RESET_AFTER, FLAG_REVERSE, VARIANT_INT8_TABLE};
use relprop::step::{Op, Shape};

/// ONNX's gates i, o, f, c in the kernel's order: i, f, g, o.
const LSTM_GATES: &[usize] = &[0, 2, 3, 1];
/// ONNX's gates z, r, h are the kernel's.
const GRU_GATES: &[usize] = &[0, 1, 2];

impl Lowering<'_> {
    /// `LSTM` and `GRU` of one direction: a step for all states, one for the last.
    pub(super) fn recurrent(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, _) = self.input(node, 0)?;
        let &[moments, _, inputs] = dims else { return Err("its input must have three axes".into()) };
        let units = self.weights(node, 2, "recurrent weights")?.dims.last().copied().unwrap_or(0);
        let states = [0, 1].map(|k| node.outputs.get(k).copied().flatten());
        let names = match states {
            [Some(_), Some(_)] => [node.name.clone(), format!("{}.last", node.name)],
            _ => [node.name.clone(), node.name.clone()],
        };
        let input = self.arrange(node, value, &Layout::identity(moments * inputs), Shape::new(moments, 1, inputs))?;
        for ((k, output), name) in states.into_iter().enumerate().zip(names) {
            let Some(output) = output else { continue };
            let mut layer = self.cell(node, [inputs, units])?;
            (layer.name, layer.operands) = (name, vec![input]);
            layer.flags |= if k == 0 { FLAG_ALL_STATES } else { 0 };
            let rows = if k == 0 { moments } else { 1 };
            self.finish(layer, output, Shape::new(rows, 1, units), Layout::identity(rows * units))?;
        }
        Ok(())
    }

    /// The step, but for its name and operand.
    fn cell(&mut self, node: &Node, [inputs, units]: [usize; 2]) -> Result<Layer, Stop> {
        let (op, order) = if node.op == "LSTM" { (Op::Lstm, LSTM_GATES) } else { (Op::Gru, GRU_GATES) };
        let gates = order.len();
        let rows = units.checked_next_multiple_of(BLOCK).and_then(|rows| rows.checked_mul(gates));
        self.reserve(rows.and_then(|rows| rows.checked_mul(inputs.checked_add(units)?)))?;
        let list = |k: usize, what: &str| {
            let values = self.weights(node, k, what)?.as_floats().unwrap_or_default();
            Ok::<_, Stop>(recurrent::reordered(values, gates, order))
        };
        let mut layer = Layer::new("", op, Vec::new(), 0);
        let (bias, recurrent_bias) = self.biases(node, gates, units)?;
        if recurrent_bias.is_some() {
            layer.flags |= FLAG_RESET_AFTER;
        }
        if Direction::of(node)? == Direction::Reverse {
            layer.flags |= FLAG_REVERSE;
        }
        layer.params = [
            pack::gates(&list(1, "weights")?, gates, units, inputs),
            pack::gates(&list(2, "recurrent weights")?, gates, units, units),
            recurrent::reordered(&bias, gates, order),
            recurrent_bias.unwrap_or_default(),
        ];
        Ok(layer)
    }

    /// What is added to every gate, `Wb + Rb`; apart from it, where the reset comes after the product with the state, what is
    /// added to that product.
    fn biases(&self, node: &Node, gates: usize, units: usize) -> Result<(Vec<f32>, Option<Vec<f32>>), Stop> {
        let after = node.op == "GRU" && node.int("linear_before_reset")?.unwrap_or(0) != 0;
        let all = match node.input(3) {
            Some(_) => self.weights(node, 3, "the bias")?.as_floats().unwrap_or_default().to_vec(),
            None if after => vec![0.0; 2 * gates * units],
            None => return Ok((Vec::new(), None)),
        };
        let (own, recurrent) = all.split_at_checked(gates * units).unwrap_or((&all, &[]));
        // The last gate's stay apart.
        let summed = if after { (gates - 1) * units } else { gates * units };
        let sum = |(at, (a, b)): (usize, (&f32, &f32))| {
            if at < summed { (f64::from(*a) + f64::from(*b)) as f32 } else { *a }
        };
        let bias = own.iter().zip(recurrent).enumerate().map(sum).collect();
        Ok((bias, after.then(|| recurrent.get(summed..).unwrap_or_default().to_vec())))
    }

    /// `Embedding`: tokens, table, and where the table is of integers their scale.
    pub(super) fn embedding(&mut self, node: &Node) -> Result<(), Stop> {
        let (_, _, held) = self.input(node, 0)?;
        let (output, dims) = self.output(node)?;
        if !self.is_tokens(held.tensor) || !held.layout.is_identity() {
            return Err("rows of a constant are looked up only by an input of int32 or int64, in its order".into());
        }
        let table = self.graph.constant_input(node, 1).ok_or("the table must be constant")?;
        let &[rows, dimensions] = table.dims.as_slice() else { return Err("a table that is no matrix".into()) };
        if rows > 1 << 16 {
            return Err(format!("{rows} rows: 65536 are the most").into());
        }
        self.reserve(Some(table.len()))?;
        let mut layer = Layer::new(&node.name, Op::Embedding, vec![held.tensor], 0);
        match table.as_ints() {
            Some(integers) => {
                layer.variant = VARIANT_INT8_TABLE;
                layer.floats[0] = node.float("scale", 1.0)?;
                layer.int8.weights = integers.iter().map(|&value| value as i8).collect();
            }
            None => layer.params[0] = table.to_floats(),
        }
        let moments = self.shape(&held).height;
        self.finish(layer, output, Shape::new(moments, 1, dimensions), Layout::identity(dims.iter().product()))
    }

    /// Whether a tensor is one of tokens.
    pub(super) fn is_tokens(&self, tensor: usize) -> bool {
        self.network.tensors.get(tensor).is_some_and(|tensor| tensor.is_tokens)
    }

    /// The axis of a value's moments, if it is a sequence of changing length.
    pub(super) fn moments(&self, value: ValueId) -> Option<usize> {
        self.axes.get(value).copied().flatten()
    }

    /// The shape `t × 1 × n` of a sequence that is held in this layout, if moments follow each other in it.
    pub(super) fn rows(&self, value: ValueId, dims: &[usize], layout: &Layout) -> Option<Shape> {
        let axis = self.moments(value)?;
        let moments = *dims.get(axis)?;
        let elements: usize = dims.iter().product();
        let outermost = layout.axis_order(dims)?.first() == Some(&axis);
        outermost.then(|| Shape::new(moments, 1, elements.checked_div(moments).unwrap_or(0)))
    }

    /// The shape in which a value is held in this layout, if nothing asks for another.
    pub(super) fn natural(&self, value: ValueId, dims: &[usize], layout: &Layout) -> Shape {
        self.rows(value, dims, layout).unwrap_or_else(|| axes::natural(dims, layout))
    }
}
