//! Arithmetic with constants: `y = scale · x + shift`.

use crate::onnx::constant::{Constant, broadcast_dims};
use crate::onnx::graph::{Graph, Node, ValueId};
use crate::options::Options;

/// Turns `Add`, `Sub`, `Mul` and `Div` by a constant, and `Neg`, into `Affine`: a scale, then perhaps a shift, both
/// constants that broadcast to the input.
pub fn affine_from_arithmetic(graph: &mut Graph, _: &Options) {
    for at in 0..graph.nodes.len() {
        let Some((input, output, affine)) = graph.nodes.get(at).and_then(|node| read(graph, node)) else { continue };
        let Affine { scale, shift } = affine;
        let mut inputs = vec![input, graph.add_constant("", scale)];
        inputs.extend(shift.map(|shift| graph.add_constant("", shift)));
        if let Some(node) = graph.nodes.get_mut(at) {
            *node = Node::new(&node.name, "Affine", &inputs, output);
        }
    }
}

/// Merges an `Affine` into the one before it, which keeps its name, if nobody else reads that one's output. Batch
/// normalisation stays by itself.
pub fn merge_affine(graph: &mut Graph, _: &Options) {
    let mut producers = graph.producers();
    let uses = graph.uses();
    for at in 0..graph.nodes.len() {
        let Some(node) = graph.nodes.get(at).filter(|node| is_plain(node)) else { continue };
        let (Some(middle), Some(output)) = (node.input(0), node.output()) else { continue };
        let Some(Some(before)) = producers.get(middle).copied() else { continue };
        let first = graph.nodes.get(before).filter(|first| is_plain(first));
        let merged = first.filter(|_| uses.get(middle) == Some(&1)).and_then(|first| {
            let merged = Affine::of(graph, first)?.then(&Affine::of(graph, node)?)?;
            Some((first.name.clone(), first.input(0)?, merged))
        });
        let Some((name, input, Affine { scale, shift })) = merged else { continue };
        let mut inputs = vec![input, graph.add_constant("", scale)];
        inputs.extend(shift.map(|shift| graph.add_constant("", shift)));
        if let (Some(node), Some(producer)) = (graph.nodes.get_mut(before), producers.get_mut(output)) {
            *node = Node::new(&name, "Affine", &inputs, output);
            *producer = Some(before);
        }
        if let Some(node) = graph.nodes.get_mut(at) {
            node.outputs.clear();
        }
    }
}

fn is_plain(node: &Node) -> bool {
    node.op == "Affine" && node.attributes.is_empty()
}

struct Affine {
    scale: Constant,
    shift: Option<Constant>,
}

fn read(graph: &Graph, node: &Node) -> Option<(ValueId, ValueId, Affine)> {
    let output = node.only_output()?;
    let one = || Constant::floats(Vec::new(), [1.0]);
    let (x, affine) = match *node.inputs.as_slice() {
        [Some(x)] if node.op == "Neg" => (x, Affine { scale: Constant::floats(Vec::new(), [-1.0]), shift: None }),
        [Some(a), Some(b)] => {
            let (x, constant, first) = match (graph.constant(a), graph.constant(b)) {
                (None, Some(constant)) => (a, constant, false),
                (Some(constant), None) => (b, constant, true),
                _ => return None,
            };
            let shift = |sign: f32| Some(map(constant, |value| sign * value));
            let affine = match (node.op.as_str(), first) {
                ("Add", _) => Affine { scale: one(), shift: shift(1.0) },
                ("Sub", false) => Affine { scale: one(), shift: shift(-1.0) },
                ("Sub", true) => Affine { scale: map(&one(), |value| -value), shift: shift(1.0) },
                ("Mul", _) => Affine { scale: map(constant, |value| value), shift: None },
                ("Div", false) => Affine { scale: map(constant, |value| 1.0 / value), shift: None },
                _ => return None,
            };
            (x, affine)
        }
        _ => return None,
    };
    // A constant may not enlarge what it is added to.
    (graph.dims(x)? == graph.dims(output)?).then_some((x, output, affine))
}

