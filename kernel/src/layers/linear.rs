//! What every linear layer shares: apply a rule to a linear map.
//!
//! A layer offers two functions, [`Linear::apply`] and [`Linear::distribute`]; a rule is written once, over any of
//! them. The way back works row by row: `z` of one output row is computed, turned into `s = R/z` in place, and handed
//! out to the inputs that the row read. So an explanation needs the kept activations, two relevance tensors and a few
//! rows of scratch, and several consumers of one tensor simply add up.

use crate::lanes::{self, Lanes, Part, Sum};
use crate::lanes::{All, Magnitude, Negative, NonNegative, Ones, Positive, Raised, RaisedWeights, Squared};
use crate::math;
use crate::model::format::BLOCK;
use crate::rule::{Bias, Bound, Choice, Rule, Stabilizer};
use crate::step::{Op, Shape, Step};

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
        Layout { pixel: self.channels, group: self.channels / self.groups }
    }

    /// As scratch lies.
    pub const fn scratch(&self) -> Layout {
        let group = self.channels / self.groups;
        let group = if self.padded { group.next_multiple_of(BLOCK) } else { group };
        Layout { pixel: group * self.groups, group }
    }
}

/// `y_j = Σ_i x_i·w_ij + b_j`, whatever the geometry: convolution, dense, depthwise, average pooling, affine, addition.
pub trait Linear {
    /// Shape of the output.
    fn rows(&self) -> Rows;

    /// The bias per channel (or per element), or empty.
    fn bias(&self) -> &[f32];

