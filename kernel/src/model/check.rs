//! Every rule that an image must obey, in one place, before anything runs.
//!
//! The order matters: each check may use what the ones before it have established.

use super::format::{
    ALIGNMENT, BLOCK, BLOCK_INT8, MAGIC, MAX_BIAS_INT8, MAX_FAN_INT8, MAX_RANK, MAX_STEPS, NONE_16, NONE_32,
};
use super::format::{Section, VERSION};
use super::format::{header, lstm_int8, plan as table, port, step as field, string, tensor};
use super::{Model, read_f32, read_size, read_u8, read_u16, read_u32, slice};
use crate::error::{ImageError, Place, Reason};
use crate::plan::{
    Lifetime, Mode, Room, ledger_bytes, may_overlay, may_overlay_value, relevance_lifetime, scratch_bytes,
    value_lifetime,
};
use crate::step::{Axis, DType, Function, Op, Shape, Step, quotient, remainder};

/// No size in an image may exceed this: whatever is computed from it then fits 32 bits.
const MAX_BYTES: u64 = i32::MAX as u64;

macro_rules! ensure {
    ($condition:expr, $place:ident $index:expr, $reason:ident) => {
        if !$condition {
            return Err(ImageError { place: Place::$place, index: $index, reason: Reason::$reason });
        }
    };
    ($condition:expr, $reason:ident) => {
        if !$condition {
            return Err(Reason::$reason);
        }
    };
}

macro_rules! attempt {
    ($result:expr) => {
        if let Err(error) = $result {
            return Err(error);
        }
    };
    ($result:expr, $place:ident $index:expr) => {
        if let Err(reason) = $result {
            return Err(ImageError { place: Place::$place, index: $index, reason });
        }
    };
}

/// All checks.
pub(super) const fn image(bytes: &[u8]) -> Result<(), ImageError> {
    attempt!(draft(bytes));
    let model = Model::new_unchecked(bytes);
    let mut mode = 0;
    while mode < Mode::ALL.len() {
        attempt!(plan(&model, Mode::ALL[mode]), Plan mode);
        mode += 1;
    }
    Ok(())
}

/// All checks but those of the plans.
pub(super) const fn draft(bytes: &[u8]) -> Result<(), ImageError> {
    attempt!(head(bytes));
    let model = Model::new_unchecked(bytes);
    attempt!(strings(&model));
    attempt!(tensors(&model));
    attempt!(steps(&model));
    attempt!(ports(&model));
    attempt!(order(&model));
    attempt!(storage(&model));
    Ok(())
}

const fn head(bytes: &[u8]) -> Result<(), ImageError> {
    ensure!(bytes.len() >= MAGIC.len(), Header 0, NotAnImage);
    let mut i = 0;
    while i < MAGIC.len() {
        ensure!(bytes[i] == MAGIC[i], Header 0, NotAnImage);
        i += 1;
    }
    ensure!(bytes.len() >= header::SIZE, Header 0, Truncated);
    ensure!(read_u16(bytes, header::VERSION) == VERSION, Header 0, UnknownVersion);
    ensure!(read_u16(bytes, header::HEADER_SIZE) as usize == header::SIZE, Header 0, UnknownVersion);
    ensure!(read_u32(bytes, header::FLAGS) == 0, Header 0, UnknownFlag);
    ensure!(read_u16(bytes, header::RESERVED) == 0, Header 0, Reserved);
    ensure!(read_size(bytes, header::FILE_SIZE) == bytes.len(), Header 0, Truncated);
    ensure!(bytes.len() as u64 <= MAX_BYTES, Header 0, Size);
    let covered = slice(bytes, header::CRC_START, bytes.len() - header::CRC_START);
    ensure!(read_u32(bytes, header::CRC) == crc32(covered), Header 0, Checksum);
    sections(bytes)
}

/// Sections follow each other in order, aligned, inside the file, with zeros between them.
const fn sections(bytes: &[u8]) -> Result<(), ImageError> {
    let model = Model::new_unchecked(bytes);
    let mut end = header::SIZE;
    let mut i = 0;
    while i < Section::ALL.len() {
        let (offset, count) = model.section(Section::ALL[i]);
        ensure!(offset == end.next_multiple_of(ALIGNMENT), Section i, Bounds);
        let size = count as u64 * Section::ALL[i].record_size() as u64;
        ensure!(offset as u64 + size <= bytes.len() as u64, Section i, Bounds);
        while end < offset {
            ensure!(bytes[end] == 0, Section i, Reserved);
            end += 1;
        }
        end = offset + size as usize;
        i += 1;
    }
    ensure!(end == bytes.len(), Header 0, Bounds);
    let tables = table::MODES * table::table_size(model.tensors(), model.steps());
    ensure!(model.section(Section::Plans).1 == tables, Section Section::Plans as usize, Size);
    ensure!(model.steps() > 0 && model.inputs() > 0 && model.outputs() > 0, Header 0, Empty);
    ensure!(model.steps() <= MAX_STEPS && model.tensors() < NONE_16 as usize, Header 0, Size);
    ensure!(model.inputs() + model.outputs() == model.section(Section::Ports).1, Header 0, Index);
    Ok(())
}

const fn strings(model: &Model<'_>) -> Result<(), ImageError> {
    let count = model.section(Section::Strings).1;
    let (_, text) = model.section(Section::Text);
    ensure!(count < NONE_16 as usize, Section Section::Strings as usize, Size);
    let mut i = 0;
    while i < count {
        let at = model.record(Section::Strings, i);
        let offset = read_u32(model.image, at + string::OFFSET) as u64;
        let length = read_u32(model.image, at + string::LENGTH) as u64;
        ensure!(offset + length <= text as u64, String i, Bounds);
        ensure!(core::str::from_utf8(model.string_bytes(i as u16)).is_ok(), String i, Text);
        i += 1;
    }
    ensure!(string_exists(model, read_u16(model.image, header::NAME)), Header 0, Index);
    Ok(())
}

const fn string_exists(model: &Model<'_>, index: u16) -> bool {
    index == NONE_16 || (index as usize) < model.section(Section::Strings).1
}

