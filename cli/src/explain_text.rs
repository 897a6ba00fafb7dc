//! What `explain` found, for people.

use crate::args::RelevanceType;
use crate::books::Books;
use crate::engine::Outcome;
use crate::explain::{Explained, Job};
use crate::numbers::{percent, short};
use crate::report::Item;
use crate::scores::{bars, probabilities};
use crate::sketch;
use crate::start::Start;
use crate::table::{Align, columns};
use crate::terminal::{Palette, Terminal};
use relprop::target::arg_max;
use std::path::PathBuf;

/// The whole text.
pub fn text(job: &Job<'_>, files: &[PathBuf], terminal: &Terminal) -> String {
    let mut lines = vec![terminal.dim(&format!("{} reads {}{}", job.model_name, job.inputs.name, verdict(job)))];
    match job.explained {
        [only] => one(job, only, terminal, &mut lines),
        many => batch(job, many, &mut lines),
    }
    if job.explained.len() > 1 {
        lines.extend(sentences(job, terminal));
    }
    if !files.is_empty() {
        let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        lines.push(format!("wrote {}", files.join(", ")));
    }
    lines.join("\n") + "\n"
}

fn one(job: &Job<'_>, explained: &Explained, terminal: &Terminal, lines: &mut Vec<String>) {
    let Explained { scores, outcome } = explained;
    let start = &outcome.start;
    lines.push(terminal.bold(&headline(job, outcome)));
    lines.push(String::new());
    let probabilities = probabilities(&job.model, job.classes, job.args.output, scores);
    lines.extend(bars(terminal, job.classes, scores, probabilities.as_deref(), start.class));
    lines.push(String::new());
    match (job.picture(0), job.map(0)) {
        (Some(picture), Some(map)) => {
            lines.extend(sketch::side_by_side(&picture, &map, terminal.palette, terminal.width));
        }
        _ => match job.inputs.sentences.first() {
            Some(sentence) => lines.extend(sentence.lines(relevance(outcome), terminal)),
            None => lines.extend(largest(job, explained)),
        },
    }
    lines.push(String::new());
    lines.extend(match &outcome.books {
        Some(books) if !job.request.method.is_gradient() => ledger(job, books, start),
        _ => vec![sum(job, outcome)],
    });
}

/// What the network made of the input.
fn verdict(job: &Job<'_>) -> String {
    let [Explained { scores, .. }] = job.explained else { return String::new() };
    match (arg_max(scores), scores.as_slice()) {
        (_, [only]) => format!(" as {}", short(*only)),
        (Some(top), _) => format!(" as {}", job.classes.name(top)),
        (None, _) => String::new(),
    }
}

/// What is explained, and by which method.
fn headline(job: &Job<'_>, outcome: &Outcome) -> String {
    let start = &outcome.start;
    let port = job.model.output(job.args.output);
    // Relevance starts before a softmax, whose outputs are the scores.
    let word = if job.model.seed_tensor(&port) == port.tensor { "score" } else { "logit" };
    let what = match (start.class, start.contrast) {
        (Some(class), Some(contrast)) => {
            format!("why {} and not {}", job.classes.name(class), job.classes.name(contrast))
        }
        (Some(class), None) => format!("why {} ({word} {})", job.classes.name(class), short(start.value)),
        _ => "why these scores".to_owned(),
    };
    let rules = match job.args.rules.rules.len() {
        0 => String::new(),
        1 => " and a rule".to_owned(),
        n => format!(" and {n} rules"),
    };
    let integers = if job.args.relevance == RelevanceType::Fixed { ", in integers" } else { "" };
    format!("{what}, by {}{rules}{integers}", job.request.method.name())
}

/// Where relevance went, in three lines.
fn ledger(job: &Job<'_>, books: &Books, start: &Start) -> Vec<String> {
    let t = &books.totals;
    let share = |part: f32| percent(part / t.arrived);
    let term = |part: f32| format!("{} {} ({})", if part < 0.0 { "-" } else { "+" }, short(part.abs()), share(part));
    let conditioned = job
        .worst_condition(books)
        .map(|(step, condition)| format!(", smallest |z|/Σ|xw| {} at {step}", short(condition)));
    vec![
        format!("ledger  {} at the output = {} ({}) on the input", short(t.arrived), short(t.left), share(t.left)),
        format!("        {} to biases {} to stabilisers {} dropped", term(t.bias), term(t.stabilizer), term(t.dropped)),
        format!(
            "        {} {} rounding; {}; max|R|/|f| {}{}",
            if t.rounding < 0.0 { "-" } else { "+" },
            short(t.rounding.abs()),
            match &books.exact {
                Some(exact) => format!("off by exactly {}, in units of {}", exact.imbalance, short(exact.unit)),
                None => format!("off by {} of the output", short((books.imbalance / t.arrived).abs())),
            },
            short(start.amplification(books.totals.peak)),
            conditioned.unwrap_or_default()
        ),
    ]
}

