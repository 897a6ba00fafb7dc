//! With or without a batch axis: how an array's shape matches that of the model.

use anyhow::{bail, ensure};

/// How an array relates to a port of the model, whose own batch is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Exactly the port's shape: one item.
    One,
    /// The port's shape without its leading 1: one item.
    Bare,
    /// An axis before the port's shape.
    Outer(usize),
    /// More than one where the port has its leading 1.
    Inner(usize),
}

impl Batch {
    /// Compares the shape of an array with that of a port.
    ///
    /// # Errors
    /// They do not fit, or there is no item.
    pub fn of(shape: &[usize], port: &[usize]) -> anyhow::Result<Self> {
        let (leading_one, rest) = match port {
            [1, rest @ ..] => (true, rest),
            _ => (false, port),
        };
        let batch = match shape {
            _ if shape == port => Self::One,
            _ if leading_one && shape == rest => Self::Bare,
            [n, inner @ ..] if leading_one && inner == rest => Self::Inner(*n),
            [n, inner @ ..] if inner == port => Self::Outer(*n),
            _ => bail!("its shape is {}, the model takes {}", dimensions(shape), dimensions(port)),
        };
        ensure!(batch.items() > 0, "it holds no items: its shape is {}", dimensions(shape));
        Ok(batch)
    }

    /// How many items there are.
    pub fn items(self) -> usize {
        match self {
            Self::One | Self::Bare => 1,
            Self::Outer(n) | Self::Inner(n) => n,
        }
    }

    /// Whether there is an axis of items.
    pub fn has_axis(self) -> bool {
        matches!(self, Self::Outer(_) | Self::Inner(_))
    }

    /// The shape of all items of another port, in the same manner.
    pub fn shape(self, port: &[usize]) -> Vec<usize> {
        let outer = |n: usize| [&[n], port].concat();
        match (self, port) {
            (Self::Bare, [1, rest @ ..]) => rest.to_vec(),
            (Self::Inner(n), [1, rest @ ..]) => [&[n], rest].concat(),
            (Self::One | Self::Bare, _) => port.to_vec(),
            (Self::Outer(n) | Self::Inner(n), _) => outer(n),
        }
    }
}

/// `[1, 28, 28]`
pub fn dimensions(shape: &[usize]) -> String {
    format!("{shape:?}")
}

#[cfg(test)]
mod tests {
    use super::Batch;

    #[test]
    fn shapes_say_whether_there_is_a_batch() {
        let port = [1, 1, 28, 28];
        let of = |shape: &[usize]| Batch::of(shape, &port).ok();
        assert_eq!(of(&[1, 1, 28, 28]), Some(Batch::One));
        assert_eq!(of(&[1, 28, 28]), Some(Batch::Bare));
        assert_eq!(of(&[3, 1, 28, 28]), Some(Batch::Inner(3)));
        assert_eq!(of(&[1, 1, 1, 28, 28]), Some(Batch::Outer(1)));
        assert_eq!(of(&[28, 28]), None);
        assert_eq!(of(&[0, 1, 28, 28]), None);
        assert_eq!(of(&[1, 28, 28, 1]), None);
        // A sequence first, then the batch.
        assert_eq!(Batch::of(&[7, 1, 5], &[7, 1, 5]).ok(), Some(Batch::One));
        assert_eq!(Batch::of(&[2, 7, 1, 5], &[7, 1, 5]).ok(), Some(Batch::Outer(2)));
    }

    #[test]
    fn outputs_follow() {
        assert_eq!(Batch::One.shape(&[1, 10]), [1, 10]);
        assert_eq!(Batch::Bare.shape(&[1, 10]), [10]);
        assert_eq!(Batch::Inner(3).shape(&[1, 10]), [3, 10]);
        assert_eq!(Batch::Inner(3).shape(&[10]), [3, 10]);
        assert_eq!(Batch::Outer(3).shape(&[1, 10]), [3, 1, 10]);
    }
}
