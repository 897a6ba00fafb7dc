//! Operators and their options.

use super::wire::{FlatError, Table};

/// `Padding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// As much as makes the output as large as the input, divided by the stride.
    Same,
    /// None.
    Valid,
}

/// `ActivationFunctionType`: what an operator does with its result before it writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fused {
    /// Nothing.
    None,
    /// Not below 0.
    Relu,
    /// From −1 to 1.
    ReluN1To1,
    /// From 0 to 6.
    Relu6,
    /// Hyperbolic tangent.
    Tanh,
    /// Any other, by its code.
    Other(u8),
}

/// How a window moves. All pairs are vertical, then horizontal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Motion {
    /// Padding.
    pub padding: Padding,
    /// Strides.
    pub stride: [i32; 2],
    /// Dilations.
    pub dilation: [i32; 2],
}

/// Masks of `STRIDED_SLICE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SliceMasks {
    /// Axes that begin at the beginning.
    pub begin: i32,
    /// Axes that end at the end.
    pub end: i32,
    /// Axes that go.
    pub shrink: i32,
    /// There is an ellipsis, a new axis, or an end that counts from the beginning.
    pub other: bool,
}

/// An operator with its options.
#[derive(Clone, Debug, PartialEq)]
pub enum Builtin {
    /// Sum of two tensors.
    Add(Fused),
    /// Difference of two tensors.
    Sub(Fused),
    /// Product of two tensors.
    Mul(Fused),
    /// Convolution.
    Conv2d(Motion, Fused),
    /// Convolution of each channel with kernels of its own.
    DepthwiseConv2d(Motion, Fused),
    /// Transposed convolution.
    TransposeConv(Motion, Fused),
    /// Fully connected.
    FullyConnected {
        /// What is done with the result.
        fused: Fused,
        /// The output has the axes of the input.
        keep_dims: bool,
        /// The weights are in their usual order.
        plain: bool,
    },
    /// Mean over a window of this height and width.
    AveragePool2d(Motion, [i32; 2], Fused),
    /// Maximum over a window of this height and width.
    MaxPool2d(Motion, [i32; 2], Fused),
    /// Mean over axes.
    Mean {
        /// The axes stay, with extent 1.
        keep_dims: bool,
    },
    /// Concatenation along an axis.
    Concatenation(i32, Fused),
    /// The same elements in another shape, which may be given here.
    Reshape(Vec<i32>),
    /// Without these axes, or without any of extent 1.
    Squeeze(Vec<i32>),
    /// With one more axis.
    ExpandDims,
    /// Padding with zeros, or with a number.
    Pad,
    /// Softmax of `beta · x`.
    Softmax {
        /// The factor.
        beta: f32,
    },
    /// Logistic function.
    Logistic,
    /// Hyperbolic tangent.
    Tanh,
    /// Not below 0.
    Relu,
    /// From 0 to 6.
    Relu6,
    /// From −1 to 1.
    ReluN1To1,
    /// `x` above zero, `alpha · x` below.
    LeakyRelu {
        /// The slope.
        alpha: f32,
    },
    /// `x` above zero, `eˣ − 1` below.
    Elu,
    /// `x · relu6(x + 3) / 6`.
    HardSwish,
    /// To integers, or to integers of another scale.
    Quantize,
    /// To floats.
    Dequantize,
    /// A long short-term memory.
    UnidirectionalSequenceLstm {
        /// Activation function of the cell.
        fused: Fused,
        /// Bound of the cell, 0 for none.
        cell_clip: f32,
        /// Bound of the projection, 0 for none.
        projection_clip: f32,
        /// The first axis is time, not the batch.
        time_major: bool,
    },
    /// Extents of a tensor.
    Shape,
    /// Some elements of a tensor.
    StridedSlice(SliceMasks),
    /// Tensors in a row, along a new axis.
    Pack(i32),
    /// Whatever else there is.
    Other,
}

/// Members of the union of options, by number.
mod member {
    pub const CONV_2D: u8 = 1;
    pub const DEPTHWISE_CONV_2D: u8 = 2;
    pub const POOL_2D: u8 = 5;
    pub const FULLY_CONNECTED: u8 = 8;
    pub const SOFTMAX: u8 = 9;
    pub const CONCATENATION: u8 = 10;
    pub const ADD: u8 = 11;
    pub const RESHAPE: u8 = 17;
    pub const MUL: u8 = 21;
    pub const REDUCER: u8 = 27;
    pub const SUB: u8 = 28;
    pub const SQUEEZE: u8 = 30;
    pub const STRIDED_SLICE: u8 = 32;
    pub const TRANSPOSE_CONV: u8 = 49;
    pub const PACK: u8 = 59;
    pub const UNIDIRECTIONAL_SEQUENCE_LSTM: u8 = 71;
    pub const LEAKY_RELU: u8 = 75;
}

/// Options that may be left out, in which case every one of them has its default.
#[derive(Clone, Copy)]
struct Options<'a, 'f>(Option<Table<'a, 'f>>);

