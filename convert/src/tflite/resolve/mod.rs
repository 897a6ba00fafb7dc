//! Walks the graph once: extents of every tensor, constants, windows with their padding. What comes out is a list of
//! [`Step`]s with nothing left to look up, the same for floats and integers.
//!
//! Extents are computed here and not believed; where the file states others for an output the operator is refused,
//! because then one of the two was misread.

mod arithmetic;
mod constants;
mod moves;
mod recurrent;
mod weighted;
mod windows;

use super::builtin::{Builtin, Fused};
use super::error::UNSUPPORTED;
use super::geometry;
use super::schema::{Graph, Operator, Tensor};
use super::step::{Activation, Kind, Step};
use crate::onnx::Refusal;
use crate::stop::Stop;
use relprop::model::format::{MAX_RANK, MAX_STEPS};
use relprop::step::Shape;

/// A graph of which everything is known.
#[derive(Debug)]
pub struct Resolved<'g, 'a> {
    /// The file: names, element types, quantisation and bytes of every tensor.
    pub graph: &'g Graph<'a>,
    /// By tensor.
    pub values: Vec<Value>,
    /// What runs, in order; what nobody needs is left out.
    pub steps: Vec<Step>,
    /// By tensor: its operator has had its turn, with or without success.
    done: Vec<bool>,
}

/// What is known of a tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value {
    /// Extents at batch 1.
    pub dims: Vec<usize>,
    /// Where it comes from.
    pub source: Source,
}

/// Where a tensor comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Source {
    /// Nobody has written it, or what writes it was refused.
    #[default]
    Nowhere,
    /// An input or a step.
    Activation,
    /// The bytes of this tensor of the file: its own, or those of another that was dequantised or reshaped.
    Stored(usize),
    /// Computed from shapes.
    Integers(Vec<i64>),
}

/// What an operator comes to: a step or a constant, and the extents of its output.
struct Outcome {
    dims: Vec<usize>,
    result: Made,
}

enum Made {
    Step { kind: Kind, inputs: Vec<usize>, fused: Fused },
    Constant(Source),
}

impl Outcome {
    fn step(kind: Kind, inputs: Vec<usize>, fused: Fused, dims: Vec<usize>) -> Self {
        Self { dims, result: Made::Step { kind, inputs, fused } }
    }

    /// As [`Self::step`], where the output may be larger than the inputs.
    fn checked(kind: Kind, inputs: Vec<usize>, fused: Fused, dims: Vec<usize>) -> Result<Self, Stop> {
        Ok(Self::step(kind, inputs, fused, geometry::activation(dims)?))
    }

    fn constant(source: Source, dims: Vec<usize>) -> Self {
        Self { dims, result: Made::Constant(source) }
    }
}

impl<'g, 'a> Resolved<'g, 'a> {
    /// Resolves a graph. What cannot be resolved is added to `refusals`; then some steps are missing.
    pub fn new(graph: &'g Graph<'a>, refusals: &mut Vec<Refusal>) -> Self {
        let count = graph.tensors.len();
        let values = vec![Value::default(); count];
        let mut resolved = Self { graph, values, steps: Vec::new(), done: vec![false; count] };
        resolved.constants();
        resolved.inputs(refusals);
        let needed = needed(graph);
        for (at, operator) in graph.operators.iter().enumerate() {
            if !operator.outputs.iter().any(|&output| needed.get(output) == Some(&true)) {
                continue;
            }
            match resolved.operator(at, operator) {
                Err(Stop::Refused(reason)) => refusals.push(refused(graph, operator, reason)),
                Ok(()) | Err(Stop::Orphan) => {}
            }
            for &output in &operator.outputs {
                resolved.finish(output);
            }
        }
        resolved.outputs(refusals);
        resolved
    }

    /// Extents of a tensor.
    pub fn dims(&self, tensor: usize) -> &[usize] {
        self.values.get(tensor).map_or(&[], |value| &value.dims)
    }

    /// Extents of a tensor as the kernel sees them.
    pub fn shape(&self, tensor: usize) -> Shape {
        geometry::natural(self.dims(tensor))
    }

