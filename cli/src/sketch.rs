//! A picture and its heat map side by side, in characters.

use crate::canvas::Map;
use crate::heatmap;
use crate::terminal::Palette;
use anstyle::{Color, Style};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

/// Spaces before, between and after the pictures.
const GAP: usize = 2;
/// Narrower pictures are enlarged.
const MIN_WIDTH: u32 = 20;
/// Wider ones are reduced, even where there is room.
const MAX_WIDTH: u32 = 56;

/// Draws both, one text line for two rows of pixels.
pub fn side_by_side(picture: &RgbImage, map: &Map, palette: Palette, columns: usize) -> Vec<String> {
    let room = (columns.saturating_sub(3 * GAP) / 2).max(8) as u32;
    let (width, height) = fitted(picture.width(), picture.height(), room.min(MAX_WIDTH));
    let picture = imageops::resize(picture, width, height, filter(picture.width(), width));
    let map = imageops::resize(map, width, height, filter(map.width(), width));
    let (left, right, legend) = if palette == Palette::Plain {
        (shades(&picture), signs(&map), "relevance: . + # for, ' - = against")
    } else {
        (blocks(&picture, palette), blocks(&heatmap::heat(&map), palette), "relevance: red for, blue against")
    };
    let gap = " ".repeat(GAP);
    let mut lines: Vec<String> =
        left.iter().zip(&right).map(|(left, right)| format!("{gap}{left}{gap}{right}").trim_end().to_owned()).collect();
    lines.push(format!("{gap}{:<width$}{gap}{legend}", "input", width = width as usize));
    lines
}

/// The size to draw at: whole multiples up, anything down.
fn fitted(width: u32, height: u32, room: u32) -> (u32, u32) {
    if width > room {
        return (room, (height * room / width).max(1));
    }
    let times = MIN_WIDTH.div_ceil(width).min(room / width).max(1);
    (width * times, height * times)
}

/// Sharp when enlarging, smooth when reducing.
fn filter(from: u32, to: u32) -> FilterType {
    if to >= from { FilterType::Nearest } else { FilterType::Triangle }
}

/// Half blocks: the upper pixel is the foreground, the lower one the background.
fn blocks(picture: &RgbImage, palette: Palette) -> Vec<String> {
    let color = |rgb: Rgb<u8>| {
        let [r, g, b] = rgb.0;
        let rgb = anstyle::RgbColor(r, g, b);
        if palette == Palette::True { Color::Rgb(rgb) } else { Color::Ansi256(anstyle_lossy::rgb_to_xterm(rgb)) }
    };
    let cell = |x: u32, y: u32| {
        let style = Style::new().fg_color(Some(color(*picture.get_pixel(x, y))));
        let lower = picture.get_pixel_checked(x, y + 1).map(|pixel| color(*pixel));
        style.bg_color(lower)
    };
    let line = |y: u32| {
        let mut last = Style::new();
        let cells = (0..picture.width()).map(|x| {
            let style = cell(x, y);
            // Colours are set where they change.
            let change = if style == last { String::new() } else { format!("{last:#}{style}") };
            last = style;
            change + "▀"
        });
        let line: String = cells.collect();
        format!("{line}{last:#}")
    };
    (0..picture.height()).step_by(2).map(line).collect()
}

/// Brightness in characters.
fn shades(picture: &RgbImage) -> Vec<String> {
    let grey = imageops::grayscale(picture);
    let light = |x: u32, y: u32| grey.get_pixel_checked(x, y).map(|p| f32::from(p.0[0]) / 255.0);
    rows(picture.width(), picture.height(), light, |light| pick(b" .:-=+*#%@", light))
}

/// Relevance in characters: its sign, and whether it is weak, middling or strong.
fn signs(map: &Map) -> Vec<String> {
    let scaled = heatmap::normalized(map);
    let relevance = |x: u32, y: u32| scaled.get_pixel_checked(x, y).map(|p| p.0[0]);
    rows(map.width(), map.height(), relevance, |r| match r.abs() {
        strength if strength < 0.06 => ' ',
        strength if r > 0.0 => pick(b".+#", (strength * 2.0).min(1.0)),
        strength => pick(b"'-=", (strength * 2.0).min(1.0)),
    })
}

/// One character for the mean of two rows of pixels.
fn rows(
    width: u32,
    height: u32,
    value: impl Fn(u32, u32) -> Option<f32>,
    character: impl Fn(f32) -> char,
) -> Vec<String> {
    let cell = |x: u32, y: u32| {
        let upper = value(x, y).unwrap_or_default();
        character(value(x, y + 1).map_or(upper, |lower| f32::midpoint(upper, lower)))
    };
    (0..height).step_by(2).map(|y| (0..width).map(|x| cell(x, y)).collect()).collect()
}

/// A character of a ramp, for a strength between 0 and 1.
fn pick(ramp: &[u8], strength: f32) -> char {
    let at = (strength * ramp.len() as f32) as usize;
    ramp.get(at.min(ramp.len() - 1)).map_or(' ', |&c| char::from(c))
}

#[cfg(test)]
mod tests {
    use super::{fitted, side_by_side, signs};
    use crate::canvas::Map;
    use crate::terminal::Palette;
    use image::RgbImage;

    #[test]
    fn signs_can_be_told_apart() {
        let map = Map::from_raw(4, 1, vec![1.0, -1.0, 0.1, 0.0]).unwrap();
        assert_eq!(signs(&map), ["#=. "]);
    }

    #[test]
    fn pictures_fit() {
        assert_eq!(fitted(28, 28, 37), (28, 28));
        assert_eq!(fitted(8, 8, 37), (24, 24));
        assert_eq!(fitted(224, 112, 37), (37, 18));
        let (picture, map) = (RgbImage::new(224, 224), Map::new(224, 224));
        for palette in [Palette::Plain, Palette::Xterm, Palette::True] {
            assert!(!side_by_side(&picture, &map, palette, 20).is_empty());
        }
    }
}
