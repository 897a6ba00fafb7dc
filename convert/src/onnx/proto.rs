//! The messages of an ONNX file, as far as an importer needs them. Texts and bytes are borrowed from the file.

use super::wire::{Field, Fields, WireError};

/// More nodes, weights or attributes than any network that fits an image has.
const MAX_REPEATED: usize = 100_000;

/// `ModelProto`: the file.
#[derive(Clone, Debug, Default)]
pub struct ModelProto<'a> {
    /// Operator sets by domain.
    pub opsets: Vec<(&'a str, i64)>,
    /// The graph.
    pub graph: Option<GraphProto<'a>>,
    /// `metadata_props`: what the exporter noted, by key.
    pub metadata: Vec<(&'a str, &'a str)>,
}

/// `GraphProto`.
#[derive(Clone, Debug, Default)]
pub struct GraphProto<'a> {
    /// Name.
    pub name: &'a str,
    /// Nodes.
    pub nodes: Vec<NodeProto<'a>>,
    /// Weights.
    pub initializers: Vec<TensorProto<'a>>,
    /// Inputs; in old files weights are listed here too.
    pub inputs: Vec<ValueInfoProto<'a>>,
    /// Outputs.
    pub outputs: Vec<ValueInfoProto<'a>>,
}

/// `NodeProto`.
#[derive(Clone, Debug, Default)]
pub struct NodeProto<'a> {
    /// Names of the values it reads, empty where an optional one is left out.
    pub inputs: Vec<&'a str>,
    /// Names of the values it writes.
    pub outputs: Vec<&'a str>,
    /// Name.
    pub name: &'a str,
    /// Op.
    pub op: &'a str,
    /// Domain of the op, empty for ONNX's own.
    pub domain: &'a str,
    /// Attributes.
    pub attributes: Vec<AttributeProto<'a>>,
}

/// `AttributeProto`. Which field counts is said by `kind`, or in old files by which one there is.
#[derive(Clone, Debug, Default)]
pub struct AttributeProto<'a> {
    /// Name.
    pub name: &'a str,
    /// `AttributeType`.
    pub kind: i64,
    /// One float.
    pub float: Option<f32>,
    /// One integer.
    pub int: Option<i64>,
    /// One string.
    pub text: Option<&'a [u8]>,
    /// One tensor.
    pub tensor: Option<TensorProto<'a>>,
    /// Floats.
    pub floats: Vec<f32>,
    /// Integers.
    pub ints: Vec<i64>,
    /// Strings.
    pub texts: Vec<&'a [u8]>,
}

/// `TensorProto`.
#[derive(Clone, Debug, Default)]
pub struct TensorProto<'a> {
    /// Name.
    pub name: &'a str,
    /// Extents.
    pub dims: Vec<i64>,
    /// `DataType`.
    pub data_type: i64,
    /// Elements as bytes, little endian.
    pub raw: Option<&'a [u8]>,
    /// Elements of type float.
    pub floats: Vec<f32>,
    /// Elements of small types, and 16-bit floats as bits.
    pub int32s: Vec<i64>,
    /// Elements of type int64.
    pub int64s: Vec<i64>,
    /// Elements of type double.
    pub doubles: Vec<f64>,
    /// The elements are in another file.
    pub external: bool,
}

/// `ValueInfoProto` with what it nests: name, element type and extents of an input or output.
#[derive(Clone, Debug, Default)]
pub struct ValueInfoProto<'a> {
    /// Name.
    pub name: &'a str,
    /// `DataType` of the elements.
    pub data_type: i64,
    /// Extents, where the file gives them.
    pub dims: Option<Vec<DimProto<'a>>>,
}

/// `TensorShapeProto.Dimension`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DimProto<'a> {
    /// A number.
    Value(i64),
    /// A name: decided at run time.
    Name(&'a str),
}

fn push<T>(list: &mut Vec<T>, item: T) -> Result<(), WireError> {
    if list.len() >= MAX_REPEATED {
        return Err(WireError::TooMany);
    }
    list.push(item);
    Ok(())
}

impl<'a> ModelProto<'a> {
    /// Reads a file.
    pub fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut model = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (7, graph) => model.graph = Some(GraphProto::read(graph.bytes()?)?),
                (8, opset) => push(&mut model.opsets, read_opset(opset.bytes()?)?)?,
                (14, entry) => push(&mut model.metadata, read_entry(entry.bytes()?)?)?,
                _ => {}
            }
        }
        Ok(model)
    }
}

