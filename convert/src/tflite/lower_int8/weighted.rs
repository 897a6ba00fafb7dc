//! Layers with weights, over integers.

use crate::int8;
use crate::network::{Layer, Quantization};
use crate::tflite::lower::Lowering;
use crate::tflite::schema::Element;
use crate::tflite::step::{Kind, Step};
use relprop::model::format::{MAX_BIAS_INT8, MAX_FAN_INT8};
use relprop::step::{Op, Shape};

/// Weights as they are stored.
pub(super) struct Weights {
    pub(super) bytes: Vec<i8>,
    /// One scale per output.
    pub(super) scales: Vec<f32>,
}

impl Lowering<'_, '_, '_> {
    /// Adds a layer with weights.
    pub(super) fn weighted(
        &mut self,
        step: &Step,
        mut layer: Layer,
        [input, output]: [Quantization; 2],
        range: [i32; 2],
    ) -> Result<(), String> {
        let (weights, bias, axis, fan) = match step.kind {
            Kind::Conv { window, weights, bias } => {
                (layer.op, layer.groups) = (Op::Conv, window.groups);
                window.describe(&mut layer);
                let [_, height, width, inputs] = self.extents(weights);
                (weights, bias, 0, [height, width, inputs])
            }
            Kind::TransposeConv { window, weights, bias } => {
                (layer.op, layer.groups) = (Op::ConvTranspose, 1);
                window.describe(&mut layer);
                let [_, height, width, inputs] = self.extents(weights);
                (weights, bias, 0, [height, width, inputs])
            }
            Kind::Depthwise { window, multiplier, weights, bias } => {
                layer.op = if multiplier == 1 { Op::Depthwise } else { Op::Conv };
                layer.groups = if multiplier == 1 { 0 } else { window.groups };
                window.describe(&mut layer);
                let [_, height, width, _] = self.extents(weights);
                (weights, bias, 3, [height, width, 1])
            }
            Kind::Dense { weights, bias, .. } => {
                layer.op = Op::Dense;
                (weights, bias, 0, [1, 1, self.resolved.dims(weights).last().copied().unwrap_or(0)])
            }
            _ => return Err("it has no weights".into()),
        };
        let fan = fan.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent)).unwrap_or(usize::MAX);
        if fan > MAX_FAN_INT8 {
            return Err(format!("outputs that read {fan} inputs each: over integers {MAX_FAN_INT8} are the most"));
        }
        let outputs = self.resolved.dims(weights).get(axis).copied().unwrap_or(0);
        self.reserve(outputs.checked_mul(fan))?;
        let mut weights = self.stored_weights(weights, axis, outputs)?;
        if axis == 3 && layer.op == Op::Conv {
            weights.bytes = turned(&weights.bytes, outputs);
        }
        layer.int8.rescale = int8::weighted(input, &weights.scales, output);
        layer.int8.weights = weights.bytes;
        layer.int8.bias = self.int32_bias(bias, outputs)?;
        layer.ints = int8::attributes(range);
        self.place(step, layer, output, [outputs, fan]);
        Ok(())
    }

    /// Adds the layer; a dense one of several rows as a convolution over them, and with the rows as the file has them.
    fn place(&mut self, step: &Step, mut layer: Layer, output: Quantization, [outputs, inputs]: [usize; 2]) {
        let (name, wanted) = (self.resolved.name(step.output), self.resolved.shape(step.output));
        let Kind::Dense { rows, .. } = step.kind else {
            let tensor = self.push(layer, name, wanted, Some(output));
            self.hold(step, tensor);
            return;
        };
        let shape = Shape::new(rows, 1, outputs);
        if rows > 1 {
            self.over_rows(&mut layer, rows, inputs);
        }
        let mut tensor = if wanted.same(shape) {
            self.push(layer, name, shape, Some(output))
        } else {
            self.push(layer, &format!("{name}.flat"), shape, Some(output))
        };
        if !wanted.same(shape) {
            let view = Layer::new(format!("{name}.view"), Op::View, vec![tensor], 0);
            tensor = self.push(view, name, wanted, Some(output));
        }
        self.hold(step, tensor);
    }

    pub(super) fn stored_weights(&self, tensor: usize, axis: usize, outputs: usize) -> Result<Weights, String> {
        let bytes = self.signed_bytes(tensor)?;
        let quantization = self.resolved.stored(tensor).and_then(|tensor| tensor.quantization.as_ref());
        let quantization = quantization.ok_or("weights without a scale")?;
        if quantization.zero_point.iter().any(|&zero| zero != 0) {
            return Err("weights with a zero point are not supported".into());
        }
        let scales = match quantization.scale.as_slice() {
            &[only] => vec![only; outputs],
            scales if scales.len() == outputs && quantization.axis == axis => scales.to_vec(),
            _ => return Err(format!("weights with scales along axis {}", quantization.axis)),
        };
        Ok(Weights { bytes, scales })
    }

    pub(super) fn int32_bias(&self, bias: Option<usize>, outputs: usize) -> Result<Vec<i32>, String> {
        let Some(bias) = bias else { return Ok(vec![0; outputs]) };
        let element = self.resolved.stored(bias).map(|tensor| tensor.element);
        if element != Some(Element::Int32) {
            return Err(format!(
                "a bias of {}: only INT32 is supported",
                element.map_or_else(String::new, Element::name)
            ));
        }
        let (words, _) = self.resolved.bytes(bias)?.as_chunks();
        let bias: Vec<i32> = words.iter().map(|&word| i32::from_le_bytes(word)).collect();
        match bias.iter().find(|bias| bias.unsigned_abs() > MAX_BIAS_INT8) {
            Some(bias) => Err(format!("a bias of {bias}: {MAX_BIAS_INT8} is the most")),
            None => Ok(bias),
        }
    }
}

/// From `[row][column][output]` to `[output][row][column]`.
fn turned(weights: &[i8], outputs: usize) -> Vec<i8> {
    let taps = weights.len().checked_div(outputs).unwrap_or(0);
    let at = |output: usize, tap: usize| weights.get(tap * outputs + output).copied().unwrap_or(0);
    (0..outputs).flat_map(|output| (0..taps).map(move |tap| at(output, tap))).collect()
}