    /// `z_j = Σ_i part(x_i, w_ij)` for the outputs of one row, laid out as said; what lies between is left alone.
    fn apply<P: Part>(&self, part: P, x: &Source<'_>, row: usize, z: &mut [f32], layout: Layout);

    /// `r_i += Σ_j part(x_i, w_ij)·s_j` for the outputs of one row, in the scratch layout with zeros as padding.
    fn distribute<P: Part>(&self, part: P, x: &Source<'_>, row: usize, s: &[f32], r: &mut Sinks<'_>);

    /// How many inputs the outputs of a pixel read.
    fn fan_in(&self, row: usize, pixel: usize) -> usize;
}

/// The way forward of any linear layer.
pub fn forward(layer: &impl Linear, x: Operands<'_>, y: &mut [f32]) {
    let rows = layer.rows();
    for (row, y) in y.chunks_exact_mut(rows.width * rows.channels).enumerate() {
        forward_row(layer, x, row, y);
    }
}

/// One row of the way forward.
pub fn forward_row(layer: &impl Linear, x: Operands<'_>, row: usize, y: &mut [f32]) {
    let rows = layer.rows();
    layer.apply(All, &Source::tensor(x, false), row, y, rows.tight());
    let bias = layer.bias();
    if bias.len() == rows.channels {
        for pixel in y.chunks_exact_mut(bias.len()) {
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

/// `s` of one output pixel on its way to the inputs, through weights that lie in blocks of output channels.
pub struct Shares<'a> {
    weights: &'a [Lanes],
    block: usize,
    s: &'a [Lanes],
}

/// Inputs per pass over the outputs.
const TOGETHER: usize = 4;

impl<'a> Shares<'a> {
    /// Sets out with the blocks between which `s` is not zero; `None` if it is zero everywhere. Most outputs of a
    /// classifier, and many behind a `ReLU` or max pooling, receive nothing.
    #[inline(always)]
    pub fn new(weights: &'a [Lanes], block: usize, s: &'a [Lanes]) -> Option<Self> {
        let silent = |s: &Lanes| s.iter().all(|s| *s == 0.0);
        let first = s.iter().position(|s| !silent(s))?;
        let last = s.iter().rposition(|s| !silent(s))?;
        Some(Self { weights: weights.get(first * block..)?, block, s: s.get(first..=last)? })
    }

    /// `r_i += Σ_j part(x_i, w_ij)·s_j` for inputs side by side, the first of which has the weights from `first` on.
    #[inline(always)]
    pub fn add<P: Part>(&self, part: P, x: &[f32], first: usize, r: &mut [f32]) {
        let (x_chunks, x_rest) = x.as_chunks::<TOGETHER>();
        let (r_chunks, r_rest) = r.as_chunks_mut::<TOGETHER>();
        for (i, (x, r)) in x_chunks.iter().zip(r_chunks).enumerate() {
            self.add_some(part, x, first + i * TOGETHER, r);
        }
        let first = first + x_chunks.len() * TOGETHER;
        match (x_rest.len(), r_rest.len()) {
            (3, 3) => self.add_rest::<P, 3>(part, x_rest, first, r_rest),
            (2, 2) => self.add_rest::<P, 2>(part, x_rest, first, r_rest),
            (1, 1) => self.add_rest::<P, 1>(part, x_rest, first, r_rest),
            _ => {}
        }
    }

    #[inline(always)]
    fn add_rest<P: Part, const N: usize>(&self, part: P, x: &[f32], first: usize, r: &mut [f32]) {
        if let (Some(x), Some(r)) = (x.first_chunk::<N>(), r.first_chunk_mut::<N>()) {
            self.add_some(part, x, first, r);
        }
    }

    #[inline(always)]
    fn add_some<P: Part, const N: usize>(&self, part: P, x: &[f32; N], first: usize, r: &mut [f32; N]) {
        // Backgrounds and dead units: nothing of them contributes to anything.
        if x.iter().all(|x| *x == 0.0) {
            return;
        }
        if P::SIGNED {
            let sums: [f32; N] = self.weighed(first, |i, w| part.term(x[i], w));
            for (r, sum) in r.iter_mut().zip(sums) {
                *r += sum;
            }
        } else {
            let sums: [f32; N] = self.weighed(first, |_, w| part.weight(w));
            for ((r, sum), x) in r.iter_mut().zip(sums).zip(x) {
                *r += x * sum;
            }
        }
    }

    /// `Σ_j f(i, w_ij)·s_j` for `N` inputs.
    #[inline(always)]
    fn weighed<const N: usize>(&self, first: usize, f: impl Fn(usize, f32) -> f32) -> [f32; N] {
        let mut acc = [[0.0; BLOCK]; N];
        let mut at = first;
        for s in self.s {
            let Some(w) = self.weights.get(at..).and_then(|w| w.first_chunk::<N>()) else { break };
            for i in 0..N {
                for lane in 0..BLOCK {
                    acc[i][lane] += s[lane] * f(i, w[i][lane]);
                }
            }
            at += self.block;
        }
        lanes::sums(acc)
    }
}

/// Scratch of the way back through a linear layer, in floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scratch {
    /// One output row.
    pub row: usize,
    /// One input pixel that stands for all, repeated as often as a kernel row is wide.
    pub pixel: usize,
}

impl Scratch {
    /// Rows: `z`, one that gates or redistributes, one for what is added up.
    const ROWS: usize = 3;

    /// What this step needs.
    pub const fn of(step: &Step, input: Shape, output: Shape) -> Self {
        let rows = match step.op {
            Op::Conv | Op::ConvTranspose => Rows::blocked(output, step.groups),
            Op::Dense => Rows::blocked(output, 1),
            _ => Rows::plain(output),
        };
        let pixel = match step.op {
            Op::Dense => input.elements(),
            Op::Conv => input.channels * step.kernel[1] as usize,
            _ => input.channels,
        };
        Self { row: (rows.width * rows.scratch().pixel).next_multiple_of(BLOCK), pixel: pixel.next_multiple_of(BLOCK) }
    }

    /// Floats in all.
    pub const fn total(self) -> usize {
        Self::ROWS * self.row + self.pixel
    }
}

/// What a step took from the relevance that arrived, and how well it was conditioned.
#[derive(Clone, Copy)]
pub struct Taken {
    /// By the bias.
    pub bias: Sum,
    /// By the stabiliser.
    pub stabilizer: Sum,
    /// Dropped.
    pub dropped: Sum,
    /// Smallest `|z| / Σ|x·w|`.
    pub condition: f32,
}

impl Default for Taken {
    fn default() -> Self {
        Self { bias: Sum::default(), stabilizer: Sum::default(), dropped: Sum::default(), condition: f32::NAN }
    }
}

/// One linear step on its way back: everything that a rule works with.
pub struct Way<'a, L> {
    layer: &'a L,
    x: Source<'a>,
    relevance: &'a [f32],
    sinks: Sinks<'a>,
    choice: Choice<'a>,
    measure_condition: bool,
    z: &'a mut [f32],
    extra: &'a mut [f32],
    spare: &'a mut [f32],
    pixel: &'a mut [f32],
    taken: Taken,
}

/// Which outputs take part in a sweep.
#[derive(Clone, Copy, PartialEq)]
enum Gate {
    All,
    Above,
    Below,
}

impl<'a, L: Linear> Way<'a, L> {
    /// Sets out. `scratch` must be as long as [`Scratch::total`].
    pub fn new(
        layer: &'a L,
        sizes: Scratch,
        x: Source<'a>,
        relevance: &'a [f32],
        sinks: Sinks<'a>,
        scratch: &'a mut [f32],
        choice: Choice<'a>,
    ) -> Option<Self> {
        let (z, scratch) = scratch.split_at_mut_checked(sizes.row)?;
        let (extra, scratch) = scratch.split_at_mut_checked(sizes.row)?;
        let (spare, scratch) = scratch.split_at_mut_checked(sizes.row)?;
        let pixel = scratch.get_mut(..sizes.pixel)?;
        Some(Self {
            layer,
            x,
            relevance,
            sinks,
            choice,
            measure_condition: false,
            z,
            extra,
            spare,
            pixel,
            taken: Taken::default(),
        })
    }

