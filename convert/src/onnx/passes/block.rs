//! Channels to pixels and back.

use crate::onnx::constant::Constant;
use crate::onnx::graph::{Attribute, Graph, Node, Value};
use crate::options::Options;

/// Turns `DepthToSpace` and `SpaceToDepth` into `Reshape`, `Transpose`, `Reshape`.
pub fn move_blocks(graph: &mut Graph, _: &Options) {
    for node in std::mem::take(&mut graph.nodes) {
        match moves(graph, &node) {
            Some(nodes) => graph.nodes.extend(nodes),
            None => graph.nodes.push(node),
        }
    }
}

fn moves(graph: &mut Graph, node: &Node) -> Option<[Node; 3]> {
    let (x, output) = (node.input(0)?, node.only_output()?);
    let b = usize::try_from(node.int("blocksize").ok()??).ok()?;
    let &[n, c, h, w] = graph.dims(x)? else { return None };
    let &[_, out_c, out_h, out_w] = graph.dims(output)? else { return None };
    let by_columns = matches!(node.text("mode"), Ok(Some("CRD")));
    let (split, order) = match node.op.as_str() {
        "DepthToSpace" if by_columns => ([n, out_c, b, b, h, w], [0, 1, 4, 2, 5, 3]),
        "DepthToSpace" => ([n, b, b, out_c, h, w], [0, 3, 4, 1, 5, 2]),
        "SpaceToDepth" => ([n, c, out_h, b, out_w, b], [0, 3, 5, 1, 2, 4]),
        _ => return None,
    };
    let moved: Vec<usize> = order.iter().filter_map(|&axis: &usize| split.get(axis).copied()).collect();
    let mut value = |suffix: &str, dims: Vec<usize>| {
        let name = format!("{}.{suffix}", node.name);
        graph.add_value(Value { name, dims: Some(dims), constant: None })
    };
    let (parts, swapped) = (value("blocks", split.to_vec()), value("moved", moved));
    let mut shape = |dims: &[usize]| {
        let dims: Vec<i64> = dims.iter().map(|&dim| dim as i64).collect();
        graph.add_constant("", Constant::ints(vec![dims.len()], dims))
    };
    let (first, last) = (shape(&split), shape(&[n, out_c, out_h, out_w]));
    let order = Attribute::Ints(order.iter().map(|&axis| axis as i64).collect());
    Some([
        Node::new(&format!("{}.blocks", node.name), "Reshape", &[x, first], parts),
        Node::new(&format!("{}.moved", node.name), "Transpose", &[parts], swapped).with("perm", order),
        Node::new(&node.name, "Reshape", &[swapped, last], output),
    ])
}

#[cfg(test)]
mod tests {
    use super::move_blocks;
    use crate::onnx::graph::Attribute;
    use crate::onnx::passes::testing::graph;
    use crate::options::Options;

    #[test]
    fn pixel_shuffle() {
        let (mut graph, x) = graph(&[1, 8, 2, 3]);
        let y = graph.op("y", "DepthToSpace", &[x], &[1, 2, 4, 6]);
        graph.nodes[0].attributes.insert("blocksize".into(), Attribute::Int(2));
        graph.finish(y);
        move_blocks(&mut graph, &Options::default());
        assert_eq!(graph.ops(), ["Reshape", "Transpose", "Reshape"]);
        assert_eq!(graph.dims(graph.nodes[1].output().unwrap()).unwrap(), [1, 2, 2, 2, 3, 2]);
    }
}
