//! What the literature says of relevance, statement by statement: a file each, with where it was stated.
//!
//! `cargo xtask test --long` draws many more cases. Those that hold for any graph are in `tests/support/checks`, and the
//! fuzz target `graph` holds its networks to them, too.

mod alpha_beta;
mod batch_norm;
mod conservation;
mod dead_input;
mod epsilon_to_zero;
mod int8_bound;
mod once;
mod permutation;
mod positivity;
mod rescaling;
mod same_bits;
mod seed_linearity;
mod z_box;

use relprop::{Composite, Mode, Seed, Target};
use relprop_convert::{Network, emit};
use support::kernel::{self, Seen};

/// Explains the first output of a network of one input.
fn explained(network: &Network, input: &[f32], target: Target<'_>, composite: &Composite<'_>) -> Seen {
    let image = emit(network).unwrap();
    kernel::explain(&image.model().unwrap(), &[input.to_vec()], Mode::Explain, &target, composite).unwrap()
}

/// The same with other seeds.
fn seeded(network: &Network, input: &[f32], seed: Seed<'_>, composite: &Composite<'_>) -> Seen {
    explained(network, input, Target { output: 0, seed }, composite)
}
