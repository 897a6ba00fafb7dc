//! The LSTM over int8, in floats and in integers, against a naive evaluation in double precision of the network of real
//! numbers that its integers stand for.

use crate::kernel;
use crate::lstm_int8::{Cell, INPUT, STATE, WEIGHTS};
use proptest::prelude::*;
use relprop::rule::{Bias, Choice, Rule};
use relprop::{Composite, Entry, ExplainError, Mode, Preset, Seed, Select, Session, Target, Whole};
use relprop_convert::int8;

/// The gate of the signal.
const G: usize = 2;

/// What the integers of a moment stand for.
struct Moment {
    /// Which moment it is.
    at: usize,
    /// The state before it.
    before: Vec<f64>,
    /// What `g` is a function of.
    z: Vec<f64>,
    /// What the cell is a sum of.
    terms: Vec<[f64; 2]>,
}

/// A cell, evaluated naively.
trait Naive {
    fn w(&self, gate: usize, unit: usize, input: usize) -> f64;
    fn u(&self, gate: usize, unit: usize, from: usize) -> f64;
    fn b(&self, gate: usize, unit: usize) -> f64;
    fn x(&self, at: usize, i: usize) -> f64;
    /// Runs the cell with its own rounding, so that what follows is about the very same numbers.
    fn run(&self) -> (Vec<i8>, Vec<Moment>);
    /// Relevance by the ε-rule, and what is left at the initial state.
    fn relevance(&self, moments: &[Moment], epsilon: f64, bias: Bias) -> Back;
}

impl Naive for Cell {
    fn w(&self, gate: usize, unit: usize, input: usize) -> f64 {
        f64::from(self.weights[(gate * self.units + unit) * self.inputs + input]) * f64::from(WEIGHTS[0][gate])
    }

    fn u(&self, gate: usize, unit: usize, from: usize) -> f64 {
        let first = 4 * self.units * self.inputs;
        f64::from(self.weights[first + (gate * self.units + unit) * self.units + from]) * f64::from(WEIGHTS[1][gate])
    }

    fn b(&self, gate: usize, unit: usize) -> f64 {
        f64::from(self.bias[gate * self.units + unit]) * f64::from(INPUT) * f64::from(WEIGHTS[0][gate])
    }

    fn x(&self, at: usize, i: usize) -> f64 {
        (f64::from(self.x[at * self.inputs + i]) - f64::from(self.zeros[0])) * f64::from(INPUT)
    }

    fn run(&self) -> (Vec<i8>, Vec<Moment>) {
        let table: Vec<i64> = int8::table::gates().into_iter().map(i64::from).collect();
        let sixteen = |v: i64| v.clamp(i16::MIN.into(), i16::MAX.into());
        let [input, state] = self.units_of();
        let factors = [int8::gates(input, &WEIGHTS[0]), int8::gates(state, &WEIGHTS[1])];
        let (mut h, mut c) = (vec![0_i64; self.units], vec![0_i64; self.units]);
        let (mut moments, mut states) = (Vec::new(), Vec::new());
        for k in 0..self.moments {
            let at = if self.reverse { self.moments - 1 - k } else { k };
            let raw_x: Vec<i64> =
                (0..self.inputs).map(|i| i64::from(self.x[at * self.inputs + i]) - i64::from(self.zeros[0])).collect();
            let z = |gate: usize, j: usize| {
                let row = gate * self.units + j;
                let w = &self.weights[row * self.inputs..][..self.inputs];
                let u = &self.weights[4 * self.units * self.inputs + row * self.units..][..self.units];
                let dot = |w: &[i8], x: &[i64]| w.iter().zip(x).map(|(w, x)| i64::from(*w) * x).sum::<i64>();
                let a = times(dot(w, &raw_x) + i64::from(self.bias[row]), factors[0][gate]);
                sixteen(sixteen(a) + sixteen(times(dot(u, &h), factors[1][gate])))
            };
            let gates: Vec<[i64; 4]> = (0..self.units)
                .map(|j| {
                    [
                        sigmoid(&table, z(0, j)),
                        sigmoid(&table, z(1, j)),
                        tanh(&table, z(2, j), 12),
                        sigmoid(&table, z(3, j)),
                    ]
                })
                .collect();
            let before: Vec<f64> = h.iter().map(|h| *h as f64 * f64::from(STATE)).collect();
            let unit = 2f64.powi(-30);
            let (mut terms, mut sums) = (Vec::new(), Vec::new());
            for (j, [i, f, g, o]) in gates.into_iter().enumerate() {
                let place = 2f64.powi(-15 - self.places as i32);
                terms.push([(f * c[j]) as f64 * place, (i * g) as f64 * unit]);
                let from = |g: usize| (0..self.inputs).map(|i| self.w(g, j, i) * self.x(at, i)).sum::<f64>();
                let back = |g: usize| (0..self.units).map(|i| self.u(g, j, i) * before[i]).sum::<f64>();
                sums.push(from(G) + back(G) + self.b(G, j));
                let sum = sixteen(
                    sixteen(times(f * c[j], [1 << 30, -14]))
                        + sixteen(times(i * g, [1 << 30, self.places as i32 - 29])),
                );
                let bound = i64::from(self.bound);
                c[j] = if bound > 0 { sum.clamp(-bound, bound) } else { sum };
                let zero = i64::from(self.zeros[1]);
                let value = times(tanh(&table, c[j], self.places) * o, int8::state(state)) + zero;
                h[j] = value.clamp(-128, 127) - zero;
            }
            states.push((at, h.iter().map(|h| (h + i64::from(self.zeros[1])) as i8).collect::<Vec<_>>()));
            moments.push(Moment { at, before, z: sums, terms });
        }
        let last = states.last().unwrap().1.clone();
        states.sort_by_key(|(at, _)| *at);
        let output = if self.all { states.into_iter().flat_map(|(_, state)| state).collect() } else { last };
        (output, moments)
    }

