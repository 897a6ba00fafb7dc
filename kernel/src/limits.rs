//! What a model asks of its host at most, and refusing those that ask too much before anything runs.
//!
//! A short image may describe a huge network: a window over a tensor of gigabytes needs no weights. [`Model::work`] counts
//! what a pass costs, from the shapes alone; [`Limits`] holds it, and the memory, to what the host is ready to give.

use crate::error::ImageError;
use crate::model::Model;
use crate::model::format::{BLOCK, Section, header, string};
use crate::model::read_u32;
use crate::plan::Mode;
use crate::step::{Op, Shape, Step};
use core::fmt;

/// What passes over a model cost at most, in multiply-accumulates or what takes about as long. Saturates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// One inference.
    pub forward: u64,
    /// One explanation by the costliest rules, with the inference that [`Mode::Explain`] may have to repeat.
    pub explain: u64,
}

/// One way back reads weights at most so many times: z^B with its three sums, each once to divide and once to hand out,
/// the terms that redistribution and [`measure_condition`](crate::Composite::measure_condition) add, and an activation in
/// place that runs its linear layer again.
const SWEEPS: u64 = 24;
/// Work for an element of a function that is made of `exp`.
const FUNCTION: u64 = 16;

/// What a host is ready to give. A limit that is left at [`u64::MAX`] is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the image.
    pub image: u64,
    /// Comparisons that validating the image takes: about the square of its number of records, and the bytes of its strings.
    pub checks: u64,
    /// Bytes of the arena.
    pub arena: u64,
    /// [`Work::forward`].
    pub forward: u64,
    /// [`Work::explain`]; not looked at for [`Mode::Infer`].
    pub explain: u64,
}

/// One of [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Limit {
    /// Bytes of the image.
    Image,
    /// Comparisons that validating the image takes.
    Checks,
    /// Bytes of the arena.
    Arena,
    /// Work of one inference.
    Forward,
    /// Work of one explanation.
    Explain,
}

/// A model needs more than its host gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Exceeded {
    /// Of what.
    pub limit: Limit,
    /// How much it needs.
    pub needed: u64,
    /// How much there is.
    pub most: u64,
}

/// An image was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OpenError {
    /// It breaks a rule of the format.
    Image(ImageError),
    /// It asks for too much.
    Exceeded(Exceeded),
}

impl Limits {
    /// Everything is allowed.
    pub const NONE: Self =
        Self { image: u64::MAX, checks: u64::MAX, arena: u64::MAX, forward: u64::MAX, explain: u64::MAX };

    /// Validates an image that may come from anywhere, and holds it to these limits: those on its size and on the work of
    /// validating it before anything else.
    ///
    /// # Errors
    /// What is wrong with the image, or what it needs too much of.
    pub const fn open<'a>(&self, image: &'a [u8], mode: Mode) -> Result<Model<'a>, OpenError> {
        if let Err(error) = at_most(Limit::Image, image.len() as u64, self.image) {
            return Err(OpenError::Exceeded(error));
        }
        if let Err(error) = at_most(Limit::Checks, checks(image), self.checks) {
            return Err(OpenError::Exceeded(error));
        }
        let model = match Model::new(image) {
            Ok(model) => model,
            Err(error) => return Err(OpenError::Image(error)),
        };
        match self.check(&model, mode) {
            Ok(()) => Ok(model),
            Err(error) => Err(OpenError::Exceeded(error)),
        }
    }

    /// Whether a session of this model in this mode keeps to the limits.
    ///
    /// # Errors
    /// What it needs too much of.
    pub const fn check(&self, model: &Model<'_>, mode: Mode) -> Result<(), Exceeded> {
        let work = model.work();
        let explain = if mode.explains() { work.explain } else { 0 };
        let needs = [
            (Limit::Image, model.image().len() as u64, self.image),
            (Limit::Arena, model.arena_bytes(mode) as u64, self.arena),
            (Limit::Forward, work.forward, self.forward),
            (Limit::Explain, explain, self.explain),
        ];
        let mut i = 0;
        while i < needs.len() {
            let (limit, needed, most) = needs[i];
            if let Err(error) = at_most(limit, needed, most) {
                return Err(error);
            }
            i += 1;
        }
        Ok(())
    }
}

const fn at_most(limit: Limit, needed: u64, most: u64) -> Result<(), Exceeded> {
    if needed > most { Err(Exceeded { limit, needed, most }) } else { Ok(()) }
}

/// How often validation compares two records, and how many bytes of strings it reads, from a header that nobody has
/// checked. Records that do not fit the image are none: validation refuses such a header at once.
const fn checks(image: &[u8]) -> u64 {
    let (mut records, mut text): (u64, u64) = (0, 0);
    let mut i = 0;
    while i < Section::ALL.len() {
        let section = Section::ALL[i];
        let size = section.record_size() as u64;
        let at = header::SECTIONS + 8 * section as usize;
        let (start, count, fit) = (read_u32(image, at), read_u32(image, at + 4) as u64, image.len() as u64 / size);
        let count = if count < fit { count } else { fit };
        match section {
            // Nobody compares them with each other, but they may share their bytes.
            Section::Strings => {
                let mut k = 0;
                while k < count {
                    // Where it may lie: beyond what a `usize` of four bytes says.
                    let at = start as u64 + k * size + string::LENGTH as u64;
                    let length = if at < image.len() as u64 { read_u32(image, at as usize) as u64 } else { 0 };
                    text = text.saturating_add(if length < image.len() as u64 { length } else { 0 });
                    k += 1;
                }
            }
            Section::Tensors | Section::Steps | Section::Operands | Section::Ports => records += count,
            Section::Text | Section::Plans | Section::Params => {}
        }
        i += 1;
    }
    records.saturating_mul(records).saturating_add(text)
}

