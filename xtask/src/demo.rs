//! `cargo xtask demo`: the page that shows what the kernel does.
//!
//! It is served from a folder that is written first, so that what is seen here is what a host would serve.

use crate::{root, wasm};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};
use tiny_http::{Header, Method, Request, Response, Server};

#[derive(Args)]
pub struct Options {
    /// Write the static site here instead of serving it
    #[arg(long, value_name = "DIR")]
    dist: Option<PathBuf>,
    /// Port of the server; the next free one, if it is taken
    #[arg(long, default_value = "8000", conflicts_with = "dist")]
    port: u16,
    /// Take the package as it is, without building it
    #[arg(long)]
    no_build: bool,
}

/// How many ports are tried.
const PORTS: u16 = 20;

/// The page itself; what is beside it in the folder is for its tests.
const PAGE: [&str; 5] = ["index.html", "css", "js", "icon.svg", "manifest.webmanifest"];
/// It names the files to keep.
const SERVICE_WORKER: &str = "service-worker.js";
/// Files of the package that a page loads.
const PACKAGE: [&str; 7] = [
    "index.js",
    "bindings.js",
    "relprop.simd.wasm",
    "relprop.wasm",
    "convert.js",
    "convert-bindings.js",
    "relprop-convert.wasm",
];
const MODELS: [&str; 4] = ["mnist-cnn.rlp", "mnist-cnn.int8.rlp", "mnist-tiny.onnx", "sentiment.rlp"];

/// What files are, by their extension.
const TYPES: [(&str, &str); 8] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("webmanifest", "application/manifest+json"),
    ("wasm", "application/wasm"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
];

pub fn run(options: &Options) -> Result<bool> {
    if !options.no_build && wasm::package()?.is_none() {
        return Ok(false);
    }
    if let Some(directory) = &options.dist {
        write(directory)?;
        println!("written to {}", directory.display());
        return Ok(true);
    }
    let site = crate::target_dir().join("web-demo");
    write(&site)?;
    serve(&site, options.port)
}

/// Writes the static site.
pub fn write(to: &Path) -> Result<()> {
    let (root, page) = (root(), root().join("web-demo"));
    fs::create_dir_all(to)?;
    for name in PAGE {
        copy(&page.join(name), &to.join(name))?;
    }
    for name in PACKAGE {
        copy(&wasm::directory().join(name), &to.join("relprop").join(name))?;
    }
    for name in MODELS {
        let from = root.join("models").join(name);
        if from.exists() {
            copy(&from, &to.join("models").join(name))?;
        } else {
            eprintln!("without {}: the page does not offer what needs it", from.display());
        }
    }
    copy(&root.join("models").join("samples"), &to.join("samples"))?;
    let mut files = Vec::new();
    list(to, to, &mut files)?;
    files.retain(|(name, _)| name != SERVICE_WORKER);
    files.sort();
    let worker = fs::read_to_string(page.join(SERVICE_WORKER))?;
    Ok(fs::write(to.join(SERVICE_WORKER), with_files(&worker, &files))?)
}

/// Copies a file, or the files of a folder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        for entry in fs::read_dir(from)? {
            let path = entry?.path();
            let is_source = path.extension().is_some_and(|extension| extension == "py");
            if let (Some(name), false) = (path.file_name(), is_source) {
                copy(&path, &to.join(name))?;
            }
        }
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

/// Every file of the site with its checksum, by the address that the page has for it.
fn list(root: &Path, directory: &Path, files: &mut Vec<(String, u32)>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            list(root, &path, files)?;
            continue;
        }
        let mut checksum = flate2::Crc::new();
        checksum.update(&fs::read(&path)?);
        let name = path.strip_prefix(root)?.components().map(|part| part.as_os_str().to_string_lossy());
        files.push((name.collect::<Vec<_>>().join("/"), checksum.sum()));
    }
    Ok(())
}

/// The service worker with the list of what it keeps; any change of a file makes it another worker.
fn with_files(worker: &str, files: &[(String, u32)]) -> String {
    let lines: Vec<String> = files.iter().map(|(name, sum)| format!("    [\"{name}\", \"{sum:08x}\"],\n")).collect();
    worker.replace("const FILES = [];", &format!("const FILES = [\n{}];", lines.concat()))
}

/// Serves the site until it is interrupted.
fn serve(site: &Path, port: u16) -> Result<bool> {
    let tried = (port..=port.saturating_add(PORTS)).map(|port| Server::http(("127.0.0.1", port)));
    let Some(server) = tried.flatten().next() else { bail!("no free port from {port} on; pass --port") };
    let address = server.server_addr().to_ip().ok_or_else(|| anyhow!("the server has no address"))?;
    println!("http://localhost:{}/  (Ctrl-C ends it)", address.port());
    for request in server.incoming_requests() {
        // A browser that has gone away is no reason to stop.
        let _ = answer(site, request);
    }
    Ok(true)
}

fn answer(site: &Path, request: Request) -> Result<()> {
    let found = file(site, request.url());
    if !matches!(request.method(), Method::Get | Method::Head) {
        return Ok(request.respond(Response::empty(405))?);
    }
    let Some(path) = found else { return Ok(request.respond(Response::empty(404))?) };
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let kind = TYPES.iter().find(|(known, _)| *known == extension);
    let kind = kind.map_or("application/octet-stream", |(_, kind)| kind);
    let mut response = Response::from_file(File::open(&path)?);
    for (name, value) in [("Content-Type", kind), ("Cache-Control", "no-cache")] {
        response.add_header(Header::from_bytes(name, value).map_err(|()| anyhow!("a header"))?);
    }
    Ok(request.respond(response)?)
}

/// The file that an address means, if it lies in the site.
fn file(site: &Path, url: &str) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next()?.trim_start_matches('/');
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let path = if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path.into() };
    Some(site.join(path)).filter(|path| inside && path.is_file())
}

#[cfg(test)]
mod tests {
    use super::{file, with_files};
    use std::path::Path;

    #[test]
    fn only_files_of_the_site_are_served() {
        let site = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(file(site, "/Cargo.toml?x=1"), Some(site.join("Cargo.toml")));
        assert_eq!(file(site, "/../Cargo.toml"), None);
        assert_eq!(file(site, "/src/../Cargo.toml"), None);
        assert_eq!(file(site, "/nothing"), None);
        assert_eq!(file(site, "/"), None);
    }

    #[test]
    fn the_service_worker_names_its_files() {
        let files = [("a/b.js".to_owned(), 0x1f)];
        assert_eq!(with_files("const FILES = [];", &files), "const FILES = [\n    [\"a/b.js\", \"0000001f\"],\n];");
    }
}
