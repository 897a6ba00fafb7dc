//! What programs take, and what they may: `firmware/budgets.toml`.

use crate::elf::Program as Image;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What a program takes, by name: see [`COLUMNS`].
pub struct Figures(BTreeMap<String, u64>);

/// The figures, and what they are.
const COLUMNS: [(&str, &str); 6] = [
    ("text", "bytes of machine code"),
    ("rodata", "bytes of constants, the models among them"),
    ("ram", "bytes of variables, the arena among them"),
    ("stack", "bytes that the stack has reached"),
    ("infer", "instructions of an inference"),
    ("explain", "instructions of an explanation"),
];

impl Figures {
    /// Of the linked program, and of its meter.
    pub fn new(image: &Image, meters: &[(String, u64)]) -> Self {
        let own =
            [("text", image.text), ("rodata", image.data - image.variables), ("ram", image.variables + image.zeros)];
        let own = own.map(|(name, figure)| (name.to_owned(), figure));
        Self(own.into_iter().chain(meters.iter().cloned()).collect())
    }
}

/// What programs may take.
pub struct Budgets {
    /// The compiler that they were measured with.
    compiler: String,
    /// Growth that is no failure, in percent: with that compiler, and with others.
    tolerances: [u64; 2],
    programs: BTreeMap<String, BTreeMap<String, u64>>,
}

fn path() -> std::path::PathBuf {
    super::folder().join("budgets.toml")
}

const COMPILER: &str = "compiler";
const TOLERANCES: [&str; 2] = ["tolerance_percent", "tolerance_percent_of_other_compilers"];

/// The version of a compiler, without the day it was made and where it is.
fn version(compiler: &str) -> String {
    compiler.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

impl Budgets {
    /// Reads the file.
    pub fn read() -> Result<Self> {
        let text = std::fs::read_to_string(path())?;
        Self::parse(&text).context("firmware/budgets.toml")
    }

    fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse()?;
        let number = |value: &toml::Value| value.as_integer().and_then(|n| u64::try_from(n).ok());
        let compiler = table.get(COMPILER).and_then(|value| value.as_str()).context(COMPILER)?.to_owned();
        let mut tolerances = [0; 2];
        for (tolerance, name) in tolerances.iter_mut().zip(TOLERANCES) {
            *tolerance = table.get(name).and_then(number).context(name)?;
        }
        let mut programs = BTreeMap::new();
        for (name, value) in table.iter().filter_map(|(name, value)| Some((name, value.as_table()?))) {
            let figures = value.iter().map(|(figure, value)| Some((figure.clone(), number(value)?)));
            programs.insert(name.clone(), figures.collect::<Option<_>>().context(name.clone())?);
        }
        Ok(Self { compiler, tolerances, programs })
    }

    /// Makes what a program takes what it may.
    pub fn set(&mut self, program: &str, figures: &Figures, compiler: &str) {
        self.compiler = version(compiler);
        self.programs.insert(program.into(), figures.0.clone());
    }

    /// Where a program takes more than it may.
    pub fn exceeded(&self, program: &str, figures: &Figures, compiler: &str) -> Vec<String> {
        let tolerance = self.tolerances[usize::from(version(compiler) != self.compiler)];
        let Some(budget) = self.programs.get(program) else { return vec!["has no budget".into()] };
        let mut exceeded = Vec::new();
        for (name, figure) in &figures.0 {
            match budget.get(name) {
                Some(most) if *figure * 100 <= most * (100 + tolerance) => {}
                Some(most) => exceeded.push(format!("{name} takes {figure}, {most} is its budget")),
                None => exceeded.push(format!("{name} has no budget")),
            }
        }
        exceeded
    }

    /// Writes the file.
    pub fn write(&self) -> Result<()> {
        std::fs::write(path(), self.text())?;
        Ok(())
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# What the programs take; `cargo xtask firmware` fails where one takes more, `--bless-budgets` writes this anew.\n",
        );
        for (name, what) in COLUMNS {
            let _ = writeln!(text, "#   {name:8} {what}");
        }
        text += "# Instructions are QEMU's, not cycles: a real core waits for its flash, and divides slowly.\n\n";
        let _ = writeln!(text, "{COMPILER} = {:?}", self.compiler);
        for (name, tolerance) in TOLERANCES.iter().zip(self.tolerances) {
            let _ = writeln!(text, "{name} = {tolerance}");
        }
        for (program, figures) in &self.programs {
            let _ = writeln!(text, "\n[{program}]");
            for (name, figure) in figures {
                let _ = writeln!(text, "{name} = {figure}");
            }
        }
        text
    }
}

/// Prints a table of what the programs take.
pub fn print(rows: &[(&str, Figures, String)]) {
    let heads = COLUMNS.map(|(name, _)| format!("{name:>10}")).concat();
    println!("\n{:12}{heads}  explain/infer", "");
    for (program, figures, _) in rows {
        let figure = |name: &str| figures.0.get(name).copied();
        let cells = COLUMNS.map(|(name, _)| format!("{:>10}", figure(name).map_or("-".into(), |f| f.to_string())));
        let ratio = figure("explain")
            .zip(figure("infer"))
            .map_or(String::new(), |(explain, infer)| format!("{:>13.2}", explain as f64 / infer.max(1) as f64));
        println!("{program:12}{}{ratio}", cells.concat());
    }
    let mut compilers: Vec<&str> = rows.iter().map(|(_, _, compiler)| &**compiler).collect();
    compilers.dedup();
    println!("instructions in QEMU, not cycles; {}", compilers.join("; "));
}

#[cfg(test)]
mod tests {
    use super::{Budgets, Figures};

    fn figures(stack: u64) -> Figures {
        Figures([("stack".to_owned(), stack)].into())
    }

    const BUDGETS: &str = "compiler = \"rustc 1.95.0\"\ntolerance_percent = 2\n\
        tolerance_percent_of_other_compilers = 10\n[a]\nstack = 1000";
    const COMPILER: &str = "rustc 1.95.0 (59807616e 2026-04-14) (rustc)";

    #[test]
    fn growth_within_the_tolerance_is_none() {
        let budgets = Budgets::parse(BUDGETS).unwrap();
        assert!(budgets.exceeded("a", &figures(1020), COMPILER).is_empty());
        assert_eq!(budgets.exceeded("a", &figures(1021), COMPILER).len(), 1);
        assert!(budgets.exceeded("a", &figures(1100), "rustc 1.96.0 (built)").is_empty());
        assert_eq!(budgets.exceeded("a", &figures(1101), "rustc 1.96.0 (built)").len(), 1);
        assert_eq!(budgets.exceeded("b", &figures(1), COMPILER).len(), 1, "a program without a budget");
    }

    #[test]
    fn what_is_written_is_read() {
        let mut budgets = Budgets::parse(BUDGETS).unwrap();
        budgets.set("b", &figures(7), COMPILER);
        let again = Budgets::parse(&budgets.text()).unwrap();
        assert_eq!(again.programs, budgets.programs);
        assert_eq!((again.compiler, again.tolerances), (budgets.compiler, budgets.tolerances));
    }
}
