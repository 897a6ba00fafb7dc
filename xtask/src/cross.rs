//! Compilers for other targets: small cores without std, and the browser.
//!
//! Most people have rustup, which has the standard library ready for these targets. Where it cannot fetch them (no
//! network, a compiler from a distribution), it is built from the sources that came with the compiler.

use crate::{MSRV, cargo, output_of, target_dir};
use duct::{Expression, cmd};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The cores that the kernel is built for: with and without an FPU.
pub const TARGETS: [&str; 2] = ["thumbv7em-none-eabihf", "thumbv6m-none-eabi"];

/// What a browser runs.
pub const WASM: &str = "wasm32-unknown-unknown";

/// What runs on this machine, with addresses of 32 bits.
pub const NARROW: &str = "i686-unknown-linux-musl";

/// What to install where nothing is found.
const HOW: &str = "rustup target add";
const HOW_DEBIAN: &str = "on Debian: apt install rustc-web cargo-web rust-web-src";

/// How long rustup may try.
const PATIENCE: Duration = Duration::from_mins(1);

/// A compiler for one target.
#[derive(Clone)]
pub struct Cross {
    /// The target.
    pub target: String,
    /// What it is, for people.
    pub name: String,
    /// The profile that it builds with.
    profile: &'static str,
    compiler: Compiler,
    /// Apart from other builds: two compilers would chase each other's artifacts out.
    directory: PathBuf,
}

/// A cargo and a rustc that belong together.
#[derive(Clone)]
struct Compiler {
    cargo: OsString,
    rustc: OsString,
    /// Not the toolchain that runs this: its environment variables do not hold.
    foreign: bool,
    /// The standard library has to be built.
    build_library: bool,
}

impl Cross {
    /// Finds a compiler; if there is none, why, and what to install.
    pub fn find(target: &str) -> Result<Self, String> {
        let current = Compiler::current();
        if current.gets_library(target) {
            return Ok(Self::new(target, current));
        }
        let with_source = Compiler { build_library: true, ..current };
        let distribution = Compiler {
            cargo: "/usr/bin/cargo".into(),
            rustc: "/usr/bin/rustc".into(),
            foreign: true,
            build_library: true,
        };
        match [with_source, distribution].into_iter().find(|compiler| compiler.has_source() && compiler.is_recent()) {
            Some(compiler) => Ok(Self::new(target, compiler)),
            None => Err(format!("no compiler for {target}; {HOW} {target}, or {HOW_DEBIAN}")),
        }
    }

    fn new(target: &str, compiler: Compiler) -> Self {
        let version = output_of(&compiler.rustc, &["--version"]).unwrap_or_default();
        let library = libraries(target).split(',').next().unwrap_or_default();
        let how = if compiler.build_library { format!(", {library} built from its sources") } else { String::new() };
        let name = format!("{version} ({}){how}", compiler.rustc.display());
        Self { target: target.into(), name, profile: "release", compiler, directory: target_dir().join("cross") }
    }

    /// The same compiler, with another profile.
    pub fn with_profile(self, profile: &'static str) -> Self {
        Self { profile, ..self }
    }

    /// `cargo build` of a manifest, with the profile, linked with these flags.
    pub fn build(&self, manifest: &Path, arguments: &[&str], flags: &[&str]) -> Expression {
        self.command("build", manifest, arguments, flags)
    }

    /// `cargo check` of a manifest.
    pub fn check(&self, manifest: &Path, arguments: &[&str], flags: &[&str]) -> Expression {
        self.command("check", manifest, arguments, flags)
    }

    /// `cargo rustc` of a library, as an archive that C links.
    pub fn archive(&self, manifest: &Path, arguments: &[&str]) -> Expression {
        let archive = ["--lib", "--crate-type", "staticlib"];
        self.command("rustc", manifest, &[&archive, arguments].concat(), &[])
    }

    /// `cargo test` of a manifest, with a program that runs what is built for the target.
    pub fn test(&self, manifest: &Path, arguments: &[&str], runner: &Path) -> Expression {
        let variable = format!("CARGO_TARGET_{}_RUNNER", self.target.to_uppercase().replace('-', "_"));
        self.command("test", manifest, arguments, &[]).env(variable, runner)
    }

