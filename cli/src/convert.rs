//! `relprop convert`

use crate::args::ConvertArgs;
use crate::picture::unfitting;
use crate::terminal::Terminal;
use crate::usage;
use crate::{files, load};
use anyhow::anyhow;
use relprop_convert::describe::summary;
use relprop_convert::{Description, Options, c_header};
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
    description(args)?.apply(&mut network).map_err(unfitting)?;
    let image = relprop_convert::emit(&network).map_err(|error| anyhow!("cannot convert {name}: {error}"))?;
    let model = image.model()?;
    if let Some(output) = &args.output {
        files::write(output, image.bytes())?;
    }
    if let Some(header) = &args.c_header {
        let stem = header.file_stem().unwrap_or_default().to_string_lossy();
        files::write(header, c_header(&model, &stem).as_bytes())?;
    }
    let written: Vec<String> =
        args.output.iter().chain(&args.c_header).map(|path| path.display().to_string()).collect();
    terminal.print(&format!("wrote {}: {}\n", written.join(", "), summary(&model)))
}

/// What the file does not say.
fn description(args: &ConvertArgs) -> anyhow::Result<Description> {
    let range = match args.input_range.as_slice() {
        [low, high] if low < high => Some((*low, *high)),
        [] => None,
        _ => return Err(usage!("--input-range needs two numbers, the smaller one first")),
    };
    let labels = args.labels.as_deref().map(labels).transpose()?;
    Ok(Description { feeding: args.feeding.pixels.feeding(), range, labels })
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
