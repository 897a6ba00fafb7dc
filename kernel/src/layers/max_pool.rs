//! Maximum over a window.

use super::grid::Grid;
use crate::model::Model;
use crate::rule::{Rule, Ties};
use crate::step::Step;

/// A max pooling layer. Padding never wins.
pub struct MaxPool {
    /// Its geometry.
    pub grid: Grid,
}

impl MaxPool {
    /// The layer that a step describes.
    pub fn new(model: &Model<'_>, step: &Step) -> Self {
        Self { grid: Grid::new(model, step) }
    }

    /// `y = max x`, from the smallest value upwards.
    #[inline(always)]
    pub fn forward<T: Copy + PartialOrd>(&self, x: &[T], y: &mut [T], smallest: T) {
        let channels = self.grid.input.channels;
        for (pixel, y) in y.chunks_exact_mut(channels.max(1)).enumerate() {
            let (row, column) = self.grid.place(pixel * channels);
            y.fill(smallest);
            self.grid.each_tap(row, column, |from, _| {
                let x = x.get(from * channels..).unwrap_or(&[]);
                for (y, x) in y.iter_mut().zip(x) {
                    *y = if *x > *y { *x } else { *y };
                }
            });
        }
    }

    /// Who gets the relevance of an output element: calls `f(input element, n)` for each of `n`. The winner takes all, or
    /// ties share, or (flat) the whole window shares.
    #[inline(always)]
    pub fn heirs<T: Copy + PartialOrd>(
        &self,
        rule: &Rule<'_>,
        x: &[T],
        element: usize,
        mut f: impl FnMut(usize, usize),
    ) {
        let (channels, (row, column)) = (self.grid.input.channels, self.grid.place(element));
        let channel = element - (row * self.grid.output.width + column) * channels;
        let value = |pixel: usize| x.get(pixel * channels + channel).copied();
        let (mut best, mut ties, mut all) = (None, 0, 0);
        self.grid.each_tap(row, column, |pixel, _| {
            all += 1;
            let (new, old) = (value(pixel), best.and_then(value));
            if best.is_none() || new > old {
                (best, ties) = (Some(pixel), 1);
            } else if new == old {
                ties += 1;
            }
        });
        let heirs = match (rule, best) {
            (_, None) => return,
            (Rule::Flat, _) => all,
            (Rule::Winner(Ties::Split), _) => ties,
            (_, Some(first)) => return f(first * channels + channel, 1),
        };
        let top = best.and_then(value);
        self.grid.each_tap(row, column, |pixel, _| {
            if heirs == all || value(pixel) == top {
                f(pixel * channels + channel, heirs);
            }
        });
    }

    /// Passes relevance to the heirs of each output.
    pub fn backward(&self, rule: &Rule<'_>, x: &[f32], relevance: &[f32], sink: &mut [f32]) {
        for (element, r) in relevance.iter().enumerate() {
            if *r == 0.0 {
                continue;
            }
            self.heirs(rule, x, element, |from, heirs| {
                if let Some(sink) = sink.get_mut(from) {
                    *sink += if heirs == 1 { *r } else { r / heirs as f32 };
                }
            });
        }
    }
}
