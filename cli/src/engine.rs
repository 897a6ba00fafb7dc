//! One item: run it, explain it, and keep what came out.

use crate::args::{LoopArgs, RelevanceType};
use crate::books::Books;
use crate::canvas::Map;
use crate::classes::Classes;
use crate::input::takes_tokens;
use crate::refusal;
use crate::session::{Passed, Session, Words, int8_inputs};
use crate::spec::{Aim, Method, Recipe, SeedRelevance, step_named};
use crate::start::Start;
use crate::usage;
use anyhow::bail;
use relprop::step::Function;
use relprop::{Composite, ExplainError, Model, Override, Preset, Seed, Target, loops};

/// What to explain, and how: the same for every item.
pub struct Request<'r> {
    /// The method.
    pub method: Method,
    /// Its composite, `None` for loops.
    pub composite: Option<Composite<'r>>,
    /// What loops want to know.
    pub loops: LoopArgs,
    /// What.
    pub aim: Aim,
    /// How relevance starts.
    pub seed: SeedRelevance,
    /// At which output.
    pub output: usize,
    /// The step that Grad-CAM looks at.
    pub cam_step: Option<usize>,
}

impl<'r> Request<'r> {
    /// A request, refused early where it cannot work.
    pub fn new(
        model: &Model<'_>,
        recipe: &'r Recipe,
        overrides: &'r [Override<'r>],
        (aim, seed, output): (Aim, Option<SeedRelevance>, usize),
        loops: &LoopArgs,
        condition: bool,
        relevance: RelevanceType,
    ) -> anyhow::Result<Self> {
        let method = recipe.method;
        if relevance == RelevanceType::Fixed {
            refusal::floats_only(method, condition)?;
        }
        // Of tokens, the gradient along a word's own vector is gradient × input already.
        let of_tokens = model.inputs() == 1 && takes_tokens(model, 0);
        let preset = match method {
            Method::GradientXInput if of_tokens => Some(Preset::Gradient),
            _ => recipe.preset(),
        };
        if of_tokens && preset.is_none() && !matches!(method, Method::Uniform | Method::FirstInput) {
            return Err(usage!("{} works on numbers, this network reads words", method.name()));
        }
        let composite =
            preset.map(|preset| Composite { measure_condition: condition, ..Composite::new(preset).with(overrides) });
        if composite.is_none() && model.inputs() > 1 && method != Method::GradCam {
            return Err(usage!("{} works on models with one input, this one has {}", method.name(), model.inputs()));
        }
        if method == Method::Occlusion && (output != 0 || !matches!(aim, Aim::Top | Aim::Class(_))) {
            return Err(usage!("occlusion explains one class of the first output: pass --target top or a class"));
        }
        for step in 0..composite.map_or(0, |_| model.steps()) {
            if let Some(Err(error)) = composite.map(|c| c.choose(model, step)) {
                return Err(refusal::explain(model, composite.as_ref(), error));
            }
        }
        let default_seed = if method.is_gradient() { SeedRelevance::One } else { SeedRelevance::Logit };
        let cam_step = if method == Method::GradCam { Some(cam_step(model, loops.step.as_deref())?) } else { None };
        let seed = seed.unwrap_or(default_seed);
        Ok(Self { method, composite, loops: loops.clone(), aim, seed, output, cam_step })
    }
}

impl Request<'_> {
    /// What may surprise: rules for rectifiers change nothing where there is none.
    pub fn remark(&self, model: &Model<'_>) -> Option<String> {
        let for_relu = matches!(self.method, Method::GuidedBackprop | Method::Deconvnet);
        let has_relu = || (0..model.steps()).any(|i| model.function(&model.step(i)) == Some(Function::Relu));
        (for_relu && !has_relu())
            .then(|| format!("{} is the plain gradient here: this network has no ReLU", self.method.name()))
    }
}

fn cam_step(model: &Model<'_>, name: Option<&str>) -> anyhow::Result<usize> {
    let step = match name {
        Some(name) => step_named(model, name)?,
        None => (0..model.steps())
            .rev()
            .find(|&i| model.step(i).op.is_weighted() && model.tensor(model.step(i).output).shape.height > 1)
            .ok_or_else(|| usage!("the model has no convolution for grad_cam to look at: name a step with --step"))?,
    };
    // An activation that works in the memory of its input is what there is to look at.
    let output = model.step(step).output;
    let activation = |i: &usize| model.in_place(&model.step(*i)) && model.operand(&model.step(*i), 0) == output;
    Ok((step..model.steps()).find(activation).filter(|_| model.is_overwritten(output)).unwrap_or(step))
}

/// What came out for one item.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was explained.
    pub start: Start,
    /// Relevance of every input, in the kernel's order.
    pub relevance: Vec<Vec<f32>>,
    /// The integers that it was, where it was integers.
    pub exact: Vec<Words>,
    /// Grad-CAM's map, which has the size of a step and not of the input.
    pub map: Option<Map>,
    /// Where relevance went, for methods that keep books.
    pub books: Option<Books>,
}

/// An output as the network computes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// Of floats.
    Floats(Vec<f32>),
    /// Of int8.
    Integers(Vec<i8>),
}

/// A session and the classes of the output that is explained.
pub struct Engine<'m, 'a, 'c> {
    model: Model<'m>,
    session: Session<'m, 'a>,
    classes: &'c Classes,
}

impl<'m, 'a, 'c> Engine<'m, 'a, 'c> {
    /// An engine around a session.
    pub fn new(session: Session<'m, 'a>, classes: &'c Classes) -> Self {
        Self { model: *session.model(), session, classes }
    }