    /// With condition figures.
    pub fn measuring(mut self, measure: bool) -> Self {
        self.measure_condition = measure;
        self
    }

    /// Passes the relevance back by the chosen rule.
    pub fn propagate(mut self) -> Taken {
        match self.choice.rule {
            Rule::AlphaBeta { alpha, beta } => self.alpha_beta(alpha, beta),
            Rule::ZPlus => self.alpha_beta(1.0, 0.0),
            Rule::Beta(beta) => self.alpha_beta(1.0 + beta, beta),
            Rule::Gamma(gamma) => self.gamma(gamma),
            Rule::GammaOriginal(gamma) => self.gamma_original(gamma),
            Rule::ZBox { low, high } => self.z_box(low, high),
            Rule::WSquare => self.w_square(),
            Rule::Flat => self.flat(),
            Rule::Gradient => self.gradient(),
            Rule::Pass => add_to(self.sinks[0], self.relevance),
            _ => self.epsilon(),
        }
        self.taken
    }

    /// ε-rule (Bach et al. 2015, eq. 58): `R_i = x_i Σ_j w_ij R_j / st(z_j)`.
    fn epsilon(&mut self) {
        if self.measure_condition {
            self.condition();
        }
        self.sweep(All, self.x, 1.0, |b| b, Gate::All);
    }

    /// αβ-rule (Bach et al. 2015, eq. 60): positive contributions get α, negative ones −β.
    fn alpha_beta(&mut self, alpha: f32, beta: f32) {
        self.sweep(Positive, self.x, alpha, lanes::positive, Gate::All);
        if beta != 0.0 {
            self.sweep(Negative, self.x, -beta, lanes::negative, Gate::All);
        }
    }

    /// γ-rule, generalised: outputs above zero favour positive contributions, outputs below zero negative ones;
    /// outputs of exactly zero pass nothing.
    fn gamma(&mut self, gamma: f32) {
        let above = Raised { positive: gamma, negative: 0.0 };
        let below = Raised { positive: 0.0, negative: gamma };
        self.sweep(above, self.x, 1.0, |b| b + gamma * lanes::positive(b), Gate::Above);
        self.sweep(below, self.x, 1.0, |b| b + gamma * lanes::negative(b), Gate::Below);
    }

