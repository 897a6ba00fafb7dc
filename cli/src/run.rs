//! `relprop run`

use crate::args::RunArgs;
use crate::classes::Classes;
use crate::engine::Engine;
use crate::input::{Inputs, user_dims};
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
    let loaded = Loaded::open(&args.model, &args.feeding)?;
    let model = loaded.model()?;
    if args.output >= model.outputs() {
        return Err(refusal::no_output(&model, args.output));
    }
    let inputs = Inputs::read(&loaded, &model, &args.inputs)?;
    let classes = Classes::of(&model, args.output);
    let mut memory = Memory::new(&model, Mode::Infer);
    let mut engine = Engine::new(memory.session(&model, Mode::Infer)?, &classes);
    let bar = progress::bar(inputs.items.len());
    let mut outputs = Vec::with_capacity(inputs.items.len());
    for item in &inputs.items {
        outputs.push(engine.run(item, args.output)?);
        bar.inc(1);
    }
    bar.finish_and_clear();

    let text = if args.raw {
        raw(&outputs)
    } else {
        table(terminal, &classes, &outputs, |s| probabilities(&model, args.output, s))
    };
    terminal.print(&text)?;
    if let Some(path) = &args.out {
        let shape = inputs.batch.shape(user_dims(&model.output(args.output)));
        npy::write(path, &shape, &outputs.concat())?;
        if !args.raw {
            terminal.print(&format!("wrote {}\n", path.display()))?;
        }
    }
    Ok(())
}

/// The numbers, an item per line, so that they read back as they are.
fn raw(outputs: &[Vec<f32>]) -> String {
    let line = |output: &Vec<f32>| output.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    outputs.iter().map(|output| line(output) + "\n").collect()
}

fn table(
    terminal: &Terminal,
    classes: &Classes,
    outputs: &[Vec<f32>],
    probabilities: impl Fn(&[f32]) -> Vec<f32>,
) -> String {
    let lines = match outputs {
        [only] => bars(terminal, classes, only, &probabilities(only), arg_max(only)),
        many => {
            let rows: Vec<Vec<String>> = many
                .iter()
                .enumerate()
                .map(|(i, scores)| {
                    let top = arg_max(scores).unwrap_or_default();
                    let probability = probabilities(scores).get(top).copied().unwrap_or_default();
                    vec![i.to_string(), classes.name(top), short(scores[top]), percent(probability)]
                })
                .collect();
            columns(&[Align::Right, Align::Left, Align::Right, Align::Right], &rows)
        }
    };
    lines.join("\n") + "\n"
}
