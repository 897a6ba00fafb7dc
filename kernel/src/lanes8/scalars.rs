//! For cores without vectors: two output channels at a time, so that what is loaded is used twice.

use super::{Term, Weight};

/// Output channels that are worked on together.
pub const CHANNELS: usize = 2;

/// How many inputs are read where this many are meant.
#[inline(always)]
pub const fn read(len: usize) -> usize {
    len
}

/// `Σ x·w`.
pub fn dot(x: &[i16], w: &[i8]) -> i32 {
    x.iter().zip(w).map(|(x, w)| i32::from(*x) * i32::from(*w)).sum()
}

/// Sums over the inputs of `N` patches, which lie one after the other, `apart` from each other, for two channels.
#[inline(always)]
pub fn sums<const N: usize>(x: &[i16], apart: usize, w: [&[i8]; CHANNELS], term: Term) -> [[i32; N]; CHANNELS] {
    match term {
        Term::Positive => patches(x, apart, w, |x, w| (x * w).max(0)),
        Term::By(Weight::ALL) => patches(x, apart, w, |x, w| x * w),
        Term::By(Weight::POSITIVE) => patches(x, apart, w, |x, w| x * w.max(0)),
        // What few rules ask for.
        Term::By(weight) => patches(x, apart, w, |x, w| x * i32::from(weight.of(w as i8))),
    }
}

#[inline(always)]
fn patches<const N: usize>(
    x: &[i16],
    apart: usize,
    [w, v]: [&[i8]; CHANNELS],
    term: impl Fn(i32, i32) -> i32,
) -> [[i32; N]; CHANNELS] {
    let mut sums = [[0; N]; CHANNELS];
    for p in (0..N).step_by(2) {
        let (here, next) = (x.get(p * apart..).unwrap_or(&[]), x.get((p + 1) * apart..).unwrap_or(&[]));
        if p + 1 < N {
            let four = four(here, next, w, v, &term);
            (sums[0][p], sums[0][p + 1], sums[1][p], sums[1][p + 1]) = (four[0], four[1], four[2], four[3]);
        } else {
            [sums[0][p], sums[1][p]] = two(here, w, v, &term);
        }
    }
    sums
}

/// Two patches by two channels: four products of four loads.
#[inline(never)]
fn four(x: &[i16], y: &[i16], w: &[i8], v: &[i8], term: impl Fn(i32, i32) -> i32) -> [i32; 4] {
    let mut sums = [0; 4];
    for (((x, y), w), v) in x.iter().zip(y).zip(w).zip(v) {
        let (x, y, w, v) = (i32::from(*x), i32::from(*y), i32::from(*w), i32::from(*v));
        sums[0] += term(x, w);
        sums[1] += term(y, w);
        sums[2] += term(x, v);
        sums[3] += term(y, v);
    }
    sums
}

/// One patch by two channels.
#[inline(never)]
fn two(x: &[i16], w: &[i8], v: &[i8], term: impl Fn(i32, i32) -> i32) -> [i32; 2] {
    let mut sums = [0; 2];
    for ((x, w), v) in x.iter().zip(w).zip(v) {
        let (x, w, v) = (i32::from(*x), i32::from(*w), i32::from(*v));
        sums[0] += term(x, w);
        sums[1] += term(x, v);
    }
    sums
}
