//! The int8 network by the plain loops of TensorFlow Lite Micro's reference kernels, beside the kernel's: the same
//! integers, and how many instructions each takes for a multiplication.

#![no_std]
#![no_main]

use firmware::{Layer, beside, entry, run};
use relprop::fixed::Rescale;

#[entry]
fn main() -> ! {
    run(|out| beside::compare(out, "reference", weighted))
}

/// One output after the other.
#[inline(never)]
fn weighted(layer: &Layer, x: &[i8], y: &mut [i8]) {
    let ([height, width, depth], [rows, columns]) = (layer.from, layer.kernel);
    let mut at = 0;
    for row in 0..layer.to[0] {
        for column in 0..layer.to[1] {
            for channel in 0..layer.to[2] {
                let mut sum = 0;
                for ky in 0..rows {
                    for kx in 0..columns {
                        let iy = (row * layer.stride[0] + ky).wrapping_sub(layer.pads[0]);
                        let ix = (column * layer.stride[1] + kx).wrapping_sub(layer.pads[1]);
                        if iy >= height || ix >= width {
                            continue;
                        }
                        for k in 0..depth {
                            let w = layer.weights.get(((channel * rows + ky) * columns + kx) * depth + k);
                            let q = x.get((iy * width + ix) * depth + k);
                            let (w, q) = (w.copied().unwrap_or(0), q.copied().unwrap_or(0));
                            sum += i32::from(w) * (i32::from(q) - layer.zeros[0]);
                        }
                    }
                }
                sum += layer.bias.get(channel).copied().unwrap_or(0);
                let factor = Rescale::new(layer.factors.get(channel).copied().unwrap_or([0; 2]), false);
                if let Some(y) = y.get_mut(at) {
                    *y = (factor.apply(sum) + layer.zeros[1]).max(layer.range[0]).min(layer.range[1]) as i8;
                }
                at += 1;
            }
        }
    }
}
