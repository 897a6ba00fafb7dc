//! The programs: for which core each is built, and where it runs.

use super::{c, tflm};
use crate::root;
use duct::Expression;
use std::path::PathBuf;

/// A program.
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// What it is built for.
    pub target: &'static str,
    /// What the kernel is built with.
    pub features: &'static str,
    /// QEMU, and the machine.
    pub qemu: [&'static str; 2],
    /// What it is written in.
    pub language: Language,
}

/// What a program is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// One of `firmware/src/bin`.
    Rust,
    /// The example of `capi/examples`, for a core that gcc calls so.
    C(&'static [&'static str]),
}
use Language::{C, Rust};

const M0: &str = "thumbv6m-none-eabi";
/// A Cortex-M4 with its unit for floats.
pub const M4: &str = "thumbv7em-none-eabihf";
/// What gcc calls it.
pub const M4_CORE: [&str; 3] = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"];
const RV32: &str = "riscv32imac-unknown-none-elf";

const ARM: &str = "qemu-system-arm";
const RISCV: &str = "qemu-system-riscv32";

/// All of them.
pub const PROGRAMS: [Program; 11] = [
    Program {
        name: "digit_c_m0",
        target: M0,
        features: "int8",
        qemu: [ARM, "microbit"],
        language: C(&["-mcpu=cortex-m0"]),
    },
    Program { name: "digit_c_m4", target: M4, features: "int8", qemu: [ARM, "mps2-an386"], language: C(&M4_CORE) },
    Program { name: "digit_m0", target: M0, features: "int8", qemu: [ARM, "microbit"], language: Rust },
    Program { name: "digit_m4", target: M4, features: "float,int8", qemu: [ARM, "mps2-an386"], language: Rust },
    Program { name: "digit_m7", target: M4, features: "int8", qemu: [ARM, "mps2-an500"], language: Rust },
    Program { name: "digit_rv32", target: RV32, features: "int8", qemu: [RISCV, "virt"], language: Rust },
    Program { name: "keyword_m4", target: M4, features: KEYWORD, qemu: [ARM, "mps2-an386"], language: Rust },
    Program { name: "log_m4", target: M4, features: LOG, qemu: [ARM, "mps2-an386"], language: Rust },
    Program { name: "reference_m4", target: M4, features: "int8", qemu: [ARM, "mps2-an386"], language: Rust },
    Program {
        name: "sentiment_m4",
        target: M4,
        features: "float,sequence,steps",
        qemu: [ARM, "mps2-an386"],
        language: Rust,
    },
    Program { name: "tflm_m4", target: M4, features: TFLM, qemu: [ARM, "mps2-an386"], language: Rust },
];

/// The features of a program that logs by `defmt`.
const LOG: &str = "int8,log";

/// The feature with kernels of others.
const TFLM: &str = "tflm";

/// The feature with a network that is not in the repository.
const KEYWORD: &str = "keyword";
/// The network and its inputs, by the variables that name them to the build, in the folder with reference figures.
const KEYWORD_FILES: [(&str, &str); 2] =
    [("RELPROP_KEYWORD", "models/kws_int8.tflite"), ("RELPROP_KEYWORD_INPUT", "conformance/tflm/kws/inputs.npy")];

/// On Debian, the packages with the emulators.
const HOW: &str = "apt install qemu-system-arm qemu-system-misc";

impl Program {
    /// Whether it must not link a routine for floats: all programs of the core without a unit for these.
    pub fn is_of_integers(&self) -> bool {
        self.target == M0
    }

    /// Whether it prints frames of `defmt`, and no text. Their logger panics where it is interrupted by itself.
    pub fn logs(&self) -> bool {
        self.features == LOG
    }

    /// Where what it prints is kept: the same for all cores, where it is of C.
    pub fn snapshot(&self) -> PathBuf {
        match self.language {
            Rust => super::folder().join("src/bin").join(self.name).with_extension("out"),
            C(_) => c::folder().join("digit.out"),
        }
    }

    /// What keeps it from running here.
    pub fn missing(&self) -> Option<String> {
        let [qemu, _] = self.qemu;
        if let Err(error) = super::version(qemu) {
            return Some(format!("{error}; {HOW}"));
        }
        if self.language != Rust && super::version(c::COMPILER).is_err() {
            return Some(c::HOW.into());
        }
        if let (TFLM, Some(why)) = (self.features, tflm::missing()) {
            return Some(why);
        }
        let absent = self.files().into_iter().find(|(_, path)| !path.exists());
        absent.map(|(variable, path)| format!("{} not found; name it in {variable}", path.display()))
    }

    /// The files and folders that its build needs, by the variables that name them.
    fn files(&self) -> Vec<(&'static str, PathBuf)> {
        let shared = std::env::var_os("RELPROP_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
        let file = |(variable, path): (&'static str, &str)| {
            (variable, std::env::var_os(variable).map_or_else(|| shared.join(path), PathBuf::from))
        };
        match self.features {
            KEYWORD => KEYWORD_FILES.map(file).into(),
            TFLM => tflm::sources().map(|folder| (tflm::VARIABLE, folder)).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// What its build needs from the environment; where it is to link though it may panic, that too.
    pub fn prepared(&self, command: &Expression, may_panic: bool) -> Expression {
        let command = command.env_remove("RELPROP_MEMORY").env("DEFMT_LOG", "debug");
        let command = if may_panic { command.env("RELPROP_PANICS", "1") } else { command.env_remove("RELPROP_PANICS") };
        self.files().into_iter().fold(command, |command, (variable, path)| command.env(variable, path))
    }
}
