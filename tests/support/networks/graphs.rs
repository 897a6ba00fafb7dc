//! Random directed acyclic graphs: several consumers, residual additions, concatenations, gates, several inputs and
//! outputs, softmax heads.
//!
//! A graph grows from a list of genes, each of which reads tensors that are there already. Fewer genes make a smaller
//! graph, so that a failing case shrinks.

use super::Case;
use super::kinds::FUNCTIONS;
use super::layers::{activation, permutation};
use super::numbers::{Numbers, Style};
use proptest::prelude::*;
use relprop::step::{Function, Op, Shape};
use relprop_convert::{Network, Window};

/// No tensor of a graph has more elements.
const MOST: usize = 600;

/// One layer to be.
#[derive(Clone, Copy, Debug)]
pub struct Gene {
    kind: u8,
    /// Which tensors it reads, counted from the last.
    reads: [usize; 2],
    outputs: usize,
    kernel: [u16; 2],
    stride: [u16; 2],
    variant: usize,
}

prop_compose! {
    fn genes()(
        kind in 0_u8..20,
        // Mostly recent tensors.
        reads in [0_usize..3, 0_usize..12],
        outputs in 1_usize..=9,
        kernel in [1_u16..=3, 1..=3],
        stride in [1_u16..=2, 1..=2],
        variant in 0_usize..120,
    ) -> Gene {
        Gene { kind, reads, outputs, kernel, stride, variant }
    }
}

prop_compose! {
    /// Graphs, with their inputs.
    pub fn graph()(
        genes in prop::collection::vec(genes(), 1..14),
        shapes in prop::collection::vec((1_usize..=6, 1_usize..=7, 1_usize..=4), 1..=2),
        outputs in 1_usize..=3,
        // After which gene a softmax head grows, if any does.
        head in 0_usize..20,
        seed: u64,
    ) -> Case {
        grow(&genes, &shapes, outputs, head, seed)
    }
}

fn grow(genes: &[Gene], shapes: &[(usize, usize, usize)], outputs: usize, head: usize, seed: u64) -> Case {
    let mut graph = Graph { n: Network::named("graph"), live: Vec::new(), numbers: Numbers::new(seed, Style::Smooth) };
    let mut inputs = Vec::new();
    for (k, &(height, width, channels)) in shapes.iter().enumerate() {
        let shape = Shape::new(height, width, channels);
        graph.live.push(graph.n.input(format!("input_{k}"), shape));
        inputs.push(graph.numbers.sparse(shape.elements()));
    }
    for (k, gene) in genes.iter().enumerate() {
        let added = graph.add(gene);
        graph.live.push(added);
        if k == head {
            let output = graph.n.softmax(added, seed.is_multiple_of(2));
            graph.n.output(output);
        }
    }
    // The last tensors are outputs, whoever else reads them.
    let written = graph.n.steps.iter().rev().filter(|step| step.op != Op::Softmax);
    let written: Vec<usize> = written.map(|step| step.output).take(outputs).collect();
    for tensor in written {
        graph.n.output(tensor);
    }
    let step = graph.n.steps.len() - 1;
    Case { network: graph.n, inputs, step }
}

struct Graph {
    n: Network,
    live: Vec<usize>,
    numbers: Numbers,
}

impl Graph {
    /// The tensor that lies so far behind the last.
    fn back(&self, distance: usize) -> usize {
        self.live[self.live.len() - 1 - distance % self.live.len()]
    }

    /// Another tensor that fits, the nearest from `distance` on.
    fn partner(&self, x: usize, distance: usize, fits: impl Fn(Shape) -> bool) -> Option<usize> {
        let candidates = (0..self.live.len()).map(|step| self.back(distance + step));
        candidates.into_iter().find(|&y| y != x && fits(self.n.shape(y)))
    }

    fn weights(&mut self, n: usize) -> Vec<f32> {
        // About as large as keeps activations near one.
        let fan = (n as f32).sqrt().max(1.0);
        self.numbers.list(n).iter().map(|w| 2.0 * w / fan).collect()
    }

