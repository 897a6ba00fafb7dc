//! Mistakes in the command line, told apart from everything else that can fail.

use std::fmt;
use std::process::ExitCode;

/// The command line asks for something that cannot be meant; exit code 2, as for a misspelt option.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error that is a `Usage`.
#[macro_export]
macro_rules! usage {
    ($($message:tt)*) => { ::anyhow::Error::new($crate::usage::Usage(format!($($message)*))) };
}

/// 1 for a failure, 2 for a mistake in the command line.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}
