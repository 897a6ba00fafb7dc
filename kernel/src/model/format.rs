//! Byte layout of a model image (`.rlp`), and nothing else: no other file knows an offset.
//!
//! An image is a header, followed by sections of fixed-size little-endian records, each section aligned to
//! [`ALIGNMENT`]. `docs/model-format.md` is the prose; this file is what both reader and writer compile against.

/// First eight bytes of every image.
pub const MAGIC: [u8; 8] = *b"RELPROP\0";
/// The one version this kernel reads.
pub const VERSION: u16 = 3;
/// Alignment of the image, of every section and of every parameter block, in bytes.
pub const ALIGNMENT: usize = 16;
/// "No string", "no tensor": an absent 16-bit index.
pub const NONE_16: u16 = u16::MAX;
/// "Nowhere": an absent 32-bit offset.
pub const NONE_32: u32 = u32::MAX;
/// Output channels per weight block: the width of the inner loops.
pub const BLOCK: usize = 8;
/// Inputs per pass of the int8 inner loops: 8-bit weights are followed by as many zeros, so that the last pass may
/// read on.
pub const BLOCK_INT8: usize = 16;
/// Most inputs that an output of an int8 layer may read.
pub const MAX_FAN_INT8: usize = 32_768;
/// Largest magnitude of an int8 layer's bias: with the largest sum of products it still fits 32 bits. (TensorFlow Lite
/// clamps what it writes to a little above 2³⁰.)
pub const MAX_BIAS_INT8: u32 = i32::MAX as u32 - MAX_FAN_INT8 as u32 * 255 * 128;
/// Largest rank of a tensor as the exported model had it.
pub const MAX_RANK: usize = 6;
/// Most steps an image may hold (plan times are 16-bit).
pub const MAX_STEPS: usize = 30_000;

/// The header.
pub mod header {
    /// [`super::MAGIC`].
    pub const MAGIC: usize = 0;
    /// `u16`, [`super::VERSION`].
    pub const VERSION: usize = 8;
    /// `u16`, [`SIZE`].
    pub const HEADER_SIZE: usize = 10;
    /// `u32`, no flag is defined: zero.
    pub const FLAGS: usize = 12;
    /// `u32`, length of the image in bytes.
    pub const FILE_SIZE: usize = 16;
    /// `u32`, CRC-32 (IEEE 802.3, as in zlib) of every byte from [`CRC_START`] to the end.
    pub const CRC: usize = 20;
    /// First byte that the CRC covers.
    pub const CRC_START: usize = 24;
    /// Section table: for each of [`super::Section`] an offset and a count of records, two `u32`.
    pub const SECTIONS: usize = 24;
    /// `u16`, how many of the ports are inputs (the first ones).
    pub const INPUTS: usize = 88;
    /// `u16`, how many of the ports are outputs (the ones after the inputs).
    pub const OUTPUTS: usize = 90;
    /// `u16`, string: name of the network.
    pub const NAME: usize = 92;
    /// Two reserved bytes, zero.
    pub const RESERVED: usize = 94;
    /// Size of the header.
    pub const SIZE: usize = 96;
}

/// The sections, in the order of the section table and of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Section {
    /// Records of [`tensor`].
    Tensors,
    /// Records of [`step`].
    Steps,
    /// `u16` tensor indices: what each step reads.
    Operands,
    /// Records of [`port`].
    Ports,
    /// Records of [`string`].
    Strings,
    /// UTF-8 bytes that the strings point into.
    Text,
    /// The memory plans: [`plan::MODES`] tables.
    Plans,
    /// Weights and other parameters, as bytes.
    Params,
}

impl Section {
    /// All sections in file order.
    pub const ALL: [Self; 8] =
        [Self::Tensors, Self::Steps, Self::Operands, Self::Ports, Self::Strings, Self::Text, Self::Plans, Self::Params];

    /// Size of one record in bytes.
    pub const fn record_size(self) -> usize {
        match self {
            Self::Tensors => tensor::SIZE,
            Self::Steps => step::SIZE,
            Self::Operands => 2,
            Self::Ports => port::SIZE,
            Self::Strings => string::SIZE,
            Self::Text | Self::Plans | Self::Params => 1,
        }
    }
}

/// A tensor: one activation of the network, batch 1, channels last.
pub mod tensor {
    /// `u8`, see [`crate::step::DType`].
    pub const DTYPE: usize = 0;
    /// `u8`, [`NON_NEGATIVE`], [`TIES_TO_EVEN`], [`SEQUENCE`].
    pub const FLAGS: usize = 1;
    /// `u16`, string.
    pub const NAME: usize = 2;
    /// `u32`, rows.
    pub const HEIGHT: usize = 4;
    /// `u32`, columns.
    pub const WIDTH: usize = 8;
    /// `u32`, channels.
    pub const CHANNELS: usize = 12;
    /// `u16`, the tensor whose memory this one uses: itself, or the input of the in-place step that writes it.
    pub const STORAGE: usize = 16;
    /// Two reserved bytes, zero.
    pub const RESERVED_18: usize = 18;
    /// `f32`, the real value of one unit of an integer tensor; zero for floats.
    pub const SCALE: usize = 20;
    /// `i32`, the integer that stands for 0.0; zero for floats.
    pub const ZERO_POINT: usize = 24;
    /// Four reserved bytes, zero.
    pub const RESERVED_28: usize = 28;
    /// Size of a record.
    pub const SIZE: usize = 32;

