//! The panics that are linked, and the lines that they come from.
//!
//! The linker keeps only what the entry reaches, and `--emit-relocs` makes it say which function refers to which: so
//! every reference to a panic that is left in a program is one that may run, as far as the compiler could tell.

use crate::elf::{Symbol, demangled, symbols};
use addr2line::gimli;
use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Flags that keep the compiler from sharing one panic between several lines: a program to ask, not one to measure.
pub const FLAGS: [&str; 2] = ["-Cllvm-args=-simplifycfg-sink-common=false", "-Cllvm-args=-enable-tail-merge=false"];

/// A place that may panic: the line of ours nearest to the panic (or the function, where there is none), and what is
/// called there, without its path.
pub type Place = (String, String);

/// A reference from one function to another.
struct Call {
    address: u64,
    from: String,
    to: String,
}

/// The places of a program, and the functions that each was compiled into.
pub fn places(path: &Path) -> Result<BTreeMap<Place, BTreeSet<String>>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(&*bytes)?;
    let lines = Lines::read(&file)?;
    let calls = calls(&file);
    let panics = panics(&calls);
    let mut places: BTreeMap<Place, BTreeSet<String>> = BTreeMap::new();
    for Call { address, from, to } in &calls {
        if panics.contains(to.as_str()) && !panics.contains(from.as_str()) {
            let line = lines.at(*address).unwrap_or_else(|| from.clone());
            let panic = to.rsplit("::").next().unwrap_or_default();
            places.entry((line, panic.into())).or_default().insert(from.clone());
        }
    }
    Ok(places)
}

/// Every reference that a function makes.
fn calls(file: &object::File<'_>) -> Vec<Call> {
    let functions = symbols(file);
    let mut calls = Vec::new();
    for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
        for (address, relocation) in section.relocations() {
            let RelocationTarget::Symbol(index) = relocation.target() else { continue };
            let Ok(symbol) = file.symbol_by_index(index) else { continue };
            let to = match symbol.kind() {
                // What is local may be named by its section, and how far into it.
                SymbolKind::Section => {
                    let at = symbol.address().wrapping_add_signed(relocation.addend());
                    function_at(&functions, at).map(|function| function.name.clone())
                }
                _ => symbol.name().ok().map(demangled),
            };
            if let (Some(from), Some(to)) = (function_at(&functions, address), to) {
                calls.push(Call { address, from: from.name.clone(), to });
            }
        }
    }
    calls
}

fn function_at(functions: &[Symbol], address: u64) -> Option<&Symbol> {
    let after = functions.partition_point(|function| function.address <= address);
    functions.get(after.checked_sub(1)?).filter(|function| address < function.address + function.size)
}

/// The functions of `core` that exist to panic, and those that call them.
fn panics(calls: &[Call]) -> BTreeSet<&str> {
    let is_root = |name: &&str| name.starts_with("core::panicking::");
    let mut panics: BTreeSet<&str> = calls.iter().flat_map(|call| [&*call.from, &*call.to]).filter(is_root).collect();
    loop {
        let helpers = calls.iter().filter(|call| panics.contains(&*call.to) && is_helper(&call.from));
        let more: Vec<&str> = helpers.map(|call| &*call.from).filter(|name| !panics.contains(name)).collect();
        if more.is_empty() {
            return panics;
        }
        panics.extend(more);
    }
}

/// `core::slice::index::slice_index_fail`, `core::option::unwrap_failed` …
fn is_helper(name: &str) -> bool {
    name.starts_with("core::")
        && ["fail", "panic"].iter().any(|word| name.rsplit("::").next().unwrap_or("").contains(word))
}

/// Line tables of a program.
///
/// Not read by `addr2line`'s own loader: it would apply the relocations that the linker has applied already.
struct Lines<'a> {
    context: addr2line::Context<Bytes<'a>>,
}

type Bytes<'a> = gimli::EndianSlice<'a, gimli::LittleEndian>;

impl<'a> Lines<'a> {
    fn read(file: &object::File<'a>) -> Result<Self> {
        let section = |id: gimli::SectionId| {
            let section = file.section_by_name(id.name());
            let data = section.and_then(|section| section.data().ok()).unwrap_or_default();
            Ok::<_, gimli::Error>(Bytes::new(data, gimli::LittleEndian))
        };
        Ok(Self { context: addr2line::Context::from_dwarf(gimli::Dwarf::load(section)?)? })
    }

    /// The innermost line of ours, else the outermost of all.
    fn at(&self, address: u64) -> Option<String> {
        let mut frames = self.context.find_frames(address).skip_all_loads().ok()?;
        let mut outermost = None;
        while let Ok(Some(frame)) = frames.next() {
            let Some(location) = frame.location else { continue };
            let (Some(file), Some(line)) = (location.file, location.line) else { continue };
            if let Some((_, file)) = file.rsplit_once("kernel/src/") {
                return Some(format!("kernel/src/{file}:{line}"));
            }
            outermost = Some(format!("{file}:{line}"));
        }
        outermost
    }
}
