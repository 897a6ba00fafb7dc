//! What nodes that move elements are told to do: axes, ranges and extents, from attributes or constant inputs.
//!
//! Between operator sets these moved from attributes to inputs; here both are read.

use super::constant::elements;
use super::graph::{Graph, Node, Reason};

/// A list of integers, from the attribute or else from the constant input.
fn list(graph: &Graph, node: &Node, name: &str, input: usize) -> Result<Option<Vec<i64>>, Reason> {
    match node.ints(name)? {
        Some(values) => Ok(Some(values.to_vec())),
        None => graph.ints_input(node, input, name),
    }
}

/// The axis with this number, which counts from the end if it is negative.
pub fn axis(value: i64, rank: usize) -> Result<usize, Reason> {
    let axis = if value < 0 { value.checked_add(rank as i64) } else { Some(value) };
    match axis.and_then(|axis| usize::try_from(axis).ok()) {
        Some(axis) if axis < rank => Ok(axis),
        _ => Err(format!("axis {value} of a tensor with {rank} axes")),
    }
}

fn axes(values: &[i64], rank: usize) -> Result<Vec<usize>, Reason> {
    let mut axes = values.iter().map(|&value| axis(value, rank)).collect::<Result<Vec<_>, _>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

/// The axis in attribute `axis`.
pub fn axis_attribute(node: &Node, default: i64, rank: usize) -> Result<usize, Reason> {
    axis(node.int("axis")?.unwrap_or(default), rank)
}

/// Extents after `Reshape`.
pub fn reshape(graph: &Graph, node: &Node, dims: &[usize]) -> Result<Vec<usize>, Reason> {
    let target = list(graph, node, "shape", 1)?.ok_or("the new shape is missing")?;
    let keep_zero = node.int("allowzero")?.unwrap_or(0) != 0;
    let total: usize = dims.iter().product();
    let mut result = Vec::with_capacity(target.len());
    let mut open = None;
    for (at, &dim) in target.iter().enumerate() {
        result.push(match dim {
            -1 if open.replace(at).is_some() => return Err("two axes of the new shape are -1".into()),
            -1 => 1,
            0 if !keep_zero => *dims.get(at).ok_or("the new shape keeps an axis that there is not")?,
            _ => usize::try_from(dim).map_err(|_| "an axis of the new shape is negative")?,
        });
    }
    let product = elements(&result).ok_or("the new shape is too large")?;
    if let Some(place) = open.and_then(|at| result.get_mut(at)) {
        *place = total.checked_div(product).unwrap_or(0);
    }
    if elements(&result) == Some(total) {
        Ok(result)
    } else {
        Err(format!("{total} elements do not fit shape {target:?}"))
    }
}

/// Extents after `Flatten`.
pub fn flatten(node: &Node, dims: &[usize]) -> Result<Vec<usize>, Reason> {
    let value = node.int("axis")?.unwrap_or(1);
    // One past the last axis is allowed here.
    let at = if value == dims.len() as i64 { dims.len() } else { axis(value, dims.len())? };
    let (outer, inner) = dims.split_at_checked(at).unwrap_or((dims, &[]));
    Ok(vec![outer.iter().product(), inner.iter().product()])
}

/// Extents after `Squeeze`.
pub fn squeeze(graph: &Graph, node: &Node, dims: &[usize]) -> Result<Vec<usize>, Reason> {
    let gone = match list(graph, node, "axes", 1)? {
        Some(values) => axes(&values, dims.len())?,
        None => (0..dims.len()).filter(|&a| dims.get(a) == Some(&1)).collect(),
    };
    if gone.iter().any(|&a| dims.get(a) != Some(&1)) {
        return Err("only axes of extent 1 can be squeezed".into());
    }
    Ok(dims.iter().enumerate().filter(|(a, _)| !gone.contains(a)).map(|(_, &dim)| dim).collect())
}

/// Extents after `Unsqueeze`.
pub fn unsqueeze(graph: &Graph, node: &Node, dims: &[usize]) -> Result<Vec<usize>, Reason> {
    let values = list(graph, node, "axes", 1)?.ok_or("axes are missing")?;
    if values.len() > 8 {
        return Err("too many axes".into());
    }
    let new = axes(&values, dims.len() + values.len())?;
    let mut result = dims.to_vec();
    for axis in new {
        if axis > result.len() {
            return Err("an axis is given twice".into());
        }
        result.insert(axis, 1);
    }
    Ok(result)
}

/// The permutation of `Transpose`: axis `k` of the result is axis `order[k]`.
pub fn transpose(node: &Node, rank: usize) -> Result<Vec<usize>, Reason> {
    let Some(values) = node.ints("perm")? else { return Ok((0..rank).rev().collect()) };
    let order = values.iter().map(|&value| axis(value, rank)).collect::<Result<Vec<_>, _>>()?;
    if order.len() == rank && (0..rank).all(|axis| order.contains(&axis)) {
        Ok(order)
    } else {
        Err("perm is no permutation of the axes".into())
    }
}

/// Every `step`-th position from `start` on, `count` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First position.
    pub start: usize,
    /// Distance, never zero.
    pub step: isize,
    /// How many.
    pub count: usize,
}

