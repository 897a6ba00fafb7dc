//! Nodes that move elements and compute nothing.

use super::axes::{self, Order};
use super::{Held, Lowering, Stop};
use crate::network::Layer;
use crate::onnx::graph::{Node, ValueId};
use crate::onnx::layout::Layout;
use crate::onnx::shapes::{self, Range};
use relprop::step::{Op, Shape};

impl Lowering<'_> {
    /// `Flatten`, `Reshape`, `Squeeze`, `Unsqueeze`: the same elements in the same order.
    pub(super) fn reshape(&mut self, node: &Node) -> Result<(), Stop> {
        let (_, _, held) = self.input(node, 0)?;
        let (output, dims) = self.output(node)?;
        if self.stays(output, dims, &held) {
            return Ok(());
        }
        let shape = axes::natural(dims, &held.layout);
        let layer = Layer::new(&node.name, Op::View, vec![held.tensor], 0);
        self.finish(layer, output, shape, held.layout)
    }

    /// Rows of a sequence, and tokens, stay what they are, whatever axes of extent 1 come and go: the tensor gets another
    /// name, and there is no step.
    fn stays(&mut self, output: ValueId, dims: &[usize], held: &Held) -> bool {
        let same = self.rows(output, dims, &held.layout).is_some_and(|rows| rows.same(self.shape(held)));
        let stays = same || self.is_tokens(held.tensor);
        if let Some(place) = self.held.get_mut(output).filter(|_| stays) {
            *place = Some(held.clone());
        }
        stays
    }

    /// `Transpose`: nothing moves, only what is said about the order changes. Whoever needs another order moves it.
    pub(super) fn transpose(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, mut held) = self.input(node, 0)?;
        let (output, output_dims) = self.output(node)?;
        let order = shapes::transpose(node, dims.len())?;
        let layout = if let Some(layout) = held.layout.transposed(dims, &order) {
            layout
        } else {
            let identity = Layout::identity(dims.iter().product());
            held.tensor = self.arrange(node, value, &identity, axes::natural(dims, &identity))?;
            identity.transposed(dims, &order).ok_or("the order of its input's elements is too intricate")?
        };
        held.layout = layout.clone();
        if self.stays(output, output_dims, &held) {
            return Ok(());
        }
        let layer = Layer::new(&node.name, Op::View, vec![held.tensor], 0);
        let shape = axes::natural(output_dims, &layout);
        self.finish(layer, output, shape, layout)
    }

    /// `Concat`.
    pub(super) fn concat(&mut self, node: &Node) -> Result<(), Stop> {
        let parts = (0..node.inputs.len()).map(|k| self.input(node, k)).collect::<Result<Vec<_>, _>>()?;
        let (output, dims) = self.output(node)?;
        let axis = shapes::axis(node.int("axis")?.ok_or("attribute axis is missing")?, dims.len())?;
        let candidates = parts.first().map(|(_, dims, held)| Order::candidates(dims, &held.layout));
        let misfits = |order: &Order| parts.iter().filter(|(_, dims, held)| held.layout != order.layout(dims)).count();
        // The order for which the fewest parts must be moved; of several the first.
        let order = candidates.into_iter().flatten().min_by_key(misfits).ok_or("there is nothing to concatenate")?;
        let sequence = parts.iter().all(|(value, dims, _)| self.rows(*value, dims, &order.layout(dims)).is_some());
        // Of a sequence rows are concatenated, `t × 1 × n`.
        let around = |dims: &[usize]| match order.around(dims, axis) {
            (shape, 1) if sequence => (Shape::new(shape.height, 1, shape.row()), 2),
            other => other,
        };
        let mut operands = Vec::with_capacity(parts.len());
        for (value, dims, _) in &parts {
            operands.push(self.arrange(node, *value, &order.layout(dims), around(dims).0)?);
        }
        let (shape, kernel_axis) = around(dims);
        let mut layer = Layer::new(&node.name, Op::Concat, operands, 0);
        layer.variant = kernel_axis;
        self.finish(layer, output, shape, order.layout(dims))
    }

    /// `Slice`.
    pub(super) fn slice(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, _) = self.input(node, 0)?;
        let (output, _) = self.output(node)?;
        let ranges = shapes::slice(self.graph, node, dims)?;
        if ranges.iter().any(|range| range.step < 0) {
            return Err("only positive steps are supported".into());
        }
        self.part(node, &node.name, value, &ranges, output)
    }

    /// `Split`: a slice for every part that somebody reads.
    pub(super) fn split(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, _) = self.input(node, 0)?;
        let (axis, sizes) = shapes::split(self.graph, node, dims)?;
        let mut start = 0;
        for (at, (output, count)) in node.outputs.iter().zip(sizes).enumerate() {
            let mut ranges: Vec<Range> = dims.iter().map(|&dim| Range::whole(dim)).collect();
            if let Some(range) = ranges.get_mut(axis) {
                *range = Range { start, step: 1, count };
            }
            start += count;
            if let Some(output) = *output {
                self.part(node, &format!("{}.{at}", node.name), value, &ranges, output)?;
            }
        }
        Ok(())
    }

    /// A part of a value: one step for `[1, C, H, W]`, else one per axis that is cut.
    fn part(&mut self, node: &Node, name: &str, value: ValueId, ranges: &[Range], output: ValueId) -> Result<(), Stop> {
        let held = self.held.get(value).cloned().flatten().ok_or(Stop::Orphan)?;
        let dims = self.graph.dims(value).ok_or(Stop::Orphan)?;
        let cut: Vec<usize> = (0..dims.len())
            .filter(|&axis| ranges.get(axis).copied() != dims.get(axis).map(|&dim| Range::whole(dim)))
            .collect();
        let candidates = Order::candidates(dims, &held.layout);
        let fits = |order: &&Order| order.layout(dims) == held.layout;
        let order = candidates.iter().find(fits).or(candidates.first()).ok_or("it has no axes")?;
        let layout = order.layout(dims);

        let mut source = held.tensor;
        let mut now = dims.to_vec();
        if axes::is_picture(dims) && *order == Order::channels_last(dims.len()) {
            source = self.arrange(node, value, &layout, axes::picture(dims))?;
            let mut slice = Cut::default();
            for &axis in &cut {
                let (_, kernel_axis) = order.around(dims, axis);
                slice.set(kernel_axis, ranges.get(axis));
            }
            now = ranges.iter().map(|range| range.count).collect();
            let layer = slice.layer(name, source);
            return self.finish(layer, output, axes::picture(&now), order.layout(&now));
        }
        for (k, &axis) in cut.iter().enumerate() {
            let (shape, kernel_axis) = order.around(&now, axis);
            source = if k == 0 {
                self.arrange(node, value, &layout, shape)?
            } else {
                let view = Layer::new(format!("{name}.{k}.view"), Op::View, vec![source], 0);
                self.push(view, &format!("{name}.{k}.viewed"), shape)?
            };
            let mut slice = Cut::default();
            slice.set(kernel_axis, ranges.get(axis));
            if let (Some(dim), Some(range)) = (now.get_mut(axis), ranges.get(axis)) {
                *dim = range.count;
            }
            let (shape, _) = order.around(&now, axis);
            if k + 1 == cut.len() {
                return self.finish(slice.layer(name, source), output, shape, order.layout(&now));
            }
            source = self.push(slice.layer(&format!("{name}.{k}"), source), &format!("{name}.{k}"), shape)?;
        }
        // Nothing was cut.
        let layer = Layer::new(name, Op::View, vec![source], 0);
        let shape = axes::natural(dims, &held.layout);
        self.finish(layer, output, shape, held.layout)
    }

    /// `Pad` with a constant.
    pub(super) fn pad(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, _) = self.input(node, 0)?;
        let (output, output_dims) = self.output(node)?;
        let padding = shapes::pad(self.graph, node, dims.len())?;
        let at = |axis: usize| padding.before.get(axis).map_or(0, |&before| before as u32);
        let (layout, shape, before) = match *dims {
            [1, _, _] => (Layout::channels_last(dims), axes::picture(dims), [0, at(2), at(1)]),
            [1, _, _, _] => (Layout::channels_last(dims), axes::picture(dims), [at(2), at(3), at(1)]),
            [rows, n] => (Layout::identity(rows * n), Shape::new(rows, 1, n), [at(0), 0, at(1)]),
            _ => return Err("only one- and two-dimensional data can be padded".into()),
        };
        let (output_layout, output_shape) = match *output_dims {
            [rows, n] => (Layout::identity(rows * n), Shape::new(rows, 1, n)),
            _ if axes::is_picture(output_dims) => (Layout::channels_last(output_dims), axes::picture(output_dims)),
            _ => return Err("the batch cannot be padded".into()),
        };
        let input = self.arrange(node, value, &layout, shape)?;
        let mut layer = Layer::new(&node.name, Op::Pad, vec![input], 0);
        let [top, left, front] = before;
        layer.ints = [top, left, front, 0, 0, 0, 0, 0];
        layer.floats = [padding.value, 0.0, 0.0, 0.0];
        self.finish(layer, output, output_shape, output_layout)
    }

    /// Another name for what a tensor holds: an output that is an input, say.
    pub(super) fn alias(&mut self, name: &str, held: &Held) -> Result<usize, Stop> {
        let shape = self.shape(held);
        let layer = Layer::new(name, Op::View, vec![held.tensor], 0);
        self.push(layer, name, shape)
    }
}

/// What is cut out along each of the kernel's axes.
struct Cut {
    start: [u32; 3],
    step: [u32; 3],
}

impl Default for Cut {
    fn default() -> Self {
        Self { start: [0; 3], step: [1; 3] }
    }
}

impl Cut {
    fn set(&mut self, kernel_axis: u8, range: Option<&Range>) {
        let at = usize::from(kernel_axis);
        if let (Some(start), Some(step), Some(range)) = (self.start.get_mut(at), self.step.get_mut(at), range) {
            *start = range.start as u32;
            // A step beyond the only position means nothing, and may be huge.
            *step = if range.count > 1 { range.step as u32 } else { 1 };
        }
    }

    fn layer(&self, name: &str, source: usize) -> Layer {
        let ([a, b, c], [d, e, f]) = (self.start, self.step);
        let mut layer = Layer::new(name, Op::Slice, vec![source], 0);
        layer.ints = [a, b, c, d, e, f, 0, 0];
        layer
    }
}
