//! Files in the repository that a test can write anew: `BLESS=1 cargo test`.

use std::path::Path;

/// Compares with what a file holds, or writes it where `BLESS` is set.
pub fn check(path: &Path, content: &[u8]) {
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("the file is written");
        println!("blessed {}", path.display());
        return;
    }
    let there = std::fs::read(path).unwrap_or_default();
    assert!(there == content, "{} is not what it would be made today; BLESS=1 writes it anew", path.display());
}
