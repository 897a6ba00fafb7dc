//! Values of a tensor, as floats or as int8.

use crate::layers::bytes;
use crate::step::{DType, Tensor};
use crate::target::arg_max;

/// The elements of a tensor where they lie, in the kernel's order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values<'s> {
    /// Floats.
    F32(&'s [f32]),
    /// Tokens.
    Tokens(&'s [u16]),
    /// Integers that stand for `(q − zero_point) · scale`.
    Int8 {
        /// The integers.
        q: &'s [i8],
        /// The real value of one unit.
        scale: f32,
        /// The integer that stands for 0.0.
        zero_point: i32,
    },
}

impl<'s> Values<'s> {
    pub(crate) fn new(words: &'s [f32], tensor: &Tensor) -> Self {
        match tensor.dtype {
            DType::F32 => Self::F32(words),
            DType::Token => {
                let tokens: &[u16] = bytemuck::try_cast_slice(words).unwrap_or(&[]);
                Self::Tokens(tokens.get(..tensor.shape.elements()).unwrap_or(&[]))
            }
            DType::I8 => Self::Int8 {
                q: bytes(words).get(..tensor.shape.elements()).unwrap_or(&[]),
                scale: tensor.scale,
                zero_point: tensor.zero_point,
            },
        }
    }

    /// Number of elements.
    pub const fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Tokens(tokens) => tokens.len(),
            Self::Int8 { q, .. } => q.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One element as a real number.
    pub fn get(&self, i: usize) -> Option<f32> {
        match *self {
            Self::F32(values) => values.get(i).copied(),
            Self::Tokens(tokens) => tokens.get(i).copied().map(f32::from),
            Self::Int8 { q, scale, zero_point } => q.get(i).map(|q| (i32::from(*q) - zero_point) as f32 * scale),
        }
    }

    /// All elements as real numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f32> + use<'s> {
        let values = *self;
        (0..self.len()).map(move |i| values.get(i).unwrap_or(0.0))
    }

    /// The floats, where they are floats.
    pub const fn floats(&self) -> Option<&'s [f32]> {
        match *self {
            Self::F32(values) => Some(values),
            Self::Int8 { .. } | Self::Tokens(_) => None,
        }
    }

    /// The integers, where they are integers.
    pub const fn int8(&self) -> Option<&'s [i8]> {
        match *self {
            Self::F32(_) | Self::Tokens(_) => None,
            Self::Int8 { q, .. } => Some(q),
        }
    }

    /// Index of the largest element, the first of equals.
    pub fn top(&self) -> Option<usize> {
        match *self {
            Self::F32(values) => arg_max(values),
            Self::Tokens(_) => None,
            Self::Int8 { q, .. } => top_of(q),
        }
    }
}

/// Index of the largest integer, the first of equals.
pub(crate) fn top_of(q: &[i8]) -> Option<usize> {
    (0..q.len()).reduce(|best, i| if q.get(i) > q.get(best) { i } else { best })
}
