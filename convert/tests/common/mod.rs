//! ONNX files in a few lines, written by a crate that the importer does not use.

#![allow(dead_code, clippy::missing_panics_doc)]

pub mod damage;
pub mod tflite;

use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor, ValueInfoProto,
};

/// A model in the making.
#[derive(Default)]
pub struct Onnx {
    graph: GraphProto,
}

impl Onnx {
    /// A model with one input `x`.
    pub fn new(dims: &[usize]) -> Self {
        let mut onnx = Self::default();
        onnx.input("x", dims);
        onnx
    }

    /// Adds an input.
    pub fn input(&mut self, name: &str, dims: &[usize]) {
        let dim = |&dim: &usize| Dimension { dim_value: Some(dim as i64), dim_param: None };
        let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
        let tensor_type = TypeProtoTensor { elem_type: Some(DataType::FLOAT), shape: Some(shape) };
        let r#type = TypeProto { tensor_type: Some(tensor_type), sequence: None };
        self.graph.input.push(ValueInfoProto { name: Some(name.into()), r#type: Some(r#type) });
    }

    /// Adds weights and returns their name.
    pub fn floats(&mut self, dims: &[usize], values: &[f32]) -> String {
        self.tensor(dims, |tensor| {
            tensor.data_type = Some(DataType::FLOAT);
            tensor.float_data = values.to_vec();
        })
    }

    /// Adds a vector of integers and returns its name.
    pub fn ints(&mut self, values: &[i64]) -> String {
        self.tensor(&[values.len()], |tensor| {
            tensor.data_type = Some(DataType::INT64);
            tensor.int64_data = values.to_vec();
        })
    }

    fn tensor(&mut self, dims: &[usize], fill: impl FnOnce(&mut TensorProto)) -> String {
        let name = format!("w{}", self.graph.initializer.len());
        let dims = dims.iter().map(|&dim| dim as i64).collect();
        let mut tensor = TensorProto { dims, name: Some(name.clone()), ..TensorProto::default() };
        fill(&mut tensor);
        self.graph.initializer.push(tensor);
        name
    }

    /// Adds a node with integer attributes (lists with more or less than one element are lists) and returns its output.
    pub fn op(&mut self, op: &str, inputs: &[&str], attributes: &[(&str, &[i64])]) -> String {
        let name = format!("{}{}", op.to_lowercase(), self.graph.node.len());
        let attribute = |(name, values): &(&str, &[i64])| match values {
            [value] => AttributeProto {
                name: Some((*name).into()),
                i: Some(*value),
                r#type: Some(AttributeType::INT),
                ..AttributeProto::default()
            },
            _ => AttributeProto {
                name: Some((*name).into()),
                ints: values.to_vec(),
                r#type: Some(AttributeType::INTS),
                ..AttributeProto::default()
            },
        };
        self.graph.node.push(NodeProto {
            name: Some(name.clone()),
            op_type: Some(op.into()),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.clone()],
            attribute: attributes.iter().map(attribute).collect(),
            domain: None,
        });
        name
    }

    /// The file, with this output.
    pub fn bytes(mut self, output: &str) -> Vec<u8> {
        self.graph.output.push(ValueInfoProto { name: Some(output.into()), r#type: None });
        let opset = OperatorSetIdProto { domain: None, version: Some(17) };
        let model = ModelProto { graph: Some(self.graph), opset_import: vec![opset], ..ModelProto::default() };
        model.write_buf().expect("memory is there")
    }
}
