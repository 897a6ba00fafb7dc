//! From what the user names to what the kernel runs.

use crate::batch::Batch;
use crate::canvas::Canvas;
use crate::idx::{self, Idx};
use crate::load::Loaded;
use crate::numbers::short;
use crate::sentence::{self, Sentence};
use crate::{files, npy, picture, refusal, terminal, usage};
use anyhow::{Context, bail};
use image::{DynamicImage, ImageError};
use relprop::Model;
use relprop::step::{DType, Port, Tensor};
use std::path::Path;

/// The digit that is explained when nothing else is named.
const BUNDLED: &[u8] = include_bytes!("../../models/samples/7.png");

/// What to run: items, each with every input of the model in the kernel's order.
pub struct Inputs {
    /// What the user calls them.
    pub name: String,
    /// How outputs are shaped.
    pub batch: Batch,
    /// The items.
    pub items: Vec<Vec<Vec<f32>>>,
    /// What the first input looks like, where it is a picture.
    pub canvas: Option<Canvas>,
    /// Whether the first input was a file of integers.
    pub integers: bool,
    /// The texts that the items are, where they are texts.
    pub sentences: Vec<Sentence>,
    /// How many moments the items have, where the model takes sequences.
    pub moments: Option<usize>,
}

/// What the numbers of an input of int8 are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// What its integers stand for.
    Real,
    /// Its integers.
    Integers,
}

/// Values for one input of the model.
struct Fed {
    batch: Batch,
    items: Vec<Vec<f32>>,
    canvas: Option<Canvas>,
    integers: bool,
    moments: Option<usize>,
}

impl Inputs {
    /// The model with sequences as long as these.
    pub fn shortened<'m>(&self, model: &Model<'m>) -> Model<'m> {
        self.moments.map_or(*model, |moments| model.at_length(moments))
    }

    /// Reads the inputs that the command line names.
    pub fn read(loaded: &Loaded, model: &Model<'_>, named: &[String]) -> anyhow::Result<Self> {
        Self::read_as(Numbers::Real, loaded, model, named)
    }

    /// As [`read`](Self::read); integers may be left as they are.
    pub fn read_as(numbers: Numbers, loaded: &Loaded, model: &Model<'_>, named: &[String]) -> anyhow::Result<Self> {
        let paths = assign(model, named)?;
        let mut fed = Vec::with_capacity(paths.len());
        for (i, path) in paths.iter().enumerate() {
            let source = Source::open(path)?;
            let values = source.feed(numbers, loaded, model, i, path).with_context(|| format!("cannot feed {path}"))?;
            fed.push(values);
        }
        Self::zip(paths.join(", "), fed)
    }

    /// Texts, for a network that reads.
    pub fn texts(model: &Model<'_>, texts: &[String], truncate: bool) -> anyhow::Result<Self> {
        if !sentence::is_reader(model) {
            return Err(usage!("this network reads no text: leave --text out, and name a file"));
        }
        let mut sentences = Vec::with_capacity(texts.len());
        for (i, text) in texts.iter().enumerate() {
            let sentence = Sentence::new(model, text, truncate);
            let sentence =
                if texts.len() > 1 { sentence.with_context(|| format!("text {}", i + 1))? } else { sentence? };
            if let Some(remark) = sentence.remark(text) {
                terminal::note(&remark);
            }
            sentences.push(sentence);
        }
        let items = sentences.iter().map(|sentence| vec![sentence.tokens()]).collect();
        let (name, batch) = match sentences.as_slice() {
            [only] => (format!("\"{}\"", only.text), Batch::One),
            many => (format!("{} texts", many.len()), Batch::Outer(many.len())),
        };
        let moments = match sentences.as_slice() {
            [only] => Some(only.words.len()),
            _ => None,
        };
        Ok(Self { name, batch, items, canvas: None, integers: true, sentences, moments })
    }

    /// The digit that comes with the command.
    pub fn bundled(loaded: &Loaded, model: &Model<'_>) -> anyhow::Result<Self> {
        if model.inputs() != 1 {
            return Err(refusal::inputs_missing(model));
        }
        let digit = image::load_from_memory(BUNDLED)?;
        let fed = from_picture(loaded, model, 0, &digit)
            .map_err(|_| usage!("give an input: the digit that comes with relprop does not fit this model"))?;
        Self::zip("a drawn 7 (bundled)".to_owned(), vec![fed])
    }

    fn zip(name: String, fed: Vec<Fed>) -> anyhow::Result<Self> {
        let first = fed.first().context("the model has no inputs")?;
        let (batch, canvas, integers) = (first.batch, first.canvas, first.integers);
        let moments = fed.iter().find_map(|input| input.moments);
        if fed.iter().any(|input| input.moments.is_some() && input.moments != moments) {
            bail!("the inputs are sequences of different lengths");
        }
        if fed.iter().any(|input| input.batch.items() != batch.items()) {
            let counts: Vec<String> = fed.iter().map(|input| input.batch.items().to_string()).collect();
            bail!("the inputs have different numbers of items: {}", counts.join(", "));
        }
        let mut items = vec![Vec::with_capacity(fed.len()); batch.items()];
        for input in fed {
            for (item, values) in items.iter_mut().zip(input.items) {
                item.push(values);
            }
        }
        Ok(Self { name, batch, items, canvas, integers, sentences: Vec::new(), moments })
    }
}

