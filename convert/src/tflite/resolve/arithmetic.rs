//! Sums, differences and products.

use super::{Outcome, Resolved, Stop};
use crate::tflite::builtin::Fused;
use crate::tflite::schema::Operator;
use crate::tflite::step::{Arithmetic, ConstantOperand, Kind};

impl Resolved<'_, '_> {
    /// `ADD`, `SUB` and `MUL`.
    pub(super) fn arithmetic(&self, operator: &Operator, op: Arithmetic, fused: Fused) -> Result<Outcome, Stop> {
        let (first, second) = (self.present(operator, 0)?, self.present(operator, 1)?);
        let constant = match (self.constant(operator, 0)?, self.constant(operator, 1)?) {
            (None, None) => return self.of_two(op, [first, second], fused),
            (Some(_), Some(_)) => return Err("only with an activation, not of two constants".into()),
            (None, Some(tensor)) => ConstantOperand { tensor, first: false },
            (Some(tensor), None) => ConstantOperand { tensor, first: true },
        };
        let input = if constant.first { second } else { first };
        let (dims, other) = (self.dims(input), self.dims(constant.tensor));
        // Leading axes of extent 1 are of no account.
        let lean: Vec<usize> = other.iter().copied().skip_while(|&dim| dim == 1).collect();
        let per_element = dims.ends_with(&lean) && dims.iter().rev().skip(lean.len()).all(|&dim| dim == 1);
        let per_channel = lean.is_empty() || (lean.len() == 1 && dims.last() == lean.first());
        if other.len() > dims.len() || !(per_element || per_channel) {
            return Err(Stop::Refused(format!(
                "shapes {dims:?} and {other:?}: a constant is one number, one per channel, or one per element"
            )));
        }
        let kind = Kind::Arithmetic { op, constant: Some(constant) };
        Outcome::checked(kind, vec![input], fused, dims.to_vec())
    }

    fn of_two(&self, op: Arithmetic, [a, b]: [usize; 2], fused: Fused) -> Result<Outcome, Stop> {
        let kind = Kind::Arithmetic { op, constant: None };
        let (first, second) = (self.dims(a), self.dims(b));
        if first == second {
            return Outcome::checked(kind, vec![a, b], fused, first.to_vec());
        }
        // A gate with one element per channel: in whichever order, the signal comes first.
        let gates = |gate: &[usize], signal: &[usize]| {
            let (gate, rest) = gate.split_last().unwrap_or((&0, &[]));
            signal.last() == Some(gate) && rest.len() < signal.len() && rest.iter().all(|&dim| dim == 1)
        };
        match op {
            Arithmetic::Mul if gates(second, first) => Outcome::checked(kind, vec![a, b], fused, first.to_vec()),
            Arithmetic::Mul if gates(first, second) => Outcome::checked(kind, vec![b, a], fused, second.to_vec()),
            _ => Err(Stop::Refused(format!(
                "shapes {first:?} and {second:?}: activations must have the same, or a factor one element per channel"
            ))),
        }
    }
}
