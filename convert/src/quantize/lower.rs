//! From a float network and units to a network of integers.
//!
//! Every tensor has up to two forms, of floats and of integers. A step is written in the form that it computes in, and
//! where a tensor is wanted in the form that it does not have yet, a conversion is written first.

use super::partition::Partition;
use super::weights::Linear;
use super::{QuantizeError, Units, integers, pooling};
use crate::network::{Layer, Network, Port, Quantization, Tensor};
use relprop::step::Op;

/// What is needed to write a network in integers.
pub struct Lowering<'n> {
    network: &'n Network,
    partition: &'n Partition,
    units: &'n Units,
    float_ends: bool,
    /// For each step what is added to the bias of each channel; missing ones are zero.
    pub corrections: &'n [Vec<f64>],
}

/// A network of integers, and where it came from.
pub struct Lowered {
    /// The network.
    pub network: Network,
    /// Inputs and steps in order.
    pub origins: Vec<Origin>,
}

/// A tensor of the float network in its new form.
pub struct Origin {
    /// Step of the float network that wrote it; `None` for an input.
    pub step: Option<usize>,
    /// Tensor of the float network.
    pub float: usize,
    /// The same tensor in the network of integers.
    pub lowered: usize,
}

impl<'n> Lowering<'n> {
    /// A lowering without corrections.
    pub fn new(network: &'n Network, partition: &'n Partition, units: &'n Units, float_ends: bool) -> Self {
        Self { network, partition, units, float_ends, corrections: &[] }
    }

    /// Writes the network.
    ///
    /// # Errors
    /// The table of an activation cannot be computed.
    pub fn lower(&self) -> Result<Lowered, QuantizeError> {
        let tensors = self.network.tensors.len();
        let mut writer = Writer {
            plan: self,
            network: Network::named(self.network.name.clone()),
            integers: vec![None; tensors],
            floats: vec![None; tensors],
            origins: Vec::new(),
        };
        for port in &self.network.inputs {
            let tensor = writer.tensor(port.tensor, !self.float_ends, "");
            writer.origins.push(Origin { step: None, float: port.tensor, lowered: tensor });
            writer.network.inputs.push(Port { tensor, ..port.clone() });
        }
        for (index, step) in self.network.steps.iter().enumerate() {
            if !self.partition.is_absorbed(index) {
                writer.step(index, step)?;
            }
        }
        for port in &self.network.outputs {
            let native = writer.integers[port.tensor].filter(|_| !self.float_ends);
            let tensor = native.unwrap_or_else(|| writer.floats_of(port.tensor));
            writer.network.outputs.push(Port { tensor, ..port.clone() });
        }
        Ok(Lowered { network: writer.network, origins: writer.origins })
    }
}

/// The network as it is written.
struct Writer<'l, 'n> {
    plan: &'l Lowering<'n>,
    network: Network,
    /// The integer form of each float tensor.
    integers: Vec<Option<usize>>,
    /// The float form.
    floats: Vec<Option<usize>>,
    origins: Vec<Origin>,
}

impl Writer<'_, '_> {
    /// A new tensor: this form of a tensor of the float network.
    fn tensor(&mut self, tensor: usize, integers: bool, suffix: &str) -> usize {
        let Tensor { name, shape, .. } = &self.plan.network.tensors[tensor];
        let index = self.network.tensor(format!("{name}{suffix}"), *shape);
        if integers {
            self.network.tensors[index].quantization = Some(self.plan.units[tensor]);
        }
        let form = if integers { &mut self.integers } else { &mut self.floats };
        form[tensor] = Some(index);
        index
    }

    fn integers_of(&mut self, tensor: usize) -> usize {
        self.integers[tensor].unwrap_or_else(|| self.converted(tensor, self.floats[tensor], Op::Quantize))
    }

    fn floats_of(&mut self, tensor: usize) -> usize {
        self.floats[tensor].unwrap_or_else(|| self.converted(tensor, self.integers[tensor], Op::Dequantize))
    }

    /// A conversion from the form that a tensor has.
    fn converted(&mut self, tensor: usize, from: Option<usize>, op: Op) -> usize {
        let output = self.tensor(tensor, op == Op::Quantize, &format!("/{}", op.name()));
        let name = self.network.tensors[output].name.clone();
        self.network.steps.push(Layer::new(name, op, from.into_iter().collect(), output));
        output
    }

    /// Writes a step of the float network.
    fn step(&mut self, index: usize, step: &Layer) -> Result<(), QuantizeError> {
        let fused = self.plan.partition.fused(index).map(|activation| &self.plan.network.steps[activation]);
        let float = fused.unwrap_or(step).output;
        let integers = self.plan.partition.is_int8(index);
        let operands: Vec<usize> =
            step.operands.iter().map(|&t| if integers { self.integers_of(t) } else { self.floats_of(t) }).collect();
        let lowered = self.tensor(float, integers, "");
        self.origins.push(Origin { step: Some(index), float, lowered });
        let mut layer = Layer { operands, output: lowered, ..step.clone() };
        if integers {
            let units: Vec<Quantization> = step.operands.iter().map(|&tensor| self.plan.units[tensor]).collect();
            let correction = self.plan.corrections.get(index).map_or(&[][..], Vec::as_slice);
            let linear = step.op.is_weighted().then(|| Linear::new(self.plan.network, step, correction));
            let divisor = pooling::divisor(self.plan.network, step);
            integers::describe(&mut layer, &units, self.plan.units[float], linear, divisor, fused)?;
        }
        self.network.steps.push(layer);
        Ok(())
    }
}
