//! The graph that passes rewrite: ONNX nodes over numbered values.

use super::constant::Constant;
use super::error::Refusal;
use super::recurrent;
use crate::network::Quantization;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Index of a value in [`Graph::values`].
pub type ValueId = usize;

/// A graph of nodes in data-flow order.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Name of the graph.
    pub name: String,
    /// Version of the operator set.
    pub opset: i64,
    /// Nodes; every one after those that it reads from.
    pub nodes: Vec<Node>,
    /// What nodes read and write.
    pub values: Vec<Value>,
    /// What the user feeds.
    pub inputs: Vec<ValueId>,
    /// What the user reads, each under a name of its own.
    pub outputs: Vec<(String, ValueId)>,
    /// What refused nodes read: the nodes before them stay, so that they are examined too.
    pub orphaned: Vec<ValueId>,
    /// Constants that the file has as unsigned bytes.
    pub unsigned: HashSet<ValueId>,
    /// The values that are signed bytes.
    pub units: HashMap<ValueId, Unit>,
    /// Inputs of integers: tokens.
    pub tokens: HashSet<ValueId>,
    /// An axis of an input is that of a sequence whose length may change.
    pub has_sequence: bool,
}

/// What the integers of a value stand for, and the range of those that its node writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    /// Scale and zero point.
    pub quantization: Quantization,
    /// The smallest and the largest.
    pub range: [i32; 2],
}

/// A tensor that flows along the edges of the graph.
#[derive(Clone, Debug, Default)]
pub struct Value {
    /// Name.
    pub name: String,
    /// Extents, once they are known.
    pub dims: Option<Vec<usize>>,
    /// Content, where it is the same for every input.
    pub constant: Option<Rc<Constant>>,
}

/// An operation.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Name.
    pub name: String,
    /// ONNX op, or one of the names that passes introduce: `Affine`, `Dense`, `Swish`.
    pub op: String,
    /// What it reads; optional inputs may be absent.
    pub inputs: Vec<Option<ValueId>>,
    /// What it writes; outputs that nobody wants may be absent.
    pub outputs: Vec<Option<ValueId>>,
    /// Attributes by name.
    pub attributes: HashMap<String, Attribute>,
}

/// An attribute of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// One float.
    Float(f32),
    /// One integer.
    Int(i64),
    /// A word.
    Text(String),
    /// A tensor.
    Tensor(Rc<Constant>),
    /// Several floats.
    Floats(Vec<f32>),
    /// Several integers.
    Ints(Vec<i64>),
    /// Several words.
    Texts(Vec<String>),
    /// Something that no supported op has: a graph, say.
    Other,
}

/// Why a node is refused.
pub type Reason = String;

impl Node {
    /// A node with one output.
    pub fn new(name: &str, op: &str, inputs: &[ValueId], output: ValueId) -> Self {
        Self {
            name: name.to_owned(),
            op: op.to_owned(),
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: vec![Some(output)],
            attributes: HashMap::new(),
        }
    }

    /// The same node with an attribute.
    #[must_use]
    pub fn with(mut self, name: &str, attribute: Attribute) -> Self {
        self.attributes.insert(name.to_owned(), attribute);
        self
    }

    /// The `k`-th input, where there is one.
    pub fn input(&self, k: usize) -> Option<ValueId> {
        self.inputs.get(k).copied().flatten()
    }

    /// The first output, where there is one.
    pub fn output(&self) -> Option<ValueId> {
        self.outputs.first().copied().flatten()
    }

    /// The first output, if it is the only one that has a name.
    pub fn only_output(&self) -> Option<ValueId> {
        if self.outputs.iter().skip(1).any(Option::is_some) { None } else { self.output() }
    }

    /// An integer attribute.
    pub fn int(&self, name: &str) -> Result<Option<i64>, Reason> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Int(value)) => Ok(Some(*value)),
            Some(_) => Err(format!("attribute {name} is not an integer")),
        }
    }

    /// A float attribute, finite.
    pub fn float(&self, name: &str, default: f32) -> Result<f32, Reason> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) if value.is_finite() => Ok(*value),
            Some(_) => Err(format!("attribute {name} is not a finite number")),
        }
    }

    /// A list of integers.
    pub fn ints(&self, name: &str) -> Result<Option<&[i64]>, Reason> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(_) => Err(format!("attribute {name} is not a list of integers")),
        }
    }

    /// A word.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Reason> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Text(value)) => Ok(Some(value)),
            Some(_) => Err(format!("attribute {name} is not a text")),
        }
    }

    /// The refusal of this node.
    pub fn refused(&self, reason: impl Into<Reason>) -> Refusal {
        Refusal { name: self.name.clone(), op: self.op.clone(), reason: reason.into() }
    }
}

