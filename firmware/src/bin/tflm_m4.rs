//! The int8 network by TensorFlow Lite Micro's reference kernels, compiled from their sources, beside the kernel's: the same
//! integers, and how many instructions each takes. Built where a compiler of C++ and these sources are at hand.

#![no_std]
#![no_main]

use firmware::{Layer, beside, entry, run};

#[entry]
fn main() -> ! {
    run(|out| beside::compare(out, "tflm", by_tflm))
}

/// As in `tflm/layer.cc`.
#[repr(C)]
struct Plain {
    from: [i32; 3],
    to: [i32; 3],
    kernel: [i32; 2],
    stride: [i32; 2],
    pads: [i32; 2],
    zeros: [i32; 2],
    range: [i32; 2],
    weights: *const i8,
    bias: *const i32,
    multipliers: *const i32,
    shifts: *const i32,
}

unsafe extern "C" {
    /// Computes a layer; `x` and `y` are as large as its input and its output.
    fn tflm_layer(layer: *const Plain, x: *const i8, y: *mut i8);
}

/// Most output channels of a layer here.
const CHANNELS: usize = 32;

#[inline(never)]
fn by_tflm(layer: &Layer, x: &[i8], y: &mut [i8]) {
    let (channels, inputs) = (layer.to[2], layer.from.iter().product());
    let weights = channels * layer.kernel[0] * layer.kernel[1] * layer.from[2];
    let fits = channels <= CHANNELS && layer.factors.len() >= channels && layer.bias.len() >= channels;
    if !fits || layer.weights.len() < weights || x.len() < inputs || y.len() < layer.elements() {
        return;
    }
    let part = |part: usize| -> [i32; CHANNELS] {
        core::array::from_fn(|i| layer.factors.get(i).map_or(0, |factor| factor[part & 1]))
    };
    let (multipliers, shifts) = (part(0), part(1));
    let whole = |axes: [usize; 2]| axes.map(|n| n as i32);
    let plain = Plain {
        from: layer.from.map(|n| n as i32),
        to: layer.to.map(|n| n as i32),
        kernel: whole(layer.kernel),
        stride: whole(layer.stride),
        pads: whole(layer.pads),
        zeros: layer.zeros,
        range: layer.range,
        weights: layer.weights.as_ptr(),
        bias: layer.bias.as_ptr(),
        multipliers: multipliers.as_ptr(),
        shifts: shifts.as_ptr(),
    };
    // SAFETY: the lengths of all that is read and written were compared with the shapes above.
    unsafe { tflm_layer(&raw const plain, x.as_ptr(), y.as_mut_ptr()) }
}
