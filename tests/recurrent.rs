//! Recurrent layers against a naive evaluation in double precision.

use proptest::prelude::*;
use relprop::rule::Gates;
use relprop::step::Shape;
use relprop::{Composite, Mode, Preset, Session, Target};
use relprop_convert::{Network, emit};
use support::cases::cases;
use support::checks::recurrent::{check_forward, check_gates, check_gradient, check_signals, check_statements};
use support::close::relative_to_peak;
use support::recurrent::{any_cell, choices};

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn cells_compute_what_they_stand_for(cell in any_cell()) {
        check_forward(&cell)?;
    }

    #[test]
    fn signals_take_all(cell in any_cell(), unit in any::<prop::sample::Index>(), redistribute: bool) {
        check_signals(&cell, unit.index(cell.units), redistribute)?;
    }

    #[test]
    fn gradients_are_slopes(cell in any_cell(), unit in any::<prop::sample::Index>()) {
        check_gradient(&cell, unit.index(cell.units))?;
    }

    #[test]
    fn gates_may_get_their_share(
        cell in any_cell(),
        gates in prop::sample::select(vec![Gates::Half, Gates::Proportional, Gates::Magnitude]),
    ) {
        check_gates(&cell, gates)?;
    }

    #[test]
    fn sequences_before_leave_nothing_behind(cell in any_cell(), choice in choices(), other: usize) {
        check_statements(&cell, choice, other)?;
    }
}

#[test]
fn a_sequence_is_as_long_as_it_is() {
    let mut network = Network::named("tokens");
    let tokens = network.token_input("tokens", 5);
    let x = network.embedding_int8(tokens, 2, &[0, 0, 10, 20, -30, 40], 0.1);
    let mean = network.average_pool(x, &relprop_convert::Window::new(5, 1), false);
    network.output(mean);
    let image = emit(&network).unwrap();
    let model = image.model().unwrap();
    let mut arena = vec![0; model.arena_bytes(Mode::Explain) + 16];
    let mut session = Session::new(&model, &mut arena, Mode::Explain).unwrap();
    assert_eq!(session.run_tokens(&[1, 2]).unwrap().iter().collect::<Vec<_>>(), [-1.0, 3.0]);
    let explanation = session.explain(&Target::class(1), &Composite::new(Preset::Epsilon(0.0))).unwrap();
    assert!(relative_to_peak(explanation.relevance(), &[1.0, 2.0]) <= 1e-6);
    assert_eq!(session.run_tokens(&[2]).unwrap().iter().collect::<Vec<_>>(), [-3.0, 4.0]);
    for (tokens, wanted) in [
        (&[][..], "input 0 is a sequence of 1 to 5 moments of 1 elements, 0 elements were given"),
        (&[0; 6], "input 0 is a sequence of 1 to 5 moments of 1 elements, 6 elements were given"),
        (&[0, 3], "token 3 (the one at 1) is not one of the model's 3"),
    ] {
        assert_eq!(session.run_tokens(tokens).unwrap_err().to_string(), wanted);
    }
    assert_eq!(session.run(&[1.0]).unwrap_err().to_string(), "input 0 takes tokens, numbers were given");
    assert_eq!(model.tensor(0).shape, Shape::new(5, 1, 1));
    assert_eq!(session.model().tensor(0).shape, Shape::new(1, 1, 1));
}
