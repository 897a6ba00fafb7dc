//! Operators with weights.

use super::{Outcome, Resolved, Stop};
use crate::tflite::builtin::{Fused, Motion};
use crate::tflite::geometry::{self, elements, picture};
use crate::tflite::schema::Operator;
use crate::tflite::step::Kind;

impl Resolved<'_, '_> {
    /// `CONV_2D`, grouped where its weights have fewer channels than the input.
    pub(super) fn conv(&self, operator: &Operator, motion: &Motion, fused: Fused) -> Result<Outcome, Stop> {
        let input = self.input(operator, 0)?;
        let weights = self.weights(operator, 1, "weights")?;
        let shape = picture(self.dims(input))?;
        let &[outputs, height, width, inputs] = self.dims(weights) else {
            return Err("weights that do not have four axes".into());
        };
        let groups = shape.channels / inputs;
        if !shape.channels.is_multiple_of(inputs) || !outputs.is_multiple_of(groups) {
            return Err(Stop::Refused(format!(
                "weights of {:?} for an input of {:?}",
                self.dims(weights),
                self.dims(input)
            )));
        }
        let bias = self.bias(operator, outputs)?;
        let (mut window, [rows, columns]) = geometry::window(motion, [height, width], shape)?;
        window.groups = u32::try_from(groups).map_err(|_| "too many groups")?;
        Outcome::checked(Kind::Conv { window, weights, bias }, vec![input], fused, vec![1, rows, columns, outputs])
    }

    /// `DEPTHWISE_CONV_2D`. The multiplier follows from the weights; what the options say of it is of no account.
    pub(super) fn depthwise(&self, operator: &Operator, motion: &Motion, fused: Fused) -> Result<Outcome, Stop> {
        let input = self.input(operator, 0)?;
        let weights = self.weights(operator, 1, "weights")?;
        let shape = picture(self.dims(input))?;
        let &[1, height, width, outputs] = self.dims(weights) else {
            return Err("weights that do not have four axes, the first of extent 1".into());
        };
        if !outputs.is_multiple_of(shape.channels) {
            return Err(Stop::Refused(format!("{outputs} outputs of {} channels", shape.channels)));
        }
        let multiplier = outputs / shape.channels;
        let bias = self.bias(operator, outputs)?;
        let (mut window, [rows, columns]) = geometry::window(motion, [height, width], shape)?;
        window.groups = u32::try_from(shape.channels).map_err(|_| "too many channels")?;
        let kind = Kind::Depthwise { window, multiplier, weights, bias };
        Outcome::checked(kind, vec![input], fused, vec![1, rows, columns, outputs])
    }

    /// `TRANSPOSE_CONV`: reads the shape of its output, weights, input and perhaps a bias.
    pub(super) fn transpose_conv(&self, operator: &Operator, motion: &Motion, fused: Fused) -> Result<Outcome, Stop> {
        let input = self.input(operator, 2)?;
        let weights = self.weights(operator, 1, "weights")?;
        let shape = picture(self.dims(input))?;
        let wanted = self.integers(operator, 0, "the shape of the output")?;
        let wanted: Option<Vec<usize>> = wanted.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let wanted = geometry::activation(wanted.ok_or("an output without extent")?)?;
        let output = picture(&wanted)?;
        let &[outputs, height, width, inputs] = self.dims(weights) else {
            return Err("weights that do not have four axes".into());
        };
        if inputs != shape.channels || outputs != output.channels {
            return Err("weights that fit neither the input nor the output".into());
        }
        let bias = match operator.inputs.get(3) {
            Some(Some(_)) => Some(self.weights(operator, 3, "the bias")?),
            _ => None,
        };
        if bias.is_some_and(|bias| elements(self.dims(bias)) != Some(outputs)) {
            return Err(Stop::Refused(format!("a bias that is not for {outputs} outputs")));
        }
        let window = geometry::transposed(motion, [height, width], shape, output)?;
        Outcome::checked(Kind::TransposeConv { window, weights, bias }, vec![input], fused, wanted)
    }

    /// `FULLY_CONNECTED`: the input is read as rows of as many elements as the weights have columns.
    pub(super) fn dense(&self, operator: &Operator, keep_dims: bool, fused: Fused) -> Result<Outcome, Stop> {
        let input = self.input(operator, 0)?;
        let weights = self.weights(operator, 1, "weights")?;
        let &[outputs, inputs] = self.dims(weights) else {
            return Err("weights that are no matrix".into());
        };
        let dims = self.dims(input);
        let count = elements(dims).unwrap_or(0);
        if !count.is_multiple_of(inputs) || (keep_dims && dims.last() != Some(&inputs)) {
            return Err(Stop::Refused(format!("weights of {:?} for an input of {dims:?}", self.dims(weights))));
        }
        let rows = count / inputs;
        let bias = self.bias(operator, outputs)?;
        let dims = match dims {
            [outer @ .., _] if keep_dims => [outer, &[outputs]].concat(),
            _ => vec![rows, outputs],
        };
        Outcome::checked(Kind::Dense { rows, weights, bias }, vec![input], fused, dims)
    }
}
