//! Recurrent layers of floats against a naive evaluation in double precision, and what holds for any of them.

use crate::kernel::{self, bits};
use crate::networks::numbers::{Numbers, Style};
use crate::recurrent::{CLASSES, Cell};
use proptest::prelude::*;
use relprop::rule::{Bias, Choice, Gates, Rule};
use relprop::{Composite, Entry, Mode, Preset, Select, Session, Target};
use relprop_convert::emit;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// One moment as it was computed.
#[derive(Clone, Default)]
struct Moment {
    at: usize,
    before: Vec<f64>,
    cell_before: Vec<f64>,
    z: Vec<Vec<f64>>,
    cell: Vec<f64>,
    state: Vec<f64>,
}

/// Relevance as it should be.
struct Wanted {
    sink: Vec<f64>,
    /// What is left at the initial state.
    initial: f64,
    /// The largest relevance on the way.
    scale: f64,
    /// The denominator nearest to zero, where the stabiliser changes its sign.
    smallest: f64,
}
impl Cell {
    fn w(&self, gate: usize, unit: usize, input: usize) -> f64 {
        f64::from(self.weights[(gate * self.units + unit) * self.inputs + input])
    }

    fn u(&self, gate: usize, unit: usize, from: usize) -> f64 {
        f64::from(self.recurrent[(gate * self.units + unit) * self.units + from])
    }

    fn b(&self, gate: usize, unit: usize) -> f64 {
        f64::from(self.bias[gate * self.units + unit])
    }

    fn run(&self, x: &[f64]) -> Vec<Moment> {
        let mut moments: Vec<Moment> = Vec::new();
        let (mut state, mut cell) = (vec![0.0; self.units], vec![0.0; self.units]);
        for k in 0..self.moments {
            let at = if self.reverse { self.moments - 1 - k } else { k };
            let x = &x[at * self.inputs..(at + 1) * self.inputs];
            let from_x =
                |g: usize, j: usize| (0..self.inputs).map(|i| self.w(g, j, i) * x[i]).sum::<f64>() + self.b(g, j);
            let from_h = |g: usize, j: usize, h: &[f64]| (0..self.units).map(|i| self.u(g, j, i) * h[i]).sum::<f64>();
            let mut z: Vec<Vec<f64>> = (0..self.gates)
                .map(|g| (0..self.units).map(|j| from_x(g, j) + from_h(g, j, &state)).collect())
                .collect();
            let mut moment = Moment { at, before: state.clone(), cell_before: cell.clone(), ..Moment::default() };
            if self.gates == 4 {
                for j in 0..self.units {
                    cell[j] = sigmoid(z[1][j]) * cell[j] + sigmoid(z[0][j]) * z[2][j].tanh();
                    if self.bound > 0.0 {
                        cell[j] = cell[j].clamp(-f64::from(self.bound), self.bound.into());
                    }
                    state[j] = sigmoid(z[3][j]) * cell[j].tanh();
                }
            } else {
                let r: Vec<f64> = z[1].iter().map(|z| sigmoid(*z)).collect();
                let reset: Vec<f64> = r.iter().zip(&state).map(|(r, h)| r * h).collect();
                for j in 0..self.units {
                    let more = if self.after {
                        r[j] * (from_h(2, j, &state) + f64::from(self.recurrent_bias[j]))
                    } else {
                        from_h(2, j, &reset)
                    };
                    z[2][j] = from_x(2, j) + more;
                }
                for j in 0..self.units {
                    let gate = sigmoid(z[0][j]);
                    state[j] = (1.0 - gate) * z[2][j].tanh() + gate * state[j];
                }
            }
            (moment.z, moment.cell, moment.state) = (z, cell.clone(), state.clone());
            moments.push(moment);
        }
        moments
    }