    /// Flag: no element is ever below zero (the output of a `ReLU`, say); [`crate::model`] checks it.
    pub const NON_NEGATIVE: u8 = 1;
    /// Flag, of integer tensors only: floats half way between two integers become the one that is an even number of units.
    pub const TIES_TO_EVEN: u8 = 2;
    /// Flag: rows are the moments of a sequence, and a run may have fewer of them.
    pub const SEQUENCE: u8 = 4;
    /// All of them.
    pub const FLAGS_DEFINED: u8 = NON_NEGATIVE | TIES_TO_EVEN | SEQUENCE;
}

/// A step: one layer.
pub mod step {
    /// `u8`, see [`crate::step::Op`].
    pub const OP: usize = 0;
    /// `u8`, the op's variant, e.g. which activation function.
    pub const VARIANT: usize = 1;
    /// `u16`, the `FLAG_…` constants.
    pub const FLAGS: usize = 2;
    /// `u16`, string.
    pub const NAME: usize = 4;
    /// `u16`, tensor.
    pub const OUTPUT: usize = 6;
    /// `u32`, first operand.
    pub const OPERANDS_FIRST: usize = 8;
    /// `u16`, number of operands.
    pub const OPERANDS_COUNT: usize = 12;
    /// Two reserved bytes, zero.
    pub const RESERVED_14: usize = 14;
    /// `2 × u16`, kernel height and width.
    pub const KERNEL: usize = 16;
    /// `2 × u16`, vertical and horizontal stride.
    pub const STRIDE: usize = 20;
    /// `2 × u16`, vertical and horizontal dilation.
    pub const DILATION: usize = 24;
    /// `4 × u16`, padding at the top, left, bottom, right.
    pub const PADS: usize = 28;
    /// `u32`, groups of a convolution.
    pub const GROUPS: usize = 36;
    /// `4 × (u32, u32)`: offset in the parameter section (bytes) and length (elements) of weights, bias and two more;
    /// of a float step all are `f32`, of an int8 step they are `i8` weights (or the table of an activation), `i32`
    /// bias, and `(i32, i32)` multipliers and shifts; an LSTM has a table of `u16` more, see [`super::lstm_int8`].
    pub const PARAMS: usize = 40;
    /// `4 × f32`, attributes of the op.
    pub const FLOATS: usize = 72;
    /// `8 × u32`, attributes of the op.
    pub const INTS: usize = 88;
    /// Eight reserved bytes, zero.
    pub const RESERVED_120: usize = 120;
    /// Size of a record.
    pub const SIZE: usize = 128;

    /// Average pooling divides by the whole window, padding included.
    pub const FLAG_COUNT_PAD: u16 = 1;
    /// The second operand of an addition is subtracted.
    pub const FLAG_SUBTRACT: u16 = 2;
    /// An int8 step rescales with one rounding (ONNX) instead of two (TensorFlow Lite).
    pub const FLAG_SINGLE_ROUNDING: u16 = 4;
    /// A recurrent step walks from the last moment to the first.
    pub const FLAG_REVERSE: u16 = 8;
    /// The output of a recurrent step is the state after every moment, not after the last one.
    pub const FLAG_ALL_STATES: u16 = 16;
    /// The reset gate of a GRU is applied after the product with the state.
    pub const FLAG_RESET_AFTER: u16 = 32;
    /// Every flag that is defined.
    pub const FLAGS_DEFINED: u16 =
        FLAG_COUNT_PAD | FLAG_SUBTRACT | FLAG_SINGLE_ROUNDING | FLAG_REVERSE | FLAG_ALL_STATES | FLAG_RESET_AFTER;

    /// Variant of an embedding whose table is int8, with the first float attribute as its scale.
    pub const VARIANT_INT8_TABLE: u8 = 1;
}

