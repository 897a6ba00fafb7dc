//! Handwritten digits: the files of MNIST.

use crate::idx::{self, Idx};
use crate::load::Loaded;
use crate::picture;
use anyhow::{Context, ensure};
use relprop::Model;
use std::path::Path;

/// Pictures of digits, and which digits they are.
pub struct Digits {
    images: Idx,
    labels: Idx,
}

impl Digits {
    /// The digits that networks are tested on.
    pub fn test(folder: &Path) -> anyhow::Result<Self> {
        Self::open(folder, "t10k")
    }

    /// The digits that networks are trained on.
    pub fn training(folder: &Path) -> anyhow::Result<Self> {
        Self::open(folder, "train")
    }

    fn open(folder: &Path, part: &str) -> anyhow::Result<Self> {
        let images = Idx::read(&idx::find(folder, &format!("{part}-images-idx3-ubyte"))?)?;
        let labels = Idx::read(&idx::find(folder, &format!("{part}-labels-idx1-ubyte"))?)?;
        ensure!(images.len() == labels.len(), "there are {} images, but {} labels", images.len(), labels.len());
        Ok(Self { images, labels })
    }

    /// How many there are, counted no further than `limit`.
    pub fn len(&self, limit: Option<u32>) -> anyhow::Result<usize> {
        let count = limit.map_or(self.images.len(), |limit| self.images.len().min(limit as usize));
        ensure!(count > 0, "there are no images");
        Ok(count)
    }

    /// A digit as a model takes it.
    pub fn input(&self, loaded: &Loaded, model: &Model<'_>, index: usize) -> anyhow::Result<Vec<f32>> {
        let shape = model.tensor(model.input(0).tensor).shape;
        let digit = picture::padded(self.images.picture(index)?, shape);
        picture::to_input(&digit.into(), shape, &loaded.pixels(model, 0)).context("the digits do not fit the model")
    }

    /// Which digit it is.
    pub fn label(&self, index: usize) -> Option<usize> {
        self.labels.item(index)?.first().copied().map(usize::from)
    }
}