    /// The output: the last state, or the mean.
    fn output(&self, x: &[f64]) -> Vec<f64> {
        let moments = self.run(x);
        let mean = |j: usize| moments.iter().map(|m| m.state[j]).sum::<f64>() / self.moments as f64;
        (0..self.units).map(|j| if self.all { mean(j) } else { moments[self.moments - 1].state[j] }).collect()
    }

    /// Signal takes all, by the ε-rule (Arras et al. 2017), of one output unit.
    fn relevance(&self, unit: usize, epsilon: f64, factor: f64) -> Wanted {
        let x: Vec<f64> = self.x.iter().map(|x| f64::from(*x)).collect();
        let moments = self.run(&x);
        let (n, mut sink) = (self.units, vec![0.0; x.len()]);
        let signed = |z: f64| if z >= 0.0 { epsilon } else { -epsilon };
        let (mut rh, mut rc) = (vec![0.0; n], vec![0.0; n]);
        let value = self.output(&x)[unit];
        // The mean hands out in proportion to its inputs.
        let sum: f64 = moments.iter().map(|m| m.state[unit]).sum::<f64>() / self.moments as f64;
        let scale = sum + if sum >= 0.0 { 1e-6 } else { -1e-6 };
        // Next to zero the mean's own relevance is nothing but rounding.
        let (mut scale_seen, mut smallest) = (1e-2_f64, if self.all { 1e-3 * sum.abs() } else { f64::INFINITY });
        for (k, m) in moments.iter().enumerate().rev() {
            if self.all {
                rh[unit] += m.state[unit] / self.moments as f64 * value / scale;
            } else if k + 1 == self.moments {
                rh[unit] += value;
            }
            let lstm = self.gates == 4;
            let gate: Vec<f64> = m.z[0].iter().map(|z| sigmoid(*z)).collect();
            let (mut kept, mut new, mut spread) = (vec![0.0; n], vec![0.0; n], 0.0);
            for j in 0..n {
                let (a, b) = if lstm {
                    (sigmoid(m.z[1][j]) * m.cell_before[j], gate[j] * m.z[2][j].tanh())
                } else {
                    (gate[j] * m.before[j], (1.0 - gate[j]) * m.z[2][j].tanh())
                };
                let r = if lstm { rh[j] + rc[j] } else { rh[j] };
                smallest = smallest.min((a + b).abs());
                scale_seen = scale_seen.max(r.abs());
                let s = r / (a + b + signed(a + b));
                (kept[j], new[j]) = (a * s, b * s);
                spread += factor * s * signed(a + b) / (2 * n) as f64;
            }
            kept.iter_mut().chain(&mut new).for_each(|r| *r += spread);
            let mut next = if lstm { vec![0.0; n] } else { kept.clone() };
            let g = 2;
            for (j, new) in new.iter().enumerate() {
                let z = m.z[g][j];
                smallest = smallest.min(z.abs());
                scale_seen = scale_seen.max(new.abs());
                let s = new / (z + signed(z));
                let reset = |i: usize| if lstm { 1.0 } else { sigmoid(m.z[1][i]) };
                let recurrent = if self.after { reset(j) * f64::from(self.recurrent_bias[j]) } else { 0.0 };
                let rest = factor * (self.b(g, j) + recurrent + signed(z)) / (n + self.inputs) as f64;
                for i in 0..self.inputs {
                    sink[m.at * self.inputs + i] += (self.w(g, j, i) * x[m.at * self.inputs + i] + rest) * s;
                }
                for (i, next) in next.iter_mut().enumerate() {
                    let scale = if self.after { reset(j) } else { reset(i) };
                    *next += (self.u(g, j, i) * scale * m.before[i] + rest) * s;
                }
            }
            rh = next;
            rc = if lstm { kept } else { vec![0.0; n] };
        }
        let initial = rh.iter().chain(&rc).sum();
        Wanted { sink, initial, scale: scale_seen, smallest }
    }
}
/// Runs a cell and explains one unit; returns the outputs, the relevance, and what the books say was dropped.
fn explained(cell: &Cell, unit: usize, choice: Choice<'_>, mode: Mode) -> (Vec<f32>, Vec<f32>, f32, f32) {
    let image = emit(&cell.network()).unwrap();
    let model = image.model().unwrap();
    let mut arena = vec![0; model.arena_bytes(mode) + 16];
    let mut session = Session::new(&model, &mut arena, mode).unwrap();
    let output: Vec<f32> = session.run(&cell.x).unwrap().iter().collect();
    let overrides = [(Select::Position(0), choice)];
    let preset = if choice.rule == Rule::Gradient { Preset::Gradient } else { Preset::EpsilonPlus };
    let explanation = session.explain(&Target::class(unit), &Composite::new(preset).with(&overrides)).unwrap();
    let dropped = explanation.ledger().entries().next().unwrap().dropped;
    (output, explanation.relevance().to_vec(), dropped, explanation.ledger().imbalance())
}

