//! Operators that move elements and compute nothing.

use super::{Outcome, Resolved, Stop};
use crate::tflite::builtin::Fused;
use crate::tflite::geometry::{self, elements};
use crate::tflite::schema::Operator;
use crate::tflite::step::Kind;

impl Resolved<'_, '_> {
    /// `CONCATENATION`.
    pub(super) fn concat(&self, operator: &Operator, axis: i32, fused: Fused) -> Result<Outcome, Stop> {
        let count = operator.inputs.len();
        let parts = (0..count).map(|k| self.input(operator, k)).collect::<Result<Vec<_>, _>>()?;
        let mut dims = parts.first().map(|&part| self.dims(part).to_vec()).ok_or("there is nothing to concatenate")?;
        let axis = geometry::axis(axis.into(), dims.len())?;
        for &part in parts.iter().skip(1) {
            let part = self.dims(part);
            let fits = |(at, (a, b)): (usize, (&usize, &usize))| at == axis || a == b;
            if part.len() != dims.len() || !part.iter().zip(&dims).enumerate().all(fits) {
                return Err(Stop::Refused(format!("shapes {dims:?} and {part:?} along axis {axis}")));
            }
            if let (Some(sum), Some(extent)) = (dims.get_mut(axis), part.get(axis)) {
                *sum = sum.saturating_add(*extent);
            }
        }
        let kernel_axis = geometry::kernel_axis(&dims, axis);
        let kernel_axis =
            kernel_axis.ok_or_else(|| format!("of {dims:?} along axis {axis}: only with a batch of 1"))?;
        Outcome::checked(Kind::Concat(kernel_axis), parts, fused, dims)
    }

    /// `RESHAPE`: the shape is an input, or an option.
    pub(super) fn reshape(&self, operator: &Operator, option: &[i32]) -> Result<Outcome, Stop> {
        let shape = match operator.inputs.get(1) {
            Some(Some(_)) => self.integers(operator, 1, "the shape")?,
            _ => option.iter().map(|&dim| i64::from(dim)).collect(),
        };
        let from = self.dims(self.present(operator, 0)?);
        let count = elements(from).unwrap_or(0);
        let open = shape.iter().filter(|&&dim| dim == -1).count();
        let known = shape.iter().filter(|&&dim| dim != -1).map(|&dim| usize::try_from(dim).ok().filter(|&dim| dim > 0));
        let known: Option<Vec<usize>> = known.collect();
        let rest = known.as_deref().and_then(elements).map_or(0, |known| count / known);
        let dims: Vec<usize> = shape.iter().map(|&dim| usize::try_from(dim).unwrap_or(rest)).collect();
        if known.is_none() || elements(&dims) != Some(count) || open > 1 {
            return Err(Stop::Refused(format!("{from:?} cannot take the shape {shape:?}")));
        }
        self.view(operator, dims)
    }

    /// `SQUEEZE`.
    pub(super) fn squeeze(&self, operator: &Operator, axes: &[i32]) -> Result<Outcome, Stop> {
        let dims = self.dims(self.present(operator, 0)?);
        let axes = axes.iter().map(|&axis| geometry::axis(axis.into(), dims.len())).collect::<Result<Vec<_>, _>>()?;
        if let Some(axis) = axes.iter().find(|&&axis| dims.get(axis) != Some(&1)) {
            return Err(Stop::Refused(format!("axis {axis} of {dims:?} cannot go")));
        }
        let goes = |axis: usize, dim: usize| if axes.is_empty() { dim == 1 } else { axes.contains(&axis) };
        let kept = dims.iter().enumerate().filter(|&(axis, &dim)| !goes(axis, dim)).map(|(_, &dim)| dim).collect();
        self.view(operator, kept)
    }

    /// `EXPAND_DIMS`.
    pub(super) fn expand_dims(&self, operator: &Operator) -> Result<Outcome, Stop> {
        let mut dims = self.dims(self.present(operator, 0)?).to_vec();
        let [axis] = *self.integers(operator, 1, "the axis")? else { return Err("only one axis is supported".into()) };
        dims.insert(geometry::axis(axis, dims.len() + 1)?, 1);
        self.view(operator, dims)
    }

    /// The same elements in the same order: a step, or of a constant another name for it.
    fn view(&self, operator: &Operator, dims: Vec<usize>) -> Result<Outcome, Stop> {
        let input = self.present(operator, 0)?;
        if self.is_activation(input) {
            Outcome::checked(Kind::View, vec![input], Fused::None, dims)
        } else {
            Ok(self.renamed(input, dims))
        }
    }

    /// `PAD` and `PADV2`.
    pub(super) fn pad(&self, operator: &Operator) -> Result<Outcome, Stop> {
        let input = self.input(operator, 0)?;
        let mut dims = self.dims(input).to_vec();
        let pads = self.integers(operator, 1, "the padding")?;
        let value = match operator.inputs.get(2) {
            Some(Some(_)) => Some(self.weights(operator, 2, "the number to pad with")?),
            _ => None,
        };
        if value.is_some_and(|value| elements(self.dims(value)) != Some(1)) {
            return Err("only with one number".into());
        }
        let (pairs, []) = pads.as_chunks() else { return Err("padding that has no end".into()) };
        if pairs.len() != dims.len() {
            return Err(Stop::Refused(format!("padding for {} axes of {}", pairs.len(), dims.len())));
        }
        let rank = dims.len();
        let mut before = [0; 3];
        for (axis, (dim, pair)) in dims.iter_mut().zip(pairs).enumerate().filter(|(_, (_, pair))| **pair != [0; 2]) {
            let [start, end] = pair.map(|pad| u16::try_from(pad).ok());
            let (Some(start), Some(end)) = (start, end) else { return Err("padding that is out of range".into()) };
            *dim = dim.saturating_add(usize::from(start)).saturating_add(usize::from(end));
            // With a batch of 1 rows come next, and columns if there are four axes.
            let at = match (rank, rank - axis) {
                (1..=4, 1) => 2,
                (4, 2) => 1,
                (4, 3) | (3, 2) => 0,
                _ => return Err("only rows, columns and channels can be padded".into()),
            };
            if let Some(place) = before.get_mut(at) {
                *place = u32::from(start);
            }
        }
        if rank > 2 && dims.first() != Some(&1) {
            return Err("only with a batch of 1".into());
        }
        Outcome::checked(Kind::Pad { before, value }, vec![input], Fused::None, dims)
    }
}