    /// Runs the network; the output in the layout of the exported model.
    pub fn run(&mut self, inputs: &[Vec<f32>], output: usize) -> anyhow::Result<Vec<f32>> {
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        self.session.run(&inputs).map_err(|error| refusal::run(&self.model, error))?;
        let kernel = self.session.output(output).ok_or_else(|| refusal::no_output(&self.model, output))?;
        let mut scores = vec![0.0; kernel.len()];
        self.session.model().output(output).to_user(&kernel.iter().collect::<Vec<_>>(), &mut scores);
        Ok(scores)
    }

    /// Runs the network on the integers of its inputs, where those are int8; the output as it is.
    pub fn run_raw(&mut self, inputs: &[Vec<f32>], output: usize) -> anyhow::Result<Raw> {
        let integers = int8_inputs(&self.model);
        if integers == 0 {
            self.run(inputs, output)?;
        } else if integers == inputs.len() {
            let bytes: Vec<Vec<i8>> = inputs.iter().map(|values| values.iter().map(|&q| q as i8).collect()).collect();
            let bytes: Vec<&[i8]> = bytes.iter().map(Vec::as_slice).collect();
            self.session.run_int8(&bytes).map_err(|error| refusal::run(&self.model, error))?;
        } else {
            bail!("some inputs of the network are int8 and some are not: run it without --raw");
        }
        let kernel = self.session.output(output).ok_or_else(|| refusal::no_output(&self.model, output))?;
        let port = self.session.model().output(output);
        if let Some(integers) = kernel.int8() {
            let mut user = vec![0; integers.len()];
            port.to_user(integers, &mut user);
            return Ok(Raw::Integers(user));
        }
        let mut user = vec![0.0; kernel.len()];
        port.to_user(kernel.floats().unwrap_or_default(), &mut user);
        Ok(Raw::Floats(user))
    }

    /// Explains the last run, which was of these inputs.
    pub fn explain(&mut self, request: &Request<'_>, inputs: &[Vec<f32>]) -> anyhow::Result<Outcome> {
        self.start_and_explain(request, inputs)
            .map_err(|error| refusal::explain(&self.model, request.composite.as_ref(), error))
    }

    fn start_and_explain(&mut self, request: &Request<'_>, inputs: &[Vec<f32>]) -> Result<Outcome, ExplainError> {
        let logits: Vec<f32> = self.session.logits(request.output).ok_or(ExplainError::NotRun)?.iter().collect();
        let start = Start::new(request.aim, request.seed, &logits, self.classes);
        match &request.composite {
            Some(composite) => self.propagate(start, request, composite),
            None => self.repeat(start, request, inputs.first().map_or(&[], Vec::as_slice)),
        }
    }

    /// One pass back.
    fn propagate(
        &mut self,
        start: Start,
        request: &Request<'_>,
        composite: &Composite<'_>,
    ) -> Result<Outcome, ExplainError> {
        let target = Target { output: request.output, seed: start.seed(request.seed, self.classes) };
        let Passed { relevance, exact, books } = self.session.explain(&target, composite)?;
        Ok(Outcome { start, relevance, exact, map: None, books: Some(books) })
    }

    /// Several passes.
    fn repeat(&mut self, start: Start, request: &Request<'_>, input: &[f32]) -> Result<Outcome, ExplainError> {
        let target = Target { output: request.output, seed: Seed::Values(&start.relevance) };
        // A request for integers never comes here.
        let session = self.session.floats().ok_or(ExplainError::Mode)?;
        let args = &request.loops;
        let mut out = vec![0.0; input.len()];
        let mut work = out.clone();
        let mut map = None;
        match request.method {
            Method::GradientXInput => loops::gradient_x_input(session, &target, input, &mut out)?,
            Method::IntegratedGradients => {
                let baseline = vec![args.baseline; input.len()];
                let steps = args.steps as usize;
                loops::integrated_gradients(session, &target, input, &baseline, steps, &mut work, &mut out)?;
            }
            Method::Smoothgrad => {
                let noise = (args.samples as usize, args.noise * spread(input), args.seed);
                loops::smoothgrad(session, &target, input, noise, &mut work, &mut out)?;
            }
            Method::Occlusion => {
                let square = (args.window as usize, args.stride as usize, args.baseline);
                let class = self.classes.kernel(start.class.unwrap_or_default());
                loops::occlusion(session, class, input, square, &mut work, &mut out)?;
            }
            Method::GradCam => {
                let step = request.cam_step.unwrap_or_default();
                let shape = self.model.tensor(self.model.step(step).output).shape;
                let mut cam = vec![0.0; shape.height * shape.width];
                loops::grad_cam(session, &target, step, &mut cam)?;
                map = Map::from_raw(shape.width as u32, shape.height as u32, cam);
            }
            Method::FirstInput => loops::first_input(start.total(), &mut out),
            // Every other method has a composite.
            _ => loops::uniform(start.total(), &mut out),
        }
        let relevance = if map.is_some() { Vec::new() } else { vec![out] };
        Ok(Outcome { start, relevance, exact: Vec::new(), map, books: None })
    }
}

/// Largest minus smallest value.
fn spread(values: &[f32]) -> f32 {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (high - low).max(0.0)
}

impl Outcome {
    /// Elements of relevance that did not fit their integers.
    pub fn saturated(&self) -> i64 {
        self.books.as_ref().map_or(0, Books::saturated)
    }

    /// Relevance of all inputs together.
    pub fn relevance_sum(&self) -> f32 {
        self.relevance.iter().flatten().map(|&r| f64::from(r)).sum::<f64>() as f32
    }
}