/// What can be said where no sum is kept.
fn sum(job: &Job<'_>, outcome: &Outcome) -> String {
    let method = job.request.method.name();
    match &outcome.map {
        Some(_) => format!("{method} weighs activations and keeps no ledger"),
        None => format!("relevance sums to {}; {method} keeps no ledger", short(outcome.relevance_sum())),
    }
}

/// The inputs with the largest relevance.
fn largest(job: &Job<'_>, explained: &Explained) -> Vec<String> {
    let inputs = job.inputs.items.first().map_or(&[][..], Vec::as_slice);
    let item = Item::new(&job.model, job.classes, inputs, &explained.scores, &explained.outcome);
    let peak = item.top.first().map_or(0.0, |top| top.relevance.abs()).max(f32::MIN_POSITIVE);
    let mut rows = vec![["input", "value", "relevance"].map(str::to_owned).to_vec()];
    rows.extend(item.top.iter().map(|top| {
        let sign = if top.relevance < 0.0 { "-" } else { "+" };
        let bar = sign.repeat((top.relevance.abs() / peak * 20.0).round() as usize);
        vec![format!("{}{:?}", top.input, top.index), short(top.value), short(top.relevance), bar]
    }));
    columns(&[Align::Left, Align::Right, Align::Right, Align::Left], &rows)
        .into_iter()
        .map(|line| format!("  {line}"))
        .collect()
}

/// Relevance of the first input.
fn relevance(outcome: &Outcome) -> &[f32] {
    outcome.relevance.first().map_or(&[], Vec::as_slice)
}

/// Texts in the colours of their words, or with the word that counts most for the class and the one most against it.
fn sentences(job: &Job<'_>, terminal: &Terminal) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, (sentence, explained)) in job.inputs.sentences.iter().zip(job.explained).enumerate() {
        let relevance = relevance(&explained.outcome);
        lines.push(format!("  {i:>4}  {}", sentence.colored(relevance, terminal.palette)));
        if terminal.palette == Palette::Plain {
            lines.push(format!("        {}", sentence.summary(relevance)));
        }
    }
    lines
}

/// One line per item.
fn batch(job: &Job<'_>, many: &[Explained], lines: &mut Vec<String>) {
    let mut rows = vec![["item", "class", "score", "", "inputs", "biases", "rest"].map(str::to_owned).to_vec()];
    for (i, Explained { scores, outcome }) in many.iter().enumerate() {
        let start = &outcome.start;
        let probabilities = probabilities(&job.model, job.classes, job.args.output, scores).unwrap_or_default();
        let probability = start.class.and_then(|class| probabilities.get(class).copied());
        let share = |part: fn(&Books) -> f32| match &outcome.books {
            Some(books) => percent(part(books) / books.totals.arrived),
            None => String::new(),
        };
        rows.push(vec![
            i.to_string(),
            start.class.map_or_else(|| "all".to_owned(), |class| job.classes.name(class)),
            short(start.value),
            probability.map(percent).unwrap_or_default(),
            share(|b| b.totals.left),
            share(|b| b.totals.bias),
            share(|b| b.totals.stabilizer + b.totals.dropped + b.totals.rounding),
        ]);
    }
    lines.push(format!("{} items, by {}", many.len(), job.request.method.name()));
    lines.push(String::new());
    let align = [Align::Right, Align::Left, Align::Right, Align::Right, Align::Right, Align::Right, Align::Right];
    lines.extend(columns(&align, &rows).into_iter().map(|line| format!("  {line}")));
    lines.push(String::new());
}

impl Job<'_> {
    /// The step whose denominators come nearest to zero, where that was measured.
    fn worst_condition(&self, books: &Books) -> Option<(String, f32)> {
        if !self.args.condition {
            return None;
        }
        let measured = books.entries.iter().enumerate().filter(|(_, entry)| entry.condition.is_finite());
        let (step, entry) = measured.min_by(|a, b| a.1.condition.total_cmp(&b.1.condition))?;
        Some((self.model.step_name(&self.model.step(step)).to_owned(), entry.condition))
    }
}