    /// Name of a tensor.
    pub fn name(&self, tensor: usize) -> &'g str {
        self.graph.tensors.get(tensor).map_or("", |tensor| &tensor.name)
    }

    /// The tensor of the file that holds the bytes of a constant.
    pub fn stored(&self, tensor: usize) -> Option<&'g Tensor<'a>> {
        match self.values.get(tensor)?.source {
            Source::Stored(at) => self.graph.tensors.get(at),
            _ => None,
        }
    }

    /// Whether this is an activation.
    pub fn is_activation(&self, tensor: usize) -> bool {
        self.values.get(tensor).is_some_and(|value| value.source == Source::Activation)
    }

    /// Tensors with bytes are constants; those whose extents make no sense stay nowhere.
    fn constants(&mut self) {
        for (at, tensor) in self.graph.tensors.iter().enumerate() {
            if tensor.data.is_some()
                && let (Ok(dims), Some(value)) = (geometry::extents(&tensor.shape), self.values.get_mut(at))
            {
                *value = Value { dims, source: Source::Stored(at) };
            }
        }
    }

    fn inputs(&mut self, refusals: &mut Vec<Refusal>) {
        for &input in &self.graph.inputs {
            let Some(tensor) = self.graph.tensors.get(input) else { continue };
            let twice = self.done.get(input) == Some(&true);
            self.finish(input);
            let dims = if twice { Err("it is an input twice".into()) } else { input_dims(tensor) };
            let value = dims.map(|dims| Value { dims, source: Source::Activation });
            match (value, self.values.get_mut(input)) {
                (Ok(value), Some(place)) => *place = value,
                (Err(reason), _) => refusals.push(refusal(&tensor.name, "input", reason)),
                (Ok(_), None) => {}
            }
        }
        if self.graph.inputs.is_empty() {
            refusals.push(refusal(&self.graph.name, "graph", "it has no input"));
        }
    }

    fn outputs(&self, refusals: &mut Vec<Refusal>) {
        if self.graph.outputs.is_empty() {
            refusals.push(refusal(&self.graph.name, "graph", "it has no output"));
        }
        for &output in &self.graph.outputs {
            let reason = match self.values.get(output).map(|value| &value.source) {
                Some(Source::Activation) if self.dims(output).len() > MAX_RANK => "it has more than six axes",
                Some(Source::Activation) => continue,
                // What it depends on was refused, and that has been said.
                Some(Source::Nowhere) if !refusals.is_empty() => continue,
                Some(Source::Nowhere) => "no operator writes it",
                _ => "it does not depend on the input",
            };
            refusals.push(refusal(self.name(output), "output", reason));
        }
    }

    fn operator(&mut self, at: usize, operator: &'g Operator) -> Result<(), Stop> {
        if self.steps.len() >= MAX_STEPS {
            return Err(Stop::Refused(format!("more than {MAX_STEPS} steps")));
        }
        let tensors = operator.inputs.iter().flatten().chain(&operator.outputs);
        let defect = tensors.filter_map(|&tensor| self.graph.tensors.get(tensor)).find_map(|t| Some((t, t.defect?)));
        if let Some((tensor, defect)) = defect {
            return Err(Stop::Refused(format!("tensor {}: {defect}", tensor.name)));
        }
        let Outcome { dims, result } = self.outcome(operator)?;
        let &[output] = operator.outputs.as_slice() else {
            return Err("it has more than one output".into());
        };
        let stated = self.graph.tensors.get(output).map(|tensor| stated(tensor, dims.len()));
        let agrees = |stated: &Vec<Option<usize>>| {
            stated.len() == dims.len() && stated.iter().zip(&dims).all(|(stated, dim)| stated.is_none_or(|s| s == *dim))
        };
        if let Some(stated) = stated.filter(|stated| !agrees(stated)) {
            let stated: Vec<_> = stated.iter().map(|dim| dim.map_or("?".into(), |dim| dim.to_string())).collect();
            let stated = stated.join(", ");
            return Err(Stop::Refused(format!("its output is {dims:?}, the file says [{stated}]")));
        }
        let source = match result {
            Made::Constant(source) => source,
            Made::Step { kind, inputs, fused } => {
                if let Fused::Tanh | Fused::Other(_) = fused {
                    return Err(Stop::Refused(format!("the fused activation {fused:?} is not supported")));
                }
                self.steps.push(Step { operator: at, kind, inputs, output, fused });
                Source::Activation
            }
        };
        match self.values.get_mut(output) {
            Some(value) if value.source == Source::Nowhere => *value = Value { dims, source },
            _ => {
                self.steps.pop_if(|step| step.operator == at);
                return Err("its output is written already, or a constant or an input".into());
            }
        }
        Ok(())
    }

    fn outcome(&self, operator: &Operator) -> Result<Outcome, Stop> {
        use Activation as A;
        match operator.builtin {
            Builtin::Conv2d(ref motion, fused) => self.conv(operator, motion, fused),
            Builtin::DepthwiseConv2d(ref motion, fused) => self.depthwise(operator, motion, fused),
            Builtin::TransposeConv(ref motion, fused) => self.transpose_conv(operator, motion, fused),
            Builtin::FullyConnected { plain: false, .. } => Err("shuffled weights are not supported".into()),
            Builtin::FullyConnected { fused, keep_dims, .. } => self.dense(operator, keep_dims, fused),
            Builtin::AveragePool2d(ref motion, size, fused) => {
                self.pool(operator, motion, size, fused, Kind::AveragePool)
            }
            Builtin::MaxPool2d(ref motion, size, fused) => self.pool(operator, motion, size, fused, Kind::MaxPool),
            Builtin::Mean { keep_dims } => self.mean(operator, keep_dims),
            Builtin::Add(fused) => self.arithmetic(operator, super::step::Arithmetic::Add, fused),
            Builtin::Sub(fused) => self.arithmetic(operator, super::step::Arithmetic::Sub, fused),
            Builtin::Mul(fused) => self.arithmetic(operator, super::step::Arithmetic::Mul, fused),
            Builtin::Concatenation(axis, fused) => self.concat(operator, axis, fused),
            Builtin::Reshape(ref shape) => self.reshape(operator, shape),
            Builtin::Squeeze(ref axes) => self.squeeze(operator, axes),
            Builtin::ExpandDims => self.expand_dims(operator),
            Builtin::Pad => self.pad(operator),
            Builtin::Softmax { beta: 1.0 } => self.elementwise(operator, Kind::Softmax),
            Builtin::Softmax { beta } => Err(Stop::Refused(format!("only with beta 1, it is {beta}"))),
            Builtin::Logistic => self.elementwise(operator, Kind::Activation(A::Logistic)),
            Builtin::Tanh => self.elementwise(operator, Kind::Activation(A::Tanh)),
            Builtin::Relu => self.elementwise(operator, Kind::Activation(A::Relu)),
            Builtin::Relu6 => self.elementwise(operator, Kind::Activation(A::Relu6)),
            Builtin::ReluN1To1 => self.elementwise(operator, Kind::Activation(A::ReluN1To1)),
            Builtin::LeakyRelu { alpha } => self.elementwise(operator, Kind::Activation(A::LeakyRelu(alpha))),
            Builtin::Elu => self.elementwise(operator, Kind::Activation(A::Elu)),
            Builtin::HardSwish => self.elementwise(operator, Kind::Activation(A::HardSwish)),
            Builtin::Quantize => self.elementwise(operator, Kind::Quantize),
            Builtin::Dequantize => self.dequantize(operator),
            Builtin::UnidirectionalSequenceLstm { .. } => self.lstm(operator),
            Builtin::Shape => self.shape_of(operator),
            Builtin::StridedSlice(masks) => self.strided_slice(operator, masks),
            Builtin::Pack(_) => self.pack(operator),
            Builtin::Other => Err(hint(&operator.op).into()),
        }
    }

    /// The activation that an operator reads at `k`.
    fn input(&self, operator: &Operator, k: usize) -> Result<usize, Stop> {
        let tensor = operand(operator, k)?;
        match self.values.get(tensor).map(|value| &value.source) {
            Some(Source::Activation) => Ok(tensor),
            Some(Source::Nowhere) | None => Err(self.orphan(tensor)),
            _ => Err(Stop::Refused(format!("input {} is a constant", self.name(tensor)))),
        }
    }

    /// The tensor that an operator reads at `k`, whatever it is, if it is anything.
    fn present(&self, operator: &Operator, k: usize) -> Result<usize, Stop> {
        let tensor = operand(operator, k)?;
        match self.values.get(tensor) {
            Some(value) if value.source != Source::Nowhere => Ok(tensor),
            _ => Err(self.orphan(tensor)),
        }
    }

    fn finish(&mut self, tensor: usize) {
        if let Some(done) = self.done.get_mut(tensor) {
            *done = true;
        }
    }

    /// Why nothing is known of a tensor: because what writes it was refused, or because nothing has written it.
    fn orphan(&self, tensor: usize) -> Stop {
        match self.done.get(tensor) {
            Some(true) => Stop::Orphan,
            _ => Stop::Refused(format!("no operator before it writes its input {}", self.name(tensor))),
        }
    }

    /// One input, and an output of the same extents.
    fn elementwise(&self, operator: &Operator, kind: Kind) -> Result<Outcome, Stop> {
        let input = self.input(operator, 0)?;
        Ok(Outcome::step(kind, vec![input], Fused::None, self.dims(input).to_vec()))
    }
}

