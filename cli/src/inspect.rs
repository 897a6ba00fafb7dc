//! `relprop inspect`

use crate::args::{InspectArgs, PlanMode};
use crate::batch::dimensions;
use crate::canvas::Canvas;
use crate::input::user_dims;
use crate::load::Loaded;
use crate::plan_map::{self, letter};
use crate::spec::{Method, Recipe, rule_of, shortest};
use crate::table::{Align, columns, cut};
use crate::terminal::Terminal;
use relprop::step::{DType, Op, Port, Step, Tensor};
use relprop::{Composite, Mode, Model};
use relprop_convert::describe::grouped;

/// Runs the command.
pub fn inspect(args: &InspectArgs, terminal: &mut Terminal) -> anyhow::Result<()> {
    let loaded = Loaded::look(&args.model, &args.feeding)?;
    let model = loaded.model()?;
    // A box that nobody gave is no reason not to show the steps.
    let recipe = Recipe::with_any_box(&args.rules, &model)?;
    let overrides = recipe.overrides(&model)?;
    let composite = recipe.preset().map(|preset| Composite::new(preset).with(&overrides));
    let mode = match args.plan {
        PlanMode::Infer => Mode::Infer,
        PlanMode::Explain => Mode::Explain,
        PlanMode::Retain => Mode::Retain,
    };
    let mut lines = vec![terminal.bold(&format!("{}  ({})", model.name(), loaded.name)), String::new()];
    lines.extend((0..model.inputs()).map(|i| input(&loaded, &model, i)));
    lines.extend((0..model.outputs()).map(|i| output(&model, &model.output(i))));
    lines.push(String::new());
    lines.extend(steps(&model, recipe.method, composite.as_ref()));
    lines.push(String::new());
    lines.extend(memory(&loaded, &model));
    lines.push(String::new());
    lines.push(terminal.bold(match mode {
        Mode::Infer => "memory plan to run the network",
        Mode::Explain => "memory plan to run and explain the network",
        Mode::Retain => "memory plan to run the network, keep everything and explain it",
    }));
    lines.push("small letters are activations (see `map`), capitals their relevance, ~ scratch, $ ledger".to_owned());
    lines.extend(plan_map::draw(&model, mode, terminal.width.min(120)));
    terminal.print(&(lines.join("\n") + "\n"))
}

fn input(loaded: &Loaded, model: &Model<'_>, i: usize) -> String {
    let port = model.input(i);
    let range = port.range.map(|(low, high)| format!(", range {} to {}", shortest(low), shortest(high)));
    let line = format!("input   {}{}", port_text(model, &port), range.unwrap_or_default());
    if port.pixels.is_none() && Canvas::of_shape(model.tensor(port.tensor).shape, None).is_none() {
        return line;
    }
    let pixels = loaded.pixels(model, i);
    let channels = model.tensor(port.tensor).shape.channels.min(4);
    let list = |values: &[f32; 4]| {
        let same = values.iter().take(channels).all(|v| *v == values[0]);
        let texts: Vec<String> = values.iter().take(if same { 1 } else { channels }).map(|v| shortest(*v)).collect();
        if same { texts.concat() } else { format!("[{}]", texts.join(", ")) }
    };
    let order = if pixels.bgr { ", blue first" } else { "" };
    let source = if port.pixels.is_some() { "" } else { " (by default)" };
    let offset = if pixels.offset == [0.0; 4] { String::new() } else { format!(" + {}", list(&pixels.offset)) };
    format!("{line}, pixel · {}{offset}{order}{source}", list(&pixels.scale))
}

fn output(model: &Model<'_>, port: &Port) -> String {
    let labels: Vec<&str> = (0..port.labels).map(|class| model.label(port, class)).collect();
    let labels = if labels.is_empty() { String::new() } else { cut(&format!(", labels {}", labels.join(", ")), 60) };
    format!("output  {}{labels}", port_text(model, port))
}

fn port_text(model: &Model<'_>, port: &Port) -> String {
    let tensor = model.tensor(port.tensor);
    let unit = match tensor.dtype {
        DType::F32 => String::new(),
        DType::Token => "  tokens".to_owned(),
        DType::I8 => format!("  int8, {}", unit(&tensor)),
    };
    format!("{} {}  {}{unit}", letter(model, port.tensor), model.port_name(port), dimensions(user_dims(port)))
}

