//! Quantised models: what stands between `DequantizeLinear` and `QuantizeLinear` becomes one node over integers.
//!
//! The file says how numbers are rounded, not how an integer kernel computes: a node reads floats that were integers
//! and writes floats that will be. Where the importer has a step over integers for the node, the three become one
//! whose op is that of the node, with `Quantized` before it; what is not known stays a node over floats between two
//! conversions. Conversions at the ends of the network go: its user may feed and read either.

mod read;
mod rewrite;

use crate::onnx::graph::{Graph, Node, Unit, ValueId};
use crate::options::Options;
use read::Weights;
use std::collections::{HashMap, HashSet};

/// Rewrites quantised nodes.
pub fn fuse_quantization(graph: &mut Graph, _: &Options) {
    if !graph.nodes.iter().any(|node| node.op == "QuantizeLinear" || node.op == "DequantizeLinear") {
        return;
    }
    let mut found = Found::of(graph);
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    for node in graph.nodes.clone() {
        // What it makes is made by the node before it.
        if node.output().is_some_and(|output| found.made.contains(&output)) {
            continue;
        }
        let rewritten = if is_conversion(&node) { None } else { rewrite::rewritten(graph, &mut found, &node) };
        nodes.extend(rewritten.unwrap_or_else(|| vec![node]));
    }
    graph.nodes = nodes;
    constants(graph, &found);
    convert(graph, &found);
    graph.drop_dead_nodes();
    ends(graph);
}

fn is_conversion(node: &Node) -> bool {
    node.op == "QuantizeLinear" || node.op == "DequantizeLinear"
}

/// What a graph says of its integers.
struct Found {
    /// Activations of integers.
    units: HashMap<ValueId, Unit>,
    /// Floats that stand for them.
    real: HashMap<ValueId, ValueId>,
    /// Floats that stand for stored integers.
    weights: HashMap<ValueId, Weights>,
    /// By value: how often it is read.
    uses: Vec<usize>,
    /// By value: the first node that reads it.
    reader: HashMap<ValueId, Node>,
    /// Integers that a rewritten node writes: who wrote them before is gone.
    made: HashSet<ValueId>,
}

impl Found {
    fn of(graph: &Graph) -> Self {
        let mut found = Self {
            units: HashMap::new(),
            real: HashMap::new(),
            weights: HashMap::new(),
            uses: graph.uses(),
            reader: HashMap::new(),
            made: HashSet::new(),
        };
        for node in &graph.nodes {
            for &value in node.inputs.iter().flatten() {
                found.reader.entry(value).or_insert_with(|| node.clone());
            }
            let (Some(from), Some(to)) = (node.input(0), node.only_output()) else { continue };
            match node.op.as_str() {
                "QuantizeLinear" if graph.constant(from).is_none() => {
                    if let Some(unit) = read::unit(graph, node) {
                        found.units.insert(to, unit);
                    }
                }
                "DequantizeLinear" => {
                    if let Some(weights) = read::weights(graph, node) {
                        found.weights.insert(to, weights);
                    } else if found.units.get(&from).is_some_and(|unit| read::unit(graph, node) == Some(*unit)) {
                        found.real.insert(to, from);
                    }
                }
                _ => {}
            }
        }
        found
    }
}

/// Weights of nodes over floats are multiplied out.
fn constants(graph: &mut Graph, found: &Found) {
    graph.nodes.retain(|node| !node.output().is_some_and(|output| found.weights.contains_key(&output)));
    let read: HashSet<ValueId> = graph.nodes.iter().flat_map(|node| node.inputs.iter().flatten().copied()).collect();
    for (&value, weights) in found.weights.iter().filter(|(value, _)| read.contains(value)) {
        if let Some(value) = graph.values.get_mut(value) {
            value.constant = Some(weights.real().into());
        }
    }
}

/// Conversions that remain become nodes that say so.
fn convert(graph: &mut Graph, found: &Found) {
    for node in &mut graph.nodes {
        let (Some(from), Some(to)) = (node.input(0), node.output()) else { continue };
        let unit = found.units.get(&to);
        if let ("QuantizeLinear", Some(&unit)) = (node.op.as_str(), unit) {
            *node = Node::new(&node.name, "Quantize", &[from], to);
            graph.units.insert(to, unit);
        } else if node.op == "DequantizeLinear" && found.real.contains_key(&to) {
            *node = Node::new(&node.name, "Dequantize", &[from], to);
        }
    }
}

