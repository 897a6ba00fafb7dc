//! Sum or difference of two tensors: a linear map with weights one and one, or one and minus one.

use super::linear::{Forward, Layout, Linear, Rows, Sinks, Source, Strip};
use crate::lanes::{self, Lanes, Part, View};
use crate::model::Model;
use crate::model::format::BLOCK;
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
    /// [`Linear::apply`] for one view of the weights.
    fn sums(&self, view: View, x: &Source<'_>, row: usize, z: &mut [f32]) {
        let channels = self.shape.channels.max(1);
        for (column, z) in z.chunks_exact_mut(channels).enumerate().take(self.shape.width) {
            let pixel = row * self.shape.width + column;
            for (at, len) in lanes::blocks(channels) {
                let [a, b] = self.weights;
                let [a, b] = [(0, a), (1, b)]
                    .map(|(k, w)| view.terms(lanes::load(x.get(k, pixel, channels, at, len)), [w; BLOCK]));
                lanes::store(z.get_mut(at..at + len).unwrap_or(&mut []), &lanes::zip(a, b, |a, b| a + b));
            }
        }
    }

    /// [`Linear::distribute`] for one view of the weights.
    fn give(&self, view: View, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>) {
        let (row, s) = (s.newest, s.row(s.newest));
        let (channels, width) = (self.shape.channels.max(1), self.shape.width);
        for (k, (r, w)) in r.iter_mut().zip(self.weights).enumerate() {
            for (column, s) in s.chunks_exact(channels).enumerate().take(width) {
                let pixel = row * width + column;
                for (at, len) in lanes::blocks(channels) {
                    let terms = view.terms(lanes::load(x.get(k, pixel, channels, at, len)), [w; BLOCK]);
                    let start = pixel * channels + at;
                    let r = r.get_mut(start..start + len).unwrap_or(&mut []);
                    lanes::add_shares(r, terms, lanes::load_at(s, at, len));
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

    fn plain(&self, x: &Source<'_>, row: usize, z: &mut [f32], _: Layout) {
        self.sums(View::ALL, x, row, z);
    }
}

impl Linear for Add {
    fn apply(&self, part: Part, x: &Source<'_>, row: usize, z: &mut [f32], _: Layout, _: &mut [Lanes]) {
        self.sums(View::of(part, x.non_negative), x, row, z);
    }

    fn distribute(&self, part: Part, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>, _: &mut [Lanes]) {
        self.give(View::of(part, x.non_negative), x, s, r);
    }

    fn fan_in(&self, _: usize, _: usize) -> usize {
        2
    }
}
