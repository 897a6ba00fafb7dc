//! `cargo xtask bench`: criterion, and the networks that it runs; with `--web`, the passes in a browser.

use crate::{cargo, output_of, root, succeeds};
use anyhow::{Result, bail};
use clap::Args;
use duct::cmd;
use std::ffi::OsString;

#[derive(Args)]
pub struct Options {
    /// In headless Chromium instead, beside onnxruntime-web and TensorFlow.js; `-- --rounds 300` …
    #[arg(long, conflicts_with_all = ["remake", "features"])]
    web: bool,
    /// Make the large networks anew
    #[arg(long)]
    remake: bool,
    /// Features, such as `tract`, which puts tract's forward pass beside ours
    #[arg(long)]
    features: Option<String>,
    /// Only benches, or networks in the browser, whose name contains this
    filter: Option<String>,
    /// For criterion: `-- --quick` …
    #[arg(last = true)]
    more: Vec<String>,
}

/// What the script writes, and needs.
const NETWORKS: [&str; 2] = ["mobilenet_v2.onnx", "resnet18.onnx"];
const IMPORTS: &str = "import numpy, onnx, onnxruntime, torch, torchvision";

pub fn run(options: &Options) -> Result<bool> {
    if options.web {
        return in_browser(options);
    }
    make_networks(options.remake)?;
    // By name: the unit tests of a library do not understand criterion's arguments.
    let mut arguments =
        ["bench", "--package=relprop-workspace", "--bench=passes", "--bench=tflm"].map(String::from).to_vec();
    if let Some(features) = &options.features {
        arguments.push(format!("--features={features}"));
        arguments
            .extend(features.split(',').filter(|feature| *feature == "tract").map(|name| format!("--bench={name}")));
    }
    arguments.push("--".into());
    arguments.extend(options.filter.iter().chain(&options.more).cloned());
    succeeds(&cmd(cargo(), arguments))
}

/// Builds the package and measures it.
fn in_browser(options: &Options) -> Result<bool> {
    let folder = root().join("benches").join("web");
    if !folder.join("node_modules").is_dir() {
        bail!("npm install --prefix {}", folder.display());
    }
    if crate::wasm::package()?.is_none() {
        return Ok(false);
    }
    let mut arguments: Vec<OsString> = vec!["run.js".into()];
    arguments.extend(options.filter.iter().map(|filter| format!("--only={filter}").into()));
    arguments.extend(options.more.iter().map(Into::into));
    Ok(cmd("node", arguments).dir(folder).stdin_null().unchecked().run()?.status.success())
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
