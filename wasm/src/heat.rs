//! Relevance in colour: red is for, blue is against, white is neither.

use js_sys::Uint8ClampedArray;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{Clamped, JsError};
use web_sys::{CanvasRenderingContext2d, ImageData};

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
fn rgb(share: f32) -> [u8; 3] {
    let share = if share.is_nan() { 0.0 } else { share.clamp(-1.0, 1.0) };
    let at = f32::midpoint(share, 1.0) * (STOPS.len() - 1) as f32;
    let below = (at as usize).min(STOPS.len() - 2);
    let t = at - below as f32;
    let (from, to) = (STOPS[below], STOPS[below + 1]);
    // All are positive: adding a half rounds.
    std::array::from_fn(|c| (f32::from(from[c]) * (1.0 - t) + f32::from(to[c]) * t + 0.5) as u8)
}

/// Red, green, blue, opaque for each; the scale ends at `limit`, or at the largest magnitude.
fn rgba(relevance: &[f32], limit: Option<f32>) -> Vec<u8> {
    let peak = || relevance.iter().fold(0.0, |peak: f32, r| peak.max(r.abs()));
    let limit = limit.unwrap_or_else(peak).max(f32::MIN_POSITIVE);
    relevance
        .iter()
        .flat_map(|r| {
            let [red, green, blue] = rgb(r / limit);
            [red, green, blue, 255]
        })
        .collect()
}

/// The colour of one relevance as CSS writes it: `#f7f7f7` for zero, red above, blue below.
///
/// @param share relevance divided by the magnitude that the scale ends at: −1 to 1.
#[wasm_bindgen]
pub fn color(share: f32) -> String {
    let [red, green, blue] = rgb(share);
    let digits = [red >> 4, red & 15, green >> 4, green & 15, blue >> 4, blue & 15];
    let hex = |digit: u8| char::from(b"0123456789abcdef"[usize::from(digit)]);
    std::iter::once('#').chain(digits.map(hex)).collect()
}

/// Relevance as pixels: red, green, blue and 255 for each element.
///
/// @param relevance what to show.
/// @param limit the magnitude that the scale ends at; the largest one, if it is left out.
#[wasm_bindgen]
pub fn pixels(relevance: &[f32], limit: Option<f32>) -> Uint8ClampedArray {
    Uint8ClampedArray::from(rgba(relevance, limit).as_slice())
}

/// Paints relevance on a canvas, one pixel per element, from the top left corner on. The scale is symmetric about zero.
///
/// @param context of a canvas, on the page or off screen.
/// @param relevance row after row.
/// @param width elements in a row.
/// @param limit the magnitude that the scale ends at; the largest one, if it is left out. Two maps with the same limit
/// can be compared.
/// @throws Error if the relevance does not have whole rows.
#[wasm_bindgen]
pub fn paint(
    #[wasm_bindgen(unchecked_param_type = "CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D")]
    context: &CanvasRenderingContext2d,
    relevance: &[f32],
    width: u32,
    limit: Option<f32>,
) -> Result<(), JsError> {
    let image = ImageData::new_with_u8_clamped_array(Clamped(&rgba(relevance, limit)), width);
    let painted = image.and_then(|image| context.put_image_data(&image, 0.0, 0.0));
    painted.map_err(|_| JsError::new("relevance and width do not make a picture"))
}

#[cfg(test)]
mod tests {
    use super::{color, rgba};

    #[test]
    fn red_is_for_blue_is_against_and_zero_is_neither() {
        assert_eq!(color(0.0), "#f7f7f7");
        assert_eq!(color(1.0), "#67001f");
        assert_eq!(color(-2.0), "#053061");
        assert_eq!(color(f32::NAN), "#f7f7f7");
    }

    #[test]
    fn the_scale_is_symmetric() {
        let pixels = rgba(&[-1.0, 0.0, 4.0], None);
        assert_eq!(pixels[4..8], [0xf7, 0xf7, 0xf7, 255]);
        assert_eq!(pixels[8..], [0x67, 0x00, 0x1f, 255]);
        assert_eq!(pixels[..4], rgba(&[-0.25], Some(1.0)));
    }
}
