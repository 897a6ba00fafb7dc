//! Product of two int8 tensors; the second is as long as the first, or one pixel that stands for every pixel.

use super::Output;

/// `y = a · b`.
pub fn forward(x: [&[i8]; 2], zeros: [i32; 2], y: &mut [i8], out: &Output<'_>) {
    let pixel = x[1].len().max(1);
    for (y, a) in y.chunks_mut(pixel).zip(x[0].chunks(pixel)) {
        for ((y, a), b) in y.iter_mut().zip(a).zip(x[1]) {
            *y = out.of((i32::from(*a) - zeros[0]) * (i32::from(*b) - zeros[1]), 0);
        }
    }
}
