//! Nodes whose result is known when the model is converted: what exporters leave around reshapes.

use super::constant::{Constant, Data, broadcast_dims, elements, strides, walk};
use super::graph::{Attribute, Graph, Node, Reason};
use super::shapes::{self, Range};
use std::rc::Rc;

/// Content of a node's first output, `None` where it depends on the network's input.
pub fn evaluate(graph: &Graph, node: &Node) -> Result<Option<Constant>, Reason> {
    // The shape of an activation is constant even if the activation is not.
    if let "Shape" | "Size" = node.op.as_str() {
        let dims = node.input(0).and_then(|value| graph.dims(value)).ok_or("its input is missing")?;
        return shape(node, dims).map(Some);
    }
    // Quantised weights are wanted as they are.
    if let "QuantizeLinear" | "DequantizeLinear" = node.op.as_str() {
        return Ok(None);
    }
    let inputs: Option<Vec<&Rc<Constant>>> = node.inputs.iter().flatten().map(|&value| graph.constant(value)).collect();
    let Some(inputs) = inputs else { return Ok(None) };
    let first = || inputs.first().copied().ok_or("its input is missing");
    let second = || inputs.get(1).copied().ok_or("its second input is missing");
    let result = match node.op.as_str() {
        "Constant" => constant(node)?,
        "ConstantOfShape" => constant_of_shape(node, first()?)?,
        "Identity" | "Dropout" => Constant::clone(first()?),
        "Cast" => cast(node, first()?)?,
        "Reshape" => first()?.reshaped(shapes::reshape(graph, node, &first()?.dims)?),
        "Flatten" => first()?.reshaped(shapes::flatten(node, &first()?.dims)?),
        "Squeeze" => first()?.reshaped(shapes::squeeze(graph, node, &first()?.dims)?),
        "Unsqueeze" => first()?.reshaped(shapes::unsqueeze(graph, node, &first()?.dims)?),
        "Transpose" => transpose(first()?, &shapes::transpose(node, first()?.dims.len())?)?,
        "Slice" => slice(first()?, &shapes::slice(graph, node, &first()?.dims)?)?,
        "Gather" => gather(node, first()?, second()?)?,
        "Concat" => concat(node, &inputs)?,
        "Expand" => {
            let target = graph.ints_input(node, 1, "the shape")?.ok_or("the shape is missing")?;
            let target = sizes(&target)?;
            let dims = broadcast_dims(&first()?.dims, &target).ok_or("shapes do not fit together")?;
            first()?.broadcast(&dims).ok_or("its output is too large")?
        }
        "Range" => range(&inputs)?,
        "Where" => choose(&inputs)?,
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Equal" | "Min" | "Max" => arithmetic(&node.op, first()?, second()?)?,
        "Neg" | "Abs" | "Sqrt" => unary(&node.op, first()?)?,
        "ReduceMean" | "ReduceSum" | "ReduceProd" | "ReduceL2" => reduce(graph, node, first()?)?,
        _ => return Err("all of its inputs are constant, and it is not one of the ops that are folded then".into()),
    };
    match elements(&result.dims) {
        Some(count) if count == result.len() => Ok(Some(result)),
        _ => Err("its output is too large".into()),
    }
}

fn shape(node: &Node, dims: &[usize]) -> Result<Constant, Reason> {
    if node.op == "Size" {
        let size: usize = dims.iter().product();
        return Ok(Constant::ints(Vec::new(), [size as i64]));
    }
    let clamped = |value: i64| {
        let at = if value < 0 { value.saturating_add(dims.len() as i64) } else { value };
        // Before it becomes an index: "to the end" is more than an index can be where those have 32 bits.
        at.clamp(0, dims.len() as i64) as usize
    };
    let start = clamped(node.int("start")?.unwrap_or(0));
    let end = clamped(node.int("end")?.unwrap_or(i64::MAX));
    let part: Vec<i64> = dims.get(start..end).unwrap_or_default().iter().map(|&dim| dim as i64).collect();
    Ok(Constant::ints(vec![part.len()], part))
}

fn constant(node: &Node) -> Result<Constant, Reason> {
    let attribute = |name: &str| node.attributes.get(name);
    if let Some(Attribute::Tensor(tensor)) = attribute("value") {
        return Ok(Constant::clone(tensor));
    }
    match (attribute("value_float"), attribute("value_int"), attribute("value_floats"), attribute("value_ints")) {
        (Some(&Attribute::Float(value)), ..) => Ok(Constant::floats(Vec::new(), [value])),
        (_, Some(&Attribute::Int(value)), ..) => Ok(Constant::ints(Vec::new(), [value])),
        (.., Some(Attribute::Floats(values)), _) => Ok(Constant::floats(vec![values.len()], values.as_slice())),
        (.., Some(Attribute::Ints(values))) => Ok(Constant::ints(vec![values.len()], values.as_slice())),
        _ => Err("only float and integer constants are supported".into()),
    }
}

