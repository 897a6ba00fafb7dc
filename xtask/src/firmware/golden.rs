//! Hashes of explanations on a device, held against those of the host.

use crate::root;
use anyhow::Result;

/// What the root package's tests hold the host to.
const HOST: &str = "tests/data/golden.txt";

/// The lines of hashes (`golden mnist-tiny.int8 7 fixed epsilon_plus 35c1d655`) that are not among the host's.
pub fn differences(printed: &str) -> Result<Vec<String>> {
    let host = std::fs::read_to_string(root().join(HOST))?;
    Ok(among(&host, printed))
}

fn among(host: &str, printed: &str) -> Vec<String> {
    let lines = printed.lines().filter_map(|line| line.strip_prefix("golden "));
    let others = lines.filter(|line| !host.lines().any(|own| own == *line));
    others.map(|line| format!("not the host's bits: {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::among;

    #[test]
    fn one_bit_is_noticed() {
        let host = "m 7 epsilon 0000000f\nm 7 gradient 00000001\n";
        assert_eq!(among(host, "reads\ngolden m 7 epsilon 0000000f\n").len(), 0);
        assert_eq!(among(host, "golden m 7 epsilon 0000000e\n").len(), 1);
        assert_eq!(among(host, "golden m 7 unknown 0000000f\n").len(), 1);
    }
}