/// The parameters of an LSTM over int8. Gates come in the order i, f, g, o.
///
/// Weights are `[gate][unit][input]`, then `[gate][unit][unit]`, then the zeros behind all 8-bit weights. There is a bias
/// for every unit of every gate, and [`FACTORS`](lstm_int8::FACTORS) multipliers and shifts: of each gate from sums over the
/// input to units of 2⁻¹², of each gate the same from sums over the state, and from units of 2⁻³⁰ to the output's. The
/// table is `σ(k / 24)` in units of 2⁻¹⁶, rising from 2¹⁵.
pub mod lstm_int8 {
    /// The first of the factors of sums over the state.
    pub const STATE_FACTORS: usize = 4;
    /// The factor of the output.
    pub const OUTPUT_FACTOR: usize = 8;
    /// How many factors there are.
    pub const FACTORS: usize = 9;
    /// Entries of the table.
    pub const TABLE: usize = 256;
    /// Attribute: a unit of the cell is two to the power of minus this, at most [`MOST_PLACES`].
    pub const CELL_PLACES: usize = 0;
    /// Attribute: the largest magnitude of the cell in its units, or zero.
    pub const CELL_BOUND: usize = 1;
    /// Most binary places of the cell.
    pub const MOST_PLACES: u32 = 15;
}

/// A port: a tensor that the user feeds or reads, and its layout in the exported model.
pub mod port {
    /// `u16`, tensor.
    pub const TENSOR: usize = 0;
    /// `u16`, string.
    pub const NAME: usize = 2;
    /// `u8`, rank in the exported model.
    pub const RANK: usize = 4;
    /// `u8`, [`HAS_RANGE`], [`HAS_PIXELS`], [`BGR`], [`TEXT`].
    pub const FLAGS: usize = 5;
    /// `u16`, first label.
    pub const LABELS_FIRST: usize = 6;
    /// `u16`, number of labels: the channels, or of an input of tokens the words; or zero.
    pub const LABELS_COUNT: usize = 8;
    /// `6 × u8`: the kernel's element order is the user's tensor transposed by this permutation.
    pub const ORDER: usize = 10;
    /// `6 × u32`, the user's shape, unused dimensions 1.
    pub const DIMS: usize = 16;
    /// `f32`, smallest value an input may take (the `low` of the z^B rule).
    pub const LOW: usize = 40;
    /// `f32`, largest value.
    pub const HIGH: usize = 44;
    /// `4 × f32`: value = pixel · scale + offset for a pixel in `0..=255`, per channel.
    pub const PIXEL_SCALE: usize = 48;
    /// `4 × f32`.
    pub const PIXEL_OFFSET: usize = 64;
    /// Size of a record.
    pub const SIZE: usize = 80;

    /// Flag: [`LOW`] and [`HIGH`] are known.
    pub const HAS_RANGE: u8 = 1;
    /// Flag: [`PIXEL_SCALE`] and [`PIXEL_OFFSET`] say how to feed a picture.
    pub const HAS_PIXELS: u8 = 2;
    /// Flag: channels are blue, green, red.
    pub const BGR: u8 = 4;
    /// Flag: tokens are words of English text, the labels their spellings; see [`crate::text`].
    pub const TEXT: u8 = 8;
    /// Every flag that is defined.
    pub const FLAGS_DEFINED: u8 = HAS_RANGE | HAS_PIXELS | BGR | TEXT;
}

/// A string.
pub mod string {
    /// `u32`, first byte in the text section.
    pub const OFFSET: usize = 0;
    /// `u32`, bytes.
    pub const LENGTH: usize = 4;
    /// Size of a record.
    pub const SIZE: usize = 8;
}

/// The memory plans: one table per [`crate::plan::Mode`], in that order.
///
/// A table is its [`ARENA`](plan::ARENA) and [`LEDGER`](plan::LEDGER) words, one entry per tensor, and three scratch
/// offsets per step: forward, back, and what is kept between.
pub mod plan {
    /// How many tables: infer, explain, retain.
    pub const MODES: usize = 3;
    /// `u32`, bytes of arena that this mode needs.
    pub const ARENA: usize = 0;
    /// `u32`, offset of the ledger, [`super::NONE_32`] in infer mode.
    pub const LEDGER: usize = 4;
    /// Bytes before the entries.
    pub const HEAD: usize = 8;

    /// `u32` in an entry: offset of the activation in the arena.
    pub const VALUE_OFFSET: usize = 0;
    /// `u16` in an entry: the time of its first write, see [`crate::plan`].
    pub const VALUE_FIRST: usize = 4;
    /// `u16` in an entry: the time of its last read.
    pub const VALUE_LAST: usize = 6;
    /// `u32` in an entry: offset of the relevance, or [`super::NONE_32`].
    pub const RELEVANCE_OFFSET: usize = 8;
    /// `u16` in an entry.
    pub const RELEVANCE_FIRST: usize = 12;
    /// `u16` in an entry.
    pub const RELEVANCE_LAST: usize = 14;
    /// Size of an entry.
    pub const ENTRY: usize = 16;

    /// Size of a step's scratch entry: `u32` offsets or [`super::NONE_32`], for the way forward, for the way back, and for
    /// what is kept from the one to the other.
    pub const SCRATCH: usize = 12;

    /// Size of one table.
    pub const fn table_size(tensors: usize, steps: usize) -> usize {
        HEAD + tensors * ENTRY + steps * SCRATCH
    }
}
