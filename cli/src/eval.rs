//! `relprop eval`

use crate::args::{EvalArgs, LoopArgs};
use crate::classes::Classes;
use crate::digits::Digits;
use crate::engine::{Engine, Outcome, Request};
use crate::load::Loaded;
use crate::memory::Memory;
use crate::numbers::{percent, short};
use crate::spec::{Aim, Recipe};
use crate::statistics::Statistics;
use crate::table::{Align, columns};
use crate::terminal::Terminal;
use crate::{eval_text, progress};
use relprop::target::arg_max;
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, Instant};

/// `eval --json`
#[derive(Serialize)]
struct Report {
    model: String,
    images: usize,
    correct: usize,
    accuracy: f64,
    composite: String,
    /// |imbalance| of the ledger, relative to the score that is explained.
    imbalance: Option<Statistics>,
    /// Shares of the score, each of one column of the ledger.
    inputs: Option<Statistics>,
    bias: Option<Statistics>,
    stabilizer: Option<Statistics>,
    dropped: Option<Statistics>,
    rounding: Option<Statistics>,
    /// Per image.
    run_microseconds: f64,
    explain_microseconds: f64,
}

/// Runs the command.
pub fn eval(args: &EvalArgs, terminal: &mut Terminal) -> anyhow::Result<()> {
    if let Some(path) = &args.sst {
        return eval_text::eval(args, path, terminal);
    }
    let loaded = Loaded::open(&args.model, &args.feeding)?;
    let model = loaded.model()?;
    let digits = Digits::test(args.mnist.as_deref().unwrap_or_else(|| Path::new(".")))?;
    let count = digits.len(args.limit)?;

    let classes = Classes::of(&model, 0);
    let recipe = Recipe::new(&args.rules, &model)?;
    let overrides = recipe.overrides(&model)?;
    let (what, loops) = ((Aim::Top, None, 0), LoopArgs::default());
    let request = Request::new(&model, &recipe, &overrides, what, &loops, false, args.relevance)?;
    let mode = request.method.mode();
    let mut memory = Memory::new(&model, mode);
    let mut engine = Engine::new(memory.session(&model, mode, args.relevance)?, &classes);

    let (mut correct, mut outcomes) = (0, Vec::with_capacity(count));
    let (mut running, mut explaining) = (Duration::ZERO, Duration::ZERO);
    let bar = progress::bar(count);
    for i in 0..count {
        let item = vec![digits.input(&loaded, &model, i)?];
        let started = Instant::now();
        let scores = engine.run(&item, 0)?;
        running += started.elapsed();
        let started = Instant::now();
        outcomes.push(Balance::of(&engine.explain(&request, &item)?));
        explaining += started.elapsed();
        correct += usize::from(arg_max(&scores) == digits.label(i));
        bar.inc(1);
    }
    bar.finish_and_clear();

    let balances: Vec<Balance> = outcomes.into_iter().flatten().collect();
    let statistics = |part: fn(&Balance) -> f32| Statistics::of(balances.iter().map(part).collect());
    let per_image = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
    let report = Report {
        model: loaded.name.clone(),
        images: count,
        correct,
        accuracy: correct as f64 / count as f64,
        composite: request.method.name(),
        imbalance: statistics(|b| b.imbalance.abs()),
        inputs: statistics(|b| b.inputs),
        bias: statistics(|b| b.bias),
        stabilizer: statistics(|b| b.stabilizer),
        dropped: statistics(|b| b.dropped),
        rounding: statistics(|b| b.rounding),
        run_microseconds: per_image(running),
        explain_microseconds: per_image(explaining),
    };
    if args.json { terminal.print_json(&report) } else { terminal.print(&report.text(terminal)) }
}

/// Where the relevance of one explanation went, as shares of what there was.
struct Balance {
    imbalance: f32,
    inputs: f32,
    bias: f32,
    stabilizer: f32,
    dropped: f32,
    rounding: f32,
}

impl Balance {
    /// `None` for methods that keep no ledger.
    fn of(outcome: &Outcome) -> Option<Self> {
        let books = outcome.books.as_ref()?;
        let t = &books.totals;
        let share = |part: f32| part / t.arrived.abs().max(f32::MIN_POSITIVE);
        Some(Self {
            imbalance: share(books.imbalance),
            inputs: t.left / t.arrived,
            bias: t.bias / t.arrived,
            stabilizer: t.stabilizer / t.arrived,
            dropped: t.dropped / t.arrived,
            rounding: share(t.rounding),
        })
    }
}

impl Report {
    fn text(&self, terminal: &Terminal) -> String {
        let accuracy = format!(
            "{:.2} % right: {} of {} digits, {} wrong",
            100.0 * self.accuracy,
            self.correct,
            self.images,
            self.images - self.correct
        );
        let mut lines = vec![terminal.dim(&self.model), terminal.bold(&accuracy), String::new()];
        match &self.imbalance {
            Some(imbalance) => lines.extend(self.ledger(imbalance)),
            None => lines.push(format!("{} keeps no ledger", self.composite)),
        }
        lines.push(String::new());
        lines.push(format!(
            "{:.0} µs to run an image, {:.0} µs to explain it ({:.1} ×)",
            self.run_microseconds,
            self.explain_microseconds,
            self.explain_microseconds / self.run_microseconds
        ));
        lines.join("\n") + "\n"
    }

    /// Shares of the score, over the images.
    fn ledger(&self, imbalance: &Statistics) -> Vec<String> {
        let head = ["share of the score", "smallest", "median", "largest"].map(str::to_owned).to_vec();
        let row = |name: &str, s: &Statistics, show: fn(f32) -> String| {
            vec![name.to_owned(), show(s.min), show(s.median), show(s.max)]
        };
        let parts = [
            ("on the input", &self.inputs),
            ("to biases", &self.bias),
            ("to stabilisers", &self.stabilizer),
            ("dropped", &self.dropped),
        ];
        let mut rows = vec![head];
        rows.extend(parts.into_iter().filter_map(|(name, part)| Some(row(name, part.as_ref()?, percent))));
        rows.extend(self.rounding.as_ref().map(|part| row("rounding", part, short)));
        rows.push(row("|imbalance|", imbalance, short));
        let title = format!("where the relevance of the top class goes, by {}", self.composite);
        let table = columns(&[Align::Left, Align::Right, Align::Right, Align::Right], &rows);
        [title].into_iter().chain(table.into_iter().map(|line| format!("  {line}"))).collect()
    }
}
