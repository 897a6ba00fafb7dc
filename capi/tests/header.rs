//! The committed header is what the source says: `BLESS=1 cargo test -p relprop-capi --test header` writes it anew.

use std::path::Path;

#[test]
fn the_header_is_of_this_source() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).unwrap();
    let bindings = cbindgen::Builder::new().with_config(config).with_crate(folder).generate().unwrap();
    let mut header = Vec::new();
    bindings.write(&mut header);
    let header = String::from_utf8(header).unwrap();
    let path = folder.join("include/relprop.h");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &header).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == header, "{} is not what it would be made today; BLESS=1 writes it anew", path.display());
}
