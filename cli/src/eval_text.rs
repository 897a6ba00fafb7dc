//! `relprop eval --sst`: accuracy on sentences, and what happens when words are deleted (Arras et al. 2017).

use crate::args::{EvalArgs, LoopArgs, RelevanceType};
use crate::classes::Classes;
use crate::engine::Request;
use crate::load::Loaded;
use crate::numbers::softmax;
use crate::sentence::{Sentence, is_reader};
use crate::spec::{Aim, Recipe};
use crate::sst::{self, LABELS, Labelled};
use crate::table::{Align, columns};
use crate::terminal::Terminal;
use crate::{progress, refusal, usage};
use relprop::target::arg_max;
use relprop::{Composite, Mode, Model, Preset, Session, Target};
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, Instant};

/// Shorter sentences lose too much with a word.
const SHORTEST: usize = 10;
/// Words that are deleted, one after the other.
const DELETED: usize = 5;
/// How often words are deleted at random.
const DRAWS: usize = 5;

/// `eval --sst --json`
#[derive(Serialize)]
struct Report {
    model: String,
    sentences: usize,
    correct: usize,
    /// Of all labels.
    accuracy: f64,
    polar_sentences: usize,
    polar_correct: usize,
    /// Positive or negative, neutral sentences left out.
    polar_accuracy: f64,
    composite: String,
    curves: Vec<Curve>,
    /// Per sentence.
    run_microseconds: f64,
    explain_microseconds: f64,
}

/// Accuracy as words go.
#[derive(Clone, Serialize)]
struct Curve {
    /// Of sentences read `correctly` or `wrongly`.
    read: &'static str,
    sentences: usize,
    /// Which words go: `most relevant`, `least relevant`, `random`.
    deleted: &'static str,
    method: String,
    /// After none, one, two … words.
    accuracy: Vec<f64>,
}

/// Which word goes first.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Most,
    Least,
    Random,
}

impl Order {
    const fn name(self) -> &'static str {
        match self {
            Self::Most => "most relevant",
            Self::Least => "least relevant",
            Self::Random => "random",
        }
    }

    /// How often it is tried.
    const fn draws(self) -> usize {
        if matches!(self, Self::Random) { DRAWS } else { 1 }
    }
}

/// How often the network was right after each deletion.
#[derive(Clone, Copy, Default)]
struct Tally([usize; DELETED + 1]);

