//! A second opinion: a naive float64 interpreter of networks, written from the formulas and not from the kernel.
//!
//! Nothing here is fast or saves memory. A linear layer is a list of [taps](taps::Tap), built from the geometry as
//! people write it down; a rule is the formula of the paper over that list. What the oracle shares with the kernel is
//! the description of a network, and the types that name rules.

pub mod backward;
pub mod forward;
pub mod functions;
pub mod rules;
pub mod taps;
pub mod unlike;

pub use backward::{Back, Taken, backward};
pub use forward::{forward, run};

use relprop::step::Shape;

/// Rows, columns and channels of every element, in the kernel's order.
pub(crate) fn places(shape: Shape) -> impl Iterator<Item = [usize; 3]> {
    (0..shape.elements()).map(move |i| [i / shape.row(), i % shape.row() / shape.channels, i % shape.channels])
}

/// Index of an element in the kernel's order.
pub(crate) const fn at(shape: Shape, [row, column, channel]: [usize; 3]) -> usize {
    (row * shape.width + column) * shape.channels + channel
}
