//! Convolution, grouped or not, and transposed convolution: one file, because they differ only in which input an
//! output reads through which tap.

use super::linear::{Layout, Linear, Rows, Sinks, Source};
use crate::lanes::{self, Lanes, PIXELS, Part};
use crate::model::Model;
use crate::model::format::BLOCK;
use crate::step::{Axis, Shape, Step};

/// A convolution; weights lie as `[group][block of 8 outputs][kernel row][kernel column][input channel][8]`.
pub struct Conv<'a> {
    weights: &'a [Lanes],
    bias: &'a [f32],
    input: Shape,
    output: Shape,
    vertical: Axis,
    horizontal: Axis,
    groups: usize,
}

/// A place in a row: of the output on the way forward, of the input on the way back.
#[derive(Clone, Copy)]
struct At {
    row: usize,
    column: usize,
    group: usize,
}

/// Which taps an input meets: the last one, then every `step`-th before it; the output it meets there moves on by
/// `advance` with each.
#[derive(Clone, Copy)]
struct Walk {
    tap: usize,
    step: usize,
    output: isize,
    advance: isize,
}

/// One input channel and kernel row on the way back: `s` of an output row, and the weights that the channel meets in
/// it, last tap first, as positive and as negative inputs see them.
struct Channel<'a> {
    x: &'a Source<'a>,
    s: &'a [Lanes],
    above: &'a [Lanes],
    below: &'a [Lanes],
    index: usize,
}

