//! The way back.

use super::functions::{Activation, sigmoid};
use super::rules::{Scene, Share, shares};
use super::taps::{self, Taps, taps};
use super::{places, unlike};
use crate::close::{Figures, TOLERANCE};
use relprop::rule::{Bias, Choice, Rule, Stabilizer, Ties};
use relprop::step::{Op, Shape};
use relprop_convert::Network;
use relprop_convert::network::Layer;

/// What one layer makes of the relevance that arrives.
#[derive(Clone, Debug, Default)]
pub struct Back {
    /// Relevance that leaves to each operand.
    pub relevance: Vec<Figures>,
    /// What the layer keeps.
    pub taken: Taken,
    /// Some denominator is so near zero that float32 may see the other sign: no figure can be expected.
    pub uncertain: bool,
    /// `Σ_j |st(z_j)| · max |s|` over the outputs `j` of each row that hand out anything: where the quotients `s` of a
    /// row share a unit, the largest says which, and an error of a quotient is one of `st(z)` times as much relevance.
    pub shared: f64,
}

/// What a layer keeps of the relevance that arrives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// By the bias.
    pub bias: f64,
    /// By the stabiliser.
    pub stabilizer: f64,
    /// Dropped, where a rule passes nothing.
    pub dropped: f64,
    /// What errors of the three are relative to.
    pub scale: f64,
}

/// Smallest `|z| / Σ|x·w|` whose sign float32 gets right for sure.
const SIGN: f64 = 1e-5;

/// Passes relevance back through a layer. `x` are its operands, known up to [`TOLERANCE`] times their scale: zero
/// where they are known exactly.
pub fn backward(network: &Network, layer: &Layer, choice: Option<Choice<'_>>, x: &[Figures], r: &[f64]) -> Back {
    let output = network.shape(layer.output);
    let values: Vec<&[f64]> = x.iter().map(|x| x.value.as_slice()).collect();
    let sinks = layer.operands.iter().map(|&t| Figures::zeros(network.shape(t).elements())).collect();
    let mut back = Back { relevance: sinks, ..Back::default() };
    if layer.op.is_structural() {
        for k in 0..layer.operands.len() {
            for (from, to) in unlike::moves(network, layer, k) {
                back.give(k, from, r[to]);
            }
        }
        return back;
    }
    let Some(choice) = choice else { panic!("{} has no rule", layer.name) };
    let rule = choice.rule;
    if rule == Rule::Pass || (layer.op == Op::Activation && rule.conserves()) {
        for (i, r) in r.iter().enumerate() {
            back.give(0, i, *r);
        }
        return back;
    }
    if let Some(taps) = taps(network, layer) {
        back.linear([network.shape(layer.operands[0]), output], &taps, choice, &values, r);
        return back;
    }
    match layer.op {
        Op::MaxPool => back.max_pool(network, layer, rule, values[0], r),
        Op::Activation => {
            for (i, r) in r.iter().enumerate() {
                let function = Activation::of(layer, output, i);
                let slope = |x: f64| slope(rule, function, x, *r);
                let (at, blur) = (x[0].value[i], TOLERANCE * x[0].scale[i]);
                let change = (slope(at + blur) - slope(at - blur)).abs();
                // Derivatives are differences of numbers about one.
                back.relevance[0].add(i, slope(at) * r, r.abs() * (1.0 + at.abs() + change / TOLERANCE));
            }
        }
        Op::Mul => {
            for (i, r) in r.iter().enumerate() {
                let gate = i % values[1].len();
                let (to_signal, to_gate) = match rule {
                    Rule::Gradient => (values[1][gate] * r, values[0][i] * r),
                    _ => (0.5 * r, 0.5 * r),
                };
                back.give(0, i, to_signal);
                back.give(1, gate, to_gate);
            }
        }
        Op::LocalResponseNorm => back.response_norm(layer, output, choice, values[0], r),
        Op::Softmax => back.softmax(layer, output, values[0], r),
        op => panic!("{} under {rule:?}", op.name()),
    }
    back
}

