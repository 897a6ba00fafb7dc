//! From a picture to an input.

use crate::args::{ChannelOrder, PixelArgs};
use crate::usage;
use anyhow::bail;
use image::{DynamicImage, GrayImage, Luma};
use relprop::step::{Pixels, Shape};
use relprop_convert::describe::{DescribeError, Feeding};

impl PixelArgs {
    /// What the command line says of pixels.
    pub fn feeding(&self) -> Feeding {
        let bgr = self.layout.map(|layout| layout == ChannelOrder::Bgr);
        Feeding { scale: self.scale.clone(), mean: self.mean.clone(), bgr }
    }

    /// How pixels become values, as far as the command line says so.
    ///
    /// # Errors
    /// A number of scales or means that is neither one nor that of the channels.
    pub fn pixels(&self, channels: usize) -> anyhow::Result<Option<Pixels>> {
        self.feeding().pixels(channels).map_err(unfitting)
    }
}

/// In the words of the command line.
pub fn unfitting(error: DescribeError) -> anyhow::Error {
    usage!("{}", error.naming("--input-scale", "--input-mean"))
}

/// Turns a picture into an input, in the kernel's order.
///
/// # Errors
/// The size differs: pictures are not scaled, because an explanation is about the pixels that the network sees.
pub fn to_input(picture: &DynamicImage, shape: Shape, pixels: &Pixels) -> anyhow::Result<Vec<f32>> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    // All pixels in a row, or a sequence of rows.
    let flat = shape.width == 1 && shape.channels == width * height && shape.height == 1;
    let lines = shape.width == 1 && shape.channels == width && shape.height == height;
    if !flat && !lines && (height, width) != (shape.height, shape.width) {
        bail!(
            "it has {width} × {height} pixels, the model takes {}; scale it first",
            if shape.height > 1 || shape.width > 1 {
                format!("{} × {}", shape.width, shape.height)
            } else {
                format!("{} numbers, not a picture", shape.channels)
            }
        );
    }
    let channels = if flat || lines && shape.channels > 1 { 1 } else { shape.channels };
    let bytes = match channels {
        1 => picture.to_luma8().into_raw(),
        3 => picture.to_rgb8().into_raw(),
        4 => picture.to_rgba8().into_raw(),
        other => bail!("the model's input has {other} channels, a picture has 1, 3 or 4; pass a .npy file"),
    };
    // In a blue-green-red input, channel 0 is blue; an alpha channel stays where it is.
    let source = |c: usize| if pixels.bgr && channels >= 3 && c < 3 { 2 - c } else { c };
    let value = |pixel: &[u8], c: usize| {
        let byte = pixel.get(source(c)).copied().unwrap_or_default();
        f32::from(byte) * pixels.scale[c] + pixels.offset[c]
    };
    Ok(bytes.chunks_exact(channels).flat_map(|pixel| (0..channels).map(move |c| value(pixel, c))).collect())
}

/// Puts a digit into the middle of a larger square of its own background, as LeNet-5 wants MNIST.
pub fn padded(digit: GrayImage, shape: Shape) -> GrayImage {
    let (width, height) = (shape.width as u32, shape.height as u32);
    let margin = |outer: u32, inner: u32| outer.checked_sub(inner).filter(|rest| rest % 2 == 0);
    match (margin(width, digit.width()), margin(height, digit.height())) {
        (Some(x), Some(y)) if x > 0 && x == y => {
            let mut square = GrayImage::from_pixel(width, height, Luma([0]));
            image::imageops::replace(&mut square, &digit, i64::from(x / 2), i64::from(y / 2));
            square
        }
        _ => digit,
    }
}

#[cfg(test)]
mod tests {
    use super::{padded, to_input};
    use crate::args::{ChannelOrder, PixelArgs};
    use image::{DynamicImage, GrayImage, RgbImage};
    use relprop::step::Shape;
    use relprop_convert::describe::UNIT;

    #[test]
    fn mean_and_scale_follow_the_convention() {
        let args = PixelArgs { scale: vec![0.5], mean: vec![10.0, 20.0, 30.0], layout: None };
        let pixels = args.pixels(3).unwrap().unwrap();
        // (pixel − mean)·scale
        assert_eq!(12.0 * pixels.scale[1] + pixels.offset[1], (12.0 - 20.0) * 0.5);
        assert!(args.pixels(2).is_err());
    }

    #[test]
    fn layout_swaps_channels() {
        let args = PixelArgs { layout: Some(ChannelOrder::Bgr), scale: vec![1.0], ..Default::default() };
        let pixels = args.pixels(3).unwrap().unwrap();
        let picture = DynamicImage::from(RgbImage::from_raw(1, 1, vec![1, 2, 3]).unwrap());
        assert_eq!(to_input(&picture, Shape::new(1, 1, 3), &pixels).unwrap(), [3.0, 2.0, 1.0]);
    }

    #[test]
    fn grey_and_colour_are_converted_but_sizes_are_not() {
        let grey = DynamicImage::from(GrayImage::from_raw(2, 1, vec![0, 255]).unwrap());
        assert_eq!(to_input(&grey, Shape::new(1, 2, 3), &UNIT).unwrap(), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(to_input(&grey, Shape::new(1, 1, 2), &UNIT).unwrap(), [0.0, 1.0]);
        assert!(to_input(&grey, Shape::new(2, 1, 1), &UNIT).is_err());
        let lines = DynamicImage::from(GrayImage::from_raw(2, 3, vec![0, 255, 0, 0, 255, 0]).unwrap());
        assert_eq!(to_input(&lines, Shape::new(3, 1, 2), &UNIT).unwrap(), [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn digits_get_a_margin() {
        let digit = GrayImage::from_raw(2, 2, vec![9; 4]).unwrap();
        let square = padded(digit, Shape::new(4, 4, 1));
        assert_eq!(square.as_raw()[4..8], [0, 9, 9, 0]);
    }
}
