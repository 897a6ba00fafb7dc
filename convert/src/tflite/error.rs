//! Why a TensorFlow Lite file cannot be imported, told in one go.

use super::wire::FlatError;
use crate::onnx::Refusal;
use std::fmt;

/// A TensorFlow Lite file cannot be imported.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a TensorFlow Lite file, or not all of one.
    Malformed(FlatError),
    /// The file follows a schema other than version 3.
    Version(u32),
    /// The file holds no graph.
    NoGraph,
    /// Something refers to a part of the file that is not there.
    Dangling {
        /// What is referred to.
        what: &'static str,
        /// Its index.
        index: i64,
    },
    /// Everything in the graph that cannot be imported.
    Unsupported(Vec<Refusal>),
}

/// What [`Refusal::reason`] says of an operator that is not known.
pub const UNSUPPORTED: &str = "this operator is not supported";

/// Operators that can be imported, or are computed at import.
const KNOWN: &str = "ADD, AVERAGE_POOL_2D, CONCATENATION, CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE (of constants), ELU, \
    EXPAND_DIMS, FULLY_CONNECTED, HARD_SWISH, LEAKY_RELU, LOGISTIC, MAX_POOL_2D, MEAN, MUL, PACK (of shapes), PAD, \
    PADV2, RELU, RELU6, RELU_N1_TO_1, RESHAPE, SHAPE, SOFTMAX, SQUEEZE, STRIDED_SLICE (of shapes), SUB, TANH, \
    TRANSPOSE_CONV, UNIDIRECTIONAL_SEQUENCE_LSTM";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "not a TensorFlow Lite model: {error}"),
            Self::Version(version) => write!(f, "the file follows version {version} of the schema, 3 is supported"),
            Self::NoGraph => f.write_str("not a TensorFlow Lite model: there is no graph in it"),
            Self::Dangling { what, index } => write!(f, "the file is damaged: it has no {what} {index}"),
            Self::Unsupported(refusals) => {
                f.write_str("cannot import the model:")?;
                for refusal in refusals {
                    write!(f, "\n  {refusal}")?;
                }
                if refusals.iter().any(|refusal| refusal.reason == UNSUPPORTED) {
                    write!(f, "\nsupported operators: {KNOWN}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<FlatError> for Error {
    fn from(error: FlatError) -> Self {
        Self::Malformed(error)
    }
}
