//! Which part of a spread the integers stand for: wide ranges round coarsely, narrow ones saturate.

use super::observe::Spread;

/// How the range of a tensor is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// From the smallest value to the largest.
    #[default]
    MinMax,
    /// Without the outermost values: at least this share, between 0 and 1, of the values that are not zero lies below the
    /// upper end, and as many above the lower.
    Percentile(f64),
    /// Where the mean squared error of rounding and saturation is smallest.
    Mse,
}

impl Method {
    /// The share that [`Method::Percentile`] keeps if nothing else is said.
    pub const PERCENTILE: f64 = 0.9999;
}

/// How many ends are tried on each side.
const ENDS: u32 = 100;
/// The narrowest range tried, as a share of the whole.
const NARROWEST: f64 = 0.1;

/// The range that a spread gets; zero is within.
pub fn range(spread: &Spread, method: Method) -> (f64, f64) {
    let whole = (f64::from(spread.low), f64::from(spread.high));
    match method {
        Method::MinMax => whole,
        Method::Percentile(share) => percentile(spread, share),
        Method::Mse => least_error(spread, whole),
    }
}

fn percentile(spread: &Spread, share: f64) -> (f64, f64) {
    let total = spread.bins.iter().sum::<u64>();
    let outside = ((1.0 - share) * total as f64) as u64;
    let low = end(spread.values(), outside).map_or(0.0, |(value, _)| value);
    let high = end(spread.values().rev(), outside).map_or(0.0, |(value, _)| value);
    (low.min(0.0), high.max(0.0))
}

/// The first value before which no more than `outside` values lie.
fn end(mut values: impl Iterator<Item = (f64, u64)>, outside: u64) -> Option<(f64, u64)> {
    let mut passed = 0;
    values.find(|(_, count)| {
        passed += count;
        passed > outside
    })
}

/// Each end in turn, twice: the error of one depends little on the other.
fn least_error(spread: &Spread, whole: (f64, f64)) -> (f64, f64) {
    let values: Vec<(f64, f64)> = spread.values().map(|(value, count)| (value, count as f64)).collect();
    let ends = |end: f64| (0..=ENDS).map(move |i| end * (1.0 - (1.0 - NARROWEST) * f64::from(i) / f64::from(ENDS)));
    let (mut low, mut high) = whole;
    for _ in 0..2 {
        high = smallest(ends(whole.1), |high| error(&values, low, high));
        low = smallest(ends(whole.0), |low| error(&values, low, high));
    }
    (low, high)
}

/// The first candidate with the smallest error.
fn smallest(candidates: impl Iterator<Item = f64>, error: impl Fn(f64) -> f64) -> f64 {
    let errors = candidates.map(|candidate| (candidate, error(candidate)));
    errors.reduce(|best, next| if next.1 < best.1 { next } else { best }).map_or(0.0, |(candidate, _)| candidate)
}

/// Sum of squared errors: rounding within the range, distance to its end beyond.
fn error(values: &[(f64, f64)], low: f64, high: f64) -> f64 {
    let unit = (high - low) / 255.0;
    let squared = |value: f64| {
        let outside = (value - high).max(low - value).max(0.0);
        outside * outside + unit * unit / 12.0
    };
    values.iter().map(|&(value, count)| count * squared(value)).sum()
}

#[cfg(test)]
mod tests {
    use super::{Method, range};
    use crate::quantize::observe::Spread;

    /// A thousand values in each of the first half of the bins, one far out.
    fn outlier() -> Spread {
        let bins = (0..2048).map(|bin| if bin < 1024 { 1000 } else { u64::from(bin == 2047) }).collect();
        Spread { low: 0.0, high: 2.0, bins }
    }

    #[test]
    fn an_outlier_is_cut_where_that_pays() {
        assert_eq!(range(&outlier(), Method::MinMax), (0.0, 2.0));
        for method in [Method::Percentile(0.9999), Method::Mse] {
            let (low, high) = range(&outlier(), method);
            assert!(low == 0.0 && (0.99..1.02).contains(&high), "{method:?}: {high}");
        }
    }

    #[test]
    fn nothing_has_no_extent() {
        let nothing = Spread { low: 0.0, high: 0.0, bins: vec![0; 2048] };
        for method in [Method::MinMax, Method::Percentile(0.99), Method::Mse] {
            assert_eq!(range(&nothing, method), (0.0, 0.0));
        }
    }
}