    /// γ-rule as published (Montavon et al. 2019): `w + γ·w⁺` throughout.
    fn gamma_original(&mut self, gamma: f32) {
        self.sweep(RaisedWeights(gamma), self.x, 1.0, |b| b + gamma * lanes::positive(b), Gate::All);
    }

    /// w²-rule (Montavon et al. 2017): `R_i = Σ_j w_ij² R_j / st(Σ_i w_ij² + b_j²)`.
    fn w_square(&mut self) {
        self.with_ones(|way, ones| way.sweep(Squared, ones, 1.0, |b| b * b, Gate::All));
    }

    /// Flat rule (Lapuschkin et al. 2019): every input that an output reads gets the same.
    fn flat(&mut self) {
        self.with_ones(|way, ones| way.sweep(Ones, ones, 1.0, |_| 0.0, Gate::All));
    }

    /// The derivative: `R_i = Σ_j w_ij R_j`.
    fn gradient(&mut self) {
        self.with_ones(|way, ones| {
            for row in 0..way.layer.rows().count {
                way.each_lane(row, |z, r, _, _| *z = r);
                way.distribute(All, &ones, row);
            }
        });
    }

    /// z^B-rule (Montavon et al. 2017): contributions `x·w − low·w⁺ − high·w⁻`.
    fn z_box(&mut self, low: Bound<'_>, high: Bound<'_>) {
        let stabilizer = self.resolved(|way, row| way.box_row(low, high, row), |_| 0.0);
        for row in 0..self.layer.rows().count {
            if self.is_silent(row) {
                continue;
            }
            self.box_row(low, high, row);
            self.divide(row, 1.0, stabilizer, |_| 0.0, Gate::All);
            self.distribute(All, &self.x.clone(), row);
            for s in self.z.iter_mut() {
                *s = -*s;
            }
            self.with_bound(low, |way, low| way.distribute(NonNegative(Positive), &low, row));
            self.with_bound(high, |way, high| way.distribute(NonNegative(Negative), &high, row));
            if self.choice.bias == Bias::Redistribute {
                self.redistribute(row);
            }
        }
    }

    /// The denominators of z^B for one row.
    fn box_row(&mut self, low: Bound<'_>, high: Bound<'_>, row: usize) {
        let layout = self.layer.rows().scratch();
        self.layer.apply(All, &self.x, row, self.z, layout);
        self.with_bound(low, |way, low| way.layer.apply(NonNegative(Positive), &low, row, way.spare, layout));
        self.with_bound(high, |way, high| way.layer.apply(NonNegative(Negative), &high, row, way.extra, layout));
        for ((z, low), high) in self.z.iter_mut().zip(&*self.spare).zip(&*self.extra) {
            *z = *z - low - high;
        }
    }

    /// Hands out one share of the relevance, `factor·R_j` in proportion to `part(x_i, w_ij)`, row by row.
    fn sweep<P: Part>(&mut self, part: P, x: Source<'_>, factor: f32, bias: impl Fn(f32) -> f32 + Copy, gate: Gate) {
        let layout = self.layer.rows().scratch();
        let apply = |way: &mut Self, row| way.layer.apply(part, &x, row, way.z, layout);
        let stabilizer = self.resolved(apply, bias);
        for row in 0..self.layer.rows().count {
            if self.is_silent(row) {
                continue;
            }
            if gate != Gate::All {
                self.layer.apply(All, &self.x, row, self.spare, layout);
            }
            apply(self, row);
            self.divide(row, factor, stabilizer, bias, gate);
            self.distribute(part, &x, row);
            if self.choice.bias == Bias::Redistribute {
                self.redistribute(row);
            }
        }
    }

    fn distribute<P: Part>(&mut self, part: P, x: &Source<'_>, row: usize) {
        self.layer.distribute(part, x, row, self.z, &mut self.sinks);
    }

