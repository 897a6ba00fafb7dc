//! What is in a linked program: its sections, and its functions by crate.

use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};
use std::path::Path;

/// A function or a constant.
pub struct Symbol {
    /// As it is written in the source.
    pub name: String,
    /// Where it begins, without the bit that says Thumb.
    pub address: u64,
    /// Its bytes.
    pub size: u64,
    /// A function.
    pub is_code: bool,
}

/// What counts: code and constants that lie in flash.
pub struct Program {
    /// Machine code.
    pub text: u64,
    /// Constants, and the first values of variables.
    pub data: u64,
    /// The first values of variables, which lie in RAM too.
    pub variables: u64,
    /// Variables that begin as zeros, and lie in RAM only.
    pub zeros: u64,
    /// Functions, and constants that have a name.
    pub symbols: Vec<Symbol>,
}

/// Sections that stand for memory which is left over.
const ROOM: [&str; 2] = [".heap", ".stack"];

impl Program {
    /// Reads a linked program.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = object::File::parse(&*bytes).with_context(|| format!("cannot parse {}", path.display()))?;
        let total = |kinds: &[SectionKind]| {
            let counts = |section: &object::Section<'_, '_>| {
                kinds.contains(&section.kind()) && !section.name().is_ok_and(|name| ROOM.contains(&name))
            };
            file.sections().filter(counts).map(|section| section.size()).sum()
        };
        Ok(Self {
            text: total(&[SectionKind::Text]),
            data: total(&[SectionKind::ReadOnlyData, SectionKind::ReadOnlyString, SectionKind::Data]),
            variables: total(&[SectionKind::Data]),
            zeros: total(&[SectionKind::UninitializedData]),
            symbols: symbols(&file),
        })
    }

    /// Flash in all.
    pub fn flash(&self) -> u64 {
        self.text + self.data
    }

    /// Bytes of the functions that come from a crate.
    pub fn of_crate(&self, name: &str) -> u64 {
        self.symbols
            .iter()
            .filter(|symbol| symbol.is_code && origin(&symbol.name) == name)
            .map(|symbol| symbol.size)
            .sum()
    }
}

/// Symbols with a size, by address.
pub fn symbols(file: &object::File<'_>) -> Vec<Symbol> {
    let sized = file.symbols().filter(|symbol| symbol.size() > 0);
    let mut symbols: Vec<Symbol> = sized
        .filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data))
        .filter_map(|symbol| {
            let is_code = symbol.kind() == SymbolKind::Text;
            let address = symbol.address() & !u64::from(is_code);
            Some(Symbol { name: demangled(symbol.name().ok()?), address, size: symbol.size(), is_code })
        })
        .collect();
    symbols.sort_by_key(|symbol| symbol.address);
    // The same code under two names counts once.
    symbols.dedup_by_key(|symbol| symbol.address);
    symbols
}

/// A name without its hash.
pub fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// The crate that wrote a function. Generic code counts where its `impl` is: `<relprop::… as core::…>::f` is relprop's,
/// and so is what was inlined into the entry of a probe. The compiler's own have names without a path.
fn origin(name: &str) -> &str {
    let Some((path, _)) = name.split_once("::") else {
        return if name == "probe" { "relprop" } else { "compiler-builtins" };
    };
    let start = path.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    match path.get(start..) {
        Some("compiler_builtins") | None => "compiler-builtins",
        Some("probe") => "relprop",
        Some(name) => name,
    }
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn a_function_belongs_to_a_crate() {
        assert_eq!(origin("relprop::session::Session::run"), "relprop");
        assert_eq!(origin("<relprop::layers::conv::Conv as relprop::layers::Linear>::apply"), "relprop");
        assert_eq!(origin("<&mut relprop::layers::conv::Conv>::apply"), "relprop");
        assert_eq!(origin("libm::math::powf::powf"), "libm");
        assert_eq!(origin("compiler_builtins::mem::memcpy"), "compiler-builtins");
        assert_eq!(origin("__aeabi_fadd"), "compiler-builtins");
        assert_eq!(origin("probe"), "relprop");
    }
}