const fn tensors(model: &Model<'_>) -> Result<(), ImageError> {
    let mut i = 0;
    while i < model.tensors() {
        let at = model.record(Section::Tensors, i);
        let Some(dtype) = DType::from_code(read_u8(model.image, at + tensor::DTYPE)) else {
            return Err(ImageError { place: Place::Tensor, index: i, reason: Reason::UnknownType });
        };
        ensure!(read_u8(model.image, at + tensor::FLAGS) & !tensor::FLAGS_DEFINED == 0, Tensor i, UnknownFlag);
        ensure!(read_u16(model.image, at + tensor::RESERVED_18) == 0, Tensor i, Reserved);
        ensure!(read_u32(model.image, at + tensor::RESERVED_28) == 0, Tensor i, Reserved);
        let zero_point = read_u32(model.image, at + tensor::ZERO_POINT) as i32;
        match dtype {
            DType::F32 | DType::Token => {
                ensure!(is_zero(model.image, at + tensor::SCALE, 8), Tensor i, Attribute);
                ensure!(!model.tensor(i).ties_to_even, Tensor i, Attribute);
            }
            DType::I8 => {
                ensure!(is_scale(read_u32(model.image, at + tensor::SCALE)), Tensor i, Attribute);
                ensure!(zero_point >= -128 && zero_point <= 127, Tensor i, Attribute);
            }
        }
        ensure!(string_exists(model, read_u16(model.image, at + tensor::NAME)), Tensor i, Index);
        ensure!(model.storage(i) < model.tensors(), Tensor i, Index);
        let shape = model.tensor(i).shape;
        let pixels = (shape.height as u64).saturating_mul(shape.width as u64);
        // The relevance of an element takes four bytes, whatever its type.
        let bytes = pixels.saturating_mul(shape.channels as u64).saturating_mul(4);
        ensure!(bytes > 0 && bytes <= MAX_BYTES, Tensor i, Size);
        i += 1;
    }
    Ok(())
}

/// A finite number above zero, not subnormal, by its bits: nothing here computes with floats.
const fn is_scale(bits: u32) -> bool {
    bits >= 0x0080_0000 && bits < 0x7f80_0000
}

/// Which fields of its record an op uses; every other one must be zero.
struct Uses {
    operands: (usize, usize),
    variants: u8,
    flags: u16,
    window: bool,
    groups: bool,
    params: usize,
    floats: usize,
    ints: usize,
    /// Bytes of an element of each parameter block.
    sizes: [u64; 4],
}

impl Uses {
    const NOTHING: Self = Self {
        operands: (1, 1),
        variants: 1,
        flags: 0,
        window: false,
        groups: false,
        params: 0,
        floats: 0,
        ints: 0,
        sizes: [4; 4],
    };

    const fn of(op: Op) -> Self {
        match op {
            Op::Conv | Op::ConvTranspose => Self { window: true, groups: true, params: 2, ..Self::NOTHING },
            Op::Depthwise => Self { window: true, params: 2, ..Self::NOTHING },
            Op::Dense | Op::Affine => Self { params: 2, ..Self::NOTHING },
            Op::MaxPool => Self { window: true, ..Self::NOTHING },
            Op::AveragePool => Self { window: true, flags: field::FLAG_COUNT_PAD, ..Self::NOTHING },
            Op::Activation => Self { variants: 13, params: 1, floats: 2, ..Self::NOTHING },
            Op::Add => Self { operands: (2, 2), flags: field::FLAG_SUBTRACT, ..Self::NOTHING },
            Op::Mul => Self { operands: (2, 2), ..Self::NOTHING },
            Op::Concat => Self { operands: (1, 0xffff), variants: 3, ..Self::NOTHING },
            Op::Pad => Self { floats: 1, ints: 3, ..Self::NOTHING },
            Op::Slice => Self { ints: 6, ..Self::NOTHING },
            Op::Transpose => Self { ints: 8, ..Self::NOTHING },
            Op::LocalResponseNorm => Self { floats: 3, ints: 1, ..Self::NOTHING },
            Op::Softmax => Self { variants: 2, ..Self::NOTHING },
            Op::View | Op::Quantize | Op::Dequantize => Self::NOTHING,
            Op::Embedding => Self { variants: 2, params: 1, floats: 1, ..Self::NOTHING },
            Op::Lstm => {
                Self { flags: field::FLAG_REVERSE | field::FLAG_ALL_STATES, params: 3, floats: 1, ..Self::NOTHING }
            }
            Op::Gru => Self {
                flags: field::FLAG_REVERSE | field::FLAG_ALL_STATES | field::FLAG_RESET_AFTER,
                params: 4,
                ..Self::NOTHING
            },
        }
    }

    /// The same for a step in int8, if there is one.
    const fn of_int8(op: Op) -> Option<Self> {
        let rescaled = Self { flags: field::FLAG_SINGLE_ROUNDING, params: 3, ints: 2, ..Self::NOTHING };
        let uses = match op {
            Op::Conv | Op::ConvTranspose => Self { window: true, groups: true, ..rescaled },
            Op::Depthwise => Self { window: true, ..rescaled },
            Op::Dense => rescaled,
            Op::MaxPool => Self { window: true, ints: 2, ..Self::NOTHING },
            Op::AveragePool => {
                Self { window: true, flags: field::FLAG_COUNT_PAD | field::FLAG_SINGLE_ROUNDING, ..rescaled }
            }
            Op::Activation => Self { variants: 13, params: 1, floats: 2, ..Self::NOTHING },
            Op::Add => Self { operands: (2, 2), flags: field::FLAG_SUBTRACT | field::FLAG_SINGLE_ROUNDING, ..rescaled },
            Op::Mul => Self { operands: (2, 2), ..rescaled },
            Op::Pad => Self { ints: 4, ..Self::NOTHING },
            Op::Softmax => Self { ints: 3, ..Self::NOTHING },
            Op::Concat | Op::Slice | Op::View | Op::Transpose => Self::of(op),
            Op::Lstm => {
                Self { flags: field::FLAG_REVERSE | field::FLAG_ALL_STATES, params: 4, ints: 2, ..Self::NOTHING }
            }
            Op::Affine | Op::LocalResponseNorm | Op::Quantize | Op::Dequantize | Op::Embedding | Op::Gru => {
                return None;
            }
        };
        Some(Self { sizes: [1, 4, 8, 2], ..uses })
    }
}