/// Which file is for which input: `FILE` for the only one, `NAME=FILE` for each of several.
fn assign<'t>(model: &Model<'_>, named: &'t [String]) -> anyhow::Result<Vec<&'t str>> {
    let name_of = |i: usize| model.port_name(&model.input(i));
    if let ([only], 1) = (named, model.inputs()) {
        let path = only.strip_prefix(name_of(0)).and_then(|rest| rest.strip_prefix('='));
        return Ok(vec![path.unwrap_or(only)]);
    }
    let mut paths = vec![None; model.inputs()];
    for part in named.iter().flat_map(|text| text.split(',')) {
        let (name, path) = part.split_once('=').ok_or_else(|| refusal::inputs_missing(model))?;
        let place = (0..model.inputs()).position(|i| name_of(i) == name);
        *place.and_then(|i| paths.get_mut(i)).ok_or_else(|| refusal::inputs_missing(model))? = Some(path);
    }
    paths.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| refusal::inputs_missing(model))
}

/// What a name on the command line stands for.
enum Source {
    /// A file as it is.
    Bytes(Vec<u8>),
    /// One picture of many.
    Digit(Idx, usize),
}

impl Source {
    fn open(name: &str) -> anyhow::Result<Self> {
        let path = Path::new(name);
        match idx::reference(name) {
            Some((pictures, index)) if !path.exists() => Ok(Self::Digit(Idx::read(pictures)?, index)),
            _ => Ok(Self::Bytes(files::read(path)?)),
        }
    }

    fn feed(
        &self,
        numbers: Numbers,
        loaded: &Loaded,
        model: &Model<'_>,
        input: usize,
        name: &str,
    ) -> anyhow::Result<Fed> {
        let takes_integers = numbers == Numbers::Integers && is_int8(model, input);
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            Self::Digit(..) if takes_integers => return Err(not_int8()),
            Self::Digit(pictures, index) => {
                let shape = model.tensor(model.input(input).tensor).shape;
                let digit = picture::padded(pictures.picture(*index)?, shape);
                return from_picture(loaded, model, input, &digit.into());
            }
        };
        if npy::is_npy(bytes) {
            let array = npy::parse(bytes)?;
            return if takes_integers && !array.int8 {
                Err(not_int8())
            } else {
                from_array(numbers, model, input, array)
            };
        }
        if takes_integers {
            return Err(not_int8());
        }
        match image::load_from_memory(bytes) {
            Ok(picture) => from_picture(loaded, model, input, &picture),
            Err(ImageError::Unsupported(_)) if is_idx(bytes) => {
                Err(usage!("it holds many pictures: name one by its number, such as {name}#17"))
            }
            Err(ImageError::Unsupported(_)) => bail!("it is neither a .npy file nor a PNG, JPEG or BMP picture"),
            Err(error) => bail!("its picture is damaged: {error}"),
        }
    }
}

/// Begins like an IDX file, or like a gzipped one.
fn is_idx(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0, 0, 8]) || bytes.starts_with(&[0x1f, 0x8b])
}

fn from_picture(loaded: &Loaded, model: &Model<'_>, input: usize, picture: &DynamicImage) -> anyhow::Result<Fed> {
    let shape = model.tensor(model.input(input).tensor).shape;
    let pixels = loaded.pixels(model, input);
    let values = picture::to_input(picture, shape, &pixels)?;
    if let Some(remark) = faint(picture, &model.tensor(model.input(input).tensor), &values) {
        terminal::note(&remark);
    }
    let canvas = Canvas::of_picture(picture.width() as usize, picture.height() as usize, values.len(), pixels);
    Ok(Fed { batch: Batch::One, items: vec![values], canvas, integers: false, moments: None })
}

/// What to say of a picture with contrast of which an int8 input sees next to nothing: its pixels are scaled for
/// another network.
fn faint(picture: &DynamicImage, tensor: &Tensor, values: &[f32]) -> Option<String> {
    // Of 256.
    const FEW: i32 = 8;
    const CONTRAST: u8 = 64;
    if tensor.dtype != DType::I8 {
        return None;
    }
    let integers = || values.iter().map(|&value| i32::from(tensor.quantized(value)));
    let levels = integers().max()? - integers().min()? + 1;
    let grey = picture.to_luma8();
    let contrast = grey.iter().max()? - grey.iter().min()?;
    if levels >= FEW || contrast < CONTRAST {
        return None;
    }
    let lowest = values.iter().copied().fold(f32::INFINITY, f32::min);
    let highest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    Some(format!(
        "the picture uses {levels} of the input's 256 levels: it becomes {} to {}, the input takes {} to {}; \
         --input-scale (and --input-mean) say how pixels are fed",
        short(lowest),
        short(highest),
        short(tensor.real(i8::MIN)),
        short(tensor.real(i8::MAX))
    ))
}

