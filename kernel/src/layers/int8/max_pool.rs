//! Maximum over a window of int8 values.

use crate::layers::max_pool::MaxPool;

/// `y = max x`, clamped to the range of a fused activation.
pub fn forward(layer: &MaxPool, x: &[i8], y: &mut [i8], range: [i32; 2]) {
    let channels = layer.channels();
    let [low, high] = range.map(|bound| bound as i8);
    for (pixel, y) in y.chunks_exact_mut(channels.max(1)).enumerate() {
        y.fill(i8::MIN);
        for from in layer.window(pixel) {
            let x = x.get(from * channels..).unwrap_or(&[]);
            for (y, x) in y.iter_mut().zip(x) {
                *y = (*y).max(*x);
            }
        }
        for y in y {
            *y = (*y).max(low).min(high);
        }
    }
}
