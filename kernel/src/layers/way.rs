//! The way back through a linear layer: every rule, written once.

use super::linear::{Linear, Scratch, Sinks, Source, Strip, add_to};
use crate::lanes::{self, Lanes, Part, Sum};
use crate::math;
use crate::model::format::BLOCK;
use crate::number::Taken;
use crate::rule::{Bias, Bound, Choice, Rule, Stabilizer};
use crate::step::{quotient, remainder};

/// One linear step on its way back: everything that a rule works with.
pub struct Way<'a> {
    layer: &'a dyn Linear,
    x: Source<'a>,
    relevance: &'a [f32],
    sinks: Sinks<'a>,
    choice: Choice<'a>,
    /// Whether condition figures are wanted.
    pub measure_condition: bool,
    /// `z`, then `s`, of the newest rows, in a ring.
    strip: &'a mut [f32],
    /// Floats per row.
    len: usize,
    /// How many rows.
    kept: usize,
    /// Place of the newest row.
    slot: usize,
    /// Rows in a row that no relevance arrived at.
    silence: usize,
    spare: &'a mut [f32],
    pixel: &'a mut [f32],
    /// Room for weights as a part sees them, as much as one likes.
    pub room: &'a mut [Lanes],
    /// A sweep hands out what bias and stabiliser took, not the shares.
    gives_rest: bool,
    /// What was taken, perhaps before.
    pub taken: Taken<f32>,
}

/// One share of the relevance: how much of it, how much of the bias goes with it, and which outputs take part.
#[derive(Clone, Copy)]
struct Share {
    factor: f32,
    bias: BiasPart,
    gate: Gate,
}

/// All outputs take part.
const fn share(factor: f32, bias: BiasPart) -> Share {
    Share { factor, bias, gate: Gate::All }
}

/// What of the bias belongs to a denominator.
#[derive(Clone, Copy)]
enum BiasPart {
    /// `p·b⁺ + n·b⁻`.
    Split(f32, f32),
    /// `b²`.
    Squared,
}

impl BiasPart {
    const NONE: Self = Self::Split(0.0, 0.0);
    const WHOLE: Self = Self::Split(1.0, 1.0);

    fn of(self, b: Lanes) -> Lanes {
        match self {
            Self::Split(p, n) => b.map(|b| p * lanes::positive(b) + n * lanes::negative(b)),
            Self::Squared => b.map(|b| b * b),
        }
    }
}

/// Which outputs take part in a sweep.
#[derive(Clone, Copy, PartialEq)]
enum Gate {
    All,
    Above,
    Below,
}

impl Gate {
    #[inline(always)]
    fn admits(self, output: f32) -> bool {
        match self {
            Self::All => true,
            Self::Above => output > 0.0,
            Self::Below => output < 0.0,
        }
    }
}

impl<'a> Way<'a> {
    /// Sets out. `scratch` must be as long as [`Scratch::total`].
    pub fn new(
        layer: &'a dyn Linear,
        sizes: Scratch,
        x: Source<'a>,
        relevance: &'a [f32],
        sinks: Sinks<'a>,
        scratch: &'a mut [f32],
        choice: Choice<'a>,
    ) -> Option<Self> {
        let (strip, scratch) = scratch.split_at_mut_checked(sizes.depth * sizes.row)?;
        let (spare, scratch) = scratch.split_at_mut_checked(sizes.row)?;
        let pixel = scratch.get_mut(..sizes.pixel)?;
        Some(Self {
            layer,
            x,
            relevance,
            sinks,
            choice,
            measure_condition: false,
            strip,
            len: sizes.row,
            kept: sizes.depth,
            slot: 0,
            silence: 0,
            spare,
            pixel,
            room: &mut [],
            gives_rest: false,
            taken: Taken::default(),
        })
    }

    /// Passes the relevance back by the chosen rule.
    pub fn propagate(&mut self) -> Taken<f32> {
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
        self.sweep(Part::All, self.x, share(1.0, BiasPart::WHOLE));
    }

    /// αβ-rule (Bach et al. 2015, eq. 60): positive contributions get α, negative ones −β.
    fn alpha_beta(&mut self, alpha: f32, beta: f32) {
        self.sweep(Part::Positive, self.x, share(alpha, BiasPart::Split(1.0, 0.0)));
        if beta != 0.0 {
            self.sweep(Part::Negative, self.x, share(-beta, BiasPart::Split(0.0, 1.0)));
        }
    }

