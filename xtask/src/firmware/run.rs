//! A program in QEMU.

use super::program::Program;
use anyhow::{Context, Result, bail};
use defmt_decoder::{DecodeError, Table};
use duct::cmd;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// What a program printed.
pub struct Printed {
    /// What it shows a person, and hashes.
    pub text: String,
    /// What its meter says, by name.
    pub meters: Vec<(String, u64)>,
    /// It did not end well.
    pub failure: Option<String>,
}

/// How long a program may run. Most take a second.
const PATIENCE: Duration = Duration::from_mins(5);

/// Runs a program in QEMU, where every instruction takes a nanosecond of the core's time.
pub fn in_qemu(program: &Program, path: &Path) -> Result<Printed> {
    let [qemu, machine] = program.qemu;
    let mut arguments: Vec<&str> = vec!["-machine", machine, "-nographic", "-monitor", "none", "-serial", "none"];
    arguments.extend(["-semihosting-config", "enable=on,target=native", "-icount", "shift=0"]);
    if program.target.starts_with("riscv") {
        // Without it the machine starts a firmware of its own.
        arguments.extend(["-bios", "none"]);
    }
    let path = path.to_str().context("a path in UTF-8")?;
    arguments.extend(["-kernel", path]);
    // What a program prints by semihosting goes to QEMU's standard error.
    let command = cmd(qemu, arguments).stdin_null().stderr_to_stdout().stdout_capture().unchecked();
    let handle = command.start()?;
    let failure = match handle.wait_timeout(PATIENCE)? {
        Some(output) if output.status.success() => None,
        Some(output) => Some(format!("{}", output.status)),
        None => {
            handle.kill()?;
            Some(format!("was still running after {} s", PATIENCE.as_secs()))
        }
    };
    let output = handle.into_output()?;
    let text =
        if program.logs() { decoded(path, &output.stdout)? } else { String::from_utf8_lossy(&output.stdout).into() };
    Ok(Printed { failure, ..Printed::read(&text) })
}

/// What a program logged: its frames are numbers, for which its file has the words.
fn decoded(path: &str, frames: &[u8]) -> Result<String> {
    let table = Table::parse(&std::fs::read(path)?)?.context("a program that logs")?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(frames);
    let mut text = String::new();
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("", |level| level.as_str());
                writeln!(text, "{level:5} {}", frame.display_message())?;
            }
            Err(DecodeError::UnexpectedEof) => return Ok(text),
            Err(DecodeError::Malformed) => bail!("a malformed frame after:\n{text}"),
        }
    }
}

impl Printed {
    /// Tells the meter's lines (`meter explain 123 instructions`) from the others.
    fn read(output: &str) -> Self {
        let mut printed = Self { text: String::new(), meters: Vec::new(), failure: None };
        for line in output.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if let ["meter", what, figure, _] = words[..] {
                printed.meters.extend(figure.parse().ok().map(|figure| (what.to_owned(), figure)));
            } else {
                printed.text.push_str(line.trim_end());
                printed.text.push('\n');
            }
        }
        printed
    }

    /// What the meter says of something.
    #[cfg(test)]
    fn meter(&self, what: &str) -> Option<u64> {
        self.meters.iter().find(|(name, _)| name == what).map(|(_, figure)| *figure)
    }
}

#[cfg(test)]
mod tests {
    use super::Printed;

    #[test]
    fn meters_are_told_from_the_rest() {
        let printed = Printed::read("reads a 7  \nmeter stack 1432 bytes\nmeter infer 12 instructions\n");
        assert_eq!(printed.text, "reads a 7\n");
        assert_eq!(printed.meter("stack"), Some(1432));
        assert_eq!(printed.meter("infer"), Some(12));
    }
}
