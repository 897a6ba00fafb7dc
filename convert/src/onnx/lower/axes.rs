//! Which of the kernel's three axes are which of the user's.

use crate::onnx::constant::Constant;
use crate::onnx::layout::{Layout, Permutation, channels_last_order};
use relprop::step::Shape;

/// Most elements of a constant that is put into another order.
const MAX_SCATTERED: usize = 1 << 24;

/// An order of the user's axes, in which the kernel may hold a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order(pub Vec<usize>);

impl Order {
    /// As exported.
    pub fn identity(rank: usize) -> Self {
        Self((0..rank).collect())
    }

    /// Channels, the second axis, last.
    pub fn channels_last(rank: usize) -> Self {
        Self(channels_last_order(rank))
    }

    /// Orders worth trying, the most natural first, for a tensor that is held in this layout.
    pub fn candidates(dims: &[usize], layout: &Layout) -> Vec<Self> {
        let mut candidates = Vec::new();
        if is_picture(dims) {
            candidates.push(Self::channels_last(dims.len()));
        }
        candidates.push(Self::identity(dims.len()));
        // The present order, axes of extent 1 first.
        if let Some(present) = layout.axis_order(dims) {
            let ones = (0..dims.len()).filter(|axis| !present.contains(axis));
            candidates.push(Self(ones.chain(present.iter().copied()).collect()));
        }
        candidates
    }

    /// The layout of a tensor in this order.
    pub fn layout(&self, dims: &[usize]) -> Layout {
        Layout::permuted(dims, &self.0)
    }

    /// Where some axes lie together: the first place and how many, axes of extent 1 among them. `None` if others lie
    /// between them.
    pub fn run(&self, wanted: &[usize], dims: &[usize]) -> Option<(usize, usize)> {
        let is_one = |axis: &usize| dims.get(*axis) == Some(&1);
        let real = |axis: &usize| wanted.contains(axis) && !is_one(axis);
        let Some(first) = self.0.iter().position(real) else { return Some((0, 0)) };
        let count = self.0.iter().skip(first).take_while(|axis| real(axis) || is_one(axis)).count();
        if self.0.iter().skip(first + count).any(real) { None } else { Some((first, count)) }
    }

    /// A shape in which an axis is one of the kernel's three, and which of them. Nothing but the extent of that axis
    /// changes the other two extents.
    pub fn around(&self, dims: &[usize], axis: usize) -> (Shape, u8) {
        if is_picture(dims) && *self == Self::channels_last(dims.len()) && axis > 0 {
            let kernel_axis = match (axis, dims.len()) {
                (1, _) => 2,
                (2, 4) => 0,
                _ => 1,
            };
            return (picture(dims), kernel_axis);
        }
        let at = self.0.iter().position(|&a| a == axis).unwrap_or(0);
        let product = |axes: &[usize]| axes.iter().filter_map(|&a| dims.get(a)).product::<usize>();
        let (before, rest) = self.0.split_at_checked(at).unwrap_or((&[], &[]));
        let after = product(rest.get(1..).unwrap_or_default());
        let extent = dims.get(axis).copied().unwrap_or(1);
        // Rows of vectors are `t × 1 × n`.
        if after == 1 && !self.0.iter().skip(at + 1).any(|&a| a > axis) {
            (Shape::new(product(before), 1, extent), 2)
        } else {
            (Shape::new(product(before), extent, after), 1)
        }
    }
}

/// Whether these are extents `[1, C, L]` or `[1, C, H, W]`.
pub fn is_picture(dims: &[usize]) -> bool {
    matches!(dims, [1, _, _] | [1, _, _, _])
}

/// The kernel's shape of `[1, C, L]` or `[1, C, H, W]` with channels last.
pub fn picture(dims: &[usize]) -> Shape {
    match *dims {
        [_, channels, width] => Shape::new(1, width, channels),
        [_, channels, height, width] => Shape::new(height, width, channels),
        _ => Shape::new(1, 1, dims.iter().product()),
    }
}

/// The shape in which a tensor of these extents is held in this layout, if nothing asks for another.
pub fn natural(dims: &[usize], layout: &Layout) -> Shape {
    let elements = dims.iter().product();
    if is_picture(dims) && *layout == Layout::channels_last(dims) {
        return picture(dims);
    }
    if layout.is_identity() {
        return match *dims {
            [1, height, width, channels] => Shape::new(height, width, channels),
            [.., last] if last > 0 => Shape::new(elements / last, 1, last),
            _ => Shape::new(1, 1, elements),
        };
    }
    match *layout.axes() {
        [a, b, c] if dims.len() > 2 => Shape::new(a.extent, b.extent, c.extent),
        [a, b] if dims.len() > 2 => Shape::new(a.extent, 1, b.extent),
        _ => Shape::new(1, 1, elements),
    }
}

/// The integer attributes of a transposition, `None` beyond four axes.
pub fn transpose_attributes(permutation: &Permutation) -> Option<[u32; 8]> {
    let missing = 4_usize.checked_sub(permutation.dims.len())?;
    let mut attributes = [1, 1, 1, 1, 0, 1, 2, 3];
    for (at, (&dim, &axis)) in permutation.dims.iter().zip(&permutation.order).enumerate() {
        *attributes.get_mut(missing + at)? = u32::try_from(dim).ok()?;
        *attributes.get_mut(4 + missing + at)? = (missing + axis) as u32;
    }
    Some(attributes)
}

