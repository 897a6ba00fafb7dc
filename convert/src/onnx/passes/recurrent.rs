//! Recurrent layers: one direction at a time, and states that exporters take out of where they put them.

use crate::onnx::constant::Constant;
use crate::onnx::graph::{Attribute, Graph, Node, Value, ValueId};
use crate::onnx::recurrent::{self, Direction};
use crate::onnx::shapes::{self, Range};
use crate::options::Options;
use std::collections::HashMap;

/// Splits layers of both directions into one of each and the concatenations of their outputs.
pub fn split_directions(graph: &mut Graph, _: &Options) {
    for node in std::mem::take(&mut graph.nodes) {
        match split(graph, &node) {
            Some(nodes) => graph.nodes.extend(nodes),
            None => graph.nodes.push(node),
        }
    }
}

fn split(graph: &mut Graph, node: &Node) -> Option<Vec<Node>> {
    if !recurrent::is_recurrent(node) || Direction::of(node).ok()? != Direction::Both {
        return None;
    }
    let mut ways = Vec::new();
    for (at, direction) in ["forward", "reverse"].into_iter().enumerate() {
        let mut way = node.clone().with("direction", Attribute::Text(direction.into()));
        way.name = format!("{}.{direction}", node.name);
        // The initial states are zero.
        way.inputs.truncate(4);
        for place in way.inputs.iter_mut().skip(1) {
            *place = match *place {
                Some(value) => Some(half(graph, value, at)?),
                None => None,
            };
        }
        for (k, axis) in [(0, 1), (1, 0)] {
            if let Some(output) = way.outputs.get_mut(k).filter(|output| output.is_some()) {
                *output = Some(part_of(graph, (*output)?, axis, direction)?);
            }
        }
        ways.push(way);
    }
    for (k, axis) in [(0, 1), (1, 0)] {
        let Some(whole) = node.outputs.get(k).copied().flatten() else { continue };
        let parts: Vec<ValueId> = ways.iter().filter_map(|way| way.outputs.get(k).copied().flatten()).collect();
        let name = graph.value_name(whole).to_owned();
        ways.push(Node::new(&name, "Concat", &parts, whole).with("axis", Attribute::Int(axis)));
    }
    Some(ways)
}

/// The weights of one of two directions.
fn half(graph: &mut Graph, value: ValueId, direction: usize) -> Option<ValueId> {
    let whole = graph.constant(value)?;
    let mut dims = whole.dims.clone();
    *dims.first_mut()? = 1;
    let size: usize = dims.iter().product();
    let part = whole.as_floats()?.get(direction * size..(direction + 1) * size)?.to_vec();
    let name = graph.value_name(value).to_owned();
    Some(graph.add_constant(name, Constant::floats(dims, part)))
}

/// A value like a layer's output, for one direction.
fn part_of(graph: &mut Graph, output: ValueId, axis: usize, direction: &str) -> Option<ValueId> {
    let mut dims = graph.dims(output)?.to_vec();
    *dims.get_mut(axis)? = 1;
    let name = format!("{}.{direction}", graph.value_name(output));
    Some(graph.add_value(Value { name, dims: Some(dims), constant: None }))
}

/// Turns a slice out of one part of a concatenation into one out of that part, or into the part itself.
pub fn slice_of_concat(graph: &mut Graph, _: &Options) {
    let producers = graph.producers();
    let mut same = HashMap::new();
    for at in 0..graph.nodes.len() {
        let Some(mut node) = graph.nodes.get(at).cloned().filter(|node| node.op == "Slice") else { continue };
        while let Some((part, range, axis)) = within_part(graph, &producers, &node) {
            let whole = graph.dims(part).and_then(|dims| dims.get(axis).copied());
            node = cut(graph, &node, part, axis, range);
            if whole == Some(range.count) {
                same.extend(node.output().map(|output| (output, part)));
                break;
            }
        }
        if let Some(place) = graph.nodes.get_mut(at) {
            *place = node;
        }
    }
    graph.redirect(&same);
}

/// The part of a concatenation in which a slice lies, and where in it along which axis.
fn within_part(graph: &Graph, producers: &[Option<usize>], node: &Node) -> Option<(ValueId, Range, usize)> {
    let (x, axis, range) = only_cut(graph, node)?;
    let concat = graph.nodes.get((*producers.get(x)?)?).filter(|node| node.op == "Concat")?;
    if shapes::axis_attribute(concat, 0, graph.dims(x)?.len()).ok()? != axis || range.step != 1 {
        return None;
    }
    let mut start = 0;
    for &part in concat.inputs.iter().flatten() {
        let extent = *graph.dims(part)?.get(axis)?;
        if range.start >= start && range.start + range.count <= start + extent {
            return Some((part, Range { start: range.start - start, ..range }, axis));
        }
        start += extent;
    }
    None
}

