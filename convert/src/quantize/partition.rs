//! Which steps compute in int8, which activations become the range of the step before them, and which tensors share a
//! unit.

use super::pooling;
use crate::network::{Layer, Network};
use relprop::model::format::MAX_FAN_INT8;
use relprop::step::{Function, Op};

/// What becomes of every step and tensor.
pub struct Partition {
    int8: Vec<bool>,
    /// Whether each step writes what it reads, and so in the same unit.
    moving: Vec<bool>,
    /// For each step the activation that it takes over.
    fused: Vec<Option<usize>>,
    /// Steps that another one has taken over.
    absorbed: Vec<bool>,
    /// For each tensor another one in its unit, or itself.
    parents: Vec<usize>,
}

impl Partition {
    /// Decides about every step of a network.
    pub fn new(network: &Network) -> Self {
        let int8: Vec<bool> = network.steps.iter().map(|step| has_int8(network, step)).collect();
        let moving = network.steps.iter().zip(&int8).map(|(step, int8)| *int8 && is_moving(network, step)).collect();
        let fused = vec![None; network.steps.len()];
        let absorbed = vec![false; network.steps.len()];
        let parents = (0..network.tensors.len()).collect();
        let mut partition = Self { int8, moving, fused, absorbed, parents };
        for (index, step) in network.steps.iter().enumerate() {
            if !partition.keeps_unit(index) {
                continue;
            }
            for &operand in &step.operands {
                let (from, to) = (partition.group(operand), partition.group(step.output));
                partition.parents[from.max(to)] = from.min(to);
            }
        }
        partition.separate_probabilities(network);
        partition.fuse(network);
        partition
    }

    /// Keeps a step, whose output nobody reads, in floats.
    pub fn keep_float(&mut self, step: usize) {
        self.int8[step] = false;
    }

    /// Whether a step computes in int8.
    pub fn is_int8(&self, step: usize) -> bool {
        self.int8[step]
    }

    /// The activation that a step takes over: a `ReLU` or clip that alone reads what the step writes.
    pub fn fused(&self, step: usize) -> Option<usize> {
        self.fused[step]
    }

    /// Whether another step has taken this one over.
    pub fn is_absorbed(&self, step: usize) -> bool {
        self.absorbed[step]
    }

    /// The tensor that stands for all that share a unit with this one.
    pub fn group(&self, tensor: usize) -> usize {
        let mut root = tensor;
        while self.parents[root] != root {
            root = self.parents[root];
        }
        root
    }

    /// Whether a step writes in the unit of what it reads.
    pub fn keeps_unit(&self, step: usize) -> bool {
        self.moving[step]
    }

    /// Softmax writes in a unit of its own, so that it stays a float step where that unit would be forced on others.
    fn separate_probabilities(&mut self, network: &Network) {
        for (i, step) in network.steps.iter().enumerate().filter(|(_, step)| step.op == Op::Softmax) {
            let group = self.group(step.output);
            let in_group = |&tensor: &usize| self.group(tensor) == group;
            let inputs = network.inputs.iter().map(|port| port.tensor);
            let writers = network.steps.iter().zip(&self.moving);
            let writers = writers.filter(|(step, moving)| !**moving || step.op == Op::Pad);
            if inputs.chain(writers.map(|(step, _)| step.output)).filter(in_group).count() > 1 {
                self.int8[i] = false;
            }
        }
    }

    fn fuse(&mut self, network: &Network) {
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); network.tensors.len()];
        for (i, step) in network.steps.iter().enumerate() {
            step.operands.iter().for_each(|&operand| readers[operand].push(i));
        }
        for (i, step) in network.steps.iter().enumerate() {
            let shown = network.outputs.iter().any(|port| port.tensor == step.output);
            if let (&[reader], true, false) =
                (readers[step.output].as_slice(), self.int8[i] && !self.moving[i] && has_range(step), shown)
                && is_range(&network.steps[reader])
            {
                self.fused[i] = Some(reader);
                self.absorbed[reader] = true;
            }
        }
    }
}

fn is_moving(network: &Network, step: &Layer) -> bool {
    match step.op {
        Op::MaxPool => true,
        Op::AveragePool => pooling::divisor(network, step).is_none(),
        op => op.is_structural(),
    }
}

/// Rescales its output and clamps it to a range.
fn has_range(step: &Layer) -> bool {
    step.op.is_linear() || step.op == Op::Mul
}

/// Is nothing but a range.
fn is_range(step: &Layer) -> bool {
    let function = Function::from_code(step.variant);
    step.op == Op::Activation && matches!(function, Some(Function::Relu | Function::Clip))
}

/// Whether the kernel has this step in int8, or another that does the same.
fn has_int8(network: &Network, step: &Layer) -> bool {
    let input = step.operands.first().map(|&operand| network.shape(operand));
    let taps = usize::from(step.kernel[0]) * usize::from(step.kernel[1]);
    let input_of = |groups: u32| input.map_or(0, |input| input.channels / groups.max(1) as usize);
    match step.op {
        Op::Conv | Op::ConvTranspose => taps * input_of(step.groups) <= MAX_FAN_INT8,
        Op::Dense => input.is_some_and(|input| input.elements() <= MAX_FAN_INT8),
        Op::Depthwise | Op::AveragePool | Op::MaxPool => taps <= MAX_FAN_INT8,
        // A table knows one value, not its channel.
        Op::Activation => step.params[0].len() <= 1,
        Op::Softmax => step.variant == 0,
        Op::Affine | Op::LocalResponseNorm | Op::Quantize | Op::Dequantize | Op::Embedding | Op::Lstm | Op::Gru => {
            false
        }
        Op::Add | Op::Mul | Op::Concat | Op::Pad | Op::Slice | Op::View | Op::Transpose => true,
    }
}
