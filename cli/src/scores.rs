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

/// Without labels and softmax, an output longer than this is not taken for scores of classes.
const MOST_CLASSES: usize = 1000;

/// Probabilities of an output: what a softmax there says, or would say. None where scores of classes are not to be
/// expected: the output has neither labels nor a softmax, and it is longer than 1000, or as long as an input (an
/// autoencoder's is), or no vector.
pub fn probabilities(model: &Model<'_>, classes: &Classes, output: usize, scores: &[f32]) -> Option<Vec<f32>> {
    let tensor = model.output(output).tensor;
    let ends_in_softmax = model.producer(tensor).is_some_and(|step| model.step(step).op == Op::Softmax);
    match ends_in_softmax {
        // Logarithms of probabilities are not positive.
        true if scores.iter().all(|s| *s <= 0.0) => Some(scores.iter().map(|score| score.exp()).collect()),
        true => Some(scores.to_vec()),
        false => (classes.have_labels() || are_like_classes(model, tensor)).then(|| softmax(scores)),
    }
}

/// Whether a tensor has the shape of scores, one for each class.
fn are_like_classes(model: &Model<'_>, tensor: usize) -> bool {
    let shape = model.tensor(tensor).shape;
    let is_as_long = |input: usize| model.tensor(model.input(input).tensor).shape.elements() == shape.elements();
    let is_vector = shape.elements() == shape.channels;
    is_vector && shape.elements() <= MOST_CLASSES && !(0..model.inputs()).any(is_as_long)
}

/// One line per class: name, score, and of probabilities a bar. `marked` stands out and is always shown.
pub fn bars(
    terminal: &Terminal,
    classes: &Classes,
    scores: &[f32],
    probabilities: Option<&[f32]>,
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
        let line = format!("  {name:>name_width$}  {number:>number_width$}");
        let line = match probabilities.and_then(|probabilities| probabilities.get(class)) {
            // One class is no choice.
            Some(&probability) if scores.len() > 1 => {
                format!("{line}  {} {}", bar(probability, terminal.palette), percent(probability))
            }
            Some(&probability) => format!("{line}  {}", bar(probability, terminal.palette)),
            None => line,
        };
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
