//! The rows, and the sound images that they are about.

pub mod hollow;
pub mod parts;
pub mod places;
pub mod signs;

use relprop::error::{Place, Reason};
use relprop::model::format::{header, lstm_int8, plan, port, step, string, tensor};
use relprop::step::{Op, Pixels, Shape};
use relprop_convert::network::{Int8, Layer, Port, Quantization};
use relprop_convert::{Network, Window};
use support::lstm_int8::Cell;

/// A value of a field that must not be.
pub struct Row {
    pub field: &'static str,
    pub base: Base,
    /// Which record, or which plan.
    pub record: usize,
    /// Where in the record.
    pub at: usize,
    pub value: Vec<u8>,
    /// With the right checksum.
    pub repaired: bool,
    pub place: Place,
    pub index: usize,
    pub reason: Reason,
}

/// A sound image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Tensors: 0 picture, 1 convolution, 2 its activation (in place), 3 pooled, 4 padded, 5 scores. Steps: 0 conv, 1 relu,
    /// 2 max pool, 3 pad, 4 dense.
    Floats,
    /// A dense layer over int8.
    Int8,
    /// An LSTM over int8.
    Cell,
    /// Tokens that are words, an embedding, their mean.
    Words,
    /// An addition.
    Sum,
    /// Two inputs side by side.
    Concat,
    /// Four moments of two numbers each.
    Sequence,
}

impl Base {
    /// The network.
    pub fn network(self) -> Network {
        let mut n = Network::named("sound");
        match self {
            Self::Floats => {
                let x = n.input("x", Shape::new(4, 4, 3));
                let y = n.conv(x, &Window::new(3, 3), 2, &[0.5; 54], &[0.1; 2]);
                let y = n.relu(y);
                let y = n.max_pool(y, &Window::new(2, 2));
                let y = n.pad(y, [0, 0, 0], Shape::new(2, 1, 2), 0.5);
                let y = n.dense(y, 3, &[0.25; 12], &[0.0; 3]);
                n.output(y);
                n.inputs[0].range = Some((0.0, 1.0));
                n.inputs[0].pixels = Some(Pixels { scale: [1.0; 4], offset: [0.0; 4], bgr: true });
                n.outputs[0].labels = ["a", "b", "c"].map(String::from).to_vec();
            }
            Self::Int8 => {
                let unit = Some(Quantization { scale: 0.5, zero_point: 3 });
                let x = n.input("x", Shape::new(1, 1, 4));
                let y = n.tensor("y", Shape::new(1, 1, 2));
                n.tensors[x].quantization = unit;
                n.tensors[y].quantization = unit;
                let mut layer = Layer::new("dense", Op::Dense, vec![x], y);
                let rescale = vec![[1 << 30, 0]; 2];
                layer.int8 = Int8 { weights: vec![1; 8], bias: vec![0; 2], rescale, table: Vec::new() };
                (layer.ints[0], layer.ints[1]) = (-128_i32 as u32, 127);
                n.steps.push(layer);
                n.outputs.push(Port::new("y", y, vec![1, 2]));
            }
            Self::Cell => n = Cell::plain().network(),
            Self::Words => {
                let tokens = n.token_input("tokens", 5);
                let x = n.embedding(tokens, 2, &[0.5; 6]);
                let mean = n.average_pool(x, &Window::new(5, 1), false);
                n.output(mean);
                n.inputs[0].labels = ["", "good", "well"].map(String::from).to_vec();
                n.inputs[0].is_text = true;
            }
            Self::Sequence => {
                let x = n.sequence_input("x", 4, 2);
                let y = n.relu(x);
                n.output(y);
            }
            Self::Concat => {
                let a = n.input("a", Shape::new(1, 1, 2));
                let b = n.input("b", Shape::new(1, 1, 3));
                let y = n.concat(&[a, b], 2);
                n.output(y);
            }
            Self::Sum => {
                let a = n.input("a", Shape::new(1, 1, 2));
                let b = n.input("b", Shape::new(1, 1, 2));
                let y = n.add(a, b);
                n.output(y);
            }
        }
        n
    }
}

