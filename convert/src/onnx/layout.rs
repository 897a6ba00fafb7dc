//! In which order the kernel holds what the user's tensor says row by row.
//!
//! ONNX activations are NCHW, the kernel's are channels last, and exporters reshape and transpose in between. Instead of
//! moving data whenever a graph says so, every value carries its [`Layout`]: reshaping leaves it alone, transposing
//! only rewrites it, dense layers permute their columns by it, and ports tell it to the user. Data move only where a
//! step needs another order than there is.

use super::constant::{strides, walk};

/// The kernel's order of a tensor's elements: axes from the outermost (slowest) to the innermost, each with its extent
/// and its stride in the user's row-major order.
///
/// Axes of extent 1 are left out and neighbours that run on are merged, so that equal orders are equal layouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    axes: Vec<Axis>,
}

/// One axis of a [`Layout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Number of positions.
    pub extent: usize,
    /// Distance of two neighbours in the user's order.
    pub stride: usize,
}

/// How to get from one layout to another: the tensor read with extents `dims`, output axis `k` being input axis
/// `order[k]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permutation {
    /// Extents of what is read.
    pub dims: Vec<usize>,
    /// Axes of what is read, in the order in which they are written.
    pub order: Vec<usize>,
}

impl Permutation {
    /// Most axes that one step of a network can permute.
    pub const MAX_AXES: usize = 4;

    /// The same in steps of at most [`Self::MAX_AXES`] axes: itself, or else one axis after the other moved to its
    /// place, past those before it.
    pub fn steps(&self) -> Vec<Self> {
        if self.dims.len() <= Self::MAX_AXES {
            return vec![self.clone()];
        }
        let mut now: Vec<usize> = (0..self.dims.len()).collect();
        let mut steps = Vec::new();
        for (to, axis) in self.order.iter().enumerate() {
            let Some(from) = now.iter().position(|a| a == axis).filter(|&from| from != to) else { continue };
            let extent = |axes: &[usize]| axes.iter().filter_map(|&a| self.dims.get(a)).product();
            let blocks = [now.get(..to), now.get(to..from), now.get(from..=from), now.get(from + 1..)];
            let dims = blocks.into_iter().map(|block| extent(block.unwrap_or_default())).collect();
            steps.push(Self { dims, order: vec![0, 2, 1, 3] });
            let moved = now.remove(from);
            now.insert(to, moved);
        }
        steps
    }
}

impl Layout {
    /// The user's own order.
    pub fn identity(elements: usize) -> Self {
        Self::canonical(vec![Axis { extent: elements, stride: 1 }])
    }

    /// A tensor with extents `dims`, its axes in this order.
    pub fn permuted(dims: &[usize], order: &[usize]) -> Self {
        let strides = strides(dims);
        let axis = |&a: &usize| Some(Axis { extent: *dims.get(a)?, stride: *strides.get(a)? });
        Self::canonical(order.iter().filter_map(axis).collect())
    }

    /// The kernel's own order for a tensor with extents `dims`: the second axis, channels, is last.
    pub fn channels_last(dims: &[usize]) -> Self {
        Self::permuted(dims, &channels_last_order(dims.len()))
    }

    fn canonical(axes: Vec<Axis>) -> Self {
        let mut merged: Vec<Axis> = Vec::with_capacity(axes.len());
        for axis in axes.into_iter().filter(|axis| axis.extent != 1) {
            match merged.last_mut() {
                Some(outer) if outer.stride == axis.stride.saturating_mul(axis.extent) => {
                    *outer = Axis { extent: outer.extent.saturating_mul(axis.extent), stride: axis.stride };
                }
                _ => merged.push(axis),
            }
        }
        Self { axes: merged }
    }

    /// The axes, outermost first.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Whether the kernel's order is the user's.
    pub fn is_identity(&self) -> bool {
        match *self.axes {
            [] => true,
            [axis] => axis.stride == 1,
            _ => false,
        }
    }

    /// For every element in the kernel's order its position in the user's.
    pub fn positions(&self) -> Option<Vec<usize>> {
        let (extents, strides): (Vec<_>, Vec<_>) = self.axes.iter().map(|axis| (axis.extent, axis.stride)).unzip();
        walk(&extents, &strides)
    }

    /// The same memory after the user's tensor, of extents `dims`, was transposed: axis `k` of the result is axis
    /// `order[k]`. `None` where an axis of the layout straddles axes of the tensor.
    pub fn transposed(&self, dims: &[usize], order: &[usize]) -> Option<Self> {
        let result: Vec<usize> = order.iter().map(|&a| dims.get(a).copied()).collect::<Option<_>>()?;
        let new_strides = strides(&result);
        let stride_of = |axis: usize| new_strides.get(order.iter().position(|&a| a == axis)?).copied();
        let pieces = self.pieces(dims)?;
        let renamed = |piece: &Piece| {
            Some(Axis { extent: piece.extent, stride: stride_of(piece.axis)?.checked_mul(piece.step)? })
        };
        Some(Self::canonical(pieces.iter().map(renamed).collect::<Option<_>>()?))
    }

