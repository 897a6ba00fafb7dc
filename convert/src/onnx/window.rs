//! Windows of convolutions and pooling: attributes to geometry, automatic padding resolved.

use super::graph::{Node, Reason};
use crate::builder::Window;
use relprop::step::Axis;

/// A window and the height and width of what it makes of its input. A one-dimensional window has height 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// The window.
    pub window: Window,
    /// Number of spatial axes in the exported model: 1 or 2.
    pub rank: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
}

/// What kind of window it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Conv,
    Transposed,
    Pool,
}

/// Geometry along one axis.
#[derive(Clone, Copy, Debug)]
struct Span {
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    after: usize,
}

impl Span {
    /// Inputs from the first tap to the last.
    fn reach(&self) -> usize {
        self.kernel.saturating_sub(1).saturating_mul(self.dilation).saturating_add(1)
    }
}

/// Height and width of an activation `[1, C, L]` or `[1, C, H, W]`.
pub fn spatial(dims: &[usize]) -> Result<[usize; 2], Reason> {
    match *dims {
        [1, _, width] => Ok([1, width]),
        [1, _, height, width] => Ok([height, width]),
        [batch, _, _] | [batch, _, _, _] => Err(format!("a batch of {batch}: export the model with a batch of 1")),
        _ => Err(format!("an input with {} axes: one- and two-dimensional data are supported", dims.len())),
    }
}

impl Geometry {
    /// Geometry of `Conv`, with the kernel's extents taken from its weights.
    pub fn conv(node: &Node, dims: &[usize], kernel: &[usize]) -> Result<Self, Reason> {
        Self::read(node, Kind::Conv, dims, kernel)
    }

    /// Geometry of `ConvTranspose`.
    pub fn conv_transpose(node: &Node, dims: &[usize], kernel: &[usize]) -> Result<Self, Reason> {
        Self::read(node, Kind::Transposed, dims, kernel)
    }

    /// Geometry of a pooling node.
    pub fn pool(node: &Node, dims: &[usize]) -> Result<Self, Reason> {
        let kernel = sizes(node, "kernel_shape")?.ok_or("attribute kernel_shape is missing")?;
        Self::read(node, Kind::Pool, dims, &kernel)
    }

    /// A window as large as the input.
    pub fn global(dims: &[usize]) -> Result<Self, Reason> {
        let input = spatial(dims)?;
        let window = Window::new(short(input[0])?, short(input[1])?);
        Ok(Self { window, rank: dims.len() - 2, input, output: [1, 1] })
    }

    /// Extents of the output with this many channels, as the exported model has them.
    pub fn output_dims(&self, channels: usize) -> Vec<usize> {
        let mut dims = vec![1, channels];
        dims.extend(self.output.iter().skip(2 - self.rank));
        dims
    }

    fn read(node: &Node, kind: Kind, dims: &[usize], kernel: &[usize]) -> Result<Self, Reason> {
        let input = spatial(dims)?;
        let rank = dims.len() - 2;
        if kernel.len() != rank {
            return Err(format!("a kernel with {} axes over data with {rank}", kernel.len()));
        }
        let strides = per_axis(node, "strides", rank, 1)?;
        let dilations = per_axis(node, "dilations", rank, 1)?;
        let extra = per_axis(node, "output_padding", rank, 0)?;
        let pads = per_axis(node, "pads", 2 * rank, 0)?;
        let ceil = kind == Kind::Pool && node.int("ceil_mode")?.unwrap_or(0) != 0;
        let auto = node.text("auto_pad")?.unwrap_or("NOTSET");

        let mut window = Window::new(1, 1);
        let mut output = [1, 1];
        window.ceil = ceil;
        let groups = node.int("group")?.unwrap_or(1);
        window.groups = u32::try_from(groups).ok().filter(|&n| n > 0).ok_or("attribute group is out of range")?;
        for axis in 0..rank {
            let at = axis + 2 - rank;
            let get = |list: &[usize], i: usize| list.get(i).copied().ok_or("attributes are too short");
            let mut span = Span {
                input: get(&input, at)?,
                kernel: get(kernel, axis)?,
                stride: get(&strides, axis)?,
                dilation: get(&dilations, axis)?,
                before: get(&pads, axis)?,
                after: get(&pads, axis + rank)?,
            };
            for size in [span.kernel, span.stride, span.dilation] {
                short(size)?;
            }
            if span.kernel == 0 || span.stride == 0 || span.dilation == 0 {
                return Err("kernel, stride and dilation must be at least 1".into());
            }
            let target = if kind == Kind::Transposed {
                let wanted = sizes(node, "output_shape")?;
                let wanted = wanted.as_deref().and_then(|dims| dims.get((axis + dims.len()).checked_sub(rank)?));
                transposed(&mut span, auto, get(&extra, axis)?, wanted.copied())?
            } else {
                padded(&mut span, auto, ceil)?
            };
            if kind == Kind::Pool {
                reads_everywhere(&span, target)?;
            }
            let put = [(&mut window.kernel, span.kernel), (&mut window.stride, span.stride)];
            for (list, value) in put.into_iter().chain([(&mut window.dilation, span.dilation)]) {
                if let Some(place) = list.get_mut(at) {
                    *place = short(value)?;
                }
            }
            for (at, value) in [(at, span.before), (at + 2, span.after)] {
                if let Some(place) = window.pads.get_mut(at) {
                    *place = short(value)?;
                }
            }
            if let Some(place) = output.get_mut(at) {
                *place = target;
            }
        }
        Ok(Self { window, rank, input, output })
    }
}

