//! Extents, and windows with their padding resolved.

use super::builtin::{Motion, Padding};
use crate::builder::Window;
use relprop::step::Shape;

/// Most elements of an activation: 256 MiB of floats.
const MAX_ACTIVATION: usize = 1 << 26;
/// Most axes of a tensor.
const MAX_AXES: usize = 8;

/// Number of elements, `None` if there are too many, or none.
pub fn elements(dims: &[usize]) -> Option<usize> {
    let product = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
    product.filter(|&n| n > 0 && dims.len() <= MAX_AXES)
}

/// Extents as the file has them.
pub fn extents(shape: &[i32]) -> Result<Vec<usize>, String> {
    let dims: Option<Vec<usize>> = shape.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    dims.filter(|dims| elements(dims).is_some()).ok_or_else(|| "its shape is empty, or too large".into())
}

/// The extents of an activation if it is not too large.
pub fn activation(dims: Vec<usize>) -> Result<Vec<usize>, String> {
    match elements(&dims) {
        Some(n) if n <= MAX_ACTIVATION => Ok(dims),
        _ => Err("an activation that is too large".into()),
    }
}

/// How the kernel sees a tensor. The last axis is channels; of four axes the others are the batch and rows, which
/// become one, and columns; otherwise all the others are rows.
pub fn natural(dims: &[usize]) -> Shape {
    match *dims {
        [] => Shape::new(1, 1, 1),
        [n, height, width, channels] => Shape::new(n * height, width, channels),
        [ref rows @ .., channels] => Shape::new(rows.iter().product(), 1, channels),
    }
}

/// The kernel's axis (0 rows, 1 columns, 2 channels) along which a change of an axis of the tensor is a change of the
/// [natural] shape.
pub fn kernel_axis(dims: &[usize], axis: usize) -> Option<u8> {
    let outer_are_one = dims.iter().take(axis).all(|&dim| dim == 1);
    match axis {
        _ if axis >= dims.len() => None,
        _ if axis + 1 == dims.len() => Some(2),
        2 if dims.len() == 4 => Some(1),
        _ if outer_are_one => Some(0),
        _ => None,
    }
}

/// An axis that may count from the end.
pub fn axis(value: i64, rank: usize) -> Result<usize, String> {
    let from_end = if value < 0 { value.checked_add_unsigned(rank as u64) } else { Some(value) };
    from_end
        .and_then(|axis| usize::try_from(axis).ok())
        .filter(|&axis| axis < rank)
        .ok_or_else(|| format!("axis {value} of {rank}"))
}

/// A number that a step can hold.
pub fn short(value: usize) -> Result<u16, String> {
    u16::try_from(value).map_err(|_| format!("a window with {value}: 65535 is the most"))
}

/// Rows, columns and channels of an activation `[1, rows, columns, channels]`.
pub fn picture(dims: &[usize]) -> Result<Shape, String> {
    match *dims {
        [1, height, width, channels] => Ok(Shape::new(height, width, channels)),
        [batch, _, _, _] => Err(format!("a batch of {batch}: only 1 is supported")),
        _ => Err(format!("an input with {} axes, four were expected", dims.len())),
    }
}

/// A window and the rows and columns that it makes.
pub fn window(motion: &Motion, kernel: [usize; 2], input: Shape) -> Result<(Window, [usize; 2]), String> {
    let mut window = moving(motion, kernel)?;
    let mut output = [0; 2];
    for (at, input) in [input.height, input.width].into_iter().enumerate() {
        let span = Span::of(&window, at);
        let (count, before, after) = match motion.padding {
            Padding::Same => {
                let count = input.div_ceil(span.stride);
                let (before, after) = same(span, count, input);
                (count, before, after)
            }
            Padding::Valid => {
                let room = input.checked_sub(span.reach);
                let room = room.ok_or_else(|| format!("a window that reaches over {} of {input}", span.reach))?;
                (room / span.stride + 1, 0, 0)
            }
        };
        pad(&mut window, at, before, after)?;
        if let Some(place) = output.get_mut(at) {
            *place = count;
        }
    }
    Ok((window, output))
}

/// The window of a transposed convolution that makes `output` of `input`. Its padding is cut off.
pub fn transposed(motion: &Motion, kernel: [usize; 2], input: Shape, output: Shape) -> Result<Window, String> {
    let mut window = moving(motion, kernel)?;
    for (at, input, output) in [(0, input.height, output.height), (1, input.width, output.width)] {
        let span = Span::of(&window, at);
        let whole = input.saturating_sub(1).saturating_mul(span.stride).saturating_add(span.reach);
        // As a convolution that makes the input of the output would be padded.
        let (fits, before) = match motion.padding {
            Padding::Same => (output.div_ceil(span.stride) == input, same(span, input, output).0),
            Padding::Valid => (output >= span.reach && (output - span.reach) / span.stride + 1 == input, 0),
        };
        if !fits {
            return Err(format!("an output of {output} for an input of {input}"));
        }
        pad(&mut window, at, before, whole.saturating_sub(before).saturating_sub(output))?;
    }
    Ok(window)
}

