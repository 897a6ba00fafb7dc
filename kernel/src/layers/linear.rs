//! What every linear layer shares.
//!
//! A layer offers its way forward, [`Forward::plain`], and for the way back two functions that know every term,
//! [`Linear::apply`] and [`Linear::distribute`]; a rule is written once, over any of them ([`super::way`]). The way
//! back works row by row: `z` of one output row is computed, turned into `s = R/z` in place, and handed out to the
//! inputs that the row read. So an explanation needs the kept activations, two relevance tensors and a few rows of
//! scratch, and several consumers of one tensor simply add up.

use crate::lanes::{self, FAST, Lanes, Part, Weight, positive};
use crate::model::format::BLOCK;
use crate::step::{Op, Shape, Step, quotient};

/// The operands of a step: addition has two, every other linear layer leaves the second empty.
pub type Operands<'a> = [&'a [f32]; 2];
/// Relevances of the operands, to be added to.
pub type Sinks<'a> = [&'a mut [f32]; 2];

/// What stands in the place of `x`.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Values per operand.
    pub values: Operands<'a>,
    /// `values` is one pixel that stands for every pixel, repeated as often as a run of taps is long.
    pub broadcast: bool,
    /// No value is negative.
    pub non_negative: bool,
}

impl<'a> Source<'a> {
    /// The step's own input.
    pub fn tensor(values: Operands<'a>, non_negative: bool) -> Self {
        Self { values, broadcast: false, non_negative }
    }

    /// The same pixel everywhere; `values` repeats it.
    pub fn pixel(values: &'a [f32]) -> Self {
        Self { values: [values; 2], broadcast: true, non_negative: false }
    }

    /// `len` values of operand `k` from channel `channel` of pixel `pixel` on; empty if there are not so many.
    #[inline(always)]
    pub fn get(&self, k: usize, pixel: usize, channels: usize, channel: usize, len: usize) -> &'a [f32] {
        let start = if self.broadcast { channel } else { pixel * channels + channel };
        self.values[k & 1].get(start..start + len).unwrap_or(&[])
    }

    /// Eight values of the first operand, of which the first `len` count; see [`get`](Self::get).
    #[inline(always)]
    pub fn lanes(&self, pixel: usize, channels: usize, channel: usize, len: usize) -> Lanes {
        let start = if self.broadcast { channel } else { pixel * channels + channel };
        lanes::load_at(self.values[0], start, len)
    }
}

/// How one output row lies in memory.
#[derive(Clone, Copy)]
pub struct Layout {
    /// Elements from one pixel to the next.
    pub pixel: usize,
    /// Elements from one group of channels to the next.
    pub group: usize,
}

/// Shape of a linear layer's output, and of its rows in scratch, where each group of channels is padded to whole lanes.
#[derive(Clone, Copy)]
pub struct Rows {
    /// Number of rows.
    pub count: usize,
    /// Pixels per row.
    pub width: usize,
    /// Channels per pixel.
    pub channels: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Whether groups are padded.
    pub padded: bool,
}

impl Rows {
    /// Rows of a layer that works lane by lane on blocks of output channels.
    pub const fn blocked(output: Shape, groups: usize) -> Self {
        Self { count: output.height, width: output.width, channels: output.channels, groups, padded: true }
    }

    /// Rows of a layer whose channels do not mix.
    pub const fn plain(output: Shape) -> Self {
        Self { count: output.height, width: output.width, channels: output.channels, groups: 1, padded: false }
    }

    /// As the tensor lies.
    pub const fn tight(&self) -> Layout {
        Layout { pixel: self.channels, group: quotient(self.channels, self.groups) }
    }

    /// As scratch lies.
    pub const fn scratch(&self) -> Layout {
        let group = quotient(self.channels, self.groups);
        let group = if self.padded { group.next_multiple_of(BLOCK) } else { group };
        Layout { pixel: group * self.groups, group }
    }
}

/// `y_j = Σ_i x_i·w_ij + b_j`, whatever the geometry: convolution, dense, depthwise, average pooling, affine, addition.
///
/// This half is what inference links: nothing of it leads to the rules.
pub trait Forward {
    /// Shape of the output.
    fn rows(&self) -> Rows;

    /// The bias per channel (or per element), or empty.
    fn bias(&self) -> &[f32];

    /// `z_j = Σ_i x_i·w_ij` for the outputs of one row, laid out as said; what lies between is left alone.
    fn plain(&self, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout);
}

/// The other half: what rules need.
pub trait Linear: Forward {
    /// `z_j = Σ_i part(x_i, w_ij)` for the outputs of one row, laid out as said; what lies between is left alone. There
    /// may be room to keep weights in as a part sees them.
    fn apply(&self, part: Part, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout, room: &mut [Lanes]);