fn near(got: &[f32], wanted: &[f64], largest: f64, tolerance: f64) -> Result<(), TestCaseError> {
    prop_assert_eq!(got.len(), wanted.len());
    for (i, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        prop_assert!((f64::from(*got) - wanted).abs() <= tolerance * largest, "{}: {} is not {}", i, got, wanted);
    }
    Ok(())
}

/// The output of the cell, in every mode.
///
/// # Errors
/// What is off.
pub fn check_forward(cell: &Cell) -> Result<(), TestCaseError> {
    let x: Vec<f64> = cell.x.iter().map(|x| f64::from(*x)).collect();
    let wanted = cell.output(&x);
    let image = emit(&cell.network()).unwrap();
    let model = image.model().unwrap();
    let run = |mode| kernel::run(&model, std::slice::from_ref(&cell.x), mode).concat();
    let output = run(Mode::Infer);
    prop_assert_eq!(output.len(), wanted.len());
    for (y, wanted) in output.iter().zip(&wanted) {
        prop_assert!((f64::from(*y) - wanted).abs() <= 2e-5, "{} is not {}", y, wanted);
    }
    // With a tape, the same bits.
    prop_assert_eq!(bits(&run(Mode::Explain)), bits(&output));
    prop_assert_eq!(bits(&run(Mode::Retain)), bits(&output));
    Ok(())
}

/// Relevance by the ε-rule, where signals take all.
///
/// # Errors
/// What is off.
pub fn check_signals(cell: &Cell, unit: usize, redistribute: bool) -> Result<(), TestCaseError> {
    let (bias, factor) = if redistribute { (Bias::Redistribute, 1.0) } else { (Bias::Absorb, 0.0) };
    // A large ε, so that nothing is ill-conditioned.
    let choice = Choice::new(Rule::Epsilon(0.1)).with_bias(bias);
    let Wanted { sink: wanted, initial, scale: largest, smallest } = cell.relevance(unit, 0.1, factor);
    prop_assume!(smallest > 1e-5);
    for mode in [Mode::Explain, Mode::Retain] {
        let (_, relevance, dropped, imbalance) = explained(cell, unit, choice, mode);
        near(&relevance, &wanted, largest, 1e-3)?;
        prop_assert!((f64::from(dropped) - initial).abs() <= 1e-3 * largest, "{} left, not {}", dropped, initial);
        prop_assert!(f64::from(imbalance).abs() <= 1e-5 * largest);
    }
    Ok(())
}

