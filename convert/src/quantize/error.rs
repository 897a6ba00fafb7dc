//! Why a network cannot be quantised.

use crate::emit::EmitError;
use relprop::error::{ImageError, RunError, SessionError};
use std::fmt;

/// A network cannot be quantised.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum QuantizeError {
    /// There is nothing to calibrate with.
    NoItems,
    /// The network is not one of floats.
    Integers,
    /// The network takes sequences of any length.
    Sequences,
    /// A calibration input does not fit the network.
    Item {
        /// Which one, from 0.
        item: usize,
        /// What is wrong with it.
        error: RunError,
    },
    /// A value on the way is infinite or no number.
    NotFinite {
        /// The calibration input, from 0.
        item: usize,
        /// Name of the tensor.
        tensor: String,
    },
    /// The network cannot be written as an image.
    Emit(EmitError),
}

impl fmt::Display for QuantizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoItems => f.write_str("there are no calibration inputs"),
            Self::Integers => f.write_str("the network has integers already: quantise the float network"),
            Self::Sequences => f.write_str("the network takes sequences of any length, which is not supported yet"),
            Self::Item { item, error } => write!(f, "calibration input {item}: {error}"),
            Self::NotFinite { item, tensor } => {
                write!(f, "calibration input {item}: a value of {tensor} is not a finite number")
            }
            Self::Emit(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for QuantizeError {}

impl From<EmitError> for QuantizeError {
    fn from(error: EmitError) -> Self {
        Self::Emit(error)
    }
}

impl From<ImageError> for QuantizeError {
    fn from(error: ImageError) -> Self {
        Self::Emit(error.into())
    }
}

impl From<SessionError> for QuantizeError {
    /// Cannot happen to an image that was just emitted, with an arena of the size that it asks for.
    fn from(_: SessionError) -> Self {
        Self::Emit(EmitError::TooLarge("activations"))
    }
}
