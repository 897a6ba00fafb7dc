//! `relprop explain`

use crate::args::ExplainArgs;
use crate::canvas::Map;
use crate::classes::Classes;
use crate::engine::{Engine, Outcome, Request};
use crate::explain_text;
use crate::input::{Inputs, user_dims};
use crate::load::Loaded;
use crate::memory::Memory;
use crate::report::{Item, LedgerFile, Report};
use crate::spec::{Recipe, SeedRelevance, idle};
use crate::terminal::{self, Terminal};
use crate::usage;
use crate::{condition, files, heatmap, npy, progress, refusal, sentence};
use relprop::Model;
use std::path::{Path, PathBuf};

/// An item that was run and explained.
pub struct Explained {
    /// The output, in the layout of the exported model.
    pub scores: Vec<f32>,
    /// The explanation.
    pub outcome: Outcome,
}

/// Everything that the ways to show an explanation read.
pub struct Job<'j> {
    /// The command line.
    pub args: &'j ExplainArgs,
    /// What the user calls the model.
    pub model_name: &'j str,
    /// The model.
    pub model: Model<'j>,
    /// What was run.
    pub inputs: &'j Inputs,
    /// The classes of the output.
    pub classes: &'j Classes,
    /// How it was explained.
    pub request: &'j Request<'j>,
    /// What came out, item by item.
    pub explained: &'j [Explained],
}

/// Runs the command.
pub fn explain(args: &ExplainArgs, terminal: &mut Terminal) -> anyhow::Result<()> {
    let loaded = match &args.model {
        Some(path) => Loaded::open_for(path, &args.feeding, &args.inputs)?,
        None => Loaded::bundled(&args.feeding)?,
    };
    let model = loaded.model()?;
    if args.output >= model.outputs() {
        return Err(refusal::no_output(&model, args.output));
    }
    let classes = Classes::of(&model, args.output);
    let aim = args.target.resolve(&classes)?;
    let recipe = Recipe::new(&args.rules, &model)?;
    let overrides = recipe.overrides(&model)?;
    for at in recipe.preset().map(|preset| idle(&model, preset, &overrides)).unwrap_or_default() {
        terminal::note(&format!("--rule {} changes no step of this model", args.rules.rules[at]));
    }
    let what = (aim, args.seed_relevance, args.output);
    let request = Request::new(&model, &recipe, &overrides, what, &args.loops, args.condition, args.relevance)?;
    request.remark(&model).iter().for_each(|remark| terminal::note(remark));
    if args.condition {
        let remark = condition::unmeasured(&model, request.method, request.composite.as_ref());
        if let Some(remark) = remark {
            terminal::note(&remark);
        }
    }
    if args.ledger.is_some() && request.composite.is_none() {
        return Err(usage!("{} keeps no ledger: leave --ledger out", request.method.name()));
    }
    if args.out.as_ref().and_then(|path| path.extension()).is_some_and(|end| end.eq_ignore_ascii_case("png")) {
        return Err(usage!("--out writes numbers, as .npy does; a picture is written by --png"));
    }
    let inputs = match &args.text {
        Some(text) => Inputs::texts(&model, &sentence::texts(text)?, args.truncate)?,
        None if args.inputs.is_empty() && sentence::is_reader(&model) => {
            return Err(usage!("this network reads text: pass --text \"…\", or --text - for lines of standard input"));
        }
        None if args.inputs.is_empty() => Inputs::bundled(&loaded, &model)?,
        None => Inputs::read(&loaded, &model, &args.inputs)?,
    };
    if args.out.is_some() && inputs.sentences.len() > 1 {
        return Err(usage!("texts differ in length: --out takes one at a time, --json all"));
    }
    let model = inputs.shortened(&model);
    if args.png.is_some() && inputs.canvas.is_none() {
        return Err(usage!("the input is not a picture: leave --png out, or write --out"));
    }

    let mode = request.method.mode();
    let mut memory = Memory::new(&model, mode);
    let mut engine = Engine::new(memory.session(&model, mode, args.relevance)?, &classes);
    let bar = progress::bar(inputs.items.len());
    let mut explained = Vec::with_capacity(inputs.items.len());
    for item in &inputs.items {
        let scores = engine.run(item, args.output)?;
        explained.push(Explained { outcome: engine.explain(&request, item)?, scores });
        bar.inc(1);
    }
    bar.finish_and_clear();

    let job = Job {
        args,
        model_name: &loaded.name,
        model,
        inputs: &inputs,
        classes: &classes,
        request: &request,
        explained: &explained,
    };
    let saturated = explained.iter().filter(|e| e.outcome.saturated() > 0).count();
    if saturated > 0 {
        terminal::note(&overflow(saturated, explained.len()));
    }
    let files = job.write()?;
    if args.json {
        return terminal.print_json(&job.report(&files));
    }
    let text = explain_text::text(&job, &files, terminal);
    terminal.print(&text)
}

