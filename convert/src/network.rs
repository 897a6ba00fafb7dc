//! A network that can be edited: what an image says, in vectors and strings.

use relprop::model::format::MAX_RANK;
use relprop::step::{Op, Pixels, Shape};

/// A network, ready to be [emitted](crate::emit()) as an image.
///
/// Steps are in data-flow order, and tensors and steps refer to each other by index, as in the image. What follows
/// from the rest is not stored: which tensors share memory, which are never negative, and the memory plans.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// Name of the network.
    pub name: String,
    /// The activations.
    pub tensors: Vec<Tensor>,
    /// The layers, in the order in which they run.
    pub steps: Vec<Layer>,
    /// What the user feeds.
    pub inputs: Vec<Port>,
    /// What the user reads.
    pub outputs: Vec<Port>,
}

/// An activation of the network, batch 1, channels last.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name.
    pub name: String,
    /// Extent.
    pub shape: Shape,
    /// Of an int8 tensor, what its integers stand for; `None` for floats.
    pub quantization: Option<Quantization>,
    /// Of an int8 tensor: a float half way between two integers becomes the even one, not the one away from zero.
    pub ties_to_even: bool,
    /// Elements are tokens.
    pub is_tokens: bool,
    /// Rows are the moments of a sequence, and a run may have fewer of them.
    pub is_sequence: bool,
}

impl Tensor {
    /// Floats, as many in every run.
    pub fn floats(name: impl Into<String>, shape: Shape) -> Self {
        Self { name: name.into(), shape, quantization: None, ties_to_even: false, is_tokens: false, is_sequence: false }
    }
}

/// What the integers of a tensor stand for: `(q − zero_point) · scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantization {
    /// The real value of one unit: finite, above zero.
    pub scale: f32,
    /// The integer that stands for 0.0.
    pub zero_point: i8,
}

/// The parameters of an int8 step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Int8 {
    /// Weights as the kernel wants them, without the zeros behind them (see [`crate::pack::int8`]), or the table of an
    /// activation or of an embedding.
    pub weights: Vec<i8>,
    /// Bias per output channel, in units of input scale times weight scale.
    pub bias: Vec<i32>,
    /// Multiplier and shift per output channel, or per operand and for the output of an addition, or those of
    /// [an LSTM](relprop::model::format::lstm_int8).
    pub rescale: Vec<[i32; 2]>,
    /// Of an LSTM, the table of its functions.
    pub table: Vec<u16>,
}

/// One layer. Fields that its op does not use are zero or empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// The op's variant: which activation function, which axis.
    pub variant: u8,
    /// See [`relprop::model::format::step`].
    pub flags: u16,
    /// The tensors it reads.
    pub operands: Vec<usize>,
    /// The tensor it writes.
    pub output: usize,
    /// Kernel height and width.
    pub kernel: [u16; 2],
    /// Vertical and horizontal stride.
    pub stride: [u16; 2],
    /// Vertical and horizontal dilation.
    pub dilation: [u16; 2],
    /// Padding at the top, left, bottom and right.
    pub pads: [u16; 4],
    /// Groups of a convolution.
    pub groups: u32,
    /// Of a float step: weights as the kernel wants them (see [`crate::pack`]), bias, and two more.
    pub params: [Vec<f32>; 4],
    /// Of an int8 step, instead.
    pub int8: Int8,
    /// Float attributes.
    pub floats: [f32; 4],
    /// Integer attributes.
    pub ints: [u32; 8],
}

impl Layer {
    /// A layer of which only the op, the operands and the output are known.
    pub fn new(name: impl Into<String>, op: Op, operands: Vec<usize>, output: usize) -> Self {
        Self {
            name: name.into(),
            op,
            variant: 0,
            flags: 0,
            operands,
            output,
            kernel: [0; 2],
            stride: [0; 2],
            dilation: [0; 2],
            pads: [0; 4],
            groups: 0,
            params: Default::default(),
            int8: Int8::default(),
            floats: [0.0; 4],
            ints: [0; 8],
        }
    }
}

/// An input or output of the network as its user sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Name.
    pub name: String,
    /// The tensor behind it.
    pub tensor: usize,
    /// Shape in the exported model.
    pub dims: Vec<usize>,
    /// The kernel's elements are the user's tensor transposed by this permutation; axes beyond the rank stay put.
    pub order: [u8; MAX_RANK],
    /// Range of values an input may take.
    pub range: Option<(f32, f32)>,
    /// How to feed a picture.
    pub pixels: Option<Pixels>,
    /// Names of the classes: none, or one per channel; of tokens, what each stands for.
    pub labels: Vec<String>,
    /// Tokens are words of English text; then their labels rise byte by byte after the first, which stands for all
    /// others.
    pub is_text: bool,
}

impl Port {
    /// A port in the kernel's own layout.
    pub fn new(name: impl Into<String>, tensor: usize, dims: Vec<usize>) -> Self {
        Self {
            name: name.into(),
            tensor,
            dims,
            order: [0, 1, 2, 3, 4, 5],
            range: None,
            pixels: None,
            labels: Vec::new(),
            is_text: false,
        }
    }
}