/// `(q + 128) · 0.0039`: what an integer stands for.
fn unit(tensor: &Tensor) -> String {
    let scale = shortest(tensor.scale);
    match tensor.zero_point {
        0 => format!("q · {scale}"),
        zero @ ..0 => format!("(q + {}) · {scale}", -zero),
        zero => format!("(q − {zero}) · {scale}"),
    }
}

/// The column of types.
const TYPE: usize = 4;

/// One line per step.
fn steps(model: &Model<'_>, method: Method, composite: Option<&Composite<'_>>) -> Vec<String> {
    let int8 = (0..model.tensors()).any(|i| model.tensor(i).dtype == DType::I8);
    let types = if int8 { "type" } else { "" };
    let head = ["", "step", "op", "output", types, "parameters", "map", &method.name()].map(str::to_owned).to_vec();
    let mut rows = vec![head];
    for i in 0..model.steps() {
        let step = model.step(i);
        let tensor = model.tensor(step.output);
        let shape = tensor.shape;
        let count = parameters(model, &step);
        rows.push(vec![
            i.to_string(),
            cut(model.step_name(&step), 28),
            op(&step),
            format!("{}×{}×{}", shape.height, shape.width, shape.channels),
            match tensor.dtype {
                DType::F32 if int8 => "float".to_owned(),
                DType::F32 => String::new(),
                DType::Token => "tokens".to_owned(),
                DType::I8 => unit(&tensor),
            },
            if count > 0 { grouped(count) } else { String::new() },
            letter(model, step.output).to_string(),
            composite.map_or_else(String::new, |composite| match rule_of(model, composite, i) {
                Ok(rule) => rule.unwrap_or_default(),
                Err(_) => "– none –".to_owned(),
            }),
        ]);
    }
    let mut align =
        vec![Align::Right, Align::Left, Align::Left, Align::Left, Align::Left, Align::Right, Align::Left, Align::Left];
    if !int8 {
        align.remove(TYPE);
        for row in &mut rows {
            row.remove(TYPE);
        }
    }
    columns(&align, &rows)
}

/// `conv 3×3 /2`: what a step does, with its window and stride.
fn op(step: &Step) -> String {
    let name = step.function().map_or(step.op.name(), relprop::step::Function::name).to_owned();
    let windowed = matches!(step.op, Op::Conv | Op::Depthwise | Op::ConvTranspose | Op::MaxPool | Op::AveragePool);
    if !windowed {
        return name;
    }
    let ([height, width], [down, right]) = (step.kernel, step.stride);
    let stride = match (down, right) {
        (1, 1) => String::new(),
        (down, right) if down == right => format!(" /{down}"),
        (down, right) => format!(" /{down}×{right}"),
    };
    let groups =
        if step.groups > 1 && step.op != Op::Depthwise { format!(" {} groups", step.groups) } else { String::new() };
    format!("{name} {height}×{width}{stride}{groups}")
}

/// Weights and biases, without the zeros that packing adds.
fn parameters(model: &Model<'_>, step: &Step) -> usize {
    let input = model.tensor(model.operand(step, 0)).shape;
    let output = model.tensor(step.output).shape;
    let taps = usize::from(step.kernel[0]) * usize::from(step.kernel[1]);
    let weights = match step.op {
        Op::Conv | Op::ConvTranspose => taps * input.channels * output.channels / step.groups.max(1),
        Op::Depthwise => taps * output.channels,
        Op::Dense => input.elements() * output.elements(),
        _ => return step.params.iter().map(|block| block.len).sum(),
    };
    let bias = if step.params[1].len > 0 { output.channels } else { 0 };
    weights + bias
}

fn memory(loaded: &Loaded, model: &Model<'_>) -> Vec<String> {
    let ram = |mode: Mode| grouped(model.arena_bytes(mode));
    let work = model.work();
    vec![
        format!("flash   {} bytes", grouped(loaded.flash())),
        format!(
            "RAM     {} bytes to run, {} to explain, {} to explain again and again",
            ram(Mode::Infer),
            ram(Mode::Explain),
            ram(Mode::Retain)
        ),
        format!(
            "work    up to {} multiply-accumulates to run, {} for the costliest rules to explain",
            grouped(usize::try_from(work.forward).unwrap_or(usize::MAX)),
            grouped(usize::try_from(work.explain).unwrap_or(usize::MAX))
        ),
    ]
}