const fn steps(model: &Model<'_>) -> Result<(), ImageError> {
    let (mut i, mut operands) = (0, 0);
    while i < model.steps() {
        let at = model.record(Section::Steps, i);
        attempt!(step_record(model, at), Step i);
        let step = model.step(i);
        // Lists follow each other, so that what walks all of them walks the section once.
        ensure!(step.operands_first == operands, Step i, Operands);
        operands += step.operands;
        if model.is_int8(&step) {
            attempt!(step_numbers(model, &step), Step i);
        }
        attempt!(step_shapes(model, &step), Step i);
        attempt!(sequences(model, &step), Step i);
        let claimed = model.tensor(step.output).non_negative;
        ensure!(!claimed || is_non_negative(model, &step), Step i, Sign);
        i += 1;
    }
    Ok(())
}

/// The record by itself: codes, counts, bounds, and zeros where the op uses nothing.
const fn step_record(model: &Model<'_>, at: usize) -> Result<(), Reason> {
    let image = model.image;
    let Some(op) = Op::from_code(read_u8(image, at + field::OP)) else {
        return Err(Reason::UnknownOp);
    };
    ensure!((read_u16(image, at + field::OUTPUT) as usize) < model.tensors(), Index);
    let output = model.tensor(read_u16(image, at + field::OUTPUT) as usize).dtype;
    let int8 = matches!(output, DType::I8) && !op.is_conversion();
    let uses = if int8 { Uses::of_int8(op) } else { Some(Uses::of(op)) };
    let Some(mut uses) = uses else { return Err(Reason::UnknownType) };
    ensure!(!matches!(output, DType::Token), UnknownType);
    if matches!(op, Op::Embedding) && read_u8(image, at + field::VARIANT) == field::VARIANT_INT8_TABLE {
        uses.sizes[0] = 1;
    }
    ensure!(read_u8(image, at + field::VARIANT) < uses.variants, UnknownVariant);
    ensure!(read_u16(image, at + field::FLAGS) & !uses.flags == 0, UnknownFlag);
    ensure!(string_exists(model, read_u16(image, at + field::NAME)), Index);
    ensure!(read_u16(image, at + field::RESERVED_14) == 0, Reserved);
    ensure!(read_u32(image, at + field::RESERVED_120) == 0, Reserved);
    ensure!(read_u32(image, at + field::RESERVED_120 + 4) == 0, Reserved);

    let count = read_u16(image, at + field::OPERANDS_COUNT) as usize;
    let first = read_size(image, at + field::OPERANDS_FIRST);
    ensure!(count >= uses.operands.0 && count <= uses.operands.1, Operands);
    ensure!(first as u64 + count as u64 <= model.section(Section::Operands).1 as u64, Operands);
    let mut k = 0;
    while k < count {
        ensure!(model.operand_at(first + k) < model.tensors(), Index);
        let dtype = model.tensor(model.operand_at(first + k)).dtype;
        ensure!(matches!(dtype, DType::Token) == matches!(op, Op::Embedding), UnknownType);
        ensure!(dtype.same(output) != (op.is_conversion() || matches!(op, Op::Embedding)), UnknownType);
        ensure!(!matches!(op, Op::Quantize) || matches!(dtype, DType::F32), UnknownType);
        ensure!(!matches!(op, Op::Dequantize) || matches!(dtype, DType::I8), UnknownType);
        k += 1;
    }

    if !uses.window {
        ensure!(is_zero(image, at + field::KERNEL, field::GROUPS - field::KERNEL), Reserved);
    }
    if !uses.groups {
        ensure!(read_u32(image, at + field::GROUPS) == 0, Reserved);
    }
    ensure!(is_zero(image, at + field::PARAMS + 8 * uses.params, 8 * (4 - uses.params)), Reserved);
    ensure!(is_zero(image, at + field::FLOATS + 4 * uses.floats, 4 * (4 - uses.floats)), Reserved);
    ensure!(is_zero(image, at + field::INTS + 4 * uses.ints, 4 * (8 - uses.ints)), Reserved);

    let mut p = 0;
    while p < uses.params && p < uses.sizes.len() {
        let offset = read_u32(image, at + field::PARAMS + 8 * p) as u64;
        let len = read_u32(image, at + field::PARAMS + 8 * p + 4) as u64;
        ensure!(offset.is_multiple_of(ALIGNMENT as u64), Bounds);
        ensure!(offset + uses.sizes[p] * len <= model.section(Section::Params).1 as u64, Bounds);
        p += 1;
    }
    let mut f = 0;
    while f < uses.floats {
        ensure!(read_f32(image, at + field::FLOATS + 4 * f).is_finite(), Attribute);
        f += 1;
    }
    Ok(())
}

const fn is_zero(bytes: &[u8], at: usize, len: usize) -> bool {
    let mut i = 0;
    while i < len {
        if read_u8(bytes, at + i) != 0 {
            return false;
        }
        i += 1;
    }
    true
}

/// What an int8 step computes with: ranges, biases, multipliers, shifts.
const fn step_numbers(model: &Model<'_>, step: &Step) -> Result<(), Reason> {
    match step.op {
        Op::Softmax => {
            ensure!(step.ints[0] <= i32::MAX as u32 && step.ints[1] < 31, Attribute);
            ensure!(step.ints[2] as i32 <= 0, Attribute);
        }
        Op::Pad => ensure!(is_i8(step.ints[3]), Attribute),
        Op::Lstm => {
            ensure!(step.ints[lstm_int8::CELL_PLACES] <= lstm_int8::MOST_PLACES, Attribute);
            ensure!(step.ints[lstm_int8::CELL_BOUND] <= i16::MAX as u32, Attribute);
        }
        Op::Conv
        | Op::ConvTranspose
        | Op::Depthwise
        | Op::Dense
        | Op::MaxPool
        | Op::AveragePool
        | Op::Add
        | Op::Mul => {
            let [low, high, ..] = step.ints;
            ensure!(is_i8(low) && is_i8(high) && low as i32 <= high as i32, Attribute);
        }
        _ => {}
    }
    // What is not rescaled keeps its unit.
    let moves = step.op.is_structural() || matches!(step.op, Op::MaxPool);
    if moves || (matches!(step.op, Op::AveragePool) && step.params[2].len == 0) {
        let output = model.tensor(step.output);
        let mut k = 0;
        while k < step.operands {
            let operand = model.tensor(model.operand(step, k));
            let same = operand.scale.to_bits() == output.scale.to_bits();
            ensure!(same && operand.zero_point == output.zero_point, Scale);
            k += 1;
        }
    }
    if !step.op.is_weighted() && !matches!(step.op, Op::AveragePool | Op::Add | Op::Mul | Op::Lstm) {
        return Ok(());
    }
    let bias = model.params(step.params[1], 4);
    let mut i = 0;
    while i < step.params[1].len {
        ensure!((read_u32(bias, 4 * i) as i32).unsigned_abs() <= MAX_BIAS_INT8, Attribute);
        i += 1;
    }
    let pairs = model.params(step.params[2], 8);
    let mut i = 0;
    while i < step.params[2].len {
        let (multiplier, shift) = (read_u32(pairs, 8 * i) as i32, read_u32(pairs, 8 * i + 4) as i32);
        ensure!(multiplier >= 0 && shift >= -31 && shift <= 30, Attribute);
        i += 1;
    }
    Ok(())
}

