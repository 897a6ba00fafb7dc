//! One end of a box: a number, or a file with one per channel or element.

use crate::npy;
use relprop::{Bound, Model};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// `0.5` or `@low.npy`.
#[derive(Clone, Debug, PartialEq)]
pub enum BoundSpec {
    /// The same everywhere.
    Number(f32),
    /// From a file.
    File(PathBuf),
}

impl FromStr for BoundSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some("") => Err("a file name is missing after @".to_owned()),
            Some(path) => Ok(Self::File(path.into())),
            None => super::number::number(text).map(Self::Number),
        }
    }
}

impl fmt::Display for BoundSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(&super::number::shortest(*number)),
            Self::File(path) => write!(f, "@{}", path.display()),
        }
    }
}

impl BoundSpec {
    /// Reads the file, if it is one.
    pub fn resolve(&self, model: &Model<'_>) -> anyhow::Result<Values> {
        Ok(match self {
            Self::Number(number) => Values::Uniform(*number),
            Self::File(path) => {
                let user = npy::read(path)?.data;
                Values::List(in_kernel_order(model, user))
            }
        })
    }
}

/// What a [`BoundSpec`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// The same everywhere.
    Uniform(f32),
    /// One per channel or element.
    List(Vec<f32>),
}

impl Values {
    /// As the kernel takes it.
    pub fn bound(&self) -> Bound<'_> {
        match self {
            Self::Uniform(value) => Bound::Uniform(*value),
            Self::List(values) => Bound::Values(values),
        }
    }
}

/// Values for every element of the model's input come in its layout, values per channel in any.
fn in_kernel_order(model: &Model<'_>, user: Vec<f32>) -> Vec<f32> {
    let elements = |i: usize| model.tensor(model.input(i).tensor).shape.elements();
    match (0..model.inputs()).find(|&i| elements(i) == user.len()) {
        Some(input) => {
            let mut kernel = vec![0.0; user.len()];
            model.input(input).to_kernel(&user, &mut kernel);
            kernel
        }
        None => user,
    }
}