/// What is measured, as it grows.
struct Study<'m, 'a, 'c> {
    session: Session<'m, 'a>,
    /// By which relevance words are ranked.
    methods: [(String, Composite<'c>); 2],
    /// Which words go, by which method.
    kinds: Vec<(Order, usize)>,
    /// For sentences read correctly and wrongly: how many, and a tally for each kind.
    groups: [(usize, Vec<Tally>); 2],
    random: fastrand::Rng,
    running: Duration,
    explaining: Duration,
}

impl<'m, 'a, 'c> Study<'m, 'a, 'c> {
    fn new(session: Session<'m, 'a>, method: String, composite: Composite<'c>) -> Self {
        let methods = [(method, composite), ("gradient_x_input".to_owned(), Composite::new(Preset::Gradient))];
        let ranked = [Order::Most, Order::Least].into_iter().flat_map(|order| [(order, 0), (order, 1)]);
        let kinds: Vec<(Order, usize)> = ranked.chain([(Order::Random, 0)]).collect();
        let groups = [(); 2].map(|()| (0, vec![Tally::default(); kinds.len()]));
        let (running, explaining) = (Duration::ZERO, Duration::ZERO);
        Self { session, methods, kinds, groups, random: fastrand::Rng::with_seed(1), running, explaining }
    }

    fn scores(&mut self, tokens: &[u16]) -> anyhow::Result<Vec<f32>> {
        let model = *self.session.model();
        let scores = self.session.run_tokens(tokens).map_err(|error| refusal::run(&model, error))?;
        Ok(scores.iter().collect())
    }

    /// Reads a sentence, and deletes its words in every way.
    fn read(&mut self, tokens: &[u16], label: usize) -> anyhow::Result<Vec<f32>> {
        let started = Instant::now();
        let scores = self.scores(tokens)?;
        self.running += started.elapsed();
        if tokens.len() < SHORTEST {
            return Ok(scores);
        }
        let group = usize::from(arg_max(&scores) != Some(label));
        let ranks = self.ranks(tokens, label)?;
        self.groups[group].0 += 1;
        for kind in 0..self.kinds.len() {
            let (order, method) = self.kinds[kind];
            let mut tally = self.groups[group].1[kind];
            for _ in 0..order.draws() {
                let first_to_last = match order {
                    Order::Most => ranks[method].clone(),
                    Order::Least => ranks[method].iter().rev().copied().collect(),
                    Order::Random => {
                        let mut order = ranks[method].clone();
                        self.random.shuffle(&mut order);
                        order
                    }
                };
                self.delete(tokens, &first_to_last, label, &mut tally)?;
            }
            self.groups[group].1[kind] = tally;
        }
        Ok(scores)
    }

    /// The words of the last run from the most to the least relevant for a class, by each method.
    fn ranks(&mut self, tokens: &[u16], class: usize) -> anyhow::Result<Vec<Vec<usize>>> {
        let model = *self.session.model();
        let mut ranks = Vec::with_capacity(self.methods.len());
        for (i, (_, composite)) in self.methods.iter().enumerate() {
            let started = Instant::now();
            let explanation = self.session.explain(&Target::class(class), composite);
            let explanation = explanation.map_err(|error| refusal::explain(&model, Some(composite), error))?;
            if i == 0 {
                self.explaining += started.elapsed();
            }
            let relevance = explanation.relevance();
            let mut rank: Vec<usize> = (0..tokens.len()).collect();
            rank.sort_by(|&a, &b| relevance[b].total_cmp(&relevance[a]));
            ranks.push(rank);
        }
        Ok(ranks)
    }

    /// Adds whether the network is right as words go.
    fn delete(&mut self, tokens: &[u16], order: &[usize], label: usize, tally: &mut Tally) -> anyhow::Result<()> {
        for (deleted, right) in tally.0.iter_mut().enumerate() {
            let gone = order.get(..deleted).unwrap_or(order);
            let kept = tokens.iter().enumerate().filter(|(i, _)| !gone.contains(i));
            let kept: Vec<u16> = kept.map(|(_, token)| *token).collect();
            *right += usize::from(arg_max(&self.scores(&kept)?) == Some(label));
        }
        Ok(())
    }

    fn curves(&self) -> Vec<Curve> {
        let named = ["correctly", "wrongly"].into_iter().zip(&self.groups);
        let of_group = |(read, (sentences, tallies)): (&'static str, &(usize, Vec<Tally>))| {
            let curve = |(&(order, method), tally): (&(Order, usize), &Tally)| Curve {
                read,
                sentences: *sentences,
                deleted: order.name(),
                method: if order == Order::Random { String::new() } else { self.methods[method].0.clone() },
                accuracy: tally.0.iter().map(|right| share(*right, sentences * order.draws())).collect(),
            };
            self.kinds.iter().zip(tallies).map(curve).collect::<Vec<_>>()
        };
        named.flat_map(of_group).collect()
    }
}

fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

/// Runs the command.
pub fn eval(args: &EvalArgs, path: &Path, terminal: &mut Terminal) -> anyhow::Result<()> {
    let loaded = Loaded::open(&args.model, &args.feeding)?;
    let model = loaded.model()?;
    let classes = Classes::of(&model, 0);
    if !is_reader(&model) || classes.len() != LABELS {
        return Err(usage!("--sst is for networks that read text and know {LABELS} classes"));
    }
    if args.relevance == RelevanceType::Fixed {
        return Err(usage!("--sst explains in floats: leave --relevance out"));
    }
    let mut sentences = sst::read(path)?;
    sentences.truncate(args.limit.map_or(usize::MAX, |limit| limit as usize));
    let recipe = Recipe::new(&args.rules, &model)?;
    let overrides = recipe.overrides(&model)?;
    let what = (Aim::Top, None, 0);
    let request = Request::new(&model, &recipe, &overrides, what, &LoopArgs::default(), false, args.relevance)?;
    let Some(composite) = request.composite else {
        return Err(usage!("{} explains no words: choose a composite of rules", request.method.name()));
    };
    let report = measured(&loaded.name, &model, &sentences, (request.method.name(), composite))?;
    if args.json { terminal.print_json(&report) } else { terminal.print(&report.text(terminal)) }
}

fn measured(
    name: &str,
    model: &Model<'_>,
    sentences: &[Labelled],
    (method, composite): (String, Composite<'_>),
) -> anyhow::Result<Report> {
    let mut arena = vec![0_u128; model.arena_bytes(Mode::Retain).div_ceil(size_of::<u128>())];
    let session = Session::new(model, bytemuck::cast_slice_mut(&mut arena), Mode::Retain)
        .map_err(|error| refusal::session(model, error))?;
    let mut study = Study::new(session, method.clone(), composite);
    let (mut correct, mut polar, mut polar_correct) = (0, 0, 0);
    let bar = progress::bar(sentences.len());
    for labelled in sentences {
        let sentence = Sentence::new(model, &labelled.text, true)?;
        let tokens: Vec<u16> = sentence.words.iter().map(|word| word.token).collect();
        let scores = study.read(&tokens, labelled.label)?;
        correct += usize::from(arg_max(&scores) == Some(labelled.label));
        if let Some(positive) = labelled.is_positive() {
            let p = softmax(&scores);
            polar += 1;
            polar_correct += usize::from((p[3] + p[4] > p[0] + p[1]) == positive);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let each = |time: Duration, n: usize| time.as_secs_f64() * 1e6 / n.max(1) as f64;
    Ok(Report {
        model: name.to_owned(),
        sentences: sentences.len(),
        correct,
        accuracy: share(correct, sentences.len()),
        polar_sentences: polar,
        polar_correct,
        polar_accuracy: share(polar_correct, polar),
        composite: method,
        curves: study.curves(),
        run_microseconds: each(study.running, sentences.len()),
        explain_microseconds: each(study.explaining, study.groups.iter().map(|(n, _)| n).sum()),
    })
}

impl Report {
    fn text(&self, terminal: &Terminal) -> String {
        let polar = format!(
            "{:.2} % right, positive or negative: {} of {} sentences that are either",
            100.0 * self.polar_accuracy,
            self.polar_correct,
            self.polar_sentences
        );
        let all =
            format!("{:.2} % right, of {LABELS} labels: {} of {}", 100.0 * self.accuracy, self.correct, self.sentences);
        let mut lines = vec![terminal.dim(&self.model), terminal.bold(&polar), all];
        for read in ["correctly", "wrongly"] {
            let curves: Vec<&Curve> = self.curves.iter().filter(|curve| curve.read == read).collect();
            let Some(first) = curves.first() else { continue };
            lines.push(String::new());
            lines.push(format!(
                "{} sentences of {SHORTEST} words or more that are read {read}: right after so many words are deleted",
                first.sentences
            ));
            let mut rows = vec![vec!["deleted".to_owned(), "by".to_owned()]];
            rows[0].extend((0..=DELETED).map(|n| n.to_string()));
            rows.extend(curves.iter().map(|curve| {
                let mut row = vec![curve.deleted.to_owned(), curve.method.clone()];
                row.extend(curve.accuracy.iter().map(|share| format!("{:.1} %", 100.0 * share)));
                row
            }));
            let mut align = vec![Align::Left, Align::Left];
            align.extend([Align::Right; DELETED + 1]);
            lines.extend(columns(&align, &rows).into_iter().map(|line| format!("  {line}")));
        }
        lines.push(String::new());
        lines.push(format!(
            "{:.0} µs to read a sentence, {:.0} µs to explain one of {SHORTEST} words or more",
            self.run_microseconds, self.explain_microseconds
        ));
        lines.join("\n") + "\n"
    }
}
