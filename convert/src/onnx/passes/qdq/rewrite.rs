//! One node over floats that were integers, as a node over integers.

use super::Found;
use super::read::{ALL, Weights};
use crate::onnx::constant::Constant;
use crate::onnx::graph::{Attribute, Graph, Node, Unit, Value, ValueId};
use relprop::model::format::{MAX_BIAS_INT8, MAX_FAN_INT8};

/// Nodes over integers that do what this one and those around it do; `None` if it stays as it is.
pub fn rewritten(graph: &mut Graph, found: &mut Found, node: &Node) -> Option<Vec<Node>> {
    let op = node.op.as_str();
    let (output, unit) = end(graph, found, node)?;
    let mut nodes = Vec::new();
    let last = match op {
        "Conv" => weighted(graph, found, node, Matrix::Kernels, output)?,
        "Gemm" if plain_gemm(node) => {
            let transposed = node.int("transB").ok()?.unwrap_or(0) != 0;
            let matrix = if transposed { Matrix::Rows } else { Matrix::Columns };
            weighted(graph, found, node, matrix, output)?
        }
        "MatMul" => weighted(graph, found, node, Matrix::Columns, output)?,
        "Add" | "Sub" | "Mul" => {
            let inputs = [found.integers(node, 0)?, found.integers(node, 1)?];
            over_integers(node, &inputs, output)
        }
        "AveragePool" if divides_by_all(node) => over_integers(node, &[found.integers(node, 0)?], output),
        "GlobalAveragePool" => over_integers(node, &[found.integers(node, 0)?], output),
        // A range is not for tables.
        _ if unit.range != ALL => return None,
        "Relu" | "LeakyRelu" | "Elu" | "HardSwish" | "HardSigmoid" | "Sigmoid" | "Tanh" | "Softplus" | "Clip" => {
            let mut plain = over_integers(node, &[found.integers(node, 0)?], output);
            plain.inputs.extend(node.inputs.iter().skip(1));
            plain
        }
        "MaxPool" | "GlobalMaxPool" | "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose" | "Identity" => {
            let mut moved = node.clone();
            let from = found.integers(node, 0)?;
            let from = in_unit(graph, found, node, from, unit, &mut nodes)?;
            *moved.inputs.first_mut()? = Some(from);
            moved.outputs = vec![Some(output)];
            moved
        }
        "Concat" => {
            let mut joined = node.clone();
            for (k, input) in joined.inputs.iter_mut().enumerate() {
                let from = found.integers(node, k)?;
                *input = Some(in_unit(graph, found, node, from, unit, &mut nodes)?);
            }
            joined.outputs = vec![Some(output)];
            joined
        }
        _ => return None,
    };
    nodes.push(last);
    graph.units.insert(output, unit);
    found.made.insert(output);
    Some(nodes)
}

impl Found {
    /// The integers that the `k`-th input stands for.
    fn integers(&self, node: &Node, k: usize) -> Option<ValueId> {
        self.real.get(&node.input(k)?).copied()
    }
}

/// The integers that a node's result becomes, perhaps after an activation function that is a range of them.
fn end(graph: &Graph, found: &Found, node: &Node) -> Option<(ValueId, Unit)> {
    let mut value = node.only_output()?;
    let mut range = [f32::NEG_INFINITY, f32::INFINITY];
    loop {
        if found.uses.get(value) != Some(&1) {
            return None;
        }
        let reader = found.reader.get(&value)?;
        let output = reader.only_output()?;
        let bounds = match reader.op.as_str() {
            "QuantizeLinear" => {
                let unit = *found.units.get(&output)?;
                return Some((output, Unit { range: unit.quantization.range(range), ..unit }));
            }
            "Relu" => [0.0, f32::INFINITY],
            "Clip" => bounds(graph, reader)?,
            _ => return None,
        };
        range = [range[0].max(bounds[0]), range[1].min(bounds[1])];
        value = output;
    }
}

/// The constant bounds of a `Clip`.
fn bounds(graph: &Graph, node: &Node) -> Option<[f32; 2]> {
    let bound = |name: &str, k: usize, default: f32| match node.input(k) {
        Some(value) => graph.constant(value)?.scalar(),
        None => node.float(name, default).ok().or(Some(default)),
    };
    let [low, high] = [bound("min", 1, f32::NEG_INFINITY)?, bound("max", 2, f32::INFINITY)?];
    (low <= high).then_some([low, high])
}

fn over_integers(node: &Node, inputs: &[ValueId], output: ValueId) -> Node {
    let op = format!("Quantized{}", node.op);
    Node { attributes: node.attributes.clone(), ..Node::new(&node.name, &op, inputs, output) }
}

