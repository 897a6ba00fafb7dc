//! Softmax over channels, int8 to int8, as gemmlowp's fixed-point arithmetic has it.

use crate::fixed::{self, Rescale};

/// Integer bits of the sum of exponentials.
const SUM_BITS: u32 = 12;
/// Integer bits of the differences.
const DIFFERENCE_BITS: u32 = 5;

/// The scaling of the inputs: `β·scale` as a multiplier and a shift to the left, and the difference from the largest
/// input below which an exponential counts as zero.
#[derive(Clone, Copy)]
pub struct Scaling {
    /// Multiplier.
    pub multiplier: i32,
    /// Shift to the left.
    pub shift: i32,
    /// At most zero.
    pub smallest: i32,
}

impl Scaling {
    /// From a step's attributes.
    pub fn new(ints: [u32; 8]) -> Self {
        Self { multiplier: ints[0] as i32, shift: ints[1] as i32, smallest: ints[2] as i32 }
    }

    /// `exp` of a difference, as a fraction of 2³¹.
    fn exp(self, difference: i32) -> Option<i32> {
        let factor = Rescale { multiplier: self.multiplier, shift: self.shift, single: false };
        (difference >= self.smallest).then(|| fixed::exp_of_negative(factor.apply(difference), DIFFERENCE_BITS))
    }
}

/// `y = softmax x`, in units of 1/256 from −128.
pub fn forward(scaling: Scaling, channels: usize, x: &[i8], y: &mut [i8]) {
    let channels = channels.max(1);
    for (pixel, y) in y.chunks_exact_mut(channels).enumerate() {
        let x = x.get(pixel * channels..(pixel + 1) * channels).unwrap_or(&[]);
        let top = x.iter().copied().max().unwrap_or(0);
        let exps = x.iter().filter_map(|x| scaling.exp(i32::from(*x) - i32::from(top)));
        let sum = exps.fold(0_i32, |sum, e| sum.saturating_add(fixed::halved(e, SUM_BITS as i32)));
        let headroom = (sum.max(1) as u32).leading_zeros();
        let normal = ((sum as u32).wrapping_shl(headroom)).wrapping_sub(1 << 31) as i32;
        let scale = fixed::one_over_one_plus(normal);
        let places = (SUM_BITS as i32 - headroom as i32) + 31 - 8;
        for (y, x) in y.iter_mut().zip(x) {
            let value = scaling.exp(i32::from(*x) - i32::from(top)).map_or(0, |e| {
                let shifted = fixed::halved(fixed::doubled_high(scale, e), places);
                shifted.clamp(0, 255)
            });
            *y = (value - 128) as i8;
        }
    }
}
