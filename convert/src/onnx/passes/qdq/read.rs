//! What `QuantizeLinear` and `DequantizeLinear` say.

use crate::network::Quantization;
use crate::onnx::constant::Constant;
use crate::onnx::graph::{Graph, Node, Unit};

/// All integers.
pub const ALL: [i32; 2] = [i8::MIN as i32, i8::MAX as i32];

/// Stored integers, less their zero points.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Extents.
    pub dims: Vec<usize>,
    /// Integers.
    pub values: Vec<i64>,
    /// One scale for all, or one per index of `axis`.
    pub scales: Vec<f32>,
    /// The axis.
    pub axis: usize,
}

/// Scale and zero point of an activation: one of each, of bytes. Unsigned bytes are those less 128.
pub fn unit(graph: &Graph, node: &Node) -> Option<Unit> {
    let scale = graph.constant_input(node, 1)?.scalar()?;
    let zero = match node.input(2) {
        Some(zero) => graph.constant(zero)?.as_ints()?.first().copied()?,
        None => 0,
    };
    // Without a zero point the integers are unsigned.
    let unsigned = node.input(2).is_none_or(|zero| graph.unsigned.contains(&zero)) || zero > i8::MAX.into();
    let zero_point = i8::try_from(if unsigned { zero.checked_sub(128)? } else { zero }).ok()?;
    let quantization = Quantization { scale, zero_point };
    (scale.is_normal() && scale > 0.0).then_some(Unit { quantization, range: ALL })
}

/// Constant integers.
pub fn weights(graph: &Graph, node: &Node) -> Option<Weights> {
    let constant = graph.constant_input(node, 0)?;
    let scales = graph.constant_input(node, 1)?.as_floats()?.to_vec();
    let axis = node.int("axis").ok()?.unwrap_or(1);
    let rank = constant.dims.len();
    let axis = usize::try_from(if axis < 0 { axis.checked_add_unsigned(rank as u64)? } else { axis }).ok()?;
    let zeros = match node.input(2) {
        Some(zero) => graph.constant(zero)?.as_ints()?.to_vec(),
        None => vec![0],
    };
    let along = constant.dims.get(axis).copied();
    let fits = |len: usize| len == 1 || along == Some(len);
    let sound = scales.iter().all(|scale| scale.is_finite() && *scale >= 0.0);
    if !fits(scales.len()) || !fits(zeros.len()) || !sound || node.int("block_size").ok()?.unwrap_or(0) != 0 {
        return None;
    }
    let mut values = constant.as_ints()?.to_vec();
    let inner = inner(&constant.dims, axis);
    for (at, value) in values.iter_mut().enumerate() {
        *value = value.checked_sub(*pick(&zeros, at, inner)?)?;
    }
    Some(Weights { dims: constant.dims.clone(), values, scales, axis })
}

/// Elements between two neighbours along an axis.
fn inner(dims: &[usize], axis: usize) -> usize {
    dims.iter().skip(axis + 1).product::<usize>().max(1)
}

fn pick<T>(list: &[T], at: usize, inner: usize) -> Option<&T> {
    if list.len() == 1 { list.first() } else { list.get(at / inner % list.len().max(1)) }
}

impl Weights {
    /// The real number at a position.
    pub fn real_at(&self, at: usize) -> f64 {
        let scale = pick(&self.scales, at, inner(&self.dims, self.axis)).copied().unwrap_or_default();
        self.values.get(at).copied().unwrap_or_default() as f64 * f64::from(scale)
    }

    /// The real numbers.
    pub fn real(&self) -> Constant {
        let values: Vec<f32> = (0..self.values.len()).map(|at| self.real_at(at) as f32).collect();
        Constant::floats(self.dims.clone(), values)
    }

    /// One scale for each of `outputs` indices of an axis.
    pub fn scales_along(&self, axis: usize, outputs: usize) -> Option<Vec<f32>> {
        match self.scales.as_slice() {
            &[only] => Some(vec![only; outputs]),
            scales if self.axis == axis && scales.len() == outputs => Some(scales.to_vec()),
            _ => None,
        }
    }

    /// Whether every integer fits a signed byte.
    pub fn are_bytes(&self) -> bool {
        self.values.iter().all(|&value| i8::try_from(value).is_ok())
    }
}
