//! `y = scale · x + shift`: batch norm that cannot be folded, multiplication by a constant.

use super::linear::{Forward, Layout, Linear, Rows, Sinks, Source, Strip};
use crate::lanes::{All, Part, Term, with_light_term};
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
    /// [`Linear::apply`] for one term.
    fn sums<P: Term>(&self, part: P, x: &Source<'_>, row: usize, z: &mut [f32], _: Layout) {
        let (channels, width) = (self.shape.channels.max(1), self.shape.width);
        for (column, z) in z.chunks_exact_mut(channels).enumerate().take(width) {
            let pixel = row * width + column;
            let x = x.get(0, pixel, channels, 0, channels);
            for ((z, x), w) in z.iter_mut().zip(x).zip(self.scale(pixel)) {
                *z = part.term(*x, *w);
            }
        }
    }

    /// [`Linear::distribute`] for one term.
    fn give<P: Term>(&self, part: P, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>) {
        let (row, s) = (s.newest, s.row(s.newest));
        let (channels, width) = (self.shape.channels.max(1), self.shape.width);
        for (column, s) in s.chunks_exact(channels).enumerate().take(width) {
            let pixel = row * width + column;
            let x = x.get(0, pixel, channels, 0, channels);
            let r = r[0].get_mut(pixel * channels..(pixel + 1) * channels).unwrap_or(&mut []);
            for (((r, s), x), w) in r.iter_mut().zip(s).zip(x).zip(self.scale(pixel)) {
                *r += part.term(*x, *w) * s;
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

    fn plain(&self, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout) {
        self.sums(All, x, row, z, layout);
    }
}

impl Linear for Affine<'_> {
    fn apply(&self, part: Part, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout) {
        with_light_term!(part, x.non_negative, |term| self.sums(term, x, row, z, layout));
    }

    fn distribute(&self, part: Part, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>) {
        with_light_term!(part, x.non_negative, |term| self.give(term, x, s, r));
    }

    fn fan_in(&self, _: usize, _: usize) -> usize {
        1
    }
}
