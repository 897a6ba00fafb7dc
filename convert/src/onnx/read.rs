//! From the messages of a file to the graph that passes rewrite.

use super::constant::{Constant, Data, elements};
use super::error::{ImportError, Refusal};
use super::graph::{Attribute, Graph, Node, Value, ValueId};
use super::proto::{AttributeProto, DimProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use std::collections::HashMap;
use std::rc::Rc;

/// Operator sets that the importer knows.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=22;

/// ONNX's `TensorProto.DataType`.
mod data_type {
    pub const FLOAT: i64 = 1;
    pub const UINT8: i64 = 2;
    pub const INT8: i64 = 3;
    pub const UINT16: i64 = 4;
    pub const INT16: i64 = 5;
    pub const INT32: i64 = 6;
    pub const INT64: i64 = 7;
    pub const BOOL: i64 = 9;
    pub const FLOAT16: i64 = 10;
    pub const DOUBLE: i64 = 11;
    pub const UINT32: i64 = 12;
    pub const UINT64: i64 = 13;
    pub const BFLOAT16: i64 = 16;
}

/// Reads a file. What cannot be read of the graph is added to `refusals`.
pub fn read(model: &ModelProto<'_>, reading: Reading, refusals: &mut Vec<Refusal>) -> Result<Graph, ImportError> {
    let graph = model.graph.as_ref().ok_or(ImportError::NoGraph)?;
    let opset = model.opsets.iter().find(|(domain, _)| is_onnx(domain)).map_or(1, |&(_, version)| version);
    if !OPSETS.contains(&opset) {
        return Err(ImportError::Opset(opset));
    }

    let mut reader = Reader { graph: Graph::default(), reading, ids: HashMap::new(), refusals };
    graph.name.clone_into(&mut reader.graph.name);
    reader.graph.opset = opset;
    for tensor in &graph.initializers {
        reader.initializer(tensor);
    }
    for info in &graph.inputs {
        reader.input(info);
    }
    for (at, node) in graph.nodes.iter().enumerate() {
        reader.node(node, at);
    }
    for info in &graph.outputs {
        reader.output(info);
    }
    let Reader { mut graph, refusals, .. } = reader;
    sort(&mut graph, refusals);
    Ok(graph)
}

fn is_onnx(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

struct Reader<'a> {
    graph: Graph,
    reading: Reading,
    ids: HashMap<String, ValueId>,
    refusals: &'a mut Vec<Refusal>,
}

impl Reader<'_> {
    fn value(&mut self, name: &str) -> ValueId {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let id = self.graph.add_value(Value { name: name.to_owned(), ..Value::default() });
        self.ids.insert(name.to_owned(), id);
        id
    }

    fn optional(&mut self, name: &str) -> Option<ValueId> {
        (!name.is_empty()).then(|| self.value(name))
    }

    fn refuse(&mut self, name: &str, op: &str, reason: impl Into<String>) {
        self.refusals.push(Refusal { name: name.to_owned(), op: op.to_owned(), reason: reason.into() });
    }

    fn initializer(&mut self, tensor: &TensorProto<'_>) {
        let id = self.value(tensor.name);
        match read_tensor(tensor) {
            Ok(constant) => {
                if tensor.data_type == data_type::UINT8 {
                    self.graph.unsigned.insert(id);
                }
                if let Some(value) = self.graph.values.get_mut(id) {
                    value.dims = Some(constant.dims.clone());
                    value.constant = Some(Rc::new(constant));
                }
            }
            Err(reason) => self.refuse(tensor.name, "weights", reason),
        }
    }

    fn input(&mut self, info: &ValueInfoProto<'_>) {
        let id = self.value(info.name);
        // Up to IR version 3 weights are inputs with a default.
        if self.graph.constant(id).is_some() || self.graph.inputs.contains(&id) {
            return;
        }
        self.graph.inputs.push(id);
        if is_integer(info) {
            self.graph.tokens.insert(id);
        }
        match input_dims(info, self.reading) {
            Ok((dims, moments)) => {
                self.graph.has_sequence |= moments.is_some_and(|axis| dims.get(axis) > Some(&1));
                if let Some(value) = self.graph.values.get_mut(id) {
                    value.dims = Some(dims);
                }
            }
            Err(reason) => self.refuse(info.name, "input", reason),
        }
    }

    fn output(&mut self, info: &ValueInfoProto<'_>) {
        let id = self.value(info.name);
        self.graph.outputs.push((info.name.to_owned(), id));
    }

    fn node(&mut self, proto: &NodeProto<'_>, at: usize) {
        let inputs: Vec<_> = proto.inputs.iter().map(|name| self.optional(name)).collect();
        let outputs: Vec<_> = proto.outputs.iter().map(|name| self.optional(name)).collect();
        let first = proto.outputs.iter().find(|name| !name.is_empty());
        let op = if is_onnx(proto.domain) { proto.op.to_owned() } else { format!("{}.{}", proto.domain, proto.op) };
        let name = match first {
            _ if !proto.name.is_empty() => proto.name.to_owned(),
            Some(output) => (*output).to_owned(),
            None => format!("{op}_{at}"),
        };
        let mut attributes = HashMap::new();
        for attribute in &proto.attributes {
            match read_attribute(attribute) {
                Ok(value) => {
                    attributes.insert(attribute.name.to_owned(), value);
                }
                Err(reason) => self.refuse(&name, &op, format!("attribute {}: {reason}", attribute.name)),
            }
        }
        self.graph.nodes.push(Node { name, op, inputs, outputs, attributes });
    }
}