impl Model<'_> {
    /// What passes over this model cost at most, over sequences of the longest length.
    pub const fn work(&self) -> Work {
        let model = self.at_length(usize::MAX);
        let (mut work, mut i) = (Work { forward: 0, explain: 0 }, 0);
        while i < model.steps() {
            let step = model.step(i);
            let forward = step_work(&model, &step);
            work.forward = work.forward.saturating_add(forward);
            work.explain = work.explain.saturating_add(forward.saturating_mul(1 + SWEEPS));
            i += 1;
        }
        work
    }
}

/// One step forward.
const fn step_work(model: &Model<'_>, step: &Step) -> u64 {
    let input = model.tensor(model.operand(step, 0)).shape;
    let output = model.tensor(step.output).shape;
    let elements = larger(output.elements(), input.elements());
    // Channels are worked on in blocks.
    let channels = output.channels.next_multiple_of(BLOCK) as u64;
    let pixels = larger(output.height * output.width, input.height * input.width);
    match step.op {
        Op::Conv | Op::ConvTranspose => {
            // A group of one block at least; there is at least one group in a model that was checked.
            let groups = if step.groups == 0 { 1 } else { step.groups };
            let outputs = (groups as u64).saturating_mul((output.channels / groups).next_multiple_of(BLOCK) as u64);
            pixels
                .saturating_mul(outputs)
                // Patches are as long as the kernel, padding or not.
                .saturating_mul(step.kernel[0] as u64 * step.kernel[1] as u64)
                .saturating_mul(larger(input.channels / groups, 1))
        }
        Op::Depthwise | Op::MaxPool | Op::AveragePool => {
            pixels.saturating_mul(channels).saturating_mul(taps(step, input, output))
        }
        Op::Dense => (input.elements() as u64).saturating_mul(channels),
        Op::Lstm | Op::Gru => {
            let gates = if matches!(step.op, Op::Lstm) { 4 } else { 3 };
            let row = (input.channels as u64).saturating_add(channels).saturating_add(FUNCTION);
            (input.height as u64).saturating_mul(gates * channels).saturating_mul(row)
        }
        Op::LocalResponseNorm => {
            let window = if (step.ints[0] as usize) < input.channels { step.ints[0] as usize } else { input.channels };
            elements.saturating_mul(FUNCTION.saturating_add(window as u64))
        }
        Op::Activation | Op::Softmax => elements.saturating_mul(FUNCTION),
        Op::Concat => (output.elements() as u64).saturating_add(step.operands as u64),
        Op::Affine
        | Op::Add
        | Op::Mul
        | Op::Pad
        | Op::Slice
        | Op::View
        | Op::Transpose
        | Op::Quantize
        | Op::Dequantize
        | Op::Embedding => elements,
    }
}

/// Places of a window that may read an input.
const fn taps(step: &Step, input: Shape, output: Shape) -> u64 {
    let axes = step.axes(input, output);
    let (mut product, mut i) = (1_u64, 0);
    while i < axes.len() {
        let reach = if axes[i].transposed { axes[i].output } else { axes[i].input };
        let taps = if axes[i].kernel < reach { axes[i].kernel } else { reach };
        product = product.saturating_mul(larger(taps, 1));
        i += 1;
    }
    product
}

const fn larger(a: usize, b: usize) -> u64 {
    (if a > b { a } else { b }) as u64
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limit, needed, most) = (self.limit, Count(self.needed), Count(self.most));
        match limit {
            Limit::Image => write!(f, "the image has {needed} bytes, the limit is {most}"),
            Limit::Checks => write!(f, "validating the image takes {needed} comparisons, the limit is {most}"),
            Limit::Arena => write!(f, "the model needs an arena of {needed} bytes, the limit is {most}"),
            Limit::Forward => {
                write!(f, "an inference takes up to {needed} multiply-accumulates, the limit is {most}")
            }
            Limit::Explain => {
                write!(f, "an explanation takes up to {needed} multiply-accumulates, the limit is {most}")
            }
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::Exceeded(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Exceeded {}
impl core::error::Error for OpenError {}

/// A number of things, for people. By numbers of 32 bits: where these are a register, what `core` has for 64 bits could panic, as
/// far as a compiler can tell.
struct Count(u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BILLION: u64 = 1_000_000_000;
        let [high, middle, low] =
            [self.0 / BILLION / BILLION, self.0 / BILLION % BILLION, self.0 % BILLION].map(|n| n as u32);
        match (high, middle) {
            (0, 0) => write!(f, "{low}"),
            (0, _) => write!(f, "{middle}{low:09}"),
            _ => write!(f, "{high}{middle:09}{low:09}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Count;
    use std::format;

    #[test]
    fn counts_are_written_as_numbers() {
        for n in [
            0,
            9,
            999_999_999,
            1_000_000_000,
            1_000_000_007,
            999_999_999_999_999_999,
            1_000_000_000_000_000_000,
            u64::MAX,
        ] {
            assert_eq!(format!("{}", Count(n)), n.to_string());
        }
    }
}
