//! An explanation is a function of the model, the input, the target and the rules, and of nothing else: run twice, in any
//! order, in a session that was used before, it has the same bits.

use proptest::prelude::*;
use relprop::Mode;
use support::cases::cases;
use support::checks::statements::check_same_bits;
use support::networks::choices::presets;
use support::networks::graphs::graph;

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn explanations_do_not_depend_on_what_came_before(case in graph(), a in presets(), b in presets(), retain: bool) {
        check_same_bits(&case, [a, b], if retain { Mode::Retain } else { Mode::Explain })?;
    }
}
