//! Models, told apart by what is in them.

use crate::args::FeedingArgs;
use crate::{files, input};
use anyhow::anyhow;
use relprop::limits::OpenError;
use relprop::step::Pixels;
use relprop::{Limits, Mode, Model};
use relprop_convert::{FileError, Image, Network, Options, is_image};
use std::path::Path;

/// The digit reader that `relprop explain` explains when it is given nothing else.
const BUNDLED: &[u8] = include_bytes!("../../models/mnist-cnn.rlp");

/// A model and how to speak of it.
pub struct Loaded {
    /// What the user calls it.
    pub name: String,
    image: Image,
    pixels: Option<Pixels>,
}

impl Loaded {
    /// Loads a model image, an ONNX file or a TensorFlow Lite file, to be run and explained: within the limits.
    pub fn open(path: &Path, feeding: &FeedingArgs) -> anyhow::Result<Self> {
        let loaded = Self::look(path, feeding)?;
        loaded.hold(feeding)?;
        Ok(loaded)
    }

    /// As [`open`](Self::open), only to look at: whatever it would take to run.
    pub fn look(path: &Path, feeding: &FeedingArgs) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let image = image(&files::read(path)?, &name, feeding)?;
        Self::checked(name, image, feeding)
    }

    fn hold(&self, feeding: &FeedingArgs) -> anyhow::Result<()> {
        feeding.limits.limits().check(&self.model()?, Mode::Retain).map_err(|error| {
            anyhow!("{} asks for too much: {error} (--max-memory and --max-work raise the limits)", self.name)
        })
    }

    /// As [`open`](Self::open); where an ONNX file leaves the length of a sequence open, the model takes these inputs,
    /// however long they are.
    pub fn open_for(path: &Path, feeding: &FeedingArgs, inputs: &[String]) -> anyhow::Result<Self> {
        let loaded = Self::open(path, feeding)?;
        let model = loaded.model()?;
        let Some(moments) = input::longest(&model, inputs).filter(|moments| model.max_length() < Some(*moments)) else {
            return Ok(loaded);
        };
        let bytes = files::read(path)?;
        if is_image(&bytes) {
            return Ok(loaded);
        }
        let options = Options { max_length: Some(moments), ..options(feeding) };
        let image = converted(&bytes, &loaded.name, &options)?;
        let loaded = Self::checked(loaded.name, image, feeding)?;
        loaded.hold(feeding)?;
        Ok(loaded)
    }

    /// The digit reader that comes with the command.
    pub fn bundled(feeding: &FeedingArgs) -> anyhow::Result<Self> {
        let name = "mnist-cnn (bundled)".to_owned();
        let image = image(BUNDLED, &name, feeding)?;
        Self::checked(name, image, feeding)
    }

    fn checked(name: String, image: Image, feeding: &FeedingArgs) -> anyhow::Result<Self> {
        let validation = Limits { checks: feeding.limits.limits().checks, ..Limits::NONE };
        let model = validation.open(image.bytes(), Mode::Infer).map_err(|error| match error {
            OpenError::Image(error) => anyhow!(error).context(format!("{name} cannot be used")),
            OpenError::Exceeded(error) => anyhow!(error).context(format!("{name} asks for too much")),
        })?;
        let channels = model.tensor(model.input(0).tensor).shape.channels;
        let pixels = feeding.pixels.pixels(channels)?;
        Ok(Self { name, image, pixels })
    }

    /// The model.
    pub fn model(&self) -> anyhow::Result<Model<'_>> {
        Ok(self.image.model()?)
    }

    /// Bytes of the image.
    pub fn flash(&self) -> usize {
        self.image.bytes().len()
    }

    /// How pictures are fed: as the command line says, else as the model does, else `pixel / 255`.
    pub fn pixels(&self, model: &Model<'_>, input: usize) -> Pixels {
        self.pixels.or(model.input(input).pixels).unwrap_or(relprop_convert::describe::UNIT)
    }
}

fn image(bytes: &[u8], name: &str, feeding: &FeedingArgs) -> anyhow::Result<Image> {
    if is_image(bytes) {
        if feeding.keep_batch_norm {
            eprintln!("note: {name} is an image already, --keep-batch-norm changes nothing");
        }
        return Ok(Image::from_bytes(bytes));
    }
    converted(bytes, name, &options(feeding))
}

fn options(feeding: &FeedingArgs) -> Options {
    Options { keep_batch_norm: feeding.keep_batch_norm, ..Options::default() }
}

fn converted(bytes: &[u8], name: &str, options: &Options) -> anyhow::Result<Image> {
    let network = import(bytes, name, options)?;
    relprop_convert::emit(&network).map_err(|error| anyhow!("cannot convert {name}: {error}"))
}

/// The network in a file of any kind.
pub fn import(bytes: &[u8], name: &str, options: &Options) -> anyhow::Result<Network> {
    relprop_convert::from_file(bytes, options).map_err(|error| match error {
        FileError::Empty => anyhow!("{name} is empty"),
        FileError::Unknown(reason) => anyhow!(
            "{name} is neither a model image (.rlp) nor an ONNX or TensorFlow Lite file that can be read: {reason}"
        ),
        FileError::Image(error) => anyhow!(error).context(format!("{name} cannot be used")),
        other => anyhow!("{name}: {other}"),
    })
}
