//! Bias correction: rounding moves the mean of a channel, and the bias can move it back.
//!
//! Step after step, in the order in which they run, so that what an earlier correction has repaired is not repaired
//! again (Nagel et al. 2019, *Data-Free Quantization Through Weight Equalization and Bias Correction*, section 4.2, with
//! means from calibration inputs).

use super::lower::Lowering;
use super::partition::Partition;
use super::probe::{Probe, port};
use super::weights::Linear;
use super::{Item, QuantizeError, Units};
use crate::network::Network;

/// For each step what is to be added to the bias of each output channel.
pub fn corrections(
    network: &Network,
    partition: &Partition,
    units: &Units,
    items: &[Item],
) -> Result<Vec<Vec<f64>>, QuantizeError> {
    let weighted: Vec<usize> = (0..network.steps.len())
        .filter(|&step| network.steps[step].op.is_weighted() && partition.is_int8(step))
        .collect();
    if weighted.is_empty() {
        return Ok(Vec::new());
    }
    let written: Vec<usize> = weighted.iter().map(|&step| network.steps[step].output).collect();
    let wanted = means(network, &written, &written.iter().map(|&t| channels(network, t)).collect::<Vec<_>>(), items)?;
    let mut corrections = vec![Vec::new(); network.steps.len()];
    for ((&step, &tensor), wanted) in weighted.iter().zip(&written).zip(&wanted) {
        // The network up to this step, in integers but for the step itself: its weights are rounded, its output is not,
        // so that only the error that the bias can repair is seen.
        let mut head = network.clone();
        head.steps.truncate(step + 1);
        head.outputs = vec![port(network, tensor)];
        let layer = &mut head.steps[step];
        let linear = Linear::new(network, layer, &[]);
        let input = layer.operands.first().map_or(1.0, |&operand| f64::from(units[operand].scale));
        [layer.params[0], layer.params[1]] = linear.rounded(input, units[tensor].scale.into());
        let mut head_partition = Partition::new(&head);
        head_partition.keep_float(step);
        let mut lowering = Lowering::new(&head, &head_partition, units, false);
        lowering.corrections = &corrections;
        let lowered = lowering.lower()?.network;
        let shown = lowered.outputs.first().map_or(0, |port| port.tensor);
        let got = means(&lowered, &[shown], &[wanted.len()], items)?;
        let differences = wanted.iter().zip(got.iter().flatten());
        corrections[step] = differences.map(|(wanted, got)| wanted - got).collect();
    }
    Ok(corrections)
}

fn channels(network: &Network, tensor: usize) -> usize {
    network.shape(tensor).channels
}

/// Mean of every channel of some tensors, over all items and places.
fn means(
    network: &Network,
    tensors: &[usize],
    channels: &[usize],
    items: &[Item],
) -> Result<Vec<Vec<f64>>, QuantizeError> {
    let mut means: Vec<Vec<f64>> = channels.iter().map(|&channels| vec![0.0; channels]).collect();
    Probe::new(network, tensors)?.run(items, |_, values| {
        for (means, values) in means.iter_mut().zip(values) {
            let share = means.len() as f64 / (values.len() * items.len()) as f64;
            let channels = means.len();
            for (i, value) in values.iter().enumerate() {
                means[i % channels] += share * f64::from(value);
            }
        }
        Ok(())
    })?;
    Ok(means)
}
