//! Kinds of layers, and every activation function.

use relprop::step::Function;

/// Kinds of layers, as a test wants to tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Convolution, one group.
    Conv,
    /// Convolution in several groups.
    Grouped,
    /// Every channel by itself.
    Depthwise,
    /// Every channel by itself, several outputs each.
    Multiplier,
    /// Transposed convolution, grouped or not.
    Transposed,
    /// Fully connected.
    Dense,
    /// Average pooling.
    Average,
    /// Average of whole channels.
    Global,
    /// Scale and shift, per channel or per element.
    Affine,
    /// Sum of two tensors.
    Add,
    /// Difference of two tensors.
    Sub,
    /// Product with a gate, whole or per channel.
    Mul,
    /// Max pooling.
    MaxPool,
    /// Any activation function, in place or not.
    Activation,
    /// Local response normalisation.
    ResponseNorm,
    /// Softmax or log-softmax that is not the output.
    Softmax,
    /// Concatenation along any axis.
    Concat,
    /// Padding.
    Pad,
    /// A strided part.
    Slice,
    /// The same elements in another shape.
    View,
    /// Permutation of axes.
    Transpose,
}

impl Kind {
    /// Layers that rules over linear layers apply to.
    pub const LINEAR: [Self; 11] = [
        Self::Conv,
        Self::Grouped,
        Self::Depthwise,
        Self::Multiplier,
        Self::Transposed,
        Self::Dense,
        Self::Average,
        Self::Global,
        Self::Affine,
        Self::Add,
        Self::Sub,
    ];
    /// Layers that compute, but not a linear map.
    pub const NONLINEAR: [Self; 5] = [Self::Mul, Self::MaxPool, Self::Activation, Self::ResponseNorm, Self::Softmax];
    /// Layers that only move elements.
    pub const STRUCTURAL: [Self; 5] = [Self::Concat, Self::Pad, Self::Slice, Self::View, Self::Transpose];

    /// All of them.
    pub fn all() -> Vec<Self> {
        [&Self::LINEAR[..], &Self::NONLINEAR, &Self::STRUCTURAL].concat()
    }

    /// Layers that an int8 twin can be made of.
    pub fn int8() -> Vec<Self> {
        let has_none = [Self::Affine, Self::Activation, Self::ResponseNorm, Self::Softmax, Self::View];
        Self::all().into_iter().filter(|kind| !has_none.contains(kind)).collect()
    }
}

/// Every activation function with attributes that suit it.
pub const FUNCTIONS: [(Function, [f32; 2]); 15] = [
    (Function::Relu, [0.0; 2]),
    (Function::Clip, [0.0, 6.0]),
    (Function::Clip, [-0.5, 0.75]),
    (Function::LeakyRelu, [0.1, 0.0]),
    (Function::PRelu, [0.0; 2]),
    (Function::Elu, [1.0, 0.0]),
    (Function::Selu, [1.673_263_2, 1.050_701]),
    (Function::Gelu, [0.0; 2]),
    (Function::Gelu, [1.0, 0.0]),
    (Function::Silu, [0.0; 2]),
    (Function::HardSwish, [0.0; 2]),
    (Function::HardSigmoid, [0.2, 0.5]),
    (Function::Sigmoid, [0.0; 2]),
    (Function::Tanh, [0.0; 2]),
    (Function::Softplus, [0.0; 2]),
];
