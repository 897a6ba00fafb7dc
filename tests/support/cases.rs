//! How many cases a property test draws.

use proptest::test_runner::Config;

/// `cases` random cases, times the environment's `RELPROP_SOAK` if that is a number: more on a quiet evening than at
/// every commit.
pub fn cases(cases: u32) -> Config {
    let soak = std::env::var("RELPROP_SOAK").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    Config { failure_persistence: None, ..Config::with_cases(cases.saturating_mul(soak)) }
}
