//! Scores as bars.

use crate::classes::Classes;
use crate::numbers::{percent, short, softmax};
use crate::table::cut;
use crate::terminal::{Palette, Terminal};
use relprop::Model;
use relprop::step::Op;

/// More classes than this, and only the best are shown.
const MOST: usize = 10;
/// Columns of the longest bar.
const BAR: usize = 30;

/// Probabilities of an output: what a softmax there says, or would say.
pub fn probabilities(model: &Model<'_>, output: usize, scores: &[f32]) -> Vec<f32> {
    let producer = model.producer(model.output(output).tensor).map(|step| model.step(step));
    match producer {
        // Logarithms of probabilities are not positive.
        Some(step) if step.op == Op::Softmax && scores.iter().all(|s| *s <= 0.0) => {
            scores.iter().map(|score| score.exp()).collect()
        }
        Some(step) if step.op == Op::Softmax => scores.to_vec(),
        _ => softmax(scores),
    }
}

/// One line per class: name, score, bar. `marked` stands out and is always shown.
pub fn bars(
    terminal: &Terminal,
    classes: &Classes,
    scores: &[f32],
    probabilities: &[f32],
    marked: Option<usize>,
) -> Vec<String> {
    let mut shown: Vec<usize> = (0..scores.len()).collect();
    if scores.len() > MOST + 2 {
        shown.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let rest = shown.split_off(MOST);
        shown.extend(rest.into_iter().filter(|class| Some(*class) == marked));
    }
    let mut lines: Vec<String> = Vec::new();
    let names: Vec<String> = shown.iter().map(|&class| cut(&classes.name(class), 24)).collect();
    let numbers: Vec<String> = shown.iter().map(|&class| short(scores[class])).collect();
    let widest = |texts: &[String]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let (name_width, number_width) = (widest(&names), widest(&numbers));
    for ((class, name), number) in shown.into_iter().zip(&names).zip(&numbers) {
        let probability = probabilities[class];
        let bar = bar(probability, terminal.palette);
        let line = format!("  {name:>name_width$}  {number:>number_width$}  {bar}");
        // One class is no choice.
        let line = if scores.len() > 1 { format!("{line} {}", percent(probability)) } else { line };
        lines.push(if Some(class) == marked { terminal.bold(&line) } else { line });
    }
    if scores.len() > lines.len() {
        lines.push(terminal.dim(&format!("  … and {} other classes", scores.len() - lines.len())));
    }
    lines
}

fn bar(share: f32, palette: Palette) -> String {
    let eighths = (share.clamp(0.0, 1.0) * (8 * BAR) as f32).round() as usize;
    if palette == Palette::Plain {
        return "#".repeat((eighths + 4) / 8);
    }
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    "█".repeat(eighths / 8) + rest
}
