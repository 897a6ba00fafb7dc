//! 8-bit weights: `[output][kernel row][kernel column][input channel of the group]`, `[output][input]`, or of a
//! depthwise convolution `[kernel row][kernel column][channel]`; zeros behind them let the last pass of a loop read on.

use relprop::model::format::BLOCK_INT8;
use relprop::step::{Op, Shape, Step};

/// How many zeros follow `len` weights.
pub const fn padding(len: usize) -> usize {
    len.next_multiple_of(BLOCK_INT8) + BLOCK_INT8 - len
}

/// How many weights, or entries of a table, a step has.
pub fn unpadded_len(step: &Step, input: Shape, output: Shape) -> usize {
    let taps = usize::from(step.kernel[0]) * usize::from(step.kernel[1]);
    match step.op {
        Op::Conv | Op::ConvTranspose => output.channels * taps * (input.channels / step.groups.max(1)),
        Op::Depthwise => output.channels * taps,
        Op::Dense => output.channels * input.elements(),
        Op::Lstm => 4 * output.channels * (input.channels + output.channels),
        Op::Activation => 256,
        _ => 0,
    }
}
