//! Constants: the bytes of weights, and what is computed of shapes.

use super::{Outcome, Resolved, Source, Stop, operand};
use crate::tflite::builtin::SliceMasks;
use crate::tflite::geometry::elements;
use crate::tflite::schema::{Element, Operator, Tensor};
use crate::tflite::step::Kind;

/// Most elements of a list that says something of a shape.
const MAX_LIST: usize = 64;

impl Element {
    /// Bytes of an element, `None` where it is of a type that no weights have.
    fn size(self) -> Option<usize> {
        match self {
            Self::UInt8 | Self::Int8 => Some(1),
            Self::Float16 | Self::Int16 => Some(2),
            Self::Float32 | Self::Int32 => Some(4),
            Self::Int64 => Some(8),
            Self::Other(_) => None,
        }
    }
}

impl<'a> Resolved<'_, 'a> {
    /// The tensor of the constant that an operator reads at `k`, all bytes of which are there.
    pub(super) fn weights(&self, operator: &Operator, k: usize, what: &str) -> Result<usize, Stop> {
        let tensor = operand(operator, k)?;
        match self.values.get(tensor).map(|value| &value.source) {
            Some(Source::Stored(_)) => {}
            Some(Source::Nowhere) => return Err(self.orphan(tensor)),
            _ => return Err(Stop::Refused(format!("{what} must be constant"))),
        }
        match self.bytes(tensor) {
            Ok(_) => Ok(tensor),
            Err(reason) => Err(Stop::Refused(format!("{what} {reason}"))),
        }
    }

    /// The elements of a constant as they are stored, little endian, exactly as many as its extents say.
    ///
    /// # Errors
    /// It is no constant, its elements have no size in bytes, or there are more or fewer of them.
    pub fn bytes(&self, tensor: usize) -> Result<&'a [u8], String> {
        let stored = self.stored(tensor).ok_or("must be constant")?;
        let data = stored.data.unwrap_or_default();
        let size = stored.element.size().ok_or_else(|| format!("of {}", stored.element.name()))?;
        match elements(self.dims(tensor)).and_then(|n| n.checked_mul(size)) {
            Some(wanted) if wanted == data.len() => Ok(data),
            _ => Err(format!("of shape {:?} in {} bytes", self.dims(tensor), data.len())),
        }
    }

    /// As [`Self::weights`] for a bias with one element per output; `None` if it is left out.
    pub(super) fn bias(&self, operator: &Operator, outputs: usize) -> Result<Option<usize>, Stop> {
        if operator.inputs.get(2).copied().flatten().is_none() {
            return Ok(None);
        }
        let bias = self.weights(operator, 2, "the bias")?;
        match elements(self.dims(bias)) {
            Some(n) if n == outputs => Ok(Some(bias)),
            _ => Err(Stop::Refused(format!("a bias of {:?} for {outputs} outputs", self.dims(bias)))),
        }
    }

    /// The list of integers that an operator reads at `k`.
    pub(super) fn integers(&self, operator: &Operator, k: usize, what: &str) -> Result<Vec<i64>, Stop> {
        let tensor = operand(operator, k)?;
        if let Some(Source::Integers(list)) = self.values.get(tensor).map(|value| &value.source) {
            return Ok(list.clone());
        }
        let tensor = self.weights(operator, k, what)?;
        if elements(self.dims(tensor)).is_none_or(|n| n > MAX_LIST) {
            return Err(Stop::Refused(format!("{what} of more than {MAX_LIST} elements")));
        }
        let list = self.stored(tensor).and_then(integers);
        Ok(list.ok_or_else(|| format!("{what} must be integers"))?)
    }

    /// A constant as floats: as it is, or its integers times their scale.
    ///
    /// # Errors
    /// It is no constant of floats or quantised integers, or holds NaN or infinity.
    pub fn floats(&self, tensor: usize) -> Result<Vec<f32>, String> {
        let stored = self.stored(tensor).ok_or("a constant of floats was expected")?;
        let values =
            floats(stored, self.dims(tensor)).ok_or_else(|| format!("weights of {}", stored.element.name()))?;
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(format!("{} holds NaN or infinity", stored.name))
        }
    }

    /// `DEQUANTIZE`: a step, or of a constant another name for it.
    pub(super) fn dequantize(&self, operator: &Operator) -> Result<Outcome, Stop> {
        let input = operand(operator, 0)?;
        if self.stored(input).is_none() {
            return self.elementwise(operator, Kind::Dequantize);
        }
        let input = self.weights(operator, 0, "a constant")?;
        Ok(self.renamed(input, self.dims(input).to_vec()))
    }

    /// A constant under another name, perhaps in another shape.
    pub(super) fn renamed(&self, tensor: usize, dims: Vec<usize>) -> Outcome {
        Outcome::constant(self.values.get(tensor).map(|value| value.source.clone()).unwrap_or_default(), dims)
    }

    /// `SHAPE`.
    pub(super) fn shape_of(&self, operator: &Operator) -> Result<Outcome, Stop> {
        let input = self.present(operator, 0)?;
        let list: Vec<i64> = self.dims(input).iter().map(|&dim| dim as i64).collect();
        let dims = vec![list.len()];
        Ok(Outcome::constant(Source::Integers(list), dims))
    }

    /// `STRIDED_SLICE` of a list of integers; nothing else is sliced.
    pub(super) fn strided_slice(&self, operator: &Operator, masks: SliceMasks) -> Result<Outcome, Stop> {
        let source = operand(operator, 0)?;
        if self.is_activation(source) {
            return Err("only of shapes, not of activations".into());
        }
        let list = self.integers(operator, 0, "what is sliced")?;
        let ends = [(1, "the begin"), (2, "the end"), (3, "the stride")];
        let mut numbers = [0; 3];
        for ((k, what), number) in ends.into_iter().zip(&mut numbers) {
            match *self.integers(operator, k, what)? {
                [only] => *number = only,
                _ => return Err("only of lists, along one axis".into()),
            }
        }
        let [begin, end, 1] = numbers else { return Err("only with a stride of 1".into()) };
        if masks.other {
            return Err("only without ellipsis, new axes and offsets".into());
        }
        let len = list.len() as i64;
        let place = |at: i64| if at < 0 { at.saturating_add(len) } else { at }.clamp(0, len) as usize;
        let begin = if masks.begin & 1 == 1 { 0 } else { place(begin) };
        if masks.shrink & 1 == 1 {
            let element = *list.get(begin).ok_or("a place outside of the list")?;
            return Ok(Outcome::constant(Source::Integers(vec![element]), Vec::new()));
        }
        let end = if masks.end & 1 == 1 { list.len() } else { place(end) };
        let part = list.get(begin..end).filter(|part| !part.is_empty()).ok_or("there is nothing between its ends")?;
        Ok(Outcome::constant(Source::Integers(part.to_vec()), vec![part.len()]))
    }

    /// `PACK` of single integers; nothing else is packed.
    pub(super) fn pack(&self, operator: &Operator) -> Result<Outcome, Stop> {
        if operator.inputs.len() > MAX_LIST {
            return Err("too many parts".into());
        }
        let mut list = Vec::with_capacity(operator.inputs.len());
        for k in 0..operator.inputs.len() {
            if self.is_activation(operand(operator, k)?) {
                return Err("only of shapes, not of activations".into());
            }
            match *self.integers(operator, k, "what is packed")? {
                [only] => list.push(only),
                _ => return Err("only of single numbers".into()),
            }
        }
        let dims = vec![list.len()];
        Ok(Outcome::constant(Source::Integers(list), dims))
    }

    /// A constant operand of arithmetic.
    pub(super) fn constant(&self, operator: &Operator, k: usize) -> Result<Option<usize>, Stop> {
        let tensor = operand(operator, k)?;
        if self.is_activation(tensor) { Ok(None) } else { self.weights(operator, k, "its constant").map(Some) }
    }
}

