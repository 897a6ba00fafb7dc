//! Step, tensor and port: the typed view of one record of the image.

use crate::model::format::{MAX_RANK, port, step};

/// Type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum DType {
    /// IEEE 754 single precision.
    F32 = 0,
    /// `(q − zero point) · scale`.
    I8 = 1,
    /// The number of a token: the row of an embedding.
    Token = 2,
}

impl DType {
    /// The type with this code, if this kernel knows it.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 if cfg!(feature = "float") => Some(Self::F32),
            1 if cfg!(feature = "int8") => Some(Self::I8),
            2 if cfg!(feature = "sequence") => Some(Self::Token),
            _ => None,
        }
    }

    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::I8 => 1,
            Self::Token => 2,
        }
    }

    /// Whether both are the same (`==`, usable in `const`).
    pub const fn same(self, other: Self) -> bool {
        self as u8 == other as u8
    }
}

/// Extent of a tensor, batch 1, channels last. Vectors are `1 × 1 × n`, sequences of vectors `t × 1 × n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels, the fastest-varying axis.
    pub channels: usize,
}

impl Shape {
    /// A shape.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels }
    }

    /// Number of elements.
    pub const fn elements(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Number of elements of one row.
    pub const fn row(self) -> usize {
        self.width * self.channels
    }

    /// Whether both shapes are the same (`==`, usable in `const`).
    pub const fn same(self, other: Self) -> bool {
        self.height == other.height && self.width == other.width && self.channels == other.channels
    }
}

/// One activation of the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tensor {
    /// Element type.
    pub dtype: DType,
    /// Extent.
    pub shape: Shape,
    /// The real value of one unit of an integer tensor; zero for floats.
    pub scale: f32,
    /// The integer that stands for 0.0; zero for floats.
    pub zero_point: i32,
    /// No element is ever negative.
    pub non_negative: bool,
    /// Of an integer tensor: a float half way between two integers becomes the even one, as ONNX has it, and not the one
    /// away from zero.
    pub ties_to_even: bool,
    /// Rows are the moments of a sequence.
    pub is_sequence: bool,
    /// The tensor whose memory this one uses (its own index unless an in-place step writes it).
    pub storage: usize,
    /// Name, as an index of a string.
    pub(crate) name: u16,
}

impl Tensor {
    /// Bytes that the tensor takes in the arena.
    pub const fn bytes(&self) -> usize {
        self.shape.elements() * self.dtype.size()
    }

    /// Bytes that its relevance takes: four per element, whatever the type.
    pub const fn relevance_bytes(&self) -> usize {
        self.shape.elements() * 4
    }

    /// The real value of an integer of this tensor.
    pub fn real(&self, q: i8) -> f32 {
        (i32::from(q) - self.zero_point) as f32 * self.scale
    }

