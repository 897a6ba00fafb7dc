//! Activation functions that exporters spell out.

use crate::onnx::graph::{Attribute, Graph, Node, ValueId};
use crate::options::Options;

/// Recognises GELU (by erf or tanh), `SiLU`, hard-swish and hard-sigmoid in products, however their factors are
/// associated.
pub fn fuse_activation(graph: &mut Graph, _: &Options) {
    let producers = graph.producers();
    for at in 0..graph.nodes.len() {
        let Some(node) = graph.nodes.get(at).filter(|node| matches!(node.op.as_str(), "Mul" | "Div")) else { continue };
        let Some(output) = node.only_output() else { continue };
        let found = Terms { graph, producers: &producers }.activation(output);
        let Some((x, op, attributes)) = found.filter(|(x, ..)| graph.dims(*x) == graph.dims(output)) else { continue };
        if let Some(node) = graph.nodes.get_mut(at) {
            let fused = Node::new(&node.name, op, &[x], output);
            *node = attributes.into_iter().fold(fused, |node, (name, value)| node.with(name, value));
        }
    }
}

/// How deep a product may be nested; deeper ones are nobody's activation function.
const DEPTH: usize = 5;

type Found = (ValueId, &'static str, Vec<(&'static str, Attribute)>);

/// A graph read as formulas.
struct Terms<'g> {
    graph: &'g Graph,
    producers: &'g [Option<usize>],
}

/// A product of a number and of values.
struct Product {
    factor: f64,
    values: Vec<ValueId>,
}

impl Product {
    /// The values, if the number is about this.
    fn times(&self, factor: f64) -> Option<&[ValueId]> {
        ((self.factor - factor).abs() <= 1e-3 * factor).then_some(&self.values)
    }
}

