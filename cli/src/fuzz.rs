//! What fuzzers feed: command lines and files that may be anything.

use crate::args::{Cli, Command, ExplainArgs};
use crate::classes::Classes;
use crate::idx::Idx;
use crate::npy;
use crate::spec::{Recipe, RuleArg, idle, rule_of};
use clap::Parser;
use relprop::Composite;
use relprop_convert::Image;

/// A network for rules to fit, or not.
const TINY: &[u8] = include_bytes!("../../tests/data/tiny.rlp");

/// `relprop explain` with one argument a line: what is parsed is resolved against a network, and comes back as it is
/// written.
pub fn spec(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // No file is read, no help is written.
    if text.contains('@') || text.len() > 4096 {
        return;
    }
    if let Ok(rule) = text.lines().next().unwrap_or_default().parse::<RuleArg>() {
        let again: RuleArg = rule.to_string().parse().expect("what is written can be read");
        assert_eq!(again, rule, "as {rule}");
    }
    let Ok(cli) = Cli::try_parse_from(["relprop", "explain"].into_iter().chain(text.lines())) else { return };
    if let Some(Command::Explain(args)) = cli.command {
        resolve(&args);
    }
}

fn resolve(args: &ExplainArgs) {
    let image = Image::from_bytes(TINY);
    let model = image.model().expect("the network is sound");
    let _ = args.target.resolve(&Classes::of(&model, 0));
    let Ok(recipe) = Recipe::new(&args.rules, &model) else { return };
    let overrides = recipe.overrides(&model).expect("found before");
    if let Some(preset) = recipe.preset() {
        let _ = idle(&model, preset, &overrides);
        let composite = Composite::new(preset).with(&overrides);
        for step in 0..model.steps() {
            let _ = rule_of(&model, &composite, step);
        }
    }
}

/// A `.npy` file, or an IDX file: what is read has as many elements as its shape says.
pub fn npy(bytes: &[u8]) {
    if let Ok(array) = npy::parse(bytes) {
        assert_eq!(array.data.len(), array.shape.iter().product::<usize>());
    }
    if let Ok(idx) = Idx::parse(bytes) {
        for item in 0..idx.len().min(4) {
            let _ = (idx.item(item), idx.picture(item).is_ok());
        }
        assert_eq!(idx.item(idx.len()), None);
    }
}