impl Graph {
    /// Adds a value.
    pub fn add_value(&mut self, value: Value) -> ValueId {
        self.values.push(value);
        self.values.len() - 1
    }

    /// Adds a constant and returns its value.
    pub fn add_constant(&mut self, name: impl Into<String>, constant: Constant) -> ValueId {
        let dims = Some(constant.dims.clone());
        self.add_value(Value { name: name.into(), dims, constant: Some(Rc::new(constant)) })
    }

    /// Extents of a value, where they are known.
    pub fn dims(&self, value: ValueId) -> Option<&[usize]> {
        self.values.get(value)?.dims.as_deref()
    }

    /// Content of a value, where it is constant.
    pub fn constant(&self, value: ValueId) -> Option<&Rc<Constant>> {
        self.values.get(value)?.constant.as_ref()
    }

    /// Content of a node's `k`-th input, where it is constant.
    pub fn constant_input(&self, node: &Node, k: usize) -> Option<&Rc<Constant>> {
        self.constant(node.input(k)?)
    }

    /// Integers in a node's `k`-th input, `None` where there is no such input.
    pub fn ints_input(&self, node: &Node, k: usize, what: &str) -> Result<Option<Vec<i64>>, Reason> {
        let Some(value) = node.input(k) else { return Ok(None) };
        match self.constant(value).and_then(|constant| constant.as_ints()) {
            Some(ints) => Ok(Some(ints.to_vec())),
            None => Err(format!("{what} must be constant")),
        }
    }

    /// Name of a value.
    pub fn value_name(&self, value: ValueId) -> &str {
        self.values.get(value).map_or("", |value| &value.name)
    }

    /// For every value the node that writes it.
    pub fn producers(&self) -> Vec<Option<usize>> {
        let mut producers = vec![None; self.values.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            for &output in node.outputs.iter().flatten() {
                if let Some(producer) = producers.get_mut(output) {
                    *producer = Some(at);
                }
            }
        }
        producers
    }

    /// For every value how often it is read, by nodes and as an output.
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        let read = self.nodes.iter().flat_map(|node| node.inputs.iter().flatten());
        for &value in read.chain(self.outputs.iter().map(|(_, value)| value)).chain(&self.orphaned) {
            if let Some(uses) = uses.get_mut(value) {
                *uses += 1;
            }
        }
        uses
    }

    /// Replaces values by others wherever they are read: `to[v]` for `v`.
    pub fn redirect(&mut self, to: &HashMap<ValueId, ValueId>) {
        // A replacement may itself be replaced; nodes are in data-flow order, so there is no circle.
        let last = |mut value: ValueId| {
            while let Some(&next) = to.get(&value) {
                value = next;
            }
            value
        };
        for value in self.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().flatten()) {
            *value = last(*value);
        }
        for value in self.outputs.iter_mut().map(|(_, value)| value).chain(&mut self.orphaned) {
            *value = last(*value);
        }
    }

    /// Removes nodes whose results nobody reads.
    pub fn drop_dead_nodes(&mut self) {
        let mut wanted = vec![false; self.values.len()];
        let mark = |wanted: &mut Vec<bool>, value: ValueId| {
            if let Some(wanted) = wanted.get_mut(value) {
                *wanted = true;
            }
        };
        for &value in self.outputs.iter().map(|(_, value)| value).chain(&self.orphaned) {
            mark(&mut wanted, value);
        }
        let mut alive = Vec::with_capacity(self.nodes.len());
        for node in self.nodes.drain(..).rev() {
            let is_wanted = |output: &ValueId| wanted.get(*output) == Some(&true);
            if node.outputs.iter().flatten().any(is_wanted) {
                let mut node = node;
                // Which states of a recurrent layer are read says what becomes of it.
                if recurrent::is_recurrent(&node) {
                    node.outputs.iter_mut().for_each(|output| *output = output.filter(is_wanted));
                }
                for &input in node.inputs.iter().flatten() {
                    mark(&mut wanted, input);
                }
                alive.push(node);
            }
        }
        alive.reverse();
        self.nodes = alive;
    }
}

#[cfg(test)]
mod tests {
    use super::{Graph, Node, Value};
    use std::collections::HashMap;

    #[test]
    fn dead_nodes_go_and_redirections_chain() {
        let mut graph = Graph::default();
        let [a, b, c, d] = [0; 4].map(|_| graph.add_value(Value::default()));
        graph.nodes.push(Node::new("one", "Identity", &[a], b));
        graph.nodes.push(Node::new("two", "Identity", &[b], c));
        graph.nodes.push(Node::new("three", "Relu", &[c], d));
        graph.outputs.push(("out".into(), d));
        graph.redirect(&HashMap::from([(c, b), (b, a)]));
        graph.drop_dead_nodes();
        assert_eq!(graph.nodes.len(), 1);
        assert_eq!(graph.nodes[0].input(0), Some(a));
    }
}