    /// The integer nearest a real value; saturates. Ties are away from the zero point, or from it an even number of units
    /// with [`ties_to_even`](Self::ties_to_even).
    pub fn quantized(&self, value: f32) -> i8 {
        let units = value / self.scale;
        let units = if self.ties_to_even { crate::math::round_ties_even(units) } else { crate::math::round(units) };
        let q = units + self.zero_point as f32;
        // A cast saturates, and makes zero of what is not a number.
        q as i8
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Op {
    /// Convolution, grouped or not.
    Conv = 1,
    /// Convolution of each channel with its own kernel.
    Depthwise = 2,
    /// Transposed convolution.
    ConvTranspose = 3,
    /// Fully connected: every output reads every input.
    Dense = 4,
    /// Maximum over a window.
    MaxPool = 5,
    /// Mean over a window; global when the window is the input.
    AveragePool = 6,
    /// Elementwise nonlinearity, see [`Function`].
    Activation = 7,
    /// `y = scale · x + shift` per channel or per element: unfolded batch norm, multiplication by a constant.
    Affine = 8,
    /// Sum or difference of two tensors.
    Add = 9,
    /// Product of two tensors: the first is the signal, the second the gate.
    Mul = 10,
    /// Concatenation along one axis.
    Concat = 11,
    /// Constant padding.
    Pad = 12,
    /// A strided part of the input.
    Slice = 13,
    /// Same elements in the same order: flatten, reshape.
    View = 14,
    /// Permutation of axes.
    Transpose = 15,
    /// Local response normalisation over channels.
    LocalResponseNorm = 16,
    /// Softmax or log-softmax over channels.
    Softmax = 17,
    /// Float to int8.
    Quantize = 18,
    /// Int8 to float.
    Dequantize = 19,
    /// A row of a table for each token.
    Embedding = 20,
    /// Long short-term memory, one direction.
    Lstm = 21,
    /// Gated recurrent unit, one direction.
    Gru = 22,
}

/// Whether steps beyond those of plain networks are built.
pub const STEPS: bool = cfg!(feature = "steps");
/// Whether embeddings and recurrent steps are.
pub const SEQUENCE: bool = cfg!(feature = "sequence");

impl Op {
    /// The op with this code, if this kernel knows it.
    pub const fn from_code(code: u8) -> Option<Self> {
        let op = match code {
            1 => Self::Conv,
            2 => Self::Depthwise,
            3 => Self::ConvTranspose,
            4 => Self::Dense,
            5 => Self::MaxPool,
            6 => Self::AveragePool,
            7 => Self::Activation,
            8 => Self::Affine,
            9 => Self::Add,
            10 => Self::Mul,
            11 => Self::Concat,
            12 => Self::Pad,
            13 => Self::Slice,
            14 => Self::View,
            15 => Self::Transpose,
            16 => Self::LocalResponseNorm,
            17 => Self::Softmax,
            18 => Self::Quantize,
            19 => Self::Dequantize,
            20 => Self::Embedding,
            21 => Self::Lstm,
            22 => Self::Gru,
            _ => return None,
        };
        op.built()
    }

    /// Itself, where the features that this kernel was built with have it. Where steps are told apart, the rarer ones
    /// are guarded by the same constants, so that they are not linked.
    const fn built(self) -> Option<Self> {
        let is_built = match self {
            Self::Embedding | Self::Lstm | Self::Gru => SEQUENCE,
            Self::Conv | Self::Dense | Self::MaxPool | Self::Activation | Self::Softmax => true,
            _ => STEPS || self.is_conversion() || matches!(self, Self::View),
        };
        if is_built { Some(self) } else { None }
    }

    /// Has weights that a rule attributes to: convolutions and dense.
    pub const fn is_weighted(self) -> bool {
        matches!(self, Self::Conv | Self::Depthwise | Self::ConvTranspose | Self::Dense)
    }

    /// `z = Σ x·w + b`, so that every rule over linear steps applies.
    pub const fn is_linear(self) -> bool {
        self.is_weighted() || matches!(self, Self::AveragePool | Self::Affine | Self::Add)
    }

    /// A cell that walks over a sequence.
    pub const fn is_recurrent(self) -> bool {
        matches!(self, Self::Lstm | Self::Gru)
    }

    /// Moves elements and computes nothing.
    pub const fn is_structural(self) -> bool {
        matches!(self, Self::Concat | Self::Pad | Self::Slice | Self::View | Self::Transpose)
    }

    /// Changes the type of the elements and nothing else.
    pub const fn is_conversion(self) -> bool {
        matches!(self, Self::Quantize | Self::Dequantize)
    }

    /// The way back reads what the step read on the way forward.
    pub const fn reads_operands_back(self) -> bool {
        !self.is_structural() && !self.is_conversion()
    }

    /// Name as the command line and the documentation write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conv => "conv",
            Self::Depthwise => "depthwise",
            Self::ConvTranspose => "conv_transpose",
            Self::Dense => "dense",
            Self::MaxPool => "max_pool",
            Self::AveragePool => "average_pool",
            Self::Activation => "activation",
            Self::Affine => "affine",
            Self::Add => "add",
            Self::Mul => "mul",
            Self::Concat => "concat",
            Self::Pad => "pad",
            Self::Slice => "slice",
            Self::View => "view",
            Self::Transpose => "transpose",
            Self::LocalResponseNorm => "local_response_norm",
            Self::Softmax => "softmax",
            Self::Quantize => "quantize",
            Self::Dequantize => "dequantize",
            Self::Embedding => "embedding",
            Self::Lstm => "lstm",
            Self::Gru => "gru",
        }
    }
}