impl Range {
    /// A whole axis.
    pub const fn whole(count: usize) -> Self {
        Self { start: 0, step: 1, count }
    }
}

/// For every axis what `Slice` takes of it.
pub fn slice(graph: &Graph, node: &Node, dims: &[usize]) -> Result<Vec<Range>, Reason> {
    let starts = list(graph, node, "starts", 1)?.ok_or("starts are missing")?;
    let ends = list(graph, node, "ends", 2)?.ok_or("ends are missing")?;
    let all: Vec<i64> = (0..starts.len() as i64).collect();
    let which = list(graph, node, "axes", 3)?.unwrap_or(all);
    let steps = graph.ints_input(node, 4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || which.len() != starts.len() || steps.len() != starts.len() {
        return Err("starts, ends, axes and steps differ in number".into());
    }
    let mut ranges: Vec<Range> = dims.iter().map(|&dim| Range::whole(dim)).collect();
    for (((start, end), which), step) in starts.into_iter().zip(ends).zip(which).zip(steps) {
        let axis = axis(which, dims.len())?;
        let dim = dims.get(axis).copied().unwrap_or(0);
        let step = isize::try_from(step).ok().filter(|&step| step != 0).ok_or("a step of zero")?;
        // Counted from the end where negative, then limited to where a walk may begin or end.
        let clamped = |at: i64, low: i64, high: i64| {
            let at = if at < 0 { at.saturating_add(dim as i64) } else { at };
            at.clamp(low, high.max(low))
        };
        let (dim, stride) = (dim as i64, step.unsigned_abs() as u64);
        let (start, distance) = if step > 0 {
            let start = clamped(start, 0, dim);
            (start, clamped(end, 0, dim) - start)
        } else {
            let start = clamped(start, 0, dim - 1);
            (start, start - clamped(end, -1, dim - 1))
        };
        let count = u64::try_from(distance).unwrap_or(0).div_ceil(stride);
        if let Some(range) = ranges.get_mut(axis) {
            *range = Range { start: start as usize, step, count: if dim == 0 { 0 } else { count as usize } };
        }
    }
    Ok(ranges)
}

/// The axis of `Split` and the sizes of its parts.
pub fn split(graph: &Graph, node: &Node, dims: &[usize]) -> Result<(usize, Vec<usize>), Reason> {
    let axis = axis_attribute(node, 0, dims.len())?;
    let dim = dims.get(axis).copied().unwrap_or(0);
    let parts = node.outputs.len().max(1);
    let sizes: Vec<usize> = if let Some(sizes) = list(graph, node, "split", 1)? {
        sizes.iter().map(|&n| usize::try_from(n)).collect::<Result<_, _>>().map_err(|_| "a negative part")?
    } else {
        let most = dim.div_ceil(parts);
        (0..parts).map(|part| most.min(dim.saturating_sub(part.saturating_mul(most)))).collect()
    };
    let sum = sizes.iter().try_fold(0_usize, |sum, &size| sum.checked_add(size));
    if sizes.len() == parts && sum == Some(dim) {
        Ok((axis, sizes))
    } else {
        Err(format!("parts of {sizes:?} do not make an axis of {dim}"))
    }
}

/// What `Pad` adds.
#[derive(Clone, Debug, PartialEq)]
pub struct Padding {
    /// Before each axis.
    pub before: Vec<usize>,
    /// After each axis.
    pub after: Vec<usize>,
    /// With which value.
    pub value: f32,
}

/// What `Pad` adds to a tensor with this many axes.
pub fn pad(graph: &Graph, node: &Node, rank: usize) -> Result<Padding, Reason> {
    let pads = list(graph, node, "pads", 1)?.ok_or("pads are missing")?;
    let (which, value) = match graph.ints_input(node, 3, "axes")? {
        Some(values) => {
            (values.iter().map(|&value| axis(value, rank)).collect::<Result<Vec<_>, _>>()?, pad_value(graph, node)?)
        }
        None => ((0..rank).collect(), pad_value(graph, node)?),
    };
    if pads.len() != 2 * which.len() {
        return Err(format!("{} pads for {} axes", pads.len(), which.len()));
    }
    let mut padding = Padding { before: vec![0; rank], after: vec![0; rank], value };
    let (before, after) = pads.split_at(which.len());
    for ((axis, &before), &after) in which.into_iter().zip(before).zip(after) {
        for (list, amount) in [(&mut padding.before, before), (&mut padding.after, after)] {
            if let Some(place) = list.get_mut(axis) {
                *place = usize::try_from(amount).map_err(|_| "negative pads: use Slice to cut off")?;
            }
        }
    }
    match node.text("mode")?.unwrap_or("constant") {
        "constant" => Ok(padding),
        _ if padding.before.iter().chain(&padding.after).all(|&pad| pad == 0) => Ok(padding),
        mode => Err(format!("mode {mode}: only constant padding is supported")),
    }
}

fn pad_value(graph: &Graph, node: &Node) -> Result<f32, Reason> {
    let value = match node.input(2) {
        Some(input) => graph.constant(input).and_then(|constant| constant.scalar()),
        None => Some(node.float("value", 0.0)?),
    };
    value.filter(|value| value.is_finite()).ok_or_else(|| "the value must be constant and finite".into())
}

/// The axes of a reduction, ascending, and whether they stay as axes of extent 1.
pub fn reduce(graph: &Graph, node: &Node, rank: usize) -> Result<(Vec<usize>, bool), Reason> {
    let keep = node.int("keepdims")?.unwrap_or(1) != 0;
    let nothing = node.int("noop_with_empty_axes")?.unwrap_or(0) != 0;
    let axes = match list(graph, node, "axes", 1)? {
        Some(values) if !values.is_empty() => axes(&values, rank)?,
        _ if nothing => Vec::new(),
        _ => (0..rank).collect(),
    };
    Ok((axes, keep))
}

#[cfg(test)]
mod tests {
    use super::{Range, axis, flatten, pad, reduce, reshape, slice, split, squeeze, transpose, unsqueeze};
    use crate::onnx::constant::Constant;
    use crate::onnx::graph::{Attribute, Graph, Node};

    /// A node whose inputs are an absent one and these constants.
    fn given(lists: &[&[i64]]) -> (Graph, Node) {
        let mut graph = Graph::default();
        let mut node = Node { inputs: vec![None], outputs: vec![None], ..Node::default() };
        for list in lists {
            let id = graph.add_constant("", Constant::ints(vec![list.len()], *list));
            node.inputs.push(Some(id));
        }
        (graph, node)
    }

    #[test]
    fn axes_count_from_either_end() {
        assert_eq!(axis(-1, 3), Ok(2));
        assert!(axis(3, 3).is_err() && axis(-4, 3).is_err() && axis(i64::MIN, 3).is_err());
    }

    #[test]
    fn reshaping() {
        let (graph, node) = given(&[&[0, -1]]);
        assert_eq!(reshape(&graph, &node, &[1, 3, 4]).unwrap(), [1, 12]);
        let (graph, node) = given(&[&[5, -1]]);
        assert!(reshape(&graph, &node, &[1, 3, 4]).is_err());
        let (graph, node) = given(&[&[-1, -1]]);
        assert!(reshape(&graph, &node, &[1, 3, 4]).is_err());
        let (graph, node) = given(&[&[i64::MAX, i64::MAX]]);
        assert!(reshape(&graph, &node, &[1]).is_err());
        let (graph, node) = given(&[&[0, -1]]);
        assert!(reshape(&graph, &node, &[0, 3]).is_ok_and(|dims| dims == [0, 0]));
    }

    #[test]
    fn flattening_and_squeezing() {
        assert_eq!(flatten(&Node::default(), &[2, 3, 4]).unwrap(), [2, 12]);
        let (graph, node) = given(&[&[-1]]);
        assert_eq!(squeeze(&graph, &node, &[1, 3, 1]).unwrap(), [1, 3]);
        assert_eq!(unsqueeze(&graph, &node, &[1, 3]).unwrap(), [1, 3, 1]);
        let (graph, node) = given(&[&[0, 3]]);
        assert_eq!(unsqueeze(&graph, &node, &[2, 3]).unwrap(), [1, 2, 3, 1]);
        assert!(squeeze(&graph, &node, &[2, 3, 4, 1]).is_err());
        let (graph, node) = given(&[]);
        assert_eq!(squeeze(&graph, &node, &[1, 3, 1]).unwrap(), [3]);
    }

    #[test]
    fn transposing() {
        assert_eq!(transpose(&Node::default(), 3).unwrap(), [2, 1, 0]);
        let twice = Node::default().with("perm", Attribute::Ints(vec![0, 0, 1]));
        assert!(transpose(&twice, 3).is_err());
    }

    #[test]
    fn slicing() {
        let (graph, node) = given(&[&[1, -3], &[i64::MAX, -1], &[0, 2], &[2, 1]]);
        let ranges = slice(&graph, &node, &[5, 4, 8]).unwrap();
        assert_eq!(
            ranges,
            [Range { start: 1, step: 2, count: 2 }, Range::whole(4), Range { start: 5, step: 1, count: 2 }]
        );
        let (graph, node) = given(&[&[-1], &[i64::MIN], &[0], &[-3]]);
        assert_eq!(slice(&graph, &node, &[8]).unwrap(), [Range { start: 7, step: -3, count: 3 }]);
        assert_eq!(slice(&graph, &node, &[0]).unwrap()[0].count, 0);
        let (graph, node) = given(&[&[7], &[0], &[0], &[0]]);
        assert!(slice(&graph, &node, &[8]).is_err());
    }

    #[test]
    fn splitting() {
        let (graph, mut node) = given(&[]);
        node.outputs = vec![None; 3];
        node.attributes.insert("axis".into(), Attribute::Int(1));
        assert_eq!(split(&graph, &node, &[1, 8]).unwrap(), (1, vec![3, 3, 2]));
        let (graph, mut node) = given(&[&[1, 2]]);
        node.outputs = vec![None; 2];
        assert_eq!(split(&graph, &node, &[3]).unwrap(), (0, vec![1, 2]));
        assert!(split(&graph, &node, &[4]).is_err());
    }

    #[test]
    fn padding() {
        let (graph, node) = given(&[&[0, 0, 1, 2, 0, 0, 3, 4]]);
        let padding = pad(&graph, &node, 4).unwrap();
        assert_eq!((padding.before, padding.after, padding.value), (vec![0, 0, 1, 2], vec![0, 0, 3, 4], 0.0));
        assert!(pad(&graph, &node, 3).is_err());
        let reflected = node.with("mode", Attribute::Text("reflect".into()));
        assert!(pad(&graph, &reflected, 4).unwrap_err().contains("reflect"));
    }

    #[test]
    fn reducing() {
        let (graph, node) = given(&[&[-1, 2]]);
        assert_eq!(reduce(&graph, &node, 4).unwrap(), (vec![2, 3], true));
        let (graph, node) = given(&[]);
        assert_eq!(reduce(&graph, &node, 2).unwrap(), (vec![0, 1], true));
    }
}
