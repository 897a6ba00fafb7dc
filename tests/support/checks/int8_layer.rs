//! An int8 layer under a rule, in floats and in integers, against the oracle.

use crate::books::Expected;
use crate::close::Figures;
use crate::int8::Twins;
use crate::networks::numbers::{Numbers, Style};
use crate::{kernel, oracle};
use proptest::prelude::*;
use relprop::rule::{Bias, Choice};
use relprop::step::Op;
use relprop::{Composite, Entry, ExplainError, Mode, Preset, Seed, Select, Session, Target, Whole};

/// What float32 may lose.
pub const FLOATS: f64 = 4e-6;
/// What integers may lose of the whole.
const INTEGERS: f64 = 1e-4;

/// Relevance of every input and the books, in floats.
///
/// # Errors
/// The kernel refuses the rule.
pub fn in_floats(
    twins: &Twins,
    target: &Target<'_>,
    composite: &Composite<'_>,
) -> Result<(Vec<Vec<f32>>, Entry), ExplainError> {
    let image = twins.image();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, Mode::Explain);
    let mut session = Session::new(&model, &mut arena, Mode::Explain).unwrap();
    let inputs: Vec<&[i8]> = twins.q.iter().map(Vec::as_slice).collect();
    session.run_int8(&inputs).unwrap();
    let explanation = session.explain(target, composite)?;
    let entry = explanation.ledger().entries().next().unwrap();
    Ok(((0..inputs.len()).map(|i| explanation.relevance_of(i).to_vec()).collect(), entry))
}

/// Relevance of every input and the books, in integers.
fn in_integers(
    twins: &Twins,
    target: &Target<'_>,
    composite: &Composite<'_>,
) -> Result<(Vec<Vec<f64>>, Whole, f64), ExplainError> {
    let image = twins.image();
    let model = image.model().unwrap();
    let mut arena = kernel::arena(&model, Mode::Explain);
    let mut session = Session::new_fixed(&model, &mut arena, Mode::Explain).unwrap();
    let inputs: Vec<&[i8]> = twins.q.iter().map(Vec::as_slice).collect();
    session.run_int8(&inputs).unwrap();
    let explanation = session.explain(target, composite)?;
    assert_eq!(explanation.ledger().imbalance(), 0);
    let entry = explanation.ledger().entries().next().unwrap();
    assert_eq!(entry.arrived - entry.left - entry.bias - entry.stabilizer - entry.dropped - entry.rounding, 0);
    let real = |i| {
        let unit = f64::from(explanation.unit_of(i));
        explanation.relevance_of(i).iter().map(|r| f64::from(*r) * unit).collect()
    };
    Ok(((0..inputs.len()).map(real).collect(), entry, f64::from(explanation.ledger_unit())))
}

fn back_tiles(twins: &Twins) -> usize {
    twins.float.shape(twins.float.steps[0].output).channels.div_ceil(32)
}

/// Whether the rule of the first step was refused.
fn is_mismatch(error: ExplainError) -> bool {
    matches!(error, ExplainError::RuleMismatch { step: 0, .. })
}

/// The way back through an int8 layer, in floats and in integers, against the oracle on its float twin.
///
/// # Errors
/// What is off.
pub fn check(twins: &Twins, choice: Choice<'_>, seed: u64) -> Result<(), TestCaseError> {
    let layer = &twins.float.steps[0];
    let start = Numbers::new(seed, Style::Smooth).sparse(twins.float.shape(layer.output).elements());
    let x: Vec<Figures> = twins.x.iter().map(|x| Figures::exact(x.iter().map(|v| f64::from(*v)).collect())).collect();
    let known = |x: &Figures| Figures { scale: vec![0.0; x.value.len()], ..x.clone() };
    let x: Vec<Figures> = x.iter().map(known).collect();
    let arrived: Vec<f64> = start.iter().map(|v| f64::from(*v)).collect();
    let back = oracle::backward(&twins.float, layer, Some(choice), &x, &arrived);
    prop_assume!(!back.uncertain);
    let overrides = [(Select::Position(0), choice)];
    let composite = Composite::new(Preset::Gradient).with(&overrides);
    let target = Target { output: 0, seed: Seed::Values(&start) };

    match in_floats(twins, &target, &composite) {
        Err(error) => prop_assert!(is_mismatch(error), "{}", error),
        Ok((seen, entry)) => {
            let conserves = choice.rule.conserves() && layer.op != Op::Pad;
            let books = Expected { arrived: &arrived, back: &back, conserves, before: 0.0 }.check(&entry);
            prop_assert!(books.is_ok(), "{} under {choice:?}", books.unwrap_err());
            for (wanted, got) in back.relevance.iter().zip(&seen) {
                let (worst, at) = wanted.worst(got);
                prop_assert!(
                    worst <= FLOATS,
                    "floats: [{at}] is {} and should be {} on {} under {choice:?}",
                    got[at],
                    wanted.value[at],
                    wanted.scale[at]
                );
            }
        }
    }
    match in_integers(twins, &target, &composite) {
        Err(error) => prop_assert!(is_mismatch(error), "{}", error),
        Ok((seen, entry, unit)) => {
            let whole: f64 = back.relevance.iter().flat_map(|r| &r.scale).sum();
            for (wanted, got) in back.relevance.iter().zip(&seen) {
                let off: f64 = wanted.value.iter().zip(got).map(|(a, b)| (a - b).abs()).sum();
                prop_assert!(off <= INTEGERS * whole, "integers: off by {off} of {whole} under {choice:?}");
            }
            prop_assert_eq!(entry.saturated, 0);
            // Half a unit for every share (of a dense layer there is one for every 32 outputs), a trace of what each
            // output takes and of the whole, and what is cut off because the quotients of a row share an exponent: the
            // largest has 30 bits, so that is less than 2⁻²⁹ of it.
            let tiles = if layer.op == Op::Dense { back_tiles(twins) } else { 1 };
            let shares = tiles * twins.q.iter().map(Vec::len).sum::<usize>() + arrived.len();
            let trace = if choice.bias == Bias::Redistribute { 1e-3 } else { 1e-6 } * whole;
            let most = 1.0 + shares as f64 / 2.0 + (trace + back.shared * 2f64.powi(-29)) / unit;
            let conserves = choice.rule.conserves() && layer.op != Op::Pad;
            prop_assert!(!conserves || (entry.rounding as f64).abs() <= most, "{most}: {entry:?} under {choice:?}");
        }
    }
    Ok(())
}