/// What axes without a fixed size stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The first such axis of an input is that of a sequence, even if it is the first of all.
    pub sequence_first: bool,
    /// Extent of the axis of a sequence.
    pub moments: usize,
}

fn is_integer(info: &ValueInfoProto<'_>) -> bool {
    matches!(info.data_type, data_type::INT32 | data_type::INT64)
}

/// Extents of an input, and its axis of a sequence, if it has one. A dynamic batch becomes 1.
fn input_dims(info: &ValueInfoProto<'_>, reading: Reading) -> Result<(Vec<usize>, Option<usize>), String> {
    if info.data_type != data_type::FLOAT && !is_integer(info) {
        return Err("only inputs of float32, and tokens of int32 or int64, are supported".into());
    }
    let dims = info.dims.as_ref().ok_or("its shape is unknown: export the model with a fixed input shape")?;
    let moments = moments_axis(dims, is_integer(info), reading.sequence_first)?;
    let mut fixed = Vec::with_capacity(dims.len());
    for (axis, dim) in dims.iter().enumerate() {
        fixed.push(match dim {
            _ if moments == Some(axis) => reading.moments,
            &DimProto::Value(value @ 1..) => usize::try_from(value).map_err(|_| "it is too large")?,
            _ => 1,
        });
    }
    match elements(&fixed) {
        Some(_) => Ok((fixed, moments)),
        None => Err("it is too large".into()),
    }
}

