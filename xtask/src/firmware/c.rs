//! The program of C: built as `docs/c.md` builds it, which is also where these steps are explained.

use super::program::{M4, M4_CORE, Program};
use crate::cross::Cross;
use crate::elf::Program as Image;
use crate::{cargo, root, succeeds, target_dir};
use anyhow::Result;
use duct::cmd;
use std::ffi::OsString;
use std::path::PathBuf;

/// A compiler for Cortex-M.
pub const COMPILER: &str = "arm-none-eabi-gcc";
/// Where it is to be had.
pub const HOW: &str = "arm-none-eabi-gcc is not installed; on Debian: apt install gcc-arm-none-eabi";

/// Warnings are errors: the header and what is made by `--c-header` have none.
const FLAGS: [&str; 14] = [
    "-mthumb",
    "-std=c99",
    "-Os",
    "-g",
    "-ffreestanding",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
    "-nostdlib",
    "-Wl,--gc-sections,--fatal-warnings,-z,noexecstack",
    // Who refers to whom: not loaded into flash, and what panics are found by.
    "-Wl,--emit-relocs",
];

/// Where the program is.
pub fn folder() -> PathBuf {
    root().join("capi").join("examples")
}

/// Builds the library, the header with the network, and the program; where it is, or `None` where something fails.
///
/// The library's panic handler calls a function that does not exist, so a program that could panic does not link.
pub fn build(program: &Program, core: &[&str], cross: &Cross) -> Result<Option<PathBuf>> {
    let cross = cross.apart("capi").with_profile("firmware");
    let manifest = root().join("capi").join("Cargo.toml");
    let features = ["--no-default-features", "--features", program.features];
    if !succeeds(&cross.archive(&manifest, &features))? {
        return Ok(None);
    }
    let made = target_dir().join("c");
    std::fs::create_dir_all(&made)?;
    let header = made.join("model.h");
    let convert = cmd!(
        cargo(),
        "run",
        "--quiet",
        "--package",
        "relprop-cli",
        "--",
        "convert",
        "models/mnist-tiny.int8.rlp",
        "--c-header",
        &header
    );
    if !succeeds(&convert.stdout_null())? {
        return Ok(None);
    }
    let [_, machine] = program.qemu;
    let board = if machine == "microbit" { "microbit.x" } else { "mps2.x" };
    std::fs::copy(super::folder().join("memory").join(board), made.join("memory.x"))?;

    let output = made.join(program.name).with_extension("elf");
    let mut arguments: Vec<OsString> = core.iter().chain(&FLAGS).map(Into::into).collect();
    for include in [root().join("capi").join("include"), made.clone()] {
        arguments.extend(["-I".into(), include.into()]);
    }
    arguments.extend(["digit.c", "cortex_m.c"].map(|file| folder().join(file).into()));
    arguments.extend([cross.program("librelprop_capi.a").into(), "-lgcc".into(), "-L".into(), made.into()]);
    arguments.extend(["-T".into(), folder().join("cortex_m.ld").into(), "-o".into(), output.clone().into()]);
    Ok(succeeds(&cmd(COMPILER, arguments))?.then_some(output))
}

/// Links every function of the header, which can be done only where none of them reaches a panic; why not, if not.
pub fn reaches_a_panic() -> Result<Option<String>> {
    let target = M4;
    let Ok(cross) = Cross::find(target) else { return Ok(None) };
    let cross = cross.apart("capi-whole").with_profile("firmware");
    let features = ["--no-default-features", "--features", "float,int8,sequence"];
    if !succeeds(&cross.archive(&root().join("capi").join("Cargo.toml"), &features))? {
        return Ok(Some("the library does not build".into()));
    }
    let made = target_dir().join("c");
    std::fs::create_dir_all(&made)?;
    let include = root().join("capi").join("include");
    let header = std::fs::read_to_string(include.join("relprop.h"))?;
    let functions = functions(&header);
    let source = made.join("every.c");
    let all = functions.iter().fold(String::new(), |all, name| all + "    (function)" + name + ",\n");
    let code = format!(
        "#include \"relprop.h\"\ntypedef void (*function)(void);\nextern const function every[];\n\
         const function every[] = {{\n{all}}};\nextern volatile unsigned which;\nvolatile unsigned which;\n\
         void start(void) {{ every[which](); }}\n"
    );
    std::fs::write(&source, code)?;
    let mut arguments: Vec<OsString> = M4_CORE.iter().chain(&FLAGS).map(Into::into).collect();
    arguments.extend(["-Wno-cast-function-type".into(), "-I".into(), include.into(), source.into()]);
    arguments.extend([cross.program("librelprop_capi.a").into(), "-lgcc".into(), "-Wl,-e,start".into()]);
    let program = made.join("every.elf");
    arguments.extend(["-o".into(), program.clone().into()]);
    if !succeeds(&cmd(COMPILER, arguments))? {
        return Ok(Some(format!("the {} functions of relprop.h do not link: see above", functions.len())));
    }
    let symbols = Image::read(&program)?.symbols;
    let absent = functions.iter().find(|name| symbols.iter().all(|symbol| symbol.name != **name));
    Ok(absent.map(|name| format!("{name} is not linked")))
}

/// The functions that a header declares.
fn functions(header: &str) -> Vec<&str> {
    let declared = header.lines().filter(|line| !line.trim_start().starts_with(['*', '/']));
    let named = declared.filter_map(|line| line.split_once('(').map(|(before, _)| before));
    let mut names: Vec<_> = named
        .filter_map(|before| before.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("relprop_"))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::functions;

    #[test]
    fn functions_are_what_is_declared() {
        let header =
            "/**\n * See relprop_other(1).\n */\nconst char *relprop_text(int a);\nint relprop_run(\n    int b);\n";
        assert_eq!(functions(header), ["relprop_run", "relprop_text"]);
    }
}
