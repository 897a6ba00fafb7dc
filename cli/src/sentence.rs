//! Sentences: where they come from, and how their words look when they are explained.

use crate::heatmap;
use crate::numbers::short;
use crate::table::{Align, columns};
use crate::terminal::{Palette, Terminal};
use crate::usage;
use anstyle::{Color, RgbColor, Style};
use anyhow::{Context, bail};
use relprop::Model;
use relprop::text::Words;
use serde::Serialize;
use std::io::Read;

/// Characters of the longest bar.
const BAR: usize = 24;

/// A text and its words.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// As it was typed; cut off where that was asked for.
    pub text: String,
    /// Its words and marks.
    pub words: Vec<Word>,
}

/// A word or a mark.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// Where it begins in the text, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// As the network sees it.
    pub spelling: String,
    /// Its number; zero is any word that is not known.
    pub token: u16,
}

impl Word {
    /// Whether the vocabulary has it.
    pub const fn is_known(&self) -> bool {
        self.token != 0
    }
}

/// A word and its relevance, for machines.
#[derive(Serialize)]
pub struct Spoken {
    word: String,
    start: usize,
    end: usize,
    token: u16,
    known: bool,
    relevance: f32,
}

impl Sentence {
    /// Cuts a text into words.
    ///
    /// # Errors
    /// It has no words, or more than the network takes and may not be cut off.
    pub fn new(model: &Model<'_>, text: &str, truncate: bool) -> anyhow::Result<Self> {
        let port = model.input(0);
        let most = model.at_length(usize::MAX).tensor(port.tensor).shape.height;
        let mut words: Vec<Word> = Words::new(text)
            .map(|word| Word {
                start: word.span.start,
                end: word.span.end,
                spelling: String::from_utf8_lossy(&word.bytes().collect::<Vec<_>>()).into_owned(),
                token: model.token(&port, &word),
            })
            .collect();
        if words.len() > most && !truncate {
            bail!(
                "the text has {} words and marks, the network takes {most} at most: shorten it, or pass --truncate",
                words.len()
            );
        }
        words.truncate(most);
        let Some(last) = words.last() else { bail!("the text has no words") };
        Ok(Self { text: text.get(..last.end).unwrap_or(text).to_owned(), words })
    }

    /// What the network is fed with.
    pub fn tokens(&self) -> Vec<f32> {
        self.words.iter().map(|word| f32::from(word.token)).collect()
    }

    /// What is worth saying of it before it is explained.
    pub fn remark(&self, full: &str) -> Option<String> {
        let all = Words::new(full).count();
        if all > self.words.len() {
            return Some(format!("only the first {} of {all} words are read", self.words.len()));
        }
        let unknown = !self.words.iter().any(Word::is_known);
        unknown.then(|| "the network knows none of these words: it reads each as <unk>".to_owned())
    }

    /// The text in the colours of its words: red for, blue against.
    pub fn colored(&self, relevance: &[f32], palette: Palette) -> String {
        let mut line = String::new();
        let mut end = 0;
        for (word, r) in self.words.iter().zip(scaled(relevance)) {
            line.push_str(self.text.get(end..word.start).unwrap_or_default());
            let text = self.text.get(word.start..word.end).unwrap_or_default();
            line.push_str(&paint(text, r, palette));
            end = word.end;
        }
        line
    }

    /// The words one below the other, each with its relevance as number and bar.
    pub fn table(&self, relevance: &[f32]) -> Vec<String> {
        let mut rows = vec![["word", "relevance", ""].map(str::to_owned).to_vec()];
        rows.extend(self.words.iter().zip(relevance).zip(scaled(relevance)).map(|((word, r), share)| {
            let sign = if *r < 0.0 { "-" } else { "+" };
            let name = if word.is_known() { word.spelling.clone() } else { format!("{} (unknown)", word.spelling) };
            vec![name, short(*r), sign.repeat((share.abs() * BAR as f32).round() as usize)]
        }));
        let align = [Align::Right, Align::Right, Align::Left];
        columns(&align, &rows).into_iter().map(|line| format!("  {line}")).collect()
    }

    /// The words that count most for and against, in one line.
    pub fn summary(&self, relevance: &[f32]) -> String {
        let words = || self.words.iter().zip(relevance);
        let most = words().max_by(|a, b| a.1.total_cmp(b.1)).filter(|(_, r)| **r > 0.0);
        let least = words().min_by(|a, b| a.1.total_cmp(b.1)).filter(|(_, r)| **r < 0.0);
        let tell = |what: &str, (word, r): (&Word, &f32)| format!("{what} {} ({})", word.spelling, short(*r));
        let parts = [most.map(|most| tell("for:", most)), least.map(|least| tell("against:", least))];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// All of it, for people.
    pub fn lines(&self, relevance: &[f32], terminal: &Terminal) -> Vec<String> {
        let mut lines = Vec::new();
        if terminal.palette != Palette::Plain {
            lines.extend([format!("  {}", self.colored(relevance, terminal.palette)), String::new()]);
        }
        lines.extend(self.table(relevance));
        lines
    }

    /// The same for machines.
    pub fn spoken(&self, relevance: &[f32]) -> Vec<Spoken> {
        let one = |(word, r): (&Word, &f32)| Spoken {
            word: word.spelling.clone(),
            start: word.start,
            end: word.end,
            token: word.token,
            known: word.is_known(),
            relevance: *r,
        };
        self.words.iter().zip(relevance).map(one).collect()
    }
}

/// Relevances with the largest magnitude scaled to one.
fn scaled(relevance: &[f32]) -> Vec<f32> {
    let peak = relevance.iter().fold(f32::MIN_POSITIVE, |peak, r| peak.max(r.abs()));
    relevance.iter().map(|r| r / peak).collect()
}

/// A word on its colour; on dark colours in white.
fn paint(text: &str, relevance: f32, palette: Palette) -> String {
    if palette == Palette::Plain {
        return text.to_owned();
    }
    let [r, g, b] = heatmap::color(relevance).0;
    let color = |rgb: RgbColor| match palette {
        Palette::True => Color::Rgb(rgb),
        _ => Color::Ansi256(anstyle_lossy::rgb_to_xterm(rgb)),
    };
    let light = 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b) > 128_000;
    let ink = if light { RgbColor(0, 0, 0) } else { RgbColor(255, 255, 255) };
    let style = Style::new().bg_color(Some(color(RgbColor(r, g, b)))).fg_color(Some(color(ink)));
    format!("{style}{text}{style:#}")
}

/// Whether the network reads text.
pub fn is_reader(model: &Model<'_>) -> bool {
    model.inputs() == 1 && model.input(0).is_text
}

/// The texts that `--text` stands for: itself, or for `-` the lines of standard input that are not empty.
///
/// # Errors
/// Standard input is not UTF-8, or has no lines.
pub fn texts(named: &str) -> anyhow::Result<Vec<String>> {
    if named != "-" {
        return Ok(vec![named.to_owned()]);
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
    let mut texts = Vec::new();
    for (i, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let Ok(line) = std::str::from_utf8(line) else { bail!("line {} of standard input is not UTF-8", i + 1) };
        if !line.trim().is_empty() {
            texts.push(line.trim_end_matches('\r').to_owned());
        }
    }
    if texts.is_empty() {
        return Err(usage!("there is no text on standard input"));
    }
    Ok(texts)
}
