//! From steps over quantised tensors to a network of integers.

use super::error::Error;
use super::resolve::Resolved;
use super::schema::Tensor;
use crate::network::Network;
use crate::onnx::Refusal;
use crate::options::Options;

/// Turns a graph into a network of integers: not yet.
///
/// # Errors
/// The first activation that is not of floats.
pub fn lower(resolved: &Resolved<'_, '_>, _: &Options) -> Result<Network, Error> {
    let refusal = |tensor: &Tensor<'_>| Refusal {
        name: tensor.name.clone(),
        op: tensor.element.name(),
        reason: "quantised activations are not supported yet: convert the float model".into(),
    };
    Err(Error::Unsupported(resolved.quantised().take(1).map(refusal).collect()))
}
