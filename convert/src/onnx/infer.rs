//! Extents of what every node writes.

use super::constant::{broadcast_dims, elements};
use super::graph::{Graph, Node, Reason};
use super::window::{Geometry, spatial};
use super::{recurrent, shapes};

/// Ops that the importer knows, alone or as part of something.
const KNOWN: &[&str] = &[
    "Abs",
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "Elu",
    "Equal",
    "Erf",
    "Expand",
    "Flatten",
    "GRU",
    "Gather",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LRN",
    "LSTM",
    "LeakyRelu",
    "LogSoftmax",
    "MatMul",
    "Max",
    "MaxPool",
    "Min",
    "Mul",
    "Neg",
    "PRelu",
    "Pad",
    "Pow",
    "QuantizeLinear",
    "Range",
    "ReduceL2",
    "ReduceMean",
    "ReduceProd",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Selu",
    "Shape",
    "Sigmoid",
    "Size",
    "Slice",
    "Softmax",
    "Softplus",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "Transpose",
    "Unsqueeze",
    "Where",
];

/// Whether there are networks with this op that can be imported.
pub fn is_known(op: &str) -> bool {
    KNOWN.binary_search(&op).is_ok()
}

/// The ops that are supported, for messages.
pub fn known_ops() -> String {
    KNOWN.join(", ")
}

/// Why an op that is not known is refused.
pub fn unsupported(op: &str) -> &'static str {
    match op {
        "RNN" => "of recurrent layers LSTM and GRU are supported",
        "If" | "Loop" | "Scan" => "control flow is not supported: export the model by tracing",
        "LayerNormalization" | "InstanceNormalization" | "GroupNormalization" => {
            "this normalisation depends on the input: only batch and local response normalisation are supported"
        }
        "Resize" | "Upsample" => "resampling is not supported: transposed convolutions are",
        "DynamicQuantizeLinear" | "QLinearConv" | "QLinearMatMul" | "ConvInteger" | "MatMulInteger" => {
            "quantised models are supported with QuantizeLinear and DequantizeLinear: export in the QDQ format"
        }
        op if op.contains('.') => "only ONNX's own ops are supported: export without an optimiser's fusions",
        _ => UNSUPPORTED,
    }
}

/// The reason that says least, and calls for a list of what is supported.
pub const UNSUPPORTED: &str = "this op is not supported";

/// Extents of a node's outputs, one per output. The extents of its inputs are known.
pub fn output_dims(graph: &Graph, node: &Node) -> Result<Vec<Vec<usize>>, Reason> {
    if !is_known(&node.op) {
        return Err(unsupported(&node.op).into());
    }
    let outputs = shape_of(graph, node)?;
    for dims in &outputs {
        match elements(dims) {
            Some(0) => return Err("its output is empty".into()),
            Some(count) if count > super::MAX_ACTIVATION => return Err("its output is too large".into()),
            Some(_) => {}
            None => return Err("its output is too large".into()),
        }
    }
    Ok(outputs)
}