/// Which axis without a fixed size is that of a sequence. Beside it only the batch may vary.
fn moments_axis(dims: &[DimProto<'_>], tokens: bool, sequence_first: bool) -> Result<Option<usize>, String> {
    let is_open = |dim: &DimProto<'_>| !matches!(dim, DimProto::Value(1..));
    let open: Vec<usize> = dims.iter().enumerate().filter(|(_, dim)| is_open(dim)).map(|(axis, _)| axis).collect();
    // Of tokens one by one there is nothing else to vary.
    let alone = tokens && dims.iter().skip(1).all(|dim| *dim == DimProto::Value(1));
    let refused = |axis: usize| match dims.get(axis) {
        Some(DimProto::Name(name)) if !name.is_empty() => format!("axis {axis} ({name})"),
        _ => format!("axis {axis}"),
    };
    match *open.as_slice() {
        [] => Ok(None),
        [0] if (!sequence_first && !alone) || dims.len() > 3 => Ok(None),
        [axis] | [0, axis] if dims.len() > 3 => {
            Err(format!("{} has no fixed size: only the batch may vary", refused(axis)))
        }
        [axis] => Ok(Some(axis)),
        [first, second] if first == 0 || sequence_first => Ok(Some(if sequence_first { first } else { second })),
        [.., axis] => {
            Err(format!("{} has no fixed size: only the batch and the length of a sequence may vary", refused(axis)))
        }
    }
}

fn read_attribute(attribute: &AttributeProto<'_>) -> Result<Attribute, String> {
    let word = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let text = |bytes: &[u8]| Attribute::Text(word(bytes));
    let texts = |list: &[&[u8]]| Attribute::Texts(list.iter().map(|bytes| word(bytes)).collect());
    Ok(match attribute.kind {
        1 => Attribute::Float(attribute.float.unwrap_or(0.0)),
        2 => Attribute::Int(attribute.int.unwrap_or(0)),
        3 => text(attribute.text.unwrap_or_default()),
        4 => match &attribute.tensor {
            Some(tensor) => Attribute::Tensor(Rc::new(read_tensor(tensor)?)),
            None => Attribute::Other,
        },
        6 => Attribute::Floats(attribute.floats.clone()),
        7 => Attribute::Ints(attribute.ints.clone()),
        8 => texts(&attribute.texts),
        0 => match attribute {
            AttributeProto { float: Some(value), .. } => Attribute::Float(*value),
            AttributeProto { int: Some(value), .. } => Attribute::Int(*value),
            AttributeProto { text: Some(bytes), .. } => text(bytes),
            AttributeProto { tensor: Some(tensor), .. } => Attribute::Tensor(Rc::new(read_tensor(tensor)?)),
            AttributeProto { floats, .. } if !floats.is_empty() => Attribute::Floats(floats.clone()),
            AttributeProto { ints, .. } if !ints.is_empty() => Attribute::Ints(ints.clone()),
            AttributeProto { texts: words, .. } if !words.is_empty() => texts(words),
            _ => Attribute::Other,
        },
        _ => Attribute::Other,
    })
}

fn read_tensor(tensor: &TensorProto<'_>) -> Result<Constant, String> {
    if tensor.external {
        return Err("its data are in another file: save the model as a single file".into());
    }
    let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let (Some(dims), Some(count)) = (dims.clone(), dims.and_then(|dims| elements(&dims))) else {
        return Err("its shape is too large".into());
    };
    let data = match tensor.raw {
        Some(raw) => from_bytes(tensor.data_type, raw)?,
        None => from_fields(tensor)?,
    };
    let constant = Constant { dims, data };
    if constant.len() != count {
        return Err(format!("it has {} elements, its shape says {count}", constant.len()));
    }
    // A lone infinity is an open bound (of Clip, say); among weights it is damage.
    let broken = |value: &f32| value.is_nan() || (count > 1 && value.is_infinite());
    match constant.as_floats() {
        Some(floats) if floats.iter().any(broken) => Err("it holds NaN or infinity".into()),
        _ => Ok(constant),
    }
}

fn from_bytes(kind: i64, raw: &[u8]) -> Result<Data, String> {
    Ok(match kind {
        data_type::FLOAT => Data::Floats(words(raw, f32::from_le_bytes)?),
        data_type::DOUBLE => Data::Floats(words(raw, |word| f64::from_le_bytes(word) as f32)?),
        data_type::FLOAT16 => Data::Floats(words(raw, |word| half(u16::from_le_bytes(word)))?),
        data_type::BFLOAT16 => Data::Floats(words(raw, |word| brain(u16::from_le_bytes(word)))?),
        data_type::UINT8 | data_type::BOOL => Data::Ints(words(raw, |[byte]| i64::from(byte))?),
        data_type::INT8 => Data::Ints(words(raw, |word| i64::from(i8::from_le_bytes(word)))?),
        data_type::UINT16 => Data::Ints(words(raw, |word| i64::from(u16::from_le_bytes(word)))?),
        data_type::INT16 => Data::Ints(words(raw, |word| i64::from(i16::from_le_bytes(word)))?),
        data_type::INT32 => Data::Ints(words(raw, |word| i64::from(i32::from_le_bytes(word)))?),
        data_type::UINT32 => Data::Ints(words(raw, |word| i64::from(u32::from_le_bytes(word)))?),
        data_type::INT64 | data_type::UINT64 => Data::Ints(words(raw, i64::from_le_bytes)?),
        _ => return Err(unknown(kind)),
    })
}

fn from_fields(tensor: &TensorProto<'_>) -> Result<Data, String> {
    let bits = |&value: &i64| value as u16;
    Ok(match tensor.data_type {
        data_type::FLOAT => Data::Floats(tensor.floats.as_slice().into()),
        data_type::DOUBLE => Data::Floats(tensor.doubles.iter().map(|&value| value as f32).collect()),
        data_type::FLOAT16 => Data::Floats(tensor.int32s.iter().map(bits).map(half).collect()),
        data_type::BFLOAT16 => Data::Floats(tensor.int32s.iter().map(bits).map(brain).collect()),
        data_type::UINT8
        | data_type::INT8
        | data_type::UINT16
        | data_type::INT16
        | data_type::INT32
        | data_type::BOOL => Data::Ints(tensor.int32s.iter().map(|&value| i64::from(value as i32)).collect()),
        data_type::INT64 => Data::Ints(tensor.int64s.as_slice().into()),
        kind => return Err(unknown(kind)),
    })
}

fn unknown(kind: i64) -> String {
    format!("element type {kind} is not supported: floats and integers are")
}

fn words<T, const N: usize>(raw: &[u8], from: impl Fn([u8; N]) -> T) -> Result<Rc<[T]>, String> {
    match raw.as_chunks() {
        (words, []) => Ok(words.iter().map(|&word| from(word)).collect()),
        _ => Err("its data end in the middle of an element".into()),
    }
}

/// IEEE 754 half precision.
pub(crate) fn half(bits: u16) -> f32 {
    let magnitude = match (bits >> 10 & 31, bits & 1023) {
        (0, mantissa) => f32::from(mantissa) / 16_777_216.0,
        (31, 0) => f32::INFINITY,
        (31, _) => f32::NAN,
        (exponent, mantissa) => f32::from_bits(u32::from(exponent + 112) << 23 | u32::from(mantissa) << 13),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// The upper half of a single-precision float.
fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Brings nodes into data-flow order. Those that wait for each other in a circle, or for a value that nobody writes, or
/// that write what another node writes, are refused.
fn sort(graph: &mut Graph, refusals: &mut Vec<Refusal>) {
    let mut known: Vec<bool> = graph.values.iter().map(|value| value.constant.is_some()).collect();
    for &input in &graph.inputs {
        if let Some(known) = known.get_mut(input) {
            *known = true;
        }
    }
    let mut written = known.clone();
    graph.nodes.retain(|node| {
        let mut once = true;
        for &output in node.outputs.iter().flatten() {
            if let Some(written) = written.get_mut(output) {
                once &= !std::mem::replace(written, true);
            }
        }
        if !once {
            refusals.push(node.refused("its output is written by another node too"));
        }
        once
    });

    let readers = readers(graph);
    let mut missing: Vec<usize> = graph
        .nodes
        .iter()
        .map(|node| node.inputs.iter().flatten().filter(|&&value| known.get(value) != Some(&true)).count())
        .collect();
    let mut ready: std::collections::BTreeSet<usize> =
        missing.iter().enumerate().filter(|(_, count)| **count == 0).map(|(at, _)| at).collect();
    let mut order = Vec::with_capacity(graph.nodes.len());
    // The earliest node that can run: a file that is in order stays as it is.
    while let Some(at) = ready.pop_first() {
        order.push(at);
        let Some(node) = graph.nodes.get(at) else { continue };
        for &output in node.outputs.iter().flatten() {
            for &reader in readers.get(output).into_iter().flatten() {
                if let Some(count) = missing.get_mut(reader) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.insert(reader);
                    }
                }
            }
        }
    }

    let mut nodes: Vec<Option<Node>> = graph.nodes.drain(..).map(Some).collect();
    graph.nodes = order.into_iter().filter_map(|at| nodes.get_mut(at).and_then(Option::take)).collect();
    refusals
        .extend(nodes.into_iter().flatten().map(|node| node.refused("it reads a value that no node before it writes")));
}

/// For every value the nodes that read it, once per reading.
fn readers(graph: &Graph) -> Vec<Vec<usize>> {
    let mut readers = vec![Vec::new(); graph.values.len()];
    for (at, node) in graph.nodes.iter().enumerate() {
        for &value in node.inputs.iter().flatten() {
            if let Some(readers) = readers.get_mut(value) {
                readers.push(at);
            }
        }
    }
    readers
}

#[cfg(test)]
mod tests {
    use super::{Reading, brain, half, input_dims, read_tensor, sort};
    use crate::onnx::constant::Data;
    use crate::onnx::graph::{Graph, Node, Value};
    use crate::onnx::proto::{DimProto, TensorProto, ValueInfoProto};

    #[test]
    fn short_floats() {
        assert_eq!([0x3c00, 0xc000, 0x0001, 0x7bff].map(half), [1.0, -2.0, 5.960_464_5e-8, 65504.0]);
        assert!(half(0x7c00).is_infinite() && half(0x7c01).is_nan());
        assert_eq!(brain(0xbf80), -1.0);
    }

    #[test]
    fn tensors_of_every_kind() {
        let raw = TensorProto { dims: vec![2], data_type: 3, raw: Some(&[1, 255]), ..TensorProto::default() };
        assert_eq!(read_tensor(&raw).unwrap().data, Data::Ints([1, -1].into()));
        let listed = TensorProto { data_type: 11, doubles: vec![0.5], ..TensorProto::default() };
        assert_eq!(read_tensor(&listed).unwrap().data, Data::Floats([0.5].into()));
        let short = TensorProto { dims: vec![2], ..listed.clone() };
        assert!(read_tensor(&short).unwrap_err().contains("elements"));
        let nan = TensorProto { doubles: vec![f64::NAN], ..listed };
        assert!(read_tensor(&nan).unwrap_err().contains("NaN"));
        let huge = TensorProto { dims: vec![i64::MAX, 9], ..TensorProto::default() };
        assert!(read_tensor(&huge).unwrap_err().contains("too large"));
    }

    #[test]
    fn only_the_batch_may_vary() {
        let info = |dims: &[DimProto<'static>]| ValueInfoProto { name: "x", data_type: 1, dims: Some(dims.to_vec()) };
        let read = |dims: &[DimProto<'static>], tokens: bool, sequence_first: bool| {
            let info = ValueInfoProto { data_type: if tokens { 7 } else { 1 }, ..info(dims) };
            input_dims(&info, Reading { sequence_first, moments: 9 })
        };
        let [n, t, width] = ["N", "T", "width"].map(DimProto::Name);
        let [one, three] = [1, 3].map(DimProto::Value);
        assert_eq!(read(&[n, three], false, false), Ok((vec![1, 3], None)));
        assert_eq!(read(&[n, t, three], false, false), Ok((vec![1, 9, 3], Some(1))));
        assert_eq!(read(&[t, n, three], false, true), Ok((vec![9, 1, 3], Some(0))));
        assert_eq!(read(&[t, one, three], false, true), Ok((vec![9, 1, 3], Some(0))));
        assert_eq!(read(&[t], true, false), Ok((vec![9], Some(0))));
        assert_eq!(read(&[n, three], true, false), Ok((vec![1, 3], None)));
        assert!(read(&[DimProto::Value(0), three, three, width], false, false).unwrap_err().contains("width"));
        assert!(read(&[n, three, t, width], false, false).unwrap_err().contains("width"));
        assert!(read(&[n, t, width], false, false).unwrap_err().contains("width"));
    }

    #[test]
    fn nodes_are_sorted_and_circles_refused() {
        let mut graph = Graph::default();
        let [x, a, b, c] = [0; 4].map(|_| graph.add_value(Value::default()));
        graph.inputs.push(x);
        graph.nodes.push(Node::new("second", "Relu", &[a], b));
        graph.nodes.push(Node::new("first", "Relu", &[x], a));
        graph.nodes.push(Node::new("circle", "Add", &[b, c], c));
        graph.nodes.push(Node::new("again", "Relu", &[x], b));
        let mut refusals = Vec::new();
        sort(&mut graph, &mut refusals);
        let names: Vec<_> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["first", "second"]);
        let names: Vec<_> = refusals.iter().map(|refusal| refusal.name.as_str()).collect();
        assert_eq!(names, ["again", "circle"]);
    }
}
