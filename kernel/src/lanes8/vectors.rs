//! For cores with vectors: an output channel at a time, many inputs side by side.

use super::{Term, Weight};
use crate::model::format::BLOCK_INT8;

/// Output channels that are worked on together.
pub const CHANNELS: usize = 1;

/// How many inputs are read where this many are meant: the last pass is filled with the zeros behind them.
#[inline(always)]
pub const fn read(len: usize) -> usize {
    len.next_multiple_of(BLOCK_INT8)
}

/// Inputs per pass where there are many: with twice as many LLVM finds no good order.
const CHUNK: usize = 2 * BLOCK_INT8;

/// `Σ x·w`; both must be [as long as is read](read).
#[inline(always)]
pub fn dot(x: &[i16], w: &[i8]) -> i32 {
    let [[sum]] = sums(x, 0, [w], Term::PRODUCT);
    sum
}

/// Sums over the inputs of `N` patches, which lie one after the other, `apart` from each other. Weights are widened once
/// for all of them.
#[inline(always)]
pub fn sums<const N: usize>(x: &[i16], apart: usize, [w]: [&[i8]; CHANNELS], term: Term) -> [[i32; N]; CHANNELS] {
    [match term {
        Term::PRODUCT => products(x, apart, w, i16::from),
        _ => sums_of(x, apart, w, term),
    }]
}

/// The same where weights are not taken as they are.
#[inline(never)]
fn sums_of<const N: usize>(x: &[i16], apart: usize, w: &[i8], term: Term) -> [i32; N] {
    match term {
        Term::By(Weight::Within(low, high)) => products(x, apart, w, |w| i16::from(w).max(low).min(high)),
        Term::By(weight) => each_block(x, apart, w, |x, w| product(x, &weight.load(w))),
        Term::Positive => each_block(x, apart, w, |x, w| {
            let above = product(&x.map(|x| x.max(0)), &w.map(|w| i16::from(w).max(0)));
            above + product(&x.map(|x| x.min(0)), &w.map(|w| i16::from(w).min(0)))
        }),
    }
}

/// `Σ x·f(w)`.
#[inline(always)]
fn products<const N: usize>(x: &[i16], apart: usize, w: &[i8], f: impl Fn(i8) -> i16) -> [i32; N] {
    let mut sums = [0; N];
    let (chunks, rest) = w.as_chunks::<CHUNK>();
    for (i, w) in chunks.iter().enumerate() {
        add_products(x, apart, i * CHUNK, &w.map(&f), &mut sums);
    }
    let done = chunks.len() * CHUNK;
    for (i, w) in rest.as_chunks::<BLOCK_INT8>().0.iter().enumerate() {
        add_products(x, apart, done + i * BLOCK_INT8, &w.map(&f), &mut sums);
    }
    sums
}

#[inline(always)]
fn add_products<const L: usize, const N: usize>(x: &[i16], apart: usize, at: usize, w: &[i16; L], sums: &mut [i32; N]) {
    for (p, sum) in sums.iter_mut().enumerate() {
        if let Some(x) = x.get(p * apart + at..).and_then(|x| x.first_chunk()) {
            *sum += product(x, w);
        }
    }
}

#[inline(always)]
fn each_block<const N: usize>(
    x: &[i16],
    apart: usize,
    w: &[i8],
    term: impl Fn(&[i16; BLOCK_INT8], &[i8; BLOCK_INT8]) -> i32,
) -> [i32; N] {
    let mut sums = [0; N];
    for (i, w) in w.as_chunks::<BLOCK_INT8>().0.iter().enumerate() {
        for (p, sum) in sums.iter_mut().enumerate() {
            if let Some(x) = x.get(p * apart + i * BLOCK_INT8..).and_then(|x| x.first_chunk()) {
                *sum += term(x, w);
            }
        }
    }
    sums
}

/// A sum of products of 16-bit numbers, and nothing else: what vector units have an instruction for. By itself, because
/// LLVM makes scalars of several such sums side by side.
#[inline(never)]
fn product<const L: usize>(x: &[i16; L], w: &[i16; L]) -> i32 {
    let mut sum = 0;
    for i in 0..L {
        sum += i32::from(x[i]) * i32::from(w[i]);
    }
    sum
}
