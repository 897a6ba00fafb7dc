//! Operators with everything resolved: what the lowerings to floats and to integers have in common.

use super::builtin::Fused;
use crate::builder::Window;

/// One operator that becomes a step, or a few.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The operator it is, as an index of [`Graph::operators`](super::schema::Graph::operators).
    pub operator: usize,
    /// What it does.
    pub kind: Kind,
    /// The activations it reads, as indices of tensors.
    pub inputs: Vec<usize>,
    /// The activation it writes.
    pub output: usize,
    /// What is done with the result before it is written.
    pub fused: Fused,
}

/// What a step does. Weights and biases are indices of tensors whose [source](super::resolve::Source) is stored, whose
/// extents fit, and whose bytes are all there.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Convolution with weights `[output][row][column][input in the group]`; the window has the groups.
    Conv {
        /// Geometry.
        window: Window,
        /// Tensor of the weights.
        weights: usize,
        /// Tensor of the bias.
        bias: Option<usize>,
    },
    /// Convolution of each channel with `multiplier` kernels of its own, weights `[1][row][column][output]`, output
    /// `channel · multiplier + k`.
    Depthwise {
        /// Geometry, as many groups as channels.
        window: Window,
        /// Outputs per channel.
        multiplier: usize,
        /// Tensor of the weights.
        weights: usize,
        /// Tensor of the bias.
        bias: Option<usize>,
    },
    /// Transposed convolution with weights `[output][row][column][input]`.
    TransposeConv {
        /// Geometry; the padding is cut off.
        window: Window,
        /// Tensor of the weights.
        weights: usize,
        /// Tensor of the bias.
        bias: Option<usize>,
    },
    /// Fully connected, with weights `[output][input]`, of every one of `rows` rows.
    Dense {
        /// Rows of the input, which are those of the output.
        rows: usize,
        /// Tensor of the weights.
        weights: usize,
        /// Tensor of the bias.
        bias: Option<usize>,
    },
    /// Mean over a window, of what of it lies inside the input.
    AveragePool(Window),
    /// Maximum over a window.
    MaxPool(Window),
    /// `MEAN` over rows, columns or both: a window as large as they are, which TensorFlow Lite rounds in its own way.
    Mean(Window),
    /// Sum, difference or product of two activations of the same extents (a factor may have one element per channel),
    /// or of an activation and a constant.
    Arithmetic {
        /// Which.
        op: Arithmetic,
        /// The constant; then there is only one input.
        constant: Option<ConstantOperand>,
    },
    /// Concatenation along the kernel's axis: 0 rows, 1 columns, 2 channels.
    Concat(u8),
    /// The same elements in the same order.
    View,
    /// Constant padding: rows, columns and channels before the input.
    Pad {
        /// Rows, columns, channels.
        before: [u32; 3],
        /// Tensor with the number to pad with, 0 if there is none.
        value: Option<usize>,
    },
    /// Softmax over channels.
    Softmax,
    /// Elementwise function.
    Activation(Activation),
    /// Floats or integers to integers.
    Quantize,
    /// Integers to floats.
    Dequantize,
    /// A long short-term memory that walks from the first moment to the last and writes the state after each.
    Lstm(Lstm),
}

/// Tensors of a long short-term memory; gates come in the order i, f, g, o.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lstm {
    /// Weights of the input, `[unit][input]`.
    pub weights: [usize; 4],
    /// Weights of the state, `[unit][unit]`.
    pub recurrent: [usize; 4],
    /// Biases, one per unit.
    pub bias: [usize; 4],
    /// Where the state and the cell are kept, of which only the quantisation matters: both begin with zeros.
    pub states: [Option<usize>; 2],
    /// Bound of the cell's magnitude, 0 for none.
    pub cell_clip: f32,
}

/// Sum, difference, product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `a + b`
    Add,
    /// `a − b`
    Sub,
    /// `a · b`
    Mul,
}

/// A constant beside an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstantOperand {
    /// Its tensor, with one element in all, per channel, or per element of the activation.
    pub tensor: usize,
    /// It stands before the activation.
    pub first: bool,
}

/// An elementwise function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// Not below 0.
    Relu,
    /// From 0 to 6.
    Relu6,
    /// From −1 to 1.
    ReluN1To1,
    /// `x` above zero, the slope times `x` below.
    LeakyRelu(f32),
    /// `x` above zero, `eˣ − 1` below.
    Elu,
    /// `x · relu6(x + 3) / 6`.
    HardSwish,
    /// Logistic function.
    Logistic,
    /// Hyperbolic tangent.
    Tanh,
}