fn row(field: &'static str, base: Base, at: usize, value: &[u8], place: Place, reason: Reason) -> Row {
    Row { field, base, record: 0, at, value: value.to_vec(), repaired: true, place, index: 0, reason }
}

impl Row {
    /// Of this record, which is the one that the error names.
    fn of(self, record: usize) -> Self {
        Self { record, index: record, ..self }
    }

    /// The error names another record.
    fn named(self, index: usize) -> Self {
        Self { index, ..self }
    }

    fn unrepaired(self) -> Self {
        Self { repaired: false, ..self }
    }
}

/// All of them.
pub fn rows() -> Vec<Row> {
    let mut rows = head();
    rows.extend(tensors());
    rows.extend(steps());
    rows.extend(ports());
    rows.extend(others());
    rows
}

const NAN: [u8; 4] = f32::NAN.to_le_bytes();
const INFINITY: [u8; 4] = f32::INFINITY.to_le_bytes();
const ZERO: [u8; 4] = [0; 4];
const ALL: [u8; 4] = [0xff; 4];

fn head() -> Vec<Row> {
    use Reason::{Bounds, Checksum, Empty, Index, NotAnImage, Reserved, Size, Truncated, UnknownFlag, UnknownVersion};
    let head = |field, at, value: &[u8], reason| row(field, Base::Floats, at, value, Place::Header, reason);
    let section = |k: usize, at: usize, value: &[u8], reason| {
        row("header::SECTIONS", Base::Floats, header::SECTIONS + 8 * k + at, value, Place::Section, reason).named(k)
    };
    vec![
        head("header::MAGIC", header::MAGIC, b"r", NotAnImage),
        head("header::MAGIC", header::MAGIC + 7, &[1], NotAnImage),
        head("header::VERSION", header::VERSION, &[0, 0], UnknownVersion),
        head("header::VERSION", header::VERSION, &[4, 0], UnknownVersion),
        head("header::HEADER_SIZE", header::HEADER_SIZE, &[97, 0], UnknownVersion),
        head("header::FLAGS", header::FLAGS, &[1], UnknownFlag),
        head("header::FLAGS", header::FLAGS + 3, &[128], UnknownFlag),
        head("header::FILE_SIZE", header::FILE_SIZE, &ZERO, Truncated),
        head("header::FILE_SIZE", header::FILE_SIZE, &ALL, Truncated),
        head("header::CRC", header::CRC, &ZERO, Checksum).unrepaired(),
        section(0, 0, &ALL, Bounds),
        section(0, 4, &ALL, Bounds),
        section(1, 0, &[1], Bounds),
        section(7, 4, &ALL, Bounds),
        // As many plans as the tensors and steps need.
        section(6, 4, &[4, 0, 0, 0], Bounds).named(7),
        head("header::INPUTS", header::INPUTS, &[0, 0], Empty),
        head("header::INPUTS", header::INPUTS, &[2, 0], Index),
        head("header::OUTPUTS", header::OUTPUTS, &[0, 0], Empty),
        head("header::OUTPUTS", header::OUTPUTS, &[0xff, 0xff], Index),
        head("header::NAME", header::NAME, &[0xfe, 0xff], Index),
        head("header::RESERVED", header::RESERVED, &[1], Reserved),
        head("header::RESERVED", header::RESERVED + 1, &[1], Reserved),
        // No step.
        section(1, 4, &ZERO, Bounds).named(2),
        row("string::LENGTH", Base::Floats, string::LENGTH, &ALL, Place::String, Bounds),
        row("string::OFFSET", Base::Floats, string::OFFSET, &ALL, Place::String, Bounds),
        row("tensor::HEIGHT", Base::Floats, tensor::HEIGHT, &ALL, Place::Tensor, Size),
    ]
}