    fn relevance(&self, moments: &[Moment], epsilon: f64, bias: Bias) -> Back {
        let (n, m) = (self.units, self.inputs);
        let signed = |z: f64| if z >= 0.0 { epsilon } else { -epsilon };
        let mut back = Back { input: vec![0.0; self.x.len()], ..Back::default() };
        let (mut rh, mut rc) = (vec![0.0; n], vec![0.0; n]);
        for (k, moment) in moments.iter().enumerate().rev() {
            if self.all || k + 1 == moments.len() {
                let first = if self.all { moment.at * n } else { 0 };
                rh.iter_mut().zip(&self.start[first..]).for_each(|(r, start)| *r += f64::from(*start));
            }
            let (mut new, mut spread) = (vec![0.0; n], 0.0);
            for (j, &[a, b]) in moment.terms.iter().enumerate() {
                back.uncertain |= a + b != 0.0 && (a + b).abs() < 1e-6 * (a.abs() + b.abs());
                let s = (rh[j] + rc[j]) / (a + b + signed(a + b));
                (rc[j], new[j]) = (a * s, b * s);
                if bias == Bias::Redistribute {
                    spread += s * signed(a + b) / (2 * n) as f64;
                } else {
                    back.stabilizer += s * signed(a + b);
                }
            }
            rc.iter_mut().chain(&mut new).for_each(|r| *r += spread);
            rh = vec![0.0; n];
            for (j, new) in new.into_iter().enumerate() {
                let b = if bias == Bias::Zero { 0.0 } else { self.b(G, j) };
                let z = moment.z[j] - self.b(G, j) + b;
                back.uncertain |= z.abs() < 1e-6;
                let s = new / (z + signed(z));
                let mut rest = 0.0;
                if bias == Bias::Redistribute {
                    rest = (b + signed(z)) / (n + m) as f64;
                } else {
                    back.bias += s * b;
                    back.stabilizer += s * signed(z);
                }
                for i in 0..m {
                    let share = (self.w(G, j, i) * self.x(moment.at, i) + rest) * s;
                    back.input[moment.at * m + i] += share;
                    back.scale += share.abs();
                }
                for (i, (r, h)) in rh.iter_mut().zip(&moment.before).enumerate() {
                    let share = (self.u(G, j, i) * h + rest) * s;
                    *r += share;
                    back.scale += share.abs();
                }
            }
        }
        back.dropped = rh.iter().chain(&rc).sum();
        back.scale += self.start.iter().map(|r| f64::from(r.abs())).sum::<f64>();
        back
    }
}

#[derive(Default)]
struct Back {
    input: Vec<f64>,
    bias: f64,
    stabilizer: f64,
    dropped: f64,
    /// Magnitude of all that was handed out.
    scale: f64,
    /// A sum is so near zero that its sign, and with it that of ε, is a matter of rounding.
    uncertain: bool,
}

/// `value · factor`, rounded twice.
fn times(value: i64, [multiplier, shift]: [i32; 2]) -> i64 {
    let raised = (value << shift.max(0)).clamp(i32::MIN.into(), i32::MAX.into());
    let high = (raised * i64::from(multiplier) + (1 << 30)) >> 31;
    let unit = 1_i64 << -shift.min(0);
    (high.abs() + unit / 2) / unit * high.signum()
}

fn looked_up(table: &[i64], at: i64, places: u32) -> Option<i64> {
    let (k, part) = ((at >> places) as usize, at & ((1 << places) - 1));
    (k < 255).then(|| (table[k] << places) + part * (table[k + 1] - table[k]))
}

fn sigmoid(table: &[i64], x: i64) -> i64 {
    let y = looked_up(table, (3 * x).abs(), 9).unwrap_or(0x7fff << 10);
    (if x >= 0 { y + 512 } else { (1 << 25) - y + 511 }) >> 10
}

