//! Files of any kind, told apart by what is in them.

use crate::onnx::{ImportError, WireError};
use crate::{Image, Network, Options, from_onnx, from_tflite, parse, tflite};
use relprop::Model;
use relprop::error::ImageError;
use relprop::model::format::MAGIC;
use std::fmt;

/// A file does not become a network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FileError {
    /// There is nothing in it.
    Empty,
    /// It is none of the files that can be read.
    Unknown(WireError),
    /// It is an image, and damaged or of another version.
    Image(ImageError),
    /// It is an ONNX file that cannot be imported.
    Onnx(ImportError),
    /// It is a TensorFlow Lite file that cannot be imported.
    Tflite(tflite::Error),
}

/// Whether bytes begin like a model image (`.rlp`).
pub fn is_image(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The network in an ONNX file, a TensorFlow Lite file or a model image. Of an image it is what it says, whatever its
/// plans are; of the options only the name holds for it.
///
/// # Errors
/// What is wrong with the file.
pub fn from_file(bytes: &[u8], options: &Options) -> Result<Network, FileError> {
    if bytes.is_empty() {
        return Err(FileError::Empty);
    }
    if is_image(bytes) {
        return from_image(bytes, options).map_err(FileError::Image);
    }
    if tflite::is_tflite(bytes) {
        return from_tflite(bytes, options).map_err(FileError::Tflite);
    }
    from_onnx(bytes, options).map_err(|error| match error {
        ImportError::Malformed(reason) => FileError::Unknown(reason),
        other => FileError::Onnx(other),
    })
}

fn from_image(bytes: &[u8], options: &Options) -> Result<Network, ImageError> {
    let image = Image::from_bytes(bytes);
    let mut network = parse(&Model::new_draft(image.bytes())?);
    if let Some(name) = &options.name {
        network.name.clone_from(name);
    }
    Ok(network)
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::Unknown(reason) => write!(
                f,
                "the file is neither a model image (.rlp) nor an ONNX or TensorFlow Lite file that can be read: {reason}"
            ),
            Self::Image(error) => error.fmt(f),
            Self::Onnx(error) => error.fmt(f),
            Self::Tflite(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FileError {}

#[cfg(test)]
mod tests {
    use super::{FileError, from_file};
    use crate::{Network, Options, emit};
    use relprop::step::Shape;

    #[test]
    fn an_image_comes_back_under_another_name() {
        let mut network = Network::named("one");
        let x = network.input("x", Shape::new(1, 1, 2));
        let y = network.dense(x, 1, &[1.0, 2.0], &[]);
        network.output(y);
        let image = emit(&network).unwrap();
        let options = Options { name: Some("other".into()), ..Options::default() };
        let read = from_file(image.bytes(), &options).unwrap();
        assert_eq!(read.name, "other");
        assert_eq!(emit(&Network { name: "one".into(), ..read }).unwrap(), image);
        assert!(matches!(from_file(&image.bytes()[..40], &options), Err(FileError::Image(_))));
    }

    #[test]
    fn what_is_no_model_is_said_to_be_none() {
        assert_eq!(from_file(b"", &Options::default()), Err(FileError::Empty));
        let error = from_file(b"Dear reader,\nthis is a letter.\n", &Options::default()).unwrap_err();
        assert!(error.to_string().starts_with("the file is neither a model image"), "{error}");
    }
}
