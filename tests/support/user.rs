//! Between the kernel's order of elements and the user's.

use crate::npy::Array;
use relprop::Model;
use relprop::step::Shape;

/// The user's input in the kernel's order.
pub fn to_kernel(model: &Model<'_>, user: &Array) -> Vec<f32> {
    let mut kernel = vec![0.0; user.values.len()];
    model.input(0).to_kernel(&user.narrowed(), &mut kernel);
    kernel
}

/// Relevance of the input in the user's order.
pub fn to_user(model: &Model<'_>, kernel: &[f32]) -> Vec<f32> {
    let mut user = vec![0.0; kernel.len()];
    model.input(0).to_user(kernel, &mut user);
    user
}

/// An activation in the order of the exported model, channels first.
///
/// A flattened picture is still a picture in the kernel's order, so it is the shape of what was flattened that counts.
pub fn channels_first(model: &Model<'_>, tensor: usize, values: &[f32]) -> Vec<f32> {
    let Shape { height, width, channels } = unflattened(model, tensor);
    let pixels = height * width;
    (0..pixels * channels).map(|i| values[i % pixels * channels + i / pixels]).collect()
}

/// The shape of a tensor before it was flattened, if it was.
fn unflattened(model: &Model<'_>, tensor: usize) -> Shape {
    let shape = model.tensor(tensor).shape;
    if shape.height * shape.width > 1 {
        return shape;
    }
    match model.producer(tensor).map(|index| model.step(index)) {
        Some(step) if step.op == relprop::step::Op::View => unflattened(model, model.operand(&step, 0)),
        _ => shape,
    }
}
