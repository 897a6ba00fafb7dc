//! What an importer is told beside the file.

use relprop::step::Pixels;

/// Options of an import.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Name of the network; that of the graph if there is none.
    pub name: Option<String>,
    /// Names of the classes: none, or as many as the first output has channels.
    pub labels: Vec<String>,
    /// How a picture becomes the first input.
    pub pixels: Option<Pixels>,
    /// Range of values that the first input may take.
    pub range: Option<(f32, f32)>,
    /// Keep every batch normalisation as a step of its own instead of folding it into the layer before it.
    pub keep_batch_norm: bool,
    /// The most moments of a sequence, where the file leaves its length open; else what the file says, else
    /// [`Options::MAX_LENGTH`].
    pub max_length: Option<usize>,
}

impl Options {
    /// The most moments of a sequence where nothing else is said.
    pub const MAX_LENGTH: usize = 128;
}