/// An activation function; `a` and `b` are the step's first two float attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Function {
    /// `max(x, 0)`
    Relu = 0,
    /// `min(max(x, a), b)`: `ReLU6`, clip.
    Clip = 1,
    /// `x` above zero, `a·x` below.
    LeakyRelu = 2,
    /// As leaky `ReLU` with a slope per channel (or one).
    PRelu = 3,
    /// `x` above zero, `a·(eˣ − 1)` below.
    Elu = 4,
    /// `b·x` above zero, `b·a·(eˣ − 1)` below.
    Selu = 5,
    /// `x·Φ(x)` through erf, or through tanh when `a` is 1.
    Gelu = 6,
    /// `x·σ(x)`.
    Silu = 7,
    /// `x·min(max(x/6 + 1/2, 0), 1)`.
    HardSwish = 8,
    /// `min(max(a·x + b, 0), 1)`.
    HardSigmoid = 9,
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid = 10,
    /// `tanh x`.
    Tanh = 11,
    /// `ln(1 + eˣ)`.
    Softplus = 12,
}

impl Function {
    /// The function with this code, if this kernel knows it.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Relu,
            1 => Self::Clip,
            2 => Self::LeakyRelu,
            3 => Self::PRelu,
            4 => Self::Elu,
            5 => Self::Selu,
            6 => Self::Gelu,
            7 => Self::Silu,
            8 => Self::HardSwish,
            9 => Self::HardSigmoid,
            10 => Self::Sigmoid,
            11 => Self::Tanh,
            12 => Self::Softplus,
            _ => return None,
        })
    }

    /// Name as the documentation writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Clip => "clip",
            Self::LeakyRelu => "leaky_relu",
            Self::PRelu => "prelu",
            Self::Elu => "elu",
            Self::Selu => "selu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::HardSwish => "hard_swish",
            Self::HardSigmoid => "hard_sigmoid",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Softplus => "softplus",
        }
    }
}

/// Geometry of a window along one axis: which inputs an output position reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Input positions.
    pub input: usize,
    /// Output positions.
    pub output: usize,
    /// Kernel taps.
    pub kernel: usize,
    /// Stride.
    pub stride: usize,
    /// Dilation.
    pub dilation: usize,
    /// Padding before the first input (for a transposed convolution: output positions cut off at the start).
    pub before: usize,
    /// Padding after the last input.
    pub after: usize,
    /// Transposed: the roles of input and output are swapped.
    pub transposed: bool,
}

impl Axis {
    /// The input that output `o` reads through tap `k`, unless that is padding.
    #[inline(always)]
    pub const fn input_of(&self, o: usize, k: usize) -> Option<usize> {
        if self.transposed {
            contracted(o, k, self.stride, self.dilation, self.before, self.input)
        } else {
            expanded(o, k, self.stride, self.dilation, self.before, self.input)
        }
    }

    /// The output that reads input `i` through tap `k`, if there is one.
    #[inline(always)]
    pub const fn output_of(&self, i: usize, k: usize) -> Option<usize> {
        if self.transposed {
            expanded(i, k, self.stride, self.dilation, self.before, self.output)
        } else {
            contracted(i, k, self.stride, self.dilation, self.before, self.output)
        }
    }

    /// How many outputs in a row an input can meet.
    pub const fn overlap(&self) -> usize {
        let reach = (self.kernel - 1) * self.dilation;
        if self.transposed { reach + 1 } else { quotient(reach, self.stride) + 1 }
    }

    /// The taps through which outputs read input `i`, and those outputs.
    pub fn meetings(&self, i: usize) -> Meetings {
        if self.transposed { self.meetings_ahead(i * self.stride) } else { self.meetings_behind(i, self.output) }
    }

    /// How many inputs output `o` reads.
    pub fn reads(&self, o: usize) -> usize {
        if self.transposed {
            self.meetings_behind(o, self.input).count
        } else {
            let (first, last) = self.taps(o);
            last - first
        }
    }

    /// How far apart inputs are that meet outputs through the same taps, and how far apart those outputs.
    pub const fn pace(&self) -> (usize, usize) {
        if self.transposed { (1, self.stride) } else { (self.stride, 1) }
    }

    /// From how many inputs on, one at a time, steps of that distance reach all.
    pub const fn phases(&self) -> usize {
        let (apart, _) = self.pace();
        if apart < self.input { apart } else { self.input }
    }

