//! Random networks for property tests: single layers of every kind, and graphs.
//!
//! The geometry is drawn by proptest, so that it shrinks; the many numbers inside (weights, inputs) grow from a seed.

pub mod choices;
pub mod graphs;
pub mod kinds;
pub mod layers;
pub mod numbers;
pub mod rectified;
pub mod small;

use relprop::step::Shape;
use relprop_convert::{Image, Network, emit};
use std::fmt;

/// A network and what to feed it.
#[derive(Clone)]
pub struct Case {
    /// The network.
    pub network: Network,
    /// Values of its inputs.
    pub inputs: Vec<Vec<f32>>,
    /// The step that the test is about: the last one, in a graph.
    pub step: usize,
}

impl Case {
    /// The image.
    pub fn image(&self) -> Image {
        emit(&self.network).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// One line per step: what a failing test shows must be readable.
impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = |tensor: &usize| {
            let Shape { height, width, channels } = self.network.shape(*tensor);
            format!("{tensor}:{height}x{width}x{channels}")
        };
        for (port, values) in self.network.inputs.iter().zip(&self.inputs) {
            write!(f, "\ninput {} = {}", shape(&port.tensor), short(values))?;
        }
        for s in &self.network.steps {
            let operands: Vec<String> = s.operands.iter().map(shape).collect();
            write!(f, "\n{} = {}({}) ", shape(&s.output), s.op.name(), operands.join(", "))?;
            let window = (s.kernel, s.stride, s.dilation, s.pads, s.groups);
            write!(f, "variant {} flags {} window {window:?} {:?} {:?}", s.variant, s.flags, s.floats, s.ints)?;
            write!(f, " weights {} bias {}", short(&s.params[0]), short(&s.params[1]))?;
        }
        let outputs: Vec<usize> = self.network.outputs.iter().map(|port| port.tensor).collect();
        write!(f, "\noutputs {outputs:?}, step {}", self.step)
    }
}

fn short(values: &[f32]) -> String {
    if values.len() <= 24 { format!("{values:?}") } else { format!("{:?} … {}", &values[..8], values.len()) }
}