fn constant_of_shape(node: &Node, shape: &Constant) -> Result<Constant, Reason> {
    let dims = sizes(shape.as_ints().ok_or("the shape must be integers")?)?;
    let count = elements(&dims).ok_or("its output is too large")?;
    let data = match node.attributes.get("value") {
        Some(Attribute::Tensor(value)) => match &value.data {
            Data::Floats(value) => Data::Floats(vec![value.first().copied().unwrap_or(0.0); count].into()),
            Data::Ints(value) => Data::Ints(vec![value.first().copied().unwrap_or(0); count].into()),
        },
        _ => Data::Floats(vec![0.0; count].into()),
    };
    Ok(Constant { dims, data })
}

fn sizes(values: &[i64]) -> Result<Vec<usize>, Reason> {
    let sizes: Result<_, _> = values.iter().map(|&value| usize::try_from(value)).collect();
    sizes.map_err(|_| "a negative extent".into())
}

/// Floats stay floats and integers integers; their width does not matter here.
fn cast(node: &Node, input: &Constant) -> Result<Constant, Reason> {
    let to_float = matches!(node.int("to")?, Some(1 | 10 | 11 | 16));
    let data = match &input.data {
        Data::Ints(values) if to_float => Data::Floats(values.iter().map(|&value| value as f32).collect()),
        Data::Floats(values) if !to_float => Data::Ints(values.iter().map(|&value| value as i64).collect()),
        same => same.clone(),
    };
    Ok(Constant { dims: input.dims.clone(), data })
}

fn transpose(input: &Constant, order: &[usize]) -> Result<Constant, Reason> {
    let own = strides(&input.dims);
    let pick = |list: &[usize]| order.iter().filter_map(|&axis| list.get(axis).copied()).collect::<Vec<_>>();
    let dims = pick(&input.dims);
    let positions = walk(&dims, &pick(&own)).ok_or("its output is too large")?;
    input.picked(dims, &positions).ok_or_else(|| "its data are too short".into())
}

fn slice(input: &Constant, ranges: &[Range]) -> Result<Constant, Reason> {
    let own = strides(&input.dims);
    let dims: Vec<usize> = ranges.iter().map(|range| range.count).collect();
    // Backward steps are strides that wrap around.
    let step = |(range, stride): (&Range, &usize)| (range.step as usize).wrapping_mul(*stride);
    let steps: Vec<usize> = ranges.iter().zip(&own).map(step).collect();
    let start: usize = ranges.iter().zip(&own).map(|(range, stride)| range.start * stride).sum();
    let positions = walk(&dims, &steps).ok_or("its output is too large")?;
    let positions: Vec<usize> = positions.iter().map(|at| at.wrapping_add(start)).collect();
    input.picked(dims, &positions).ok_or_else(|| "its data are too short".into())
}

fn gather(node: &Node, input: &Constant, indices: &Constant) -> Result<Constant, Reason> {
    let axis = shapes::axis_attribute(node, 0, input.dims.len())?;
    let dim = input.dims.get(axis).copied().unwrap_or(0);
    let (before, after) = input.dims.split_at_checked(axis).unwrap_or((&input.dims, &[]));
    let after = after.get(1..).unwrap_or_default();
    let (outer, inner): (usize, usize) = (before.iter().product(), after.iter().product());
    let indices_list = indices.as_ints().ok_or("indices must be integers")?;
    let picks = indices_list.iter().map(|&index| shapes::axis(index, dim)).collect::<Result<Vec<_>, _>>();
    let picks = picks.map_err(|_| "an index is out of range")?;
    let dims = [before, &indices.dims, after].concat();
    elements(&dims).ok_or("its output is too large")?;
    let mut positions = Vec::new();
    for block in 0..outer {
        for pick in &picks {
            positions.extend((0..inner).map(|at| (block * dim + pick) * inner + at));
        }
    }
    input.picked(dims, &positions).ok_or_else(|| "its data are too short".into())
}

