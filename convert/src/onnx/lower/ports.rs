//! Inputs and outputs: the user's shapes, and the order in which the kernel holds them.

use super::axes::{self, Order};
use super::{Held, InputOrder, Lowering, Stop};
use crate::network::Port;
use crate::onnx::error::Refusal;
use crate::onnx::graph::{Node, ValueId};
use crate::options::Options;
use relprop::model::format::MAX_RANK;
use relprop::step::Shape;

impl Lowering<'_> {
    /// Adds every input.
    pub(super) fn inputs(&mut self, options: &Options, orders: &[InputOrder]) {
        for (at, (&value, &order)) in self.graph.inputs.iter().zip(orders).enumerate() {
            let name = self.graph.value_name(value).to_owned();
            // Its shape was refused already.
            let Some(dims) = self.graph.dims(value) else { continue };
            if dims.len() > MAX_RANK {
                self.refuse(&name, "input", format!("{} axes: {MAX_RANK} are the most", dims.len()));
                continue;
            }
            let tokens = self.graph.tokens.contains(&value);
            let order = match (self.moments(value), order) {
                (Some(axis), _) => moments_first(dims, axis),
                (None, InputOrder::ChannelsLast) if axes::is_picture(dims) && !tokens => {
                    Order::channels_last(dims.len())
                }
                _ => Order::identity(dims.len()),
            };
            let layout = order.layout(dims);
            let shape =
                if tokens { Shape::new(dims.iter().product(), 1, 1) } else { self.natural(value, dims, &layout) };
            let tensor = self.network.tensor(name.clone(), shape);
            if let Some(held) = self.network.tensors.get_mut(tensor) {
                held.is_tokens = tokens;
                held.quantization = self.graph.units.get(&value).map(|unit| unit.quantization);
                held.ties_to_even = held.quantization.is_some();
            }
            let mut port = Port::new(name, tensor, dims.to_vec());
            port.order = permutation(&order);
            if at == 0 {
                (port.range, port.pixels) = (options.range, options.pixels);
            }
            self.network.inputs.push(port);
            if let Some(place) = self.held.get_mut(value) {
                *place = Some(Held { tensor, layout });
            }
        }
    }

    /// Adds every output.
    pub(super) fn outputs(&mut self, options: &Options, complete: bool) {
        let graph = self.graph;
        if graph.inputs.is_empty() {
            self.refuse(&graph.name, "graph", "it has no input");
        }
        if graph.outputs.is_empty() {
            self.refuse(&graph.name, "graph", "it has no output");
        }
        for (name, value) in &graph.outputs {
            let made = self.output_port(name, *value);
            match made {
                Ok(port) => self.network.outputs.push(port),
                Err(Stop::Refused(reason)) => self.refuse(name, "output", reason),
                Err(Stop::Orphan) if complete && self.refusals.is_empty() => {
                    self.refuse(name, "output", "no node that can be imported writes it");
                }
                Err(Stop::Orphan) => {}
            }
        }
        self.labels(options);
    }

    fn output_port(&mut self, name: &str, value: ValueId) -> Result<Port, Stop> {
        if self.graph.constant(value).is_some() {
            return Err("it does not depend on the input".into());
        }
        let mut held = self.held.get(value).cloned().flatten().ok_or(Stop::Orphan)?;
        let dims = self.graph.dims(value).ok_or(Stop::Orphan)?;
        if dims.len() > MAX_RANK {
            return Err(Stop::Refused(format!("{} axes: {MAX_RANK} are the most", dims.len())));
        }
        let mut candidates = Order::candidates(dims, &held.layout);
        let present = candidates.iter().position(|order| order.layout(dims) == held.layout);
        let order = candidates.swap_remove(present.unwrap_or(0));
        // No order of whole axes: a picture flattened into a vector, say.
        if present.is_none() {
            let layout = order.layout(dims);
            let node = Node::new(name, "output", &[], value);
            held.tensor = self.arrange(&node, value, &layout, self.natural(value, dims, &layout))?;
            held.layout = layout;
        }
        // An output is written by a step, and only once an output.
        let ports = self.network.inputs.iter().chain(&self.network.outputs);
        if ports.into_iter().any(|port| port.tensor == held.tensor) {
            held.tensor = self.alias(name, &held)?;
        }
        let mut port = Port::new(name, held.tensor, dims.to_vec());
        port.order = permutation(&order);
        Ok(port)
    }

    /// Labels belong to the first output.
    fn labels(&mut self, options: &Options) {
        let Some(port) = self.network.outputs.first() else { return };
        let (name, classes) = (port.name.clone(), self.network.shape(port.tensor).channels);
        if options.labels.is_empty() {
            return;
        }
        if options.labels.len() != classes {
            self.refuse(&name, "output", format!("{} labels for {classes} classes", options.labels.len()));
        } else if let Some(port) = self.network.outputs.first_mut() {
            port.labels.clone_from(&options.labels);
        }
    }

    fn refuse(&mut self, name: &str, op: &str, reason: impl Into<String>) {
        self.refusals.push(Refusal { name: name.to_owned(), op: op.to_owned(), reason: reason.into() });
    }
}

/// As exported, but with the axis of moments before all others that are longer than one.
fn moments_first(dims: &[usize], axis: usize) -> Order {
    if dims.iter().take(axis).all(|&dim| dim == 1) {
        return Order::identity(dims.len());
    }
    Order(std::iter::once(axis).chain((0..dims.len()).filter(|&other| other != axis)).collect())
}

/// An order as ports have it: axes beyond the rank stay put.
fn permutation(order: &Order) -> [u8; MAX_RANK] {
    let mut permutation = [0, 1, 2, 3, 4, 5];
    for (place, &axis) in permutation.iter_mut().zip(&order.0) {
        *place = axis as u8;
    }
    permutation
}
