//! The `relprop` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    relprop_cli::main()
}
