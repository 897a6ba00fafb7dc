//! Counting checks, and telling all failures at once.

/// How the checks of a pack went.
#[derive(Debug, Default)]
pub struct Tally {
    checks: usize,
    worst: f64,
    worst_at: String,
    /// Largest error in units of what is allowed.
    tightest: f64,
    /// What went wrong.
    pub failures: Vec<String>,
}

impl Tally {
    /// Checks an error against what is allowed.
    pub fn check(&mut self, what: &str, error: f64, tolerance: f64) {
        self.checks += 1;
        if error > self.worst {
            (self.worst, self.worst_at) = (error, what.to_owned());
        }
        self.tightest = self.tightest.max(error / tolerance);
        if error.is_nan() || error > tolerance {
            self.failures.push(format!("{what}: off by {error:.2e}, {tolerance:.1e} allowed"));
        }
    }

    /// Says how it went.
    pub fn report(self, pack: &str) {
        println!(
            "{pack}: {} checks, worst error {:.2e} ({}), at most {:.2} of what is allowed",
            self.checks, self.worst, self.worst_at, self.tightest
        );
        assert!(self.checks > 0, "{pack}: nothing was checked");
        assert!(self.failures.is_empty(), "{} of {}:\n{}", self.failures.len(), self.checks, self.failures.join("\n"));
    }
}
