//! Digits: the samples, and a picture of one beside its relevance.

use crate::Failure;
use relprop::step::Port;
use ufmt::{uWrite, uwrite, uwriteln};

/// Grey pixels, row by row, as a camera gives them: black is zero.
pub type Picture = [u8; PIXELS];

/// Rows, and columns.
pub const SIDE: usize = 28;
/// Pixels of a picture.
pub const PIXELS: usize = SIDE * SIDE;

/// A sample digit.
pub struct Sample {
    /// The name of its file.
    pub name: &'static str,
    /// Its pixels.
    pub picture: &'static Picture,
    /// The same as the int8 networks want them, in flash: a camera's would need as many bytes of RAM.
    pub integers: [i8; PIXELS],
}

impl Sample {
    const fn new(name: &'static str, picture: &'static Picture) -> Self {
        let (mut integers, mut i) = ([0; PIXELS], 0);
        while i < PIXELS {
            // Their input is (q + 128) / 255: a pixel is its integer but for the sign bit.
            integers[i] = (picture[i] ^ 0x80).cast_signed();
            i += 1;
        }
        Self { name, picture, integers }
    }

    /// Its pixels as the networks of floats want them: the port says how.
    pub fn real(&self, port: &Port, input: &mut [f32; PIXELS]) {
        let (scale, offset) = port.pixels.map_or((1.0, 0.0), |pixels| (pixels.scale[0], pixels.offset[0]));
        input.iter_mut().zip(self.picture).for_each(|(x, pixel)| *x = f32::from(*pixel) * scale + offset);
    }
}

include!(concat!(env!("OUT_DIR"), "/samples.rs"));

/// The sample digit of this name.
///
/// # Errors
/// There is none.
pub fn sample(name: &str) -> Result<&'static Sample, Failure> {
    SAMPLES.iter().find(|sample| sample.name == name).ok_or(Failure::Missing("no sample digit of this name"))
}

/// A picture and its relevance side by side, two rows to a line: `. + #` speak for the class, `' - =` against it.
///
/// Relevance is in percent of its largest magnitude, see [`percent`].
///
/// # Errors
/// The console's.
pub fn draw<W: uWrite>(out: &mut W, picture: &Picture, relevance: impl Fn(usize) -> i32) -> Result<(), W::Error> {
    for top in (0..SIDE).step_by(2) {
        let mean = |value: &dyn Fn(usize) -> i32, x| (value(top * SIDE + x) + value((top + 1) * SIDE + x)) / 2;
        uwrite!(out, "  ")?;
        for x in 0..SIDE {
            out.write_char(shade(mean(&|i| picture.get(i).copied().map_or(0, i32::from), x)))?;
        }
        uwrite!(out, "  ")?;
        for x in 0..SIDE {
            out.write_char(sign(mean(&relevance, x)))?;
        }
        uwriteln!(out, "")?;
    }
    Ok(())
}

/// Integer relevance in percent of its largest magnitude.
pub fn percent(relevance: &[i32]) -> impl Fn(usize) -> i32 {
    let peak = i64::from(relevance.iter().fold(0, |peak: u32, r| peak.max(r.unsigned_abs())));
    // No relevance at all is none everywhere.
    move |i| relevance.get(i).and_then(|r| (i64::from(*r) * 100).checked_div(peak)).unwrap_or(0) as i32
}

/// Relevance of floats in percent of its largest magnitude.
pub fn percent_of_floats(relevance: &[f32]) -> impl Fn(usize) -> i32 {
    let peak = relevance.iter().fold(f32::MIN_POSITIVE, |peak, r| peak.max(r.abs()));
    move |i| relevance.get(i).map_or(0, |r| (r * 100.0 / peak) as i32)
}

fn shade(grey: i32) -> char {
    const RAMP: &[u8] = b" .:-=+*#%@";
    RAMP.get(grey as usize * RAMP.len() / 256).map_or(' ', |&c| char::from(c))
}

/// Relevance in percent as a character: its sign, and whether it is weak, middling or strong.
pub fn sign(percent: i32) -> char {
    let [weak, middling, strong] = if percent > 0 { ['.', '+', '#'] } else { ['\'', '-', '='] };
    match percent.abs() {
        0..6 => ' ',
        6..17 => weak,
        17..34 => middling,
        _ => strong,
    }
}
