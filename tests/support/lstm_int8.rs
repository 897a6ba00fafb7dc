//! LSTMs over int8, of any size.

use proptest::prelude::*;
use relprop::model::format::step::{FLAG_ALL_STATES, FLAG_REVERSE};
use relprop::step::{Op, Shape};
use relprop_convert::network::{Int8, Layer, Port, Quantization};
use relprop_convert::{Image, Network, emit, int8};

/// Sizes, scales and weights of a cell, and an input.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Elements of an input.
    pub inputs: usize,
    /// Elements of the state.
    pub units: usize,
    /// Moments.
    pub moments: usize,
    /// The output is all states.
    pub all: bool,
    /// From the last moment to the first.
    pub reverse: bool,
    /// Binary places of the cell.
    pub places: u32,
    /// Largest magnitude of the cell, or zero.
    pub bound: u32,
    /// Zero points of the input and of the state.
    pub zeros: [i8; 2],
    /// `[gate][unit][input]`, then `[gate][unit][unit]`.
    pub weights: Vec<i8>,
    /// `[gate][unit]`.
    pub bias: Vec<i32>,
    /// Integers for the input.
    pub x: Vec<i8>,
    /// Relevance of the output.
    pub start: Vec<f32>,
}

/// Scale of the input.
pub const INPUT: f32 = 1.0 / 32.0;
/// Scale of the state.
pub const STATE: f32 = 1.0 / 120.0;
/// Scales of the weights, of every gate, for the input and for the state.
pub const WEIGHTS: [[f32; 4]; 2] = [[0.011, 0.009, 0.013, 0.01], [0.008, 0.012, 0.007, 0.01]];

/// Any cell.
pub fn any_cell() -> impl Strategy<Value = Cell> {
    let sizes = (1_usize..=20, 1_usize..=20, 1_usize..=5);
    let zeros = prop::array::uniform2(prop::sample::select(vec![-128_i8, -17, 0, 40]));
    let kind = (any::<bool>(), any::<bool>(), 9_u32..=15, prop::sample::select(vec![0_u32, 900]), zeros);
    (sizes, kind).prop_flat_map(|((inputs, units, moments), (all, reverse, places, bound, zeros))| {
        let rows = if all { moments } else { 1 };
        (
            prop::collection::vec(-127_i8..=127, 4 * units * (inputs + units)),
            prop::collection::vec(-3000_i32..=3000, 4 * units),
            prop::collection::vec(any::<i8>(), moments * inputs),
            prop::collection::vec(-1.0_f32..1.0, rows * units),
        )
            .prop_map(move |(weights, bias, x, start)| Cell {
                inputs,
                units,
                moments,
                all,
                reverse,
                places,
                bound,
                zeros,
                weights,
                bias,
                x,
                start,
            })
    })
}

impl Cell {
    /// Two units over four moments, all of whose weights and biases are alike: something to spoil.
    pub fn plain() -> Self {
        Self {
            inputs: 3,
            units: 2,
            moments: 4,
            all: true,
            reverse: false,
            places: 12,
            bound: 0,
            zeros: [-128, 0],
            weights: vec![1; 40],
            bias: vec![5; 8],
            x: Vec::new(),
            start: Vec::new(),
        }
    }

    /// What the integers of the input and of the state stand for.
    pub fn units_of(&self) -> [Quantization; 2] {
        let [input, state] = self.zeros;
        [Quantization { scale: INPUT, zero_point: input }, Quantization { scale: STATE, zero_point: state }]
    }

    /// A network of the cell alone.
    pub fn network(&self) -> Network {
        let [input, state] = self.units_of();
        let mut network = Network::named("cell");
        let x = network.input("x", Shape::new(self.moments, 1, self.inputs));
        let rows = if self.all { self.moments } else { 1 };
        let y = network.tensor("y", Shape::new(rows, 1, self.units));
        network.tensors[x].quantization = Some(input);
        network.tensors[y].quantization = Some(state);
        let mut layer = Layer::new("cell", Op::Lstm, vec![x], y);
        layer.flags = if self.all { FLAG_ALL_STATES } else { 0 } | if self.reverse { FLAG_REVERSE } else { 0 };
        let mut rescale = int8::gates(input, &WEIGHTS[0]);
        rescale.extend(int8::gates(state, &WEIGHTS[1]));
        rescale.push(int8::state(state));
        let table = int8::table::gates();
        layer.int8 = Int8 { weights: self.weights.clone(), bias: self.bias.clone(), rescale, table };
        (layer.ints[0], layer.ints[1]) = (self.places, self.bound);
        network.steps.push(layer);
        network.outputs.push(Port::new("y", y, vec![1, rows, self.units]));
        network
    }

    /// Its image.
    pub fn image(&self) -> Image {
        emit(&self.network()).unwrap_or_else(|error| panic!("{error}"))
    }
}