    /// γ-rule, generalised: outputs above zero favour positive contributions, outputs below zero negative ones;
    /// outputs of exactly zero pass nothing.
    fn gamma(&mut self, gamma: f32) {
        let (up, down) = (BiasPart::Split(1.0 + gamma, 1.0), BiasPart::Split(1.0, 1.0 + gamma));
        self.sweep(Part::RaisedPositive(gamma), self.x, Share { gate: Gate::Above, ..share(1.0, up) });
        self.sweep(Part::RaisedNegative(gamma), self.x, Share { gate: Gate::Below, ..share(1.0, down) });
    }

    /// γ-rule as published (Montavon et al. 2019): `w + γ·w⁺` throughout.
    fn gamma_original(&mut self, gamma: f32) {
        self.sweep(Part::RaisedWeights(gamma), self.x, share(1.0, BiasPart::Split(1.0 + gamma, 1.0)));
    }

    /// w²-rule (Montavon et al. 2017): `R_i = Σ_j w_ij² R_j / st(Σ_i w_ij² + b_j²)`.
    fn w_square(&mut self) {
        self.with_ones(|way, ones| way.sweep(Part::Squared, ones, share(1.0, BiasPart::Squared)));
    }

    /// Flat rule (Lapuschkin et al. 2019): every input that an output reads gets the same.
    fn flat(&mut self) {
        self.with_ones(|way, ones| way.sweep(Part::Ones, ones, share(1.0, BiasPart::NONE)));
    }

    /// The derivative: `R_i = Σ_j w_ij R_j`.
    fn gradient(&mut self) {
        self.with_ones(|way, ones| {
            let make = |way: &mut Self, row| way.each_lane(row, |z, r, _, _| *z = r);
            way.each_row(&make, &|way, row| way.distribute(Part::All, &ones, row));
        });
    }

    /// z^B-rule (Montavon et al. 2017): contributions `x·w − low·w⁺ − high·w⁻`.
    fn z_box(&mut self, low: Bound<'_>, high: Bound<'_>) {
        let nothing = share(1.0, BiasPart::NONE);
        let stabilizer = self.resolved(|way, row| way.box_row(low, high, row), nothing);
        let divide = |way: &mut Self, row| {
            way.box_row(low, high, row);
            way.divide(row, stabilizer, nothing);
        };
        self.each_row(&divide, &|way, row| {
            way.distribute(Part::All, &way.x.clone(), row);
            way.with_bound(low, |way, low| way.distribute(Part::Low, &low, row));
            way.with_bound(high, |way, high| way.distribute(Part::High, &high, row));
        });
        self.redistribute(self.x, divide);
    }

    /// The denominators of z^B for one row.
    fn box_row(&mut self, low: Bound<'_>, high: Bound<'_>, row: usize) {
        self.apply(Part::All, &self.x.clone(), row);
        self.with_bound(low, |way, low| way.compare(Part::Low, &low, row));
        self.add_spare();
        self.with_bound(high, |way, high| way.compare(Part::High, &high, row));
        self.add_spare();
    }

    /// Hands out one share of the relevance, in proportion to `part(x_i, w_ij)`, row by row.
    fn sweep(&mut self, part: Part, x: Source<'_>, share: Share) {
        let stabilizer = self.resolved(|way, row| way.apply(part, &x, row), share);
        let divide = |way: &mut Self, row| {
            if share.gate != Gate::All {
                way.compare(Part::All, &way.x.clone(), row);
            }
            way.apply(part, &x, row);
            way.divide(row, stabilizer, share);
        };
        self.each_row(&divide, &|way, row| way.distribute(part, &x, row));
        self.redistribute(x, divide);
    }

