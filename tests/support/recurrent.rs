//! LSTMs and GRUs of floats, of any size and any length up to a planned one.

use crate::networks::numbers::{Numbers, Style};
use proptest::prelude::*;
use relprop::rule::{Bias, Choice, Gates, Rule};
use relprop_convert::{Network, Recurrent, Window};

/// Outputs of a [pair](Cell::pair).
pub const CLASSES: usize = 3;

/// Every rule that a cell takes, with options of every kind.
pub fn choices() -> impl Strategy<Value = Choice<'static>> {
    let rules = vec![
        Rule::Zero,
        Rule::Epsilon(0.01),
        Rule::Epsilon(0.3),
        Rule::Norm,
        Rule::AlphaBeta { alpha: 2.0, beta: 1.0 },
        Rule::ZPlus,
        Rule::Gamma(0.25),
        Rule::GammaOriginal(0.25),
        Rule::WSquare,
        Rule::Flat,
        Rule::Gradient,
    ];
    let bias = prop::sample::select(vec![Bias::Absorb, Bias::Zero, Bias::Redistribute]);
    let gates = prop::sample::select(vec![Gates::Signal, Gates::Half, Gates::Proportional, Gates::Magnitude]);
    (prop::sample::select(rules), bias, gates)
        .prop_map(|(rule, bias, gates)| Choice::new(rule).with_bias(bias).with_gates(gates))
}

/// What is drawn at random: a cell, and an input.
#[derive(Clone, Debug)]
pub struct Cell {
    /// 4 of an LSTM, 3 of a GRU.
    pub gates: usize,
    /// The reset gate of a GRU works after the product with the state.
    pub after: bool,
    /// From the last moment to the first.
    pub reverse: bool,
    /// The output is the mean of all states.
    pub all: bool,
    /// Elements of an input.
    pub inputs: usize,
    /// Elements of the state.
    pub units: usize,
    /// The most moments that it is planned for.
    pub most: usize,
    /// Moments of the input.
    pub moments: usize,
    /// `[gate][unit][input]`.
    pub weights: Vec<f32>,
    /// `[gate][unit][unit]`.
    pub recurrent: Vec<f32>,
    /// `[gate][unit]`.
    pub bias: Vec<f32>,
    /// Of a GRU that resets after the product.
    pub recurrent_bias: Vec<f32>,
    /// The input.
    pub x: Vec<f32>,
    /// Of an LSTM's cell; zero for none.
    pub bound: f32,
}

/// Any cell.
pub fn any_cell() -> impl Strategy<Value = Cell> {
    let sizes = (1_usize..=9, 1_usize..=20, 1_usize..=6, 0_usize..=3);
    let bound = prop::sample::select(vec![0.0_f32, 0.4]);
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), sizes, any::<u64>(), bound).prop_map(
        |(lstm, after, reverse, all, (inputs, units, moments, more), seed, bound)| {
            let gates = if lstm { 4 } else { 3 };
            let mut numbers = Numbers::new(seed, Style::Smooth);
            Cell {
                gates,
                after: after && !lstm,
                reverse,
                all,
                inputs,
                units,
                most: moments + more,
                moments,
                weights: numbers.list(gates * units * inputs),
                recurrent: numbers.list(gates * units * units),
                bias: numbers.list(gates * units),
                recurrent_bias: numbers.list(units),
                x: numbers.list(moments * inputs),
                bound: if lstm { bound } else { 0.0 },
            }
        },
    )
}

impl Cell {
    /// A network of the cell, and of the mean over its states where there are several.
    pub fn network(&self) -> Network {
        let mut network = Network::named("cell");
        let x = network.sequence_input("x", self.most, self.inputs);
        let y = self.add_to(&mut network, x, self.reverse);
        let y = self.head(&mut network, y);
        network.output(y);
        network
    }

    /// A network of two such cells, one for each direction, side by side, and three classes above them.
    pub fn pair(&self) -> Network {
        let mut network = Network::named("pair");
        let x = network.sequence_input("x", self.most, self.inputs);
        let states = [false, true].map(|reverse| self.add_to(&mut network, x, reverse));
        let y = network.concat(&states, 2);
        let y = self.head(&mut network, y);
        let mut numbers = Numbers::new(self.units as u64, Style::Smooth);
        let y = network.dense(y, CLASSES, &numbers.list(CLASSES * 2 * self.units), &numbers.list(CLASSES));
        network.output(y);
        network
    }

    fn add_to(&self, network: &mut Network, x: usize, reverse: bool) -> usize {
        let cell = Recurrent {
            weights: &self.weights,
            recurrent: &self.recurrent,
            bias: &self.bias,
            recurrent_bias: self.after.then_some(&self.recurrent_bias),
            reverse,
            all_states: self.all,
        };
        let y = if self.gates == 4 { network.lstm(x, self.units, &cell) } else { network.gru(x, self.units, &cell) };
        if let Some(step) = network.steps.last_mut() {
            step.floats[0] = self.bound;
        }
        y
    }

    /// The mean over time, so that every state counts.
    fn head(&self, network: &mut Network, y: usize) -> usize {
        if self.all { network.average_pool(y, &Window::new(self.most as u16, 1), false) } else { y }
    }
}