fn shape_of(graph: &Graph, node: &Node) -> Result<Vec<Vec<usize>>, Reason> {
    let dims =
        |k: usize| node.input(k).and_then(|value| graph.dims(value)).ok_or_else(|| format!("input {k} is missing"));
    let one = |dims: Vec<usize>| Ok(vec![dims]);
    match node.op.as_str() {
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Equal" | "Sum" | "Min" | "Max" | "Where" => {
            let mut result = dims(0)?.to_vec();
            for k in 1..node.inputs.len() {
                result = broadcast_dims(&result, dims(k)?).ok_or("shapes do not fit together")?;
            }
            one(result)
        }
        "Conv" => {
            let (input, weights) = (dims(0)?, dims(1)?);
            let geometry = Geometry::conv(node, input, weights.get(2..).unwrap_or_default())?;
            let groups = geometry.window.groups as usize;
            let (outputs, inputs) = two(weights)?;
            if inputs.checked_mul(groups) != input.get(1).copied() || !outputs.is_multiple_of(groups) {
                return Err(format!("weights {weights:?} in {groups} groups do not fit an input {input:?}"));
            }
            one(geometry.output_dims(outputs))
        }
        "ConvTranspose" => {
            let (input, weights) = (dims(0)?, dims(1)?);
            let geometry = Geometry::conv_transpose(node, input, weights.get(2..).unwrap_or_default())?;
            let groups = geometry.window.groups as usize;
            let (inputs, outputs) = two(weights)?;
            if Some(&inputs) != input.get(1) || !inputs.is_multiple_of(groups) {
                return Err(format!("weights {weights:?} in {groups} groups do not fit an input {input:?}"));
            }
            one(geometry.output_dims(outputs.checked_mul(groups).ok_or("too many outputs")?))
        }
        "MaxPool" | "AveragePool" => {
            let (_, channels) = two(dims(0)?)?;
            one(Geometry::pool(node, dims(0)?)?.output_dims(channels))
        }
        "GlobalAveragePool" | "GlobalMaxPool" => {
            let (_, channels) = two(dims(0)?)?;
            spatial(dims(0)?)?;
            one(Geometry::global(dims(0)?)?.output_dims(channels))
        }
        "Gemm" => {
            let flipped = |name: &str| Ok::<_, Reason>(node.int(name)?.unwrap_or(0) != 0);
            let (rows, inner) = turned(dims(0)?, flipped("transA")?)?;
            let (depth, columns) = turned(dims(1)?, flipped("transB")?)?;
            if inner != depth {
                return Err(format!("matrices {:?} and {:?} do not fit", dims(0)?, dims(1)?));
            }
            one(vec![rows, columns])
        }
        "MatMul" => one(matmul(dims(0)?, dims(1)?)?),
        "Flatten" => one(shapes::flatten(node, dims(0)?)?),
        "Reshape" => one(shapes::reshape(graph, node, dims(0)?)?),
        "Squeeze" => one(shapes::squeeze(graph, node, dims(0)?)?),
        "Unsqueeze" => one(shapes::unsqueeze(graph, node, dims(0)?)?),
        "Transpose" => {
            let input = dims(0)?;
            let order = shapes::transpose(node, input.len())?;
            one(order.iter().filter_map(|&axis| input.get(axis).copied()).collect())
        }
        "Concat" => {
            let parts = (0..node.inputs.len()).map(dims).collect::<Result<Vec<_>, _>>()?;
            one(concat(node, &parts)?)
        }
        "Pad" => {
            let padding = shapes::pad(graph, node, dims(0)?.len())?;
            let mut result = dims(0)?.to_vec();
            for ((dim, before), after) in result.iter_mut().zip(padding.before).zip(padding.after) {
                *dim = dim.saturating_add(before).saturating_add(after);
            }
            one(result)
        }
        "Slice" => one(shapes::slice(graph, node, dims(0)?)?.iter().map(|range| range.count).collect()),
        "Split" => {
            let (axis, sizes) = shapes::split(graph, node, dims(0)?)?;
            let part = |size| {
                let mut part = dims(0)?.to_vec();
                if let Some(dim) = part.get_mut(axis) {
                    *dim = size;
                }
                Ok(part)
            };
            sizes.into_iter().map(part).collect()
        }
        "Gather" => {
            let (input, indices) = (dims(0)?, dims(1)?);
            let axis = shapes::axis_attribute(node, 0, input.len())?;
            let (before, after) = input.split_at_checked(axis).unwrap_or((input, &[]));
            one([before, indices, after.get(1..).unwrap_or_default()].concat())
        }
        "ReduceMean" | "ReduceSum" | "ReduceProd" | "ReduceL2" => {
            let (axes, keep) = shapes::reduce(graph, node, dims(0)?.len())?;
            let reduced = dims(0)?.iter().enumerate().filter_map(|(axis, &dim)| match axes.contains(&axis) {
                true if keep => Some(1),
                true => None,
                false => Some(dim),
            });
            one(reduced.collect())
        }
        "Expand" => {
            let target = graph.ints_input(node, 1, "the shape")?.ok_or("the shape is missing")?;
            let target: Option<Vec<usize>> = target.iter().map(|&dim| usize::try_from(dim).ok()).collect();
            one(target.and_then(|target| broadcast_dims(dims(0).ok()?, &target)).ok_or("shapes do not fit together")?)
        }
        "GRU" | "LSTM" => recurrent::output_dims(graph, node),
        "DepthToSpace" | "SpaceToDepth" => one(block(node, dims(0)?)?),
        // Elementwise; further outputs (the mask of Dropout, statistics of training) are dropped elsewhere.
        _ => {
            let input = dims(0)?.to_vec();
            Ok(vec![input; node.outputs.len().max(1)])
        }
    }
}

fn two(dims: &[usize]) -> Result<(usize, usize), Reason> {
    match *dims {
        [a, b, ..] => Ok((a, b)),
        _ => Err(format!("a tensor {dims:?} with too few axes")),
    }
}

fn turned(dims: &[usize], flipped: bool) -> Result<(usize, usize), Reason> {
    match *dims {
        [columns, rows] if flipped => Ok((rows, columns)),
        [rows, columns] => Ok((rows, columns)),
        _ => Err(format!("a matrix with {} axes", dims.len())),
    }
}