    /// Spreads what bias and stabiliser took (in `extra`) evenly over the inputs that each output reads.
    fn redistribute(&mut self, row: usize) {
        let rows = self.layer.rows();
        for (px, pixel) in self.extra.chunks_exact_mut(rows.scratch().pixel).take(rows.width).enumerate() {
            let share = 1.0 / self.layer.fan_in(row, px).max(1) as f32;
            for t in pixel {
                *t *= share;
            }
        }
        core::mem::swap(&mut self.z, &mut self.extra);
        self.with_ones(|way, ones| way.distribute(Ones, &ones, row));
        core::mem::swap(&mut self.z, &mut self.extra);
    }

    /// `z` of a row becomes `s = factor·R/st(z + bias)`; what bias and stabiliser take is booked, or kept in `extra`
    /// to be redistributed.
    fn divide(&mut self, row: usize, factor: f32, st: Stabilizer, bias: impl Fn(f32) -> f32, gate: Gate) {
        let option = self.choice.bias;
        let mut taken = self.taken;
        self.each_block(row, |z, extra, full, r, b| {
            let share = if option == Bias::Zero { [0.0; BLOCK] } else { b.map(&bias) };
            let denominator = lanes::zip(*z, share, |z, share| z + share);
            let stable = st.stabilized_lanes(denominator);
            let mut s = lanes::zip(*r, stable, |r, stable| if r == 0.0 { 0.0 } else { factor * r / stable });
            if gate != Gate::All {
                let output = lanes::zip(*full, *b, |full, b| full + b);
                let open = |s, y: f32| {
                    if (gate == Gate::Above && y > 0.0) || (gate == Gate::Below && y < 0.0) { s } else { 0.0 }
                };
                s = lanes::zip(s, output, open);
                // An output of exactly zero passes nothing: counted once, with those above.
                if gate == Gate::Above {
                    taken.dropped.add(lanes::zip(*r, output, |r, y| if y == 0.0 { r } else { 0.0 }));
                }
            }
            let from_bias = lanes::zip(s, share, |s, share| s * share);
            let added = lanes::zip(stable, denominator, |stable, z| stable - z);
            let from_stabilizer = lanes::zip(s, added, |s, added| s * added);
            if option == Bias::Redistribute {
                *extra = lanes::zip(from_bias, from_stabilizer, |b, s| b + s);
            } else {
                taken.bias.add(from_bias);
                taken.stabilizer.add(from_stabilizer);
            }
            *z = s;
        });
        self.taken = taken;
    }

    /// The stabiliser, with ε in units of `z` where it is relative to the rms of the denominators.
    fn resolved(&mut self, mut apply: impl FnMut(&mut Self, usize), bias: impl Fn(f32) -> f32) -> Stabilizer {
        let Stabilizer::NormScale(epsilon) = self.choice.effective_stabilizer() else {
            return self.choice.effective_stabilizer();
        };
        let rows = self.layer.rows();
        let keeps_bias = self.choice.bias != Bias::Zero;
        let mut squares = Sum::default();
        for row in 0..rows.count {
            apply(self, row);
            self.each_lane(row, |z, _, b, _| {
                let z = *z + if keeps_bias { bias(b) } else { 0.0 };
                squares.add(lanes::load(&[z * z]));
            });
        }
        let outputs = (rows.count * rows.width * rows.channels) as f32;
        Stabilizer::Signed(epsilon * math::sqrt(squares.total().value() / outputs))
    }

    /// Smallest `|z| / Σ|x·w|`, over outputs that relevance reached.
    fn condition(&mut self) {
        let layout = self.layer.rows().scratch();
        for row in 0..self.layer.rows().count {
            if self.is_silent(row) {
                continue;
            }
            self.layer.apply(All, &self.x, row, self.z, layout);
            self.layer.apply(Magnitude, &self.x, row, self.spare, layout);
            let mut smallest = self.taken.condition;
            self.each_lane(row, |z, r, b, magnitude| {
                let sum = magnitude + lanes::absolute(b);
                if r != 0.0 && sum > 0.0 {
                    smallest = smallest.min(lanes::absolute(*z + b) / sum);
                }
            });
            self.taken.condition = smallest;
        }
    }

