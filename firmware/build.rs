//! What the programs compile in: the memory map of the board, and the sample digits as the pixels of a camera.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    memory(&out)?;
    samples(&out)?;
    #[cfg(feature = "keyword")]
    keyword(&out)?;
    #[cfg(feature = "tflm")]
    tflm()?;
    Ok(())
}

/// The memory map: of the board that QEMU has for the target, or the one that `RELPROP_MEMORY` names.
fn memory(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=RELPROP_MEMORY");
    println!("cargo::rerun-if-changed=memory");
    let target = std::env::var("TARGET")?;
    let (board, script) = match target.split('-').next() {
        Some("thumbv6m") => ("microbit", "link.x"),
        Some("thumbv7em") => ("mps2", "link.x"),
        Some("riscv32imac") => ("virt", "link.x"),
        // A host, where clippy looks at the library.
        _ => return Ok(()),
    };
    let path = std::env::var("RELPROP_MEMORY").unwrap_or_else(|_| format!("memory/{board}.x"));
    fs::copy(&path, out.join("memory.x")).map_err(|error| format!("{path}: {error}"))?;
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-T{script}");
    #[cfg(feature = "log")]
    println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    // Who refers to whom: not loaded into flash, and what `cargo xtask firmware` finds panics by.
    println!("cargo::rustc-link-arg-bins=--emit-relocs");
    println!("cargo::rerun-if-env-changed=RELPROP_PANICS");
    if std::env::var_os("RELPROP_PANICS").is_some() {
        println!("cargo::rustc-link-arg-bins=--defsym=something_here_may_panic=0");
    }
    Ok(())
}

/// Every sample digit, and `SAMPLES`, which has them all.
fn samples(out: &Path) -> Result<(), Box<dyn Error>> {
    let folder = Path::new("../models/samples");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut paths = fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    paths.sort();
    let mut all = String::new();
    for path in &paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut reader = png::Decoder::new(std::io::BufReader::new(fs::File::open(path)?)).read_info()?;
        let mut pixels = vec![0; reader.output_buffer_size().ok_or("a picture that fits memory")?];
        let info = reader.next_frame(&mut pixels)?;
        if (info.width, info.height, info.color_type) != (28, 28, png::ColorType::Grayscale) {
            return Err(format!("{}: not a grey picture of 28 by 28", path.display()).into());
        }
        fs::write(out.join(format!("{name}.grey")), &pixels)?;
        all += &format!("Sample::new(\"{name}\", include_bytes!(\"{name}.grey\")),\n");
    }
    let count = paths.len();
    let code = format!("/// The sample digits.\npub static SAMPLES: [Sample; {count}] = [\n{all}];\n");
    fs::write(out.join("samples.rs"), code)?;
    Ok(())
}

/// The words that the keyword spotter knows.
#[cfg(feature = "keyword")]
const WORDS: [&str; 12] = ["down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unknown"];

/// The keyword spotter as an image, and one of the spectrograms that `RELPROP_KEYWORD_INPUT` names: an `.npy` file of int8.
#[cfg(feature = "keyword")]
fn keyword(out: &Path) -> Result<(), Box<dyn Error>> {
    let file = |variable: &str| {
        println!("cargo::rerun-if-env-changed={variable}");
        let path = std::env::var(variable).map_err(|_| format!("{variable} names no file"))?;
        println!("cargo::rerun-if-changed={path}");
        fs::read(&path).map_err(|error| format!("{path}: {error}"))
    };
    let options = relprop_convert::Options { labels: WORDS.map(Into::into).into(), ..Default::default() };
    let network = relprop_convert::from_tflite(&file("RELPROP_KEYWORD")?, &options)?;
    fs::write(out.join("keyword.rlp"), relprop_convert::emit(&network)?.bytes())?;
    let spectrograms = file("RELPROP_KEYWORD_INPUT")?;
    // Behind ten bytes, and as many as the last two of these say.
    let start = 10 + spectrograms.get(8..10).map_or(0, |bytes| usize::from(bytes[0]) | usize::from(bytes[1]) << 8);
    let first = spectrograms.get(start..start + 490).ok_or("no spectrogram of 49 by 10")?;
    fs::write(out.join("keyword.input"), first)?;
    Ok(())
}

/// TensorFlow Lite Micro's reference kernel, from the sources in the folder that `RELPROP_TFLM` names.
#[cfg(feature = "tflm")]
fn tflm() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=RELPROP_TFLM");
    println!("cargo::rerun-if-changed=tflm/layer.cc");
    let sources = PathBuf::from(std::env::var("RELPROP_TFLM").map_err(|_| "RELPROP_TFLM names no folder")?);
    let mut build = cc::Build::new();
    build.cpp(true).cpp_link_stdlib(None).opt_level(2).define("NDEBUG", None).warnings(false);
    build.flag("-std=c++14").flag("-fno-exceptions").flag("-fno-rtti").flag("-fno-threadsafe-statics");
    build.flag("-ffunction-sections").flag("-mcpu=cortex-m4");
    build.include(&sources).include(sources.join("tensorflow/lite/micro/tools/make/downloads/gemmlowp"));
    build.file("tflm/layer.cc").try_compile("tflm_layer")?;
    Ok(())
}
