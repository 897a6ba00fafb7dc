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
    let file = NpyFile::new(&bytes[..]).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
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
