//! Sum or difference of two int8 tensors: both are brought to a common unit, 2²⁰ times finer than the larger of them.

use super::Output;
use crate::fixed::Rescale;
use crate::model::Model;
use crate::step::Step;

/// Binary places that are added before the operands are rescaled.
const PLACES: u32 = 20;

/// An addition.
pub struct Add {
    zeros: [i32; 2],
    factors: [Rescale; 2],
    subtracts: bool,
}

impl Add {
    /// The addition that a step describes.
    pub fn new(model: &Model<'_>, step: &Step, out: &Output<'_>) -> Self {
        let zeros = [0, 1].map(|k| model.tensor(model.operand(step, k)).zero_point);
        Self { zeros, factors: [out.rescale(0), out.rescale(1)], subtracts: step.subtracts() }
    }

    /// What operand `k` contributes, in the common unit.
    #[inline(always)]
    pub fn term(&self, k: usize, q: i8) -> i32 {
        let at = k & 1;
        let value = self.factors[at].apply((i32::from(q) - self.zeros[at]) << PLACES);
        if self.subtracts && at == 1 { -value } else { value }
    }

    /// `y = a ± b`.
    pub fn forward(&self, x: [&[i8]; 2], y: &mut [i8], out: &Output<'_>) {
        for ((y, a), b) in y.iter_mut().zip(x[0]).zip(x[1]) {
            *y = out.of(self.term(0, *a).wrapping_add(self.term(1, *b)), 2);
        }
    }
}