const fn is_i8(bits: u32) -> bool {
    bits as i32 >= -128 && bits as i32 <= 127
}

/// Weights of an int8 layer, with zeros behind them, one bias and one multiplier per channel.
const fn weights_int8(model: &Model<'_>, step: &Step, rows: usize, fan: u64, channels: usize) -> Result<(), Reason> {
    ensure!(fan <= MAX_FAN_INT8 as u64, Size);
    attempt!(padded(model, step, (rows as u64).saturating_mul(fan)));
    ensure!(step.params[1].len == channels && step.params[2].len == channels, Params);
    Ok(())
}

/// So many 8-bit weights, and zeros behind them.
const fn padded(model: &Model<'_>, step: &Step, weights: u64) -> Result<(), Reason> {
    let padded = weights.next_multiple_of(BLOCK_INT8 as u64) + BLOCK_INT8 as u64;
    ensure!(step.params[0].len as u64 == padded, Params);
    let bytes = model.params(step.params[0], 1);
    ensure!(is_zero(bytes, weights as usize, (padded - weights) as usize), Reserved);
    Ok(())
}

/// Weights of eight matrices, biases, factors, and a table that rises.
const fn lstm_int8(model: &Model<'_>, step: &Step, inputs: usize, units: usize) -> Result<(), Reason> {
    ensure!(inputs <= MAX_FAN_INT8 && units <= MAX_FAN_INT8, Size);
    attempt!(padded(model, step, 4 * units as u64 * (inputs as u64 + units as u64)));
    ensure!(lengths(step, [step.params[0].len, 4 * units, lstm_int8::FACTORS]), Params);
    ensure!(step.params[3].len == lstm_int8::TABLE, Params);
    let table = model.params(step.params[3], 2);
    ensure!(read_u16(table, 0) == 1 << 15, Attribute);
    let mut i = 1;
    while i < lstm_int8::TABLE {
        ensure!(read_u16(table, 2 * i) >= read_u16(table, 2 * i - 2), Attribute);
        i += 1;
    }
    Ok(())
}

/// Shapes, windows, parameter lengths and attributes of one step.
const fn step_shapes(model: &Model<'_>, step: &Step) -> Result<(), Reason> {
    let input = model.tensor(model.operand(step, 0)).shape;
    let output = model.tensor(step.output).shape;
    let int8 = model.is_int8(step);
    match step.op {
        Op::Conv | Op::ConvTranspose => {
            let groups = step.groups;
            ensure!(groups > 0, Attribute);
            ensure!(input.channels.is_multiple_of(groups) && output.channels.is_multiple_of(groups), Shape);
            attempt!(windows(step, input, output));
            if int8 {
                let fan =
                    (step.kernel[0] as u64 * step.kernel[1] as u64).saturating_mul((input.channels / groups) as u64);
                return weights_int8(model, step, output.channels, fan, output.channels);
            }
            let blocks = groups as u64 * (output.channels / groups).div_ceil(BLOCK) as u64;
            let taps = step.kernel[0] as u64 * step.kernel[1] as u64 * (input.channels / groups) as u64;
            ensure!(step.params[0].len as u64 == blocks.saturating_mul(taps).saturating_mul(BLOCK as u64), Params);
            bias(step, output.channels)
        }
        Op::Depthwise => {
            ensure!(input.channels == output.channels, Shape);
            attempt!(windows(step, input, output));
            let taps = step.kernel[0] as u64 * step.kernel[1] as u64;
            if int8 {
                return weights_int8(model, step, output.channels, taps, output.channels);
            }
            ensure!(step.params[0].len as u64 == taps * output.channels as u64, Params);
            bias(step, output.channels)
        }
        Op::Dense => {
            ensure!(output.height == 1 && output.width == 1, Shape);
            if int8 {
                return weights_int8(model, step, output.channels, input.elements() as u64, output.channels);
            }
            let blocks = output.channels.div_ceil(BLOCK) as u64;
            ensure!(step.params[0].len as u64 == blocks * input.elements() as u64 * BLOCK as u64, Params);
            bias(step, output.channels)
        }
        Op::MaxPool | Op::AveragePool => {
            ensure!(input.channels == output.channels, Shape);
            if int8 {
                ensure!(step.params[0].len == 0 && step.params[1].len == 0 && step.params[2].len <= 1, Params);
                ensure!(step.kernel[0] as usize * step.kernel[1] as usize <= MAX_FAN_INT8, Size);
            }
            windows(step, input, output)
        }
        Op::Activation => {
            ensure!(input.same(output), Shape);
            if int8 {
                ensure!(step.params[0].len == 256 && step.function().is_some(), Params);
                return Ok(());
            }
            activation(step, output)
        }
        Op::Affine => {
            ensure!(input.same(output), Shape);
            let (scale, shift) = (step.params[0].len, step.params[1].len);
            ensure!(scale == output.channels || scale == output.elements(), Params);
            ensure!(shift == 0 || shift == scale, Params);
            Ok(())
        }
        Op::Add => {
            ensure!(model.operand(step, 0) != model.operand(step, 1), Operands);
            ensure!(input.same(output) && model.tensor(model.operand(step, 1)).shape.same(output), Shape);
            ensure!(!int8 || lengths(step, [0, 0, 3]), Params);
            Ok(())
        }
        Op::Mul => {
            ensure!(model.operand(step, 0) != model.operand(step, 1), Operands);
            let gate = model.tensor(model.operand(step, 1)).shape;
            ensure!(input.same(output), Shape);
            let vector = gate.height == 1 && gate.width == 1 && gate.channels == output.channels;
            ensure!(gate.same(output) || vector, Shape);
            ensure!(!int8 || lengths(step, [0, 0, 1]), Params);
            Ok(())
        }
        Op::Concat => concat(model, step, output),
        Op::Pad => {
            let [top, left, front, ..] = step.ints;
            ensure!(fits(top, input.height, output.height), Shape);
            ensure!(fits(left, input.width, output.width), Shape);
            ensure!(fits(front, input.channels, output.channels), Shape);
            Ok(())
        }
        Op::Slice => {
            let s = step.ints;
            ensure!(samples(s[0], s[3], output.height, input.height), Shape);
            ensure!(samples(s[1], s[4], output.width, input.width), Shape);
            ensure!(samples(s[2], s[5], output.channels, input.channels), Shape);
            Ok(())
        }
        Op::View => {
            ensure!(input.elements() == output.elements(), Shape);
            Ok(())
        }
        Op::Transpose => transpose(step, input, output),
        Op::LocalResponseNorm => {
            ensure!(input.same(output), Shape);
            let [alpha, beta, bias, _] = step.floats;
            ensure!(step.ints[0] > 0 && step.ints[0] <= 0xffff, Attribute);
            ensure!(alpha >= 0.0 && beta >= 0.0 && bias > 0.0, Attribute);
            Ok(())
        }
        Op::Softmax | Op::Quantize | Op::Dequantize => {
            ensure!(input.same(output), Shape);
            Ok(())
        }
        Op::Embedding => {
            ensure!(input.width == 1 && input.channels == 1, Shape);
            ensure!(output.height == input.height && output.width == 1, Shape);
            let len = step.params[0].len;
            ensure!(
                len > 0 && len.is_multiple_of(output.channels) && len / output.channels - 1 <= u16::MAX as usize,
                Params
            );
            let int8 = step.variant == field::VARIANT_INT8_TABLE;
            ensure!(if int8 { is_scale(step.floats[0].to_bits()) } else { step.floats[0].to_bits() == 0 }, Attribute);
            Ok(())
        }
        Op::Lstm if int8 => {
            attempt!(walks(step, input, output));
            lstm_int8(model, step, input.channels, output.channels)
        }
        Op::Lstm => {
            ensure!(step.floats[0].to_bits() >> 31 == 0, Attribute);
            recurrent(step, input, output, 4, 0)
        }
        Op::Gru => {
            let after = step.flags & field::FLAG_RESET_AFTER != 0;
            recurrent(step, input, output, 3, if after { output.channels } else { 0 })
        }
    }
}

