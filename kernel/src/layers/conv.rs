//! Convolution, grouped or not, and transposed convolution: one file, because they differ only in which input an
//! output reads through which tap.

use super::grid::Grid;
use super::linear::{Forward, Layout, Linear, Rows, Sinks, Source, Strip, TOGETHER, Walk, all_zero, weigh};
use crate::lanes::{self, FAST, Inputs, Lanes, PIXELS, Part, ROOMY, View};
use crate::model::Model;
use crate::model::format::BLOCK;
use crate::step::{Axis, Meetings, Shape, Step, quotient, remainder, rounded_up};

/// A convolution; weights lie as `[group][block of 8 outputs][kernel row][kernel column][input channel][8]`.
pub struct Conv<'a> {
    weights: &'a [Lanes],
    bias: &'a [f32],
    grid: Grid,
    groups: usize,
}

/// Inputs side by side that an output reads through taps side by side.
#[derive(Clone, Copy)]
struct Run {
    /// The first weight, inside a block.
    weight: usize,
    /// The first input pixel.
    pixel: usize,
    /// How many taps.
    taps: usize,
}

impl<'a> Conv<'a> {
    /// The convolution that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let weights = model.floats(step.params[0]).as_chunks().0;
        Self { weights, bias: model.floats(step.params[1]), grid: Grid::new(model, step), groups: step.groups }
    }

    /// A convolution of one pixel to one pixel.
    pub fn point(weights: &'a [Lanes], inputs: usize, outputs: usize) -> Self {
        let axis =
            Axis { input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0, transposed: false };
        let (input, output) = (Shape::new(1, 1, inputs), Shape::new(1, 1, outputs));
        Self { weights, bias: &[], grid: Grid { input, output, vertical: axis, horizontal: axis }, groups: 1 }
    }

    /// Input channels of a group.
    fn fan(&self) -> usize {
        quotient(self.grid.input.channels, self.groups)
    }

    /// Blocks of output channels of a group.
    fn blocks(&self) -> usize {
        quotient(self.grid.output.channels, self.groups).div_ceil(BLOCK)
    }

    /// Taps of the window.
    fn taps(&self) -> usize {
        self.grid.vertical.kernel * self.grid.horizontal.kernel
    }

    /// Weights of one block of output channels.
    fn block_len(&self) -> usize {
        self.taps() * self.fan()
    }

    /// Whether taps side by side read inputs side by side: one long run per kernel row instead of many short ones.
    fn merges(&self) -> bool {
        self.grid.horizontal.dilation == 1 && !self.grid.horizontal.transposed && self.groups == 1
    }

    /// Calls `f` for every run of one output, in the order of the taps.
    #[inline(always)]
    fn each_run(&self, row: usize, column: usize, mut f: impl FnMut(Run)) {
        let (vertical, horizontal) = (&self.grid.vertical, &self.grid.horizontal);
        let (start, end) = if self.merges() { horizontal.taps(column) } else { (0, horizontal.kernel) };
        let taps = if self.merges() { end - start } else { 1 };
        for ky in 0..vertical.kernel {
            let Some(y) = vertical.input_of(row, ky) else { continue };
            // Called in one place only, or else it would not be inlined.
            for kx in (start..end).step_by(taps.max(1)) {
                if let Some(x) = horizontal.input_of(column, kx) {
                    let weight = (ky * horizontal.kernel + kx) * self.fan();
                    f(Run { weight, pixel: y * self.grid.input.width + x, taps });
                }
            }
        }
    }

    /// Sums of `N` outputs side by side, which must read the same taps, for the first `L` channels of a block.
    #[inline(always)]
    fn pixels<const N: usize, const L: usize>(
        &self,
        view: View,
        x: &Source<'_>,
        block: &Block<'_>,
        column: usize,
    ) -> [[f32; L]; N] {
        let (fan, channels) = (self.fan(), self.grid.input.channels);
        let mut acc = [[0.0; L]; N];
        self.each_run(block.row, column, |run| {
            let len = run.taps * fan;
            let [above, below] = block.weights;
            let above = above.get(run.weight..run.weight + len).unwrap_or(&[]);
            // Weights are kept apart for either sign only where there is room.
            let below = if FAST { below.get(run.weight..run.weight + len).unwrap_or(&[]) } else { above };
            let w = [above, below];
            let inputs = core::array::from_fn(|p| {
                x.get(0, run.pixel + p * self.grid.horizontal.stride, channels, block.group * fan, len)
            });
            lanes::accumulate(view, inputs, w, &mut acc);
        });
        acc
    }

    /// Where the outputs end that read every tap of a kernel row.
    fn interior_end(&self) -> usize {
        let axis = &self.grid.horizontal;
        let reach = (axis.kernel - 1) * axis.dilation;
        let starts = (axis.input + axis.before).saturating_sub(reach);
        rounded_up(starts, axis.stride).min(axis.output)
    }

    /// The first `L` channels of a block, over one row.
    #[inline(always)]
    fn block_row<const L: usize>(&self, view: View, x: &Source<'_>, block: &Block<'_>, z: &mut [f32]) {
        let end = if self.grid.horizontal.transposed { 0 } else { self.interior_end() };
        let mut column = 0;
        while column < self.grid.output.width {
            let whole = column < end && column * self.grid.horizontal.stride >= self.grid.horizontal.before;
            column += match if whole { end - column } else { 1 } {
                many if FAST && many >= PIXELS => {
                    block.put(column, &self.pixels::<PIXELS, L>(view, x, block, column), z)
                }
                many if ROOMY && many >= 2 => block.put(column, &self.pixels::<2, L>(view, x, block, column), z),
                _ => block.put(column, &self.pixels::<1, L>(view, x, block, column), z),
            };
        }
    }
}