/// What an activation multiplies relevance by under the gradient family.
fn slope(rule: Rule<'_>, function: Activation, x: f64, r: f64) -> f64 {
    let open = |gate: bool| f64::from(u8::from(gate));
    match rule {
        Rule::Gradient => function.derivative(x),
        Rule::GuidedBackprop => open(x > 0.0 && r > 0.0),
        Rule::Deconvnet => open(r > 0.0),
        Rule::BetaSmooth(beta) => sigmoid(f64::from(beta) * x),
        rule => panic!("{rule:?} is no gradient"),
    }
}

/// `st(z)`; `NormScale` is in units of the root mean square of all denominators.
fn stabilized(stabilizer: Stabilizer, z: f64, rms: f64) -> f64 {
    let sign = if z >= 0.0 { 1.0 } else { -1.0 };
    match stabilizer {
        Stabilizer::Signed(e) => z + sign * f64::from(e),
        Stabilizer::Clip(e) => sign * z.abs().max(f64::from(e)),
        Stabilizer::NormScale(e) => z + sign * f64::from(e) * rms,
        Stabilizer::AtZero(e) if z == 0.0 => f64::from(e),
        Stabilizer::AtZero(_) => z,
        Stabilizer::Unsigned(e) => z + f64::from(e),
    }
}

/// Whether float32 may see another sign. A sum of exactly zero is seen as zero where it is one of numbers on the grid,
/// and the weights of a mean are not.
fn is_uncertain(taps: &Taps, z: f64, size: f64) -> bool {
    z.abs() < SIGN * size && (z != 0.0 || !taps.exact)
}

impl Back {
    /// Relevance that is one number, not a sum.
    fn give(&mut self, operand: usize, element: usize, r: f64) {
        self.relevance[operand].add(element, r, r.abs());
    }

    fn linear(&mut self, [input, output]: [Shape; 2], taps: &Taps, choice: Choice<'_>, x: &[&[f64]], r: &[f64]) {
        if choice.rule == Rule::Gradient {
            for tap in &taps.list {
                self.give(tap.operand, tap.from, tap.weight * r[tap.to]);
            }
            return;
        }
        let scene = Scene { taps, x, channels: input.channels };
        let mut outputs = taps.bias.clone();
        let mut sizes: Vec<f64> = taps.bias.iter().map(|b| b.abs()).collect();
        for tap in &taps.list {
            let product = x[tap.operand][tap.from] * tap.weight;
            outputs[tap.to] += product;
            sizes[tap.to] += product.abs();
        }
        for share in shares(choice.rule, scene) {
            self.share(taps, &share, choice, &outputs, r, output.width * output.channels);
        }
        if matches!(choice.rule, Rule::Gamma(_)) {
            for ((z, size), r) in outputs.iter().zip(&sizes).zip(r) {
                self.taken.dropped += if *z == 0.0 { *r } else { 0.0 };
                self.uncertain |= *r != 0.0 && is_uncertain(taps, *z, *size);
            }
        }
    }

