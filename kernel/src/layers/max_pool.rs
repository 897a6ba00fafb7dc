//! Maximum over a window.

use crate::model::Model;
use crate::rule::{Rule, Ties};
use crate::step::{Axis, Shape, Step, quotient, remainder};

/// A max pooling layer. Padding never wins.
pub struct MaxPool {
    input: Shape,
    output: Shape,
    vertical: Axis,
    horizontal: Axis,
}

impl MaxPool {
    /// The layer that a step describes.
    pub fn new(model: &Model<'_>, step: &Step) -> Self {
        let input = model.tensor(model.operand(step, 0)).shape;
        let output = model.tensor(step.output).shape;
        let [vertical, horizontal] = step.axes(input, output);
        Self { input, output, vertical, horizontal }
    }

    /// Channels.
    pub fn channels(&self) -> usize {
        self.input.channels
    }

    /// The input pixels that an output pixel reads, in row-major order.
    pub fn window(&self, pixel: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        let (row, column) = (quotient(pixel, self.output.width), remainder(pixel, self.output.width));
        let (vertical, horizontal, width) = (self.vertical, self.horizontal, self.input.width);
        let (y, x) = (vertical.taps(row), horizontal.taps(column));
        (y.0..y.1).flat_map(move |ky| {
            let line = row * vertical.stride + ky * vertical.dilation - vertical.before;
            let places = (x.0..x.1).map(move |kx| column * horizontal.stride + kx * horizontal.dilation);
            places.map(move |place| line * width + place - horizontal.before)
        })
    }

    /// `y = max x`.
    pub fn forward(&self, x: &[f32], y: &mut [f32]) {
        let channels = self.input.channels;
        for (pixel, y) in y.chunks_exact_mut(channels.max(1)).enumerate() {
            y.fill(f32::NEG_INFINITY);
            for from in self.window(pixel) {
                let x = x.get(from * channels..).unwrap_or(&[]);
                for (y, x) in y.iter_mut().zip(x) {
                    *y = if *x > *y { *x } else { *y };
                }
            }
        }
    }

    /// The winner takes all, or ties share, or (flat) the whole window shares.
    pub fn backward(&self, rule: &Rule<'_>, x: &[f32], relevance: &[f32], sink: &mut [f32]) {
        let channels = self.input.channels;
        for (pixel, relevance) in relevance.chunks_exact(channels.max(1)).enumerate() {
            let window = self.window(pixel);
            for (channel, r) in relevance.iter().enumerate() {
                if *r == 0.0 {
                    continue;
                }
                let at = |from: usize| from * channels + channel;
                let value = |from: usize| x.get(at(from)).copied().unwrap_or(f32::NEG_INFINITY);
                let mut give = |from: usize, share: f32| {
                    if let Some(sink) = sink.get_mut(at(from)) {
                        *sink += share;
                    }
                };
                let first = window.clone().reduce(|best, from| if value(from) > value(best) { from } else { best });
                match (rule, first) {
                    (Rule::Flat, _) => {
                        let share = r / window.clone().count() as f32;
                        window.clone().for_each(|from| give(from, share));
                    }
                    (Rule::Winner(Ties::Split), Some(first)) => {
                        let top = value(first);
                        let winners = window.clone().filter(|from| value(*from) == top);
                        let share = r / winners.clone().count().max(1) as f32;
                        winners.for_each(|from| give(from, share));
                    }
                    (_, Some(first)) => give(first, *r),
                    (_, None) => {}
                }
            }
        }
    }
}
