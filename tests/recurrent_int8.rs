//! The LSTM over int8, on its way forward and back.

use proptest::prelude::*;
use relprop::rule::{Bias, Choice, Gates, Rule, Stabilizer};
use relprop::{ExplainError, Mismatch, Mode};
use support::cases::cases;
use support::checks::lstm_int8::{check, check_forward, in_floats, in_integers};
use support::lstm_int8::{Cell, any_cell};

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn cells_compute_what_they_should(cell in any_cell()) {
        check_forward(&cell)?;
    }

    #[test]
    fn signals_take_all(
        cell in any_cell(),
        bias in prop::sample::select(vec![Bias::Absorb, Bias::Zero, Bias::Redistribute]),
        epsilon in prop::sample::select(vec![0.02_f32, 0.1, 1.0]),
    ) {
        check(&cell, bias, epsilon)?;
    }
}

#[test]
fn what_has_no_form_in_int8_is_refused() {
    let cell = Cell {
        inputs: 1,
        units: 1,
        moments: 1,
        all: true,
        reverse: false,
        places: 12,
        bound: 0,
        zeros: [0; 2],
        weights: vec![1; 8],
        bias: vec![0; 4],
        x: vec![1],
        start: vec![1.0],
    };
    let refused = |choice: Choice<'_>| {
        let reason = |error| match error {
            ExplainError::RuleMismatch { step: 0, reason } => Some(reason),
            _ => None,
        };
        let floats = in_floats(&cell, choice, Mode::Explain).map(|_| ()).map_err(reason);
        (floats, in_integers(&cell, choice, Mode::Explain).map(|_| ()).map_err(reason))
    };
    let both = |reason| (Err(Some(reason)), Err(Some(reason)));
    let epsilon = Choice::new(Rule::Epsilon(0.001));
    assert_eq!(refused(epsilon), (Ok(()), Ok(())));
    for gates in [Gates::Half, Gates::Proportional, Gates::Magnitude] {
        assert_eq!(refused(epsilon.with_gates(gates)), both(Mismatch::Gates));
    }
    assert_eq!(refused(epsilon.with_stabilizer(Stabilizer::NormScale(0.1))), both(Mismatch::StabilizerNorm));
    assert_eq!(refused(Choice::new(Rule::ZPlus)), both(Mismatch::NoInt8));
    let gradient = (Err(Some(Mismatch::NoInt8)), Err(Some(Mismatch::NoDerivative)));
    assert_eq!(refused(Choice::new(Rule::Gradient)), gradient);
}