fn concat(node: &Node, parts: &[&Rc<Constant>]) -> Result<Constant, Reason> {
    let first = parts.first().ok_or("there is nothing to concatenate")?;
    let axis = shapes::axis(node.int("axis")?.ok_or("attribute axis is missing")?, first.dims.len())?;
    let outer: usize = first.dims.iter().take(axis).product();
    let mut dims = first.dims.clone();
    let total: usize = parts.iter().filter_map(|part| part.dims.get(axis)).sum();
    if let Some(dim) = dims.get_mut(axis) {
        *dim = total;
    }
    elements(&dims).ok_or("its output is too large")?;
    let mixed = || Reason::from("its inputs differ in type or shape");
    let chunk = |len: usize, block: usize| {
        let size = len.checked_div(outer).unwrap_or(0);
        block * size..(block + 1) * size
    };
    let data = if first.as_ints().is_some() {
        let lists = parts.iter().map(|part| part.as_ints()).collect::<Option<Vec<_>>>().ok_or_else(mixed)?;
        let blocks =
            (0..outer).flat_map(|block| lists.iter().filter_map(move |list| list.get(chunk(list.len(), block))));
        Data::Ints(blocks.flatten().copied().collect())
    } else {
        let lists = parts.iter().map(|part| part.as_floats()).collect::<Option<Vec<_>>>().ok_or_else(mixed)?;
        let blocks =
            (0..outer).flat_map(|block| lists.iter().filter_map(move |list| list.get(chunk(list.len(), block))));
        Data::Floats(blocks.flatten().copied().collect())
    };
    let result = Constant { dims, data };
    if elements(&result.dims) == Some(result.len()) { Ok(result) } else { Err(mixed()) }
}

fn range(inputs: &[&Rc<Constant>]) -> Result<Constant, Reason> {
    let int = |k: usize| match inputs.get(k).and_then(|input| input.as_ints()) {
        Some(&[value]) => Ok(value),
        _ => Err("only integer ranges are supported"),
    };
    let (start, limit, delta) = (int(0)?, int(1)?, int(2)?);
    let mut values = Vec::new();
    let mut value = start;
    while delta != 0 && (if delta > 0 { value < limit } else { value > limit }) {
        if values.len() >= 1 << 20 {
            return Err("its output is too large".into());
        }
        values.push(value);
        value = value.saturating_add(delta);
    }
    Ok(Constant::ints(vec![values.len()], values))
}

fn choose(inputs: &[&Rc<Constant>]) -> Result<Constant, Reason> {
    let &[condition, yes, no] = inputs else { return Err("it needs three inputs".into()) };
    let dims = broadcast_dims(&condition.dims, &yes.dims).and_then(|dims| broadcast_dims(&dims, &no.dims));
    let dims = dims.ok_or("shapes do not fit together")?;
    let full = |constant: &Constant| constant.broadcast(&dims).ok_or("its output is too large");
    let (condition, yes, no) = (full(condition)?, full(yes)?, full(no)?);
    let data = match (condition.as_ints(), &yes.data, &no.data) {
        (Some(condition), Data::Ints(yes), Data::Ints(no)) => {
            let pairs = condition.iter().zip(yes.iter().zip(no.iter()));
            Data::Ints(pairs.map(|(&c, (&yes, &no))| if c != 0 { yes } else { no }).collect())
        }
        (Some(condition), Data::Floats(yes), Data::Floats(no)) => {
            let pairs = condition.iter().zip(yes.iter().zip(no.iter()));
            Data::Floats(pairs.map(|(&c, (&yes, &no))| if c != 0 { yes } else { no }).collect())
        }
        _ => return Err("its inputs differ in type".into()),
    };
    Ok(Constant { dims, data })
}

fn arithmetic(op: &str, a: &Constant, b: &Constant) -> Result<Constant, Reason> {
    let dims = broadcast_dims(&a.dims, &b.dims).ok_or("shapes do not fit together")?;
    let full = |constant: &Constant| constant.broadcast(&dims).ok_or("its output is too large");
    let (a, b) = (full(a)?, full(b)?);
    let data = match (&a.data, &b.data) {
        (Data::Ints(a), Data::Ints(b)) => {
            let pairs = a.iter().zip(b.iter());
            Data::Ints(
                pairs
                    .map(|(&a, &b)| integer(op, a, b))
                    .collect::<Option<_>>()
                    .ok_or("a division by zero, or a power of integers")?,
            )
        }
        (Data::Floats(a), Data::Floats(b)) if op == "Equal" => {
            Data::Ints(a.iter().zip(b.iter()).map(|(a, b)| i64::from(a == b)).collect())
        }
        (Data::Floats(a), Data::Floats(b)) => {
            Data::Floats(a.iter().zip(b.iter()).map(|(&a, &b)| float(op, a, b)).collect())
        }
        _ => return Err("its inputs differ in type".into()),
    };
    Ok(Constant { dims, data })
}

