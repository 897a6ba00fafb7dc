//! The int8 network by the plain loops of TensorFlow Lite Micro's reference kernels, beside the kernel's: the same
//! integers, and how many instructions each takes for a multiplication.

#![no_std]
#![no_main]

use core::mem::swap;
use firmware::{Console, Failure, Layer, Meter, digit, entry, run};
use relprop::fixed::Rescale;
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
        weighted(&layer, x, y);
        swap(&mut x, &mut y);
        (products, elements) = (products + layer.products(), layer.elements());
    }
    meter.lap("reference");

    let same = scores.int8().is_some_and(|scores| Some(scores) == x.get(..elements));
    uwriteln!(out, "{} products of weights that meet inputs", products)?;
    uwriteln!(out, "{}", if same { "the same scores" } else { "OTHER SCORES" })?;
    meter.report(out)
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