/// A sequence of vectors that becomes one of states, or the last state.
const fn walks(step: &Step, input: Shape, output: Shape) -> Result<(), Reason> {
    ensure!(input.width == 1 && output.width == 1, Shape);
    let all = step.flags & field::FLAG_ALL_STATES != 0;
    ensure!(output.height == if all { input.height } else { 1 }, Shape);
    Ok(())
}

/// Weights of every gate in blocks of units, for the input and for the state, and a bias, or none.
const fn recurrent(step: &Step, input: Shape, output: Shape, gates: u64, more: usize) -> Result<(), Reason> {
    attempt!(walks(step, input, output));
    let rows = gates * output.channels.next_multiple_of(BLOCK) as u64;
    ensure!(step.params[0].len as u64 == rows * input.channels as u64, Params);
    ensure!(step.params[1].len as u64 == rows * output.channels as u64, Params);
    let bias = step.params[2].len as u64;
    ensure!(bias == 0 || bias == gates * output.channels as u64, Params);
    ensure!(step.params[3].len == more, Params);
    Ok(())
}

/// Sequences whose length may change go through steps that work moment by moment, and end in a state or in a mean.
const fn sequences(model: &Model<'_>, step: &Step) -> Result<(), Reason> {
    let (input, output) = (model.tensor(model.operand(step, 0)), model.tensor(step.output));
    let mut k = 0;
    while k < step.operands {
        let gate = k > 0 && matches!(step.op, Op::Mul) && model.tensor(model.operand(step, k)).shape.height == 1;
        ensure!(gate || model.tensor(model.operand(step, k)).is_sequence == input.is_sequence, Sequence);
        k += 1;
    }
    if !input.is_sequence {
        ensure!(!output.is_sequence, Sequence);
        return Ok(());
    }
    let point = step.kernel[0] == 1 && step.stride[0] == 1 && step.pads[0] == 0 && step.pads[2] == 0;
    let mean = step.kernel[0] as usize == input.shape.height && step.pads[0] == 0 && step.pads[2] == 0;
    let kept = match step.op {
        Op::Embedding
        | Op::Activation
        | Op::Add
        | Op::Mul
        | Op::Quantize
        | Op::Dequantize
        | Op::LocalResponseNorm
        | Op::Softmax => true,
        Op::Affine if step.params[0].len == output.shape.channels => true,
        Op::Conv | Op::Depthwise if point => true,
        Op::Concat if step.variant != 0 => true,
        Op::Lstm | Op::Gru => step.flags & field::FLAG_ALL_STATES != 0,
        Op::AveragePool if mean && output.shape.height == 1 => false,
        _ => return Err(Reason::Sequence),
    };
    ensure!(output.is_sequence == kept, Sequence);
    ensure!(!kept || output.shape.height == input.shape.height, Sequence);
    Ok(())
}

/// Whether the first parameter blocks are as long as said.
const fn lengths(step: &Step, wanted: [usize; 3]) -> bool {
    step.params[0].len == wanted[0] && step.params[1].len == wanted[1] && step.params[2].len == wanted[2]
}

const fn bias(step: &Step, channels: usize) -> Result<(), Reason> {
    ensure!(step.params[1].len == 0 || step.params[1].len == channels, Params);
    Ok(())
}

const fn activation(step: &Step, shape: Shape) -> Result<(), Reason> {
    let slopes = step.params[0].len;
    let [a, b, ..] = step.floats;
    match step.function() {
        Some(Function::PRelu) => ensure!(slopes == 1 || slopes == shape.channels, Params),
        Some(Function::Clip) => ensure!(slopes == 0 && a <= b, Attribute),
        Some(_) => ensure!(slopes == 0, Params),
        None => return Err(Reason::UnknownVariant),
    }
    Ok(())
}