/// Extents of an input; those that are left open may only be the batch.
fn input_dims(tensor: &Tensor<'_>) -> Result<Vec<usize>, String> {
    if tensor.data.is_some() {
        return Err("it is a constant".into());
    }
    let mut shape = if tensor.signature.is_empty() { tensor.shape.clone() } else { tensor.signature.clone() };
    if let Some(batch @ -1) = shape.first_mut() {
        *batch = 1;
    }
    if let Some(axis) = shape.iter().position(|&dim| dim < 1) {
        return Err(format!("axis {axis} has no fixed size: only the batch may vary"));
    }
    let dims = geometry::activation(geometry::extents(&shape)?)?;
    if dims.len() > MAX_RANK { Err(format!("{} axes: {MAX_RANK} are the most", dims.len())) } else { Ok(dims) }
}

/// What the file says of the extents of an output; extents that it leaves open, and ranks that it does not know, are
/// `None`.
fn stated(tensor: &Tensor<'_>, rank: usize) -> Vec<Option<usize>> {
    let open = |at: usize| tensor.signature.get(at) == Some(&-1);
    if tensor.shape.is_empty() {
        return vec![None; rank];
    }
    let dims = tensor.shape.iter().enumerate();
    dims.map(|(at, &dim)| if open(at) { None } else { usize::try_from(dim).ok() }).collect()
}

