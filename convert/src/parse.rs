//! Image to network: the inverse of [`crate::emit()`].

use crate::network::{Layer, Network, Port, Tensor};
use relprop::Model;
use relprop::model::format::MAX_RANK;

/// Copies all that an image says into a network that can be edited.
///
/// Emitting the network again yields the same bytes, if it was this crate that wrote the image.
pub fn parse(model: &Model<'_>) -> Network {
    Network {
        name: model.name().to_owned(),
        tensors: (0..model.tensors()).map(|i| tensor(model, i)).collect(),
        steps: (0..model.steps()).map(|i| step(model, i)).collect(),
        inputs: (0..model.inputs()).map(|i| port(model, i)).collect(),
        outputs: (0..model.outputs()).map(|i| port(model, model.inputs() + i)).collect(),
    }
}

fn tensor(model: &Model<'_>, index: usize) -> Tensor {
    let tensor = model.tensor(index);
    Tensor { name: model.tensor_name(&tensor).to_owned(), shape: tensor.shape }
}

fn step(model: &Model<'_>, index: usize) -> Layer {
    let step = model.step(index);
    Layer {
        name: model.step_name(&step).to_owned(),
        op: step.op,
        variant: step.variant,
        flags: step.flags,
        operands: (0..step.operands).map(|k| model.operand(&step, k)).collect(),
        output: step.output,
        kernel: step.kernel,
        stride: step.stride,
        dilation: step.dilation,
        pads: step.pads,
        groups: step.groups as u32,
        params: step.params.map(|block| floats(model.params(block, size_of::<f32>()))),
        floats: step.floats,
        ints: step.ints,
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|&word| f32::from_le_bytes(word)).collect()
}

fn port(model: &Model<'_>, index: usize) -> Port {
    let port = model.port(index);
    Port {
        name: model.port_name(&port).to_owned(),
        tensor: port.tensor,
        dims: port.dims.iter().take(port.rank.min(MAX_RANK)).copied().collect(),
        order: port.order,
        range: port.range,
        pixels: port.pixels,
        labels: (0..port.labels).map(|class| model.label(&port, class).to_owned()).collect(),
    }
}
