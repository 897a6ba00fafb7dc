//! How many cases a property test draws.

use proptest::test_runner::Config;

/// `cases` random cases, times the environment's `RELPROP_SOAK` if that is a number: more on a quiet evening than at
/// every commit.
pub fn cases(cases: u32) -> Config {
    let soak = std::env::var("RELPROP_SOAK").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let plain = Config::with_cases(cases.saturating_mul(soak));
    // proptest gives up after a fixed number of assumptions that fail; it has to grow with the cases that make them.
    Config {
        failure_persistence: None,
        max_global_rejects: plain.max_global_rejects.saturating_mul(soak.max(1)),
        ..plain
    }
}