fn tensors() -> Vec<Row> {
    use Reason::{Attribute, Index, Reserved, Sequence, Sign, Size, Storage, UnknownFlag, UnknownType};
    let of = |base, field, at, value: &[u8], reason| row(field, base, at, value, Place::Tensor, reason);
    let float = |field, at, value: &[u8], reason| of(Base::Floats, field, at, value, reason);
    let int8 = |field, at, value: &[u8]| of(Base::Int8, field, at, value, Attribute);
    vec![
        float("tensor::DTYPE", tensor::DTYPE, &[3], UnknownType).of(1),
        float("tensor::DTYPE", tensor::DTYPE, &[255], UnknownType),
        float("tensor::FLAGS", tensor::FLAGS, &[8], UnknownFlag),
        float("tensor::FLAGS", tensor::FLAGS, &[128], UnknownFlag).of(5),
        float("tensor::NAME", tensor::NAME, &[0xfe, 0xff], Index),
        float("tensor::HEIGHT", tensor::HEIGHT, &ZERO, Size),
        float("tensor::WIDTH", tensor::WIDTH, &ZERO, Size).of(3),
        float("tensor::WIDTH", tensor::WIDTH, &ALL, Size),
        float("tensor::CHANNELS", tensor::CHANNELS, &ZERO, Size),
        float("tensor::CHANNELS", tensor::CHANNELS, &ALL, Size),
        float("tensor::STORAGE", tensor::STORAGE, &[6, 0], Index),
        float("tensor::STORAGE", tensor::STORAGE, &[4, 0], Storage),
        float("tensor::STORAGE", tensor::STORAGE, &[1, 0], Storage).of(3),
        float("tensor::RESERVED_18", tensor::RESERVED_18, &[1], Reserved),
        float("tensor::RESERVED_18", tensor::RESERVED_18 + 1, &[1], Reserved),
        float("tensor::RESERVED_28", tensor::RESERVED_28 + 3, &[1], Reserved),
        float("tensor::SCALE", tensor::SCALE, &[1], Attribute),
        float("tensor::ZERO_POINT", tensor::ZERO_POINT, &[1], Attribute),
        int8("tensor::SCALE", tensor::SCALE, &ZERO),
        int8("tensor::SCALE", tensor::SCALE, &NAN),
        int8("tensor::SCALE", tensor::SCALE, &INFINITY),
        int8("tensor::SCALE", tensor::SCALE, &(-1.0_f32).to_le_bytes()),
        int8("tensor::SCALE", tensor::SCALE, &1_u32.to_le_bytes()),
        int8("tensor::ZERO_POINT", tensor::ZERO_POINT, &128_i32.to_le_bytes()),
        int8("tensor::ZERO_POINT", tensor::ZERO_POINT, &(-129_i32).to_le_bytes()),
        // A convolution may be negative, and an input, too.
        row("tensor::NON_NEGATIVE", Base::Floats, tensor::FLAGS, &[tensor::NON_NEGATIVE], Place::Step, Sign)
            .of(1)
            .named(0),
        row("tensor::NON_NEGATIVE", Base::Floats, tensor::FLAGS, &[tensor::NON_NEGATIVE], Place::Port, Sign),
        float("tensor::TIES_TO_EVEN", tensor::FLAGS, &[tensor::TIES_TO_EVEN], Attribute),
        // Rows of a picture are no moments.
        row("tensor::SEQUENCE", Base::Floats, tensor::FLAGS, &[tensor::SEQUENCE], Place::Step, Sequence),
    ]
}

