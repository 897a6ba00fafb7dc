//! What people see, character for character. `RELPROP_BLESS=1 cargo test` accepts what is printed now.

mod common;

use common::{relprop, root};
use std::fs;

fn golden(name: &str, args: &[&str]) {
    let output = relprop().args(args).assert().success().get_output().stdout.clone();
    let printed = String::from_utf8(output).unwrap();
    let path = root().join("cli/tests/golden").join(name);
    if std::env::var_os("RELPROP_BLESS").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(printed, expected, "{name} differs; RELPROP_BLESS=1 accepts it");
}

#[test]
fn explain_alone() {
    golden("explain.txt", &[]);
}

#[test]
fn explain_a_contrast() {
    golden(
        "contrast.txt",
        &[
            "explain",
            "models/mnist-tiny.rlp",
            "models/samples/4.png",
            "--target",
            "4-9",
            "--composite",
            "epsilon_gamma_box",
            "--rule",
            "fc1=epsilon:0.01",
            "--condition",
        ],
    );
}

#[test]
fn explain_by_a_loop() {
    golden(
        "integrated_gradients.txt",
        &["explain", "models/mnist-cnn.rlp", "models/samples/2.png", "--composite", "integrated_gradients"],
    );
}

#[test]
fn run() {
    golden("run.txt", &["run", "models/mnist-tiny.rlp", "models/samples/8.png"]);
}

#[test]
fn inspect() {
    golden("inspect.txt", &["inspect", "models/mnist-cnn.rlp"]);
}

#[test]
fn inspect_rules() {
    let args =
        ["inspect", "models/mnist-tiny.rlp", "--composite", "deep_taylor", "--rule", "conv=gamma:0.25;bias=zero"];
    golden("inspect-rules.txt", &[&args[..], &["--plan", "infer"]].concat());
}