impl<'a> Conv<'a> {
    /// The convolution that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let input = model.tensor(model.operand(step, 0)).shape;
        let output = model.tensor(step.output).shape;
        let [vertical, horizontal] = step.axes(input, output);
        let weights = model.floats(step.params[0]).as_chunks().0;
        Self { weights, bias: model.floats(step.params[1]), input, output, vertical, horizontal, groups: step.groups }
    }

    /// Input channels of a group.
    fn fan(&self) -> usize {
        self.input.channels / self.groups
    }

    /// Blocks of output channels of a group.
    fn blocks(&self) -> usize {
        (self.output.channels / self.groups).div_ceil(BLOCK)
    }

    /// Weights of one block of output channels.
    fn block_len(&self) -> usize {
        self.vertical.kernel * self.horizontal.kernel * self.fan()
    }

    /// Adds to the sums of `N` adjacent outputs whose taps `taps.0..taps.1` fall on inputs.
    #[inline(always)]
    fn pixels<P: Part, const N: usize>(
        &self,
        part: P,
        x: &Source<'_>,
        w: &[Lanes],
        at: At,
        taps: (usize, usize),
    ) -> [Lanes; N] {
        let mut acc = [[0.0; BLOCK]; N];
        let (fan, channels) = (self.fan(), self.input.channels);
        let (first_row, last_row) = self.vertical.taps(at.row);
        // Taps side by side read inputs side by side: one long loop instead of many short ones.
        let merged = self.horizontal.dilation == 1 && self.groups == 1 && !x.broadcast;
        let (run, len) = if merged { (taps.1 - taps.0, (taps.1 - taps.0) * fan) } else { (1, fan) };
        for ky in first_row..last_row {
            let y = at.row * self.vertical.stride + ky * self.vertical.dilation - self.vertical.before;
            let mut kx = taps.0;
            while kx < taps.1 {
                let start = (ky * self.horizontal.kernel + kx) * fan;
                let Some(w) = w.get(start..start + len) else { return acc };
                let mut inputs: [&[f32]; N] = [&[]; N];
                for (p, input) in inputs.iter_mut().enumerate() {
                    let column = (at.column + p) * self.horizontal.stride + kx * self.horizontal.dilation;
                    let pixel = y * self.input.width + column - self.horizontal.before;
                    *input = x.get(0, pixel, channels, at.group * fan, len);
                }
                lanes::accumulate(part, inputs, w, &mut acc);
                kx += run;
            }
        }
        acc
    }

    /// The sums of one output of a transposed convolution.
    fn scattered<P: Part>(&self, part: P, x: &Source<'_>, w: &[Lanes], at: At) -> Lanes {
        let mut acc = [[0.0; BLOCK]; 1];
        let fan = self.fan();
        for ky in 0..self.vertical.kernel {
            let Some(y) = self.vertical.input_of(at.row, ky) else { continue };
            for kx in 0..self.horizontal.kernel {
                let Some(column) = self.horizontal.input_of(at.column, kx) else { continue };
                let start = (ky * self.horizontal.kernel + kx) * fan;
                let pixel = y * self.input.width + column;
                let input = x.get(0, pixel, self.input.channels, at.group * fan, fan);
                lanes::accumulate(part, [input], w.get(start..start + fan).unwrap_or(&[]), &mut acc);
            }
        }
        acc[0]
    }

    /// First output after the ones that read the whole kernel row.
    fn interior_end(&self) -> usize {
        let axis = &self.horizontal;
        let reach = (axis.kernel - 1) * axis.dilation;
        let starts = (axis.input + axis.before).saturating_sub(reach);
        starts.div_ceil(axis.stride).min(axis.output)
    }

    /// One block of output channels over one row.
    fn block_row<P: Part>(&self, part: P, x: &Source<'_>, w: &[Lanes], at: At, mut put: impl FnMut(usize, &Lanes)) {
        let end = self.interior_end();
        let mut column = 0;
        while column < self.output.width {
            let at = At { column, ..at };
            if self.vertical.transposed {
                put(column, &self.scattered(part, x, w, at));
                column += 1;
                continue;
            }
            let taps = self.horizontal.taps(column);
            let whole = taps == (0, self.horizontal.kernel);
            let many = if whole { end.saturating_sub(column) } else { 1 };
            column += match many {
                n if n >= PIXELS => put_all(&mut put, column, &self.pixels::<P, PIXELS>(part, x, w, at, taps)),
                3 => put_all(&mut put, column, &self.pixels::<P, 3>(part, x, w, at, taps)),
                2 => put_all(&mut put, column, &self.pixels::<P, 2>(part, x, w, at, taps)),
                _ => put_all(&mut put, column, &self.pixels::<P, 1>(part, x, w, at, taps)),
            };
        }
    }

    /// How the input at `column` meets the taps of a kernel row.
    fn walk(&self, column: usize) -> Option<Walk> {
        let a = &self.horizontal;
        if a.transposed {
            let tap = a.kernel - 1;
            let output = (column * a.stride + tap * a.dilation) as isize - a.before as isize;
            return Some(Walk { tap, step: 1, output, advance: -(a.dilation as isize) });
        }
        let common = gcd(a.stride, a.dilation);
        let place = |tap: usize| (column + a.before) as isize - (tap * a.dilation) as isize;
        let meets = |tap: &usize| place(*tap).rem_euclid(a.stride as isize) == 0;
        let tap = (0..a.kernel).rev().take(a.stride / common).find(meets)?;
        let output = place(tap).div_euclid(a.stride as isize);
        Some(Walk { tap, step: a.stride / common, output, advance: (a.dilation / common) as isize })
    }

    /// Adds the shares of one channel of one input row: `r += x·Σ w·s`.
    fn channel_row(&self, channel: &Channel<'_>, row: usize, group: usize, r: &mut [f32]) {
        // Inputs that meet the same taps, side by side, and how far apart their outputs are.
        let (spacing, ahead) = self.spacing();
        for phase in 0..spacing.min(self.input.width) {
            let Some(mut walk) = self.walk(phase) else { continue };
            let mut column = phase;
            while column < self.input.width {
                let at = At { row, column, group };
                let done = if (self.input.width - column).div_ceil(spacing) >= PIXELS {
                    self.shares::<PIXELS>(channel, at, walk, r)
                } else {
                    self.shares::<1>(channel, at, walk, r)
                };
                column += done * spacing;
                walk.output += (done * ahead) as isize;
            }
        }
    }

    fn spacing(&self) -> (usize, usize) {
        let stride = self.horizontal.stride;
        if self.horizontal.transposed { (1, stride) } else { (stride, 1) }
    }

    /// The shares of `N` inputs that meet the same taps. The sums run from the last tap to the first, whichever of the
    /// two loops adds them.
    #[inline(always)]
    fn shares<const N: usize>(&self, channel: &Channel<'_>, at: At, walk: Walk, r: &mut [f32]) -> usize {
        let (spacing, ahead) = self.spacing();
        let (blocks, kernel, channels) = (self.blocks(), self.horizontal.kernel, self.input.channels);
        let (stride, offset) = (self.groups * blocks, at.group * blocks);
        let (width, reach) = (self.output.width as isize, ((N - 1) * ahead) as isize);
        let pixel = at.row * self.input.width + at.column;
        let values: [f32; N] = core::array::from_fn(|p| {
            let value = channel.x.get(0, pixel + p * spacing, channels, channel.index, 1);
            value.first().copied().unwrap_or(0.0)
        });
        let weights = values.map(|v| if v < 0.0 { channel.below } else { channel.above });
        let mut acc = [[0.0; BLOCK]; N];

        let side_by_side = walk.advance == 1 && walk.step == 1 && self.groups == 1;
        let inside = walk.output >= 0 && walk.output + (kernel as isize - 1) + reach < width;
        if side_by_side && walk.tap + 1 == kernel && inside {
            let sums = core::array::from_fn(|p| {
                part_of(channel.s, (walk.output as usize + p * ahead) * stride, kernel * blocks)
            });
            lanes::products(weights.map(|w| part_of(w, 0, kernel * blocks)), sums, &mut acc);
        } else {
            let mut output = walk.output;
            for tap in (0..=walk.tap).rev().step_by(walk.step) {
                let weights = weights.map(|w| part_of(w, (kernel - 1 - tap) * blocks, blocks));
                let sums = |p: usize| {
                    let output = output + (p * ahead) as isize;
                    let inside = (0..width).contains(&output);
                    if inside { part_of(channel.s, output as usize * stride + offset, blocks) } else { &[] }
                };
                if output >= 0 && output + reach < width {
                    lanes::products(weights, core::array::from_fn(sums), &mut acc);
                } else {
                    for (p, (acc, weights)) in acc.iter_mut().zip(weights).enumerate() {
                        let mut one = [*acc];
                        lanes::products([weights], [sums(p)], &mut one);
                        [*acc] = one;
                    }
                }
                output += walk.advance;
            }
        }
        for (p, (value, acc)) in values.iter().zip(acc).enumerate() {
            if let Some(r) = r.get_mut((pixel + p * spacing) * channels + channel.index) {
                *r += value * lanes::sum(acc);
            }
        }
        N
    }

    /// Kernel rows that an output row reads, and the input row that each meets.
    fn meets(&self, row: usize) -> impl Iterator<Item = (usize, usize)> {
        let axis = self.vertical;
        (0..axis.kernel).filter_map(move |k| axis.input_of(row, k).map(|y| (k, y)))
    }
}