fn tanh(table: &[i64], x: i64, places: u32) -> i64 {
    let z = if places <= 12 { (3 * x) << (12 - places) } else { (3 * x + (1 << (places - 13))) >> (places - 12) };
    let y = looked_up(table, z.abs(), 8).unwrap_or(0xffff << 8) - (1 << 23);
    (if z >= 0 { y + 128 } else { -y + 127 }) >> 8
}

fn composite<'a>(overrides: &'a [(Select<'a>, Choice<'a>)]) -> Composite<'a> {
    Composite::new(Preset::EpsilonPlus).with(overrides)
}

/// One unit explained; see the names.
///
/// # Errors
/// The kernel refuses the rule.
pub fn in_floats(cell: &Cell, choice: Choice<'_>, mode: Mode) -> Result<(Vec<i8>, Vec<f32>, Entry), ExplainError> {
    let image = cell.image();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, mode);
    let mut session = Session::new(&model, &mut arena, mode).unwrap();
    let y = session.run_int8(&[&cell.x]).unwrap().int8().unwrap().to_vec();
    let target = Target { output: 0, seed: Seed::Values(&cell.start) };
    let explanation = session.explain(&target, &composite(&[(Select::Position(0), choice)]))?;
    Ok((y, explanation.relevance().to_vec(), explanation.ledger().entries().next().unwrap()))
}

/// One unit explained; see the names.
///
/// # Errors
/// The kernel refuses the rule.
pub fn in_integers(cell: &Cell, choice: Choice<'_>, mode: Mode) -> Result<(Vec<f64>, Whole, f64), ExplainError> {
    let image = cell.image();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, mode);
    let mut session = Session::new_fixed(&model, &mut arena, mode).unwrap();
    session.run_int8(&[&cell.x]).unwrap();
    let target = Target { output: 0, seed: Seed::Values(&cell.start) };
    let explanation = session.explain(&target, &composite(&[(Select::Position(0), choice)]))?;
    assert_eq!(explanation.ledger().imbalance(), 0);
    let unit = f64::from(explanation.unit_of(0));
    let relevance = explanation.relevance().iter().map(|r| f64::from(*r) * unit).collect();
    Ok((relevance, explanation.ledger().entries().next().unwrap(), f64::from(explanation.ledger_unit())))
}

/// `‖a − b‖₁`.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum()
}

/// The integers of the forward pass, in every mode.
///
/// # Errors
/// What is off.
pub fn check_forward(cell: &Cell) -> Result<(), TestCaseError> {
    let (wanted, _) = cell.run();
    let image = cell.image();
    let model = image.model().unwrap();
    for mode in [Mode::Infer, Mode::Explain, Mode::Retain] {
        let mut arena = kernel::arena(&model, mode);
        let mut session = Session::new(&model, &mut arena, mode).unwrap();
        let y = session.run_int8(&[&cell.x]).unwrap().int8().unwrap().to_vec();
        prop_assert_eq!(&y, &wanted);
    }
    Ok(())
}

/// Relevance by the ε-rule, in floats and in integers, with the books.
///
/// # Errors
/// What is off.
pub fn check(cell: &Cell, bias: Bias, epsilon: f32) -> Result<(), TestCaseError> {
    let choice = Choice::new(Rule::Epsilon(epsilon)).with_bias(bias);
    let (_, moments) = cell.run();
    let back = cell.relevance(&moments, epsilon.into(), bias);
    prop_assume!(!back.uncertain);
    for mode in [Mode::Explain, Mode::Retain] {
        let (_, seen, entry) = in_floats(cell, choice, mode).unwrap();
        let seen: Vec<f64> = seen.into_iter().map(f64::from).collect();
        let off = apart(&seen, &back.input);
        prop_assert!(off <= 1e-5 * back.scale, "floats: off by {} of {}", off, back.scale);
        let books = [
            (entry.bias, back.bias),
            (entry.stabilizer, back.stabilizer),
            (entry.dropped, back.dropped),
            (entry.rounding, 0.0),
        ];
        for (got, wanted) in books {
            prop_assert!(
                (f64::from(got) - wanted).abs() <= 1e-5 * back.scale,
                "{} is not {}: {:?}",
                got,
                wanted,
                entry
            );
        }

        let (seen, entry, unit) = in_integers(cell, choice, mode).unwrap();
        let off = apart(&seen, &back.input);
        prop_assert!(off <= 1e-6 * back.scale, "integers: off by {} of {}", off, back.scale);
        prop_assert_eq!(entry.saturated, 0);
        prop_assert_eq!(entry.arrived - entry.left - entry.bias - entry.stabilizer - entry.dropped - entry.rounding, 0);
        let books = [
            (entry.bias, back.bias),
            (entry.stabilizer, back.stabilizer),
            (entry.dropped, back.dropped),
            (entry.rounding, 0.0),
        ];
        for (got, wanted) in books {
            prop_assert!(
                (got as f64 * unit - wanted).abs() <= 1e-6 * back.scale,
                "{} is not {}: {:?}",
                got,
                wanted / unit,
                entry
            );
        }
    }
    Ok(())
}