    /// `r_i += Σ_j part(x_i, w_ij)·s_j`, called for every output row in turn: hands out what no later row adds to, be
    /// it the newest row of `s` by row of the output, or all kept rows by row of the input.
    fn distribute(&self, part: Part, x: &Source<'_>, s: &Strip<'_>, r: &mut Sinks<'_>, room: &mut [Lanes]);

    /// How many rows of `s` [`distribute`](Self::distribute) looks at.
    fn depth(&self) -> usize {
        1
    }

    /// How many inputs the outputs of a pixel read.
    fn fan_in(&self, row: usize, pixel: usize) -> usize;
}

/// The way forward of any linear layer.
pub fn forward(layer: &impl Forward, x: Operands<'_>, y: &mut [f32]) {
    let rows = layer.rows();
    for (row, y) in y.chunks_exact_mut((rows.width * rows.channels).max(1)).enumerate() {
        forward_row(layer, x, row, y);
    }
}

/// One row of the way forward.
pub fn forward_row(layer: &(impl Forward + ?Sized), x: Operands<'_>, row: usize, y: &mut [f32]) {
    let rows = layer.rows();
    layer.plain(&Source::tensor(x, false), row, y, rows.tight());
    let bias = layer.bias();
    if bias.len() == rows.channels {
        for pixel in y.chunks_exact_mut(bias.len().max(1)) {
            add_to(pixel, bias);
        }
    } else if let Some(bias) = bias.get(row * y.len()..) {
        add_to(y, bias);
    }
}

/// `values += more`.
pub fn add_to(values: &mut [f32], more: &[f32]) {
    for (v, m) in values.iter_mut().zip(more) {
        *v += m;
    }
}

/// The newest rows of `s`, in scratch layout with zeros as padding.
#[derive(Clone, Copy)]
pub struct Strip<'a> {
    /// The rows, in a ring.
    pub rows: &'a [f32],
    /// Floats per row.
    pub len: usize,
    /// The newest row of the output.
    pub newest: usize,
    /// Its place in the ring.
    pub slot: usize,
    /// How many rows the ring has.
    pub kept: usize,
}

impl<'a> Strip<'a> {
    /// A row of the output; empty if it is not kept.
    #[inline(always)]
    pub fn row(&self, row: usize) -> &'a [f32] {
        let age = self.newest.wrapping_sub(row);
        let slot = if age <= self.slot { self.slot - age } else { (self.slot + self.kept).wrapping_sub(age) };
        self.rows.get(slot.wrapping_mul(self.len)..).and_then(|rows| rows.get(..self.len)).unwrap_or(&[])
    }
}

/// Blocks of weights, as a part sees them, that a layer may keep on its way back: none where the stack is small.
pub const ROOM: usize = if FAST { 1024 } else { 0 };

/// Inputs side by side per pass over the outputs.
pub const TOGETHER: usize = if FAST { 4 } else { 2 };

/// Where the weights and the outputs lie that inputs meet, in blocks: taps side by side, and for each some blocks.
#[derive(Clone, Copy)]
pub struct Walk {
    /// First weight.
    pub weight: usize,
    /// First block of `s`.
    pub output: usize,
    /// How many taps.
    pub taps: usize,
    /// From the weights of one tap to the next, and from its outputs to the next.
    pub tap: [usize; 2],
    /// How many blocks of outputs.
    pub blocks: usize,
    /// From the weights of one block of outputs to the next.
    pub block: usize,
    /// From the outputs of one pixel to the next.
    pub pixel: usize,
}

/// `acc[p][i] += Σ_j view(w_ij) ⊙ s[p]_j` for `N` channels side by side of `M` pixels, which see the same of the weights.
#[inline(always)]
pub fn weigh<const M: usize, const N: usize>(
    views: &[Weight; N],
    w: &[Lanes],
    s: &[Lanes],
    walk: Walk,
    acc: &mut [[Lanes; N]; M],
) {
    let all = |weight: Weight| views.iter().all(|view| *view == weight);
    if all(Weight::All) {
        weigh_seen(None, |w| w, w, s, walk, acc);
    } else if !FAST && all(Weight::Positive) {
        weigh_seen(None, positive, w, s, walk, acc);
    } else {
        weigh_seen(Some(views), |w| w, w, s, walk, acc);
    }
}

