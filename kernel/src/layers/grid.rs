//! A window that moves over an image: which inputs an output reads through which taps.

use crate::model::Model;
use crate::step::{Axis, Shape, Step, quotient, remainder, rounded_up};

/// The geometry of convolution and pooling.
#[derive(Clone, Copy)]
pub struct Grid {
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the output.
    pub output: Shape,
    /// From top to bottom.
    pub vertical: Axis,
    /// From left to right.
    pub horizontal: Axis,
}

impl Grid {
    /// The window that a step describes.
    pub fn new(model: &Model<'_>, step: &Step) -> Self {
        let input = model.tensor(model.operand(step, 0)).shape;
        let output = model.tensor(step.output).shape;
        let [vertical, horizontal] = step.axes(input, output);
        Self { input, output, vertical, horizontal }
    }

    /// Row and column of an output element.
    pub fn place(&self, element: usize) -> (usize, usize) {
        let pixel = quotient(element, self.output.channels);
        (quotient(pixel, self.output.width), remainder(pixel, self.output.width))
    }

    /// Calls `f(input pixel, tap)` for every input pixel that an output pixel of a window reads, in row-major order.
    #[inline(always)]
    pub fn each_tap(&self, row: usize, column: usize, mut f: impl FnMut(usize, usize)) {
        let (y, x) = (self.vertical.taps(row), self.horizontal.taps(column));
        for ky in y.0..y.1 {
            let line = row * self.vertical.stride + ky * self.vertical.dilation - self.vertical.before;
            for kx in x.0..x.1 {
                let place = column * self.horizontal.stride + kx * self.horizontal.dilation - self.horizontal.before;
                f(line * self.input.width + place, ky * self.horizontal.kernel + kx);
            }
        }
    }

    /// How many input pixels an output pixel reads.
    pub fn fan_in(&self, row: usize, column: usize) -> usize {
        self.vertical.reads(row) * self.horizontal.reads(column)
    }

    /// What a mean over the window divides by: the pixels that are read, or, where padding counts, the taps up to its
    /// end. At least one.
    pub fn count(&self, row: usize, column: usize, count_pad: bool) -> usize {
        let counted = |axis: &Axis, o: usize| {
            let end = axis.input + axis.before + axis.after;
            rounded_up(end.saturating_sub(o * axis.stride), axis.dilation).min(axis.kernel)
        };
        let count = if count_pad {
            counted(&self.vertical, row) * counted(&self.horizontal, column)
        } else {
            self.fan_in(row, column)
        };
        count.max(1)
    }
}
