//! Random graphs: every step against the oracle, from what the kernel itself had there.
//!
//! Errors would grow on their way through a whole network; step by step they stay as small as one step makes them, and
//! that every step is right makes the whole right.

use proptest::prelude::*;
use support::cases::cases;
use support::checks::graph::check;
use support::networks::choices::{picks, presets};
use support::networks::graphs::graph;

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn every_step_of_a_graph_is_right(
        case in graph(),
        preset in presets(),
        pick in (picks(), prop::option::of(0_usize..20)),
        aim in (0_usize..3, any::<usize>(), any::<usize>()),
    ) {
        check(&case, preset, pick, aim)?;
    }
}