fn steps() -> Vec<Row> {
    use Reason::{
        Attribute, Bounds, Index, Operands, Params, Reserved, Shape, UnknownFlag, UnknownOp, UnknownType,
        UnknownVariant,
    };
    let of = |base, field, at, value: &[u8], reason| row(field, base, at, value, Place::Step, reason);
    let float = |field, at, value: &[u8], reason| of(Base::Floats, field, at, value, reason);
    let int8 = |field, at, value: &[u8], reason| of(Base::Int8, field, at, value, reason);
    let cell = |field, at, value: &[u8], reason| of(Base::Cell, field, at, value, reason);
    let mut rows = vec![
        float("step::OP", step::OP, &[0], UnknownOp),
        float("step::OP", step::OP, &[23], UnknownOp).of(2),
        float("step::OP", step::OP, &[255], UnknownOp).of(4),
        int8("step::OP", step::OP, &[Op::Affine as u8], UnknownType),
        float("step::VARIANT", step::VARIANT, &[1], UnknownVariant),
        float("step::VARIANT", step::VARIANT, &[13], UnknownVariant).of(1),
        float("step::NAME", step::NAME, &[0xfe, 0xff], Index),
        float("step::OUTPUT", step::OUTPUT, &[6, 0], Index),
        row("step::OUTPUT", Base::Sum, step::OUTPUT, &[0, 0], Place::Port, Reason::Port),
        float("step::OPERANDS_FIRST", step::OPERANDS_FIRST, &[5], Operands),
        float("step::OPERANDS_FIRST", step::OPERANDS_FIRST, &ALL, Operands),
        // Lists neither overlap nor leave anything out.
        float("step::OPERANDS_FIRST", step::OPERANDS_FIRST, &[1], Operands),
        float("step::OPERANDS_FIRST", step::OPERANDS_FIRST, &[0], Operands).of(1),
        float("step::OPERANDS_COUNT", step::OPERANDS_COUNT, &[0, 0], Operands),
        float("step::OPERANDS_COUNT", step::OPERANDS_COUNT, &[2, 0], Operands),
        of(Base::Sum, "step::OPERANDS_COUNT", step::OPERANDS_COUNT, &[1, 0], Operands),
        // One that is behind the last.
        of(Base::Concat, "step::OPERANDS_COUNT", step::OPERANDS_COUNT, &[3, 0], Operands),
        float("step::RESERVED_14", step::RESERVED_14, &[1], Reserved),
        float("step::RESERVED_120", step::RESERVED_120, &[1], Reserved),
        float("step::RESERVED_120", step::RESERVED_120 + 7, &[1], Reserved),
        float("step::KERNEL", step::KERNEL, &[0, 0], Attribute),
        float("step::KERNEL", step::KERNEL + 2, &[0, 0], Attribute),
        float("step::KERNEL", step::KERNEL, &[0xff, 0xff], Shape),
        float("step::KERNEL", step::KERNEL, &[1], Reserved).of(4),
        float("step::STRIDE", step::STRIDE, &[0, 0], Attribute),
        float("step::STRIDE", step::STRIDE + 2, &[0, 0], Attribute).of(2),
        float("step::STRIDE", step::STRIDE, &[1], Reserved).of(1),
        float("step::DILATION", step::DILATION, &[0, 0], Attribute),
        float("step::DILATION", step::DILATION + 2, &[9, 0], Shape),
        float("step::DILATION", step::DILATION, &[1], Reserved).of(1),
        float("step::PADS", step::PADS, &[0xff, 0xff], Shape),
        float("step::PADS", step::PADS + 6, &[1, 0], Shape),
        float("step::PADS", step::PADS + 6, &[1, 0], Reserved).of(4),
        float("step::GROUPS", step::GROUPS, &ZERO, Attribute),
        float("step::GROUPS", step::GROUPS, &[2], Shape),
        float("step::GROUPS", step::GROUPS, &ALL, Shape),
        float("step::GROUPS", step::GROUPS, &[1], Reserved).of(2),
        // Offset, length, and blocks that nobody reads.
        float("step::PARAMS", step::PARAMS, &[8], Bounds),
        float("step::PARAMS", step::PARAMS, &[0xf0, 0xff, 0xff, 0xff], Bounds),
        float("step::PARAMS", step::PARAMS + 4, &ALL, Bounds),
        float("step::PARAMS", step::PARAMS + 4, &[1, 0, 0, 0], Params),
        float("step::PARAMS", step::PARAMS + 12, &[1, 0, 0, 0], Params),
        float("step::PARAMS", step::PARAMS + 16, &[16], Reserved),
        float("step::PARAMS", step::PARAMS + 28, &[1], Reserved),
        float("step::PARAMS", step::PARAMS + 4, &[1], Reserved).of(2),
        int8("step::PARAMS", step::PARAMS + 4, &[9, 0, 0, 0], Params),
        int8("step::PARAMS", step::PARAMS + 12, &[1, 0, 0, 0], Params),
        int8("step::PARAMS", step::PARAMS + 20, &[1, 0, 0, 0], Params),
        // Four bytes for each: more than there are.
        of(Base::Words, "step::PARAMS", step::PARAMS + 4, &[8, 0, 0, 0], Bounds),
        cell("step::PARAMS", step::PARAMS + 28, &[255, 0, 0, 0], Params),
        float("step::FLOATS", step::FLOATS, &NAN, Attribute).of(3),
        float("step::FLOATS", step::FLOATS, &INFINITY, Attribute).of(3),
        float("step::FLOATS", step::FLOATS + 4, &NAN, Attribute).of(1),
        float("step::FLOATS", step::FLOATS, &[1], Reserved),
        float("step::FLOATS", step::FLOATS + 4, &[1], Reserved).of(3),
        // Where a pad's inside begins.
        float("step::INTS", step::INTS, &[2, 0, 0, 0], Shape).of(3),
        float("step::INTS", step::INTS + 8, &ALL, Shape).of(3),
        float("step::INTS", step::INTS + 12, &[1], Reserved).of(3),
        float("step::INTS", step::INTS + 28, &[1], Reserved),
        // The range of an int8 output.
        int8("step::INTS", step::INTS, &(-129_i32).to_le_bytes(), Attribute),
        int8("step::INTS", step::INTS + 4, &128_i32.to_le_bytes(), Attribute),
        int8("step::INTS", step::INTS, &127_i32.to_le_bytes(), Attribute).raised(),
        cell("lstm_int8::CELL_PLACES", step::INTS + 4 * lstm_int8::CELL_PLACES, &[16, 0, 0, 0], Attribute),
        cell("lstm_int8::CELL_PLACES", step::INTS + 4 * lstm_int8::CELL_PLACES, &ALL, Attribute),
        cell("lstm_int8::CELL_BOUND", step::INTS + 4 * lstm_int8::CELL_BOUND, &[0, 0x80, 0, 0], Attribute),
        // An embedding of an int8 table has a scale.
        of(Base::Words, "step::VARIANT_INT8_TABLE", step::VARIANT, &[step::VARIANT_INT8_TABLE], Attribute),
        of(Base::Words, "step::VARIANT_INT8_TABLE", step::VARIANT, &[2], UnknownVariant),
        // A tensor that is written already, of another shape.
        float("step::OUTPUT", step::OUTPUT, &[1, 0], Shape).of(4),
    ];
    // No flag means anything to a convolution, and what none is defined for is refused everywhere.
    let flags = [
        ("step::FLAG_COUNT_PAD", step::FLAG_COUNT_PAD),
        ("step::FLAG_SUBTRACT", step::FLAG_SUBTRACT),
        ("step::FLAG_SINGLE_ROUNDING", step::FLAG_SINGLE_ROUNDING),
        ("step::FLAG_REVERSE", step::FLAG_REVERSE),
        ("step::FLAG_ALL_STATES", step::FLAG_ALL_STATES),
        ("step::FLAG_RESET_AFTER", step::FLAG_RESET_AFTER),
    ];
    for (field, flag) in flags {
        rows.push(float(field, step::FLAGS, &flag.to_le_bytes(), UnknownFlag));
        rows.push(float(field, step::FLAGS, &flag.to_le_bytes(), UnknownFlag).of(4));
    }
    for bit in 6..16 {
        rows.push(float("step::FLAGS", step::FLAGS, &(1_u16 << bit).to_le_bytes(), UnknownFlag).of(2));
        rows.push(cell("step::FLAGS", step::FLAGS, &(1_u16 << bit).to_le_bytes(), UnknownFlag));
    }
    rows
}

