//! What a TensorFlow Lite file says, typed: version 3 of its schema, as far as an importer needs it. Weights are
//! borrowed from the file.

use super::builtin::Builtin;
use super::error::Error;
use super::wire::{Flat, FlatError, Table};

/// `SubGraph`: the network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph<'a> {
    /// Name.
    pub name: String,
    /// Activations and weights.
    pub tensors: Vec<Tensor<'a>>,
    /// Tensors that the user feeds.
    pub inputs: Vec<usize>,
    /// Tensors that the user reads.
    pub outputs: Vec<usize>,
    /// Operators, in the order in which they run.
    pub operators: Vec<Operator>,
}

/// `Tensor`: an activation, or weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<'a> {
    /// Name; never empty.
    pub name: String,
    /// Extents.
    pub shape: Vec<i32>,
    /// Extents with −1 where the model leaves them open; empty where it leaves none open.
    pub signature: Vec<i32>,
    /// Type of its elements.
    pub element: Element,
    /// Its elements, little endian; `None` for activations.
    pub data: Option<&'a [u8]>,
    /// What its integers stand for.
    pub quantization: Option<Quantization>,
    /// State that is kept from one run to the next.
    pub variable: bool,
    /// Why it cannot be used at all.
    pub defect: Option<&'static str>,
}

/// `TensorType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Single precision.
    Float32,
    /// Half precision.
    Float16,
    /// 32-bit integers.
    Int32,
    /// Unsigned bytes.
    UInt8,
    /// 64-bit integers.
    Int64,
    /// 16-bit integers.
    Int16,
    /// Signed bytes.
    Int8,
    /// Any other type, by its code.
    Other(u8),
}

impl Element {
    fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Float32,
            1 => Self::Float16,
            2 => Self::Int32,
            3 => Self::UInt8,
            4 => Self::Int64,
            7 => Self::Int16,
            9 => Self::Int8,
            other => Self::Other(other),
        }
    }

    /// Name as the schema has it.
    pub fn name(self) -> String {
        match self {
            Self::Float32 => "FLOAT32".into(),
            Self::Float16 => "FLOAT16".into(),
            Self::Int32 => "INT32".into(),
            Self::UInt8 => "UINT8".into(),
            Self::Int64 => "INT64".into(),
            Self::Int16 => "INT16".into(),
            Self::Int8 => "INT8".into(),
            Self::Other(code) => format!("type {code}"),
        }
    }
}

/// `QuantizationParameters`: the real value of `q` is `scale · (q − zero_point)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantization {
    /// One scale for all, or one per index of `axis`; never empty.
    pub scale: Vec<f32>,
    /// As many zero points.
    pub zero_point: Vec<i64>,
    /// The axis whose indices have scales of their own.
    pub axis: usize,
}

/// `Operator`.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    /// Name of what it does, as the schema has it; `CUSTOM` with its own name.
    pub op: String,
    /// What it does.
    pub builtin: Builtin,
    /// Tensors it reads, `None` where an optional one is left out.
    pub inputs: Vec<Option<usize>>,
    /// Tensors it writes.
    pub outputs: Vec<usize>,
    /// Tensors that say how what it computes on the way is quantised.
    pub intermediates: Vec<usize>,
}

impl Tensor<'_> {
    /// The one scale and zero point of all its elements.
    pub fn scale(&self) -> Option<(f32, i64)> {
        match self.quantization.as_ref().map(|q| (q.scale.as_slice(), q.zero_point.as_slice())) {
            Some((&[scale], &[zero_point])) => Some((scale, zero_point)),
            _ => None,
        }
    }
}

impl<'a> Graph<'a> {
    /// Reads a file: its first graph, which is the one that runs.
    ///
    /// # Errors
    /// The bytes are no such file, or refer to parts of it that are not there. What they say may make no sense yet.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let flat = Flat::new(bytes, *b"TFL3")?;
        let model = flat.root()?;
        match model.u32(0, 0)? {
            3 => {}
            version => return Err(Error::Version(version)),
        }
        let codes = model.tables(1)?.iter().map(code).collect::<Result<Vec<_>, _>>()?;
        let buffers = model.tables(4)?.iter().map(|table| buffer(&flat, table)).collect::<Result<Vec<_>, _>>()?;
        let graphs = model.tables(2)?;
        let graph = graphs.first().ok_or(Error::NoGraph)?;

        let tensors = graph.tables(0)?;
        let tensors = tensors.iter().enumerate().map(|(at, table)| tensor(at, table, &buffers));
        let tensors = tensors.collect::<Result<Vec<_>, _>>()?;
        let count = tensors.len();
        Ok(Self {
            name: graph.text(4)?,
            inputs: indices(&graph.i32s(1)?, count)?,
            outputs: indices(&graph.i32s(2)?, count)?,
            operators: graph
                .tables(3)?
                .iter()
                .map(|table| operator(table, &codes, count))
                .collect::<Result<Vec<_>, _>>()?,
            tensors,
        })
    }
}

