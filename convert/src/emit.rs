//! Network to image: sections in order, aligned, zeros between them, and the memory plans.

use crate::facts;
use crate::image::Image;
use crate::network::{Int8, Layer, Network, Port, Quantization};
use crate::pack;
use crate::plan::Plan;
use crate::text::Strings;
use relprop::error::ImageError;
use relprop::model::format::{
    ALIGNMENT, MAGIC, MAX_RANK, MAX_STEPS, NONE_16, NONE_32, Section, VERSION, header, plan, port, step, tensor,
};
use relprop::model::{Model, crc32};
use relprop::plan::{Mode, Placement};
use relprop::step::{DType, Op};
use std::fmt;

/// A network cannot be written as an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmitError {
    /// More tensors, steps, ports, operands or strings than their 16-bit indices can count.
    TooMany(&'static str),
    /// A tensor, the weights or the image as a whole exceed what 31 bits can address.
    TooLarge(&'static str),
    /// A port has more axes than an image can hold.
    Rank {
        /// Name of the port.
        port: String,
    },
    /// The network does not fit together: the kernel refuses the image.
    Invalid(ImageError),
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(what) => write!(f, "the network has too many {what} for an image"),
            Self::TooLarge(what) => write!(f, "the network's {what} are too large for an image (2 GiB at most)"),
            Self::Rank { port } => write!(f, "{port} has more than {MAX_RANK} axes"),
            Self::Invalid(error) => write!(f, "the network does not fit together: {error}"),
        }
    }
}

impl std::error::Error for EmitError {}

impl From<ImageError> for EmitError {
    fn from(error: ImageError) -> Self {
        Self::Invalid(error)
    }
}

/// Writes a network as an image.
///
/// The image is planned for every [`Mode`], and it is the same on every host.
///
/// # Errors
/// When the network does not fit the format, or its parts do not fit together.
pub fn emit(network: &Network) -> Result<Image, EmitError> {
    let Draft { mut bytes, plans } = draft(network)?;
    let model = Model::new_draft(&bytes)?;
    let mut tables = Vec::new();
    for mode in Mode::ALL {
        let plan = Plan::new(&model, mode);
        size(plan.arena, "activations")?;
        tables.extend(plan_table(&plan));
    }
    put(&mut bytes, plans, &tables);
    seal(&mut bytes);
    Ok(Image::from_bytes(&bytes))
}

/// An image whose plans are all zeros.
struct Draft {
    bytes: Vec<u8>,
    /// Where the plans belong.
    plans: usize,
}

fn draft(network: &Network) -> Result<Draft, EmitError> {
    let mut strings = Strings::default();
    let mut params = Params::default();
    let name = strings.name(&network.name);
    let tensors = tensors(network, &mut strings)?;
    let (steps, operands) = steps(network, &mut strings, &mut params)?;
    let ports = ports(network, &mut strings)?;
    let (strings, text) = strings.finish().ok_or(EmitError::TooMany("strings"))?;
    let tables = vec![0; plan::MODES * plan::table_size(network.tensors.len(), network.steps.len())];
    let mut plans = 0;

    let mut bytes = vec![0; header::SIZE];
    put(&mut bytes, header::MAGIC, &MAGIC);
    put(&mut bytes, header::VERSION, &VERSION.to_le_bytes());
    put(&mut bytes, header::HEADER_SIZE, &index(header::SIZE, "fields")?);
    put(&mut bytes, header::INPUTS, &index(network.inputs.len(), "inputs")?);
    put(&mut bytes, header::OUTPUTS, &index(network.outputs.len(), "outputs")?);
    put(&mut bytes, header::NAME, &name.to_le_bytes());
    for section in Section::ALL {
        let content = match section {
            Section::Tensors => &tensors,
            Section::Steps => &steps,
            Section::Operands => &operands,
            Section::Ports => &ports,
            Section::Strings => &strings,
            Section::Text => &text,
            Section::Plans => &tables,
            Section::Params => &params.bytes,
        };
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        if section == Section::Plans {
            plans = bytes.len();
        }
        let entry = header::SECTIONS + 8 * section as usize;
        let offset = size(bytes.len(), "sections")?;
        put(&mut bytes, entry, &offset);
        put(&mut bytes, entry + 4, &size(content.len() / section.record_size(), "sections")?);
        bytes.extend_from_slice(content);
    }
    let file_size = size(bytes.len(), "weights")?;
    put(&mut bytes, header::FILE_SIZE, &file_size);
    seal(&mut bytes);
    Ok(Draft { bytes, plans })
}

fn seal(bytes: &mut [u8]) {
    let crc = crc32(bytes.get(header::CRC_START..).unwrap_or_default());
    put(bytes, header::CRC, &crc.to_le_bytes());
}

