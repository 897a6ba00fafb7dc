//! What a run of libFuzzer says of itself.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// What came of one target.
pub struct Report {
    /// Its name.
    pub target: &'static str,
    executions: u64,
    /// Edges of the program that were reached, and the inputs that reach them.
    coverage: u64,
    corpus: u64,
    time: Duration,
    /// What was wrong, and the file that shows it.
    finding: Option<String>,
}

impl Report {
    /// Reads a log.
    pub fn new(target: &'static str, log: &str, succeeded: bool, time: Duration, artifacts: &Path) -> Self {
        let executions = after(log, "stat::number_of_executed_units:").or_else(|| last_status(log, "#"));
        let finding = (!succeeded).then(|| {
            let reason = log.lines().find(|line| is_reason(line)).unwrap_or("it ended by itself").trim();
            let file = log.lines().find_map(|line| line.split("Test unit written to ").nth(1));
            format!("{reason} ({})", file.map_or_else(|| artifacts.display().to_string(), str::to_owned))
        });
        Self {
            target,
            executions: executions.unwrap_or(0),
            coverage: last_status(log, "cov: ").unwrap_or(0),
            corpus: last_status(log, "corp: ").unwrap_or(0),
            time,
            finding,
        }
    }

    /// Whether nothing was found.
    pub const fn is_clean(&self) -> bool {
        self.finding.is_none()
    }

    /// One line of the table.
    pub fn line(&self) -> String {
        let Self { target, executions, coverage, corpus, time, finding } = self;
        let rate = *executions as f64 / time.as_secs_f64().max(1e-3);
        let finding = finding.as_deref().unwrap_or("nothing");
        let seconds = time.as_secs_f64();
        format!("{target:13} {executions:11} {rate:9.0} {coverage:9} {corpus:7} {seconds:7.0} s  {finding}")
    }
}

/// All targets.
pub fn table(reports: &[Report]) -> String {
    let mut table = format!(
        "{:13} {:>11} {:>9} {:>9} {:>7} {:>9}  found\n",
        "target", "executions", "exec/s", "edges", "corpus", "time"
    );
    for report in reports {
        let _ = writeln!(table, "{}", report.line());
    }
    table
}

/// The number after the last of these words.
fn after(log: &str, words: &str) -> Option<u64> {
    let (_, rest) = log.rsplit_once(words)?;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The same in the last line that says how far the fuzzer has come: `#2048 pulse  cov: 312 ft: 410 corp: 25/1Kb …`.
fn last_status(log: &str, words: &str) -> Option<u64> {
    let status = log.lines().rev().find(|line| line.starts_with('#') && line.contains("cov: "))?;
    after(status, words)
}

fn is_reason(line: &str) -> bool {
    line.contains("panicked at") || line.contains("ERROR: AddressSanitizer") || line.contains("ERROR: libFuzzer")
}

#[cfg(test)]
mod tests {
    use super::{Report, table};
    use std::path::Path;
    use std::time::Duration;

    #[test]
    fn figures_are_those_of_the_log() {
        let log = "INFO: seed\n#2\tINITED cov: 3 ft: 4 corp: 1/1b\n#2048\tpulse  cov: 312 ft: 410 corp: 25/1Kb lim: 4\n\
                   stat::number_of_executed_units: 3000\n";
        let clean = Report::new("image", log, true, Duration::from_secs(2), Path::new("a"));
        let log = "#16\tNEW    cov: 9 ft: 4 corp: 2/1b\nthread 'main' panicked at src/x.rs:1:2:\nArtifact\n\
                   artifact_prefix='a/'; Test unit written to a/crash-1\n";
        let crashed = Report::new("npy", log, false, Duration::from_secs(1), Path::new("a"));
        assert!(clean.is_clean() && !crashed.is_clean());
        let table = table(&[clean, crashed]);
        assert!(table.contains("image                3000      1500       312      25       2 s  nothing"), "{table}");
        assert!(table.contains("panicked at src/x.rs:1:2: (a/crash-1)"), "{table}");
    }
}
