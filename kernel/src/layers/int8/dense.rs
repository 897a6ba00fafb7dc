//! Fully connected layer over int8; weights lie as `[output][input]`.

use super::Output;
use crate::lanes8;
use crate::model::Model;
use crate::model::format::BLOCK_INT8;
use crate::step::Step;

/// Outputs that are worked on together on the way back.
pub const TILE: usize = 32;
/// Inputs that are widened together.
const CHUNK: usize = 4 * BLOCK_INT8;

/// A dense layer.
pub struct Dense<'a> {
    /// Weights.
    pub weights: &'a [i8],
    /// Bias per output.
    pub bias: &'a [i32],
    /// Number of inputs.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
}

impl<'a> Dense<'a> {
    /// The layer that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        Self {
            weights: model.bytes(step.params[0]),
            bias: model.words(step.params[1]),
            inputs: model.tensor(model.operand(step, 0)).shape.elements(),
            outputs: model.tensor(step.output).shape.channels,
        }
    }

    /// The weights of one output for inputs from `from` on, and what follows them.
    #[inline(always)]
    fn weights_of(&self, output: usize, from: usize) -> &'a [i8] {
        self.weights.get(output * self.inputs + from..).unwrap_or(&[])
    }

    /// Calls `f(first input, widened inputs)` for some inputs at a time, zeros behind the last.
    #[inline(always)]
    fn chunks(x: &[i8], zero: i16, mut f: impl FnMut(usize, &[i16])) {
        for (i, x) in x.chunks(CHUNK).enumerate() {
            let mut wide = [0; CHUNK];
            lanes8::widen(&mut wide, x, zero);
            f(i * CHUNK, wide.get(..x.len().next_multiple_of(BLOCK_INT8)).unwrap_or(&[]));
        }
    }

    /// `y = W·x + b`, a few outputs at a time.
    pub fn forward(&self, x: &[i8], zero: i32, y: &mut [i8], out: &Output<'_>) {
        const TOGETHER: usize = 16;
        for (tile, y) in y.chunks_mut(TOGETHER).enumerate() {
            let first = tile * TOGETHER;
            let mut sums = [0_i32; TOGETHER];
            Self::chunks(x, zero as i16, |from, wide| {
                for (k, sum) in sums.iter_mut().enumerate().take(y.len()) {
                    let w = self.weights_of(first + k, from);
                    *sum += lanes8::dot(wide, w.get(..wide.len()).unwrap_or(&[]));
                }
            });
            for (k, (y, sum)) in y.iter_mut().zip(sums).enumerate() {
                *y = out.of(sum + self.bias.get(first + k).copied().unwrap_or(0), first + k);
            }
        }
    }
}