    /// Where that is asked for, a second sweep: what bias and stabiliser took is spread evenly over the inputs that
    /// each output reads.
    fn redistribute(&mut self, x: Source<'_>, divide: impl Fn(&mut Self, usize)) {
        if self.choice.bias != Bias::Redistribute {
            return;
        }
        self.gives_rest = true;
        let spread = |way: &mut Self, row: usize| {
            divide(way, row);
            let (layer, pixel) = (way.layer, way.layer.rows().scratch().pixel);
            let mut dropped = Sum::default();
            let lanes_of_row = layer.rows().width * pixel;
            for (lane, rest) in way.z().iter_mut().enumerate().take(lanes_of_row) {
                match layer.fan_in(row, quotient(lane, pixel)) {
                    // Nobody to give it to.
                    0 => dropped.add(lanes::load(&[core::mem::take(rest)])),
                    inputs => *rest /= inputs as f32,
                }
            }
            way.taken.dropped.add(lanes::load(&[dropped.total().value()]));
        };
        // A source that is one pixel for all is made of ones already, and lies where ones would.
        let hand_out = |way: &mut Self, row: usize| {
            if x.broadcast {
                way.distribute(Part::Ones, &x, row);
            } else {
                way.with_ones(|way, ones| way.distribute(Part::Ones, &ones, row));
            }
        };
        self.each_row(&spread, &hand_out);
        self.gives_rest = false;
    }

    /// Makes every row of `s` and hands it out. Rows that no relevance arrived at are zero, and once all kept rows are
    /// there is nothing to hand out.
    fn each_row(&mut self, make: &dyn Fn(&mut Self, usize), hand_out: &dyn Fn(&mut Self, usize)) {
        self.silence = self.layer.depth();
        for row in 0..self.layer.rows().count {
            self.slot = if (self.slot + 1) * self.len < self.strip.len() { self.slot + 1 } else { 0 };
            if self.is_silent(row) {
                self.silence += 1;
                self.z().fill(0.0);
            } else {
                // Rows before the first are no rows: whatever the ring holds of them is cleared.
                if self.silence >= self.layer.depth() {
                    self.strip.fill(0.0);
                }
                self.silence = 0;
                make(self, row);
            }
            if self.silence < self.layer.depth() {
                hand_out(self, row);
            }
        }
    }

    /// The newest row.
    fn z(&mut self) -> &mut [f32] {
        self.strip.get_mut(self.slot * self.len..).and_then(|rows| rows.get_mut(..self.len)).unwrap_or(&mut [])
    }

    /// Adds the row in `spare` to the newest one.
    fn add_spare(&mut self) {
        let z = self.strip.get_mut(self.slot * self.len..).unwrap_or(&mut []);
        add_to(z.get_mut(..self.len).unwrap_or(&mut []), self.spare);
    }

    /// `z` of a row.
    fn apply(&mut self, part: Part, x: &Source<'_>, row: usize) {
        let (layer, room) = (self.layer, core::mem::take(&mut self.room));
        layer.apply(part, x, row, self.z(), layer.rows().scratch(), room);
        self.room = room;
    }

    /// Another `z` of a row, to compare with.
    fn compare(&mut self, part: Part, x: &Source<'_>, row: usize) {
        self.layer.apply(part, x, row, self.spare, self.layer.rows().scratch(), self.room);
    }

    fn distribute(&mut self, part: Part, x: &Source<'_>, row: usize) {
        let strip = Strip { rows: self.strip, len: self.len, newest: row, slot: self.slot, kept: self.kept };
        self.layer.distribute(part, x, &strip, &mut self.sinks, self.room);
    }

    /// `z` of a row becomes `s = factor·R/st(z + bias)`, or, to be redistributed, what bias and stabiliser took of it;
    /// what they take for good is booked.
    fn divide(&mut self, row: usize, st: Stabilizer, share: Share) {
        let (option, gives_rest, gate) = (self.choice.bias, self.gives_rest, share.gate);
        let mut taken = self.taken;
        self.each_block(row, |z, full, r, b| {
            // Behind a rectifier or a maximum many outputs receive nothing.
            if *r == [0.0; BLOCK] {
                *z = [0.0; BLOCK];
                return;
            }
            let bias = if option == Bias::Zero { [0.0; BLOCK] } else { share.bias.of(*b) };
            let denominator = lanes::zip(*z, bias, |z, b| z + b);
            let stable = st.stabilized_lanes(denominator);
            let mut given = r.map(|r| share.factor * r);
            if gate != Gate::All {
                let output = lanes::zip(*full, *b, |full, b| full + b);
                given = lanes::zip(given, output, |r, y| if gate.admits(y) { r } else { 0.0 });
                // An output of exactly zero passes nothing: counted once, with those above.
                if gate == Gate::Above && !gives_rest {
                    taken.dropped.add(lanes::zip(*r, output, |r, y| if y == 0.0 { r } else { 0.0 }));
                }
            }
            let s = lanes::zip(given, stable, |r, stable| if r == 0.0 || stable == 0.0 { 0.0 } else { r / stable });
            // Without a stabiliser nothing passes where there is nothing to divide by.
            if stable.contains(&0.0) && !gives_rest {
                taken.dropped.add(lanes::zip(given, stable, |r, stable| if stable == 0.0 { r } else { 0.0 }));
            }
            let added = lanes::zip(stable, denominator, |stable, z| stable - z);
            let (from_bias, from_added) = (lanes::zip(s, bias, |s, b| s * b), lanes::zip(s, added, |s, a| s * a));
            if option != Bias::Redistribute {
                taken.bias.add(from_bias);
                taken.stabilizer.add(from_added);
            }
            *z = if gives_rest { lanes::zip(from_bias, from_added, |b, a| b + a) } else { s };
        });
        self.taken = taken;
    }

