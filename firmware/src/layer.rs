//! A layer of an int8 network as others see it: what its loops are to be compared with needs to know.

use relprop::Model;
use relprop::step::{Op, Step};

/// A convolution, or a dense layer, which is one with a window as large as its input. As in `tflm/layer.cc`.
#[derive(Clone, Copy)]
pub struct Layer {
    /// Height, width and channels of the input.
    pub from: [usize; 3],
    /// The same of the output.
    pub to: [usize; 3],
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// How far it moves.
    pub stride: [usize; 2],
    /// Rows above and columns left of the input.
    pub pads: [usize; 2],
    /// What stands for zero in the input and in the output.
    pub zeros: [i32; 2],
    /// The range of the output.
    pub range: [i32; 2],
    /// `[output channel][row][column][input channel]`.
    pub weights: &'static [i8],
    /// Of every output channel.
    pub bias: &'static [i32],
    /// Multiplier and shift of every output channel.
    pub factors: &'static [[i32; 2]],
}

impl Layer {
    /// Of a step; `None` if it has no weights.
    pub fn new(model: &'static Model<'static>, step: &Step) -> Option<Self> {
        if !matches!(step.op, Op::Conv | Op::Dense) {
            return None;
        }
        let (input, output) = (model.tensor(model.operand(step, 0)), model.tensor(step.output));
        let axes = |shape: relprop::step::Shape| [shape.height, shape.width, shape.channels];
        let is_dense = matches!(step.op, Op::Dense);
        let window = |of_conv: [usize; 2], of_dense: [usize; 2]| if is_dense { of_dense } else { of_conv };
        Some(Self {
            from: axes(input.shape),
            to: axes(output.shape),
            kernel: window(step.kernel.map(usize::from), [input.shape.height, input.shape.width]),
            stride: window(step.stride.map(usize::from), [1, 1]),
            pads: window([usize::from(step.pads[0]), usize::from(step.pads[1])], [0, 0]),
            zeros: [input.zero_point, output.zero_point],
            range: [step.ints[0].cast_signed(), step.ints[1].cast_signed()],
            weights: bytemuck::must_cast_slice(model.params(step.params[0], 1)),
            bias: bytemuck::try_cast_slice(model.params(step.params[1], 4)).unwrap_or(&[]),
            factors: bytemuck::try_cast_slice(model.params(step.params[2], 8)).unwrap_or(&[]),
        })
    }

    /// Elements of its output.
    pub fn elements(&self) -> usize {
        self.to.iter().product()
    }

    /// How many weights meet inputs, and not padding.
    pub fn products(&self) -> u32 {
        let met = |[from, to, kernel, stride, before]: [usize; 5]| -> usize {
            let inside = |at: usize, k: usize| (at * stride + k).wrapping_sub(before) < from;
            (0..to).map(|at| (0..kernel).filter(|k| inside(at, *k)).count()).sum()
        };
        let ([height, width, depth], [rows, columns, channels]) = (self.from, self.to);
        let vertical = met([height, rows, self.kernel[0], self.stride[0], self.pads[0]]);
        let horizontal = met([width, columns, self.kernel[1], self.stride[1], self.pads[1]]);
        (vertical * horizontal * depth * channels) as u32
    }
}