    /// Hands out one share, see [`super::rules`].
    fn share(&mut self, taps: &Taps, share: &Share<'_>, choice: Choice<'_>, outputs: &[f64], r: &[f64], row: usize) {
        let bias = |b: &f64| if choice.bias == Bias::Zero { 0.0 } else { (share.bias)(*b) };
        let biases: Vec<f64> = taps.bias.iter().map(bias).collect();
        let mut z = Figures::exact(biases.clone());
        let mut heard = vec![false; r.len()];
        for tap in &taps.list {
            let (contribution, size) = (share.contribution)(tap);
            z.add(tap.to, contribution, size);
            heard[tap.to] |= contribution != 0.0;
        }
        let rms = (z.value.iter().map(|z| z * z).sum::<f64>() / z.value.len() as f64).sqrt();
        let stabilizer = choice.effective_stabilizer();

        // s = factor·R/st(z), and how much of it float32 can lose.
        let mut s = Figures::zeros(r.len());
        let mut kept = Figures::zeros(r.len());
        let mut rows = vec![[0.0_f64; 2]; r.len().div_ceil(row)];
        for (j, r) in r.iter().enumerate() {
            if share.factor == 0.0 || *r == 0.0 || !(share.open)(outputs[j]) {
                continue;
            }
            let stable = stabilized(stabilizer, z.value[j], rms);
            if stable == 0.0 {
                // Nothing to divide by: no input had a part in this output.
                self.taken.dropped += share.factor * r;
                continue;
            }
            self.uncertain |= is_uncertain(taps, z.value[j], z.scale[j]);
            let loss = 1.0 + (z.scale[j] + stable.abs()) / stable.abs();
            s.add(j, share.factor * r / stable, loss);
            if heard[j] {
                let [sum, most] = &mut rows[j / row];
                (*sum, *most) = (*sum + stable.abs(), most.max(s.value[j].abs()));
            }
            let (from_bias, from_stabilizer) = (s.value[j] * biases[j], s.value[j] * (stable - z.value[j]));
            let lost = loss * (s.value[j].abs() * stable.abs() + from_bias.abs() + from_stabilizer.abs());
            kept.add(j, from_bias + from_stabilizer, lost);
            self.taken.scale += lost;
            if choice.bias != Bias::Redistribute {
                self.taken.bias += from_bias;
                self.taken.stabilizer += from_stabilizer;
            }
        }
        self.shared += rows.iter().map(|[sum, most]| sum * most).sum::<f64>();
        let fan_in = taps.fan_in();
        if choice.bias == Bias::Redistribute {
            // An output that sees nothing but padding has no inputs to spread over.
            let nobody = kept.value.iter().zip(&fan_in).filter(|(_, inputs)| **inputs == 0);
            self.taken.dropped += nobody.map(|(kept, _)| kept).sum::<f64>();
        }
        for tap in &taps.list {
            let (contribution, size) = (share.contribution)(tap);
            let (s, loss) = (s.value[tap.to], s.scale[tap.to]);
            self.relevance[tap.operand].add(tap.from, contribution * s, (size * s).abs() * loss);
            if choice.bias == Bias::Redistribute {
                let share = 1.0 / fan_in[tap.to] as f64;
                let (value, scale) = (kept.value[tap.to] * share, kept.scale[tap.to] * share);
                self.relevance[tap.operand].add(tap.from, value, scale + value.abs());
            }
        }
    }

    fn max_pool(&mut self, network: &Network, layer: &Layer, rule: Rule<'_>, x: &[f64], r: &[f64]) {
        let (input, output) = (network.shape(layer.operands[0]), network.shape(layer.output));
        for (place, r) in places(output).zip(r) {
            let window = taps::window(layer, input, place);
            let top = window.iter().map(|&i| x[i]).fold(f64::NEG_INFINITY, f64::max);
            let winners: Vec<usize> = window.iter().copied().filter(|&i| x[i] == top).collect();
            let takers = match rule {
                Rule::Flat => &window[..],
                Rule::Winner(Ties::Split) => &winners,
                _ => &winners[..1],
            };
            for &taker in takers {
                self.give(0, taker, r / takers.len() as f64);
            }
        }
    }

    fn response_norm(&mut self, layer: &Layer, shape: Shape, choice: Choice<'_>, x: &[f64], r: &[f64]) {
        let norm = unlike::ResponseNorm::of(layer, shape);
        for (k, r) in r.iter().enumerate() {
            let neighbours = norm.neighbours(k);
            let terms = neighbours.iter().map(|&j| norm.contribution(x, k, j));
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term: f64| (sum + term, size + term.abs()));
            let stable = stabilized(choice.effective_stabilizer(), sum, 0.0);
            for j in neighbours {
                if choice.rule == Rule::Gradient {
                    let slope = norm.derivative(x, k, j);
                    self.relevance[0].add(j, slope * r, r.abs() * (1.0 + slope.abs()));
                } else {
                    self.uncertain |= *r != 0.0 && sum != 0.0 && sum.abs() < SIGN * size;
                    let share = norm.contribution(x, k, j) / stable * r;
                    self.relevance[0].add(j, share, share.abs() * (2.0 + size / stable.abs()));
                }
            }
        }
    }

    fn softmax(&mut self, layer: &Layer, shape: Shape, x: &[f64], r: &[f64]) {
        let p = unlike::probabilities(shape, x);
        for (i, _) in r.iter().enumerate() {
            let pixel = i / shape.channels * shape.channels..(i / shape.channels + 1) * shape.channels;
            for k in pixel {
                let same = f64::from(u8::from(k == i));
                let factor = if layer.variant == 0 { p[k] } else { 1.0 };
                let size = r[k].abs() * factor * (same + p[i]) * (1.0 + x[i].abs() + x[k].abs());
                self.relevance[0].add(i, factor * (same - p[i]) * r[k], size);
            }
        }
    }
}
