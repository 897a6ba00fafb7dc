//! The int8 network by TensorFlow Lite Micro's reference kernels, compiled from their sources, beside the kernel's: the same
//! integers, and how many instructions each takes. Built where a compiler of C++ and these sources are at hand.

#![no_std]
#![no_main]

use core::mem::swap;
use firmware::{Console, Failure, Layer, Meter, digit, entry, run};
use relprop::{Arena, Mode, Model, Session, include_model};
use static_cell::ConstStaticCell;
use ufmt::uwriteln;

const MODEL: Model<'static> = include_model!("../../../models/mnist-tiny.int8.rlp");
static ARENA: ConstStaticCell<Arena<{ MODEL.arena_bytes(Mode::Infer) }>> = ConstStaticCell::new(Arena::new());
/// As large as the largest of its activations.
type Plane = [i8; 14 * 14 * 8];
static PLANES: ConstStaticCell<[Plane; 2]> = ConstStaticCell::new([[0; 14 * 14 * 8]; 2]);

#[entry]
fn main() -> ! {
    run(compare)
}

fn compare(out: &mut Console) -> Result<(), Failure> {
    let arena = ARENA.try_take().ok_or(Failure::Missing("the arena is taken"))?;
    let [x, y] = PLANES.try_take().ok_or(Failure::Missing("the planes are taken"))?;
    let (mut x, mut y) = (x, y);
    let seven = digit::sample("7")?;
    let mut meter = Meter::new();

    let mut session = Session::new(&MODEL, arena, Mode::Infer)?;
    meter.restart();
    let scores = session.run_int8(&[&seven.integers])?;
    meter.lap("infer");

    x.iter_mut().zip(&seven.integers).for_each(|(x, q)| *x = *q);
    let (mut products, mut elements) = (0, 0);
    meter.restart();
    for layer in (0..MODEL.steps()).filter_map(|i| Layer::new(&MODEL, &MODEL.step(i))) {
        by_tflm(&layer, x, y);
        swap(&mut x, &mut y);
        (products, elements) = (products + layer.products(), layer.elements());
    }
    meter.lap("tflm");

    let same = scores.int8().is_some_and(|scores| Some(scores) == x.get(..elements));
    uwriteln!(out, "{} products of weights that meet inputs", products)?;
    uwriteln!(out, "{}", if same { "the same scores" } else { "OTHER SCORES" })?;
    meter.report(out)
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
