//! Statements that hold for any graph: the books balance, an explanation is linear in where it starts, and is the same
//! whenever it is asked for.

use crate::kernel::{self, bits, slices};
use crate::networks::Case;
use proptest::prelude::*;
use relprop::{Composite, Entry, Mode, Preset, Seed, Session, Target};

fn magnitude(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(v.abs())).sum()
}

fn total(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum()
}

/// Relevance at the output is that at the inputs, and what the books say was taken on the way (Bach et al. 2015).
///
/// # Errors
/// By how much the books are off.
pub fn check_balance(case: &Case, preset: Preset<'_>, output: usize) -> Result<(), TestCaseError> {
    let image = case.image();
    let model = image.model().unwrap();
    let target = Target::TOP.at_output(output % model.outputs());
    let seen = kernel::explain(&model, &case.inputs, Mode::Explain, &target, &Composite::new(preset)).unwrap();
    prop_assume!(seen.relevance.iter().flatten().flatten().all(|r| r.is_finite()));
    let [seeded, received, imbalance] = seen.sums;
    let columns = |e: &Entry| [e.arrived, e.left, e.bias, e.stabilizer, e.dropped, e.rounding].map(f32::abs);
    let moved: f64 = seen.entries.iter().flat_map(columns).map(f64::from).sum();
    prop_assert!(f64::from(imbalance.abs()) <= 1e-5 * (moved + f64::from(seeded.abs())), "off by {imbalance}");
    // The two ends are what lies there.
    let inputs = seen.inputs.concat();
    prop_assert!((total(&inputs) - f64::from(received)).abs() <= 1e-6 * magnitude(&inputs));
    prop_assert!((f64::from(seeded) - f64::from(seen.class.1)).abs() <= 1e-6 * f64::from(seeded.abs()));
    Ok(())
}

/// Twice the seed is twice the relevance everywhere, to the last bit: every rule is positively homogeneous in what arrives
/// (Montavon et al. 2019, equation 10.1: a rule is a sum of shares, each a fixed part of what arrives).
///
/// # Errors
/// Which input's relevance is not doubled.
pub fn check_homogeneity(case: &Case, preset: Preset<'_>, seed: &[f32]) -> Result<(), TestCaseError> {
    let image = case.image();
    let model = image.model().unwrap();
    let composite = Composite::new(preset);
    let explained = |seed: &[f32]| {
        let target = Target { output: 0, seed: Seed::Values(seed) };
        kernel::explain(&model, &case.inputs, Mode::Explain, &target, &composite).unwrap().inputs.concat()
    };
    let (once, twice) = (explained(seed), explained(&seed.iter().map(|r| 2.0 * r).collect::<Vec<_>>()));
    // Next to the smallest numbers, and beyond the largest, doubling rounds.
    let sound = |r: &f32| r.is_finite() && (*r == 0.0 || r.abs() > 1e-20) && r.abs() < 1e20;
    prop_assume!(once.iter().all(sound));
    let doubled: Vec<f32> = once.iter().map(|r| 2.0 * r).collect();
    for (at, (got, wanted)) in twice.iter().zip(&doubled).enumerate() {
        let off = (f64::from(*got) - f64::from(*wanted)).abs();
        prop_assert!(off <= 1e-6 * magnitude(&doubled), "{preset:?}: [{at}] is {got}, not {wanted}");
    }
    Ok(())
}

/// The same bits, whatever the session ran or explained before, in whatever order.
///
/// # Errors
/// Two explanations differ.
pub fn check_same_bits(case: &Case, presets: [Preset<'_>; 2], mode: Mode) -> Result<(), TestCaseError> {
    let image = case.image();
    let model = image.model().unwrap();
    let last = Target { output: model.outputs() - 1, seed: Seed::All };
    let mut arena = kernel::arena(&model, mode);
    let mut session = Session::new(&model, &mut arena, mode).unwrap();
    // Another run before, and another explanation.
    let other: Vec<Vec<f32>> = case.inputs.iter().map(|x| x.iter().map(|x| 7.0 - 3.0 * x).collect()).collect();
    session.run_all(&slices(&other)).unwrap();
    session.explain(&Target::TOP, &Composite::new(Preset::Gradient)).unwrap();
    session.run_all(&slices(&case.inputs)).unwrap();
    let [a, b] = presets.map(Composite::new);
    for (target, composite) in [(Target::TOP, &a), (last, &b), (Target::TOP, &a), (Target::TOP, &b)] {
        let seen = kernel::explain_in(&mut session, &target, composite).unwrap();
        let fresh = kernel::explain(&model, &case.inputs, mode, &target, composite).unwrap();
        prop_assert_eq!(seen.bits(), fresh.bits());
        prop_assert_eq!(bits(&seen.outputs.concat()), bits(&kernel::run(&model, &case.inputs, Mode::Infer).concat()));
    }
    Ok(())
}
