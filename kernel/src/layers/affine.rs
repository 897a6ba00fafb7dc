//! `y = scale · x + shift`: batch norm that cannot be folded, multiplication by a constant.

use super::linear::{Forward, Layout, Linear, Rows, Sinks, Source, Strip};
use crate::lanes::{self, Lanes, Part, View};
use crate::model::Model;
use crate::step::{Shape, Step};

/// An affine layer: a linear map whose matrix is diagonal.
pub struct Affine<'a> {
    scale: &'a [f32],
    shift: &'a [f32],
    shape: Shape,
}

impl<'a> Affine<'a> {
    /// The layer that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        Self {
            scale: model.floats(step.params[0]),
            shift: model.floats(step.params[1]),
            shape: model.tensor(step.output).shape,
        }
    }

    /// The scales of one pixel: one per channel, or one per element.
    #[inline(always)]
    fn scale(&self, pixel: usize) -> &[f32] {
        let channels = self.shape.channels;
        let start = if self.scale.len() == channels { 0 } else { pixel * channels };
        self.scale.get(start..start + channels).unwrap_or(&[])
    }
}

impl Affine<'_> {
    /// [`Linear::apply`] for one view of the weights.
    fn sums(&self, view: View, x: &Source<'_>, row: usize, z: &mut [f32]) {
        let (channels, width) = (self.shape.channels.max(1), self.shape.width);
        for (column, z) in z.chunks_exact_mut(channels).enumerate().take(width) {
            let pixel = row * width + column;
            for (at, len) in lanes::blocks(channels) {
                let w = lanes::load_at(self.scale(pixel), at, len);
                let terms = view.terms(x.lanes(pixel, channels, at, len), w);
                lanes::store(z.get_mut(at..at + len).unwrap_or(&mut []), &terms);
            }
        }
    }

    /// [`Linear::distribute`] for one view of the weights.
    fn give(&self, view: View, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>) {
        let (row, s) = (s.newest, s.row(s.newest));
        let (channels, width) = (self.shape.channels.max(1), self.shape.width);
        for (column, s) in s.chunks_exact(channels).enumerate().take(width) {
            let pixel = row * width + column;
            for (at, len) in lanes::blocks(channels) {
                let w = lanes::load_at(self.scale(pixel), at, len);
                let terms = view.terms(x.lanes(pixel, channels, at, len), w);
                let start = pixel * channels + at;
                let r = r[0].get_mut(start..start + len).unwrap_or(&mut []);
                lanes::add_shares(r, terms, lanes::load_at(s, at, len));
            }
        }
    }
}

impl Forward for Affine<'_> {
    fn rows(&self) -> Rows {
        Rows::plain(self.shape)
    }

    fn bias(&self) -> &[f32] {
        self.shift
    }

    fn plain(&self, x: &Source<'_>, row: usize, z: &mut [f32], _: Layout) {
        self.sums(View::ALL, x, row, z);
    }
}

impl Linear for Affine<'_> {
    fn apply(&self, part: Part, x: &Source<'_>, row: usize, z: &mut [f32], _: Layout, _: &mut [Lanes]) {
        self.sums(View::of(part, x.non_negative), x, row, z);
    }

    fn distribute(&self, part: Part, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>, _: &mut [Lanes]) {
        self.give(View::of(part, x.non_negative), x, s, r);
    }

    fn fan_in(&self, _: usize, _: usize) -> usize {
        1
    }
}