impl Linear for Conv<'_> {
    fn rows(&self) -> Rows {
        Rows::blocked(self.output, self.groups)
    }

    fn bias(&self) -> &[f32] {
        self.bias
    }

    fn apply<P: Part>(&self, part: P, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout) {
        let in_group = self.output.channels / self.groups;
        for (i, w) in self.weights.chunks_exact(self.block_len()).enumerate() {
            let (group, block) = (i / self.blocks(), i % self.blocks());
            let first = group * layout.group + block * BLOCK;
            let channels = (in_group - block * BLOCK).min(BLOCK);
            self.block_row(part, x, w, At { row, column: 0, group }, |column, sums| {
                let start = column * layout.pixel + first;
                for (z, sum) in z.iter_mut().skip(start).take(channels).zip(sums) {
                    *z = *sum;
                }
            });
        }
    }

    fn distribute<P: Part>(
        &self,
        part: P,
        x: &Source<'_>,
        row: usize,
        s: &[f32],
        repack: &mut [f32],
        r: &mut Sinks<'_>,
    ) {
        let s = s.as_chunks().0;
        let (above, below) = repack.as_chunks_mut().0.split_at_mut(self.horizontal.kernel * self.blocks());
        for (ky, y) in self.meets(row) {
            for channel in 0..self.input.channels {
                let (group, inner) = (channel / self.fan(), channel % self.fan());
                self.repack(|w| part.above(w), ky, group, inner, above);
                if !x.non_negative {
                    self.repack(|w| part.below(w), ky, group, inner, below);
                }
                let channel = Channel { x, s, above, below, index: channel };
                self.channel_row(&channel, y, group, r[0]);
            }
        }
    }

    fn fan_in(&self, row: usize, pixel: usize) -> usize {
        let columns = (0..self.horizontal.kernel).filter(|k| self.horizontal.input_of(pixel, *k).is_some());
        self.meets(row).count() * columns.count() * self.fan()
    }
}

impl Conv<'_> {
    /// The weights of one input channel and kernel row for every output channel of its group, last tap first.
    fn repack(&self, part: impl Fn(f32) -> f32, ky: usize, group: usize, channel: usize, to: &mut [Lanes]) {
        let (kernel, blocks, fan) = (self.horizontal.kernel, self.blocks(), self.fan());
        for (i, to) in to.iter_mut().enumerate().take(kernel * blocks) {
            let (tap, block) = (kernel - 1 - i / blocks, i % blocks);
            let from = (group * blocks + block) * self.block_len() + (ky * kernel + tap) * fan + channel;
            if let Some(w) = self.weights.get(from) {
                *to = w.map(&part);
            }
        }
    }
}

fn put_all<const N: usize>(put: &mut impl FnMut(usize, &Lanes), column: usize, sums: &[Lanes; N]) -> usize {
    for (p, sums) in sums.iter().enumerate() {
        put(column + p, sums);
    }
    N
}

/// `blocks[start..start + len]`, empty where that is out of bounds.
#[inline(always)]
fn part_of(blocks: &[Lanes], start: usize, len: usize) -> &[Lanes] {
    blocks.get(start..start + len).unwrap_or(&[])
}

const fn gcd(a: usize, b: usize) -> usize {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