/// `OperatorCode`: its number and, of a custom operator, its name.
fn code(table: &Table<'_, '_>) -> Result<(i32, String), FlatError> {
    // Codes up to 127 were a byte once, and old readers still look there.
    let old = i32::from(table.u8(0, 0)? as i8);
    Ok((table.i32(3, 0)?.max(old), table.text(1)?))
}

/// `Buffer`: its bytes, which in large files lie outside the flatbuffer.
fn buffer<'a>(flat: &Flat<'a>, table: &Table<'a, '_>) -> Result<&'a [u8], FlatError> {
    let [offset, size] = [table.u64(1, 0)?, table.u64(2, 0)?].map(usize::try_from);
    match (table.bytes(0)?, offset, size) {
        (Some(bytes), ..) => Ok(bytes),
        // An offset of 1 was written as a placeholder.
        (None, Ok(0 | 1), _) => Ok(&[]),
        (None, Ok(offset), Ok(size)) => flat.slice(offset, size),
        _ => Err(FlatError::Bounds),
    }
}

fn index(value: i64, count: usize, what: &'static str) -> Result<usize, Error> {
    usize::try_from(value).ok().filter(|&index| index < count).ok_or(Error::Dangling { what, index: value })
}

fn indices(values: &[i32], tensors: usize) -> Result<Vec<usize>, Error> {
    values.iter().map(|&value| index(value.into(), tensors, "tensor")).collect()
}

fn tensor<'a>(at: usize, table: &Table<'a, '_>, buffers: &[&'a [u8]]) -> Result<Tensor<'a>, Error> {
    let mut name = table.text(3)?;
    if name.is_empty() {
        name = format!("tensor{at}");
    }
    let buffer = index(table.u32(2, 0)?.into(), buffers.len().max(1), "buffer")?;
    let data = buffers.get(buffer).copied().filter(|data| !data.is_empty());
    let shape = table.i32s(0)?;
    let (quantization, defect) = match table.table(4)? {
        Some(table) => quantization(&table, &shape)?,
        None => (None, None),
    };
    Ok(Tensor {
        name,
        signature: table.i32s(7)?,
        element: Element::from_code(table.u8(1, 0)?),
        data,
        quantization,
        variable: table.flag(5)?,
        defect: if table.has(6)? { Some("sparse weights are not supported") } else { defect },
        shape,
    })
}

type Quantized = (Option<Quantization>, Option<&'static str>);

fn quantization(table: &Table<'_, '_>, shape: &[i32]) -> Result<Quantized, FlatError> {
    if table.u8(4, 0)? != 0 {
        return Ok((None, Some("a quantisation of its own making is not supported")));
    }
    let (scale, mut zero_point) = (table.f32s(2)?, table.i64s(3)?);
    // Floats carry a range and no scale.
    if scale.is_empty() {
        return Ok((None, None));
    }
    if zero_point.is_empty() {
        zero_point = vec![0; scale.len()];
    }
    // Old converters state the axis of the weights for the bias, too, which has only one.
    let stated = usize::try_from(table.i32(6, 0)?).unwrap_or(usize::MAX);
    let axis = if shape.len() == 1 { 0 } else { stated };
    let extent = shape.get(axis).and_then(|&extent| usize::try_from(extent).ok());
    let fits = scale.len() == 1 || extent == Some(scale.len());
    let sound = scale.iter().all(|scale| scale.is_finite() && *scale >= 0.0);
    if !fits || !sound || zero_point.len() != scale.len() {
        return Ok((None, Some("its scales do not fit its shape, or are no positive numbers")));
    }
    Ok((Some(Quantization { scale, zero_point, axis }), None))
}

fn operator(table: &Table<'_, '_>, codes: &[(i32, String)], tensors: usize) -> Result<Operator, Error> {
    let code = index(table.u32(0, 0)?.into(), codes.len(), "operator code")?;
    let (code, custom) = codes.get(code).cloned().unwrap_or_default();
    let optional = |&value: &i32| match value {
        -1 => Ok(None),
        value => index(value.into(), tensors, "tensor").map(Some),
    };
    Ok(Operator {
        op: if custom.is_empty() { super::names::name(code) } else { format!("CUSTOM {custom}") },
        builtin: Builtin::read(code, table.u8(3, 0)?, table.table(4)?)?,
        inputs: table.i32s(1)?.iter().map(optional).collect::<Result<_, _>>()?,
        outputs: indices(&table.i32s(2)?, tensors)?,
        intermediates: indices(&table.i32s(8)?, tensors)?,
    })
}