impl Options<'_, '_> {
    fn u8(self, index: usize) -> Result<u8, FlatError> {
        self.0.map_or(Ok(0), |table| table.u8(index, 0))
    }

    fn i32(self, index: usize, default: i32) -> Result<i32, FlatError> {
        self.0.map_or(Ok(default), |table| table.i32(index, default))
    }

    fn f32(self, index: usize) -> Result<f32, FlatError> {
        self.0.map_or(Ok(0.0), |table| table.f32(index, 0.0))
    }

    fn i32s(self, index: usize) -> Result<Vec<i32>, FlatError> {
        self.0.map_or(Ok(Vec::new()), |table| table.i32s(index))
    }

    fn fused(self, index: usize) -> Result<Fused, FlatError> {
        Ok(match self.u8(index)? {
            0 => Fused::None,
            1 => Fused::Relu,
            2 => Fused::ReluN1To1,
            3 => Fused::Relu6,
            4 => Fused::Tanh,
            code => Fused::Other(code),
        })
    }

    /// Padding and strides, which all windows begin with, and dilations where the table has some.
    fn motion(self, dilation: Option<usize>) -> Result<Motion, FlatError> {
        let padding = if self.u8(0)? == 0 { Padding::Same } else { Padding::Valid };
        let stride = [self.i32(2, 0)?, self.i32(1, 0)?];
        let dilation = match dilation {
            Some(index) => [self.i32(index + 1, 1)?, self.i32(index, 1)?],
            None => [1; 2],
        };
        Ok(Motion { padding, stride, dilation })
    }
}

impl Builtin {
    /// Reads the options of an operator. Options of another operator's are as good as none.
    pub fn read(code: i32, kind: u8, table: Option<Table<'_, '_>>) -> Result<Self, FlatError> {
        let of = |wanted: u8| Options(table.filter(|_| kind == wanted));
        Ok(match code {
            0 => Self::Add(of(member::ADD).fused(0)?),
            1 | 17 => {
                let options = of(member::POOL_2D);
                let size = [options.i32(4, 0)?, options.i32(3, 0)?];
                let (motion, fused) = (options.motion(None)?, options.fused(5)?);
                if code == 1 { Self::AveragePool2d(motion, size, fused) } else { Self::MaxPool2d(motion, size, fused) }
            }
            2 => Self::Concatenation(of(member::CONCATENATION).i32(0, 0)?, of(member::CONCATENATION).fused(1)?),
            3 => Self::Conv2d(of(member::CONV_2D).motion(Some(4))?, of(member::CONV_2D).fused(3)?),
            4 => {
                let options = of(member::DEPTHWISE_CONV_2D);
                Self::DepthwiseConv2d(options.motion(Some(5))?, options.fused(4)?)
            }
            6 => Self::Dequantize,
            9 => {
                let options = of(member::FULLY_CONNECTED);
                Self::FullyConnected {
                    fused: options.fused(0)?,
                    plain: options.u8(1)? == 0,
                    keep_dims: options.u8(2)? != 0,
                }
            }
            14 => Self::Logistic,
            18 => Self::Mul(of(member::MUL).fused(0)?),
            19 => Self::Relu,
            20 => Self::ReluN1To1,
            21 => Self::Relu6,
            22 => Self::Reshape(of(member::RESHAPE).i32s(0)?),
            25 => Self::Softmax { beta: of(member::SOFTMAX).f32(0)? },
            28 => Self::Tanh,
            34 | 60 => Self::Pad,
            40 => Self::Mean { keep_dims: of(member::REDUCER).u8(0)? != 0 },
            41 => Self::Sub(of(member::SUB).fused(0)?),
            43 => Self::Squeeze(of(member::SQUEEZE).i32s(0)?),
            44 => {
                let options = of(member::UNIDIRECTIONAL_SEQUENCE_LSTM);
                Self::UnidirectionalSequenceLstm {
                    fused: options.fused(0)?,
                    cell_clip: options.f32(1)?,
                    projection_clip: options.f32(2)?,
                    time_major: options.u8(3)? != 0,
                }
            }
            45 => {
                let options = of(member::STRIDED_SLICE);
                let other = options.i32(2, 0)? != 0 || options.i32(3, 0)? != 0 || options.u8(5)? != 0;
                let [begin, end, shrink] = [options.i32(0, 0)?, options.i32(1, 0)?, options.i32(4, 0)?];
                Self::StridedSlice(SliceMasks { begin, end, shrink, other })
            }
            67 => Self::TransposeConv(of(member::TRANSPOSE_CONV).motion(None)?, of(member::TRANSPOSE_CONV).fused(3)?),
            70 => Self::ExpandDims,
            77 => Self::Shape,
            83 => Self::Pack(of(member::PACK).i32(1, 0)?),
            98 => Self::LeakyRelu { alpha: of(member::LEAKY_RELU).f32(0)? },
            111 => Self::Elu,
            114 => Self::Quantize,
            117 => Self::HardSwish,
            _ => Self::Other,
        })
    }
}
