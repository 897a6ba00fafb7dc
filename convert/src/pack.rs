//! Weights, from the order that people write them in to the order that the kernel's inner loops read.
//!
//! The loops compute [`BLOCK`] output channels at a time, so a block's weights lie together: `[group][block of 8
//! outputs][kernel row][kernel column][input channel][8]`, output channel `8·block + lane` of its group, zeros where
//! the last block has more lanes than channels. Missing weights are taken as zero.

pub mod int8;

use relprop::model::format::BLOCK;

/// Extents of a convolution's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvDims {
    /// Output channels of all groups.
    pub outputs: usize,
    /// Input channels of one group.
    pub inputs: usize,
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Groups.
    pub groups: usize,
}

impl ConvDims {
    /// Output channels of one group.
    pub const fn outputs_per_group(&self) -> usize {
        match self.outputs.checked_div(self.groups) {
            Some(outputs) => outputs,
            None => 0,
        }
    }

    /// Number of packed weights.
    pub const fn packed_len(&self) -> usize {
        let blocks = self.groups * self.outputs_per_group().div_ceil(BLOCK);
        blocks * self.kernel[0] * self.kernel[1] * self.inputs * BLOCK
    }

    /// Calls `f(group, output in the group, kernel row, kernel column, input in the group)` for every packed weight,
    /// in order; `None` becomes zero.
    fn pack(&self, mut f: impl FnMut(usize, usize, usize, usize, usize) -> Option<f32>) -> Vec<f32> {
        let outputs = self.outputs_per_group();
        let mut packed = Vec::with_capacity(self.packed_len());
        for group in 0..self.groups {
            for block in 0..outputs.div_ceil(BLOCK) {
                for row in 0..self.kernel[0] {
                    for column in 0..self.kernel[1] {
                        for input in 0..self.inputs {
                            packed.extend((block * BLOCK..(block + 1) * BLOCK).map(|output| {
                                if output < outputs { f(group, output, row, column, input) } else { None }
                                    .unwrap_or(0.0)
                            }));
                        }
                    }
                }
            }
        }
        packed
    }
}

/// Packs a convolution's weights, given as `[output][input in the group][row][column]` (OIHW).
pub fn conv(weights: &[f32], dims: ConvDims) -> Vec<f32> {
    let outputs = dims.outputs_per_group();
    dims.pack(|group, output, row, column, input| {
        let at = (group * outputs + output) * dims.inputs + input;
        weights.get((at * dims.kernel[0] + row) * dims.kernel[1] + column).copied()
    })
}

/// Packs a transposed convolution's weights, given as `[input][output in the group][row][column]` (IOHW).
pub fn conv_transpose(weights: &[f32], dims: ConvDims) -> Vec<f32> {
    let outputs = dims.outputs_per_group();
    dims.pack(|group, output, row, column, input| {
        let at = (group * dims.inputs + input) * outputs + output;
        weights.get((at * dims.kernel[0] + row) * dims.kernel[1] + column).copied()
    })
}

/// Packs a convolution's weights, given as `[output][row][column][input in the group]`, the order of int8 weights.
pub fn channels_last(weights: &[f32], dims: ConvDims) -> Vec<f32> {
    let outputs = dims.outputs_per_group();
    dims.pack(|group, output, row, column, input| {
        let at = ((group * outputs + output) * dims.kernel[0] + row) * dims.kernel[1] + column;
        weights.get(at * dims.inputs + input).copied()
    })
}

/// The inverse of [`channels_last`].
pub fn unpack(packed: &[f32], dims: ConvDims) -> Vec<f32> {
    let (outputs, patch) = (dims.outputs_per_group(), dims.kernel[0] * dims.kernel[1] * dims.inputs);
    let blocks = outputs.div_ceil(BLOCK);
    let mut weights = Vec::with_capacity(dims.outputs * patch);
    for output in 0..outputs * dims.groups {
        let (group, output) = (output / outputs, output % outputs);
        let start = (group * blocks + output / BLOCK) * patch * BLOCK + output % BLOCK;
        weights.extend((0..patch).map(|tap| packed.get(start + tap * BLOCK).copied().unwrap_or(0.0)));
    }
    weights
}

/// Packs the weights of a depthwise convolution, given as `[channel][row][column]`, as `[row][column][channel]`.
pub fn depthwise(weights: &[f32], channels: usize, kernel: [usize; 2]) -> Vec<f32> {
    let taps = kernel[0] * kernel[1];
    (0..taps * channels).map(|at| weights.get((at % channels) * taps + at / channels).copied().unwrap_or(0.0)).collect()
}