/// Whether an input of the model is of signed bytes.
pub fn is_int8(model: &Model<'_>, input: usize) -> bool {
    model.tensor(model.input(input).tensor).dtype == DType::I8
}

/// Whether an input of the model is of tokens.
pub fn takes_tokens(model: &Model<'_>, input: usize) -> bool {
    model.tensor(model.input(input).tensor).dtype == DType::Token
}

/// The moments of the longest of some files, as far as they are arrays that fit inputs which are sequences.
pub fn longest(model: &Model<'_>, named: &[String]) -> Option<usize> {
    model.max_length()?;
    let paths = assign(model, named).ok()?;
    let of_file = |(i, path): (usize, &&str)| moments(model, i, &npy::read(Path::new(path)).ok()?.shape);
    paths.iter().enumerate().filter_map(of_file).max()
}

/// How many moments an array of this shape has, as an input that is a sequence.
fn moments(model: &Model<'_>, input: usize, shape: &[usize]) -> Option<usize> {
    let (port, shortest) = (model.input(input), model.at_length(1).input(input));
    let dims = user_dims(&port);
    let axis = dims.iter().zip(user_dims(&shortest)).position(|(long, short)| long != short)?;
    let at = match shape.len().checked_sub(dims.len()) {
        // Without the leading 1.
        None => axis.checked_sub(dims.len() - shape.len()),
        Some(batch) => Some(axis + batch),
    };
    at.and_then(|at| shape.get(at)).copied().filter(|&moments| moments > 0)
}

fn not_int8() -> anyhow::Error {
    usage!("with --raw this network takes its integers: a .npy file of int8")
}

fn from_array(numbers: Numbers, model: &Model<'_>, input: usize, mut array: npy::Array) -> anyhow::Result<Fed> {
    let moments = moments(model, input, &array.shape);
    if let (Some(moments), Some(most)) = (moments, model.max_length())
        && moments > most
    {
        bail!("it is a sequence of {moments}: the model takes up to {most} (convert it with --max-length {moments})");
    }
    let model = &moments.map_or(*model, |moments| model.at_length(moments));
    let port = model.input(input);
    if array.int8 && numbers == Numbers::Real && is_int8(model, input) {
        let tensor = model.tensor(port.tensor);
        array.data.iter_mut().for_each(|q| *q = (*q - tensor.zero_point as f32) * tensor.scale);
    }
    let dims = user_dims(&port);
    let batch = Batch::of(&array.shape, dims)?;
    if let Some(at) = array.data.iter().position(|value| !value.is_finite()) {
        let value = array.data.get(at).copied().unwrap_or_default();
        bail!("element {:?} is {value}: every element must be a finite number", index_of(&array.shape, at));
    }
    if takes_tokens(model, input)
        && let Some(at) = array.data.iter().position(|token| token.fract() != 0.0 || !(0.0..=65535.0).contains(token))
    {
        let value = array.data.get(at).copied().unwrap_or_default();
        bail!(
            "element {:?} is {value}: tokens are whole numbers from 0 to {}",
            index_of(&array.shape, at),
            model.tokens() - 1
        );
    }
    if port.is_text {
        terminal::note(
            "tokens are numbers in the model's own list of words, which may not be that of the file it was made from",
        );
    }
    let elements = dims.iter().product::<usize>().max(1);
    let items = array.data.chunks_exact(elements).map(|user| {
        let mut kernel = vec![0.0; elements];
        port.to_kernel(user, &mut kernel);
        kernel
    });
    let canvas = Canvas::of_shape(model.tensor(port.tensor).shape, port.pixels);
    Ok(Fed { batch, items: items.collect(), canvas, integers: array.int8, moments })
}

/// Shape of a port in the exported model.
pub fn user_dims(port: &Port) -> &[usize] {
    port.dims.get(..port.rank).unwrap_or(&port.dims)
}

/// Where an element is, axis by axis.
pub fn index_of(shape: &[usize], mut element: usize) -> Vec<usize> {
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&n| {
            let at = element % n.max(1);
            element /= n.max(1);
            at
        })
        .collect();
    index.reverse();
    index
}

#[cfg(test)]
mod tests {
    #[test]
    fn elements_have_an_index_per_axis() {
        assert_eq!(super::index_of(&[2, 3, 4], 17), [1, 1, 1]);
        assert_eq!(super::index_of(&[], 0), [0_usize; 0]);
    }
}
