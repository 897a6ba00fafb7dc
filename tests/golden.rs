//! Bit-exact relevances of the shipped models: the same on every target, and the same until somebody means to change
//! them.
//!
//! `tests/data/golden.txt` has a CRC-32 of the float bits of the scores and of the relevance under every preset, for
//! every model and every sample digit, and of the relevance in integers for those that are int8. `BLESS=1 cargo test --test golden` writes it anew.

use relprop::model::crc32;
use relprop::{Composite, Mode, Model, Session, Target};
use relprop_convert::Image;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use support::presets::presets;
use support::{bless, kernel, shared};

/// The files of a folder with this extension, by name.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A picture as the model wants it.
fn input(model: &Model<'_>, picture: &Path) -> Vec<f32> {
    let port = model.input(0);
    let pixels = port.pixels.expect("a model that takes pictures");
    let picture = image::open(picture).expect("a picture").into_luma8();
    let values: Vec<f32> = picture.iter().map(|p| f32::from(*p) * pixels.scale[0] + pixels.offset[0]).collect();
    assert_eq!(values.len(), model.tensor(port.tensor).shape.elements(), "a picture of the right size");
    values
}

fn hash(values: &[f32]) -> u32 {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect();
    crc32(&bytes)
}

/// The same in integers alone, for a model that is int8 throughout: exponents and all.
fn integers(model: &Model<'_>, name: &str, picture: &Path, golden: &mut String) {
    let (low, high) = model.input(0).range.unwrap_or((0.0, 1.0));
    let mut arena = kernel::arena(model, Mode::Retain);
    let Ok(mut session) = Session::new_fixed(model, &mut arena, Mode::Retain) else { return };
    let tensor = model.tensor(model.input(0).tensor);
    let q: Vec<i8> = input(model, picture).iter().map(|x| tensor.quantized(*x)).collect();
    session.run_int8(&[&q]).unwrap();
    for (preset_name, preset) in presets(low, high) {
        let explanation = session.explain(&Target::TOP, &Composite::new(preset)).unwrap();
        assert_eq!(explanation.ledger().imbalance(), 0);
        let unit = explanation.unit_of(0).to_bits().to_le_bytes();
        let words = explanation.relevance().iter().flat_map(|r| r.to_le_bytes());
        writeln!(golden, "{name} fixed {preset_name} {:08x}", crc32(&words.chain(unit).collect::<Vec<u8>>())).unwrap();
    }
}

/// Scores of the last run, and relevance under every preset.
fn passes(session: &mut Session<'_, '_>, name: &str, (low, high): (f32, f32), golden: &mut String) {
    let scores: Vec<f32> = session.output(0).unwrap().iter().collect();
    writeln!(golden, "{name} scores {:08x}", hash(&scores)).unwrap();
    for (preset_name, preset) in presets(low, high) {
        let explanation = session.explain(&Target::TOP, &Composite::new(preset)).unwrap();
        let relevance = explanation.relevance();
        assert!(relevance.iter().all(|r| r.is_finite()) && relevance.iter().any(|r| *r != 0.0));
        writeln!(golden, "{name} {preset_name} {:08x}", hash(relevance)).unwrap();
    }
}

#[test]
fn relevances_of_the_shipped_models_are_the_same_bits() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let (models, pictures) = (files(&folder, "rlp"), files(&folder.join("samples"), "png"));
    assert!(!models.is_empty() && !pictures.is_empty(), "models and samples");
    let sentences = std::fs::read_to_string(folder.join("samples/sentences.txt")).expect("sentences");
    let mut golden = String::new();
    for path in &models {
        let image = Image::from_bytes(&std::fs::read(path).unwrap());
        let model = image.model().unwrap();
        let (low, high) = model.input(0).range.unwrap_or((0.0, 1.0));
        let mut arena = kernel::arena(&model, Mode::Retain);
        let mut session = Session::new(&model, &mut arena, Mode::Retain).unwrap();
        if model.input(0).is_text {
            for (i, sentence) in sentences.lines().enumerate() {
                session.run_text(sentence).unwrap();
                passes(&mut session, &format!("{} {i}", stem(path)), (low, high), &mut golden);
            }
            continue;
        }
        for picture in &pictures {
            session.run(&input(&model, picture)).unwrap();
            let name = format!("{} {}", stem(path), stem(picture));
            passes(&mut session, &name, (low, high), &mut golden);
            integers(&model, &name, picture, &mut golden);
        }
    }
    bless::check(&shared::data("golden.txt"), golden.as_bytes());
}
