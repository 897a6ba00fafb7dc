//! A network with its tensors in sight: they become its outputs, so that none is overwritten.

use super::{Item, QuantizeError};
use crate::emit::emit;
use crate::image::Image;
use crate::network::{Network, Port};
use relprop::{Mode, Session, Values};

/// A network that shows some of its tensors.
pub struct Probe {
    image: Image,
    shown: usize,
}

impl Probe {
    /// Shows tensors that steps write.
    pub fn new(network: &Network, tensors: &[usize]) -> Result<Self, QuantizeError> {
        let mut network = network.clone();
        network.outputs = tensors.iter().map(|&tensor| port(&network, tensor)).collect();
        Ok(Self { image: emit(&network)?, shown: tensors.len() })
    }

    /// Runs the network on every item and calls `f(item, values of the tensors)`.
    pub fn run(
        &self,
        items: &[Item],
        mut f: impl FnMut(usize, &[Values<'_>]) -> Result<(), QuantizeError>,
    ) -> Result<(), QuantizeError> {
        let model = self.image.model()?;
        let mut arena = vec![0; model.arena_bytes(Mode::Infer) + 16];
        let mut session = Session::new(&model, &mut arena, Mode::Infer)?;
        for (i, item) in items.iter().enumerate() {
            let inputs: Vec<&[f32]> = item.iter().map(Vec::as_slice).collect();
            session.run_all(&inputs).map_err(|error| QuantizeError::Item { item: i, error })?;
            let values: Vec<Values<'_>> = (0..self.shown).filter_map(|shown| session.output(shown)).collect();
            f(i, &values)?;
        }
        Ok(())
    }
}

/// An output in the kernel's own layout.
pub fn port(network: &Network, tensor: usize) -> Port {
    let shape = network.shape(tensor);
    Port::new("", tensor, vec![1, shape.height, shape.width, shape.channels])
}
