//! Dense layers.

use super::{Lowering, Stop};
use crate::network::Layer;
use crate::onnx::graph::Node;
use crate::onnx::layout::Layout;
use crate::pack::{self, ConvDims};
use relprop::model::format::BLOCK;
use relprop::step::{Op, Shape};

impl Lowering<'_> {
    /// `Dense`: a product with a constant matrix over the last axis. Of one vector it is a dense layer, whose columns
    /// follow whatever order its input is in; of several rows a convolution over them.
    pub(super) fn dense(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, held) = self.input(node, 0)?;
        let (output, output_dims) = self.output(node)?;
        let weights = self.weights(node, 1, "weights")?;
        let &[outputs, inputs] = weights.dims.as_slice() else {
            return Err("weights that are no matrix".into());
        };
        let bias = self.bias(node, outputs)?;
        let elements: usize = dims.iter().product();
        let rows = elements.checked_div(inputs).unwrap_or(0);
        if dims.last() != Some(&inputs) || rows == 0 {
            return Err("weights that do not fit the input".into());
        }
        self.reserve(outputs.checked_next_multiple_of(BLOCK).and_then(|n| n.checked_mul(inputs)))?;

        let weights = weights.as_floats().unwrap_or_default();
        let layout = Layout::identity(output_dims.iter().product());
        if rows == 1 {
            let order = held.layout.positions().ok_or("its input is too large")?;
            let mut layer = Layer::new(&node.name, Op::Dense, vec![held.tensor], 0);
            layer.params = [pack::dense_in_order(weights, outputs, &order), bias, Vec::new(), Vec::new()];
            return self.finish(layer, output, Shape::new(1, 1, outputs), layout);
        }
        let input = self.arrange(node, value, &Layout::identity(elements), Shape::new(rows, 1, inputs))?;
        let mut layer = Layer::new(&node.name, Op::Conv, vec![input], 0);
        (layer.kernel, layer.stride, layer.dilation, layer.groups) = ([1; 2], [1; 2], [1; 2], 1);
        let conv = ConvDims { outputs, inputs, kernel: [1; 2], groups: 1 };
        layer.params = [pack::conv(weights, conv), bias, Vec::new(), Vec::new()];
        self.finish(layer, output, Shape::new(rows, 1, outputs), layout)
    }
}
