//! Elementwise functions.

use super::{Held, Lowering, Stop, axes};
use crate::network::Layer;
use crate::onnx::graph::{Graph, Node, Reason};
use crate::onnx::layout::Layout;
use relprop::step::{Function, Op};

impl Lowering<'_> {
    /// An activation function; `false` if the op is none.
    pub(super) fn activation(&mut self, node: &Node) -> Result<bool, Stop> {
        let Some((function, attributes)) = function(self.graph, node)? else { return Ok(false) };
        let (value, dims, mut held) = self.input(node, 0)?;
        let (output, _) = self.output(node)?;
        let mut slopes = Vec::new();
        if function == Function::PRelu {
            let constant = self.weights(node, 1, "the slope")?;
            let per_channel = |lowering: &Self, held: &Held| {
                let shape = lowering.shape(held);
                axes::in_kernel_order(constant, dims, &held.layout, shape).filter(|list| list.len() == shape.channels)
            };
            if constant.len() > 1 && per_channel(self, &held).is_none() && axes::is_picture(dims) {
                let layout = Layout::channels_last(dims);
                held = Held { tensor: self.arrange(node, value, &layout, axes::picture(dims))?, layout };
            }
            slopes = match constant.scalar() {
                Some(slope) => vec![slope],
                None => per_channel(self, &held).ok_or("only one slope, or one per channel, is supported")?,
            };
        }
        let mut layer = Layer::new(&node.name, Op::Activation, vec![held.tensor], 0);
        layer.variant = function as u8;
        layer.floats = [attributes[0], attributes[1], 0.0, 0.0];
        layer.params = [slopes, Vec::new(), Vec::new(), Vec::new()];
        let shape = self.shape(&held);
        self.finish(layer, output, shape, held.layout)?;
        Ok(true)
    }
}

/// The function of a node and its attributes `a` and `b`.
fn function(graph: &Graph, node: &Node) -> Result<Option<(Function, [f32; 2])>, Reason> {
    let found = |function, a, b| Ok(Some((function, [a, b])));
    match node.op.as_str() {
        "Relu" => found(Function::Relu, 0.0, 0.0),
        "LeakyRelu" => found(Function::LeakyRelu, node.float("alpha", 0.01)?, 0.0),
        "PRelu" => found(Function::PRelu, 0.0, 0.0),
        "Elu" => found(Function::Elu, node.float("alpha", 1.0)?, 0.0),
        "Selu" => found(Function::Selu, node.float("alpha", 1.673_263_2)?, node.float("gamma", 1.050_701)?),
        "Gelu" => match node.text("approximate")?.unwrap_or("none") {
            "none" => found(Function::Gelu, 0.0, 0.0),
            "tanh" => found(Function::Gelu, 1.0, 0.0),
            other => Err(format!("approximation {other} is unknown")),
        },
        "Swish" => found(Function::Silu, 0.0, 0.0),
        "HardSwish" => found(Function::HardSwish, 0.0, 0.0),
        "HardSigmoid" => found(Function::HardSigmoid, node.float("alpha", 0.2)?, node.float("beta", 0.5)?),
        "Sigmoid" => found(Function::Sigmoid, 0.0, 0.0),
        "Tanh" => found(Function::Tanh, 0.0, 0.0),
        "Softplus" => found(Function::Softplus, 0.0, 0.0),
        "Clip" => {
            let low = bound(graph, node, "min", 1)?.unwrap_or(f32::MIN).max(f32::MIN);
            let high = bound(graph, node, "max", 2)?.unwrap_or(f32::MAX).min(f32::MAX);
            match (low, high) {
                (0.0, f32::MAX) => found(Function::Relu, 0.0, 0.0),
                (low, high) if low <= high => found(Function::Clip, low, high),
                _ => Err(format!("bounds {low} and {high} leave nothing")),
            }
        }
        _ => Ok(None),
    }
}

/// A bound of `Clip`: an attribute up to operator set 6, an optional input since 11.
fn bound(graph: &Graph, node: &Node, name: &str, input: usize) -> Result<Option<f32>, Reason> {
    if let Some(value) = node.input(input) {
        let bound = graph.constant(value).and_then(|constant| constant.scalar());
        return bound.map(Some).ok_or_else(|| format!("the bound {name} must be constant"));
    }
    if node.attributes.contains_key(name) { node.float(name, 0.0).map(Some) } else { Ok(None) }
}
