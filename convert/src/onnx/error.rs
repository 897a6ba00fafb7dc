//! Why a network cannot be imported, told in one go.

use super::infer;
use super::wire::WireError;
use std::fmt;

/// An ONNX model cannot be imported.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ImportError {
    /// The bytes are not an ONNX file, or not all of one.
    Malformed(WireError),
    /// The file holds no graph.
    NoGraph,
    /// The model follows an operator set that is not supported.
    Opset(i64),
    /// Everything in the graph that cannot be imported.
    Unsupported(Vec<Refusal>),
}

/// One thing that cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Name of the node, input, output or weight.
    pub name: String,
    /// Its op; `input`, `output` or `weights` where it is not a node.
    pub op: String,
    /// Why, and where it helps what would do.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name, self.op, self.reason)
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "not an ONNX model: {error}"),
            Self::NoGraph => f.write_str("not an ONNX model: there is no graph in it"),
            Self::Opset(version) => write!(
                f,
                "the model uses operator set {version}, 7 to 22 are supported: export it with another opset_version"
            ),
            Self::Unsupported(refusals) => {
                f.write_str("cannot import the model:")?;
                for refusal in refusals {
                    write!(f, "\n  {refusal}")?;
                }
                if refusals.iter().any(|refusal| refusal.reason == infer::UNSUPPORTED) {
                    write!(f, "\nsupported ops: {}", infer::known_ops())?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ImportError {}

impl From<WireError> for ImportError {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}