    /// Whether the next `k` inputs after `i`, at that distance, are sure to meet the outputs after those that `i` meets:
    /// their end takes no tap away from these, nor did their beginning from `i`.
    pub const fn meet_alike(&self, meetings: &Meetings, i: usize, k: usize) -> bool {
        let (apart, pace) = self.pace();
        let (_, output) = meetings.nth(if self.transposed { meetings.count.saturating_sub(1) } else { 0 });
        let from_first = !self.transposed || meetings.tap == 0;
        let to_last = meetings.tap + meetings.count * meetings.step >= self.kernel;
        i + k * apart < self.input && output + k * pace < self.output && from_first && to_last
    }

    /// The meetings of the input that is `k` times the pace after `i`, of which these are: mostly without a division.
    pub fn meetings_after(&self, meetings: &Meetings, i: usize, k: usize) -> Meetings {
        let (apart, pace) = self.pace();
        if self.meet_alike(meetings, i, k) {
            Meetings { output: meetings.output + k * pace, ..*meetings }
        } else {
            self.meetings(i + k * apart)
        }
    }

    /// Of a transposed convolution: tap `k` leads to output `place + k·dilation − before`.
    fn meetings_ahead(&self, place: usize) -> Meetings {
        let tap = rounded_up(self.before.saturating_sub(place), self.dilation);
        let output = (place + tap * self.dilation).saturating_sub(self.before);
        let inside = rounded_up(self.output.saturating_sub(output), self.dilation);
        let count = self.kernel.saturating_sub(tap).min(inside);
        Meetings { tap, output, step: 1, advance: self.dilation as isize, count }
    }

    /// Of a convolution: tap `k` leads from input `i` to output `(i + before − k·dilation) / stride`, where that is a whole
    /// number below `limit`.
    fn meetings_behind(&self, i: usize, limit: usize) -> Meetings {
        let place = i + self.before;
        let common = gcd(self.stride, self.dilation);
        let (step, advance) = (quotient(self.stride, common), quotient(self.dilation, common));
        let nothing = Meetings { tap: 0, output: 0, step, advance: 0, count: 0 };
        let tap = match (self.stride, self.dilation) {
            (1, _) => 0,
            (stride, 1) => remainder(place, stride),
            _ if remainder(place, common) > 0 => return nothing,
            _ => over(remainder(quotient(place, common), step), advance, step),
        };
        let Some(reach) = place.checked_sub(tap * self.dilation) else { return nothing };
        let output = quotient(reach, self.stride);
        // Outputs past the end are skipped.
        let skipped = rounded_up((output + 1).saturating_sub(limit), advance);
        let (tap, Some(output)) = (tap + skipped * step, output.checked_sub(skipped * advance)) else {
            return nothing;
        };
        let count = rounded_up(self.kernel.saturating_sub(tap), step).min(quotient(output, advance) + 1);
        Meetings { tap, output, step, advance: -(advance as isize), count }
    }

    /// The inputs that no output after `o` reads, less those that no output from `o` on does.
    pub const fn settled(&self, o: usize) -> core::ops::Range<usize> {
        let start = if o == 0 { 0 } else { self.first_read_at(o) };
        start..if o + 1 == self.output { self.input } else { self.first_read_at(o + 1) }
    }

    /// The first input that output `o` or a later one may read last.
    const fn first_read_at(&self, o: usize) -> usize {
        let first = if self.transposed {
            let reach = (self.kernel - 1) * self.dilation;
            rounded_up((o + self.before).saturating_sub(reach), self.stride)
        } else {
            (o * self.stride).saturating_sub(self.before)
        };
        if first < self.input { first } else { self.input }
    }

    /// The taps `first..last` through which output `o` of an ordinary (not transposed) window reads inputs; the
    /// taps before and after fall on padding.
    #[inline(always)]
    pub const fn taps(&self, o: usize) -> (usize, usize) {
        let start = o * self.stride;
        let (first, end) = (self.before.saturating_sub(start), (self.input + self.before).saturating_sub(start));
        let (first, end) = (rounded_up(first, self.dilation), rounded_up(end, self.dilation));
        let last = if end < self.kernel { end } else { self.kernel };
        (if first < last { first } else { last }, last)
    }
}

/// The outputs that one input meets: through tap `tap`, `tap + step` …, `count` of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meetings {
    /// First tap.
    pub tap: usize,
    /// The output there.
    pub output: usize,
    /// From one tap to the next.
    pub step: usize,
    /// From one output to the next.
    pub advance: isize,
    /// How many.
    pub count: usize,
}