/// The gradient is the slope of the naive evaluation.
///
/// # Errors
/// What is off.
pub fn check_gradient(cell: &Cell, unit: usize) -> Result<(), TestCaseError> {
    let x: Vec<f64> = cell.x.iter().map(|x| f64::from(*x)).collect();
    let value = cell.output(&x)[unit];
    let slope = |i: usize| {
        let moved = |by: f64| {
            let mut x = x.clone();
            x[i] += by;
            cell.output(&x)[unit]
        };
        // Seeded with the output itself. The cell may be clamped close by: steps are as short as doubles allow.
        (moved(1e-8) - moved(-1e-8)) / 2e-8 * value
    };
    let wanted: Vec<f64> = (0..x.len()).map(slope).collect();
    let (_, gradient, ..) = explained(cell, unit, Choice::new(Rule::Gradient), Mode::Explain);
    let largest = wanted.iter().fold(0.05, |most: f64, w| most.max(w.abs()));
    near(&gradient, &wanted, largest, 1e-3)
}

/// Whatever gates get, nothing is lost but what stabilisers and biases take.
///
/// # Errors
/// What is off.
pub fn check_gates(cell: &Cell, gates: Gates) -> Result<(), TestCaseError> {
    let choice = Choice::new(Rule::Epsilon(0.1)).with_gates(gates).with_bias(Bias::Redistribute);
    let (output, relevance, dropped, imbalance) = explained(cell, 0, choice, Mode::Explain);
    let sum: f64 = relevance.iter().map(|r| f64::from(*r)).sum();
    let largest = relevance.iter().fold(1e-2, |most: f32, r| most.max(r.abs()));
    prop_assert!(imbalance.abs() <= 1e-4 * largest);
    if gates == Gates::Half && !cell.all {
        let seed = f64::from(output[0]);
        prop_assert!(
            (sum + f64::from(dropped) - seed).abs() <= 1e-4 * f64::from(largest),
            "{} {} {}",
            sum,
            dropped,
            seed
        );
    }
    Ok(())
}

/// A session that has run a sequence of another length and explained it gives the bits of a fresh one, in both modes and
/// in any order; and the books balance.
///
/// # Errors
/// Two explanations differ, or by how much the books are off.
pub fn check_statements(cell: &Cell, choice: Choice<'_>, other: usize) -> Result<(), TestCaseError> {
    let image = emit(&cell.pair()).unwrap();
    let model = image.model().unwrap();
    let length = 1 + other % cell.most;
    let other = Numbers::new(other as u64, Style::Smooth).list(length * cell.inputs);
    // The two cells come first.
    let overrides = [(Select::Position(0), choice), (Select::Position(1), choice)];
    let composite = Composite::new(Preset::EpsilonPlus).with(&overrides);
    let targets = [Target::TOP, Target::class(CLASSES - 1)];
    let x = std::slice::from_ref(&cell.x);
    for mode in [Mode::Explain, Mode::Retain] {
        let mut arena = kernel::arena(&model, mode);
        let mut session = Session::new(&model, &mut arena, mode).unwrap();
        session.run(&other).unwrap();
        session.explain(&Target::TOP, &Composite::new(Preset::Gradient)).unwrap();
        session.run(&cell.x).unwrap();
        for target in [targets[0], targets[1], targets[0]] {
            let seen = kernel::explain_in(&mut session, &target, &composite).unwrap();
            let fresh = kernel::explain(&model, x, mode, &target, &composite).unwrap();
            prop_assert_eq!(seen.bits(), fresh.bits());
            let columns = |e: &Entry| [e.arrived, e.left, e.bias, e.stabilizer, e.dropped, e.rounding].map(f32::abs);
            let moved: f64 = seen.entries.iter().flat_map(columns).map(f64::from).sum();
            let [seeded, received, imbalance] = seen.sums;
            prop_assert!(moved.is_finite());
            prop_assert!(f64::from(imbalance.abs()) <= 1e-5 * (moved + f64::from(seeded.abs())), "off by {imbalance}");
            let sum: f64 = seen.inputs[0].iter().map(|r| f64::from(*r)).sum();
            let magnitude: f64 = seen.inputs[0].iter().map(|r| f64::from(r.abs())).sum();
            prop_assert!((sum - f64::from(received)).abs() <= 1e-6 * magnitude);
        }
    }
    Ok(())
}
