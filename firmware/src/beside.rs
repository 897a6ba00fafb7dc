//! An inference of the int8 network, beside the same by the loops of others: the scores have to be the same integers.

use crate::{Console, Failure, Layer, Meter, digit};
use core::mem::swap;
use relprop::{Arena, Mode, Model, Session, include_model};
use static_cell::ConstStaticCell;
use ufmt::uwriteln;

const MODEL: Model<'static> = include_model!("../../models/mnist-tiny.int8.rlp");
static ARENA: ConstStaticCell<Arena<{ MODEL.arena_bytes(Mode::Infer) }>> = ConstStaticCell::new(Arena::new());
/// As large as the largest of its activations.
type Plane = [i8; 14 * 14 * 8];
static PLANES: ConstStaticCell<[Plane; 2]> = ConstStaticCell::new([[0; 14 * 14 * 8]; 2]);

/// Runs the network by the kernel and by `theirs`, which computes one layer, and prints how many instructions each takes.
///
/// # Errors
/// The kernel's, and the console's.
pub fn compare(out: &mut Console, who: &'static str, theirs: impl Fn(&Layer, &[i8], &mut [i8])) -> Result<(), Failure> {
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
        theirs(&layer, x, y);
        swap(&mut x, &mut y);
        (products, elements) = (products + layer.products(), layer.elements());
    }
    meter.lap(who);

    let same = scores.int8().is_some_and(|scores| Some(scores) == x.get(..elements));
    uwriteln!(out, "{} products of weights that meet inputs", products)?;
    uwriteln!(out, "{}", if same { "the same scores" } else { "OTHER SCORES" })?;
    meter.report(out)
}
