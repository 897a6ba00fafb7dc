//! Routines that compute with floats where there is no unit for it.

use crate::elf::Symbol;

/// Parts of names: of the ARM ABI, of libgcc, which other ABIs use as it is, and of the crates that have them.
const PARTS: [&str; 19] = [
    "__aeabi_f",
    "__aeabi_d",
    "__aeabi_cf",
    "__aeabi_cd",
    "__aeabi_i2",
    "__aeabi_ui2",
    "__aeabi_l2",
    "__aeabi_ul2",
    "sf2",
    "sf3",
    "df2",
    "df3",
    "sisf",
    "sidf",
    "disf",
    "didf",
    "fixsf",
    "compiler_builtins::float",
    "libm::",
];

/// The routines for floats among the symbols of a program; where there is a unit for them, few are needed.
pub fn routines(symbols: &[Symbol]) -> Vec<String> {
    let is_float = |symbol: &&Symbol| symbol.is_code && PARTS.iter().any(|part| symbol.name.contains(part));
    symbols.iter().filter(is_float).map(|symbol| symbol.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::routines;
    use crate::elf::Symbol;

    #[test]
    fn floats_are_told_from_integers() {
        let symbol = |name: &str| Symbol { name: name.into(), address: 0, size: 4, is_code: true };
        let floats =
            ["__aeabi_fadd", "__aeabi_dmul", "__aeabi_i2f", "__aeabi_ul2d", "__mulsf3", "__unorddf2", "__fixsfsi"];
        let crates = ["libm::math::expf::expf", "compiler_builtins::float::add::__addsf3", "__floatdisf"];
        for name in floats.into_iter().chain(crates) {
            assert_eq!(routines(&[symbol(name)]).len(), 1, "{name}");
        }
        for name in
            ["__aeabi_idiv", "__aeabi_uldivmod", "__aeabi_lmul", "__aeabi_memcpy", "relprop::fixed::Rescale::apply"]
        {
            assert!(routines(&[symbol(name)]).is_empty(), "{name}");
        }
    }
}
