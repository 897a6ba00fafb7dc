//! What is on the screen: colour where it can be seen, characters where it cannot.

use crate::args::Color;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use std::io::{self, Stdout, Write};

/// How many colours there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// None: characters only.
    Plain,
    /// The 256 of xterm.
    Xterm,
    /// All of them.
    True,
}

/// Standard output.
pub struct Terminal {
    out: AutoStream<Stdout>,
    /// Colours that it shows.
    pub palette: Palette,
    /// Columns.
    pub width: usize,
}

/// Where nobody says how wide the terminal is.
const WIDTH: usize = 80;

impl Terminal {
    /// Standard output, with the colours asked for.
    pub fn new(color: Color) -> Self {
        let choice = choice(color, &io::stdout());
        let palette = match choice {
            ColorChoice::Never => Palette::Plain,
            _ if is_true_color() => Palette::True,
            _ => Palette::Xterm,
        };
        // Some pseudo-terminals claim to have no columns at all.
        let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        let width = width.filter(|width| *width > 0).unwrap_or(WIDTH);
        Self { out: AutoStream::new(io::stdout(), choice), palette, width: width.max(20) }
    }

    /// Prints text that was made for this terminal.
    pub fn print(&mut self, text: &str) -> anyhow::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()?;
        Ok(())
    }

    /// Prints one JSON value.
    pub fn print_json(&mut self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        self.print(&(serde_json::to_string(value)? + "\n"))
    }

    /// Text that stands out.
    pub fn bold(&self, text: &str) -> String {
        self.styled(Style::new().bold(), text)
    }

    /// Text that stands back.
    pub fn dim(&self, text: &str) -> String {
        self.styled(Style::new().dimmed(), text)
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.palette == Palette::Plain { text.to_owned() } else { format!("{style}{text}{style:#}") }
    }
}

/// Says on standard error what went wrong.
pub fn error(color: Color, error: &anyhow::Error) {
    let choice = choice(color, &io::stderr());
    let red = AnsiColor::Red.on_default().bold();
    // There is nobody left to tell if this fails.
    let _ = writeln!(AutoStream::new(io::stderr(), choice), "{red}error:{red:#} {error:#}");
}

/// Says on standard error what may be a mistake.
pub fn note(text: &str) {
    let yellow = AnsiColor::Yellow.on_default().bold();
    let _ = writeln!(AutoStream::auto(io::stderr()), "{yellow}note:{yellow:#} {text}");
}

fn choice(color: Color, stream: &impl anstream::stream::RawStream) -> ColorChoice {
    match color {
        Color::Auto => AutoStream::choice(stream),
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
}

/// Terminals that show 24-bit colour say so.
fn is_true_color() -> bool {
    std::env::var("COLORTERM").is_ok_and(|value| matches!(value.as_str(), "truecolor" | "24bit"))
}