    /// The user's axes in the kernel's order, axes of extent 1 left out. `None` where an axis is split, or merged with a
    /// part of another.
    pub fn axis_order(&self, dims: &[usize]) -> Option<Vec<usize>> {
        let whole = |piece: &Piece| (dims.get(piece.axis) == Some(&piece.extent)).then_some(piece.axis);
        self.pieces(dims)?.iter().map(whole).collect()
    }

    /// What moves data in this layout to another of the same tensor. `None` where their axes straddle each other.
    pub fn to(&self, other: &Self) -> Option<Permutation> {
        let from = self.cut(other)?;
        let to = other.cut(self)?;
        // Axes that stay neighbours move as one.
        let at = |axis: &Axis| from.iter().position(|a| a == axis);
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for position in to.iter().map(at) {
            let position = position?;
            match runs.last_mut() {
                Some((first, len)) if *first + *len == position => *len += 1,
                _ => runs.push((position, 1)),
            }
        }
        let mut sorted = runs.clone();
        sorted.sort_unstable();
        let extent =
            |&(first, len): &(usize, usize)| from.iter().skip(first).take(len).map(|axis| axis.extent).product();
        Some(Permutation {
            dims: sorted.iter().map(extent).collect(),
            order: runs.iter().map(|run| sorted.iter().position(|other| other == run)).collect::<Option<_>>()?,
        })
    }

    /// Steps of at most [`Permutation::MAX_AXES`] axes that move data in this layout to another of the same tensor: by way
    /// of the user's order where their axes straddle each other.
    pub fn steps_to(&self, other: &Self) -> Option<Vec<Permutation>> {
        if let Some(permutation) = self.to(other) {
            return Some(permutation.steps());
        }
        let identity = Self::identity(self.axes.iter().map(|axis| axis.extent).product());
        Some([self.to(&identity)?.steps(), identity.to(other)?.steps()].concat())
    }

    /// The axes, cut wherever an axis of the other layout begins or ends.
    fn cut(&self, other: &Self) -> Option<Vec<Axis>> {
        let mut cuts: Vec<usize> =
            other.axes.iter().flat_map(|axis| [axis.stride, axis.stride.saturating_mul(axis.extent)]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut result = Vec::new();
        for axis in &self.axes {
            let (mut extent, mut stride) = (axis.extent, axis.stride);
            let mut pieces = Vec::new();
            let end = stride.saturating_mul(extent);
            for &cut in cuts.iter().filter(|&&cut| axis.stride < cut && cut < end) {
                let inner = divide(cut, stride)?;
                pieces.push(Axis { extent: inner, stride });
                (extent, stride) = (divide(extent, inner)?, cut);
            }
            pieces.push(Axis { extent, stride });
            result.extend(pieces.into_iter().rev());
        }
        Some(result)
    }

    /// The axes, cut at the borders of the user's axes.
    fn pieces(&self, dims: &[usize]) -> Option<Vec<Piece>> {
        let strides = strides(dims);
        let mut result = Vec::new();
        for axis in &self.axes {
            let (mut extent, mut stride) = (axis.extent, axis.stride);
            let mut pieces = Vec::new();
            while extent > 1 {
                let holds = |(_, (dim, unit)): &(usize, (&usize, &usize))| {
                    **dim > 1 && **unit <= stride && stride < unit.saturating_mul(**dim)
                };
                let (user, (&dim, &unit)) = dims.iter().zip(&strides).enumerate().find(holds)?;
                let step = divide(stride, unit)?;
                let room = divide(dim, step)?;
                let part = extent.min(room);
                extent = divide(extent, part)?;
                stride = stride.checked_mul(part)?;
                pieces.push(Piece { axis: user, extent: part, step });
            }
            result.extend(pieces.into_iter().rev());
        }
        Some(result)
    }
}

/// A part of an axis of a layout that lies within one axis of the user's tensor.
struct Piece {
    /// The user's axis.
    axis: usize,
    /// Number of positions.
    extent: usize,
    /// Distance of two neighbours along the user's axis.
    step: usize,
}

/// `[0, 2, 3, …, 1]`.
pub fn channels_last_order(rank: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rank).filter(|&axis| axis != 1).collect();
    if rank > 1 {
        order.push(1);
    }
    order
}

/// The quotient, if there is no remainder.
fn divide(a: usize, b: usize) -> Option<usize> {
    if b > 0 && a.is_multiple_of(b) { Some(a / b) } else { None }
}