fn tensors(network: &Network, strings: &mut Strings) -> Result<Vec<u8>, EmitError> {
    let mut section = Vec::with_capacity(network.tensors.len() * tensor::SIZE);
    let storage = facts::storage(network);
    let non_negative = facts::non_negative(network);
    for ((tensor, root), non_negative) in network.tensors.iter().zip(storage).zip(non_negative) {
        let mut record = [0; tensor::SIZE];
        let dtype = match tensor.quantization {
            Some(_) => DType::I8,
            None if tensor.is_tokens => DType::Token,
            None => DType::F32,
        };
        put(&mut record, tensor::DTYPE, &[dtype as u8]);
        if let Some(Quantization { scale, zero_point }) = tensor.quantization {
            put(&mut record, tensor::SCALE, &scale.to_le_bytes());
            put(&mut record, tensor::ZERO_POINT, &i32::from(zero_point).to_le_bytes());
        }
        let flags = if non_negative { tensor::NON_NEGATIVE } else { 0 }
            | if tensor.ties_to_even { tensor::TIES_TO_EVEN } else { 0 }
            | if tensor.is_sequence { tensor::SEQUENCE } else { 0 };
        put(&mut record, tensor::FLAGS, &[flags]);
        put(&mut record, tensor::NAME, &strings.name(&tensor.name).to_le_bytes());
        put(&mut record, tensor::HEIGHT, &size(tensor.shape.height, "activations")?);
        put(&mut record, tensor::WIDTH, &size(tensor.shape.width, "activations")?);
        put(&mut record, tensor::CHANNELS, &size(tensor.shape.channels, "activations")?);
        put(&mut record, tensor::STORAGE, &index(root, "tensors")?);
        section.extend_from_slice(&record);
    }
    Ok(section)
}

fn steps(network: &Network, strings: &mut Strings, params: &mut Params) -> Result<(Vec<u8>, Vec<u8>), EmitError> {
    if network.steps.len() > MAX_STEPS {
        return Err(EmitError::TooMany("steps"));
    }
    let mut section = Vec::with_capacity(network.steps.len() * step::SIZE);
    let mut operands = Vec::new();
    for layer in &network.steps {
        section.extend_from_slice(&step_record(layer, operands.len() / 2, strings, params)?);
        for &operand in &layer.operands {
            operands.extend_from_slice(&index(operand, "tensors")?);
        }
    }
    Ok((section, operands))
}

fn step_record(
    layer: &Layer,
    first: usize,
    strings: &mut Strings,
    params: &mut Params,
) -> Result<[u8; step::SIZE], EmitError> {
    let mut record = [0; step::SIZE];
    put(&mut record, step::OP, &[layer.op as u8]);
    put(&mut record, step::VARIANT, &[layer.variant]);
    put(&mut record, step::FLAGS, &layer.flags.to_le_bytes());
    put(&mut record, step::NAME, &strings.name(&layer.name).to_le_bytes());
    put(&mut record, step::OUTPUT, &index(layer.output, "tensors")?);
    put(&mut record, step::OPERANDS_FIRST, &size(first, "operands")?);
    put(&mut record, step::OPERANDS_COUNT, &index(layer.operands.len(), "operands")?);
    put_all(&mut record, step::KERNEL, layer.kernel.map(u16::to_le_bytes));
    put_all(&mut record, step::STRIDE, layer.stride.map(u16::to_le_bytes));
    put_all(&mut record, step::DILATION, layer.dilation.map(u16::to_le_bytes));
    put_all(&mut record, step::PADS, layer.pads.map(u16::to_le_bytes));
    put(&mut record, step::GROUPS, &layer.groups.to_le_bytes());
    put(&mut record, step::PARAMS, params.push_all(layer)?.as_flattened().as_flattened());
    put_all(&mut record, step::FLOATS, layer.floats.map(f32::to_le_bytes));
    put_all(&mut record, step::INTS, layer.ints.map(u32::to_le_bytes));
    Ok(record)
}

fn ports(network: &Network, strings: &mut Strings) -> Result<Vec<u8>, EmitError> {
    let mut section = Vec::new();
    for port in network.inputs.iter().chain(&network.outputs) {
        section.extend_from_slice(&port_record(port, strings)?);
    }
    Ok(section)
}

