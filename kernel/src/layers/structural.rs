//! Steps that move elements and compute nothing: concat, pad, slice, transpose, view.
//!
//! Each is one map between the elements of an operand and of the output; the way forward copies along it, the way
//! back adds along it. What fell on padding is dropped, what was sliced away receives nothing.

use crate::model::Model;
use crate::step::{Op, Shape, Step};

/// A rectangle of the output and the operand's elements that fill it: along each axis `count` positions, `to` and
/// `from` being the index of the first and the distance to the next.
#[derive(Clone, Copy)]
struct Line {
    count: usize,
    to: (usize, usize),
    from: (usize, usize),
}

/// The map of one operand.
pub struct Moves {
    lines: [Line; 4],
}

const ONE: Line = Line { count: 1, to: (0, 0), from: (0, 0) };

impl Moves {
    /// The map of operand `k`.
    pub fn new(model: &Model<'_>, step: &Step, k: usize) -> Self {
        let input = model.tensor(model.operand(step, k)).shape;
        let output = model.tensor(step.output).shape;
        let [i0, i1, i2, i3, i4, i5, ..] = step.ints.map(|v| v as usize);
        match step.op {
            Op::Concat => {
                let before = (0..k).map(|k| model.tensor(model.operand(step, k)).shape);
                let mut corner = [0; 3];
                let axis = usize::from(step.variant).min(2);
                corner[axis] = before.map(|shape| extent(shape)[axis]).sum();
                Self::window(input, input, output, [0; 3], [1; 3], corner)
            }
            Op::Pad => Self::window(input, input, output, [0; 3], [1; 3], [i0, i1, i2]),
            Op::Slice => Self::window(output, input, output, [i0, i1, i2], [i3, i4, i5], [0; 3]),
            Op::Transpose => Self::permutation(step),
            _ => {
                let whole = Line { count: output.elements(), to: (0, 1), from: (0, 1) };
                Self { lines: [ONE, ONE, ONE, whole] }
            }
        }
    }

    /// `size` elements, taken from `start` on with `step`, put to `corner` on.
    fn window(
        size: Shape,
        input: Shape,
        output: Shape,
        start: [usize; 3],
        step: [usize; 3],
        corner: [usize; 3],
    ) -> Self {
        let (from, to) = (strides(input), strides(output));
        let counts = extent(size);
        let mut lines = [ONE; 4];
        for (axis, line) in lines.iter_mut().skip(1).enumerate() {
            let (Some(from), Some(to)) = (from.get(axis), to.get(axis)) else { continue };
            let (count, start, step, corner) = (counts[axis], start[axis], step[axis], corner[axis]);
            // From the only element no step is taken, however long.
            let apart = if count > 1 { step * from } else { 0 };
            *line = Line { count, to: (corner * to, *to), from: (start * from, apart) };
        }
        Self { lines }
    }

    /// Output axis `k` is input axis `ints[4 + k]`, the input's dimensions being `ints[..4]`.
    fn permutation(step: &Step) -> Self {
        let ints = step.ints.map(|v| v as usize);
        let [d0, d1, d2, d3, perm @ ..] = ints;
        let dims = [d0, d1, d2, d3];
        let from = [d1 * d2 * d3, d2 * d3, d3, 1];
        let mut lines = [ONE; 4];
        let mut to = 1;
        for (line, axis) in lines.iter_mut().rev().zip(perm.iter().rev()) {
            let count = dims[axis & 3];
            *line = Line { count, to: (0, to), from: (0, from[axis & 3]) };
            to *= count;
        }
        Self { lines }
    }

    /// Calls `f(to, from)` for every element.
    pub fn each(&self, mut f: impl FnMut(usize, usize)) {
        let [a, b, c, d] = self.lines;
        let at = |line: Line, i: usize, (to, from): (usize, usize)| {
            (to + line.to.0 + i * line.to.1, from + line.from.0 + i * line.from.1)
        };
        for i in 0..a.count {
            let outer = at(a, i, (0, 0));
            for i in 0..b.count {
                let middle = at(b, i, outer);
                for i in 0..c.count {
                    let inner = at(c, i, middle);
                    for i in 0..d.count {
                        let (to, from) = at(d, i, inner);
                        f(to, from);
                    }
                }
            }
        }
    }

    /// `y[to] = x[from]`.
    pub fn forward<T: Copy>(&self, x: &[T], y: &mut [T]) {
        self.each(|to, from| {
            if let (Some(y), Some(x)) = (y.get_mut(to), x.get(from)) {
                *y = *x;
            }
        });
    }

    /// `sink[from] += relevance[to]`.
    pub fn backward(&self, relevance: &[f32], sink: &mut [f32]) {
        self.each(|to, from| {
            if let (Some(sink), Some(r)) = (sink.get_mut(from), relevance.get(to)) {
                *sink += r;
            }
        });
    }
}

const fn extent(shape: Shape) -> [usize; 3] {
    [shape.height, shape.width, shape.channels]
}

const fn strides(shape: Shape) -> [usize; 3] {
    [shape.row(), shape.channels, 1]
}