/// What a slice reads, and what it takes of the only axis that it cuts.
fn only_cut(graph: &Graph, node: &Node) -> Option<(ValueId, usize, Range)> {
    let x = node.input(0)?;
    let dims = graph.dims(x)?;
    let ranges = shapes::slice(graph, node, dims).ok()?;
    let mut cut = ranges.into_iter().zip(dims).enumerate().filter(|(_, (range, dim))| *range != Range::whole(**dim));
    let (axis, (range, _)) = cut.next()?;
    cut.next().is_none().then_some((x, axis, range))
}

fn cut(graph: &mut Graph, node: &Node, x: ValueId, axis: usize, range: Range) -> Node {
    let bounds = [range.start, range.start + range.count, axis];
    let mut inputs = vec![Some(x)];
    inputs.extend(bounds.map(|value| Some(graph.add_constant("", Constant::ints(vec![1], [value as i64])))));
    Node { inputs, attributes: HashMap::new(), ..node.clone() }
}

/// Turns the last row of all states of a layer, in its own direction, into its last state.
pub fn last_state(graph: &mut Graph, _: &Options) {
    let producers = graph.producers();
    for at in 0..graph.nodes.len() {
        let Some(layer) = graph.nodes.get(at).and_then(|node| layer_of_last(graph, &producers, node)) else { continue };
        let Some(state) = state(graph, layer) else { continue };
        let Some((name, output)) = graph.nodes.get(at).and_then(|node| Some((node.name.clone(), node.output()?)))
        else {
            continue;
        };
        let target: Vec<i64> = graph.dims(output).unwrap_or_default().iter().map(|&dim| dim as i64).collect();
        let target = graph.add_constant("", Constant::ints(vec![target.len()], target));
        if let Some(place) = graph.nodes.get_mut(at) {
            *place = Node::new(&name, "Reshape", &[state, target], output);
        }
    }
}

/// The layer whose last state a slice takes out of all of them.
fn layer_of_last(graph: &Graph, producers: &[Option<usize>], node: &Node) -> Option<usize> {
    if node.op != "Slice" {
        return None;
    }
    let (mut value, mut axis, range) = only_cut(graph, node)?;
    let moments = *graph.dims(value)?.get(axis)?;
    loop {
        let at = (*producers.get(value)?)?;
        let producer = graph.nodes.get(at)?;
        if recurrent::is_recurrent(producer) {
            let last = match Direction::of(producer).ok()? {
                Direction::Forward => moments.checked_sub(1)?,
                Direction::Reverse => 0,
                Direction::Both => return None,
            };
            let is_last = axis == 0 && producer.output() == Some(value) && range.count == 1 && range.start == last;
            return is_last.then_some(at);
        }
        let input = producer.input(0)?;
        axis = axis_before(graph, producer, input, value, axis)?;
        value = input;
    }
}

/// Where an axis was before a node that moves elements, if all others but one are of extent 1 and stay in their order.
fn axis_before(graph: &Graph, node: &Node, input: ValueId, output: ValueId, axis: usize) -> Option<usize> {
    let (from, to) = (graph.dims(input)?, graph.dims(output)?);
    let others = |dims: &[usize], axis: usize| {
        dims.iter().enumerate().filter(|(at, dim)| *at != axis && **dim != 1).map(|(_, &dim)| dim).collect::<Vec<_>>()
    };
    let before = match node.op.as_str() {
        "Transpose" => *shapes::transpose(node, from.len()).ok()?.get(axis)?,
        "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten" => {
            let outer: usize = to.get(..axis)?.iter().product();
            let fits = |at: &usize| {
                from.get(*at) == to.get(axis)
                    && from.get(..*at).is_some_and(|dims| dims.iter().product::<usize>() == outer)
            };
            (0..from.len()).find(fits)?
        }
        _ => return None,
    };
    let rest = others(from, before);
    (rest.len() <= 1 && rest == others(to, axis)).then_some(before)
}

/// The last state of a layer, read by somebody already or not.
fn state(graph: &mut Graph, layer: usize) -> Option<ValueId> {
    let node = graph.nodes.get(layer)?;
    if let Some(Some(state)) = node.outputs.get(1) {
        return Some(*state);
    }
    let all = node.output()?;
    let dims = graph.dims(all)?.get(1..)?.to_vec();
    let name = format!("{}.last", graph.value_name(all));
    let state = graph.add_value(Value { name, dims: Some(dims), constant: None });
    let outputs = &mut graph.nodes.get_mut(layer)?.outputs;
    outputs.resize(outputs.len().max(2), None);
    *outputs.get_mut(1)? = Some(state);
    Some(state)
}