/// An input that is only quantised is one of integers, an output that was integers is one of them.
fn ends(graph: &mut Graph) {
    let uses = graph.uses();
    let mut same = HashMap::new();
    for node in graph.nodes.clone() {
        let (Some(from), Some(to)) = (node.input(0), node.output()) else { continue };
        let is_input = graph.inputs.contains(&from) && uses.get(from) == Some(&1);
        if let ("Quantize", true, Some(&unit)) = (node.op.as_str(), is_input, graph.units.get(&to)) {
            same.insert(to, from);
            graph.units.insert(from, unit);
        }
        if node.op == "Dequantize" {
            let probabilities = rounded_softmax(graph, from);
            for (_, output) in graph.outputs.iter_mut().filter(|(_, output)| *output == to) {
                *output = probabilities.unwrap_or(from);
            }
        }
    }
    graph.nodes.retain(|node| !node.output().is_some_and(|output| same.contains_key(&output)));
    graph.redirect(&same);
    graph.drop_dead_nodes();
}

/// The softmax of which these integers are the rounded probabilities. At the end of a network they are not rounded: a
/// softmax is told to be the head, whose inputs are explained, by being last.
fn rounded_softmax(graph: &Graph, integers: ValueId) -> Option<ValueId> {
    let writer = |value: ValueId| graph.nodes.iter().find(|node| node.output() == Some(value));
    let rounded = writer(integers).filter(|node| node.op == "Quantize")?.input(0)?;
    writer(rounded).filter(|node| node.op == "Softmax").map(|_| rounded)
}

#[cfg(test)]
mod tests {
    use super::fuse_quantization;
    use crate::onnx::constant::Constant;
    use crate::onnx::graph::{Graph, ValueId};
    use crate::onnx::passes::testing::graph;
    use crate::options::Options;

    /// Scale and zero point, the latter unsigned.
    fn parameters(graph: &mut Graph, scale: f32, zero: i64) -> [ValueId; 2] {
        let scale = graph.floats(&[], &[scale]);
        let zero = graph.add_constant("", Constant::ints(vec![], vec![zero]));
        graph.unsigned.insert(zero);
        [scale, zero]
    }

    fn pair(graph: &mut Graph, name: &str, x: ValueId, [scale, zero]: [ValueId; 2], dims: &[usize]) -> ValueId {
        let q = graph.op(&format!("{name}.q"), "QuantizeLinear", &[x, scale, zero], dims);
        graph.op(&format!("{name}.dq"), "DequantizeLinear", &[q, scale, zero], dims)
    }

    /// `x → Relu → op → y`, all of them quantised.
    fn chain(op: &str) -> Graph {
        let (mut graph, x) = graph(&[1, 2]);
        let unit = parameters(&mut graph, 0.5, 100);
        let x = pair(&mut graph, "x", x, unit, &[1, 2]);
        let y = graph.op("y", "Relu", &[x], &[1, 2]);
        let unit = parameters(&mut graph, 0.25, 0);
        let y = pair(&mut graph, "y", y, unit, &[1, 2]);
        let z = graph.op("z", op, &[y], &[1, 2]);
        let z = pair(&mut graph, "z", z, unit, &[1, 2]);
        graph.finish(z);
        fuse_quantization(&mut graph, &Options::default());
        graph.drop_dead_nodes();
        graph
    }

    #[test]
    fn known_nodes_become_nodes_over_integers() {
        let graph = chain("Sigmoid");
        assert_eq!(graph.ops(), ["QuantizedRelu", "QuantizedSigmoid"]);
        let unit = graph.units[&graph.inputs[0]];
        assert_eq!((unit.quantization.scale, unit.quantization.zero_point), (0.5, -28));
    }

    #[test]
    fn others_stay_between_conversions() {
        assert_eq!(chain("Softmax").ops(), ["QuantizedRelu", "Dequantize", "Softmax"]);
    }
}