/// Resolves the padding of an ordinary window and returns the size of its output.
fn padded(span: &mut Span, auto: &str, ceil: bool) -> Result<usize, Reason> {
    match auto {
        "NOTSET" => {}
        "VALID" => (span.before, span.after) = (0, 0),
        "SAME_UPPER" | "SAME_LOWER" => {
            let last = span.input.saturating_sub(1) / span.stride * span.stride;
            let covered = last.saturating_add(span.reach());
            (span.before, span.after) = split(covered.saturating_sub(span.input), auto == "SAME_UPPER");
        }
        other => return Err(format!("auto_pad {other} is unknown")),
    }
    let padded = span.input + span.before + span.after;
    let Some(room) = padded.checked_sub(span.reach()) else {
        return Err(format!("a kernel that reaches over {} of only {padded} inputs", span.reach()));
    };
    if !ceil {
        return Ok(room / span.stride + 1);
    }
    let output = room.div_ceil(span.stride) + 1;
    // A last window that would begin in the padding at the end is left out.
    let begins_outside = (output - 1) * span.stride >= span.input + span.before;
    if begins_outside && room.is_multiple_of(span.stride) {
        return Err("a window that lies wholly in the padding".into());
    }
    Ok(if begins_outside { output - 1 } else { output })
}

/// Resolves the padding of a transposed window, which is cut off, and returns the size of its output.
fn transposed(span: &mut Span, auto: &str, extra: usize, wanted: Option<usize>) -> Result<usize, Reason> {
    let last = span.input.saturating_sub(1).saturating_mul(span.stride);
    let whole = last.saturating_add(span.reach()).saturating_add(extra);
    let output = match (wanted, auto) {
        (Some(output), _) => Some(output),
        (None, "SAME_UPPER" | "SAME_LOWER") => Some(span.input.saturating_mul(span.stride)),
        (None, "VALID") => {
            (span.before, span.after) = (0, 0);
            None
        }
        (None, "NOTSET") => None,
        (None, other) => return Err(format!("auto_pad {other} is unknown")),
    };
    if let Some(output) = output {
        let cut = whole.checked_sub(output).ok_or("an output larger than the kernel makes it")?;
        // The odd one is cut off at the end for SAME_UPPER, at the start otherwise.
        (span.before, span.after) = split(cut, auto == "SAME_UPPER");
    }
    let output = whole.checked_sub(span.before + span.after).filter(|&n| n > 0);
    // Extra outputs at the end and what is cut off there cancel.
    if extra.saturating_sub(span.after) >= 2 * span.stride {
        return Err(format!("an output padding of {extra} at a stride of {}", span.stride));
    }
    span.after = span.after.saturating_sub(extra);
    output.ok_or_else(|| "nothing is left after cutting off the padding".into())
}

fn split(total: usize, upper: bool) -> (usize, usize) {
    let (less, more) = (total / 2, total - total / 2);
    if upper { (less, more) } else { (more, less) }
}

/// The kernel wants every pooling window to read at least one input.
fn reads_everywhere(span: &Span, output: usize) -> Result<(), Reason> {
    let axis = Axis {
        input: span.input,
        output,
        kernel: span.kernel,
        stride: span.stride,
        dilation: span.dilation,
        before: span.before,
        after: span.after,
        transposed: false,
    };
    let empty = |o| {
        let (first, last) = axis.taps(o);
        first >= last
    };
    // Only windows that begin or end in the padding can be empty.
    let edge = (span.before + span.after).saturating_add(span.reach());
    let at_edge = |&o: &usize| o < edge || output - o <= edge;
    if (0..output).filter(at_edge).any(empty) {
        return Err("a window that lies wholly in the padding".into());
    }
    Ok(())
}

/// A list of sizes.
fn sizes(node: &Node, name: &str) -> Result<Option<Vec<usize>>, Reason> {
    let Some(ints) = node.ints(name)? else { return Ok(None) };
    let size = |&value: &i64| match u16::try_from(value) {
        Ok(value) => Ok(usize::from(value)),
        Err(_) => Err(format!("attribute {name} is out of range: {value}")),
    };
    ints.iter().map(size).collect::<Result<_, _>>().map(Some)
}