    /// The stabiliser, with ε in units of `z` where it is relative to the rms of the denominators.
    fn resolved(&mut self, apply: impl Fn(&mut Self, usize), share: Share) -> Stabilizer {
        let Stabilizer::NormScale(epsilon) = self.choice.effective_stabilizer() else {
            return self.choice.effective_stabilizer();
        };
        let rows = self.layer.rows();
        let keeps_bias = self.choice.bias != Bias::Zero;
        let mut squares = Sum::default();
        for row in 0..rows.count {
            apply(self, row);
            self.each_lane(row, |z, _, b, _| {
                let z = *z + if keeps_bias { share.bias.of([b; BLOCK])[0] } else { 0.0 };
                squares.add(lanes::load(&[z * z]));
            });
        }
        let outputs = (rows.count * rows.width * rows.channels) as f32;
        Stabilizer::Signed(epsilon * math::sqrt(squares.total().value() / outputs))
    }

    /// Smallest `|z| / Σ|x·w|`, over outputs that relevance reached.
    fn condition(&mut self) {
        for row in 0..self.layer.rows().count {
            if self.is_silent(row) {
                continue;
            }
            self.apply(Part::All, &self.x.clone(), row);
            self.compare(Part::Magnitude, &self.x.clone(), row);
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
        self.each_span(row, |z, spare, r, b| {
            for (i, ((z, r), spare)) in z.iter_mut().zip(r).zip(spare).enumerate() {
                f(z, *r, b.get(i).copied().unwrap_or(0.0), *spare);
            }
        });
    }

    /// Calls `f(z, spare, R, bias)` for eight outputs of a row at a time; padding of `z` becomes zero.
    fn each_block(&mut self, row: usize, mut f: impl FnMut(&mut Lanes, &Lanes, &Lanes, &Lanes)) {
        self.each_span(row, |z, spare, r, b| {
            let mut at = 0;
            while at < r.len() {
                let end = r.len().min(at + BLOCK);
                let part = |v: &[f32]| lanes::load(v.get(at..end).unwrap_or(&[]));
                let mut block = part(z);
                f(&mut block, &part(spare), &part(r), &part(b));
                lanes::store(z.get_mut(at..end).unwrap_or(&mut []), &block);
                at = end;
            }
        });
    }

    /// Calls `f(z, spare, R, bias)` for every group of channels of every pixel of a row, `R` and `bias` being as long
    /// as the group; `z` beyond that becomes zero.
    fn each_span(&mut self, row: usize, mut f: impl FnMut(&mut [f32], &[f32], &[f32], &[f32])) {
        let rows = self.layer.rows();
        let (tight, padded) = (rows.tight(), rows.scratch());
        let bias = self.layer.bias();
        let per_element = bias.len() > rows.channels;
        let z = self.strip.get_mut(self.slot * self.len..).unwrap_or(&mut []);
        let start = row * rows.width * rows.channels;
        let relevance = self.relevance.get(start..).unwrap_or(&[]);
        let spans = z.chunks_exact_mut(padded.group.max(1)).take(rows.width * rows.groups);
        for (i, z) in spans.enumerate() {
            let (spare, r) = (lanes::piece(self.spare, i, padded.group), lanes::piece(relevance, i, tight.group));
            let at = if per_element { start + i * tight.group } else { remainder(i, rows.groups) * tight.group };
            let b = bias.get(at..at + tight.group).unwrap_or(&[]);
            f(z, spare, r, b);
            if let Some(padding) = z.get_mut(tight.group..) {
                padding.fill(0.0);
            }
        }
    }
}
