//! Where the elements of an input lie, for those who read it as a picture.

use relprop::step::{Port, Shape};

/// How far apart neighbours lie in the exported layout: down, to the right, and from channel to channel; `None` where they
/// do not lie evenly.
pub fn strides(port: &Port, shape: Shape) -> Option<[usize; 3]> {
    let mut axes = axes(port);
    let mut along = |extent: usize| {
        let (mut covered, mut stride) = (1, 0);
        while covered < extent {
            let (dim, apart) = axes.pop()?;
            match stride {
                0 => stride = apart,
                // Two axes read as one: the outer one goes on where the inner one ends.
                _ if apart == stride * covered => {}
                _ => return None,
            }
            covered *= dim;
        }
        (covered == extent).then_some(stride)
    };
    let channels = along(shape.channels)?;
    let width = along(shape.width)?;
    Some([along(shape.height)?, width, channels])
}

/// Extent and stride of every axis longer than 1, in the kernel's order, the slowest first.
fn axes(port: &Port) -> Vec<(usize, usize)> {
    let mut strides = port.dims;
    let mut stride = 1;
    for (to, dim) in strides.iter_mut().zip(port.dims).rev() {
        *to = stride;
        stride *= dim;
    }
    let axis = |&axis: &u8| Some((*port.dims.get(usize::from(axis))?, *strides.get(usize::from(axis))?));
    port.order.iter().filter_map(axis).filter(|(dim, _)| *dim > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::strides;
    use relprop::step::Shape;
    use relprop_convert::{Network, emit};

    fn of(dims: Vec<usize>, order: [u8; 6], shape: Shape) -> Option<[usize; 3]> {
        let mut network = Network::named("grid");
        let x = network.input("x", shape);
        let y = network.relu(x);
        network.output(y);
        let port = network.inputs.first_mut().unwrap();
        (port.dims, port.order) = (dims, order);
        let image = emit(&network).unwrap();
        let model = image.model().unwrap();
        strides(&model.input(0), shape)
    }

    #[test]
    fn channels_lie_first_or_last() {
        let shape = Shape::new(4, 5, 3);
        assert_eq!(of(vec![1, 3, 4, 5], [0, 2, 3, 1, 4, 5], shape), Some([5, 1, 20]));
        assert_eq!(of(vec![1, 4, 5, 3], [0, 1, 2, 3, 4, 5], shape), Some([15, 3, 1]));
    }

    #[test]
    fn axes_may_be_read_as_one() {
        assert_eq!(of(vec![1, 4, 5], [0, 1, 2, 3, 4, 5], Shape::new(1, 1, 20)), Some([0, 0, 1]));
        assert_eq!(of(vec![1, 4, 5], [0, 2, 1, 3, 4, 5], Shape::new(1, 1, 20)), None);
    }
}
