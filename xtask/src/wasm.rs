//! `cargo xtask wasm`: the package for JavaScript.

use crate::cross::{Cross, WASM};
use crate::{output_of, root, succeeds};
use anyhow::{Context, Result, bail, ensure};
use duct::cmd;
use flate2::{Compression, write::GzEncoder};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use wasm_bindgen_cli_support::Bindgen;

/// A build, and what it is compiled with.
struct Build {
    /// The file in the package.
    file: &'static str,
    /// The crate's folder, and the name of what is compiled.
    crate_: (&'static str, &'static str),
    /// The name of its glue.
    glue: &'static str,
    flags: &'static [&'static str],
}

const KERNEL: (&str, &str) = ("wasm", "relprop_wasm.wasm");
const CONVERTER: (&str, &str) = ("wasm/convert", "relprop_convert_wasm.wasm");

const BUILDS: [Build; 3] = [
    Build {
        file: "relprop.simd.wasm",
        crate_: KERNEL,
        glue: "bindings",
        flags: &["-Ctarget-feature=+simd128", SMALLER],
    },
    Build { file: "relprop.wasm", crate_: KERNEL, glue: "bindings", flags: &[SMALLER] },
    // Loaded by those who convert; it has no inner loops that would gain from simd.
    Build { file: "relprop-convert.wasm", crate_: CONVERTER, glue: "convert-bindings", flags: &[] },
];

/// Optimised for speed, but without the copies of code that gain none: an eighth smaller, and as fast.
const SMALLER: &str = "-Cllvm-args=-inline-threshold=30 -unroll-runtime=false";

/// What the build with simd may take, raw and after gzip.
const BUDGET: [u64; 2] = [120 * 1024, 50 * 1024];

/// Written by hand: the rest of the package.
const SOURCES: [&str; 8] =
    ["index.js", "index.d.ts", "node.js", "convert.js", "convert.d.ts", "convert-node.js", "package.json", "README.md"];
const LICENSES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The features that a browser has had for as long as it has had simd.
const FEATURES: [&str; 7] =
    ["simd", "bulk-memory", "mutable-globals", "sign-ext", "nontrapping-float-to-int", "reference-types", "multivalue"];

/// A finished module.
pub struct Module {
    file: &'static str,
    raw: u64,
    gzip: u64,
}

pub fn run() -> Result<bool> {
    let Some(modules) = package()? else { return Ok(false) };
    print(&modules);
    println!("package: {}", directory().display());
    Ok(true)
}

/// Where the package is put.
pub fn directory() -> PathBuf {
    root().join("wasm").join("pkg")
}

/// Builds the package; `None`, having said why, where there is no compiler.
pub fn package() -> Result<Option<Vec<Module>>> {
    let cross = match Cross::find(WASM) {
        Ok(cross) => cross.with_profile("wasm"),
        Err(why) => {
            eprintln!("skipped: {why}");
            return Ok(None);
        }
    };
    eprintln!("with {}", cross.name);
    let optimizer = optimizer();
    match &optimizer {
        Some(program) => eprintln!("with {}", Path::new(program).display()),
        None => eprintln!("without wasm-opt, modules are larger; `npm install` in wasm/ brings it"),
    }
    let package = directory();
    fs::create_dir_all(&package)?;
    let modules = BUILDS.iter().map(|build| build.run(&cross, optimizer.as_ref())).collect::<Result<Vec<_>>>()?;
    write_sources(&package)?;
    Ok(Some(modules))
}

impl Build {
    fn run(&self, cross: &Cross, optimizer: Option<&OsString>) -> Result<Module> {
        eprintln!("=== {}", self.file);
        let (folder, compiled) = self.crate_;
        let manifest = root().join(folder).join("Cargo.toml");
        ensure!(succeeds(&cross.build(&manifest, &["--lib"], self.flags))?, "{} does not build", self.file);
        let bound = cross.program("bound");
        let glue = bind(&cross.program(compiled), &bound, self.glue)?;
        let to = directory().join(self.file);
        optimize(optimizer, &bound.join(format!("{}_bg.wasm", self.glue)), &to)?;
        let is_first = BUILDS.iter().find(|build| build.glue == self.glue).is_none_or(|first| first.file == self.file);
        // One glue for both builds of a crate: what it imports and exports does not depend on the instructions inside.
        for (name, content) in glue {
            let path = directory().join(&name);
            ensure!(is_first || fs::read(&path)? == content, "the builds have different {name}");
            fs::write(path, content)?;
        }
        Module::measured(self.file, &fs::read(to)?)
    }
}

impl Module {
    fn measured(file: &'static str, bytes: &[u8]) -> Result<Self> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes)?;
        Ok(Self { file, raw: bytes.len() as u64, gzip: encoder.finish()?.len() as u64 })
    }
}

/// Makes the glue; returns its files, with what is in them.
fn bind(module: &Path, directory: &Path, name: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name(name).typescript(true).omit_default_module_path(true);
    bindgen.remove_name_section(true).remove_producers_section(true).web(true)?;
    bindgen.generate(directory).with_context(|| format!("no bindings for {}", module.display()))?;
    let files = ["js", "d.ts"].map(|extension| format!("{name}.{extension}"));
    files
        .into_iter()
        .map(|name| fs::read(directory.join(&name)).map(|content| (name, content)).map_err(Into::into))
        .collect()
}

/// `wasm-opt`: on the path, or where npm puts it.
fn optimizer() -> Option<OsString> {
    let local = root().join("wasm").join("node_modules").join(".bin").join("wasm-opt");
    [OsString::from("wasm-opt"), local.into()].into_iter().find(|program| output_of(program, &["--version"]).is_some())
}

fn optimize(optimizer: Option<&OsString>, from: &Path, to: &Path) -> Result<()> {
    let Some(program) = optimizer else {
        fs::copy(from, to)?;
        return Ok(());
    };
    let mut arguments: Vec<OsString> = FEATURES.iter().map(|feature| format!("--enable-{feature}").into()).collect();
    arguments.extend(["-Os".into(), "--strip-debug".into(), from.into(), "-o".into(), to.into()]);
    if !succeeds(&cmd(program, arguments))? {
        bail!("wasm-opt failed on {}", from.display());
    }
    Ok(())
}

/// The rest of the package, with the version of the workspace.
fn write_sources(package: &Path) -> Result<()> {
    let sources = root().join("wasm").join("js");
    for name in SOURCES {
        let content = fs::read_to_string(sources.join(name))?;
        fs::write(package.join(name), content.replace("0.0.0", env!("CARGO_PKG_VERSION")))?;
    }
    for name in LICENSES {
        fs::copy(root().join(name), package.join(name))?;
    }
    Ok(())
}

fn print(modules: &[Module]) {
    println!("{:>20} {:>8} {:>8}", "", "raw", "gzip");
    for Module { file, raw, gzip } in modules {
        println!("{file:>20} {raw:>8} {gzip:>8}");
    }
}

/// Builds, prints and compares with the budget; whether it fits. Nothing is said against a machine that cannot build.
pub fn fits() -> Result<bool> {
    let Some(modules) = package()? else { return Ok(true) };
    println!("\n{WASM}, without models, after wasm-opt where it is there");
    print(&modules);
    let fits = modules.first().is_none_or(|Module { raw, gzip, .. }| *raw <= BUDGET[0] && *gzip <= BUDGET[1]);
    let verdict = if fits { "fits" } else { "EXCEEDED" };
    println!("budget of {}: {} bytes raw, {} after gzip, {verdict}", BUILDS[0].file, BUDGET[0], BUDGET[1]);
    Ok(fits)
}