    fn add(&mut self, gene: &Gene) -> usize {
        let x = self.back(gene.reads[0]);
        let shape = self.n.shape(x);
        let Shape { height, width, channels } = shape;
        let variant = gene.variant;
        let window = gene.window(shape);
        match gene.kind {
            0..=2 if channels <= 12 => self.conv(gene, x, window),
            3 if channels > 1 => {
                let weights = self.weights(channels * usize::from(window.kernel[0] * window.kernel[1]));
                let bias = self.numbers.bias(channels);
                self.n.conv(x, &Window { groups: channels as u32, ..window }, channels, &weights, &bias)
            }
            4 if shape.elements() * 4 <= MOST => {
                let weights = self.weights(channels * gene.outputs * 4);
                let window = Window { stride: [2, 2], ..Window::new(2, 2) };
                let bias = self.numbers.bias(gene.outputs);
                if height * width * 4 * gene.outputs > MOST {
                    return self.n.relu(x);
                }
                self.n.conv_transpose(x, &window, gene.outputs, &weights, &bias)
            }
            5 => {
                let weights = self.weights(shape.elements() * gene.outputs);
                let bias = self.numbers.bias(gene.outputs);
                self.n.dense(x, gene.outputs, &weights, &bias)
            }
            6 => {
                self.n.average_pool(x, &Window { ceil: variant.is_multiple_of(3), ..window }, variant.is_multiple_of(2))
            }
            7 => self.n.max_pool(x, &Window { ceil: variant.is_multiple_of(3), ..window }),
            8 => self.n.global_average_pool(x),
            9 => {
                let scale = self.numbers.list(channels);
                let shift = self.numbers.bias(channels);
                self.n.affine(x, &scale, &shift)
            }
            10..=12 => match self.partner(x, gene.reads[1], |other| other.same(shape)) {
                Some(y) if variant.is_multiple_of(5) => self.n.sub(x, y),
                Some(y) => self.n.add(x, y),
                None => {
                    // A residual block.
                    let y = self.n.activation(x, Function::Tanh, [0.0; 2]);
                    self.n.add(x, y)
                }
            },
            13 => {
                let fits = |other: Shape| other.height == height && other.width == width && other.channels < 9;
                let y = self.partner(x, gene.reads[1], fits).unwrap_or(x);
                if channels > 9 {
                    return self.n.relu(x);
                }
                self.n.concat(&[x, y], 2)
            }
            14 => {
                // Squeeze and excitation.
                let gate = self.n.global_average_pool(x);
                let gate = self.n.activation(gate, Function::Sigmoid, [0.0; 2]);
                self.n.mul(x, gate)
            }
            15 => match variant % 4 {
                0 => self.n.view(x, Shape::new(1, 1, shape.elements())),
                1 => {
                    self.n.slice(x, [height as u32 / 2, 0, 0], [1; 3], Shape::new(height.div_ceil(2), width, channels))
                }
                2 if shape.elements() < 300 => {
                    let whole = Shape::new(height + 1, width + 2, channels);
                    self.n.pad(x, [1, 1, 0], whole, 0.0)
                }
                _ => {
                    let dims = [1, height as u32, width as u32, channels as u32];
                    let order = permutation(variant % 6);
                    let extent = |axis: usize| dims[order[axis] as usize] as usize;
                    self.n.transpose(x, dims, order, Shape::new(extent(1), extent(2), extent(3)))
                }
            },
            16 => self.n.local_response_norm(x, 3, 0.2, 0.75, 1.0),
            17 => activation(&mut self.n, x, variant % FUNCTIONS.len(), &mut self.numbers),
            _ => self.n.relu(x),
        }
    }

    fn conv(&mut self, gene: &Gene, x: usize, window: Window) -> usize {
        let channels = self.n.shape(x).channels;
        let kernel = usize::from(window.kernel[0] * window.kernel[1]);
        let weights = self.weights(gene.outputs * channels * kernel);
        let bias = self.numbers.bias(gene.outputs);
        let y = self.n.conv(x, &window, gene.outputs, &weights, &bias);
        // Mostly in the company that convolutions keep.
        if gene.variant.is_multiple_of(3) { y } else { self.n.relu(y) }
    }
}

impl Gene {
    /// A window that fits: "same" padding, for which any extent is enough.
    fn window(&self, shape: Shape) -> Window {
        let [before, after] = [self.kernel.map(|k| (k - 1) / 2), self.kernel.map(|k| k / 2)];
        let stride = if shape.elements() < 4 { [1, 1] } else { self.stride };
        let pads = [before[0], before[1], after[0], after[1]];
        Window { stride, pads, ..Window::new(self.kernel[0], self.kernel[1]) }
    }
}