impl Meetings {
    /// The `k`-th tap and its output.
    #[inline(always)]
    pub const fn nth(&self, k: usize) -> (usize, usize) {
        (self.tap + k * self.step, self.output.wrapping_add(k.wrapping_mul(self.advance as usize)))
    }

    /// Calls `f(tap, output)` for each.
    #[inline(always)]
    pub fn each(&self, mut f: impl FnMut(usize, usize)) {
        for k in 0..self.count {
            let (tap, output) = self.nth(k);
            f(tap, output);
        }
    }
}

/// `a / b`. Divisions are slow, on small cores above all, and ones are common; a zero, which no checked model has,
/// counts as one, so that nothing here can panic.
#[inline(always)]
pub(crate) const fn quotient(a: usize, b: usize) -> usize {
    if b <= 1 { a } else { a / b }
}

/// `a / b`, rounded up; see [`quotient`].
#[inline(always)]
pub(crate) const fn rounded_up(a: usize, b: usize) -> usize {
    if b <= 1 { a } else { a.div_ceil(b) }
}

/// `a % b`; see [`quotient`].
#[inline(always)]
pub(crate) const fn remainder(a: usize, b: usize) -> usize {
    if b <= 1 { 0 } else { a % b }
}

const fn gcd(a: usize, b: usize) -> usize {
    if a == 1 || b == 1 {
        return 1;
    }
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// `a / b` modulo `n`: the number that times `b` leaves `a`. `b` and `n` have no common divisor, and all are of 16 bits. By
/// Euclid's algorithm: an image names `n`, and may not make this slow.
const fn over(a: usize, b: usize, n: usize) -> usize {
    let (mut rest, mut next) = (n as i32, remainder(b, n) as i32);
    let (mut past, mut inverse) = (0, 1);
    while next > 1 {
        let times = rest / next;
        (rest, next) = (next, rest - times * next);
        (past, inverse) = (inverse, past - times * inverse);
    }
    let inverse = if inverse < 0 { inverse + n as i32 } else { inverse };
    remainder((a as u32).wrapping_mul(inverse as u32) as usize, n)
}

/// `o·stride + k·dilation − before`, when inside `0..limit`.
#[inline(always)]
const fn expanded(o: usize, k: usize, stride: usize, dilation: usize, before: usize, limit: usize) -> Option<usize> {
    let at = o * stride + k * dilation;
    if at >= before && at - before < limit { Some(at - before) } else { None }
}

/// The `o` with `o·stride + k·dilation − before = i`, when there is one inside `0..limit`.
#[inline(always)]
const fn contracted(i: usize, k: usize, stride: usize, dilation: usize, before: usize, limit: usize) -> Option<usize> {
    let (at, tap) = (i + before, k * dilation);
    if at < tap {
        return None;
    }
    // Stride 1 is common, and a division is slow on small cores.
    if stride <= 1 {
        return if at - tap < limit { Some(at - tap) } else { None };
    }
    if !(at - tap).is_multiple_of(stride) || (at - tap) / stride >= limit {
        return None;
    }
    Some((at - tap) / stride)
}

/// Where a block of parameters lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamRef {
    /// First byte in the parameter section.
    pub offset: usize,
    /// Elements.
    pub len: usize,
}

/// One layer of the network, decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// What it does.
    pub op: Op,
    /// The op's variant.
    pub variant: u8,
    /// See [`crate::model::format::step`].
    pub flags: u16,
    /// The tensor it writes.
    pub output: usize,
    /// First operand in the operand list.
    pub(crate) operands_first: usize,
    /// How many tensors it reads.
    pub operands: usize,
    /// Kernel height and width.
    pub kernel: [u16; 2],
    /// Vertical and horizontal stride.
    pub stride: [u16; 2],
    /// Vertical and horizontal dilation.
    pub dilation: [u16; 2],
    /// Padding at the top, left, bottom and right.
    pub pads: [u16; 4],
    /// Groups.
    pub groups: usize,
    /// Weights, bias, and two more.
    pub params: [ParamRef; 4],
    /// Float attributes.
    pub floats: [f32; 4],
    /// Integer attributes.
    pub ints: [u32; 8],
    /// Name, as an index of a string.
    pub(crate) name: u16,
}