    /// Whether no relevance arrived at a row.
    fn is_silent(&self, row: usize) -> bool {
        let rows = self.layer.rows();
        let len = rows.width * rows.channels;
        self.relevance.get(row * len..(row + 1) * len).is_none_or(|r| r.iter().all(|r| *r == 0.0))
    }

    /// Runs `f` with a source of ones.
    fn with_ones(&mut self, f: impl FnOnce(&mut Self, Source<'_>)) {
        self.with_bound(Bound::Uniform(1.0), |way, ones| f(way, Source { non_negative: true, ..ones }));
    }

    /// Runs `f` with a bound as a source.
    fn with_bound(&mut self, bound: Bound<'_>, f: impl FnOnce(&mut Self, Source<'_>)) {
        let pixel = core::mem::take(&mut self.pixel);
        match bound {
            Bound::Uniform(value) => {
                pixel.fill(value);
                f(self, Source::pixel(pixel));
            }
            Bound::Values(values) if values.len() == self.x.values[0].len() => {
                f(self, Source::tensor([values; 2], false));
            }
            Bound::Values(values) => {
                for (to, value) in pixel.iter_mut().zip(values.iter().cycle()) {
                    *to = *value;
                }
                f(self, Source::pixel(pixel));
            }
        }
        self.pixel = pixel;
    }

    /// Calls `f(z, R, bias, spare)` for every output of a row; padding of `z` becomes zero.
    fn each_lane(&mut self, row: usize, mut f: impl FnMut(&mut f32, f32, f32, f32)) {
        self.each_span(row, |z, _, spare, r, b| {
            for (i, ((z, r), spare)) in z.iter_mut().zip(r).zip(&*spare).enumerate() {
                f(z, *r, b.get(i).copied().unwrap_or(0.0), *spare);
            }
        });
    }

    /// Calls `f(z, extra, spare, R, bias)` for eight outputs of a row at a time; padding of `z` becomes zero.
    fn each_block(&mut self, row: usize, mut f: impl FnMut(&mut Lanes, &mut Lanes, &Lanes, &Lanes, &Lanes)) {
        self.each_span(row, |z, extra, spare, r, b| {
            let mut at = 0;
            while at < r.len() {
                let end = r.len().min(at + BLOCK);
                let part = |v: &[f32]| lanes::load(v.get(at..end).unwrap_or(&[]));
                let (mut z_lanes, mut extra_lanes) = (part(z), [0.0; BLOCK]);
                f(&mut z_lanes, &mut extra_lanes, &part(spare), &part(r), &part(b));
                for (to, from) in [(&mut *z, &z_lanes), (&mut *extra, &extra_lanes)] {
                    for (to, from) in to.iter_mut().skip(at).take(end - at).zip(from) {
                        *to = *from;
                    }
                }
                at = end;
            }
        });
    }

    /// Calls `f(z, extra, spare, R, bias)` for every group of channels of every pixel of a row, `R` and `bias` being
    /// as long as the group; `z` and `extra` beyond that become zero.
    fn each_span(&mut self, row: usize, mut f: impl FnMut(&mut [f32], &mut [f32], &mut [f32], &[f32], &[f32])) {
        let rows = self.layer.rows();
        let (tight, padded) = (rows.tight(), rows.scratch());
        let bias = self.layer.bias();
        let per_element = bias.len() > rows.channels;
        let spans = self.z.chunks_exact_mut(padded.group).zip(self.extra.chunks_exact_mut(padded.group));
        let spans = spans.zip(self.spare.chunks_exact_mut(padded.group));
        let start = row * rows.width * rows.channels;
        let relevance = self.relevance.get(start..).unwrap_or(&[]).chunks_exact(tight.group);
        for (i, (((z, extra), spare), r)) in spans.zip(relevance).take(rows.width * rows.groups).enumerate() {
            let at = if per_element { start + i * tight.group } else { i % rows.groups * tight.group };
            let b = bias.get(at..at + tight.group).unwrap_or(&[]);
            f(z, extra, spare, r, b);
            for padding in [z, extra] {
                for lane in padding.iter_mut().skip(tight.group) {
                    *lane = 0.0;
                }
            }
        }
    }
}
