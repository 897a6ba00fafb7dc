//! The int8 network by the plain loops of TensorFlow Lite Micro's reference kernels, beside the kernel's: the same
//! integers, and how many instructions each takes for a multiplication.

#![no_std]
#![no_main]

use core::mem::swap;
use firmware::{Console, Failure, Meter, digit, entry, run};
use relprop::fixed::Rescale;
use relprop::step::{Op, Step};
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
    for i in 0..MODEL.steps() {
        let step = MODEL.step(i);
        if matches!(step.op, Op::Conv | Op::Dense) {
            products += weighted(&step, x, y);
            swap(&mut x, &mut y);
            elements = MODEL.tensor(step.output).shape.elements();
        }
    }
    meter.lap("reference");

    let same = scores.int8().is_some_and(|scores| Some(scores) == x.get(..elements));
    uwriteln!(out, "{} products of weights that meet inputs", products)?;
    uwriteln!(out, "{}", if same { "the same scores" } else { "OTHER SCORES" })?;
    meter.report(out)
}

/// A convolution, or a dense layer, which is one with a window as large as its input; returns how many products it took.
#[inline(never)]
fn weighted(step: &Step, x: &[i8], y: &mut [i8]) -> u32 {
    let (input, output) = (MODEL.tensor(MODEL.operand(step, 0)), MODEL.tensor(step.output));
    let (from, to, is_dense) = (input.shape, output.shape, matches!(step.op, Op::Dense));
    let [rows, columns] = if is_dense { [from.height, from.width] } else { step.kernel.map(usize::from) };
    let [down, right] = if is_dense { [1, 1] } else { step.stride.map(usize::from) };
    let [top, left] = if is_dense { [0, 0] } else { [usize::from(step.pads[0]), usize::from(step.pads[1])] };
    let weights: &[i8] = bytemuck::must_cast_slice(MODEL.params(step.params[0], 1));
    let biases: &[i32] = bytemuck::try_cast_slice(MODEL.params(step.params[1], 4)).unwrap_or(&[]);
    let pairs: &[[i32; 2]] = bytemuck::try_cast_slice(MODEL.params(step.params[2], 8)).unwrap_or(&[]);
    let [low, high] = [step.ints[0].cast_signed(), step.ints[1].cast_signed()];
    let (mut at, mut products) = (0, 0);
    for row in 0..to.height {
        for column in 0..to.width {
            for channel in 0..to.channels {
                let mut sum = 0;
                for ky in 0..rows {
                    for kx in 0..columns {
                        let (iy, ix) = ((row * down + ky).wrapping_sub(top), (column * right + kx).wrapping_sub(left));
                        if iy >= from.height || ix >= from.width {
                            continue;
                        }
                        for k in 0..from.channels {
                            let w = weights.get(((channel * rows + ky) * columns + kx) * from.channels + k);
                            let q = x.get((iy * from.width + ix) * from.channels + k);
                            let (w, q) = (w.copied().unwrap_or(0), q.copied().unwrap_or(0));
                            sum += i32::from(w) * (i32::from(q) - input.zero_point);
                        }
                        products += from.channels as u32;
                    }
                }
                sum += biases.get(channel).copied().unwrap_or(0);
                let factor = Rescale::new(pairs.get(channel).copied().unwrap_or([0; 2]), false);
                if let Some(y) = y.get_mut(at) {
                    *y = (factor.apply(sum) + output.zero_point).max(low).min(high) as i8;
                }
                at += 1;
            }
        }
    }
    products
}