/// A window without its padding.
fn moving(motion: &Motion, [height, width]: [usize; 2]) -> Result<Window, String> {
    let positive = |value: i32| match u16::try_from(value) {
        Ok(value @ 1..) => Ok(value),
        _ => Err(format!("a stride or dilation of {value}")),
    };
    if height == 0 || width == 0 {
        return Err("a window without extent".into());
    }
    let [down, right] = motion.stride;
    let [rows, columns] = motion.dilation;
    let mut window = Window::new(short(height)?, short(width)?);
    window.stride = [positive(down)?, positive(right)?];
    window.dilation = [positive(rows)?, positive(columns)?];
    Ok(window)
}

/// One axis of a window.
#[derive(Clone, Copy)]
struct Span {
    stride: usize,
    /// Inputs from the first tap to the last.
    reach: usize,
}

impl Span {
    fn of(window: &Window, axis: usize) -> Self {
        let at = |pair: [u16; 2]| pair.get(axis).copied().map_or(1, usize::from);
        Self { stride: at(window.stride), reach: (at(window.kernel) - 1) * at(window.dilation) + 1 }
    }
}

/// `SAME`: what `count` windows need beyond the input, the odd one after it.
fn same(span: Span, count: usize, input: usize) -> (usize, usize) {
    let covered = count.saturating_sub(1).saturating_mul(span.stride).saturating_add(span.reach);
    let total = covered.saturating_sub(input);
    (total / 2, total - total / 2)
}

fn pad(window: &mut Window, axis: usize, before: usize, after: usize) -> Result<(), String> {
    for (at, value) in [(axis, before), (axis + 2, after)] {
        if let Some(place) = window.pads.get_mut(at) {
            *place = short(value)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{axis, kernel_axis, natural, transposed, window};
    use crate::tflite::builtin::{Motion, Padding};
    use relprop::step::Shape;

    const fn motion(padding: Padding, stride: i32, dilation: i32) -> Motion {
        Motion { padding, stride: [stride; 2], dilation: [dilation; 2] }
    }

    #[test]
    fn the_odd_row_of_padding_is_after() {
        let (same, output) = window(&motion(Padding::Same, 2, 1), [3, 3], Shape::new(4, 5, 1)).unwrap();
        assert_eq!((same.pads, output), ([0, 1, 1, 1], [2, 3]));
        let (dilated, output) = window(&motion(Padding::Same, 1, 2), [3, 2], Shape::new(4, 4, 1)).unwrap();
        assert_eq!((dilated.pads, output), ([2, 1, 2, 1], [4, 4]));
        let (valid, output) = window(&motion(Padding::Valid, 2, 1), [3, 3], Shape::new(4, 5, 1)).unwrap();
        assert_eq!((valid.pads, output), ([0; 4], [1, 2]));
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        assert!(window(&motion(Padding::Valid, 1, 1), [5, 1], Shape::new(4, 4, 1)).is_err());
        assert!(window(&motion(Padding::Same, 0, 1), [1, 1], Shape::new(4, 4, 1)).is_err());
        assert!(window(&motion(Padding::Same, -1, 1), [1, 1], Shape::new(4, 4, 1)).is_err());
        assert!(window(&motion(Padding::Same, 1, 1), [70_000, 1], Shape::new(4, 4, 1)).is_err());
        assert!(window(&motion(Padding::Same, 1, 65_535), [65_535, 1], Shape::new(4, 4, 1)).is_err());
    }

    #[test]
    fn transposed_windows_are_those_of_the_way_back() {
        let same = transposed(&motion(Padding::Same, 2, 1), [3, 3], Shape::new(2, 3, 1), Shape::new(4, 5, 1)).unwrap();
        assert_eq!(same.pads, [0, 1, 1, 1]);
        let short = transposed(&motion(Padding::Same, 3, 1), [2, 2], Shape::new(2, 2, 1), Shape::new(6, 6, 1)).unwrap();
        assert_eq!(short.pads, [0; 4]);
        assert!(transposed(&motion(Padding::Same, 2, 1), [3, 3], Shape::new(2, 2, 1), Shape::new(9, 4, 1)).is_err());
        let valid = motion(Padding::Valid, 2, 1);
        assert_eq!(transposed(&valid, [3, 3], Shape::new(2, 2, 1), Shape::new(5, 6, 1)).unwrap().pads, [0; 4]);
        assert!(transposed(&valid, [3, 3], Shape::new(2, 2, 1), Shape::new(7, 5, 1)).is_err());
    }

    #[test]
    fn axes_of_the_kernel() {
        assert!(natural(&[1, 4, 5, 3]).same(Shape::new(4, 5, 3)));
        assert!(natural(&[1, 7, 3]).same(Shape::new(7, 1, 3)));
        assert!(natural(&[9]).same(Shape::new(1, 1, 9)));
        assert_eq!([0, 1, 2, 3].map(|axis| kernel_axis(&[1, 4, 5, 3], axis)), [Some(0), Some(0), Some(1), Some(2)]);
        assert_eq!([0, 1, 2].map(|axis| kernel_axis(&[2, 7, 3], axis)), [Some(0), None, Some(2)]);
        assert_eq!(kernel_axis(&[2, 4, 5, 3], 1), None);
        assert_eq!((axis(-1, 4), axis(3, 4)), (Ok(3), Ok(3)));
        assert!(axis(4, 4).is_err() && axis(-5, 4).is_err() && axis(i64::MIN, 4).is_err());
    }
}