/// Values in the unit of an output, by a table if they are in another.
fn in_unit(
    graph: &mut Graph,
    found: &mut Found,
    node: &Node,
    from: ValueId,
    unit: Unit,
    nodes: &mut Vec<Node>,
) -> Option<ValueId> {
    let own = *found.units.get(&from)?;
    if own.quantization == unit.quantization {
        return Some(from);
    }
    let name = format!("{}.unit{}", node.name, nodes.len());
    let value = Value { name: name.clone(), dims: graph.dims(from).map(<[usize]>::to_vec), constant: None };
    let value = graph.add_value(value);
    graph.units.insert(value, Unit { range: ALL, ..unit });
    // The identity.
    let table = Node::new(&name, "QuantizedLeakyRelu", &[from], value);
    nodes.push(table.with("alpha", Attribute::Float(1.0)));
    Some(value)
}

/// Every window has as many elements as every other.
fn divides_by_all(node: &Node) -> bool {
    let padded = node.ints("pads").ok().flatten().is_some_and(|pads| pads.iter().any(|&pad| pad != 0));
    let automatic = node.text("auto_pad").ok().flatten().is_some_and(|pad| !matches!(pad, "NOTSET" | "VALID"));
    let counts = node.int("count_include_pad").ok().flatten().unwrap_or(0) != 0;
    let ceil = node.int("ceil_mode").ok().flatten().unwrap_or(0) != 0;
    !ceil && (counts || !(padded || automatic))
}

fn plain_gemm(node: &Node) -> bool {
    let one = |name: &str| node.float(name, 1.0) == Ok(1.0);
    one("alpha") && one("beta") && node.int("transA").is_ok_and(|transposed| transposed.unwrap_or(0) == 0)
}

/// Where the outputs are in a node's weights.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matrix {
    /// The first of several axes.
    Kernels,
    /// The first of two axes.
    Rows,
    /// The last of two axes.
    Columns,
}

/// `QuantizedConv` and `QuantizedDense`: weights `[output]…` and bias as integers, one scale per output.
fn weighted(graph: &mut Graph, found: &Found, node: &Node, matrix: Matrix, output: ValueId) -> Option<Node> {
    let input = found.integers(node, 0)?;
    let weights = found.weights.get(&node.input(1)?)?;
    let (op, axis) = match matrix {
        Matrix::Kernels => ("QuantizedConv", 0),
        Matrix::Rows => ("QuantizedDense", 0),
        Matrix::Columns => ("QuantizedDense", 1),
    };
    let outputs = *weights.dims.get(axis)?;
    let fan = weights.values.len().checked_div(outputs)?;
    if !weights.are_bytes() || fan > MAX_FAN_INT8 || (matrix != Matrix::Kernels && weights.dims.len() != 2) {
        return None;
    }
    let scales = weights.scales_along(axis, outputs)?;
    let unit = found.units.get(&input)?.quantization;
    let bias = match node.input(2) {
        Some(bias) => bias_of(graph, found, bias, outputs, |k| {
            f64::from(unit.scale) * f64::from(scales.get(k).copied().unwrap_or_default())
        })?,
        None => vec![0; outputs],
    };
    let (dims, values) =
        if matrix == Matrix::Columns { turned(weights) } else { (weights.dims.clone(), weights.values.clone()) };
    let weights = graph.add_constant(format!("{}.weights", node.name), Constant::ints(dims, values));
    let bias = graph.add_constant(format!("{}.bias", node.name), Constant::ints(vec![outputs], bias));
    let mut rewritten = Node::new(&node.name, op, &[input, weights, bias], output);
    if matrix == Matrix::Kernels {
        rewritten.attributes.clone_from(&node.attributes);
    }
    Some(rewritten.with("scales", Attribute::Floats(scales)))
}

/// A bias in units of what is summed up.
fn bias_of(
    graph: &Graph,
    found: &Found,
    bias: ValueId,
    outputs: usize,
    unit: impl Fn(usize) -> f64,
) -> Option<Vec<i64>> {
    let real: Vec<f64> = match (found.weights.get(&bias), graph.constant(bias)) {
        (Some(weights), _) => (0..weights.values.len()).map(|at| weights.real_at(at)).collect(),
        (None, Some(constant)) => constant.as_floats()?.iter().map(|&value| f64::from(value)).collect(),
        (None, None) => return None,
    };
    if real.len() != outputs {
        return None;
    }
    let integer = |(k, real): (usize, &f64)| {
        let value = if *real == 0.0 { 0.0 } else { (real / unit(k)).round() };
        (value.abs() <= f64::from(MAX_BIAS_INT8)).then_some(value as i64)
    };
    real.iter().enumerate().map(integer).collect()
}

/// A matrix `[input][output]` as `[output][input]`.
fn turned(weights: &Weights) -> (Vec<usize>, Vec<i64>) {
    let &[inputs, outputs] = weights.dims.as_slice() else { return (Vec::new(), Vec::new()) };
    let at = |output: usize, input: usize| weights.values.get(input * outputs + output).copied().unwrap_or_default();
    let values = (0..outputs).flat_map(|output| (0..inputs).map(move |input| at(output, input))).collect();
    (vec![outputs, inputs], values)
}
