//! The kernel and its C API with every set of features, for every kind of target: what is checked is that all of it compiles
//! without a warning.

use crate::cross::{Cross, TARGETS, WASM};
use crate::stages::Outcome;
use crate::{output_of, root, succeeds};
use anyhow::Result;

/// RISC-V, without floats.
const RISCV: &str = "riscv32imac-unknown-none-elf";
/// Addresses of 16 bits, which nobody runs this on: it finds what is taken for granted of `usize`. Without atomic
/// operations, which `defmt` needs.
const NARROW: &str = "msp430-none-elf";

/// A crate, and its features.
const KERNEL: (&str, &[&str]) = ("kernel", &["float", "int8", "sequence", STEPS, "defmt"]);
const KERNEL_ALONE: (&str, &[&str]) = ("kernel", &["float", "int8", "sequence", STEPS]);
const CAPI: (&str, &[&str]) = ("capi", &["float", "int8", "sequence", STEPS]);
const STEPS: &str = "steps";

/// All of it.
pub fn stage() -> Result<Outcome> {
    let host = output_of("rustc", &["-vV"]).unwrap_or_default();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let small = TARGETS.into_iter().chain([RISCV]).map(|target| (target, vec![KERNEL, CAPI]));
    let others = [(WASM, vec![KERNEL]), (host, vec![KERNEL, CAPI]), (NARROW, vec![KERNEL_ALONE])];
    let (mut builds, mut skipped, mut failed) = (0, Vec::new(), Vec::new());
    for (target, crates) in small.chain(others) {
        let cross = match Cross::find(target) {
            Ok(cross) => cross.apart("features").with_profile("dev"),
            Err(why) => {
                eprintln!("skipped: {why}");
                skipped.push(format!("skipped {target}"));
                continue;
            }
        };
        // cargo asks that compiler for crate types that the target has not, which it warns of.
        let flags: &[&str] = if target == NARROW { &[] } else { &["-Dwarnings"] };
        for (folder, features) in crates {
            for set in sets(features).into_iter().filter(|set| is_checked(set)) {
                builds += 1;
                let manifest = root().join(folder).join("Cargo.toml");
                let set = set.join(",");
                let arguments = ["--quiet", "--lib", "--no-default-features", "--features", &set];
                if !succeeds(&cross.check(&manifest, &arguments, flags))? {
                    failed.push(format!("{folder} for {target} with `{set}`"));
                }
            }
        }
    }
    let mut note = vec![format!("{builds} builds")];
    note.extend(skipped);
    Ok(if failed.is_empty() { Outcome::Passed(note.join("; ")) } else { Outcome::Failed(failed.join("; ")) })
}

/// Whether a set is worth a build: without the rarer steps, only types of elements are combined.
fn is_checked(set: &[&str]) -> bool {
    set.contains(&STEPS) || !set.iter().any(|feature| ["sequence", "defmt"].contains(feature))
}

/// Every set of features, from none to all.
fn sets<'f>(features: &[&'f str]) -> Vec<Vec<&'f str>> {
    let all = 0_u32..1 << features.len();
    let set =
        |bits: u32| (0..).zip(features).filter(|(i, _)| bits >> i & 1 == 1).map(|(_, feature)| *feature).collect();
    all.map(set).collect()
}

#[cfg(test)]
mod tests {
    use super::{CAPI, KERNEL, is_checked, sets};

    #[test]
    fn sets_are_all_subsets() {
        assert_eq!(sets(&["a", "b"]), [vec![], vec!["a"], vec!["b"], vec!["a", "b"]]);
    }

    #[test]
    fn rarer_steps_are_left_out_of_few_sets() {
        let checked = |features: &[&str]| sets(features).iter().filter(|set| is_checked(set)).count();
        assert_eq!(checked(KERNEL.1), 16 + 4);
        assert_eq!(checked(CAPI.1), 8 + 4);
    }
}