/// The integers of a tensor.
fn integers(tensor: &Tensor<'_>) -> Option<Vec<i64>> {
    let data = tensor.data?;
    match tensor.element {
        Element::Int32 => Some(words(data, |word| i64::from(i32::from_le_bytes(word)))),
        Element::Int64 => Some(words(data, i64::from_le_bytes)),
        _ => None,
    }
}

/// The real values of a tensor.
fn floats(tensor: &Tensor<'_>, dims: &[usize]) -> Option<Vec<f32>> {
    let data = tensor.data?;
    let mut values = match tensor.element {
        Element::Float32 => return Some(words(data, f32::from_le_bytes)),
        Element::Float16 => return Some(words(data, |word| crate::onnx::half(u16::from_le_bytes(word)))),
        Element::Int8 => words(data, |word| f64::from(i8::from_le_bytes(word))),
        Element::UInt8 => words(data, |word| f64::from(u8::from_le_bytes(word))),
        Element::Int16 => words(data, |word| f64::from(i16::from_le_bytes(word))),
        Element::Int32 => words(data, |word| f64::from(i32::from_le_bytes(word))),
        Element::Int64 | Element::Other(_) => return None,
    };
    let quantization = tensor.quantization.as_ref()?;
    let scales = quantization.scale.len();
    // Of one scale per index of an axis, those inside share one; a change of shape keeps that order.
    let inner: usize = if scales == 1 {
        values.len()
    } else {
        tensor.shape.iter().skip(quantization.axis + 1).map(|&dim| usize::try_from(dim).unwrap_or(1)).product()
    };
    debug_assert_eq!(elements(dims), Some(values.len()));
    for (at, value) in values.iter_mut().enumerate() {
        let index = at.checked_div(inner)? % scales;
        let (scale, zero) = (quantization.scale.get(index)?, quantization.zero_point.get(index)?);
        *value = (*value - *zero as f64) * f64::from(*scale);
    }
    Some(values.into_iter().map(|value| value as f32).collect())
}

fn words<T, const N: usize>(data: &[u8], from: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks().0.iter().map(|&word| from(word)).collect()
}