/// A block of output channels in one row, and where its sums go.
struct Block<'a> {
    /// For inputs of either sign.
    weights: [&'a [Lanes]; 2],
    group: usize,
    row: usize,
    /// First channel's place in an output pixel.
    first: usize,
    /// Elements from one output pixel to the next.
    pixel: usize,
    /// Channels that there are.
    channels: usize,
}

impl Block<'_> {
    /// Stores the sums of outputs side by side; returns how many.
    #[inline(always)]
    fn put<const L: usize>(&self, column: usize, sums: &[[f32; L]], z: &mut [f32]) -> usize {
        for (p, sums) in sums.iter().enumerate() {
            let z = z.get_mut((column + p) * self.pixel + self.first..).unwrap_or(&mut []);
            match z.first_chunk_mut() {
                Some(z) if self.channels >= L => *z = *sums,
                _ => z.iter_mut().zip(sums).take(self.channels).for_each(|(z, sum)| *z = *sum),
            }
        }
        sums.len()
    }
}

/// Inputs that are worked on together: channels of pixels of one input row, and the outputs that they meet.
#[derive(Clone, Copy)]
struct Spot<'a> {
    /// Weights of the group, or those of the channels at hand as they are seen.
    weights: &'a [Lanes],
    /// How they are seen.
    view: View,
    /// By which inputs.
    inputs: Inputs,
    /// Weights from one tap to the next.
    tap: usize,
    /// Weight of the first channel.
    first: usize,
    group: usize,
    /// First channel in the group.
    channel: usize,
    /// First pixel.
    pixel: usize,
    rows: Meetings,
    /// Of the first pixel; the outputs of the others lie [`Axis::pace`] further on.
    columns: Meetings,
}

