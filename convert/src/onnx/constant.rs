//! Tensors whose content is known when the model is converted.

use super::MAX_ELEMENTS;
use std::rc::Rc;

/// A constant tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Extents.
    pub dims: Vec<usize>,
    /// Elements.
    pub data: Data,
}

/// Elements of a constant, widened to one of two types. They are shared, so that a reshaped or copied constant costs
/// nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Any floating-point type.
    Floats(Rc<[f32]>),
    /// Any integer type, and booleans.
    Ints(Rc<[i64]>),
}

impl Constant {
    /// Floats.
    pub fn floats(dims: Vec<usize>, data: impl Into<Rc<[f32]>>) -> Self {
        Self { dims, data: Data::Floats(data.into()) }
    }

    /// Integers.
    pub fn ints(dims: Vec<usize>, data: impl Into<Rc<[i64]>>) -> Self {
        Self { dims, data: Data::Ints(data.into()) }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.data {
            Data::Floats(data) => data.len(),
            Data::Ints(data) => data.len(),
        }
    }

    /// The elements, where they are floats.
    pub fn as_floats(&self) -> Option<&[f32]> {
        match &self.data {
            Data::Floats(data) => Some(data),
            Data::Ints(_) => None,
        }
    }

    /// The elements, where they are integers.
    pub fn as_ints(&self) -> Option<&[i64]> {
        match &self.data {
            Data::Floats(_) => None,
            Data::Ints(data) => Some(data),
        }
    }

    /// The elements as floats, whatever they are.
    pub fn to_floats(&self) -> Vec<f32> {
        match &self.data {
            Data::Floats(data) => data.to_vec(),
            Data::Ints(data) => data.iter().map(|&value| value as f32).collect(),
        }
    }

    /// The element of a tensor that has only one.
    pub fn scalar(&self) -> Option<f32> {
        match &self.data {
            Data::Floats(data) => match **data {
                [value] => Some(value),
                _ => None,
            },
            Data::Ints(data) => match **data {
                [value] => Some(value as f32),
                _ => None,
            },
        }
    }

    /// The same elements with other extents.
    pub fn reshaped(&self, dims: Vec<usize>) -> Self {
        Self { dims, data: self.data.clone() }
    }

    /// The elements at these positions, with these extents; `None` if a position is out of range.
    pub fn picked(&self, dims: Vec<usize>, positions: &[usize]) -> Option<Self> {
        let data = match &self.data {
            Data::Floats(data) => {
                Data::Floats(positions.iter().map(|&at| data.get(at).copied()).collect::<Option<_>>()?)
            }
            Data::Ints(data) => Data::Ints(positions.iter().map(|&at| data.get(at).copied()).collect::<Option<_>>()?),
        };
        Some(Self { dims, data })
    }

    /// Elements of the tensor broadcast to these extents, `None` where it cannot be.
    pub fn broadcast(&self, dims: &[usize]) -> Option<Self> {
        if self.dims == dims {
            return Some(self.clone());
        }
        let positions = broadcast_positions(&self.dims, dims)?;
        self.picked(dims.to_vec(), &positions)
    }
}

/// Number of elements, `None` beyond what an activation or a weight may have. Then the product of no part of the
/// extents overflows, even where one of them is zero.
pub fn elements(dims: &[usize]) -> Option<usize> {
    let most = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim.max(1)))?;
    (most <= MAX_ELEMENTS).then(|| dims.iter().product())
}

/// Row-major strides, in elements.
pub fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    let mut stride = 1_usize;
    for (own, dim) in strides.iter_mut().zip(dims).rev() {
        *own = stride;
        stride = stride.saturating_mul(*dim);
    }
    strides
}

/// For every element of a row-major tensor with extents `dims` the sum of its coordinates times `strides`.
pub fn walk(dims: &[usize], strides: &[usize]) -> Option<Vec<usize>> {
    let count = elements(dims)?;
    let mut positions = Vec::with_capacity(count);
    let mut at = vec![0_usize; dims.len()];
    let mut position = 0_usize;
    for _ in 0..count {
        positions.push(position);
        for ((index, &dim), &stride) in at.iter_mut().zip(dims).zip(strides).rev() {
            *index += 1;
            position = position.wrapping_add(stride);
            if *index < dim {
                break;
            }
            position = position.wrapping_sub(index.wrapping_mul(stride));
            *index = 0;
        }
    }
    Some(positions)
}

/// Where in a tensor with extents `from` each element lies of its broadcast to `to`.
fn broadcast_positions(from: &[usize], to: &[usize]) -> Option<Vec<usize>> {
    let missing = to.len().checked_sub(from.len())?;
    let mut stretched = vec![0; missing];
    for ((&dim, &target), stride) in from.iter().zip(to.iter().skip(missing)).zip(strides(from)) {
        match dim {
            1 => stretched.push(0),
            _ if dim == target => stretched.push(stride),
            _ => return None,
        }
    }
    walk(to, &stretched)
}

/// Extents of two tensors broadcast against each other, `None` where they do not fit.
pub fn broadcast_dims(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let padded = |dims: &[usize], i: usize| (i + dims.len()).checked_sub(rank).and_then(|at| dims.get(at).copied());
    (0..rank)
        .map(|i| match (padded(a, i).unwrap_or(1), padded(b, i).unwrap_or(1)) {
            (1, other) | (other, 1) => Some(other),
            (one, other) if one == other => Some(one),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Constant, broadcast_dims, elements, walk};

    #[test]
    fn broadcasting_repeats() {
        let column = Constant::ints(vec![2, 1], vec![1, 2]);
        assert_eq!(column.broadcast(&[2, 3]).unwrap().as_ints().unwrap(), [1, 1, 1, 2, 2, 2]);
        assert_eq!(column.broadcast(&[3, 3]), None);
        assert_eq!(broadcast_dims(&[3, 1, 5], &[4, 1]), Some(vec![3, 4, 5]));
        assert_eq!(broadcast_dims(&[3], &[2]), None);
    }

    #[test]
    fn walking_transposes() {
        assert_eq!(walk(&[2, 3], &[1, 2]).unwrap(), [0, 2, 4, 1, 3, 5]);
        assert_eq!(walk(&[], &[]).unwrap(), [0]);
        assert_eq!(walk(&[0, 2], &[2, 1]).unwrap(), []);
    }

    #[test]
    fn absurd_sizes_are_noticed() {
        assert_eq!(elements(&[usize::MAX, 2]), None);
        assert_eq!(elements(&[1 << 20, 1 << 20]), None);
        assert_eq!(elements(&[1 << 20, 1 << 20, 0]), None);
        assert_eq!(elements(&[1 << 20, 0]), Some(0));
    }
}
