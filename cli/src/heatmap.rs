//! Relevance in colour: red is for, blue is against, white is neither.

use crate::canvas::Map;
use crate::files;
use image::imageops::{self, FilterType};
use image::{ImageFormat, Rgb, RgbImage};
use std::io::Cursor;
use std::path::Path;

/// Brewer's red to blue, which the colour-blind can tell apart, from the strongest against to the strongest for.
const STOPS: [[u8; 3]; 11] = [
    [0x05, 0x30, 0x61],
    [0x21, 0x66, 0xac],
    [0x43, 0x93, 0xc3],
    [0x92, 0xc5, 0xde],
    [0xd1, 0xe5, 0xf0],
    [0xf7, 0xf7, 0xf7],
    [0xfd, 0xdb, 0xc7],
    [0xf4, 0xa5, 0x82],
    [0xd6, 0x60, 0x4d],
    [0xb2, 0x18, 0x2b],
    [0x67, 0x00, 0x1f],
];

/// The colour of a relevance between −1 and 1.
pub fn color(relevance: f32) -> Rgb<u8> {
    let at = f32::midpoint(relevance.clamp(-1.0, 1.0), 1.0) * (STOPS.len() - 1) as f32;
    let below = (at as usize).min(STOPS.len() - 2);
    let t = at - below as f32;
    let (from, to) = (STOPS[below], STOPS[below + 1]);
    Rgb(std::array::from_fn(|c| (f32::from(from[c]) * (1.0 - t) + f32::from(to[c]) * t).round() as u8))
}

/// The largest magnitude: what the scale ends at.
pub fn peak(map: &Map) -> f32 {
    map.iter().fold(0.0, |peak: f32, r| peak.max(r.abs()))
}

/// A map with its largest magnitude scaled to one.
pub fn normalized(map: &Map) -> Map {
    scaled(map, peak(map))
}

fn scaled(map: &Map, peak: f32) -> Map {
    let mut scaled = map.clone();
    scaled.iter_mut().for_each(|r| *r /= peak.max(f32::MIN_POSITIVE));
    scaled
}

/// A map in colour, its scale symmetric about zero.
pub fn heat(map: &Map) -> RgbImage {
    heat_to(map, peak(map))
}

/// A map in colour whose scale ends at a given magnitude.
pub fn heat_to(map: &Map, peak: f32) -> RgbImage {
    let scaled = scaled(map, peak);
    let mut heat = RgbImage::new(map.width(), map.height());
    for (pixel, r) in heat.pixels_mut().zip(scaled.iter()) {
        *pixel = color(*r);
    }
    heat
}

/// How large a picture should at least appear.
const SIDE: u32 = 280;
/// Between and around pictures.
const GAP: u32 = 10;
/// What is between them.
const BACKGROUND: Rgb<u8> = Rgb([0xc8, 0xc8, 0xc8]);
/// Groups of pictures on one sheet; there is no use in more.
pub const MOST_PAIRS: usize = 100;

/// Writes groups of pictures, such as an input and its heat map, enlarged, several to a row.
pub fn write_png(path: &Path, groups: &[Vec<RgbImage>]) -> anyhow::Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    sheet(groups).write_to(&mut bytes, ImageFormat::Png)?;
    files::write(path, bytes.get_ref())
}

fn sheet(groups: &[Vec<RgbImage>]) -> RgbImage {
    let largest = |size: fn(&RgbImage) -> u32| groups.iter().flatten().map(size).max().unwrap_or(1);
    let (width, height) = (largest(RgbImage::width), largest(RgbImage::height));
    // A single digit is large; a sheet of many has them smaller.
    let side = if groups.len() == 1 { SIDE } else { SIDE / 2 };
    let scale = (side / width.max(height)).max(1);
    let (width, height) = (width * scale, height * scale);
    let panels = groups.first().map_or(1, Vec::len);
    let columns = (1..=8).find(|c| c * c * panels >= groups.len()).unwrap_or(8).min(groups.len().max(1)) as u32;
    let rows = (groups.len() as u32).div_ceil(columns);
    let group_width = panels as u32 * (width + GAP) - GAP;
    let extent = |n: u32, size: u32| n * (size + GAP) + GAP;
    let mut sheet = RgbImage::from_pixel(extent(columns, group_width), extent(rows, height), BACKGROUND);
    for (i, group) in (0..).zip(groups) {
        let (left, top) = (extent(i % columns, group_width), extent(i / columns, height));
        for (place, part) in (0..).map(|n| left + n * (width + GAP)).zip(group) {
            let part = imageops::resize(part, width, height, FilterType::Nearest);
            imageops::replace(&mut sheet, &part, i64::from(place), i64::from(top));
        }
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::{color, heat, sheet};
    use crate::canvas::Map;
    use image::{Rgb, RgbImage};

    #[test]
    fn red_is_for_and_blue_against() {
        let Rgb([r, _, b]) = color(0.8);
        assert!(r > b);
        let Rgb([r, _, b]) = color(-0.8);
        assert!(b > r);
        assert_eq!(color(0.0), Rgb([0xf7; 3]));
        assert_eq!(color(f32::NAN), color(f32::NAN));
    }

    #[test]
    fn the_scale_is_symmetric() {
        let map = Map::from_raw(3, 1, vec![-1.0, 0.0, 4.0]).unwrap();
        let heat = heat(&map);
        assert_eq!(heat.get_pixel(0, 0), &color(-0.25));
        assert_eq!(heat.get_pixel(2, 0), &color(1.0));
    }

    #[test]
    fn nothing_is_white() {
        assert_eq!(heat(&Map::new(1, 1)).get_pixel(0, 0), &color(0.0));
    }

    #[test]
    fn pictures_are_enlarged() {
        let pair = vec![RgbImage::new(28, 28); 2];
        let one = sheet(std::slice::from_ref(&pair));
        assert_eq!((one.width(), one.height()), (2 * 280 + 30, 280 + 20));
        sheet(&vec![pair; 100]);
    }
}
