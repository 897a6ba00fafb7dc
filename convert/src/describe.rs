//! What a file does not say of its network: how pixels become inputs, their range, the names of the classes.

use crate::Network;
use relprop::step::Pixels;
use relprop::{Mode, Model};
use std::fmt;

/// What holds where nothing else is said: `pixel / 255`.
pub const UNIT: Pixels = Pixels { scale: [1.0 / 255.0; 4], offset: [0.0; 4], bgr: false };

/// How pixels from 0 to 255 become values, as far as it is said: `(pixel − mean) · scale`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feeding {
    /// One factor for all channels, or one each; none where nothing is said.
    pub scale: Vec<f32>,
    /// What is taken off before, likewise.
    pub mean: Vec<f32>,
    /// Whether blue comes first.
    pub bgr: Option<bool>,
}

/// What is said of the first input and the first output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// How pixels become the input.
    pub feeding: Feeding,
    /// The smallest and the largest value of the input.
    pub range: Option<(f32, f32)>,
    /// Names of the classes.
    pub labels: Option<Vec<String>>,
}

/// A description does not fit the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescribeError {
    /// A number of a feeding is not finite.
    NotFinite(Said),
    /// There are neither one nor as many numbers as channels.
    Channels {
        /// Of what.
        of: Said,
        /// How many there are.
        given: usize,
        /// Channels of the input.
        channels: usize,
    },
    /// There are more or fewer names than classes.
    Labels {
        /// How many there are.
        given: usize,
        /// Channels of the output.
        classes: usize,
    },
}

/// What a number was said of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// [`Feeding::scale`].
    Scale,
    /// [`Feeding::mean`].
    Mean,
}

impl DescribeError {
    /// The error as a sentence, with the names that the caller has for scale and mean.
    pub fn naming(self, scale: &str, mean: &str) -> String {
        let name = |said| if said == Said::Scale { scale } else { mean };
        match self {
            Self::NotFinite(of) => format!("{} must be finite", name(of)),
            Self::Channels { of, given, channels } => format!(
                "{} has {given} numbers: give one, or one for each of the model's {channels} channels",
                name(of)
            ),
            Self::Labels { given, classes } => format!("there are {given} labels, the model has {classes} classes"),
        }
    }
}

impl fmt::Display for DescribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.naming("the scale", "the mean"))
    }
}

impl std::error::Error for DescribeError {}

impl Feeding {
    /// For an input of so many channels; `None` where nothing is said.
    ///
    /// # Errors
    /// A number is not finite, or there are neither one nor one per channel.
    pub fn pixels(&self, channels: usize) -> Result<Option<Pixels>, DescribeError> {
        if self.scale.is_empty() && self.mean.is_empty() && self.bgr.is_none() {
            return Ok(None);
        }
        let default = if self.mean.is_empty() { UNIT.scale[0] } else { 1.0 };
        let scale = per_channel(Said::Scale, &self.scale, channels, default)?;
        let mean = per_channel(Said::Mean, &self.mean, channels, 0.0)?;
        let offset = std::array::from_fn(|c| 0.0 - mean[c] * scale[c]);
        Ok(Some(Pixels { scale, offset, bgr: self.bgr == Some(true) }))
    }
}

fn per_channel(of: Said, values: &[f32], channels: usize, default: f32) -> Result<[f32; 4], DescribeError> {
    if values.iter().any(|value| !value.is_finite()) {
        return Err(DescribeError::NotFinite(of));
    }
    match values {
        [] => Ok([default; 4]),
        [one] => Ok([*one; 4]),
        several if several.len() == channels && channels <= 4 => {
            Ok(std::array::from_fn(|c| several.get(c).copied().unwrap_or(default)))
        }
        several => Err(DescribeError::Channels { of, given: several.len(), channels }),
    }
}

impl Description {
    /// Adds to a network what is said, and leaves the rest as it is.
    ///
    /// # Errors
    /// It does not fit; the network is as it was.
    pub fn apply(&self, network: &mut Network) -> Result<(), DescribeError> {
        let channels = |tensor: usize| network.tensors.get(tensor).map_or(1, |tensor| tensor.shape.channels);
        let classes = network.outputs.first().map_or(0, |port| channels(port.tensor));
        let pixels = self.feeding.pixels(network.inputs.first().map_or(1, |port| channels(port.tensor)))?;
        if let Some(labels) = self.labels.as_ref().filter(|labels| labels.len() != classes) {
            return Err(DescribeError::Labels { given: labels.len(), classes });
        }
        if let Some(input) = network.inputs.first_mut() {
            input.pixels = pixels.or(input.pixels);
            input.range = self.range.or(input.range);
        }
        if let (Some(labels), Some(output)) = (&self.labels, network.outputs.first_mut()) {
            output.labels.clone_from(labels);
        }
        Ok(())
    }
}

/// What a model takes, for people: `7 steps, 59 480 bytes of flash, …`.
pub fn summary(model: &Model<'_>) -> String {
    format!(
        "{} steps, {} bytes of flash, {} bytes of RAM to run, {} to explain",
        model.steps(),
        grouped(model.image().len()),
        grouped(model.arena_bytes(Mode::Infer)),
        grouped(model.arena_bytes(Mode::Explain))
    )
}

/// A number in groups of three digits: `25 088`.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    groups.iter().map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use relprop::step::Shape;

    fn feeding(scale: &[f32], mean: &[f32]) -> Feeding {
        Feeding { scale: scale.into(), mean: mean.into(), bgr: None }
    }

    #[test]
    fn pixels_are_scaled_per_channel() {
        assert_eq!(feeding(&[], &[]).pixels(3), Ok(None));
        let pixels = feeding(&[0.5], &[10.0, 20.0, 30.0]).pixels(3).unwrap().unwrap();
        assert_eq!(pixels.offset[..3], [-5.0, -10.0, -15.0]);
        // With a mean, pixels are not scaled unless it is said.
        assert_eq!(feeding(&[], &[1.0]).pixels(1).unwrap().unwrap().scale[0], 1.0);
        let bgr = Feeding { bgr: Some(true), ..Feeding::default() }.pixels(3).unwrap().unwrap();
        assert!(bgr.bgr && bgr.scale == UNIT.scale);
    }

    #[test]
    fn refusals_name_what_was_said() {
        let few = feeding(&[1.0, 2.0], &[]).pixels(3).unwrap_err();
        assert_eq!(few, DescribeError::Channels { of: Said::Scale, given: 2, channels: 3 });
        assert!(few.naming("--input-scale", "--input-mean").starts_with("--input-scale has 2 numbers"));
        assert_eq!(feeding(&[], &[f32::NAN]).pixels(1), Err(DescribeError::NotFinite(Said::Mean)));
    }

    #[test]
    fn a_description_that_does_not_fit_changes_nothing() {
        let mut network = Network::named("digits");
        let x = network.input("x", Shape::new(1, 1, 2));
        network.output(x);
        let before = network.clone();
        let labels = Some(vec!["one".to_owned()]);
        let description = Description { range: Some((0.0, 1.0)), labels, ..Description::default() };
        assert_eq!(description.apply(&mut network), Err(DescribeError::Labels { given: 1, classes: 2 }));
        assert_eq!(network, before);
    }

    #[test]
    fn numbers_are_grouped_from_the_right() {
        assert_eq!(["7", "25 088", "1 234 567"], [7, 25_088, 1_234_567].map(grouped).as_slice());
    }
}