impl Terms<'_> {
    fn activation(&self, output: ValueId) -> Option<Found> {
        let mut candidates = Vec::new();
        self.factors(output, DEPTH, &mut candidates);
        // `x` may itself be a product, so that what is one factor and what are two is found out by trying.
        candidates.into_iter().find_map(|x| {
            let product = self.product(output, x, DEPTH);
            match *product.values {
                [a, b] if a == x => self.gated(&product, x, b),
                [a, b] if b == x => self.gated(&product, x, a),
                [gate] if gate == x => self.hard_sigmoid(&product, gate),
                _ => None,
            }
        })
    }

    /// All factors of a product, and their factors.
    fn factors(&self, value: ValueId, depth: usize, found: &mut Vec<ValueId>) {
        let (Some(node), 1..) = (self.producer(value), depth) else { return };
        if let ("Mul" | "Div", &[Some(a), Some(b)]) = (node.op.as_str(), node.inputs.as_slice()) {
            for part in [a, b] {
                if self.number(part).is_none() && !found.contains(&part) {
                    found.push(part);
                    self.factors(part, depth - 1, found);
                }
            }
        }
    }

    /// `x` times a function of `x`.
    fn gated(&self, product: &Product, x: ValueId, gate: ValueId) -> Option<Found> {
        let node = self.producer(gate)?;
        let of_x = node.input(0) == Some(x);
        match node.op.as_str() {
            "Sigmoid" if of_x && product.times(1.0).is_some() => Some((x, "Swish", Vec::new())),
            "HardSigmoid" if of_x && product.times(1.0).is_some() => {
                let about = |name, default, wanted: f32| {
                    node.float(name, default).is_ok_and(|value| (value - wanted).abs() < 1e-3)
                };
                let fits = about("alpha", 0.2, 1.0 / 6.0) && about("beta", 0.5, 0.5);
                fits.then(|| (x, "HardSwish", Vec::new()))
            }
            "Clip" if product.times(1.0 / 6.0).is_some() => {
                (self.clipped_sum(node)? == x).then(|| (x, "HardSwish", Vec::new()))
            }
            "Add" if product.times(0.5).is_some() => {
                let curve = self.producer(self.plus(node, 1.0)?)?;
                let inner = self.product(curve.input(0)?, x, DEPTH);
                let approximate = match curve.op.as_str() {
                    "Erf" if inner.times(std::f64::consts::FRAC_1_SQRT_2)? == [x] => "none",
                    "Tanh" if self.is_cubic(&inner, x) => "tanh",
                    _ => return None,
                };
                Some((x, "Gelu", vec![("approximate", Attribute::Text(approximate.into()))]))
            }
            _ => None,
        }
    }

    /// `clip(x + 3, 0, 6) / 6`.
    fn hard_sigmoid(&self, product: &Product, gate: ValueId) -> Option<Found> {
        product.times(1.0 / 6.0)?;
        let x = self.clipped_sum(self.producer(gate)?)?;
        let attributes = vec![("alpha", Attribute::Float(1.0 / 6.0)), ("beta", Attribute::Float(0.5))];
        Some((x, "HardSigmoid", attributes))
    }

    /// The `x` of `clip(x + 3, 0, 6)`.
    fn clipped_sum(&self, clip: &Node) -> Option<ValueId> {
        let bound = |name: &str, k: usize| match clip.attributes.get(name) {
            Some(&Attribute::Float(value)) => Some(value),
            _ => self.graph.constant_input(clip, k)?.scalar(),
        };
        if clip.op != "Clip" || bound("min", 1) != Some(0.0) || bound("max", 2) != Some(6.0) {
            return None;
        }
        self.plus(self.producer(clip.input(0)?)?, 3.0)
    }

    /// Whether the product is `√(2/π)·(x + 0.044715·x³)`, or the same with `x` taken out.
    fn is_cubic(&self, product: &Product, x: ValueId) -> bool {
        let Some(values) = product.times(std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2) else {
            return false;
        };
        let (sum, power, taken_out) = match *values {
            [sum] => (sum, 3, false),
            [a, sum] if a == x => (sum, 2, true),
            [sum, a] if a == x => (sum, 2, true),
            _ => return false,
        };
        let Some(node) = self.producer(sum).filter(|node| node.op == "Add") else { return false };
        let cubed = |value: ValueId| {
            let product = self.product(value, x, DEPTH);
            product.times(0.044_715).is_some_and(|values| values.len() == power && values.iter().all(|&v| v == x))
        };
        match (taken_out, node.inputs.as_slice()) {
            (true, _) => self.plus(node, 1.0).is_some_and(cubed),
            (false, &[Some(a), Some(b)]) => (a == x && cubed(b)) || (b == x && cubed(a)),
            _ => false,
        }
    }

    /// The other summand of a sum with this number.
    fn plus(&self, node: &Node, number: f32) -> Option<ValueId> {
        let &[Some(a), Some(b)] = node.inputs.as_slice() else { return None };
        let is_number = |value| self.number(value) == Some(number);
        match node.op.as_str() {
            "Add" if is_number(a) => Some(b),
            "Add" if is_number(b) => Some(a),
            _ => None,
        }
    }

    /// A value as a product, with products, quotients by numbers and small powers multiplied out, except for `x`.
    fn product(&self, value: ValueId, x: ValueId, depth: usize) -> Product {
        let alone = || Product { factor: 1.0, values: vec![value] };
        let (Some(node), 1.., false) = (self.producer(value), depth, value == x) else { return alone() };
        let &[Some(a), Some(b)] = node.inputs.as_slice() else { return alone() };
        match (node.op.as_str(), self.number(a), self.number(b)) {
            ("Mul", None, Some(number)) => self.product(a, x, depth - 1).scaled(f64::from(number)),
            ("Mul", Some(number), None) => self.product(b, x, depth - 1).scaled(f64::from(number)),
            ("Div", None, Some(number)) if number != 0.0 => {
                self.product(a, x, depth - 1).scaled(1.0 / f64::from(number))
            }
            ("Mul", None, None) => {
                let (mut left, right) = (self.product(a, x, depth - 1), self.product(b, x, depth - 1));
                left.values.extend(right.values);
                left.scaled(right.factor)
            }
            ("Pow", None, Some(exponent)) if exponent == 2.0 || exponent == 3.0 => {
                Product { factor: 1.0, values: vec![a; exponent as usize] }
            }
            _ => alone(),
        }
    }

    fn number(&self, value: ValueId) -> Option<f32> {
        self.graph.constant(value)?.scalar()
    }

    fn producer(&self, value: ValueId) -> Option<&Node> {
        self.graph.nodes.get((*self.producers.get(value)?)?)
    }
}