const fn concat(model: &Model<'_>, step: &Step, output: Shape) -> Result<(), Reason> {
    let mut sum = 0;
    let mut k = 0;
    while k < step.operands {
        let part = model.tensor(model.operand(step, k)).shape;
        let joined = match step.variant {
            0 => Shape::new(output.height, part.width, part.channels),
            1 => Shape::new(part.height, output.width, part.channels),
            _ => Shape::new(part.height, part.width, output.channels),
        };
        ensure!(joined.same(output), Shape);
        sum += match step.variant {
            0 => part.height as u64,
            1 => part.width as u64,
            _ => part.channels as u64,
        };
        k += 1;
    }
    let whole = match step.variant {
        0 => output.height,
        1 => output.width,
        _ => output.channels,
    };
    ensure!(sum == whole as u64, Shape);
    Ok(())
}

const fn transpose(step: &Step, input: Shape, output: Shape) -> Result<(), Reason> {
    let mut seen = [false; 4];
    let mut elements = 1;
    let mut i = 0;
    while i < 4 {
        elements *= step.ints[i] as u64;
        ensure!(elements <= MAX_BYTES, Shape);
        let axis = step.ints[4 + i] as usize;
        ensure!(axis < 4 && !seen[axis], Attribute);
        seen[axis] = true;
        i += 1;
    }
    ensure!(elements == input.elements() as u64 && elements == output.elements() as u64, Shape);
    Ok(())
}

/// `before + inner ≤ outer`.
const fn fits(before: u32, inner: usize, outer: usize) -> bool {
    before as u64 + inner as u64 <= outer as u64
}

/// `start, start + step, …` are `count` positions below `limit`.
const fn samples(start: u32, step: u32, count: usize, limit: usize) -> bool {
    step > 0 && start as u64 + step as u64 * (count as u64 - 1) < limit as u64
}

/// Windows fit their tensors, and no pooling window lies wholly in the padding.
const fn windows(step: &Step, input: Shape, output: Shape) -> Result<(), Reason> {
    let axes = step.axes(input, output);
    let mut i = 0;
    while i < axes.len() {
        let axis = axes[i];
        ensure!(axis.kernel > 0 && axis.stride > 0 && axis.dilation > 0, Attribute);
        let reach = (axis.kernel as u64 - 1) * axis.dilation as u64 + 1;
        let pads = axis.before as u64 + axis.after as u64;
        let wide = if axis.transposed { axis.input } else { axis.output } as u64 * axis.stride as u64 + reach + pads;
        ensure!(wide <= MAX_BYTES && (axis.input as u64 + pads) <= MAX_BYTES, Size);
        if axis.transposed {
            let whole = (axis.input as u64 - 1) * axis.stride as u64 + reach;
            ensure!(axis.output as u64 + pads < whole + axis.stride as u64 * 2, Shape);
        } else {
            let padded = axis.input as u64 + pads;
            ensure!(reach <= padded || matches!(step.op, Op::MaxPool | Op::AveragePool), Shape);
            let room = padded.saturating_sub(reach);
            let (floor, ceil) = (room / axis.stride as u64 + 1, room.div_ceil(axis.stride as u64) + 1);
            let pool = matches!(step.op, Op::MaxPool | Op::AveragePool);
            ensure!(axis.output as u64 == floor || (pool && axis.output as u64 == ceil), Shape);
            ensure!(!pool || reads_everywhere(&axis), Shape);
        }
        i += 1;
    }
    Ok(())
}

/// Whether every window has a tap on the input. Those that begin on it have; of those before it there are few, because
/// padding is, and of those behind it the last window is one. (An image of a few bytes may have millions of windows.)
const fn reads_everywhere(axis: &Axis) -> bool {
    let mut o = 0;
    while o < axis.output && o * axis.stride < axis.before {
        let (first, last) = axis.taps(o);
        if first >= last {
            return false;
        }
        o += 1;
    }
    let (first, last) = axis.taps(axis.output - 1);
    first < last
}

/// Whether the step's output cannot be negative.
const fn is_non_negative(model: &Model<'_>, step: &Step) -> bool {
    let mut inputs = true;
    let mut k = 0;
    while k < step.operands {
        inputs = inputs && model.tensor(model.operand(step, k)).non_negative;
        k += 1;
    }
    if model.is_int8(step) {
        let zero = model.tensor(step.output).zero_point;
        let ranged = !step.op.is_structural() && !matches!(step.op, Op::Activation | Op::Softmax | Op::Lstm);
        // What a pad adds is no input.
        let kept = step.op.is_structural() && (!matches!(step.op, Op::Pad) || step.ints[3] as i32 >= zero);
        return zero == -128 || (ranged && step.ints[0] as i32 >= zero) || (kept && inputs);
    }
    match step.op {
        Op::Activation => match step.function() {
            Some(Function::Relu | Function::Sigmoid | Function::HardSigmoid | Function::Softplus) => true,
            Some(Function::Clip) => step.floats[0] >= 0.0 || (inputs && step.floats[1] >= 0.0),
            Some(Function::Selu) => inputs && step.floats[1] >= 0.0,
            _ => inputs,
        },
        Op::Add => inputs && step.flags & field::FLAG_SUBTRACT == 0,
        Op::Pad => inputs && step.floats[0] >= 0.0,
        Op::Softmax => step.variant == 0,
        Op::MaxPool
        | Op::AveragePool
        | Op::Mul
        | Op::Concat
        | Op::Slice
        | Op::View
        | Op::Transpose
        | Op::LocalResponseNorm
        | Op::Dequantize => inputs,
        Op::Conv | Op::Depthwise | Op::ConvTranspose | Op::Dense | Op::Affine | Op::Embedding | Op::Lstm | Op::Gru => {
            false
        }
        // No integer is below the smallest.
        Op::Quantize => inputs || model.tensor(step.output).zero_point == -128,
    }
}

const fn ports(model: &Model<'_>) -> Result<(), ImageError> {
    let mut i = 0;
    while i < model.section(Section::Ports).1 {
        attempt!(port_record(model, model.record(Section::Ports, i)), Port i);
        let tensor = model.port_tensor(i);
        // An input is written by nobody, an output by a step.
        ensure!(model.producer(tensor).is_none() == (i < model.inputs()), Port i, Port);
        ensure!(i >= model.inputs() || !model.tensor(tensor).non_negative, Port i, Sign);
        let mut k = 0;
        while k < i {
            ensure!(model.port_tensor(k) != tensor, Port i, Port);
            k += 1;
        }
        i += 1;
    }
    Ok(())
}