impl Row {
    /// The lower end above the upper one: both are set.
    fn raised(mut self) -> Self {
        self.value.extend_from_slice(&126_i32.to_le_bytes());
        self
    }
}

fn ports() -> Vec<Row> {
    use Reason::{Attribute, Index, Reserved, Shape, UnknownFlag, Words};
    let of = |base, field, at, value: &[u8], reason| row(field, base, at, value, Place::Port, reason);
    let float = |field, at, value: &[u8], reason| of(Base::Floats, field, at, value, reason);
    let has = port::HAS_RANGE | port::HAS_PIXELS | port::BGR;
    vec![
        float("port::TENSOR", port::TENSOR, &[6, 0], Index),
        float("port::TENSOR", port::TENSOR, &[1, 0], Shape),
        of(Base::Sum, "port::TENSOR", port::TENSOR, &[2, 0], Reason::Port),
        of(Base::Sum, "port::TENSOR", port::TENSOR, &[0, 0], Reason::Port).of(1),
        of(Base::Sum, "port::TENSOR", port::TENSOR, &[0, 0], Reason::Port).of(2),
        float("port::NAME", port::NAME, &[0xfe, 0xff], Index),
        float("port::RANK", port::RANK, &[7], Shape),
        float("port::RANK", port::RANK, &[1], Shape),
        of(Base::Sum, "port::RANK", port::RANK, &[3], Shape),
        float("port::FLAGS", port::FLAGS, &[16 | has], UnknownFlag),
        float("port::FLAGS", port::FLAGS, &[128], UnknownFlag),
        float("port::HAS_RANGE", port::FLAGS, &[has & !port::HAS_RANGE], Reserved),
        float("port::HAS_PIXELS", port::FLAGS, &[has & !port::HAS_PIXELS], Reserved),
        float("port::BGR", port::FLAGS, &[port::BGR], Reserved).of(1),
        // Only tokens are words.
        float("port::TEXT", port::FLAGS, &[has | port::TEXT], Words),
        float("port::TEXT", port::FLAGS, &[port::TEXT], Words).of(1),
        of(Base::Words, "port::LABELS_COUNT", port::LABELS_COUNT, &[1, 0], Words),
        float("port::LABELS_FIRST", port::LABELS_FIRST, &[1, 0], Reserved),
        float("port::LABELS_FIRST", port::LABELS_FIRST, &[0xff, 0xff], Index).of(1),
        float("port::LABELS_COUNT", port::LABELS_COUNT, &[2, 0], Attribute).of(1),
        float("port::LABELS_COUNT", port::LABELS_COUNT, &[0, 0], Reserved).of(1),
        of(Base::Words, "port::LABELS_COUNT", port::LABELS_COUNT, &[0xff, 0xff], Index),
        float("port::ORDER", port::ORDER, &[6], Attribute),
        float("port::ORDER", port::ORDER, &[0, 0], Attribute),
        float("port::DIMS", port::DIMS, &ZERO, Shape),
        float("port::DIMS", port::DIMS, &ALL, Shape),
        float("port::DIMS", port::DIMS + 20, &[2], Shape),
        float("port::DIMS", port::DIMS, &[0xff; 12], Shape),
        // As many elements, and other moments.
        of(Base::Sequence, "port::DIMS", port::DIMS + 4, &[2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0], Reason::Sequence),
        float("port::LOW", port::LOW, &NAN, Attribute),
        float("port::LOW", port::LOW, &1.0_f32.to_le_bytes(), Attribute),
        float("port::LOW", port::LOW, &[1], Reserved).of(1),
        float("port::HIGH", port::HIGH, &INFINITY, Attribute),
        float("port::HIGH", port::HIGH, &ZERO, Attribute),
        float("port::PIXEL_SCALE", port::PIXEL_SCALE + 12, &NAN, Attribute),
        float("port::PIXEL_SCALE", port::PIXEL_SCALE, &[1], Reserved).of(1),
        float("port::PIXEL_OFFSET", port::PIXEL_OFFSET, &INFINITY, Attribute),
        float("port::PIXEL_OFFSET", port::PIXEL_OFFSET + 15, &[1], Reserved).of(1),
    ]
}