/// A list of `len` sizes, all `default` where the attribute is missing.
fn per_axis(node: &Node, name: &str, len: usize, default: usize) -> Result<Vec<usize>, Reason> {
    match sizes(node, name)? {
        None => Ok(vec![default; len]),
        Some(values) if values.is_empty() => Ok(vec![default; len]),
        Some(values) if values.len() == len => Ok(values),
        Some(values) => Err(format!("attribute {name} has {} values, {len} were expected", values.len())),
    }
}

/// Sizes of windows have 16 bits in an image.
fn short(value: usize) -> Result<u16, Reason> {
    u16::try_from(value).map_err(|_| format!("a window of {value}: 65535 is the most"))
}

#[cfg(test)]
mod tests {
    use super::Geometry;
    use crate::onnx::graph::{Attribute, Node};

    fn node(attributes: &[(&str, &[i64])]) -> Node {
        let ints = |(name, values): &(&str, &[i64])| ((*name).to_owned(), Attribute::Ints(values.to_vec()));
        Node { attributes: attributes.iter().map(ints).collect(), ..Node::default() }
    }

    #[test]
    fn one_dimension_has_height_one() {
        let node = node(&[("pads", &[2, 1]), ("strides", &[2])]);
        let geometry = Geometry::conv(&node, &[1, 3, 10], &[4]).unwrap();
        assert_eq!(geometry.window.kernel, [1, 4]);
        assert_eq!(geometry.window.pads, [0, 2, 0, 1]);
        assert_eq!(geometry.output, [1, 5]);
        assert_eq!(geometry.output_dims(7), [1, 7, 5]);
    }

    #[test]
    fn same_padding_puts_the_odd_one_where_it_is_told() {
        let auto = |word: &str| node(&[("strides", &[2, 2])]).with("auto_pad", Attribute::Text(word.into()));
        let upper = Geometry::conv(&auto("SAME_UPPER"), &[1, 3, 8, 8], &[3, 3]).unwrap();
        assert_eq!((upper.window.pads, upper.output), ([0, 0, 1, 1], [4, 4]));
        let lower = Geometry::conv(&auto("SAME_LOWER"), &[1, 3, 8, 8], &[3, 3]).unwrap();
        assert_eq!((lower.window.pads, lower.output), ([1, 1, 0, 0], [4, 4]));
        let valid = Geometry::conv(&auto("VALID"), &[1, 3, 8, 8], &[3, 3]).unwrap();
        assert_eq!(valid.output, [3, 3]);
    }

    #[test]
    fn ceil_mode_leaves_out_windows_in_the_padding() {
        let pool = |input: usize, pads: &[i64]| {
            let node = node(&[("kernel_shape", &[1, 2]), ("strides", &[1, 2]), ("pads", pads)]);
            let node = node.with("ceil_mode", Attribute::Int(1));
            Geometry::pool(&node, &[1, 3, 1, input]).map(|geometry| geometry.output[1])
        };
        assert_eq!(pool(7, &[0, 0, 0, 0]), Ok(4));
        assert_eq!(pool(6, &[0, 0, 0, 0]), Ok(3));
        assert_eq!(pool(7, &[0, 1, 0, 1]), Ok(4));
    }

    #[test]
    fn transposed_sizes() {
        let node = node(&[("strides", &[2, 2]), ("pads", &[1, 1, 1, 1]), ("output_padding", &[1, 1])]);
        let geometry = Geometry::conv_transpose(&node, &[1, 3, 4, 4], &[3, 3]).unwrap();
        assert_eq!(geometry.output, [8, 8]);
        assert_eq!(geometry.window.pads, [1, 1, 0, 0]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Geometry::conv(&node(&[]), &[4, 3, 8, 8], &[3, 3]).unwrap_err().contains("batch"));
        assert!(Geometry::conv(&node(&[]), &[1, 3, 2, 8], &[3, 3]).is_err());
        assert!(Geometry::conv(&node(&[("strides", &[0, 1])]), &[1, 3, 8, 8], &[3, 3]).is_err());
        assert!(Geometry::conv(&node(&[("strides", &[-1, 1])]), &[1, 3, 8, 8], &[3, 3]).is_err());
        assert!(Geometry::conv(&node(&[("pads", &[1])]), &[1, 3, 8, 8], &[3, 3]).is_err());
        let wide = node(&[("kernel_shape", &[2, 2]), ("pads", &[2, 0, 0, 0])]);
        assert!(Geometry::pool(&wide, &[1, 3, 8, 8]).unwrap_err().contains("padding"));
    }
}
