//! `relprop convert`

use crate::args::ConvertArgs;
use crate::numbers::grouped;
use crate::terminal::Terminal;
use crate::usage;
use crate::{files, load};
use anyhow::anyhow;
use relprop::{Mode, Model};
use relprop_convert::{Network, Options};
use std::path::Path;

/// Runs the command.
pub fn convert(args: &ConvertArgs, terminal: &mut Terminal) -> anyhow::Result<()> {
    let bytes = files::read(&args.model)?;
    let name = args.model.display().to_string();
    let options = Options {
        name: args.name.clone(),
        keep_batch_norm: args.feeding.keep_batch_norm,
        max_length: args.max_length.map(|most| most as usize),
        ..Options::default()
    };
    // An image is planned anew, and described as asked.
    let mut network = load::import(&bytes, &name, &options)?;
    describe(&mut network, args)?;
    let image = relprop_convert::emit(&network).map_err(|error| anyhow!("cannot convert {name}: {error}"))?;
    let model = image.model()?;
    files::write(&args.output, image.bytes())?;
    terminal.print(&format!("wrote {}: {}\n", args.output.display(), summary(&model)))
}

/// Adds what the file does not say.
fn describe(network: &mut Network, args: &ConvertArgs) -> anyhow::Result<()> {
    let channels = |tensor: usize| network.tensors.get(tensor).map_or(1, |tensor| tensor.shape.channels);
    let classes = network.outputs.first().map_or(0, |port| channels(port.tensor));
    let pixels = args.feeding.pixels.pixels(network.inputs.first().map_or(1, |port| channels(port.tensor)))?;
    let range = match args.input_range.as_slice() {
        [low, high] if low < high => Some((*low, *high)),
        [] => None,
        _ => return Err(usage!("--input-range needs two numbers, the smaller one first")),
    };
    if let Some(input) = network.inputs.first_mut() {
        input.pixels = pixels.or(input.pixels);
        input.range = range.or(input.range);
    }
    if let Some(text) = &args.labels {
        let labels = labels(text)?;
        if labels.len() != classes {
            return Err(usage!("there are {} labels, the model has {classes} classes", labels.len()));
        }
        if let Some(output) = network.outputs.first_mut() {
            output.labels = labels;
        }
    }
    Ok(())
}

/// From a file with one per line, if there is one of that name; else the list itself.
fn labels(text: &str) -> anyhow::Result<Vec<String>> {
    let path = Path::new(text);
    let words = |text: &str, by: char| text.split(by).map(|label| label.trim().to_owned()).collect::<Vec<_>>();
    if !path.is_file() {
        return Ok(words(text, ','));
    }
    let text = String::from_utf8(files::read(path)?).map_err(|_| anyhow!("{} is not a text file", path.display()))?;
    Ok(words(text.trim_end(), '\n'))
}

fn summary(model: &Model<'_>) -> String {
    format!(
        "{} steps, {} bytes of flash, {} bytes of RAM to run, {} to explain",
        model.steps(),
        grouped(model.image().len()),
        grouped(model.arena_bytes(Mode::Infer)),
        grouped(model.arena_bytes(Mode::Explain))
    )
}