fn port_record(port: &Port, strings: &mut Strings) -> Result<[u8; port::SIZE], EmitError> {
    let mut record = [0; port::SIZE];
    let mut dims = [1; MAX_RANK];
    let Some(used) = dims.get_mut(..port.dims.len()) else {
        return Err(EmitError::Rank { port: port.name.clone() });
    };
    used.copy_from_slice(&port.dims);
    let mut flags = 0;
    put(&mut record, port::TENSOR, &index(port.tensor, "tensors")?);
    put(&mut record, port::NAME, &strings.name(&port.name).to_le_bytes());
    put(&mut record, port::RANK, &[port.dims.len() as u8]);
    put(&mut record, port::ORDER, &port.order);
    for (at, dim) in (port::DIMS..).step_by(4).zip(dims) {
        put(&mut record, at, &size(dim, "activations")?);
    }
    if !port.labels.is_empty() {
        let first = strings.list(&port.labels);
        put(&mut record, port::LABELS_FIRST, &first.to_le_bytes());
        put(&mut record, port::LABELS_COUNT, &index(port.labels.len(), "labels")?);
    }
    flags |= if port.is_text { port::TEXT } else { 0 };
    if let Some((low, high)) = port.range {
        flags |= port::HAS_RANGE;
        put(&mut record, port::LOW, &low.to_le_bytes());
        put(&mut record, port::HIGH, &high.to_le_bytes());
    }
    if let Some(pixels) = port.pixels {
        flags |= port::HAS_PIXELS | if pixels.bgr { port::BGR } else { 0 };
        put_all(&mut record, port::PIXEL_SCALE, pixels.scale.map(f32::to_le_bytes));
        put_all(&mut record, port::PIXEL_OFFSET, pixels.offset.map(f32::to_le_bytes));
    }
    put(&mut record, port::FLAGS, &[flags]);
    Ok(record)
}

/// One mode's table of the plan section.
fn plan_table(plan: &Plan) -> Vec<u8> {
    let mut table = Vec::with_capacity(plan::table_size(plan.values.len(), plan.scratch.len()));
    table.extend_from_slice(&(plan.arena as u32).to_le_bytes());
    table.extend_from_slice(&offset(plan.ledger));
    for (value, relevance) in plan.values.iter().zip(&plan.relevances) {
        table.extend_from_slice(&placement(value));
        table.extend_from_slice(&placement(relevance));
    }
    for &scratch in &plan.scratch {
        table.extend_from_slice(scratch.map(offset).as_flattened());
    }
    table
}

fn placement(placement: &Placement) -> [u8; 8] {
    let mut half = [0; 8];
    put(&mut half, 0, &offset(placement.offset));
    put(&mut half, 4, &(placement.lifetime.first as u16).to_le_bytes());
    put(&mut half, 6, &(placement.lifetime.last as u16).to_le_bytes());
    half
}

fn offset(offset: Option<usize>) -> [u8; 4] {
    offset.map_or(NONE_32, |offset| offset as u32).to_le_bytes()
}

/// The parameter section as it grows.
#[derive(Default)]
struct Params {
    bytes: Vec<u8>,
}

