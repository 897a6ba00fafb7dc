//! Everything that can be refused, as a JavaScript error.

use relprop::limits::{Exceeded, OpenError};
use relprop::{ExplainError, ImageError, RunError, SessionError};
use std::fmt;
use wasm_bindgen::JsError;

/// What went wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The image is refused.
    Image(ImageError),
    /// The image asks for more than its host gives.
    Exceeded(Exceeded),
    /// No session can be opened.
    Session(SessionError),
    /// The network cannot run on this input.
    Run(RunError),
    /// The explanation is refused.
    Explain(ExplainError),
    /// An argument is not what it should be.
    Argument(String),
}

impl Refusal {
    /// An argument is not what it should be.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::Argument(message.into())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::Exceeded(error) => write!(f, "{error}; maxMemory and maxWork raise the limits"),
            Self::Session(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
            Self::Explain(error) => error.fmt(f),
            Self::Argument(message) => f.write_str(message),
        }
    }
}

impl From<Refusal> for JsError {
    fn from(refusal: Refusal) -> Self {
        Self::new(&refusal.to_string())
    }
}

macro_rules! from {
    ($($error:ident => $variant:ident),*) => {
        $(impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}
from!(ImageError => Image, SessionError => Session, RunError => Run, ExplainError => Explain);

impl From<OpenError> for Refusal {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Image(error) => Self::Image(error),
            OpenError::Exceeded(error) => Self::Exceeded(error),
        }
    }
}