fn integer(op: &str, a: i64, b: i64) -> Option<i64> {
    Some(match op {
        "Add" => a.wrapping_add(b),
        "Sub" => a.wrapping_sub(b),
        "Mul" => a.wrapping_mul(b),
        "Div" => a.checked_div(b)?,
        "Equal" => i64::from(a == b),
        "Min" => a.min(b),
        "Max" => a.max(b),
        _ => return None,
    })
}

fn float(op: &str, a: f32, b: f32) -> f32 {
    match op {
        "Add" => a + b,
        "Sub" => a - b,
        "Mul" => a * b,
        "Div" => a / b,
        "Pow" => f64::from(a).powf(f64::from(b)) as f32,
        "Min" => a.min(b),
        _ => a.max(b),
    }
}

fn unary(op: &str, input: &Constant) -> Result<Constant, Reason> {
    let data = match (&input.data, op) {
        (Data::Ints(values), "Neg") => Data::Ints(values.iter().map(|value| value.wrapping_neg()).collect()),
        (Data::Ints(values), "Abs") => Data::Ints(values.iter().map(|value| value.wrapping_abs()).collect()),
        (Data::Ints(_), _) => return Err("only floats have a square root here".into()),
        (Data::Floats(values), "Neg") => Data::Floats(values.iter().map(|value| -value).collect()),
        (Data::Floats(values), "Abs") => Data::Floats(values.iter().map(|value| value.abs()).collect()),
        (Data::Floats(values), _) => Data::Floats(values.iter().map(|value| value.sqrt()).collect()),
    };
    Ok(Constant { dims: input.dims.clone(), data })
}

/// Sums are in double precision, row by row.
fn reduce(graph: &Graph, node: &Node, input: &Constant) -> Result<Constant, Reason> {
    let (gone, keep) = shapes::reduce(graph, node, input.dims.len())?;
    let stays = |axis: &usize| !gone.contains(axis);
    let kept = |(axis, &dim): (usize, &usize)| if stays(&axis) { Some(dim) } else { keep.then_some(1) };
    let dims: Vec<usize> = input.dims.iter().enumerate().filter_map(kept).collect();
    // Axes that go have stride zero in the result.
    let ones: Vec<usize> =
        input.dims.iter().enumerate().map(|(axis, &dim)| if stays(&axis) { dim } else { 1 }).collect();
    let steps = strides(&ones).into_iter().enumerate().map(|(axis, step)| if stays(&axis) { step } else { 0 });
    let targets = walk(&input.dims, &steps.collect::<Vec<_>>()).ok_or("its input is too large")?;

    let start = if node.op == "ReduceProd" { 1.0 } else { 0.0 };
    let mut sums = vec![start; ones.iter().product()];
    for (target, value) in targets.into_iter().zip(input.to_floats()) {
        let value = f64::from(value);
        if let Some(sum) = sums.get_mut(target) {
            match node.op.as_str() {
                "ReduceProd" => *sum *= value,
                "ReduceL2" => *sum += value * value,
                _ => *sum += value,
            }
        }
    }
    let count = (input.len() / sums.len().max(1)).max(1) as f64;
    let result = sums.iter().map(|&sum| match node.op.as_str() {
        "ReduceMean" => sum / count,
        "ReduceL2" => sum.sqrt(),
        _ => sum,
    });
    Ok(match &input.data {
        Data::Floats(_) => Constant::floats(dims, result.map(|value| value as f32).collect::<Vec<_>>()),
        Data::Ints(_) => Constant::ints(dims, result.map(|value| value as i64).collect::<Vec<_>>()),
    })
}

#[cfg(test)]
mod tests {
    use super::evaluate;
    use crate::onnx::constant::Constant;
    use crate::onnx::graph::{Attribute, Graph, Node, Value};

    fn fold(node: Node, inputs: &[Constant]) -> Constant {
        try_fold(node, inputs).unwrap().unwrap()
    }

    fn try_fold(mut node: Node, inputs: &[Constant]) -> Result<Option<Constant>, String> {
        let mut graph = Graph::default();
        for input in inputs {
            node.inputs.push(Some(graph.add_constant("", input.clone())));
        }
        evaluate(&graph, &node)
    }

    fn op(op: &str) -> Node {
        Node { op: op.to_owned(), ..Node::default() }
    }

    fn ints(dims: &[usize], values: &[i64]) -> Constant {
        Constant::ints(dims.to_vec(), values)
    }