fn read_opset(bytes: &[u8]) -> Result<(&str, i64), WireError> {
    let mut opset = ("", 0);
    for field in Fields::of(bytes) {
        match field? {
            (1, domain) => opset.0 = domain.text()?,
            (2, version) => opset.1 = version.int()?,
            _ => {}
        }
    }
    Ok(opset)
}

/// `StringStringEntryProto`.
fn read_entry(bytes: &[u8]) -> Result<(&str, &str), WireError> {
    let mut entry = ("", "");
    for field in Fields::of(bytes) {
        match field? {
            (1, key) => entry.0 = key.text()?,
            (2, value) => entry.1 = value.text()?,
            _ => {}
        }
    }
    Ok(entry)
}

impl<'a> GraphProto<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut graph = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, node) => push(&mut graph.nodes, NodeProto::read(node.bytes()?)?)?,
                (2, name) => graph.name = name.text()?,
                (5, tensor) => push(&mut graph.initializers, TensorProto::read(tensor.bytes()?)?)?,
                (11, input) => push(&mut graph.inputs, ValueInfoProto::read(input.bytes()?)?)?,
                (12, output) => push(&mut graph.outputs, ValueInfoProto::read(output.bytes()?)?)?,
                _ => {}
            }
        }
        Ok(graph)
    }
}

impl<'a> NodeProto<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut node = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, input) => push(&mut node.inputs, input.text()?)?,
                (2, output) => push(&mut node.outputs, output.text()?)?,
                (3, name) => node.name = name.text()?,
                (4, op) => node.op = op.text()?,
                (5, attribute) => push(&mut node.attributes, AttributeProto::read(attribute.bytes()?)?)?,
                (7, domain) => node.domain = domain.text()?,
                _ => {}
            }
        }
        Ok(node)
    }
}

impl<'a> AttributeProto<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut attribute = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, name) => attribute.name = name.text()?,
                (2, float) => attribute.float = Some(float.float()?),
                (3, int) => attribute.int = Some(int.int()?),
                (4, text) => attribute.text = Some(text.bytes()?),
                (5, tensor) => attribute.tensor = Some(TensorProto::read(tensor.bytes()?)?),
                (7, floats) => floats.floats(&mut attribute.floats)?,
                (8, ints) => ints.ints(&mut attribute.ints)?,
                (9, text) => push(&mut attribute.texts, text.bytes()?)?,
                (20, kind) => attribute.kind = kind.int()?,
                _ => {}
            }
        }
        Ok(attribute)
    }
}

impl<'a> TensorProto<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut tensor = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, dims) => dims.ints(&mut tensor.dims)?,
                (2, data_type) => tensor.data_type = data_type.int()?,
                (4, floats) => floats.floats(&mut tensor.floats)?,
                (5, ints) => ints.ints(&mut tensor.int32s)?,
                (7, ints) => ints.ints(&mut tensor.int64s)?,
                (8, name) => tensor.name = name.text()?,
                (9, raw) => tensor.raw = Some(raw.bytes()?),
                (10, doubles) => doubles.doubles(&mut tensor.doubles)?,
                (14, location) => tensor.external = location.int()? != 0,
                _ => {}
            }
        }
        Ok(tensor)
    }
}

impl<'a> ValueInfoProto<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut info = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, name) => info.name = name.text()?,
                (2, kind) => info.read_type(kind.bytes()?)?,
                _ => {}
            }
        }
        Ok(info)
    }

    /// `TypeProto`, of which only tensors are of interest.
    fn read_type(&mut self, bytes: &'a [u8]) -> Result<(), WireError> {
        for field in Fields::of(bytes) {
            let (1, tensor) = field? else { continue };
            for field in Fields::of(tensor.bytes()?) {
                match field? {
                    (1, data_type) => self.data_type = data_type.int()?,
                    (2, shape) => self.dims = Some(read_dims(shape.bytes()?)?),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn read_dims(bytes: &[u8]) -> Result<Vec<DimProto<'_>>, WireError> {
    let mut dims = Vec::new();
    for field in Fields::of(bytes) {
        let (1, dimension) = field? else { continue };
        let mut dim = DimProto::Name("");
        for field in Fields::of(dimension.bytes()?) {
            match field? {
                (1, value @ Field::Varint(_)) => dim = DimProto::Value(value.int()?),
                (2, name) => dim = DimProto::Name(name.text()?),
                _ => {}
            }
        }
        push(&mut dims, dim)?;
    }
    Ok(dims)
}
