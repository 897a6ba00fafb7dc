//! Windows that do not mix channels: depthwise convolution and average pooling.

use super::grid::Grid;
use super::linear::{Forward, Layout, Linear, Rows, Sinks, Source, Strip};
use crate::lanes::{self, FAST, Lanes, Part, View};
use crate::model::Model;
use crate::model::format::{BLOCK, step::FLAG_COUNT_PAD};
use crate::step::{Op, Step};

/// A window over each channel by itself.
pub struct Window<'a> {
    kernel: Kernel<'a>,
    bias: &'a [f32],
    grid: Grid,
}

/// The weights of a window.
#[derive(Clone, Copy)]
enum Kernel<'a> {
    /// `[kernel row][kernel column][channel]`.
    Depthwise(&'a [f32]),
    /// One over the number of inputs, or of taps.
    Mean {
        /// Padding counts.
        count_pad: bool,
    },
}

impl<'a> Window<'a> {
    /// The window that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let (kernel, bias) = match step.op {
            Op::Depthwise => (Kernel::Depthwise(model.floats(step.params[0])), model.floats(step.params[1])),
            _ => (Kernel::Mean { count_pad: step.flags & FLAG_COUNT_PAD != 0 }, &[][..]),
        };
        Self { kernel, bias, grid: Grid::new(model, step) }
    }

    /// The weight of a mean over one output's window.
    fn mean(&self, row: usize, column: usize, count_pad: bool) -> f32 {
        1.0 / self.grid.count(row, column, count_pad) as f32
    }

    /// Weights of channels `at..at + BLOCK` for one tap.
    #[inline(always)]
    fn weights(&self, mean: f32, tap: usize, at: usize) -> lanes::Lanes {
        match self.kernel {
            Kernel::Depthwise(w) => {
                let channels = self.grid.input.channels;
                lanes::load_at(w, tap * channels + at, channels - at)
            }
            Kernel::Mean { .. } => [mean; BLOCK],
        }
    }

    fn uniform(&self, row: usize, column: usize) -> f32 {
        match self.kernel {
            Kernel::Mean { count_pad } => self.mean(row, column, count_pad),
            Kernel::Depthwise(_) => 0.0,
        }
    }
}

/// The weights of a block of channels, tap by tap.
#[derive(Clone, Copy)]
struct Taps<'a> {
    window: &'a Window<'a>,
    view: View,
    /// First channel.
    at: usize,
    /// As inputs of either sign see them, where there was room to keep that.
    seen: Option<[&'a [Lanes]; 2]>,
}

impl<'a> Taps<'a> {
    /// Keeps what is seen, if it fits.
    fn new(window: &'a Window<'a>, view: View, at: usize, room: &'a mut [Lanes]) -> Self {
        let taps = window.grid.vertical.kernel * window.grid.horizontal.kernel;
        let keeps = FAST && !view.is_all() && matches!(window.kernel, Kernel::Depthwise(_));
        let mut room = room.chunks_exact_mut(taps.max(1));
        let seen = match [room.next(), room.next(), room.next()] {
            [Some(own), Some(above), Some(below)] if keeps => {
                for (tap, own) in own.iter_mut().enumerate() {
                    *own = window.weights(0.0, tap, at);
                }
                view.weights[0].see(own, above);
                view.weights[1].see(own, below);
                Some([&*above, &*below])
            }
            _ => None,
        };
        Self { window, view, at, seen }
    }

    /// The part of eight inputs through a tap.
    #[inline(always)]
    fn terms(&self, mean: f32, tap: usize, x: Lanes) -> Lanes {
        match self.seen {
            Some([above, below]) => {
                let (Some(above), Some(below)) = (above.get(tap), below.get(tap)) else { return [0.0; BLOCK] };
                let mut terms = x;
                for (x, (above, below)) in terms.iter_mut().zip(above.iter().zip(below)) {
                    *x *= if *x < 0.0 { below } else { above };
                }
                terms
            }
            None => self.view.terms(x, self.window.weights(mean, tap, self.at)),
        }
    }
}

impl Window<'_> {
    /// [`Linear::apply`] for one view of the weights.
    fn sums(&self, view: View, x: &Source<'_>, row: usize, z: &mut [f32], room: &mut [Lanes]) {
        let channels = self.grid.input.channels;
        for (at, len) in lanes::blocks(channels) {
            let taps = Taps::new(self, view, at, room);
            for (column, z) in z.chunks_exact_mut(channels.max(1)).enumerate().take(self.grid.output.width) {
                let mean = self.uniform(row, column);
                let mut acc = [0.0; BLOCK];
                self.grid.each_tap(row, column, |pixel, tap| {
                    let terms = taps.terms(mean, tap, x.lanes(pixel, channels, at, len));
                    acc = lanes::zip(acc, terms, |acc, term| acc + term);
                });
                lanes::store(z.get_mut(at..at + len).unwrap_or(&mut []), &acc);
            }
        }
    }

    /// [`Linear::distribute`] for one view of the weights.
    fn give(&self, view: View, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>, room: &mut [Lanes]) {
        let (row, s, channels) = (s.newest, s.row(s.newest), self.grid.input.channels);
        let (first, last) = self.grid.vertical.taps(row);
        for (at, len) in lanes::blocks(channels) {
            let taps = Taps::new(self, view, at, room);
            for ky in first..last {
                let line =
                    row * self.grid.vertical.stride + ky * self.grid.vertical.dilation - self.grid.vertical.before;
                // Neighbours often meet the same output.
                let mut mean = (usize::MAX, 0.0);
                for column in 0..self.grid.input.width {
                    let columns = self.grid.horizontal.meetings(column);
                    let pixel = line * self.grid.input.width + column;
                    let first = pixel * channels + at;
                    let r = r[0].get_mut(first..first + len).unwrap_or(&mut []);
                    let x = x.lanes(pixel, channels, at, len);
                    for k in 0..columns.count {
                        let (kx, column) = columns.nth(k);
                        if mean.0 != column {
                            mean = (column, self.uniform(row, column));
                        }
                        let s = lanes::load_at(s, column * channels + at, len);
                        let tap = ky * self.grid.horizontal.kernel + kx;
                        lanes::add_shares(r, taps.terms(mean.1, tap, x), s);
                    }
                }
            }
        }
    }
}

impl Forward for Window<'_> {
    fn rows(&self) -> Rows {
        Rows::plain(self.grid.output)
    }

    fn bias(&self) -> &[f32] {
        self.bias
    }

    fn plain(&self, x: &Source<'_>, row: usize, z: &mut [f32], _: Layout) {
        self.sums(View::ALL, x, row, z, &mut []);
    }
}

impl Linear for Window<'_> {
    fn apply(&self, part: Part, x: &Source<'_>, row: usize, z: &mut [f32], _: Layout, room: &mut [Lanes]) {
        self.sums(View::of(part, x.non_negative), x, row, z, room);
    }

    fn distribute(&self, part: Part, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>, room: &mut [Lanes]) {
        self.give(View::of(part, x.non_negative), x, s, r, room);
    }

    fn fan_in(&self, row: usize, pixel: usize) -> usize {
        self.grid.fan_in(row, pixel)
    }
}