/// Which tensors the outputs depend on.
fn needed(graph: &Graph<'_>) -> Vec<bool> {
    let mut needed = vec![false; graph.tensors.len()];
    for &output in &graph.outputs {
        if let Some(needed) = needed.get_mut(output) {
            *needed = true;
        }
    }
    for operator in graph.operators.iter().rev() {
        if operator.outputs.iter().any(|&output| needed.get(output) == Some(&true)) {
            for &input in operator.inputs.iter().flatten() {
                if let Some(needed) = needed.get_mut(input) {
                    *needed = true;
                }
            }
        }
    }
    needed
}

/// The tensor that an operator reads at `k`.
fn operand(operator: &Operator, k: usize) -> Result<usize, Stop> {
    let tensor = operator.inputs.get(k).copied().flatten();
    Ok(tensor.ok_or_else(|| format!("input {k} is missing"))?)
}

fn refusal(name: &str, op: &str, reason: impl Into<String>) -> Refusal {
    Refusal { name: name.to_owned(), op: op.to_owned(), reason: reason.into() }
}

/// An operator has no name of its own; that of what it writes will do.
pub fn refused(graph: &Graph<'_>, operator: &Operator, reason: impl Into<String>) -> Refusal {
    let output = operator.outputs.first().and_then(|&output| graph.tensors.get(output));
    refusal(output.map_or("", |tensor| &tensor.name), &operator.op, reason)
}

/// Why an operator that is not known is refused.
fn hint(op: &str) -> &'static str {
    match op {
        "CALL" | "CALL_ONCE" | "IF" | "WHILE" => "it calls another graph of the file, which is not supported",
        "LSTM"
        | "RNN"
        | "UNIDIRECTIONAL_SEQUENCE_RNN"
        | "BIDIRECTIONAL_SEQUENCE_RNN"
        | "BIDIRECTIONAL_SEQUENCE_LSTM" => "recurrent layers are not supported",
        _ => UNSUPPORTED,
    }
}
