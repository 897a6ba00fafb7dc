//! `relprop compare`

use crate::agreement::{Agreement, Summary, Worse};
use crate::args::{CompareArgs, LoopArgs, RelevanceType, RuleArgs};
use crate::canvas::{Canvas, Map};
use crate::classes::Classes;
use crate::compare_text;
use crate::digits::Digits;
use crate::engine::{Engine, Outcome, Request};
use crate::explain::overflow;
use crate::input::{Inputs, is_int8};
use crate::load::Loaded;
use crate::memory::Memory;
use crate::spec::{Aim, Method, Recipe};
use crate::terminal::{self, Terminal};
use crate::{heatmap, progress, usage};
use relprop::Model;
use relprop::target::arg_max;
use serde::Serialize;

/// `compare --json`
#[derive(Serialize)]
pub struct Report {
    /// How each explanation is made.
    pub sides: [SideName; 2],
    /// What was run.
    pub input: String,
    /// How many elements count as the largest.
    pub k: usize,
    /// One per input.
    pub items: Vec<Item>,
    /// Inputs for which both networks name the same class.
    pub same_top: usize,
    /// Inputs for which both explanations peak at the same element.
    pub same_peak: usize,
    /// See [`Agreement`].
    pub cosine: Option<Summary>,
    /// See [`Agreement`].
    pub rank_correlation: Option<Summary>,
    /// See [`Agreement`].
    pub top_overlap: Option<Summary>,
    /// See [`Agreement`].
    pub difference: Option<Summary>,
    /// Explanations on either side in which relevance did not fit its integers.
    pub saturated: [usize; 2],
    /// What was written.
    pub files: Vec<String>,
}

/// What stands on one side.
#[derive(Serialize)]
pub struct SideName {
    /// As the user calls it.
    pub model: String,
    /// The method.
    pub composite: String,
    /// Overrides, as typed.
    pub rules: Vec<String>,
    /// `f32` or `fixed`.
    pub relevance: &'static str,
}

/// One input.
#[derive(Serialize)]
pub struct Item {
    /// The class that both explain.
    pub class: Option<usize>,
    /// What it is called.
    pub label: Option<String>,
    /// Its value in either network, before any softmax.
    pub values: [f32; 2],
    /// Whether both networks name the same class.
    pub same_top: bool,
    /// How far the explanations agree.
    #[serde(flatten)]
    pub agreement: Agreement,
}

/// What is fed to either network, and how it looks.
struct Fed {
    name: String,
    items: Vec<[Vec<Vec<f32>>; 2]>,
    canvas: Option<Canvas>,
}

/// One item, explained by both.
struct Pair {
    picture: Option<image::RgbImage>,
    maps: Option<[Map; 2]>,
}