const fn port_record(model: &Model<'_>, at: usize) -> Result<(), Reason> {
    let image = model.image;
    ensure!((read_u16(image, at + port::TENSOR) as usize) < model.tensors(), Index);
    ensure!(string_exists(model, read_u16(image, at + port::NAME)), Index);
    let shape = model.tensor(read_u16(image, at + port::TENSOR) as usize).shape;
    let flags = read_u8(image, at + port::FLAGS);
    ensure!(flags & !port::FLAGS_DEFINED == 0, UnknownFlag);

    let rank = read_u8(image, at + port::RANK) as usize;
    ensure!(rank <= MAX_RANK, Shape);
    let mut seen = [false; MAX_RANK];
    let mut elements = 1;
    let mut i = 0;
    while i < MAX_RANK {
        let dim = read_u32(image, at + port::DIMS + 4 * i) as u64;
        ensure!(dim > 0 && (i < rank || dim == 1), Shape);
        elements *= dim;
        ensure!(elements <= MAX_BYTES, Shape);
        let axis = read_u8(image, at + port::ORDER + i) as usize;
        ensure!(axis < MAX_RANK && !seen[axis], Attribute);
        seen[axis] = true;
        i += 1;
    }
    ensure!(elements == shape.elements() as u64, Shape);

    let tensor = model.tensor(read_u16(image, at + port::TENSOR) as usize);
    let tokens = matches!(tensor.dtype, DType::Token);
    if tensor.is_sequence && shape.height > 1 {
        ensure!(dims_at(image, at, moments_axis(image, at)) == shape.height as u64, Sequence);
    }
    let labels = read_u16(image, at + port::LABELS_COUNT) as usize;
    let first = read_u16(image, at + port::LABELS_FIRST) as usize;
    ensure!(labels == 0 || tokens || labels == shape.channels, Attribute);
    ensure!(first + labels <= model.section(Section::Strings).1, Index);
    if flags & port::TEXT != 0 {
        ensure!(tokens && labels > 1 && words_are_sorted(model, first, labels), Words);
    }
    ensure!(labels > 0 || first == 0, Reserved);

    let (low, high) = (read_f32(image, at + port::LOW), read_f32(image, at + port::HIGH));
    if flags & port::HAS_RANGE == 0 {
        ensure!(is_zero(image, at + port::LOW, 8), Reserved);
    } else {
        ensure!(low.is_finite() && high.is_finite() && low < high, Attribute);
    }
    if flags & port::HAS_PIXELS == 0 {
        ensure!(is_zero(image, at + port::PIXEL_SCALE, 32) && flags & port::BGR == 0, Reserved);
    } else {
        let mut c = 0;
        while c < 8 {
            ensure!(read_f32(image, at + port::PIXEL_SCALE + 4 * c).is_finite(), Attribute);
            c += 1;
        }
    }
    Ok(())
}

/// The axis of the user's tensor along which moments follow each other: in the kernel's order the first that is longer
/// than one.
pub(super) const fn moments_axis(image: &[u8], at: usize) -> usize {
    let mut i = 0;
    while i + 1 < MAX_RANK {
        let axis = read_u8(image, at + port::ORDER + i) as usize;
        if dims_at(image, at, axis) > 1 {
            return axis;
        }
        i += 1;
    }
    read_u8(image, at + port::ORDER) as usize
}

const fn dims_at(image: &[u8], at: usize, axis: usize) -> u64 {
    read_u32(image, at + port::DIMS + 4 * axis) as u64
}

/// Words after the first, which stands for all others, rise byte by byte.
const fn words_are_sorted(model: &Model<'_>, first: usize, words: usize) -> bool {
    let mut i = first + 2;
    while i < first + words {
        if !comes_before(model.string_bytes((i - 1) as u16), model.string_bytes(i as u16)) {
            return false;
        }
        i += 1;
    }
    true
}

const fn comes_before(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() {
        if a[i] != b[i] {
            return a[i] < b[i];
        }
        i += 1;
    }
    a.len() < b.len()
}

/// Steps are in data-flow order: every tensor is an input or written once, and before it is read.
const fn order(model: &Model<'_>) -> Result<(), ImageError> {
    let mut t = 0;
    while t < model.tensors() {
        let mut writes = 0;
        let mut p = 0;
        while p < model.inputs() {
            writes += (model.port_tensor(p) == t) as usize;
            p += 1;
        }
        let mut written = if writes > 0 { Some(0) } else { None };
        let mut i = 0;
        while i < model.steps() {
            let step = model.links(i);
            let mut k = 0;
            while k < step.operands {
                ensure!(model.operand_at(step.first + k) != t || written.is_some(), Step i, Order);
                k += 1;
            }
            if step.output == t {
                writes += 1;
                written = Some(i);
            }
            i += 1;
        }
        ensure!(writes == 1, Tensor t, Order);
        t += 1;
    }
    Ok(())
}

/// A tensor has storage of its own, or that of the only operand of the step that works in place.
const fn storage(model: &Model<'_>) -> Result<(), ImageError> {
    let mut p = 0;
    while p < model.inputs() {
        let tensor = model.port_tensor(p);
        ensure!(model.storage(tensor) == tensor, Tensor tensor, Storage);
        p += 1;
    }
    let mut i = 0;
    while i < model.steps() {
        let step = model.step(i);
        if model.storage(step.output) != step.output {
            ensure!(may_work_in_place(model, &step), Tensor step.output, Storage);
            let from = model.operand(&step, 0);
            ensure!(model.storage(step.output) == model.storage(from), Tensor step.output, Storage);
        }
        i += 1;
    }
    Ok(())
}

/// A view always may; an activation may where the way back can recompute what it overwrote. Nobody else may read the
/// operand.
const fn may_work_in_place(model: &Model<'_>, step: &Step) -> bool {
    let from = model.operand(step, 0);
    let recomputable = !model.is_int8(step)
        && match model.producer(from) {
            Some(producer) => model.links(producer).op.is_linear(),
            None => false,
        };
    matches!(step.op, Op::View) && !is_output(model, from) && consumers(model, from) == 1
        || matches!(step.op, Op::Activation) && recomputable && !is_output(model, from) && consumers(model, from) == 1
}