#[cfg(test)]
mod tests {
    use super::{Layout, Permutation};

    #[test]
    fn equal_orders_are_equal_layouts() {
        assert_eq!(Layout::channels_last(&[1, 1, 4, 5]), Layout::identity(20));
        assert_eq!(Layout::channels_last(&[1, 7, 1, 1]), Layout::identity(7));
        assert_eq!(Layout::permuted(&[2, 3, 4], &[2, 0, 1]), Layout::permuted(&[6, 4], &[1, 0]));
        assert!(Layout::identity(1).is_identity());
        assert!(!Layout::channels_last(&[1, 2, 3, 4]).is_identity());
    }

    #[test]
    fn positions_of_channels_last() {
        assert_eq!(Layout::channels_last(&[1, 2, 1, 3]).positions().unwrap(), [0, 3, 1, 4, 2, 5]);
    }

    #[test]
    fn transposing_there_and_back() {
        // NHWC exported by way of a transposition: the memory stays as it is.
        let nhwc = [1, 4, 5, 3];
        let nchw = Layout::identity(60).transposed(&nhwc, &[0, 3, 1, 2]).unwrap();
        assert_eq!(nchw, Layout::channels_last(&[1, 3, 4, 5]));
        let back = nchw.transposed(&[1, 3, 4, 5], &[0, 2, 3, 1]).unwrap();
        assert_eq!(back, Layout::identity(60));
    }

    #[test]
    fn a_channel_shuffle_is_one_transposition() {
        // [1, 6, 2, 2] as [1, 2, 3, 2, 2], groups swapped, and back.
        let layout = Layout::channels_last(&[1, 6, 2, 2]);
        let shuffled = layout.transposed(&[1, 2, 3, 2, 2], &[0, 2, 1, 3, 4]).unwrap();
        let wanted = Layout::channels_last(&[1, 6, 2, 2]);
        let moved = shuffled.to(&wanted).unwrap();
        assert_eq!(moved, Permutation { dims: vec![4, 2, 3], order: vec![0, 2, 1] });
    }

    #[test]
    fn flattening_a_picture_in_the_users_order() {
        let moved = Layout::channels_last(&[1, 3, 4, 5]).to(&Layout::identity(60)).unwrap();
        assert_eq!(moved, Permutation { dims: vec![20, 3], order: vec![1, 0] });
    }

    #[test]
    fn many_axes_are_moved_one_by_one() {
        let whole = Permutation { dims: vec![2, 3, 4, 5, 6], order: vec![4, 2, 0, 3, 1] };
        let mut positions: Vec<usize> = (0..720).collect();
        for step in whole.steps() {
            assert!(step.dims.len() <= Permutation::MAX_AXES);
            let gathered = Layout::permuted(&step.dims, &step.order).positions().unwrap();
            positions = gathered.iter().map(|&at| positions[at]).collect();
        }
        assert_eq!(positions, Layout::permuted(&whole.dims, &whole.order).positions().unwrap());
    }

    #[test]
    fn axes_that_straddle_take_two_steps() {
        let layout = Layout::permuted(&[2, 3], &[1, 0]);
        assert_eq!(layout.transposed(&[3, 2], &[1, 0]), None);
        let other = Layout::permuted(&[3, 2], &[1, 0]);
        assert_eq!(layout.to(&other), None);
        assert_eq!(layout.steps_to(&other).unwrap().len(), 2);
    }

    #[test]
    fn axis_order_names_the_users_axes() {
        let layout = Layout::channels_last(&[1, 3, 4, 5]);
        assert_eq!(layout.axis_order(&[1, 3, 4, 5]).unwrap(), [2, 3, 1]);
        assert_eq!(layout.axis_order(&[1, 60]), None);
        assert_eq!(Layout::identity(60).axis_order(&[1, 60]).unwrap(), [1]);
    }

    /// Moving data as `to` says is what the positions of both layouts say.
    #[test]
    fn permutations_move_elements_where_they_belong() {
        let dims = [2, 3, 4, 5];
        let orders = [[0, 1, 2, 3], [0, 2, 3, 1], [3, 1, 0, 2], [2, 3, 0, 1], [3, 2, 1, 0]];
        for a in &orders {
            for b in &orders {
                let (from, to) = (Layout::permuted(&dims, a), Layout::permuted(&dims, b));
                let moved = from.to(&to).unwrap();
                let gathered = Layout::permuted(&moved.dims, &moved.order).positions().unwrap();
                let source = from.positions().unwrap();
                let result: Vec<_> = gathered.iter().map(|&at| source[at]).collect();
                assert_eq!(result, to.positions().unwrap());
            }
        }
    }
}