/// Plans, of every mode: 0 infer, 1 explain, 2 retain.
fn others() -> Vec<Row> {
    use Reason::{Arena, Bounds, Lifetime, Storage};
    let plan =
        |mode, field, at, value: &[u8], reason| row(field, Base::Floats, at, value, Place::Plan, reason).of(mode);
    let entry = |tensor: usize| plan::HEAD + tensor * plan::ENTRY;
    let scratch = |step: usize| plan::HEAD + 6 * plan::ENTRY + step * plan::SCRATCH;
    let mut rows = Vec::new();
    for mode in 0..plan::MODES {
        let explains = mode > 0;
        let ledger: &[u8] = if explains { &ALL } else { &ZERO };
        rows.extend([
            plan(mode, "plan::ARENA", plan::ARENA, &[16, 0, 0, 0], Arena),
            plan(mode, "plan::ARENA", plan::ARENA, &[1], Arena),
            plan(mode, "plan::ARENA", plan::ARENA, &ALL, Arena),
            plan(mode, "plan::LEDGER", plan::LEDGER, ledger, Arena),
            plan(mode, "plan::VALUE_OFFSET", entry(0) + plan::VALUE_OFFSET, &[4], Bounds),
            plan(mode, "plan::VALUE_OFFSET", entry(0) + plan::VALUE_OFFSET, &ALL, Lifetime),
            plan(mode, "plan::VALUE_OFFSET", entry(2) + plan::VALUE_OFFSET, &[0xf0, 0xff, 0xff, 0x7f], Storage),
            plan(mode, "plan::VALUE_FIRST", entry(4) + plan::VALUE_FIRST, &[20, 0], Lifetime),
            plan(mode, "plan::VALUE_LAST", entry(5) + plan::VALUE_LAST, &[0, 0], Lifetime),
        ]);
        if explains {
            rows.extend([
                plan(mode, "plan::RELEVANCE_OFFSET", entry(0) + plan::RELEVANCE_OFFSET, &ALL, Lifetime),
                plan(mode, "plan::RELEVANCE_OFFSET", entry(0) + plan::RELEVANCE_OFFSET, &[4], Bounds),
                plan(mode, "plan::RELEVANCE_FIRST", entry(0) + plan::RELEVANCE_FIRST, &[99, 0], Lifetime),
                plan(mode, "plan::RELEVANCE_LAST", entry(0) + plan::RELEVANCE_LAST, &[0, 0], Lifetime),
                // A scratch that is needed and has no place.
                plan(mode, "plan::SCRATCH", scratch(0) + 4, &ALL, Bounds),
                plan(mode, "plan::SCRATCH", scratch(0) + 4, &[1], Bounds),
                plan(mode, "plan::SCRATCH", scratch(0) + 4, &[0xf0, 0xff, 0xff, 0x7f], Arena),
            ]);
        } else {
            rows.push(plan(mode, "plan::RELEVANCE_OFFSET", entry(0) + plan::RELEVANCE_OFFSET, &ZERO, Lifetime));
        }
    }
    rows
}
