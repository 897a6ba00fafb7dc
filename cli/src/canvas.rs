//! How an input looks as a picture.

use image::{ImageBuffer, Luma, Rgb, RgbImage};
use relprop::step::{Pixels, Shape};

/// One number per pixel.
pub type Map = ImageBuffer<Luma<f32>, Vec<f32>>;

/// An input that is a picture: its size, and what its values mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Canvas {
    width: usize,
    height: usize,
    channels: usize,
    /// How pixels became values, if they did.
    pixels: Option<Pixels>,
}

impl Canvas {
    /// The canvas of a picture that was fed as `len` values.
    pub fn of_picture(width: usize, height: usize, len: usize, pixels: Pixels) -> Option<Self> {
        let channels = len.checked_div(width * height)?;
        (channels > 0).then_some(Self { width, height, channels, pixels: Some(pixels) })
    }

    /// The canvas of a tensor that could be a picture.
    pub fn of_shape(shape: Shape, pixels: Option<Pixels>) -> Option<Self> {
        let Shape { height, width, channels } = shape;
        (height > 1 && width > 1 && matches!(channels, 1 | 3 | 4)).then_some(Self { width, height, channels, pixels })
    }

    /// The input as a picture.
    pub fn picture(&self, values: &[f32]) -> RgbImage {
        let unmapped = self.unmapping(values);
        let bgr = self.pixels.is_some_and(|p| p.bgr) && self.channels >= 3;
        let mut picture = RgbImage::new(self.width as u32, self.height as u32);
        for (pixel, values) in picture.pixels_mut().zip(values.chunks_exact(self.channels)) {
            *pixel = Rgb(std::array::from_fn(|c| {
                let c = if self.channels < 3 {
                    0
                } else if bgr {
                    2 - c
                } else {
                    c
                };
                unmapped(values.get(c).copied().unwrap_or_default(), c) as u8
            }));
        }
        picture
    }

    /// Relevance per pixel: the sum over its channels.
    pub fn map(&self, relevance: &[f32]) -> Map {
        let mut map = Map::new(self.width as u32, self.height as u32);
        for (pixel, channels) in map.pixels_mut().zip(relevance.chunks_exact(self.channels)) {
            *pixel = Luma([channels.iter().sum()]);
        }
        map
    }

    /// From a value of a channel back to a pixel in 0..=255.
    fn unmapping(&self, values: &[f32]) -> impl Fn(f32, usize) -> f32 {
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // Without a mapping: the unit interval as it is, anything else from its smallest to its largest value.
        let (from, to) = if low >= 0.0 && high <= 1.0 { (0.0, 1.0) } else { (low, high) };
        let pixels = self.pixels;
        move |value, channel| {
            match pixels {
                Some(p) if p.scale[channel] != 0.0 => (value - p.offset[channel]) / p.scale[channel],
                _ => (value - from) / (to - from).max(f32::MIN_POSITIVE) * 255.0,
            }
            .round()
            .clamp(0.0, 255.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Canvas;
    use relprop::step::Shape;
    use relprop_convert::describe::UNIT;

    #[test]
    fn a_picture_comes_back() {
        let canvas = Canvas::of_picture(2, 1, 2, UNIT).unwrap();
        assert_eq!(canvas.picture(&[0.0, 1.0]).into_raw(), [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn values_without_a_mapping_are_stretched() {
        let canvas = Canvas::of_shape(Shape::new(2, 2, 1), None).unwrap();
        assert_eq!(canvas.picture(&[-1.0, 1.0, 3.0, 1.0]).into_raw()[..6], [0, 0, 0, 128, 128, 128]);
    }

    #[test]
    fn relevance_is_summed_over_channels() {
        let canvas = Canvas::of_shape(Shape::new(2, 2, 3), None).unwrap();
        let relevance: Vec<f32> = (0..12).map(|i| i as f32).collect();
        assert_eq!(canvas.map(&relevance).into_raw(), [3.0, 12.0, 21.0, 30.0]);
    }
}
