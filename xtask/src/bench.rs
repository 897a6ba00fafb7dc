//! `cargo xtask bench`: criterion, and the networks that it runs.

use crate::{cargo, output_of, root, succeeds};
use anyhow::Result;
use clap::Args;
use duct::cmd;

#[derive(Args)]
pub struct Options {
    /// Make the large networks anew
    #[arg(long)]
    remake: bool,
    /// Features, such as `tract`, which puts tract's forward pass beside ours
    #[arg(long)]
    features: Option<String>,
    /// Only benches whose name contains this
    filter: Option<String>,
    /// For criterion: `-- --quick` …
    #[arg(last = true)]
    criterion: Vec<String>,
}

/// What the script writes, and needs.
const NETWORKS: [&str; 2] = ["mobilenet_v2.onnx", "resnet18.onnx"];
const IMPORTS: &str = "import numpy, onnx, onnxruntime, torch, torchvision";

pub fn run(options: &Options) -> Result<bool> {
    make_networks(options.remake)?;
    // By name: the unit tests of a library do not understand criterion's arguments.
    let mut arguments = ["bench", "--workspace", "--bench", "*"].map(String::from).to_vec();
    arguments.extend(options.features.iter().map(|features| format!("--features={features}")));
    arguments.push("--".into());
    arguments.extend(options.filter.iter().chain(&options.criterion).cloned());
    succeeds(&cmd(cargo(), arguments))
}

/// The benches leave out networks that are not there.
fn make_networks(anew: bool) -> Result<()> {
    // Where the benches look, wherever cargo builds.
    let directory = root().join("target").join("bench-models");
    if !anew && NETWORKS.iter().all(|name| directory.join(name).exists()) {
        return Ok(());
    }
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let recipe = root().join("benches").join("models");
    let script = recipe.join("make_models.py");
    if output_of(&python, &["-c", IMPORTS]).is_none() {
        let requirements = recipe.join("requirements.txt");
        eprintln!("skipped: {}, which {} makes", NETWORKS.join(" and "), script.display());
        eprintln!("         for them: {python} -m pip install -r {}", requirements.display());
        return Ok(());
    }
    eprintln!("=== {}", script.display());
    if !succeeds(&cmd!(&python, &script, &directory))? {
        eprintln!("skipped: {}, which could not be made", NETWORKS.join(" and "));
    }
    Ok(())
}