/// [`weigh`], with what is seen of a weight as a function, or, where `views` are given, through those.
#[inline(always)]
fn weigh_seen<const M: usize, const N: usize>(
    views: Option<&[Weight; N]>,
    see: impl Fn(f32) -> f32,
    w: &[Lanes],
    s: &[Lanes],
    walk: Walk,
    acc: &mut [[Lanes; N]; M],
) {
    const { assert!(N <= 4, "as many as are written out below") };
    let mut sums = *acc;
    let mut room = [[0.0; BLOCK]; N];
    let (mut weight, mut output) = (walk.weight, walk.output);
    for _ in 0..walk.taps {
        let Some(s) = lanes::spans::<Lanes, M>(s, output, walk.pixel, walk.blocks) else { break };
        let mut at = weight;
        for j in 0..walk.blocks {
            let Some(own) = w.get(at..).and_then(|w| w.first_chunk::<N>()) else { break };
            let seen = match views {
                Some(views) => {
                    lanes::see_each(views, own, &mut room);
                    &room
                }
                None => own,
            };
            for p in 0..M {
                let Some(s) = s[p].get(j) else { continue };
                // Written out for the reason that lanes are.
                macro_rules! channels {
                    ($($i:literal)*) => {
                        $(if $i < N {
                            lanes::multiply_add(&mut sums[p][$i], |lane| s[lane], &seen[$i], &see);
                        })*
                    };
                }
                channels!(0 1 2 3);
            }
            at += walk.block;
        }
        weight = weight.wrapping_add(walk.tap[0]);
        output = output.wrapping_add(walk.tap[1]);
    }
    *acc = sums;
}

/// Whether inputs contribute nothing: backgrounds and dead units do not.
#[inline(always)]
pub fn all_zero(x: &[f32]) -> bool {
    x.iter().fold(0, |bits, x| bits | x.to_bits()) << 1 == 0
}

/// Scratch of the way back through a linear layer, in floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scratch {
    /// One output row.
    pub row: usize,
    /// Rows of `s` that are kept.
    pub depth: usize,
    /// One input pixel that stands for all, repeated as often as a kernel row is wide.
    pub pixel: usize,
}

impl Scratch {
    /// What this step needs.
    pub const fn of(step: &Step, input: Shape, output: Shape) -> Self {
        let rows = match step.op {
            Op::Conv | Op::ConvTranspose => Rows::blocked(output, step.groups),
            Op::Dense => Rows::blocked(output, 1),
            // Of one gate, at one moment.
            Op::Lstm | Op::Gru => Rows::blocked(Shape::new(1, 1, output.channels), 1),
            _ => Rows::plain(output),
        };
        let depth = match step.op {
            Op::Conv | Op::ConvTranspose => step.axes(input, output)[0].overlap(),
            _ => 1,
        };
        let pixel = match step.op {
            Op::Dense => input.elements(),
            Op::Conv => input.channels * step.kernel[1] as usize,
            Op::Lstm | Op::Gru if output.channels > input.channels => output.channels,
            _ => input.channels,
        };
        let row = (rows.width * rows.scratch().pixel).next_multiple_of(BLOCK);
        Self { row, depth, pixel: pixel.next_multiple_of(BLOCK) }
    }

    /// Floats in all: the kept rows, one to compare with, and the pixel.
    pub const fn total(self) -> usize {
        (self.depth + 1) * self.row + self.pixel
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn seen_on_the_way_or_before_is_the_same(
            w in prop::collection::vec(prop::array::uniform8(-4.0f32..4.0), 24),
            s in prop::collection::vec(prop::array::uniform8(-4.0f32..4.0), 6),
        ) {
            let walk = Walk { weight: 1, output: 0, taps: 3, tap: [4, 2], blocks: 2, block: 11, pixel: 0 };
            let (mut on_the_way, mut before) = ([[[0.0; BLOCK]; 2]], [[[0.0; BLOCK]; 2]]);
            weigh_seen(None, positive, &w, &s, walk, &mut on_the_way);
            weigh_seen(Some(&[Weight::Positive; 2]), |w| w, &w, &s, walk, &mut before);
            prop_assert_eq!(on_the_way, before);
            let reached = |i: usize| s.iter().enumerate().fold(0.0, |sum, (j, s)| {
                let w = w[1 + 4 * (j / 2) + 11 * (j % 2) + i];
                s.iter().zip(w).fold(sum, |sum, (s, w)| sum + f64::from(*s) * f64::from(w.max(0.0)))
            });
            for (i, sums) in on_the_way[0].iter().enumerate() {
                let sum: f64 = sums.iter().map(|sum| f64::from(*sum)).sum();
                prop_assert!((sum - reached(i)).abs() < 1e-3, "{sum} for {}", reached(i));
            }
        }
    }
}