/// What to say of explanations in which relevance did not fit its integers.
pub fn overflow(saturated: usize, all: usize) -> String {
    format!(
        "relevance did not fit 32 bits in {saturated} of {all} explanations, which are wrong there: \
         --relevance f32 has no such limit, or choose a composite that amplifies less"
    )
}

impl Job<'_> {
    /// Writes the files asked for, and returns what was written.
    fn write(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut written = Vec::new();
        if let Some(path) = &self.args.out {
            written.extend(self.write_relevance(path)?);
        }
        if let Some(path) = &self.args.scores {
            let port = self.model.output(self.args.output);
            let shape = self.inputs.batch.shape(user_dims(&port));
            let scores: Vec<f32> = self.explained.iter().flat_map(|e| e.scores.iter().copied()).collect();
            npy::write(path, &shape, &scores)?;
            written.push(path.clone());
        }
        if let Some(path) = &self.args.png {
            let groups: Vec<_> = (0..self.explained.len().min(heatmap::MOST_PAIRS))
                .filter_map(|i| Some(vec![self.picture(i)?, heatmap::heat(&self.map(i)?)]))
                .collect();
            heatmap::write_png(path, &groups)?;
            written.push(path.clone());
        }
        if let Some(path) = &self.args.ledger {
            self.write_ledger(path)?;
            written.push(path.clone());
        }
        Ok(written)
    }

    /// One file per input of the model; Grad-CAM has one map, whatever the inputs.
    fn write_relevance(&self, path: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let maps: Vec<&Map> = self.explained.iter().filter_map(|e| e.outcome.map.as_ref()).collect();
        if let Some(first) = maps.first() {
            let size = [first.height() as usize, first.width() as usize];
            let shape = if self.inputs.batch.has_axis() { [&[maps.len()], &size[..]].concat() } else { size.to_vec() };
            let values: Vec<f32> = maps.iter().flat_map(|map| map.iter().copied()).collect();
            npy::write(path, &shape, &values)?;
            return Ok(vec![path.to_owned()]);
        }
        let mut written = Vec::new();
        for i in 0..self.model.inputs() {
            let port = self.model.input(i);
            let mut values = Vec::new();
            for Explained { outcome, .. } in self.explained {
                let kernel = outcome.relevance.get(i).map_or(&[][..], Vec::as_slice);
                let mut user = vec![0.0; kernel.len()];
                port.to_user(kernel, &mut user);
                values.append(&mut user);
            }
            let path = match self.model.inputs() {
                1 => path.to_owned(),
                _ => path.with_extension(format!("{}.npy", self.model.port_name(&port))),
            };
            npy::write(&path, &self.inputs.batch.shape(user_dims(&port)), &values)?;
            written.push(path);
        }
        Ok(written)
    }

    fn write_ledger(&self, path: &Path) -> anyhow::Result<()> {
        let Some(composite) = &self.request.composite else { return Ok(()) };
        let ledgers: Vec<LedgerFile> = self
            .explained
            .iter()
            .filter_map(|e| LedgerFile::new(&self.model, self.classes, composite, &e.outcome))
            .collect();
        match ledgers.as_slice() {
            [only] if !self.inputs.batch.has_axis() => files::write_json(path, only),
            several => files::write_json(path, &several),
        }
    }

    /// What an item looks like.
    pub fn picture(&self, item: usize) -> Option<image::RgbImage> {
        let values = self.inputs.items.get(item)?.first()?;
        Some(self.inputs.canvas?.picture(values))
    }

    /// Relevance of an item, pixel by pixel.
    pub fn map(&self, item: usize) -> Option<Map> {
        let outcome = &self.explained.get(item)?.outcome;
        match &outcome.map {
            Some(map) => Some(map.clone()),
            None => Some(self.inputs.canvas?.map(outcome.relevance.first()?)),
        }
    }

    /// All of it, for machines.
    pub fn report(&self, files: &[PathBuf]) -> Report {
        let item = |(i, (inputs, e)): (usize, (&Vec<Vec<f32>>, &Explained))| {
            let item = Item::new(&self.model, self.classes, inputs, &e.scores, &e.outcome);
            item.of_text(self.inputs.sentences.get(i), &e.outcome)
        };
        Report {
            model: self.model_name.to_owned(),
            input: self.inputs.name.clone(),
            composite: self.request.method.name(),
            rules: self.args.rules.rules.iter().map(ToString::to_string).collect(),
            output: self.model.port_name(&self.model.output(self.args.output)).to_owned(),
            seed_relevance: match self.request.seed {
                SeedRelevance::Logit => "logit",
                SeedRelevance::One => "one",
            },
            relevance: self.args.relevance.name(),
            items: self.inputs.items.iter().zip(self.explained).enumerate().map(item).collect(),
            files: files.iter().map(|path| path.display().to_string()).collect(),
        }
    }
}
