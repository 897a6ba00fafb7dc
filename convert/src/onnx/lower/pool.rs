//! Pooling, and means over axes.

use super::axes::{self, Order};
use super::{Held, Lowering, Stop};
use crate::builder::Window;
use crate::network::Layer;
use crate::onnx::graph::Node;
use crate::onnx::layout::Layout;
use crate::onnx::shapes;
use crate::onnx::window::Geometry;
use relprop::model::format::step::FLAG_COUNT_PAD;
use relprop::step::{Op, Shape};

impl Lowering<'_> {
    /// `MaxPool` and `AveragePool`.
    pub(super) fn pool(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, _) = self.input(node, 0)?;
        let (output, output_dims) = self.output(node)?;
        let mut geometry = Geometry::pool(node, dims)?;
        let average = node.op == "AveragePool";
        let count_pad = average && node.int("count_include_pad")?.unwrap_or(0) != 0;
        let padded = geometry.window.pads != [0; 4];

        let mut input = self.arrange(node, value, &Layout::channels_last(dims), axes::picture(dims))?;
        let mut flags = 0;
        if count_pad && padded && geometry.window.ceil {
            // Windows that hang over the edge divide by what of them lies in the padded input: so pad it.
            let shape = axes::picture(dims);
            let [top, left, bottom, right] = std::mem::take(&mut geometry.window.pads);
            let height = shape.height + usize::from(top) + usize::from(bottom);
            let width = shape.width + usize::from(left) + usize::from(right);
            let mut pad = Layer::new(format!("{}.pad", node.name), Op::Pad, vec![input], 0);
            pad.ints = [u32::from(top), u32::from(left), 0, 0, 0, 0, 0, 0];
            let name = format!("{}.padded", self.graph.value_name(value));
            input = self.push(pad, &name, Shape::new(height, width, shape.channels))?;
        } else if count_pad && padded {
            flags = FLAG_COUNT_PAD;
        }
        let op = if average { Op::AveragePool } else { Op::MaxPool };
        let mut layer = Layer::new(&node.name, op, vec![input], 0);
        geometry.window.describe(&mut layer);
        layer.flags = flags;
        self.finish(layer, output, axes::picture(output_dims), Layout::channels_last(output_dims))
    }

    /// `GlobalMaxPool` and `GlobalAveragePool`.
    pub(super) fn global_pool(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, _) = self.input(node, 0)?;
        let (output, output_dims) = self.output(node)?;
        if node.op != "GlobalMaxPool" && self.moments(value).is_some() {
            return self.mean_over_time(node);
        }
        let geometry = Geometry::global(dims)?;
        let input = self.arrange(node, value, &Layout::channels_last(dims), axes::picture(dims))?;
        let op = if node.op == "GlobalMaxPool" { Op::MaxPool } else { Op::AveragePool };
        let mut layer = Layer::new(&node.name, op, vec![input], 0);
        geometry.window.describe(&mut layer);
        self.finish(layer, output, axes::picture(output_dims), Layout::channels_last(output_dims))
    }

    /// The mean over the moments of a sequence of changing length: a window as high as the longest.
    fn mean_over_time(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, held) = self.input(node, 0)?;
        let (output, _) = self.output(node)?;
        let Shape { height, width, channels } = self.shape(&held);
        let axis = self.moments(value).ok_or("it is no sequence")?;
        if width != 1 || self.rows(value, dims, &held.layout).is_none() {
            return Err("the moments of its input do not follow each other".into());
        }
        let height = u16::try_from(height).map_err(|_| "only the mean over up to 65535 moments is supported")?;
        let mut layer = Layer::new(&node.name, Op::AveragePool, vec![held.tensor], 0);
        Window::new(height, 1).describe(&mut layer);
        let order = held.layout.axis_order(dims).ok_or("the order of its input's elements is too intricate")?;
        let mut kept = dims.to_vec();
        kept.iter_mut().skip(axis).take(1).for_each(|dim| *dim = 1);
        let layout = Layout::permuted(&kept, &order);
        self.finish(layer, output, Shape::new(1, 1, channels), layout)
    }

    /// `ReduceMean`: average pooling with a window as large as the axes that go.
    pub(super) fn reduce_mean(&mut self, node: &Node) -> Result<(), Stop> {
        let (value, dims, held) = self.input(node, 0)?;
        let (output, _) = self.output(node)?;
        let (gone, _) = shapes::reduce(self.graph, node, dims.len())?;
        if let Some(axis) = self.moments(value).filter(|axis| gone.contains(axis))
            && gone.iter().all(|other| *other == axis || dims.get(*other) == Some(&1))
        {
            return self.mean_over_time(node);
        }
        if axes::is_picture(dims) && gone == (2..dims.len()).collect::<Vec<_>>() {
            return self.global_pool(node);
        }
        // Otherwise the axes that go must lie together in memory.
        let candidates = Order::candidates(dims, &held.layout);
        let present = candidates.iter().filter(|order| order.layout(dims) == held.layout);
        let order = match present.chain(&candidates).find(|order| order.run(&gone, dims).is_some()) {
            Some(order) => order.clone(),
            None => Order((0..dims.len()).filter(|axis| !gone.contains(axis)).chain(gone.iter().copied()).collect()),
        };
        let (first, count) = order.run(&gone, dims).ok_or("there is nothing to take the mean of")?;
        let Order(order) = order;
        let product =
            |skip, take| -> usize { order.iter().skip(skip).take(take).filter_map(|&axis| dims.get(axis)).product() };
        let (before, run, after) = (product(0, first), product(first, count), product(first + count, order.len()));
        let width = u16::try_from(run).map_err(|_| "only the mean over up to 65535 elements is supported")?;

        let input = self.arrange(node, value, &Layout::permuted(dims, &order), Shape::new(before, run, after))?;
        let mut layer = Layer::new(&node.name, Op::AveragePool, vec![input], 0);
        Window::new(1, width).describe(&mut layer);
        let kept: Vec<usize> =
            dims.iter().enumerate().map(|(axis, &dim)| if gone.contains(&axis) { 1 } else { dim }).collect();
        let layout = Layout::permuted(&kept, &order);
        let tensor = self.push(layer, self.graph.value_name(output), Shape::new(before, 1, after))?;
        if let Some(place) = self.held.get_mut(output) {
            *place = Some(Held { tensor, layout });
        }
        Ok(())
    }
}