impl Step {
    /// Vertical and horizontal geometry between these shapes.
    pub const fn axes(&self, input: Shape, output: Shape) -> [Axis; 2] {
        [self.axis(0, input.height, output.height), self.axis(1, input.width, output.width)]
    }

    const fn axis(&self, at: usize, input: usize, output: usize) -> Axis {
        Axis {
            input,
            output,
            kernel: self.kernel[at] as usize,
            stride: self.stride[at] as usize,
            dilation: self.dilation[at] as usize,
            before: self.pads[at] as usize,
            after: self.pads[at + 2] as usize,
            transposed: matches!(self.op, Op::ConvTranspose),
        }
    }

    /// The activation function, for [`Op::Activation`].
    pub const fn function(&self) -> Option<Function> {
        match self.op {
            Op::Activation => Function::from_code(self.variant),
            _ => None,
        }
    }

    /// Whether the second operand of an addition is subtracted.
    pub const fn subtracts(&self) -> bool {
        self.flags & step::FLAG_SUBTRACT != 0
    }

    /// Sign of the second operand of an addition.
    pub const fn second_sign(&self) -> f32 {
        if self.subtracts() { -1.0 } else { 1.0 }
    }
}

/// How a picture becomes an input: `value = pixel · scale[c] + offset[c]` for a pixel in `0..=255`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pixels {
    /// Per channel.
    pub scale: [f32; 4],
    /// Per channel.
    pub offset: [f32; 4],
    /// Channels are blue, green, red instead of red, green, blue.
    pub bgr: bool,
}

/// An input or output of the network as its user sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Port {
    /// Tokens are words of English text, and labels their spellings.
    pub is_text: bool,
    /// The tensor behind it.
    pub tensor: usize,
    /// Rank in the exported model.
    pub rank: usize,
    /// Shape in the exported model, `dims[..rank]`.
    pub dims: [usize; MAX_RANK],
    /// The kernel's elements are the user's tensor transposed by this permutation (NCHW → NHWC, say).
    pub order: [u8; MAX_RANK],
    /// Range of values an input may take.
    pub range: Option<(f32, f32)>,
    /// How to feed a picture.
    pub pixels: Option<Pixels>,
    /// Number of class labels.
    pub labels: usize,
    pub(crate) labels_first: u16,
    pub(crate) name: u16,
}

impl Port {
    /// Copies a tensor in the user's layout to the kernel's. Elements beyond either slice are left alone.
    pub fn to_kernel<T: Copy>(&self, user: &[T], kernel: &mut [T]) {
        self.for_each(|k, u| {
            if let (Some(to), Some(from)) = (kernel.get_mut(k), user.get(u)) {
                *to = *from;
            }
        });
    }

    /// Copies a tensor in the kernel's layout to the user's. Elements beyond either slice are left alone.
    pub fn to_user<T: Copy>(&self, kernel: &[T], user: &mut [T]) {
        self.for_each(|k, u| {
            if let (Some(to), Some(from)) = (user.get_mut(u), kernel.get(k)) {
                *to = *from;
            }
        });
    }

    /// Calls `f(kernel index, user index)` for every element, in the kernel's order.
    fn for_each(&self, mut f: impl FnMut(usize, usize)) {
        let mut strides = [0; MAX_RANK];
        let mut stride = 1;
        for (s, d) in strides.iter_mut().rev().zip(self.dims.iter().rev()) {
            *s = stride;
            stride *= d;
        }
        let picked = |axis: u8| {
            let axis = usize::from(axis).min(MAX_RANK - 1);
            (self.dims[axis], strides[axis])
        };
        let axes = self.order.map(picked);
        let mut at = [0; MAX_RANK];
        let (mut kernel, mut user) = (0, 0);
        for _ in 0..stride {
            f(kernel, user);
            kernel += 1;
            for (index, (dim, stride)) in at.iter_mut().rev().zip(axes.iter().rev()) {
                *index += 1;
                user += stride;
                if *index < *dim {
                    break;
                }
                user -= *index * stride;
                *index = 0;
            }
        }
    }
}

impl Port {
    pub(crate) const fn has(flags: u8, flag: u8) -> bool {
        debug_assert!(flag & port::FLAGS_DEFINED == flag);
        flags & flag != 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, DType, Meetings, Shape, Tensor, gcd, over};
    use proptest::prelude::*;

