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
    /// Growth that is no failure, in percent: another compiler, another day.
    tolerance: u64,
    programs: BTreeMap<String, BTreeMap<String, u64>>,
}

fn path() -> std::path::PathBuf {
    super::folder().join("budgets.toml")
}

const TOLERANCE: &str = "tolerance_percent";

impl Budgets {
    /// Reads the file.
    pub fn read() -> Result<Self> {
        let text = std::fs::read_to_string(path())?;
        Self::parse(&text).context("firmware/budgets.toml")
    }

    fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse()?;
        let number = |value: &toml::Value| value.as_integer().and_then(|n| u64::try_from(n).ok());
        let tolerance = table.get(TOLERANCE).and_then(number).context(TOLERANCE)?;
        let mut programs = BTreeMap::new();
        for (name, value) in table.iter().filter_map(|(name, value)| Some((name, value.as_table()?))) {
            let figures = value.iter().map(|(figure, value)| Some((figure.clone(), number(value)?)));
            programs.insert(name.clone(), figures.collect::<Option<_>>().context(name.clone())?);
        }
        Ok(Self { tolerance, programs })
    }

    /// Makes what a program takes what it may.
    pub fn set(&mut self, program: &str, figures: &Figures) {
        self.programs.insert(program.into(), figures.0.clone());
    }

    /// Where a program takes more than it may.
    pub fn exceeded(&self, program: &str, figures: &Figures) -> Vec<String> {
        let Some(budget) = self.programs.get(program) else { return vec!["has no budget".into()] };
        let mut exceeded = Vec::new();
        for (name, figure) in &figures.0 {
            match budget.get(name) {
                Some(most) if *figure * 100 <= most * (100 + self.tolerance) => {}
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
        let _ = writeln!(text, "{TOLERANCE} = {}", self.tolerance);
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

    #[test]
    fn growth_within_the_tolerance_is_none() {
        let budgets = Budgets::parse("tolerance_percent = 2\n[a]\nstack = 1000").unwrap();
        assert!(budgets.exceeded("a", &figures(1020)).is_empty());
        assert_eq!(budgets.exceeded("a", &figures(1021)).len(), 1);
        assert_eq!(budgets.exceeded("b", &figures(1)).len(), 1, "a program without a budget");
    }

    #[test]
    fn what_is_written_is_read() {
        let mut budgets = Budgets::parse("tolerance_percent = 2").unwrap();
        budgets.set("a", &figures(7));
        let again = Budgets::parse(&budgets.text()).unwrap();
        assert_eq!(again.programs, budgets.programs);
    }
}