    #[test]
    fn shapes_of_activations_are_constant() {
        let mut graph = Graph::default();
        let x = graph.add_value(Value { dims: Some(vec![1, 3, 4]), ..Value::default() });
        let shape = evaluate(&graph, &Node::new("s", "Shape", &[x], x)).unwrap().unwrap();
        assert_eq!(shape, ints(&[3], &[1, 3, 4]));
        let last = Node::new("s", "Shape", &[x], x).with("start", Attribute::Int(-1));
        assert_eq!(evaluate(&graph, &last).unwrap().unwrap(), ints(&[1], &[4]));
        assert_eq!(evaluate(&graph, &Node::new("r", "Relu", &[x], x)), Ok(None));
    }

    #[test]
    fn moving_elements() {
        let matrix = ints(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        assert_eq!(fold(op("Transpose"), std::slice::from_ref(&matrix)), ints(&[3, 2], &[1, 4, 2, 5, 3, 6]));
        let columns = op("Gather").with("axis", Attribute::Int(1));
        assert_eq!(fold(columns, &[matrix.clone(), ints(&[1], &[-1])]), ints(&[2, 1], &[3, 6]));
        let scalar = fold(op("Gather"), &[ints(&[2], &[7, 8]), ints(&[], &[1])]);
        assert_eq!(scalar, ints(&[], &[8]));
        let beside = op("Concat").with("axis", Attribute::Int(1));
        let joined = fold(beside, &[matrix.clone(), ints(&[2, 1], &[8, 9])]);
        assert_eq!(joined, ints(&[2, 4], &[1, 2, 3, 8, 4, 5, 6, 9]));
        let sliced = fold(op("Slice"), &[matrix, ints(&[1], &[1]), ints(&[1], &[9]), ints(&[1], &[1])]);
        assert_eq!(sliced, ints(&[2, 2], &[2, 3, 5, 6]));
        let [last, first, axis, back] = [-1, i64::MIN, 0, -1].map(|value| ints(&[1], &[value]));
        let reversed = fold(op("Slice"), &[ints(&[3], &[1, 2, 3]), last, first, axis, back]);
        assert_eq!(reversed, ints(&[3], &[3, 2, 1]));
    }

    #[test]
    fn arithmetic_on_shapes() {
        assert_eq!(fold(op("Mul"), &[ints(&[2], &[2, 3]), ints(&[], &[4])]), ints(&[2], &[8, 12]));
        assert!(try_fold(op("Div"), &[ints(&[], &[2]), ints(&[], &[0])]).is_err());
        let chosen = [ints(&[2], &[0, 1]), ints(&[2], &[1, 2]), ints(&[2], &[3, 4])];
        assert_eq!(fold(op("Where"), &chosen), ints(&[2], &[3, 2]));
        assert_eq!(fold(op("Range"), &[ints(&[], &[5]), ints(&[], &[0]), ints(&[], &[-2])]), ints(&[3], &[5, 3, 1]));
        let half = Constant::floats(vec![], [1.5]);
        assert_eq!(fold(op("Cast").with("to", Attribute::Int(7)), &[half]), ints(&[], &[1]));
    }

    #[test]
    fn reductions() {
        let matrix = Constant::floats(vec![2, 2], [3.0, 4.0, 6.0, 8.0]);
        let rows = |name: &str| op(name).with("axes", Attribute::Ints(vec![1])).with("keepdims", Attribute::Int(0));
        assert_eq!(fold(rows("ReduceL2"), std::slice::from_ref(&matrix)), Constant::floats(vec![2], [5.0, 10.0]));
        assert_eq!(fold(rows("ReduceMean"), std::slice::from_ref(&matrix)), Constant::floats(vec![2], [3.5, 7.0]));
        assert_eq!(fold(op("ReduceSum"), &[matrix]), Constant::floats(vec![1, 1], [21.0]));
        assert_eq!(fold(op("ReduceProd"), &[ints(&[3], &[2, 3, 4])]), ints(&[1], &[24]));
    }

    #[test]
    fn sizes_are_limited() {
        let huge = ints(&[2], &[1 << 30, 1 << 30]);
        assert!(try_fold(op("ConstantOfShape"), std::slice::from_ref(&huge)).is_err());
        assert!(try_fold(op("Expand"), &[ints(&[], &[1]), huge]).is_err());
        assert!(try_fold(op("Concat").with("axis", Attribute::Int(0)), &[]).is_err());
        assert!(try_fold(op("Gather"), &[ints(&[1], &[0]), ints(&[1], &[5])]).is_err());
    }
}
