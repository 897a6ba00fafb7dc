//! How far explanations agree, for people.

use crate::agreement::Summary;
use crate::compare::{Item, Report};
use crate::numbers::{percent, short};
use crate::table::{Align, columns};
use crate::terminal::Terminal;

/// Inputs that are shown one by one.
const MOST_ROWS: usize = 20;

/// The whole text.
pub fn text(report: &Report, terminal: &Terminal) -> String {
    let mut lines = Vec::new();
    for (name, side) in ["A", "B"].iter().zip(&report.sides) {
        lines.push(terminal.bold(&format!("{name}  {}, by {}", side.model, side.how())));
    }
    let count = report.items.len();
    lines.push(terminal.dim(&format!("on {}, the {} largest relevances compared", report.input, report.k)));
    lines.push(String::new());
    if count <= MOST_ROWS {
        lines.extend(rows(&report.items));
        lines.push(String::new());
    }
    if count > 1 {
        lines.extend(summaries(report));
        lines.push(String::new());
    }
    if count > 1 {
        let of = |n: usize| format!("{n} of {count}");
        lines.push(format!(
            "same class named: {}; same largest relevance: {}",
            of(report.same_top),
            of(report.same_peak)
        ));
    }
    if !report.files.is_empty() {
        lines.push(format!("wrote {}: input, A, B, and B − A on the same scale", report.files.join(", ")));
    }
    lines.join("\n") + "\n"
}

/// One line per input.
fn rows(items: &[Item]) -> Vec<String> {
    let head = ["item", "class", "cosine", "rank", "overlap", "‖A−B‖/‖A‖", "same class", "same peak"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    rows.extend(items.iter().enumerate().map(|(i, item)| {
        let a = &item.agreement;
        let class = item.class.map_or_else(|| "all".to_owned(), |class| class.to_string());
        vec![
            i.to_string(),
            item.label.clone().unwrap_or(class),
            figure(a.cosine),
            figure(a.rank_correlation),
            a.top_overlap.map_or_else(undefined, |share| percent(share as f32)),
            a.difference.map_or_else(undefined, |value| short(value as f32)),
            yes(item.same_top),
            yes(a.same_peak),
        ]
    }));
    let align =
        [Align::Right, Align::Left, Align::Right, Align::Right, Align::Right, Align::Right, Align::Left, Align::Left];
    columns(&align, &rows)
}

/// One line per figure.
fn summaries(report: &Report) -> Vec<String> {
    let head = ["", "median", "worst 5 %", "mean", "worst"].map(str::to_owned).to_vec();
    let share: Show = |value| percent(value as f32);
    let small: Show = |value| short(value as f32);
    let parts: [(&str, &Option<Summary>, Show); 4] = [
        ("cosine", &report.cosine, |value| figure(Some(value))),
        ("rank correlation", &report.rank_correlation, |value| figure(Some(value))),
        ("overlap of the largest", &report.top_overlap, share),
        ("‖A − B‖₁ / ‖A‖₁", &report.difference, small),
    ];
    let mut rows = vec![head];
    for (name, summary, show) in parts {
        let values = summary.as_ref().map(|s| [s.median, s.worst_5_percent, s.mean, s.worst].map(show));
        let mut row = vec![name.to_owned()];
        row.extend(values.unwrap_or_else(|| std::array::from_fn(|_| undefined())));
        rows.push(row);
    }
    columns(&[Align::Left, Align::Right, Align::Right, Align::Right, Align::Right], &rows)
}

/// How a figure is written.
type Show = fn(f64) -> String;

/// Four digits: the figures are at most one.
fn figure(value: Option<f64>) -> String {
    value.map_or_else(undefined, |value| format!("{value:.4}"))
}

/// What stands where a figure is not defined.
fn undefined() -> String {
    "–".to_owned()
}
