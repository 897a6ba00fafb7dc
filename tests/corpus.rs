//! Every input that a fuzzer starts from, and every one that it once found something with, on any compiler: fuzzing finds
//! them, this keeps them.

use std::fs;
use std::path::Path;
use support::fuzz::{TARGETS, Target};

/// Runs a target on every file of its folder.
fn replay((name, target): Target) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{name} has no seeds");
    for path in paths {
        println!("{}", path.display());
        target(&fs::read(&path).unwrap());
    }
}

fn named(name: &str) {
    replay(*TARGETS.iter().find(|(target, _)| *target == name).unwrap());
}

#[test]
fn images_are_refused_or_harmless() {
    named("image");
    named("image_mutate");
}

#[test]
fn files_are_refused_or_harmless() {
    named("onnx");
    named("tflite");
}

#[test]
fn graphs_are_right() {
    named("graph");
}

#[test]
fn int8_layers_and_cells_are_right() {
    named("int8_layer");
    named("lstm");
}

#[test]
fn what_people_type_and_hand_over_is_refused_or_harmless() {
    replay(("cli_spec", relprop_cli::fuzz::spec));
    replay(("npy", relprop_cli::fuzz::npy));
}

/// Nobody forgets to replay a target.
#[test]
fn every_target_has_its_seeds() {
    let programs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets")).unwrap();
    let mut names: Vec<String> =
        programs.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).chain(["cli_spec", "npy"]).collect();
    known.sort_unstable();
    assert_eq!(names, known);
}
