//! The example as a C compiler of this machine sees it, with every warning an error, as C99, as C11 and as C++; and what
//! it prints. Skipped aloud where there is no compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

const WARNINGS: [&str; 6] = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wno-sign-conversion", "-Werror"];

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The compiler that a variable names, or the usual one; nothing, and why, where it does not run.
fn compiler(variable: &str, usual: &str) -> Option<String> {
    let name = std::env::var(variable).unwrap_or_else(|_| usual.into());
    let runs = Command::new(&name).arg("--version").output().is_ok_and(|output| output.status.success());
    if !runs {
        eprintln!("skipped: no {name}; name a compiler in {variable}");
    }
    runs.then_some(name)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{command:?}\n{out}{err}");
    out
}

/// A folder with `model.h`, which `relprop convert --c-header` writes.
fn with_model() -> tempfile::TempDir {
    let image = std::fs::read(folder().join("../models/mnist-tiny.int8.rlp")).unwrap();
    let image = relprop_convert::Image::from_bytes(&image);
    let place = tempfile::tempdir().unwrap();
    let header = relprop_convert::c_header(&image.model().unwrap(), "model");
    std::fs::write(place.path().join("model.h"), header).unwrap();
    place
}

/// The library as an archive: what it consists of has been built for this test, and lies beside it.
fn archive() -> PathBuf {
    let arguments = ["rustc", "--quiet", "-p", "relprop-capi", "--lib", "--crate-type", "staticlib"];
    run(Command::new(env!("CARGO")).current_dir(folder()).args(arguments));
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("debug").join("librelprop_capi.a")
}

#[test]
fn the_example_is_strict_c_and_says_on_this_machine_what_it_says_on_a_core() {
    let Some(cc) = compiler("CC", "cc") else { return };
    let place = with_model();
    let examples = folder().join("examples");
    let mut printed = Vec::new();
    for standard in ["-std=c99", "-std=c11"] {
        let program = place.path().join("digit");
        let mut command = Command::new(&cc);
        command.arg(standard).args(WARNINGS).arg("-I").arg(folder().join("include")).arg("-I").arg(place.path());
        command.args(["digit.c", "host.c"].map(|file| examples.join(file))).arg(archive());
        // What std needs on Linux.
        run(command.args(["-lpthread", "-ldl", "-lm", "-o"]).arg(&program));
        printed.push(run(&mut Command::new(program)));
    }
    let snapshot = std::fs::read_to_string(examples.join("digit.out")).unwrap();
    for printed in printed {
        let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
        assert_eq!(lines, snapshot.lines().collect::<Vec<_>>());
    }
}

#[test]
fn the_header_is_cpp() {
    let Some(cpp) = compiler("CXX", "c++") else { return };
    let place = with_model();
    let source = place.path().join("use.cpp");
    std::fs::write(
        &source,
        "#include \"relprop.h\"\n#include \"model.h\"\n\
         RELPROP_ALIGNED static unsigned char arena[MODEL_ARENA_EXPLAIN];\n\
         relprop_status open_both(relprop_model *m, relprop_session *s) {\n\
           relprop_status status = relprop_model_open(m, model_image, MODEL_IMAGE_BYTES);\n\
           return status == RELPROP_STATUS_OK\n\
             ? relprop_session_open(s, m, RELPROP_MODE_EXPLAIN, arena, sizeof arena) : status;\n\
         }\n\
         const char *name(unsigned i) { return model_classes[i]; }\n",
    )
    .unwrap();
    for standard in ["-std=c++11", "-std=c++20"] {
        let mut command = Command::new(&cpp);
        command.arg(standard).args(WARNINGS).arg("-I").arg(folder().join("include")).arg("-c").arg(&source);
        run(command.arg("-o").arg(place.path().join("use.o")));
    }
    // The names are those of C.
    let symbols = run(Command::new("nm").arg(place.path().join("use.o")));
    assert!(symbols.contains(" U relprop_session_open\n"), "{symbols}");
}

#[test]
fn the_sample_is_the_picture() {
    let path = folder().join("../models/samples/7.png");
    let mut reader =
        png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let header = std::fs::read_to_string(folder().join("examples/seven.h")).unwrap();
    let (_, numbers) = header.split_once("= {").unwrap();
    let numbers = numbers.split(',').filter_map(|number| number.trim().parse::<i16>().ok());
    assert_eq!(numbers.collect::<Vec<_>>(), pixels.iter().map(|p| i16::from(*p) - 128).collect::<Vec<_>>());
}