/// Runs the command.
pub fn compare(args: &CompareArgs, terminal: &mut Terminal) -> anyhow::Result<()> {
    let loaded = [Loaded::open(&args.a, &args.feeding)?, Loaded::open(&args.b, &args.feeding)?];
    let models = [loaded[0].model()?, loaded[1].model()?];
    same_ends(&models)?;
    let classes = [Classes::of(&models[0], 0), Classes::of(&models[1], 0)];
    let aim = args.target.resolve(&classes[0])?;
    let rules = [&args.rules, &args.rules_of_b()];
    let relevance = [args.relevance, args.relevance_b.unwrap_or(args.relevance)];

    let recipes = [Recipe::new(rules[0], &models[0])?, Recipe::new(rules[1], &models[1])?];
    let overrides = [recipes[0].overrides(&models[0])?, recipes[1].overrides(&models[1])?];
    let request = |i: usize| {
        if recipes[i].method == Method::GradCam {
            return Err(usage!("grad_cam has the size of a step and not of the input: it cannot be compared"));
        }
        let what = (aim, args.seed_relevance, 0);
        Request::new(&models[i], &recipes[i], &overrides[i], what, &LoopArgs::default(), false, relevance[i])
    };
    let mut requests = [request(0)?, request(1)?];
    for (model, request) in models.iter().zip(&requests) {
        request.remark(model).iter().for_each(|remark| terminal::note(remark));
    }
    let modes = [requests[0].method.mode(), requests[1].method.mode()];
    let [mut memory_a, mut memory_b] = [Memory::new(&models[0], modes[0]), Memory::new(&models[1], modes[1])];
    let mut engines = [
        Engine::new(memory_a.session(&models[0], modes[0], relevance[0])?, &classes[0]),
        Engine::new(memory_b.session(&models[1], modes[1], relevance[1])?, &classes[1]),
    ];

    let fed = Fed::read(args, &loaded, &models)?;
    if args.png.is_some() && fed.canvas.is_none() {
        return Err(usage!("the input is not a picture: leave --png out"));
    }
    let elements: usize = (0..models[0].inputs()).map(|i| elements(&models[0], i)).sum();
    let k = args.k.map_or(elements.div_ceil(10), |k| k as usize);
    let (mut items, mut pictures, mut saturated) = (Vec::with_capacity(fed.items.len()), Vec::new(), [0; 2]);
    let bar = progress::bar(fed.items.len());
    for inputs in &fed.items {
        let mut explain = |i: usize, request: &Request<'_>| -> anyhow::Result<(Vec<f32>, Outcome)> {
            let scores = engines[i].run(&inputs[i], 0)?;
            let outcome = engines[i].explain(request, &inputs[i])?;
            saturated[i] += usize::from(outcome.saturated() > 0);
            Ok((scores, outcome))
        };
        let (scores_a, a) = explain(0, &requests[0])?;
        if let (Aim::Top, Some(class)) = (aim, a.start.class) {
            requests[1].aim = Aim::Class(class);
        }
        let (scores_b, b) = explain(1, &requests[1])?;
        items.push(Item {
            class: a.start.class,
            label: a.start.class.and_then(|class| classes[0].label(class)).map(str::to_owned),
            values: [a.start.value, b.start.value],
            same_top: arg_max(&scores_a) == arg_max(&scores_b),
            agreement: Agreement::of(&a.relevance.concat(), &b.relevance.concat(), k),
        });
        if args.png.is_some() && pictures.len() < heatmap::MOST_PAIRS {
            pictures.push(Pair::new(&fed, &inputs[0], [&a, &b]));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for count in saturated {
        if count > 0 {
            terminal::note(&overflow(count, items.len()));
        }
    }

    let mut files = Vec::new();
    if let Some(path) = &args.png {
        heatmap::write_png(path, &pictures.iter().filter_map(Pair::panels).collect::<Vec<_>>())?;
        files.push(path.display().to_string());
    }
    let side = |i: usize| SideName {
        model: loaded[i].name.clone(),
        composite: requests[i].method.name(),
        rules: rules[i].rules.iter().map(ToString::to_string).collect(),
        relevance: relevance[i].name(),
    };
    let summary = |part: fn(&Agreement) -> Option<f64>, worse: Worse| {
        Summary::of(items.iter().map(|item| part(&item.agreement)), worse)
    };
    let report = Report {
        sides: [side(0), side(1)],
        input: fed.name,
        k,
        same_top: items.iter().filter(|item| item.same_top).count(),
        same_peak: items.iter().filter(|item| item.agreement.same_peak).count(),
        cosine: summary(|a| a.cosine, Worse::Low),
        rank_correlation: summary(|a| a.rank_correlation, Worse::Low),
        top_overlap: summary(|a| a.top_overlap, Worse::Low),
        difference: summary(|a| a.difference, Worse::High),
        items,
        saturated,
        files,
    };
    if args.json { terminal.print_json(&report) } else { terminal.print(&compare_text::text(&report, terminal)) }
}

fn elements(model: &Model<'_>, input: usize) -> usize {
    model.tensor(model.input(input).tensor).shape.elements()
}

/// Both networks take and give the same, so that their explanations can be compared element by element.
fn same_ends(models: &[Model<'_>; 2]) -> anyhow::Result<()> {
    let shapes = |model: &Model<'_>| -> Vec<_> {
        (0..model.inputs()).map(|i| model.tensor(model.input(i).tensor).shape).collect()
    };
    let classes = |model: &Model<'_>| model.tensor(model.output(0).tensor).shape.elements();
    if shapes(&models[0]) != shapes(&models[1]) {
        return Err(usage!("the two networks take inputs of different shapes: their explanations cannot be compared"));
    }
    if classes(&models[0]) != classes(&models[1]) {
        let [a, b] = [classes(&models[0]), classes(&models[1])];
        return Err(usage!("the two networks have different classes, {a} and {b} of them: no class is in both"));
    }
    Ok(())
}

impl CompareArgs {
    /// The rules of the second explanation: those of the first, as far as nothing else is said.
    fn rules_of_b(&self) -> RuleArgs {
        let rules = if self.rule_b.is_empty() { &self.rules.rules } else { &self.rule_b };
        RuleArgs { composite: self.composite_b.or(self.rules.composite), rules: rules.clone(), ..self.rules.clone() }
    }
}

impl Fed {
    fn read(args: &CompareArgs, loaded: &[Loaded; 2], models: &[Model<'_>; 2]) -> anyhow::Result<Self> {
        if let Some(folder) = &args.mnist {
            return Self::digits(&Digits::test(folder)?, args.samples, loaded, models);
        }
        let read = |i: usize| match args.inputs.as_slice() {
            [] => Inputs::bundled(&loaded[i], &models[i]),
            named => Inputs::read(&loaded[i], &models[i], named),
        };
        let [a, b] = [read(0)?, read(1)?];
        // The integers in a file are those of the network that takes integers; the other gets what they stand for.
        let (a_items, b_items) = match (a.integers, is_int8(&models[0], 0), is_int8(&models[1], 0)) {
            (true, true, false) => (a.items.clone(), a.items),
            (true, false, true) => (b.items.clone(), b.items),
            _ => (a.items, b.items),
        };
        let most = args.samples.map_or(usize::MAX, |n| n as usize);
        let items = a_items.into_iter().zip(b_items).map(|(a, b)| [a, b]).take(most).collect();
        Ok(Self { name: a.name, items, canvas: a.canvas })
    }

    fn digits(
        digits: &Digits,
        limit: Option<u32>,
        loaded: &[Loaded; 2],
        models: &[Model<'_>; 2],
    ) -> anyhow::Result<Self> {
        let input = |side: usize, i: usize| digits.input(&loaded[side], &models[side], i).map(|values| vec![values]);
        let items: Vec<_> =
            (0..digits.len(limit)?).map(|i| Ok([input(0, i)?, input(1, i)?])).collect::<anyhow::Result<_>>()?;
        let pixels = loaded[0].pixels(&models[0], 0);
        let canvas = Canvas::of_shape(models[0].tensor(models[0].input(0).tensor).shape, Some(pixels));
        Ok(Self { name: format!("{} test digits", items.len()), items, canvas })
    }
}

impl Pair {
    fn new(fed: &Fed, inputs: &[Vec<f32>], outcomes: [&Outcome; 2]) -> Self {
        let map = |i: usize| Some(fed.canvas?.map(outcomes[i].relevance.first()?));
        let maps = map(0).zip(map(1)).map(|(a, b)| [a, b]);
        Self { picture: inputs.first().and_then(|values| Some(fed.canvas?.picture(values))), maps }
    }

    /// The input, A, B and B − A, on one scale.
    fn panels(&self) -> Option<Vec<image::RgbImage>> {
        let (picture, [a, b]) = (self.picture.clone()?, self.maps.as_ref()?);
        let peak = heatmap::peak(a).max(heatmap::peak(b));
        let mut difference = b.clone();
        difference.iter_mut().zip(a.iter()).for_each(|(b, a)| *b -= a);
        let heat = |map: &Map| heatmap::heat_to(map, peak);
        Some(vec![picture, heat(a), heat(b), heat(&difference)])
    }
}

impl SideName {
    /// `epsilon_plus with winner, in integers`
    pub fn how(&self) -> String {
        let integers = (self.relevance == RelevanceType::Fixed.name()).then_some("in integers");
        let rules = self.rules.iter().map(String::as_str);
        let parts: Vec<&str> = [self.composite.as_str()].into_iter().chain(rules).chain(integers).collect();
        parts.join(", ")
    }
}