/// Packs the weights of a dense layer, given as `[output][input]`, as `[block of 8 outputs][input][8]`.
pub fn dense(weights: &[f32], outputs: usize, inputs: usize) -> Vec<f32> {
    conv(weights, ConvDims { outputs, inputs, kernel: [1, 1], groups: 1 })
}

/// Packs the weights of the gates of a recurrent cell, given as `[gate][unit][input]`, as
/// `[gate][block of 8 units][input][8]`.
pub fn gates(weights: &[f32], gates: usize, units: usize, inputs: usize) -> Vec<f32> {
    let one = |gate: usize| dense(weights.get(gate * units * inputs..).unwrap_or_default(), units, inputs);
    (0..gates).flat_map(one).collect()
}

/// As [`dense`], for inputs that come in another order than the weights': input `k` is input `order[k]` of the weights.
pub fn dense_in_order(weights: &[f32], outputs: usize, order: &[usize]) -> Vec<f32> {
    let dims = ConvDims { outputs, inputs: order.len(), kernel: [1, 1], groups: 1 };
    dims.pack(|_, output, _, _, input| weights.get(output * order.len() + order.get(input)?).copied())
}

#[cfg(test)]
mod tests {
    use super::{ConvDims, channels_last, conv, conv_transpose, dense, dense_in_order, depthwise, unpack};

    fn counting(n: usize) -> Vec<f32> {
        (0..n).map(|i| i as f32).collect()
    }

    #[test]
    fn conv_is_blocked_by_eight_outputs() {
        let dims = ConvDims { outputs: 20, inputs: 3, kernel: [2, 3], groups: 2 };
        let packed = conv(&counting(20 * 3 * 2 * 3), dims);
        assert_eq!(packed.len(), dims.packed_len());
        // Group 1, block 1, row 1, column 2, input 2; lane 1 is output 9 of the group, lane 2 does not exist.
        let at = ((((2 + 1) * 2 + 1) * 3 + 2) * 3 + 2) * 8;
        assert_eq!(packed[at + 1], (((19 * 3 + 2) * 2 + 1) * 3 + 2) as f32);
        assert_eq!(packed[at + 2], 0.0);
    }

    #[test]
    fn conv_transpose_swaps_inputs_and_outputs() {
        let dims = ConvDims { outputs: 4, inputs: 3, kernel: [1, 2], groups: 2 };
        let packed = conv_transpose(&counting(6 * 2 * 2), dims);
        // Group 1, row 0, column 1, input 2, output 1.
        let at = ((2 + 1) * 3 + 2) * 8;
        assert_eq!(packed[at + 1], (((3 + 2) * 2 + 1) * 2 + 1) as f32);
    }

    #[test]
    fn depthwise_is_channels_last() {
        assert_eq!(depthwise(&counting(6), 3, [1, 2]), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    }

    #[test]
    fn dense_transposes_a_block() {
        let packed = dense(&counting(4), 2, 2);
        assert_eq!(packed[..2], [0.0, 2.0]);
        assert_eq!(packed[8..10], [1.0, 3.0]);
        assert_eq!(packed.len(), 16);
    }

    #[test]
    fn dense_permutes_its_columns() {
        assert_eq!(dense_in_order(&[1.0, 2.0, 3.0], 1, &[2, 0, 1]), dense(&[3.0, 1.0, 2.0], 1, 3));
    }

    #[test]
    fn unpacking_moves_the_inputs_to_the_end() {
        let dims = ConvDims { outputs: 20, inputs: 3, kernel: [2, 3], groups: 2 };
        let packed = conv(&counting(20 * 3 * 2 * 3), dims);
        let unpacked = unpack(&packed, dims);
        assert_eq!(unpacked.len(), 20 * 3 * 2 * 3);
        // Output 19, row 1, column 2, input 1.
        assert_eq!(unpacked[((19 * 2 + 1) * 3 + 2) * 3 + 1], (((19 * 3 + 1) * 2 + 1) * 3 + 2) as f32);
        assert_eq!(channels_last(&unpacked, dims), packed);
    }

    #[test]
    fn missing_weights_are_zero() {
        assert_eq!(dense(&[], 1, 2), [0.0; 16]);
    }
}
