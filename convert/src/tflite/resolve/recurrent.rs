//! Recurrent operators.

use super::{Outcome, Resolved, Stop};
use crate::tflite::builtin::{Builtin, Fused};
use crate::tflite::geometry;
use crate::tflite::schema::Operator;
use crate::tflite::step::{Kind, Lstm};

/// Where `UNIDIRECTIONAL_SEQUENCE_LSTM` reads what; the gates come in the order i, f, g, o.
mod operand {
    /// Weights of the input, of each gate.
    pub const WEIGHTS: [usize; 4] = [1, 2, 3, 4];
    /// Weights of the state.
    pub const RECURRENT: [usize; 4] = [5, 6, 7, 8];
    /// Weights of the cell, which make a cell with peepholes.
    pub const PEEPHOLES: [usize; 3] = [9, 10, 11];
    /// Biases.
    pub const BIAS: [usize; 4] = [12, 13, 14, 15];
    /// A projection of the state, and its bias.
    pub const PROJECTION: [usize; 2] = [16, 17];
    /// The state, and the cell.
    pub const STATES: [usize; 2] = [18, 19];
    /// Coefficients of layer normalisation.
    pub const NORM: [usize; 4] = [20, 21, 22, 23];
}

impl Resolved<'_, '_> {
    /// `UNIDIRECTIONAL_SEQUENCE_LSTM`: the output is the state after every moment.
    pub(super) fn lstm(&self, operator: &Operator) -> Result<Outcome, Stop> {
        let has = |at: &usize| operator.inputs.get(*at).copied().flatten().is_some();
        let &Builtin::UnidirectionalSequenceLstm { fused, cell_clip, projection_clip, time_major } = &operator.builtin
        else {
            return Err("it has no options".into());
        };
        if let Some(reason) = variant(has) {
            return Err(reason.into());
        }
        if time_major {
            return Err("time as the first axis (time_major) is not supported".into());
        }
        if fused != Fused::Tanh {
            return Err(Stop::Refused(format!("only with tanh for the cell, it is {fused:?}")));
        }
        let sound = |clip: f32| clip.is_finite() && clip >= 0.0;
        if !sound(cell_clip) || !sound(projection_clip) {
            return Err("a bound that is no number above zero".into());
        }
        let input = self.input(operator, 0)?;
        let &[batch, moments, inputs] = self.dims(input) else {
            return Err("an input that is no sequence".into());
        };
        if batch != 1 {
            return Err(Stop::Refused(format!("a batch of {batch}: only 1 is supported")));
        }
        let all = |at: [usize; 4]| -> Result<[usize; 4], Stop> {
            let mut found = [0; 4];
            for (found, at) in found.iter_mut().zip(at) {
                *found = self.weights(operator, at, "weights")?;
            }
            Ok(found)
        };
        let (weights, recurrent, bias) = (all(operand::WEIGHTS)?, all(operand::RECURRENT)?, all(operand::BIAS)?);
        let &[units, _] = self.dims(weights[0]) else {
            return Err("weights that are no matrix".into());
        };
        let are = |tensors: [usize; 4], dims: &[usize]| tensors.iter().all(|&tensor| self.dims(tensor) == dims);
        if !are(weights, &[units, inputs]) || !are(recurrent, &[units, units]) || !are(bias, &[units]) {
            return Err(Stop::Refused(format!("weights or biases that do not fit {inputs} inputs and {units} units")));
        }
        let dims = geometry::activation(vec![batch, moments, units])?;
        let states = operand::STATES.map(|at| operator.inputs.get(at).copied().flatten());
        let kind = Kind::Lstm(Lstm { weights, recurrent, bias, states, cell_clip });
        Ok(Outcome::step(kind, vec![input], Fused::None, dims))
    }
}

/// Which variant of the cell is not supported, if it is one.
fn variant(has: impl Fn(&usize) -> bool) -> Option<&'static str> {
    let gates = [operand::WEIGHTS, operand::RECURRENT, operand::BIAS];
    let missing = |gate: usize| gates.iter().any(|at| at.get(gate).is_none_or(|at| !has(at)));
    if missing(0) {
        return Some("coupled input and forget gates (CIFG) are not supported");
    }
    if (1..4).any(missing) {
        return Some("a gate without weights or bias");
    }
    if operand::PEEPHOLES.iter().any(&has) {
        return Some("peephole connections are not supported");
    }
    if operand::PROJECTION.iter().any(&has) {
        return Some("a projection of the state is not supported");
    }
    if operand::NORM.iter().any(&has) {
        return Some("layer normalisation inside the cell is not supported");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::variant;

    /// What is said of a cell that has the inputs of a plain one, but for these.
    fn said(without: &[usize], with: &[usize]) -> Option<&'static str> {
        let plain = |at: &usize| matches!(at, 0..=8 | 12..=15 | 18 | 19);
        variant(|at| with.contains(at) || (plain(at) && !without.contains(at)))
    }

    #[test]
    fn variants_are_named() {
        assert_eq!(said(&[], &[]), None);
        assert_eq!(said(&[1, 5, 12], &[]), Some("coupled input and forget gates (CIFG) are not supported"));
        assert_eq!(said(&[14], &[]), Some("a gate without weights or bias"));
        assert_eq!(said(&[], &[10]), Some("peephole connections are not supported"));
        assert_eq!(said(&[], &[16]), Some("a projection of the state is not supported"));
        assert_eq!(said(&[], &[23]), Some("layer normalisation inside the cell is not supported"));
    }
}
