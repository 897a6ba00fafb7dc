//! What is done to a graph before its nodes become steps: a list of small rewritings.
//!
//! A pass rewires nodes and leaves behind those that nobody reads any more; they are swept up after each pass. None
//! refuses anything: what no pass has made importable is refused when it is to become a step.

mod affine;
mod batch_norm;
mod bias;
mod block;
mod dense;
mod embedding;
mod gather;
mod identity;
mod min_max;
mod patterns;
mod qdq;
mod recurrent;
mod sum;

use super::graph::Graph;
use crate::options::Options;

/// A rewriting of the graph.
pub type Pass = fn(&mut Graph, &Options);

/// The passes in the order in which they run.
pub const PASSES: &[(&str, Pass)] = &[
    ("embedding_from_gather", embedding::embedding_from_gather),
    ("fuse_quantization", qdq::fuse_quantization),
    // Of tables that only now are floats.
    ("embedding_from_floats", embedding::embedding_from_gather),
    ("drop_identity", identity::drop_identity),
    ("split_directions", recurrent::split_directions),
    ("unroll_sum", sum::unroll_sum),
    ("clip_from_min_max", min_max::clip_from_min_max),
    ("slice_from_gather", gather::slice_from_gather),
    ("slice_of_concat", recurrent::slice_of_concat),
    ("last_state", recurrent::last_state),
    ("move_blocks", block::move_blocks),
    ("fuse_activation", patterns::fuse_activation),
    ("dense_from_matmul", dense::dense_from_matmul),
    ("fuse_bias", bias::fuse_bias),
    ("fold_batch_norm", batch_norm::fold_batch_norm),
    ("affine_from_arithmetic", affine::affine_from_arithmetic),
    ("merge_affine", affine::merge_affine),
];

/// Runs all passes.
pub fn run(graph: &mut Graph, options: &Options) {
    for (_, pass) in PASSES {
        pass(graph, options);
        graph.drop_dead_nodes();
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! Graphs in a few lines.

    use crate::onnx::constant::Constant;
    use crate::onnx::graph::{Graph, Node, Value, ValueId};

    /// A graph with one input `x` of these extents.
    pub fn graph(dims: &[usize]) -> (Graph, ValueId) {
        let mut graph = Graph { opset: 17, ..Graph::default() };
        let x = graph.add_value(Value { name: "x".into(), dims: Some(dims.to_vec()), constant: None });
        graph.inputs.push(x);
        (graph, x)
    }

    impl Graph {
        /// Adds a node whose output has the name of the node, and these extents.
        pub fn op(&mut self, name: &str, op: &str, inputs: &[ValueId], dims: &[usize]) -> ValueId {
            let output = self.add_value(Value { name: name.into(), dims: Some(dims.to_vec()), constant: None });
            self.nodes.push(Node::new(name, op, inputs, output));
            output
        }

        /// Adds a constant of floats.
        pub fn floats(&mut self, dims: &[usize], values: &[f32]) -> ValueId {
            self.add_constant("", Constant::floats(dims.to_vec(), values))
        }

        /// Makes a value the output.
        pub fn finish(&mut self, value: ValueId) {
            self.outputs.push(("y".into(), value));
        }

        /// Names of the ops that are left.
        pub fn ops(&self) -> Vec<&str> {
            self.nodes.iter().map(|node| node.op.as_str()).collect()
        }
    }
}