impl Params {
    /// Appends a block, aligned, and returns its offset in bytes and its length in elements.
    fn push<const W: usize>(&mut self, block: &[[u8; W]]) -> Result<[[u8; 4]; 2], EmitError> {
        if block.is_empty() {
            return Ok([[0; 4]; 2]);
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        let place = [size(self.bytes.len(), "weights")?, size(block.len(), "weights")?];
        self.bytes.extend_from_slice(block.as_flattened());
        Ok(place)
    }

    /// Appends the blocks of a step.
    fn push_all(&mut self, layer: &Layer) -> Result<[[[u8; 4]; 2]; 4], EmitError> {
        let mut places = [[[0; 4]; 2]; 4];
        for (place, block) in places.iter_mut().zip(&layer.params) {
            *place = self.push(&block.iter().map(|value| value.to_le_bytes()).collect::<Vec<_>>())?;
        }
        if layer.int8 == Int8::default() {
            return Ok(places);
        }
        let Int8 { weights, bias, rescale, table } = &layer.int8;
        let padding =
            if layer.op.is_weighted() || layer.op == Op::Lstm { pack::int8::padding(weights.len()) } else { 0 };
        let weights: Vec<[u8; 1]> =
            weights.iter().map(|&w| w.to_le_bytes()).chain(std::iter::repeat_n([0], padding)).collect();
        let bias: Vec<[u8; 4]> = bias.iter().map(|value| value.to_le_bytes()).collect();
        let pairs = |&[multiplier, shift]: &[i32; 2]| {
            let mut pair = [0; 8];
            put(&mut pair, 0, &multiplier.to_le_bytes());
            put(&mut pair, 4, &shift.to_le_bytes());
            pair
        };
        let rescale: Vec<[u8; 8]> = rescale.iter().map(pairs).collect();
        let table: Vec<[u8; 2]> = table.iter().map(|entry| entry.to_le_bytes()).collect();
        Ok([self.push(&weights)?, self.push(&bias)?, self.push(&rescale)?, self.push(&table)?])
    }
}

/// Overwrites part of a record; what lies outside it is dropped.
fn put(record: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = record.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

fn put_all<const W: usize, const N: usize>(record: &mut [u8], at: usize, values: [[u8; W]; N]) {
    put(record, at, values.as_flattened());
}

/// A 16-bit index or count.
fn index(value: usize, what: &'static str) -> Result<[u8; 2], EmitError> {
    match u16::try_from(value) {
        Ok(value) if value != NONE_16 => Ok(value.to_le_bytes()),
        _ => Err(EmitError::TooMany(what)),
    }
}

/// A 32-bit size, which the kernel wants to fit 31 bits.
fn size(value: usize, what: &'static str) -> Result<[u8; 4], EmitError> {
    match i32::try_from(value) {
        Ok(value) => Ok(value.to_le_bytes()),
        Err(_) => Err(EmitError::TooLarge(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::{EmitError, emit};
    use crate::builder::Window;
    use crate::network::{Layer, Network};
    use crate::parse;
    use relprop::plan::Mode;
    use relprop::step::{Function, Op, Pixels, Shape};

    /// One of everything.
    fn network() -> Network {
        let mut n = Network::named("everything");
        let x = n.input("x", Shape::new(9, 8, 3));
        let window = Window { stride: [2, 1], pads: [1, 1, 0, 1], ..Window::new(3, 3) };
        let y = n.conv(x, &window, 4, &[0.5; 108], &[1.0; 4]);
        let y = n.relu(y);
        let y = n.conv(y, &Window { groups: 4, ..Window::new(1, 1) }, 4, &[1.0; 4], &[]);
        let y = n.conv(y, &Window { groups: 2, ..Window::new(1, 1) }, 6, &[1.0; 12], &[]);
        let y = n.max_pool(y, &Window { stride: [2, 2], ceil: true, ..Window::new(2, 2) });
        let y = n.affine(y, &[2.0; 6], &[]);
        let z = n.activation(y, Function::Clip, [0.0, 6.0]);
        let y = n.sub(y, z);
        let gate = n.global_average_pool(y);
        let gate = n.activation(gate, Function::Sigmoid, [0.0; 2]);
        let y = n.mul(y, gate);
        let y = n.concat(&[y, z], 2);
        let y = n.pad(y, [1, 0, 0], Shape::new(4, 4, 12), 0.0);
        let y = n.slice(y, [0, 0, 1], [1, 1, 2], Shape::new(4, 4, 6));
        let y = n.prelu(y, &[0.1; 6]);
        let y = n.local_response_norm(y, 5, 1e-4, 0.75, 1.0);
        let y = n.conv_transpose(y, &Window { stride: [2, 2], ..Window::new(2, 2) }, 2, &[1.0; 48], &[0.0; 2]);
        let y = n.transpose(y, [1, 64, 2, 1], [0, 2, 1, 3], Shape::new(2, 64, 1));
        let y = n.view(y, Shape::new(1, 1, 128));
        let y = n.dense(y, 3, &[1.0; 384], &[0.0; 3]);
        n.output(y);
        let y = n.softmax(y, true);
        n.output(y);
        n.inputs[0].range = Some((0.0, 1.0));
        n.inputs[0].pixels = Some(Pixels { scale: [1.0 / 255.0; 4], offset: [0.0; 4], bgr: true });
        n.outputs[0].labels = ["cat", "dog", "x"].map(String::from).to_vec();
        n
    }

    #[test]
    fn the_kernel_accepts_what_is_emitted() {
        let image = emit(&network()).unwrap();
        let model = image.model().unwrap();
        assert_eq!(model.name(), "everything");
        assert_eq!(model.label(&model.output(0), 1), "dog");
    }

    #[test]
    fn parse_is_the_inverse_of_emit() {
        let network = network();
        let image = emit(&network).unwrap();
        let parsed = parse(&image.model().unwrap());
        assert_eq!(parsed, network);
        assert_eq!(emit(&parsed).unwrap(), image);
    }

    #[test]
    fn plans_are_tight() {
        let image = emit(&network()).unwrap();
        let model = image.model().unwrap();
        for mode in Mode::ALL {
            let plan = crate::Plan::new(&model, mode);
            assert!(plan.arena * 10 <= plan.lower_bound * 11);
            assert_eq!(model.arena_bytes(mode), plan.arena);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let mut dangling = network();
        dangling.steps.push(Layer::new("view", Op::View, vec![999], 2));
        assert!(matches!(emit(&dangling), Err(EmitError::Invalid(_))));
        let mut huge = network();
        huge.tensors[0].shape = Shape::new(usize::MAX, usize::MAX, 3);
        assert_eq!(emit(&huge), Err(EmitError::TooLarge("activations")));
        let mut rank = network();
        rank.outputs[0].dims = vec![1; 7];
        assert!(matches!(emit(&rank), Err(EmitError::Rank { .. })));
        assert!(matches!(emit(&Network::default()), Err(EmitError::Invalid(_))));
    }
}
