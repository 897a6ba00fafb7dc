//! Stages that all run, whatever becomes of the others, and the table that says what became of them.

use anyhow::Result;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// What became of a stage.
pub enum Outcome {
    /// It passed; with what, where that needs saying.
    Passed(String),
    /// It could not run here, and why; how to make it run.
    Skipped(String),
    /// It failed, with what.
    Failed(String),
}

impl Outcome {
    /// Passed or failed, as a command did.
    pub fn of(succeeded: bool) -> Self {
        if succeeded { Self::Passed(String::new()) } else { Self::Failed("see above".into()) }
    }
}

struct Row {
    name: String,
    outcome: Outcome,
    time: Duration,
}

/// Stages as they run.
#[derive(Default)]
pub struct Stages {
    rows: Vec<Row>,
}

impl Stages {
    /// Announces a stage and runs it.
    pub fn run(&mut self, name: &str, what: &str, stage: impl FnOnce() -> Result<Outcome>) {
        eprintln!("\n=== {name}: {what}");
        let start = Instant::now();
        let outcome = stage().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        if let Outcome::Skipped(why) = &outcome {
            eprintln!("skipped: {why}");
        }
        self.rows.push(Row { name: name.into(), outcome, time: start.elapsed() });
    }

    /// Prints the table; whether no stage failed.
    pub fn finish(&self) -> bool {
        eprintln!("\n{}", self.table());
        self.rows.iter().all(|row| !matches!(row.outcome, Outcome::Failed(_)))
    }

    fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        let mut table = String::new();
        for Row { name, outcome, time } in &self.rows {
            let (word, note) = match outcome {
                Outcome::Passed(note) => ("ok", note),
                Outcome::Skipped(note) => ("skipped", note),
                Outcome::Failed(note) => ("FAILED", note),
            };
            let line = format!("{name:width$}  {word:7}  {:7.1} s  {note}", time.as_secs_f64());
            let _ = writeln!(table, "{}", line.trim_end());
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Stages};

    #[test]
    fn a_failure_does_not_stop_the_others() {
        let mut stages = Stages::default();
        stages.run("bad", "", || anyhow::bail!("no such file"));
        stages.run("good", "", || Ok(Outcome::of(true)));
        stages.run("absent", "", || Ok(Outcome::Skipped("no compiler".into())));
        let table = stages.table();
        assert!(!stages.finish());
        assert!(table.contains("bad     FAILED"), "{table}");
        assert!(table.contains("good    ok"), "{table}");
        assert!(table.ends_with("no compiler\n"), "{table}");
    }
}
