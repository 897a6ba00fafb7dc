//! What average pooling divides by.

use crate::network::{Layer, Network};
use relprop::model::format::step::FLAG_COUNT_PAD;

/// The divisor of every window of an average pooling, where it is the same for all: then it is part of the factor that
/// the output is rescaled by. Where it is not, the kernel divides, and does not rescale.
pub fn divisor(network: &Network, step: &Layer) -> Option<usize> {
    let input = step.operands.first().map(|&operand| network.shape(operand))?;
    let output = network.shape(step.output);
    let vertical = along(step, 0, input.height, output.height)?;
    Some(vertical * along(step, 1, input.width, output.width)?)
}

/// How many taps of each window count along an axis.
fn along(step: &Layer, axis: usize, input: usize, output: usize) -> Option<usize> {
    let [kernel, stride, dilation] =
        [step.kernel, step.stride, step.dilation].map(|extents| usize::from(extents[axis]));
    let [before, after] = [axis, axis + 2].map(|side| usize::from(step.pads[side]));
    let counted = if step.flags & FLAG_COUNT_PAD != 0 { 0..input + before + after } else { before..input + before };
    let count = |o: usize| (0..kernel).filter(|k| counted.contains(&(o * stride + k * dilation))).count();
    let first = count(0);
    (0..output).all(|o| count(o) == first).then_some(first.max(1))
}

#[cfg(test)]
mod tests {
    use super::divisor;
    use crate::builder::Window;
    use crate::network::Network;
    use relprop::step::Shape;

    #[test]
    fn windows_at_the_edge_may_count_less() {
        let window = Window { stride: [2; 2], ..Window::new(2, 2) };
        let (padded, hanging) = (Window { pads: [1; 4], ..window }, Window { ceil: true, ..window });
        for (window, size, count_pad, expected) in [
            (window, 4, false, Some(4)),
            (padded, 4, false, None),
            (padded, 4, true, Some(4)),
            (hanging, 5, false, None),
            (hanging, 5, true, None),
        ] {
            let mut network = Network::named("n");
            let x = network.input("x", Shape::new(size, size, 1));
            network.average_pool(x, &window, count_pad);
            assert_eq!(divisor(&network, &network.steps[0]), expected, "{window:?} {count_pad}");
        }
    }
}