fn map(constant: &Constant, f: impl Fn(f32) -> f32) -> Constant {
    let values: Vec<f32> = constant.to_floats().into_iter().map(f).collect();
    Constant::floats(constant.dims.clone(), values)
}

impl Affine {
    fn of(graph: &Graph, node: &Node) -> Option<Self> {
        let scale = Constant::clone(graph.constant_input(node, 1)?);
        Some(Self { scale, shift: graph.constant_input(node, 2).map(|shift| Constant::clone(shift)) })
    }

    /// This first and then the other.
    fn then(&self, next: &Self) -> Option<Self> {
        let scale = combine(&self.scale, &next.scale, |a, b| a * b)?;
        let moved = match &self.shift {
            Some(shift) => Some(combine(shift, &next.scale, |a, b| a * b)?),
            None => None,
        };
        let shift = match (moved, &next.shift) {
            (Some(a), Some(b)) => Some(combine(&a, b, |a, b| a + b)?),
            (Some(shift), None) => Some(shift),
            (None, shift) => shift.clone(),
        };
        Some(Self { scale, shift })
    }
}

fn combine(a: &Constant, b: &Constant, f: impl Fn(f64, f64) -> f64) -> Option<Constant> {
    let dims = broadcast_dims(&a.dims, &b.dims)?;
    let (a, b) = (a.broadcast(&dims)?.to_floats(), b.broadcast(&dims)?.to_floats());
    let values = a.iter().zip(&b).map(|(&a, &b)| f(f64::from(a), f64::from(b)) as f32);
    Some(Constant::floats(dims, values.collect::<Vec<f32>>()))
}

#[cfg(test)]
mod tests {
    use super::{affine_from_arithmetic, merge_affine};
    use crate::onnx::graph::Graph;
    use crate::onnx::passes::testing::graph;
    use crate::options::Options;

    fn constant(graph: &Graph, k: usize) -> Vec<f32> {
        graph.constant_input(&graph.nodes[0], k).unwrap().to_floats()
    }

    /// The usual preprocessing: `(x − mean) / deviation`.
    #[test]
    fn preprocessing_is_one_step() {
        let (mut graph, x) = graph(&[1, 2, 3, 3]);
        let mean = graph.floats(&[1, 2, 1, 1], &[1.0, 2.0]);
        let deviation = graph.floats(&[], &[4.0]);
        let a = graph.op("a", "Sub", &[x, mean], &[1, 2, 3, 3]);
        let y = graph.op("y", "Div", &[a, deviation], &[1, 2, 3, 3]);
        graph.finish(y);
        affine_from_arithmetic(&mut graph, &Options::default());
        merge_affine(&mut graph, &Options::default());
        graph.drop_dead_nodes();
        assert_eq!(graph.ops(), ["Affine"]);
        assert_eq!((graph.nodes[0].name.as_str(), graph.nodes[0].output()), ("a", Some(y)));
        assert_eq!(constant(&graph, 1), [0.25]);
        assert_eq!(constant(&graph, 2), [-0.25, -0.5]);
    }

    #[test]
    fn one_minus_x() {
        let (mut graph, x) = graph(&[1, 2]);
        let one = graph.floats(&[], &[1.0]);
        let y = graph.op("y", "Sub", &[one, x], &[1, 2]);
        graph.finish(y);
        affine_from_arithmetic(&mut graph, &Options::default());
        assert_eq!((constant(&graph, 1), constant(&graph, 2)), (vec![-1.0], vec![1.0]));
    }

    #[test]
    fn what_is_no_affine_stays() {
        let (mut graph, x) = graph(&[1, 2]);
        let c = graph.floats(&[2, 2], &[1.0; 4]);
        let a = graph.op("a", "Div", &[c, x], &[2, 2]);
        let b = graph.op("b", "Add", &[x, c], &[2, 2]);
        let y = graph.op("y", "Mul", &[a, b], &[2, 2]);
        graph.finish(y);
        affine_from_arithmetic(&mut graph, &Options::default());
        assert_eq!(graph.ops(), ["Div", "Add", "Mul"]);
    }
}