    fn command(&self, verb: &str, manifest: &Path, arguments: &[&str], flags: &[&str]) -> Expression {
        let Compiler { cargo, rustc, foreign, build_library } = &self.compiler;
        let mut all =
            [verb, "--profile", self.profile, "--target", &self.target, "--manifest-path"].map(Into::into).to_vec();
        all.push(manifest.as_os_str().to_owned());
        all.extend(arguments.iter().map(Into::into));
        let mut flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        let mut command_env = Vec::new();
        if *build_library {
            all.push(format!("-Zbuild-std={}", libraries(&self.target)).into());
            // The option is not stable; the compiler that it is given to is.
            command_env.push(("RUSTC_BOOTSTRAP", "1".into()));
        }
        if *foreign {
            command_env.push(("RUSTC", rustc.clone()));
        }
        // A compiler from a distribution comes without the linker that these targets name.
        if *foreign || (*build_library && self.target == WASM) {
            flags.extend(linker(&self.target).map(|linker| format!("-Clinker={}", linker.display())));
            // The compiler links for wasm and msp430 in ways of their own, and refuses to be told.
            if self.target != WASM && !self.target.starts_with("msp430") {
                flags.push("-Clinker-flavor=ld.lld".into());
            }
        }
        let mut command = cmd(cargo, all).env("CARGO_TARGET_DIR", &self.directory);
        command = command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")).env_remove("RUSTFLAGS");
        if *foreign {
            for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"] {
                command = command.env_remove(variable);
            }
        }
        command_env.into_iter().fold(command, |command, (name, value)| command.env(name, value))
    }

    /// The same compiler, for builds with other flags.
    pub fn apart(&self, name: &str) -> Self {
        Self { directory: self.directory.join(name), ..self.clone() }
    }

    /// Where a program of that name is put.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(&self.target).join(self.profile).join(name)
    }
}

impl Compiler {
    /// The one that runs this.
    fn current() -> Self {
        Self { cargo: cargo(), rustc: "rustc".into(), foreign: false, build_library: false }
    }

    /// Whether the standard library is there, or rustup brings it.
    fn gets_library(&self, target: &str) -> bool {
        self.has_library(target) || (rustup_adds(target) && self.has_library(target))
    }

    /// Whether the standard library is there, compiled.
    fn has_library(&self, target: &str) -> bool {
        let libraries = output_of(&self.rustc, &["--print", "target-libdir", "--target", target]);
        libraries.is_some_and(|dir| Path::new(&dir).is_dir())
    }

    /// Whether the source of the standard library is there.
    fn has_source(&self) -> bool {
        let sysroot = output_of(&self.rustc, &["--print", "sysroot"]);
        sysroot.is_some_and(|root| Path::new(&root).join("lib/rustlib/src/rust/library/Cargo.toml").exists())
    }

    /// Whether it is as recent as the workspace asks for.
    fn is_recent(&self) -> bool {
        let version = output_of(&self.rustc, &["--version"]).unwrap_or_default();
        version.split_whitespace().nth(1).is_some_and(|version| numbers(version) >= numbers(MSRV))
    }
}

/// What is built of the standard library, where it has to be.
fn libraries(target: &str) -> &'static str {
    if target == WASM { "std,panic_abort" } else { "core" }
}

/// Major and minor version.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').take(2).filter_map(|part| part.parse().ok()).collect()
}

/// What keeps programs for [`NARROW`] from being built or run here.
pub fn cannot_run_narrow() -> Option<String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Some(format!("{NARROW} runs on Linux on x86-64 only"));
    }
    if !Compiler::current().gets_library(NARROW) {
        return Some(format!("no library for {NARROW}; {HOW} {NARROW}"));
    }
    // A crate that benches are measured with has a little C in it.
    let compiles = cmd!("cc", "-m32", "-fsyntax-only", "-x", "c", "-").stdin_bytes("#include <alloca.h>\n");
    let compiled = compiles.stdout_null().stderr_null().unchecked().run();
    let has_headers = compiled.is_ok_and(|output| output.status.success());
    (!has_headers).then(|| "no headers of C for 32 bits; on Debian: apt install libc6-dev-i386".into())
}

/// Asks rustup for the target, and does not wait long for a network that may not be there.
fn rustup_adds(target: &str) -> bool {
    eprintln!("rustup target add {target} …");
    let command = cmd!("rustup", "target", "add", target).stdin_null().stdout_null().stderr_null().unchecked();
    let Ok(handle) = command.start() else { return false };
    let added = matches!(handle.wait_timeout(PATIENCE), Ok(Some(output)) if output.status.success());
    if !added {
        // It may have gone already.
        let _ = handle.kill();
        eprintln!("… not to be had; looking for a compiler that can build the standard library");
    }
    added
}

/// The linker that comes with rustup's toolchains, or the system's lld.
fn linker(target: &str) -> Option<PathBuf> {
    let system = if target == WASM { "wasm-ld" } else { "ld.lld" };
    let directory = output_of("rustc", &["--print", "target-libdir"]);
    let bundled = directory.map(|dir| Path::new(&dir).with_file_name("bin").join("rust-lld"));
    bundled.filter(|linker| linker.exists()).or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|dir| dir.join(system)).find(|linker| linker.exists())
    })
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("1.96.0") >= numbers("1.95"));
        assert!(numbers("1.100.0-nightly") > numbers("1.95"));
        assert!(numbers("1.85.1") < numbers("1.95"));
    }
}
