//! Adds to a network what its file does not say.

use crate::given::Given;
use relprop::step::Pixels;
use relprop_convert::Network;

/// `pixel / 255`, where nothing else is said.
const UNIT: f32 = 1.0 / 255.0;

impl Given {
    /// Describes the first input and the first output.
    ///
    /// # Errors
    /// A sentence, if there are more or fewer labels, scales or means than there are channels.
    pub fn describe(&self, network: &mut Network) -> Result<(), String> {
        let channels = |tensor: usize| network.tensors.get(tensor).map_or(1, |tensor| tensor.shape.channels);
        let classes = network.outputs.first().map_or(0, |port| channels(port.tensor));
        let pixels = self.pixels(network.inputs.first().map_or(1, |port| channels(port.tensor)))?;
        if let Some(input) = network.inputs.first_mut() {
            input.pixels = pixels.or(input.pixels);
            input.range = self.range.or(input.range);
        }
        let Some(labels) = &self.labels else { return Ok(()) };
        if labels.len() != classes {
            return Err(format!("there are {} labels, the model has {classes} classes", labels.len()));
        }
        if let Some(output) = network.outputs.first_mut() {
            output.labels.clone_from(labels);
        }
        Ok(())
    }

    /// How pixels become values, as far as it is said.
    fn pixels(&self, channels: usize) -> Result<Option<Pixels>, String> {
        if self.scale.is_empty() && self.mean.is_empty() && self.bgr.is_none() {
            return Ok(None);
        }
        let scale = per_channel("inputScale", &self.scale, channels, if self.mean.is_empty() { UNIT } else { 1.0 })?;
        let mean = per_channel("inputMean", &self.mean, channels, 0.0)?;
        let offset = std::array::from_fn(|c| 0.0 - mean[c] * scale[c]);
        Ok(Some(Pixels { scale, offset, bgr: self.bgr == Some(true) }))
    }
}

fn per_channel(option: &str, values: &[f32], channels: usize, default: f32) -> Result<[f32; 4], String> {
    match values {
        [] => Ok([default; 4]),
        [one] => Ok([*one; 4]),
        several if several.len() == channels && channels <= 4 => {
            Ok(std::array::from_fn(|c| several.get(c).copied().unwrap_or(default)))
        }
        several => Err(format!(
            "options.{option} has {} numbers: give one, or one for each of the model's {channels} channels",
            several.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Given, UNIT};

    #[test]
    fn pixels_are_as_the_command_has_them() {
        let given = |scale: &[f32], mean: &[f32]| Given { scale: scale.into(), mean: mean.into(), ..Given::default() };
        assert_eq!(given(&[], &[]).pixels(3), Ok(None));
        let pixels = given(&[0.5], &[10.0, 20.0, 30.0]).pixels(3).unwrap().unwrap();
        assert_eq!(pixels.offset[..3], [-5.0, -10.0, -15.0]);
        assert_eq!(given(&[], &[1.0]).pixels(1).unwrap().unwrap().scale[0], 1.0);
        let bgr = Given { bgr: Some(true), ..Given::default() }.pixels(3).unwrap().unwrap();
        assert!(bgr.bgr && bgr.scale[0] == UNIT);
        assert!(given(&[1.0, 2.0], &[]).pixels(3).unwrap_err().contains("one for each of the model's 3 channels"));
    }
}
