//! Float networks to int8: ranges from calibration inputs, weights per output channel, and a report of what it cost.
//!
//! ```text
//! Network (floats) ── observe ──> ranges of every tensor ── clip ──> a unit per tensor ── lower ──> Network (int8)
//!        │                                                                                  ^
//!        └── partition: what is int8, what is fused, which tensors share a unit ────────────┘
//! ```
//!
//! * `rewrite` replaces what has no int8 form of its own by something that has.
//! * `observe` runs the float network on the calibration inputs and notes how values spread; `clip` chooses which
//!   part of the spread 256 integers stand for.
//! * `partition` decides which steps compute in int8 and which `ReLU` becomes the range of the step before it.
//! * `lower` writes the steps: symmetric weights per output channel, biases, multipliers and shifts. A step that has
//!   no int8 form stays as it is, between conversions.
//! * `correct` shifts biases by the mean error of their channel, if that is wanted.
//! * `report` compares the two networks, tensor by tensor.
//!
//! Nothing depends on chance or on the host: the same network and inputs give the same bytes.

mod clip;
mod correct;
mod error;
mod integers;
mod lower;
mod observe;
mod partition;
mod pooling;
mod probe;
mod report;
mod rewrite;
mod unit;
mod weights;

pub use clip::Method;
pub use error::QuantizeError;
pub use report::LayerReport;

use crate::network::{Network, Quantization};
use lower::Lowering;
use partition::Partition;

/// One calibration input: the values of every input of the network, in the kernel's order.
pub type Item = Vec<Vec<f32>>;

/// Most calibration inputs that the report and the bias correction look at, from the first one on.
const COMPARED: usize = 256;

/// How a network is quantised.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QuantizeOptions {
    /// Which range of values the integers stand for.
    pub method: Method,
    /// Shift each bias by the mean error of its channel.
    pub bias_correction: bool,
    /// Inputs and outputs stay floats, and conversions lie between them and the rest.
    pub float_ends: bool,
}

/// A quantised network.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// The network, ready to be [emitted](crate::emit()).
    pub network: Network,
    /// What became of each tensor, in data-flow order.
    pub layers: Vec<LayerReport>,
}

/// Quantises a float network, with ranges from the given inputs.
///
/// # Errors
/// There are no inputs, they do not fit the network, a value on the way is not finite, the network has integers
/// already, or it cannot be written as an image.
pub fn quantize(network: &Network, items: &[Item], options: &QuantizeOptions) -> Result<Quantized, QuantizeError> {
    if network.tensors.iter().any(|tensor| tensor.quantization.is_some()) {
        return Err(QuantizeError::Integers);
    }
    if network.tensors.iter().any(|tensor| tensor.is_sequence) {
        return Err(QuantizeError::Sequences);
    }
    let network = &rewrite::rewritten(network);
    let spreads = observe::observe(network, items, options.method)?;
    let partition = Partition::new(network);
    let units = unit::units(network, &partition, &spreads, options.method);
    let mut lowering = Lowering::new(network, &partition, &units, options.float_ends);
    let compared = items.get(..COMPARED).unwrap_or(items);
    let corrections;
    if options.bias_correction {
        corrections = correct::corrections(network, &partition, &units, compared)?;
        lowering.corrections = &corrections;
    }
    let lowered = lowering.lower()?;
    let layers = report::report(network, &lowered, compared)?;
    Ok(Quantized { network: lowered.network, layers })
}

/// The unit of every tensor, where it is int8.
type Units = Vec<Quantization>;