fn matmul(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Reason> {
    let misfit = || format!("matrices {a:?} and {b:?} do not fit");
    let (&inner, outer) = a.split_last().ok_or_else(misfit)?;
    match *b {
        [depth, columns] if depth == inner => Ok([outer, &[columns]].concat()),
        [depth] if depth == inner => Ok(outer.to_vec()),
        [.., depth, columns] if depth == inner && a.len() > 1 => {
            let (&rows, batch) = outer.split_last().ok_or_else(misfit)?;
            let stack = broadcast_dims(batch, b.get(..b.len() - 2).unwrap_or_default()).ok_or_else(misfit)?;
            Ok([stack.as_slice(), &[rows, columns]].concat())
        }
        _ => Err(misfit()),
    }
}

fn concat(node: &Node, parts: &[&[usize]]) -> Result<Vec<usize>, Reason> {
    let mut result = parts.first().ok_or("there is nothing to concatenate")?.to_vec();
    let axis = shapes::axis(node.int("axis")?.ok_or("attribute axis is missing")?, result.len())?;
    for part in parts.iter().skip(1) {
        let fits =
            part.len() == result.len() && part.iter().zip(&result).enumerate().all(|(at, (a, b))| at == axis || a == b);
        let (true, Some(dim), Some(more)) = (fits, result.get_mut(axis), part.get(axis)) else {
            return Err("shapes do not fit together".into());
        };
        *dim = dim.saturating_add(*more);
    }
    Ok(result)
}

fn block(node: &Node, dims: &[usize]) -> Result<Vec<usize>, Reason> {
    let size = node.int("blocksize")?.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0 && n < 1 << 15);
    let size = size.ok_or("attribute blocksize is out of range")?;
    let &[batch, channels, height, width] = dims else { return Err("only for data with four axes".into()) };
    if node.op == "DepthToSpace" && channels.is_multiple_of(size * size) {
        Ok(vec![batch, channels / size / size, height.saturating_mul(size), width.saturating_mul(size)])
    } else if node.op == "SpaceToDepth" && height.is_multiple_of(size) && width.is_multiple_of(size) {
        Ok(vec![batch, channels.saturating_mul(size * size), height / size, width / size])
    } else {
        Err(format!("{dims:?} cannot be divided into blocks of {size}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, is_known, output_dims};
    use crate::onnx::graph::{Attribute, Graph, Node, Value};

    fn infer(node: &Node, inputs: &[&[usize]]) -> Result<Vec<Vec<usize>>, String> {
        let mut graph = Graph::default();
        let mut node = node.clone();
        for dims in inputs {
            let id = graph.add_value(Value { dims: Some(dims.to_vec()), ..Value::default() });
            node.inputs.push(Some(id));
        }
        node.outputs.push(Some(usize::MAX));
        output_dims(&graph, &node)
    }

    fn op(op: &str) -> Node {
        Node { op: op.to_owned(), ..Node::default() }
    }

    #[test]
    fn known_ops_are_sorted() {
        assert!(KNOWN.is_sorted());
        assert!(is_known("Conv") && !is_known("Loop"));
    }

    #[test]
    fn shapes_of_the_usual_ops() {
        assert!(infer(&op("Conv"), &[&[1, 4, 8, 8], &[6, 2, 3, 3]]).is_err());
        let grouped = op("Conv").with("group", Attribute::Int(2));
        assert_eq!(infer(&grouped, &[&[1, 4, 8, 8], &[6, 2, 3, 3]]).unwrap(), [[1, 6, 6, 6]]);
        let strided = op("ConvTranspose").with("strides", Attribute::Ints(vec![2, 2]));
        assert_eq!(infer(&strided, &[&[1, 4, 3, 3], &[4, 5, 2, 2]]).unwrap(), [[1, 5, 6, 6]]);
        let gemm = op("Gemm").with("transB", Attribute::Int(1));
        assert_eq!(infer(&gemm, &[&[1, 4], &[7, 4]]).unwrap(), [[1, 7]]);
        assert_eq!(infer(&op("MatMul"), &[&[1, 5, 4], &[4, 7]]).unwrap(), [[1, 5, 7]]);
        assert_eq!(infer(&op("MatMul"), &[&[2, 5, 4], &[1, 4, 7]]).unwrap(), [[2, 5, 7]]);
        assert!(infer(&op("MatMul"), &[&[4], &[5, 7]]).is_err());
        assert_eq!(infer(&op("Add"), &[&[1, 4, 1], &[3]]).unwrap(), [[1, 4, 3]]);
        let concat = op("Concat").with("axis", Attribute::Int(-1));
        assert_eq!(infer(&concat, &[&[1, 4], &[1, 3]]).unwrap(), [[1, 7]]);
        let shuffle = op("DepthToSpace").with("blocksize", Attribute::Int(2));
        assert_eq!(infer(&shuffle, &[&[1, 8, 2, 3]]).unwrap(), [[1, 2, 4, 6]]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(infer(&op("Loop"), &[&[1]]).unwrap_err().contains("not supported"));
        assert!(infer(&op("Conv"), &[]).is_err());
        assert!(infer(&op("Conv"), &[&[1, 4, 8, 8], &[6]]).is_err());
        assert!(infer(&op("Relu"), &[&[0]]).unwrap_err().contains("empty"));
        assert!(infer(&op("Add"), &[&[1 << 20, 1], &[1, 1 << 20]]).unwrap_err().contains("too large"));
    }
}
