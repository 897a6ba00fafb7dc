//! `relprop run`

use crate::args::{RelevanceType, RunArgs};
use crate::classes::Classes;
use crate::engine::{Engine, Raw};
use crate::input::{Inputs, Numbers, user_dims};
use crate::load::Loaded;
use crate::memory::Memory;
use crate::numbers::{percent, short};
use crate::scores::{bars, probabilities};
use crate::table::{Align, columns};
use crate::terminal::Terminal;
use crate::{npy, progress, refusal};
use relprop::Mode;
use relprop::target::arg_max;

/// Runs the command.
pub fn run(args: &RunArgs, terminal: &mut Terminal) -> anyhow::Result<()> {
    let loaded = Loaded::open_for(&args.model, &args.feeding, &args.inputs)?;
    let model = loaded.model()?;
    if args.output >= model.outputs() {
        return Err(refusal::no_output(&model, args.output));
    }
    let numbers = if args.raw { Numbers::Integers } else { Numbers::Real };
    let inputs = Inputs::read_as(numbers, &loaded, &model, &args.inputs)?;
    let model = inputs.shortened(&model);
    let classes = Classes::of(&model, args.output);
    let mut memory = Memory::new(&model, Mode::Infer);
    let mut engine = Engine::new(memory.session(&model, Mode::Infer, RelevanceType::F32)?, &classes);
    let shape = inputs.batch.shape(user_dims(&model.output(args.output)));
    if args.raw {
        return raw(args, terminal, &mut engine, &inputs, &shape);
    }
    let outputs = every(&inputs, |item| engine.run(item, args.output))?;
    terminal.print(&table(terminal, &classes, &outputs, |s| probabilities(&model, &classes, args.output, s)))?;
    if let Some(path) = &args.out {
        npy::write(path, &shape, &outputs.concat())?;
        terminal.print(&format!("wrote {}\n", path.display()))?;
    }
    Ok(())
}

/// Runs every item.
fn every<T>(inputs: &Inputs, mut run: impl FnMut(&[Vec<f32>]) -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    let bar = progress::bar(inputs.items.len());
    let mut outputs = Vec::with_capacity(inputs.items.len());
    for item in &inputs.items {
        outputs.push(run(item)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(outputs)
}

/// The numbers as the network computes them.
fn raw(
    args: &RunArgs,
    terminal: &mut Terminal,
    engine: &mut Engine<'_, '_, '_>,
    inputs: &Inputs,
    shape: &[usize],
) -> anyhow::Result<()> {
    let (mut floats, mut integers) = (Vec::new(), Vec::new());
    for output in every(inputs, |item| engine.run_raw(item, args.output))? {
        match output {
            Raw::Floats(values) => floats.push(values),
            Raw::Integers(values) => integers.push(values),
        }
    }
    terminal.print(&(lines(&floats) + &lines(&integers)))?;
    match &args.out {
        Some(path) if integers.is_empty() => npy::write(path, shape, &floats.concat()),
        Some(path) => npy::write(path, shape, &integers.concat()),
        None => Ok(()),
    }
}

/// The numbers, an item per line, so that they read back as they are.
fn lines<T: ToString>(outputs: &[Vec<T>]) -> String {
    let line = |output: &Vec<T>| output.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    outputs.iter().map(|output| line(output) + "\n").collect()
}

fn table(
    terminal: &Terminal,
    classes: &Classes,
    outputs: &[Vec<f32>],
    probabilities: impl Fn(&[f32]) -> Option<Vec<f32>>,
) -> String {
    let lines = match outputs {
        [only] => bars(terminal, classes, only, probabilities(only).as_deref(), arg_max(only)),
        many => {
            let rows: Vec<Vec<String>> = many
                .iter()
                .enumerate()
                .map(|(i, scores)| {
                    let top = arg_max(scores).unwrap_or_default();
                    let probability = probabilities(scores).and_then(|probabilities| probabilities.get(top).copied());
                    let share = probability.map(percent).unwrap_or_default();
                    vec![i.to_string(), classes.name(top), short(scores[top]), share]
                })
                .collect();
            columns(&[Align::Right, Align::Left, Align::Right, Align::Right], &rows)
        }
    };
    lines.join("\n") + "\n"
}
