//! Why a node of a file did not become a step.

/// Why a node did not become a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It cannot be imported.
    Refused(String),
    /// It reads from a node that was refused.
    Orphan,
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}

impl From<&str> for Stop {
    fn from(reason: &str) -> Self {
        Self::Refused(reason.to_owned())
    }
}