impl Conv<'_> {
    /// `r_i += Σ_j part(x_i, w_ij)·s_j` for `n` channels of one input row.
    #[inline(always)]
    fn give_row(&self, x: &Source<'_>, s: &Strip<'_>, r: &mut [f32], first: Spot<'_>, n: usize) {
        let axis = &self.grid.horizontal;
        let (apart, _) = axis.pace();
        for phase in 0..axis.phases() {
            let mut column = phase;
            while column < axis.input {
                let columns = axis.meetings(column);
                let spot = Spot { pixel: first.pixel + column, columns, ..first };
                // Inputs of either sign see weights of their own.
                let alike = |more: usize| !first.view.signed && axis.meet_alike(&columns, column, more);
                column += apart
                    * match n {
                        4 if FAST && alike(1) => self.tiles::<2, 2>(x, s, r, &spot, n),
                        4 if FAST => self.tiles::<1, 4>(x, s, r, &spot, n),
                        2 if !FAST => self.tiles::<1, 2>(x, s, r, &spot, n),
                        _ if FAST && alike(3) => self.tiles::<4, 1>(x, s, r, &spot, n),
                        _ => self.tiles::<1, 1>(x, s, r, &spot, n),
                    };
            }
        }
    }

    /// The same for `M` pixels that meet outputs through the same taps, `N` channels at a time; returns how many pixels.
    #[inline(always)]
    fn tiles<const M: usize, const N: usize>(
        &self,
        x: &Source<'_>,
        s: &Strip<'_>,
        r: &mut [f32],
        spot: &Spot<'_>,
        n: usize,
    ) -> usize {
        for i in (0..n).step_by(N) {
            self.tile::<M, N>(x, s, r, &Spot { channel: spot.channel + i, first: spot.first + i, ..*spot });
        }
        M
    }

    /// The same for `N` channels.
    #[inline(always)]
    fn tile<const M: usize, const N: usize>(&self, x: &Source<'_>, s: &Strip<'_>, r: &mut [f32], spot: &Spot<'_>) {
        let (channels, blocks) = (self.grid.input.channels, self.blocks());
        let (apart, pace) = self.grid.horizontal.pace();
        let first = spot.group * self.fan() + spot.channel;
        let x: [[f32; N]; M] = core::array::from_fn(|p| {
            let x = x.get(0, spot.pixel + p * apart, channels, first, N);
            x.first_chunk().map_or([0.0; N], |x| if FAST { x.map(|x| spot.inputs.keep(x)) } else { *x })
        });
        if all_zero(x.as_flattened()) {
            return;
        }
        let (columns, stride) = (spot.columns, self.groups * blocks);
        let walk = Walk {
            weight: columns.tap * spot.tap + spot.first,
            output: columns.output * stride + spot.group * blocks,
            taps: columns.count,
            tap: [columns.step * spot.tap, stride.wrapping_mul(columns.advance as usize)],
            blocks,
            block: self.taps() * spot.tap,
            pixel: pace * stride,
        };
        let views = x.first().map_or([spot.view.weights[0]; N], |x| x.map(|x| spot.view.at(x)));
        let mut acc = [[[0.0; BLOCK]; N]; M];
        spot.rows.each(|ky, row| {
            let s = s.row(row).as_chunks().0;
            let weight = ky * self.grid.horizontal.kernel * spot.tap + walk.weight;
            weigh(&views, spot.weights, s, Walk { weight, ..walk }, &mut acc);
        });
        for (p, (x, sums)) in x.iter().zip(lanes::sums(acc)).enumerate() {
            let r = r.get_mut((spot.pixel + p * apart) * channels + first..).unwrap_or(&mut []);
            for ((r, x), sum) in r.iter_mut().zip(x).zip(sums) {
                // Whichever inputs are worked on together: what is zero gets nothing, even of what has overflowed.
                *r += if *x == 0.0 { 0.0 } else { x * sum };
            }
        }
    }
}

