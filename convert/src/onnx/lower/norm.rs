//! Local response normalisation and softmax.

use super::axes::{self, Order};
use super::{Lowering, Stop};
use crate::network::Layer;
use crate::onnx::graph::Node;
use crate::onnx::layout::Layout;
use crate::onnx::shapes;
use relprop::step::{Op, Shape};

impl Lowering<'_> {
    /// `LRN`; its `alpha` is stored divided by its `size`.
    pub(super) fn local_response_norm(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, _) = self.input(node, 0)?;
        let (output, _) = self.output(node)?;
        if !axes::is_picture(dims) {
            return Err("only for one- and two-dimensional data and a batch of 1".into());
        }
        let size = node.int("size")?.and_then(|size| u16::try_from(size).ok()).filter(|&size| size > 0);
        let size = size.ok_or("attribute size is out of range")?;
        let alpha = (f64::from(node.float("alpha", 1e-4)?) / f64::from(size)) as f32;
        let (beta, bias) = (node.float("beta", 0.75)?, node.float("bias", 1.0)?);
        if alpha < 0.0 || beta < 0.0 || bias <= 0.0 {
            return Err("alpha and beta must not be negative, and bias must be positive".into());
        }
        let layout = Layout::channels_last(dims);
        let shape = axes::picture(dims);
        let mut layer = Layer::new(&node.name, Op::LocalResponseNorm, Vec::new(), 0);
        layer.operands.push(self.arrange(node, value, &layout, shape)?);
        layer.floats = [alpha, beta, bias, 0.0];
        layer.ints = [u32::from(size), 0, 0, 0, 0, 0, 0, 0];
        self.finish(layer, output, shape, layout)
    }

    /// `Softmax` and `LogSoftmax`. Before operator set 13 they ran over the given axis and all after it.
    pub(super) fn softmax(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, held) = self.input(node, 0)?;
        let (output, _) = self.output(node)?;
        let joint = self.graph.opset < 13;
        let axis = shapes::axis_attribute(node, if joint { 1 } else { -1 }, dims.len())?;
        let over: Vec<usize> = if joint { (axis..dims.len()).collect() } else { vec![axis] };
        let count = over.iter().filter_map(|&axis| dims.get(axis)).product::<usize>().max(1);

        // Any order will do in which these axes are the last.
        let real = |axis: &usize| dims.get(*axis).is_some_and(|&dim| dim != 1);
        let wanted: Vec<usize> = over.iter().copied().filter(real).collect();
        let ends_in = |order: &Order| {
            let order: Vec<usize> = order.0.iter().copied().filter(real).collect();
            order.ends_with(&wanted)
        };
        let present = |order: &Order| order.layout(dims) == held.layout;
        let mut candidates = Order::candidates(dims, &held.layout);
        candidates.retain(ends_in);
        let order = candidates.iter().find(|order| present(order)).or(candidates.first()).cloned();
        let order = order.unwrap_or_else(|| {
            let others = (0..dims.len()).filter(|axis| !over.contains(axis));
            Order(others.chain(over.iter().copied()).collect())
        });
        let layout = order.layout(dims);
        let natural = axes::natural(dims, &layout);
        let shape = if natural.channels == count {
            natural
        } else {
            Shape::new(dims.iter().product::<usize>() / count, 1, count)
        };
        let mut layer = Layer::new(&node.name, Op::Softmax, Vec::new(), 0);
        layer.operands.push(self.arrange(node, value, &layout, shape)?);
        layer.variant = u8::from(node.op == "LogSoftmax");
        self.finish(layer, output, shape, layout)
    }
}