/// A constant, broadcast to `dims`, in the kernel's order: one value per channel of `shape` where that is enough, else
/// one per element. `None` if it does not fit, or is too large.
pub fn in_kernel_order(constant: &Constant, dims: &[usize], layout: &Layout, shape: Shape) -> Option<Vec<f32>> {
    if let Some(value) = constant.scalar() {
        return Some(vec![value; shape.channels]);
    }
    // The usual case, without looking at every element: the constant varies along one axis, the kernel's channels.
    let missing = dims.len().checked_sub(constant.dims.len())?;
    let mut varying = constant.dims.iter().enumerate().filter(|(_, dim)| **dim != 1).map(|(axis, _)| axis + missing);
    if let (Some(axis), None) = (varying.next(), varying.next())
        && layout.axis_order(dims).is_some_and(|order| order.last() == Some(&axis))
        && dims.get(axis) == Some(&shape.channels)
        && constant.len() == shape.channels
    {
        return Some(constant.to_floats());
    }
    if shape.elements() > MAX_SCATTERED {
        return None;
    }
    let values = constant.broadcast(dims)?;
    let values = values.picked(dims.to_vec(), &layout.positions()?)?.to_floats();
    match values.get(..shape.channels) {
        Some(first) if values.chunks(shape.channels.max(1)).all(|pixel| pixel == first) => Some(first.to_vec()),
        _ => Some(values),
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, in_kernel_order, natural, transpose_attributes};
    use crate::onnx::constant::Constant;
    use crate::onnx::layout::{Layout, Permutation};
    use relprop::step::Shape;

    #[test]
    fn natural_shapes() {
        let nchw = [1, 3, 4, 5];
        assert_eq!(natural(&nchw, &Layout::channels_last(&nchw)), Shape::new(4, 5, 3));
        assert_eq!(natural(&[1, 3, 5], &Layout::channels_last(&[1, 3, 5])), Shape::new(1, 5, 3));
        assert_eq!(natural(&[1, 60], &Layout::channels_last(&nchw)), Shape::new(1, 1, 60));
        assert_eq!(natural(&[1, 60], &Layout::identity(60)), Shape::new(1, 1, 60));
        assert_eq!(natural(&[6, 10], &Layout::identity(60)), Shape::new(6, 1, 10));
        assert_eq!(natural(&[1, 4, 5, 3], &Layout::identity(60)), Shape::new(4, 5, 3));
        assert_eq!(natural(&[], &Layout::identity(1)), Shape::new(1, 1, 1));
    }

    #[test]
    fn an_axis_among_three() {
        let dims = [1, 3, 4, 5];
        let last = Order::channels_last(4);
        assert_eq!(last.around(&dims, 1), (Shape::new(4, 5, 3), 2));
        assert_eq!(last.around(&dims, 2), (Shape::new(4, 5, 3), 0));
        assert_eq!(last.around(&dims, 3), (Shape::new(4, 5, 3), 1));
        assert_eq!(Order::identity(2).around(&[1, 7], 1), (Shape::new(1, 1, 7), 2));
        assert_eq!(Order::identity(3).around(&[2, 6, 7], 1), (Shape::new(2, 6, 7), 1));
    }

    #[test]
    fn axes_that_lie_together() {
        let order = Order::channels_last(4);
        assert_eq!(order.run(&[2, 3], &[1, 3, 4, 5]), Some((1, 2)));
        assert_eq!(order.run(&[1, 2], &[1, 3, 4, 5]), None);
        assert_eq!(order.run(&[1, 2], &[1, 3, 4, 1]), Some((1, 3)));
        assert_eq!(order.run(&[0], &[1, 3, 4, 5]), Some((0, 0)));
    }

    #[test]
    fn attributes_are_padded_to_four_axes() {
        let permutation = Permutation { dims: vec![4, 2, 3], order: vec![0, 2, 1] };
        assert_eq!(transpose_attributes(&permutation), Some([1, 4, 2, 3, 0, 1, 3, 2]));
        assert_eq!(transpose_attributes(&Permutation { dims: vec![2; 5], order: vec![4, 3, 2, 1, 0] }), None);
    }

    #[test]
    fn constants_follow_the_layout() {
        let dims = [1, 2, 1, 3];
        let layout = Layout::channels_last(&dims);
        let shape = Shape::new(1, 3, 2);
        let per_channel = Constant::floats(vec![2, 1, 1], [1.0, 2.0]);
        assert_eq!(in_kernel_order(&per_channel, &dims, &layout, shape).unwrap(), [1.0, 2.0]);
        let per_column = Constant::floats(vec![3], [1.0, 2.0, 3.0]);
        assert_eq!(in_kernel_order(&per_column, &dims, &layout, shape).unwrap(), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        let all = Constant::floats(vec![1, 2, 1, 3], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(in_kernel_order(&all, &dims, &layout, shape).unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