impl Conv<'_> {
    /// [`Linear::apply`] for one view of the weights; as they are seen, they are kept in the room, block by block.
    #[inline(never)]
    fn sums(&self, view: View, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout, room: &mut [Lanes]) {
        let in_group = quotient(self.grid.output.channels, self.groups);
        for (i, weights) in self.weights.chunks_exact(self.block_len().max(1)).enumerate() {
            let (group, index) = (quotient(i, self.blocks()), remainder(i, self.blocks()));
            let channels = in_group.saturating_sub(index * BLOCK).min(BLOCK);
            let first = group * layout.group + index * BLOCK;
            let (view, weights) = kept(view, weights, room);
            let block = Block { weights, group, row, first, pixel: layout.pixel, channels };
            // Half a block is enough where the channels end.
            if channels > BLOCK / 2 || !ROOMY {
                self.block_row::<BLOCK>(view, x, &block, z);
            } else {
                self.block_row::<{ BLOCK / 2 }>(view, x, &block, z);
            }
        }
    }

    /// [`Linear::distribute`] for one view of the weights. Channels come before columns, so that weights stay in the cache
    /// for a row; as they are seen, they are kept in the room.
    #[inline(never)]
    fn give(&self, view: View, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>, room: &mut [Lanes]) {
        // As many channels at a time as there is room for; if there is none, weights are looked at where they are used.
        let fits = |n: usize| self.taps() * self.blocks() * n <= room.len();
        let keeps = fits(1);
        let together = if keeps && !fits(TOGETHER) { 1 } else { TOGETHER };
        let fan = self.fan();
        for y in self.grid.vertical.settled(s.newest) {
            let rows = self.grid.vertical.meetings(y);
            for (group, weights) in self.weights.chunks_exact((self.blocks() * self.block_len()).max(1)).enumerate() {
                for channel in (0..fan).step_by(together) {
                    let pixel = y * self.grid.input.width;
                    let columns = Meetings::default();
                    let n = together.min(fan - channel);
                    let inputs = Inputs::All;
                    let spot =
                        Spot { weights, view, inputs, tap: fan, first: channel, group, channel, pixel, rows, columns };
                    if !keeps {
                        self.give_row(x, s, r[0], spot, n);
                        continue;
                    }
                    for (weight, inputs) in view.sides() {
                        for (seen, w) in room.chunks_exact_mut(n.max(1)).zip(weights.chunks_exact(fan.max(1))) {
                            weight.see(w.get(channel..).unwrap_or(&[]), seen);
                        }
                        let spot = Spot { weights: room, view: View::ALL, inputs, tap: n, first: 0, ..spot };
                        self.give_row(x, s, r[0], spot, n);
                    }
                }
            }
        }
    }
}

/// Weights as inputs of either sign see them, kept in the room if they fit, and how they are to be seen from there.
fn kept<'w>(view: View, weights: &'w [Lanes], room: &'w mut [Lanes]) -> (View, [&'w [Lanes]; 2]) {
    let sides = view.sides().count();
    let fits = |room: &&mut [Lanes]| FAST && !room.is_empty();
    let Some(room) = room.get_mut(..sides * weights.len()).filter(fits) else {
        return (view, [weights; 2]);
    };
    for ((weight, _), seen) in view.sides().zip(room.chunks_exact_mut(weights.len().max(1))) {
        weight.see(weights, seen);
    }
    let mut seen = room.chunks_exact(weights.len().max(1));
    let above = seen.next().unwrap_or(&[]);
    (view.seen(), [above, seen.next().unwrap_or(above)])
}

impl Forward for Conv<'_> {
    fn rows(&self) -> Rows {
        Rows::blocked(self.grid.output, self.groups)
    }

    fn bias(&self) -> &[f32] {
        self.bias
    }

    fn plain(&self, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout) {
        self.sums(View::ALL, x, row, z, layout, &mut []);
    }
}

impl Linear for Conv<'_> {
    fn apply(&self, part: Part, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout, room: &mut [Lanes]) {
        let view = View::of(part, x.non_negative);
        let room = if view.is_all() { &mut [] } else { room };
        self.sums(view, x, row, z, layout, room);
    }

    fn distribute(&self, part: Part, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>, room: &mut [Lanes]) {
        let view = View::of(part, x.non_negative);
        let room = if view.is_all() { &mut [] } else { room };
        self.give(view, x, s, r, room);
    }

    fn depth(&self) -> usize {
        self.grid.vertical.overlap()
    }

    fn fan_in(&self, row: usize, pixel: usize) -> usize {
        self.grid.fan_in(row, pixel) * self.fan()
    }
}