impl Product {
    fn scaled(mut self, factor: f64) -> Self {
        self.factor *= factor;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::fuse_activation;
    use crate::onnx::graph::{Attribute, Graph, ValueId};
    use crate::onnx::passes::testing;
    use crate::options::Options;

    fn graph() -> (Graph, ValueId) {
        testing::graph(&[1, 4])
    }

    fn last(mut graph: Graph, y: ValueId) -> (String, Option<Attribute>) {
        graph.finish(y);
        fuse_activation(&mut graph, &Options::default());
        graph.drop_dead_nodes();
        assert_eq!(graph.nodes.len(), 1, "{:?}", graph.ops());
        (graph.nodes[0].op.clone(), graph.nodes[0].attributes.get("approximate").cloned())
    }

    #[test]
    fn gelu_by_erf_as_pytorch_writes_it() {
        let (mut g, x) = graph();
        let [root, one, half] = [2.0_f32.sqrt(), 1.0, 0.5].map(|value| g.floats(&[], &[value]));
        let a = g.op("a", "Div", &[x, root], &[1, 4]);
        let b = g.op("b", "Erf", &[a], &[1, 4]);
        let c = g.op("c", "Add", &[b, one], &[1, 4]);
        let d = g.op("d", "Mul", &[x, c], &[1, 4]);
        let y = g.op("y", "Mul", &[d, half], &[1, 4]);
        assert_eq!(last(g, y), ("Gelu".into(), Some(Attribute::Text("none".into()))));
    }

    #[test]
    fn gelu_by_tanh_in_two_ways() {
        let (mut g, x) = graph();
        let [three, small, scale, one, half] =
            [3.0, 0.044_715, 0.797_884_6, 1.0, 0.5].map(|value| g.floats(&[], &[value]));
        let cube = g.op("cube", "Pow", &[x, three], &[1, 4]);
        let cube = g.op("small", "Mul", &[cube, small], &[1, 4]);
        let sum = g.op("sum", "Add", &[x, cube], &[1, 4]);
        let inner = g.op("inner", "Mul", &[sum, scale], &[1, 4]);
        let tanh = g.op("tanh", "Tanh", &[inner], &[1, 4]);
        let plus = g.op("plus", "Add", &[tanh, one], &[1, 4]);
        let halved = g.op("halved", "Mul", &[x, half], &[1, 4]);
        let y = g.op("y", "Mul", &[halved, plus], &[1, 4]);
        assert_eq!(last(g, y), ("Gelu".into(), Some(Attribute::Text("tanh".into()))));

        let (mut g, x) = graph();
        let [small, scale, one, half] = [0.044_715, 0.797_884_6, 1.0, 0.5].map(|value| g.floats(&[], &[value]));
        let square = g.op("square", "Mul", &[x, x], &[1, 4]);
        let square = g.op("small", "Mul", &[square, small], &[1, 4]);
        let sum = g.op("sum", "Add", &[square, one], &[1, 4]);
        let scaled = g.op("scaled", "Mul", &[x, scale], &[1, 4]);
        let inner = g.op("inner", "Mul", &[scaled, sum], &[1, 4]);
        let tanh = g.op("tanh", "Tanh", &[inner], &[1, 4]);
        let plus = g.op("plus", "Add", &[one, tanh], &[1, 4]);
        let halved = g.op("halved", "Mul", &[half, x], &[1, 4]);
        let y = g.op("y", "Mul", &[plus, halved], &[1, 4]);
        assert_eq!(last(g, y).0, "Gelu");
    }

    #[test]
    fn swishes() {
        let (mut g, x) = graph();
        let s = g.op("s", "Sigmoid", &[x], &[1, 4]);
        let y = g.op("y", "Mul", &[s, x], &[1, 4]);
        assert_eq!(last(g, y).0, "Swish");

        let (mut g, x) = graph();
        let [three, zero, six] = [3.0, 0.0, 6.0].map(|value| g.floats(&[], &[value]));
        let a = g.op("a", "Add", &[x, three], &[1, 4]);
        let b = g.op("b", "Clip", &[a, zero, six], &[1, 4]);
        let c = g.op("c", "Mul", &[x, b], &[1, 4]);
        let y = g.op("y", "Div", &[c, six], &[1, 4]);
        assert_eq!(last(g.clone(), y).0, "HardSwish");
        let y = g.op("z", "Div", &[b, six], &[1, 4]);
        assert_eq!(last(g, y).0, "HardSigmoid");
    }

    #[test]
    fn swish_of_a_product() {
        let (mut g, x) = graph();
        let p = g.op("p", "Mul", &[x, x], &[1, 4]);
        let s = g.op("s", "Sigmoid", &[p], &[1, 4]);
        let y = g.op("y", "Mul", &[p, s], &[1, 4]);
        g.finish(y);
        fuse_activation(&mut g, &Options::default());
        g.drop_dead_nodes();
        assert_eq!(g.ops(), ["Mul", "Swish"]);
    }

    #[test]
    fn gates_of_something_else_stay() {
        let (mut g, x) = graph();
        let z = g.op("z", "Tanh", &[x], &[1, 4]);
        let s = g.op("s", "Sigmoid", &[z], &[1, 4]);
        let y = g.op("y", "Mul", &[s, x], &[1, 4]);
        g.finish(y);
        fuse_activation(&mut g, &Options::default());
        assert_eq!(g.ops(), ["Tanh", "Sigmoid", "Mul"]);
    }
}