const fn is_output(model: &Model<'_>, tensor: usize) -> bool {
    let mut p = model.inputs();
    while p < model.inputs() + model.outputs() {
        if model.port_tensor(p) == tensor {
            return true;
        }
        p += 1;
    }
    false
}

const fn consumers(model: &Model<'_>, tensor: usize) -> usize {
    let mut count = 0;
    let mut i = 0;
    while i < model.steps() {
        let step = model.links(i);
        let mut k = 0;
        while k < step.operands {
            count += (model.operand_at(step.first + k) == tensor) as usize;
            k += 1;
        }
        i += 1;
    }
    count
}

/// Something that a plan places: its bytes, and when they are in use.
#[derive(Clone, Copy)]
struct Item {
    offset: usize,
    bytes: usize,
    lifetime: Lifetime,
}

/// Lifetimes are what the steps need, everything lies in the arena, and nothing that lives together overlaps.
const fn plan(model: &Model<'_>, mode: Mode) -> Result<(), Reason> {
    let arena = model.arena_bytes(mode);
    ensure!(arena as u64 <= MAX_BYTES && arena.is_multiple_of(ALIGNMENT), Arena);
    ensure!(model.ledger_offset(mode).is_some() == mode.explains(), Arena);
    let mut t = 0;
    while t < model.tensors() {
        attempt!(lifetimes(model, mode, t));
        t += 1;
    }
    let items = 2 * model.tensors() + Room::ALL.len() * model.steps() + 1;
    let mut i = 0;
    while i < items {
        if let Some(item) = plan_item(model, mode, i) {
            ensure!(item.offset.is_multiple_of(ALIGNMENT), Bounds);
            ensure!(item.offset as u64 + item.bytes as u64 <= arena as u64, Arena);
            // Scratches never live together, but for what is kept: each has a time of its own.
            let is_scratch = i >= 2 * model.tensors() && i < 2 * (model.tensors() + model.steps());
            let others = if is_scratch { 2 * model.tensors() } else { i };
            let mut k = 0;
            while k < others {
                if let Some(other) = plan_item(model, mode, k) {
                    let apart = item.offset + item.bytes <= other.offset || other.offset + other.bytes <= item.offset;
                    let over = i < 2 * model.tensors() && overlays(model, mode, i, k, item, other);
                    ensure!(apart || !item.lifetime.meets(other.lifetime) || over, Overlap);
                }
                k += 1;
            }
        }
        i += 1;
    }
    Ok(())
}

/// Whether a relevance may overlay another, or its value, as they lie. What needs them when, the steps say: a plan may only
/// reserve them for longer.
const fn overlays(model: &Model<'_>, mode: Mode, i: usize, k: usize, a: Item, b: Item) -> bool {
    let tensors = model.tensors();
    let ahead = b.offset as isize - a.offset as isize;
    if i < tensors || k < tensors {
        // `k` comes before `i`: a value, and perhaps its relevance.
        return k + tensors == i && may_overlay_value(model, mode, k, ahead);
    }
    let (a, b) = (i - tensors, k - tensors);
    may_overlay(model, a, b, ahead) || may_overlay(model, b, a, -ahead)
}

const fn lifetimes(model: &Model<'_>, mode: Mode, t: usize) -> Result<(), Reason> {
    let root = model.storage(t);
    let value = model.value_placement(mode, t);
    let relevance = model.relevance_placement(mode, t);
    ensure!(value.offset.is_some() && relevance.offset.is_some() == mode.explains(), Lifetime);
    if root != t {
        let (v, r) = (model.value_placement(mode, root), model.relevance_placement(mode, root));
        ensure!(same(v.offset, value.offset) && same(r.offset, relevance.offset), Storage);
        ensure!(v.lifetime.covers(value.lifetime) && value.lifetime.covers(v.lifetime), Lifetime);
        ensure!(r.lifetime.covers(relevance.lifetime) && relevance.lifetime.covers(r.lifetime), Lifetime);
        return Ok(());
    }
    ensure!(value.lifetime.covers(value_lifetime(model, mode, t)), Lifetime);
    ensure!(!mode.explains() || relevance.lifetime.covers(relevance_lifetime(model, t)), Lifetime);
    Ok(())
}

const fn same(a: Option<usize>, b: Option<usize>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        (None, None) => true,
        _ => false,
    }
}

/// The `i`-th thing in the arena: values, relevances, scratches, the ledger.
const fn plan_item(model: &Model<'_>, mode: Mode, i: usize) -> Option<Item> {
    let (tensors, steps) = (model.tensors(), model.steps());
    if i < 2 * tensors {
        let t = remainder(i, tensors);
        let place = if i < tensors { model.value_placement(mode, t) } else { model.relevance_placement(mode, t) };
        return match place.offset {
            Some(offset) if model.storage(t) == t => {
                let tensor = model.tensor(t);
                let bytes = if i < tensors { tensor.bytes() } else { tensor.relevance_bytes() };
                Some(Item { offset, bytes, lifetime: place.lifetime })
            }
            _ => None,
        };
    }
    if i < 2 * tensors + Room::ALL.len() * steps {
        let index = remainder(i - 2 * tensors, steps);
        let room = match quotient(i - 2 * tensors, steps) {
            0 => Room::Forward,
            1 => Room::Back,
            _ => Room::Kept,
        };
        let bytes = scratch_bytes(model, mode, room, index);
        // A scratch that is needed but has no place is an overlap with everything.
        let offset = match model.scratch_offset(mode, room, index) {
            Some(offset) => offset,
            None if bytes > 0 => NONE_32 as usize,
            None => return None,
        };
        return Some(Item { offset, bytes, lifetime: room.lifetime(mode, steps, index) });
    }
    match model.ledger_offset(mode) {
        Some(offset) => Some(Item {
            offset,
            bytes: ledger_bytes(model),
            lifetime: Lifetime { first: 0, last: crate::plan::end_time(steps) },
        }),
        None => None,
    }
}

/// CRC-32 of IEEE 802.3, reflected, as in zlib.
pub const fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut value = i as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    let mut crc = u32::MAX;
    let mut i = 0;
    while i < bytes.len() {
        crc = TABLE[((crc ^ bytes[i] as u32) & 0xff) as usize] ^ (crc >> 8);
        i += 1;
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn crc_of_the_standard_check_string() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
