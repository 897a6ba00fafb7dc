//! Sum or difference of two tensors: a linear map with weights one and one, or one and minus one.

use super::linear::{Forward, Layout, Linear, Rows, Sinks, Source, Strip};
use crate::lanes::{All, Part, Term, with_light_term};
use crate::model::Model;
use crate::step::{Shape, Step};

/// An addition.
pub struct Add {
    weights: [f32; 2],
    shape: Shape,
}

impl Add {
    /// The addition that a step describes.
    pub fn new(model: &Model<'_>, step: &Step) -> Self {
        Self { weights: [1.0, step.second_sign()], shape: model.tensor(step.output).shape }
    }
}

impl Add {
    /// [`Linear::apply`] for one term.
    fn sums<P: Term>(&self, part: P, x: &Source<'_>, row: usize, z: &mut [f32], _: Layout) {
        let channels = self.shape.channels.max(1);
        let [a_weight, b_weight] = self.weights;
        for (column, z) in z.chunks_exact_mut(channels).enumerate().take(self.shape.width) {
            let pixel = row * self.shape.width + column;
            let (a, b) = (x.get(0, pixel, channels, 0, channels), x.get(1, pixel, channels, 0, channels));
            for ((z, a), b) in z.iter_mut().zip(a).zip(b) {
                *z = part.term(*a, a_weight) + part.term(*b, b_weight);
            }
        }
    }

    /// [`Linear::distribute`] for one term.
    fn give<P: Term>(&self, part: P, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>) {
        let (row, s) = (s.newest, s.row(s.newest));
        let (channels, width) = (self.shape.channels.max(1), self.shape.width);
        for (k, (r, w)) in r.iter_mut().zip(self.weights).enumerate() {
            for (column, s) in s.chunks_exact(channels).enumerate().take(width) {
                let pixel = row * width + column;
                let x = x.get(k, pixel, channels, 0, channels);
                let r = r.get_mut(pixel * channels..(pixel + 1) * channels).unwrap_or(&mut []);
                for ((r, s), x) in r.iter_mut().zip(s).zip(x) {
                    *r += part.term(*x, w) * s;
                }
            }
        }
    }
}

impl Forward for Add {
    fn rows(&self) -> Rows {
        Rows::plain(self.shape)
    }

    fn bias(&self) -> &[f32] {
        &[]
    }

    fn plain(&self, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout) {
        self.sums(All, x, row, z, layout);
    }
}

impl Linear for Add {
    fn apply(&self, part: Part, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout) {
        with_light_term!(part, x.non_negative, |term| self.sums(term, x, row, z, layout));
    }

    fn distribute(&self, part: Part, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>) {
        with_light_term!(part, x.non_negative, |term| self.give(term, x, s, r));
    }

    fn fan_in(&self, _: usize, _: usize) -> usize {
        2
    }
}
