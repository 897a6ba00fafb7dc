//! Convolutions.

use super::{Lowering, Stop, axes};
use crate::network::Layer;
use crate::onnx::graph::Node;
use crate::onnx::layout::Layout;
use crate::onnx::window::Geometry;
use crate::pack::{self, ConvDims};
use relprop::step::Op;

impl Lowering<'_> {
    /// `Conv`: depthwise where every channel has a kernel of its own and makes one output.
    pub(super) fn conv(&mut self, node: &Node) -> Result<(), Stop> {
        let (_, dims, _) = self.input(node, 0)?;
        let weights = self.weights(node, 1, "weights")?;
        let &[outputs, inputs, ref kernel @ ..] = weights.dims.as_slice() else {
            return Err("weights with too few axes".into());
        };
        let geometry = Geometry::conv(node, dims, kernel)?;
        let groups = geometry.window.groups as usize;
        let depthwise = groups > 1 && inputs == 1 && groups == outputs;
        let op = if depthwise { Op::Depthwise } else { Op::Conv };
        let conv = ConvDims { outputs, inputs, kernel: geometry.window.kernel.map(usize::from), groups };
        self.weighted(node, op, &geometry, conv, |weights| {
            if depthwise { pack::depthwise(weights, outputs, conv.kernel) } else { pack::conv(weights, conv) }
        })
    }

    /// `ConvTranspose`.
    pub(super) fn conv_transpose(&mut self, node: &Node) -> Result<(), Stop> {
        let (_, dims, _) = self.input(node, 0)?;
        let weights = self.weights(node, 1, "weights")?;
        let &[inputs, per_group, ref kernel @ ..] = weights.dims.as_slice() else {
            return Err("weights with too few axes".into());
        };
        let geometry = Geometry::conv_transpose(node, dims, kernel)?;
        let groups = geometry.window.groups as usize;
        let conv = ConvDims {
            outputs: per_group.saturating_mul(groups),
            inputs: inputs.checked_div(groups).unwrap_or(0),
            kernel: geometry.window.kernel.map(usize::from),
            groups,
        };
        self.weighted(node, Op::ConvTranspose, &geometry, conv, |weights| pack::conv_transpose(weights, conv))
    }

    fn weighted(
        &mut self,
        node: &Node,
        op: Op,
        geometry: &Geometry,
        conv: ConvDims,
        pack: impl FnOnce(&[f32]) -> Vec<f32>,
    ) -> Result<(), Stop> {
        let (value, dims, _) = self.input(node, 0)?;
        let (output, output_dims) = self.output(node)?;
        let weights = self.weights(node, 1, "weights")?.as_floats().unwrap_or_default();
        let bias = self.bias(node, conv.outputs)?;
        let blocks = conv.groups.checked_mul(conv.outputs_per_group().next_multiple_of(8));
        let taps = conv.kernel.iter().try_fold(conv.inputs, |product, &size| product.checked_mul(size));
        self.reserve(blocks.zip(taps).and_then(|(blocks, taps)| blocks.checked_mul(taps)))?;

        let input = self.arrange(node, value, &Layout::channels_last(dims), axes::picture(dims))?;
        let mut layer = Layer::new(&node.name, op, vec![input], 0);
        geometry.window.describe(&mut layer);
        layer.groups = if op == Op::Depthwise { 0 } else { geometry.window.groups };
        layer.params = [pack(weights), bias, Vec::new(), Vec::new()];
        self.finish(layer, output, axes::picture(output_dims), Layout::channels_last(output_dims))
    }

    /// The bias of a convolution or dense layer, its third input; empty if it has none.
    pub(super) fn bias(&self, node: &Node, outputs: usize) -> Result<Vec<f32>, Stop> {
        if node.input(2).is_none() {
            return Ok(Vec::new());
        }
        let bias = self.weights(node, 2, "the bias")?;
        if bias.len() == outputs {
            Ok(bias.to_floats())
        } else {
            Err(Stop::Refused(format!("a bias of {} for {outputs} outputs", bias.len())))
        }
    }
}