    #[test]
    fn ties_go_away_from_the_zero_point_or_to_an_even_number_of_units() {
        let away = Tensor {
            dtype: DType::I8,
            shape: Shape::new(1, 1, 1),
            scale: 0.5,
            zero_point: 3,
            non_negative: false,
            ties_to_even: false,
            is_sequence: false,
            storage: 0,
            name: 0,
        };
        let even = Tensor { ties_to_even: true, ..away };
        let both = |value: f32| [away, even].map(|tensor| tensor.quantized(value));
        assert_eq!([0.25, 0.75, -0.25, -0.75].map(both), [[4, 3], [5, 5], [2, 3], [1, 1]]);
        assert_eq!([1.2, -0.9, 1e9, -1e9].map(both), [[5, 5], [1, 1], [127, 127], [-128, -128]]);
    }

    fn axis() -> impl Strategy<Value = Axis> {
        (1usize..12, 1usize..12, 1usize..6, 1usize..7, 1usize..7, 0usize..5, any::<bool>()).prop_map(
            |(input, output, kernel, stride, dilation, before, transposed)| Axis {
                input,
                output,
                kernel,
                stride,
                dilation,
                before,
                after: 0,
                transposed,
            },
        )
    }

    proptest! {
        #[test]
        fn meetings_are_the_outputs_that_read_an_input(axis in axis()) {
            for i in 0..axis.input {
                let naive: Vec<_> =
                    (0..axis.kernel).filter_map(|k| axis.output_of(i, k).map(|output| (k, output))).collect();
                let mut met = Vec::new();
                axis.meetings(i).each(|tap, output| met.push((tap, output)));
                prop_assert_eq!(&met, &naive);
                for (tap, output) in met {
                    prop_assert_eq!(axis.input_of(output, tap), Some(i));
                }
            }
        }

        #[test]
        fn an_output_reads_the_inputs_behind_its_taps(axis in axis()) {
            for o in 0..axis.output {
                let naive = (0..axis.kernel).filter(|k| axis.input_of(o, *k).is_some()).count();
                prop_assert_eq!(axis.reads(o), naive);
            }
        }

        #[test]
        fn phases_reach_every_input_once(axis in axis()) {
            let (apart, _) = axis.pace();
            let mut reached: Vec<_> = (0..axis.phases()).flat_map(|phase| (phase..axis.input).step_by(apart)).collect();
            reached.sort_unstable();
            prop_assert!(reached.into_iter().eq(0..axis.input));
        }

        #[test]
        fn a_division_modulo_a_number_is_undone_by_multiplying(a in 0..=0xffff_usize, b in 1..=0xffff_usize, n in 1..=0xffff_usize) {
            let b = b / gcd(b, n);
            prop_assume!(gcd(b, n) == 1);
            prop_assert_eq!(over(a % n, b, n) * b % n, a % n);
        }

        #[test]
        fn inputs_said_to_meet_alike_do(axis in axis(), k in 1usize..4) {
            let (apart, pace) = axis.pace();
            for i in 0..axis.input {
                let meetings = axis.meetings(i);
                let shifted = |k: usize| Meetings { output: meetings.output + k * pace, ..meetings };
                let alike = |k: usize| i + k * apart < axis.input && axis.meetings(i + k * apart) == shifted(k);
                let (said, naive) = (axis.meet_alike(&meetings, i, k), (1..=k).all(alike));
                prop_assert!(naive || !said, "input {i}");
                if i + k * apart < axis.input {
                    prop_assert_eq!(axis.meetings_after(&meetings, i, k), axis.meetings(i + k * apart));
                }
                // Between dilated taps there may be more that do.
                prop_assert!(said || !naive || axis.dilation > 1 || meetings.count == 0, "input {i}");
            }
        }

        #[test]
        fn every_input_settles_once_and_within_the_overlap(axis in axis()) {
            let mut settled = vec![0; axis.input];
            for o in 0..axis.output {
                for i in axis.settled(o) {
                    settled[i] += 1;
                    axis.meetings(i).each(|_, output| assert!(output <= o && o - output < axis.overlap()));
                }
            }
            for (i, times) in settled.iter().enumerate() {
                let met = axis.meetings(i).count > 0;
                prop_assert!(*times == 1 || (*times == 0 && !met), "input {} settled {} times", i, times);
            }
        }
    }
}
