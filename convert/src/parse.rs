//! Image to network: the inverse of [`crate::emit()`].

use crate::network::{Int8, Layer, Network, Port, Quantization, Tensor};
use crate::pack;
use relprop::Model;
use relprop::model::format::MAX_RANK;
use relprop::model::format::step::VARIANT_INT8_TABLE;
use relprop::step::{DType, Op, Step};

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
    let quantized = tensor.dtype == DType::I8;
    Tensor {
        name: model.tensor_name(&tensor).to_owned(),
        shape: tensor.shape,
        is_tokens: tensor.dtype == DType::Token,
        is_sequence: tensor.is_sequence,
        quantization: quantized.then_some(Quantization { scale: tensor.scale, zero_point: tensor.zero_point as i8 }),
        ties_to_even: tensor.ties_to_even,
    }
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
        params: if model.is_int8(&step) || has_int8_table(&step) {
            Default::default()
        } else {
            step.params.map(|block| floats(model.params(block, size_of::<f32>())))
        },
        int8: if model.is_int8(&step) || has_int8_table(&step) { int8(model, &step) } else { Int8::default() },
        floats: step.floats,
        ints: step.ints,
    }
}

fn has_int8_table(step: &Step) -> bool {
    step.op == Op::Embedding && step.variant == VARIANT_INT8_TABLE
}

fn int8(model: &Model<'_>, step: &Step) -> Int8 {
    let [weights, bias, rescale, table] = step.params;
    let weights: Vec<i8> = model.params(weights, 1).iter().map(|&byte| byte as i8).collect();
    let input = model.tensor(model.operand(step, 0)).shape;
    let kept = match step.op {
        Op::Embedding => weights.len(),
        _ => pack::int8::unpadded_len(step, input, model.tensor(step.output).shape).min(weights.len()),
    };
    let (bias, _) = model.params(bias, 4).as_chunks();
    let (rescale, _) = model.params(rescale, 8).as_chunks::<8>();
    let (table, _) = model.params(table, 2).as_chunks();
    Int8 {
        weights: weights.get(..kept).unwrap_or_default().to_vec(),
        bias: bias.iter().map(|&word| i32::from_le_bytes(word)).collect(),
        rescale: rescale
            .iter()
            .map(|&[a, b, c, d, e, f, g, h]| [[a, b, c, d], [e, f, g, h]].map(i32::from_le_bytes))
            .collect(),
        table: table.iter().map(|&entry| u16::from_le_bytes(entry)).collect(),
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
        is_text: port.is_text,
        range: port.range,
        pixels: port.pixels,
        labels: (0..port.labels).map(|class| model.label(&port, class).to_owned()).collect(),
    }
}
