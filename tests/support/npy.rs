//! Reading reference figures.

use npyz::{DType, NpyFile};
use std::path::Path;

/// An array of any number type, as float64.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Extents.
    pub shape: Vec<usize>,
    /// Elements in C order.
    pub values: Vec<f64>,
}

impl Array {
    /// As signed bytes.
    pub fn bytes(&self) -> Vec<i8> {
        self.values.iter().map(|v| *v as i8).collect()
    }

    /// As float32, which loses nothing where the file has float32.
    pub fn narrowed(&self) -> Vec<f32> {
        self.values.iter().map(|v| *v as f32).collect()
    }

    /// The `i`-th item along the first axis.
    #[must_use]
    pub fn item(&self, i: usize) -> Self {
        let len: usize = self.shape.iter().skip(1).product();
        let shape = [1].iter().chain(self.shape.iter().skip(1)).copied().collect();
        Self { shape, values: self.values[i * len..(i + 1) * len].to_vec() }
    }
}

/// Reads a `.npy` file.
pub fn read(path: &Path) -> Array {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse(&bytes, path)
}

fn parse(bytes: &[u8], path: &Path) -> Array {
    let file = NpyFile::new(bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let shape = file.shape().iter().map(|extent| *extent as usize).collect();
    let DType::Plain(kind) = file.dtype() else { panic!("{}: not an array of numbers", path.display()) };
    let values = match kind.to_string().trim_start_matches(['<', '|']) {
        "f4" => file.into_vec::<f32>().map(|v| v.into_iter().map(f64::from).collect()),
        "i1" => file.into_vec::<i8>().map(|v| v.into_iter().map(f64::from).collect()),
        "i4" => file.into_vec::<i32>().map(|v| v.into_iter().map(f64::from).collect()),
        _ => file.into_vec::<f64>(),
    };
    Array { shape, values: values.unwrap_or_else(|error| panic!("{}: {error}", path.display())) }
}

/// Reads a `.npz` file, a ZIP archive whose members are stored as they are: arrays by name.
pub fn read_npz(path: &Path) -> Vec<(String, Array)> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let number = |at: usize, len: usize| bytes[at..at + len].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b));
    let (mut at, mut arrays) = (0, Vec::new());
    while bytes[at..].starts_with(b"PK\x03\x04") {
        let (size, name, extra) = (number(at + 18, 4), number(at + 26, 2), number(at + 28, 2));
        assert_eq!(number(at + 8, 2), 0, "{}: compressed", path.display());
        let start = at + 30 + name + extra;
        let member = String::from_utf8_lossy(&bytes[at + 30..at + 30 + name]).into_owned();
        at = start + size;
        arrays.push((member.trim_end_matches(".npy").to_owned(), parse(&bytes[start..at], path)));
    }
    arrays
}
