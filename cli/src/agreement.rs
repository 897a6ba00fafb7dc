//! How far two explanations agree.

use serde::Serialize;

/// Two explanations of the same input, compared element by element.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Of the angle between them; `None` where one is zero throughout.
    pub cosine: Option<f64>,
    /// Spearman's rank correlation of the signed relevances, ties with their mean rank; `None` where all are equal.
    pub rank_correlation: Option<f64>,
    /// Share of the `k` largest magnitudes that both name; `None` where there are none.
    pub top_overlap: Option<f64>,
    /// `‖A − B‖₁ / ‖A‖₁`; `None` where A is zero throughout.
    pub difference: Option<f64>,
    /// Whether both have the largest relevance at the same element.
    pub same_peak: bool,
}

impl Agreement {
    /// Compares two explanations of the same length, looking at the `k` elements of largest magnitude.
    pub fn of(a: &[f32], b: &[f32], k: usize) -> Self {
        Self {
            cosine: cosine(a, b),
            rank_correlation: correlation(&ranks(a), &ranks(b)),
            top_overlap: overlap(&largest(a, k), &largest(b, k)),
            difference: difference(a, b),
            same_peak: peak(a) == peak(b),
        }
    }
}

fn pairs<'p>(a: &'p [f32], b: &'p [f32]) -> impl Iterator<Item = (f64, f64)> + 'p {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b)))
}

fn quotient(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator > 0.0).then(|| numerator / denominator)
}

fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    let sum = |f: fn((f64, f64)) -> f64| pairs(a, b).map(f).sum::<f64>();
    quotient(sum(|(a, b)| a * b), (sum(|(a, _)| a * a) * sum(|(_, b)| b * b)).sqrt())
}

fn difference(a: &[f32], b: &[f32]) -> Option<f64> {
    quotient(pairs(a, b).map(|(a, b)| (a - b).abs()).sum(), pairs(a, b).map(|(a, _)| a.abs()).sum())
}

/// The element of largest relevance, the first of equals.
fn peak(values: &[f32]) -> Option<usize> {
    relprop::target::arg_max(values)
}

/// Ranks from 1, equals with the mean of theirs.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    // `==`, so that 0 and −0 are equals; they stand side by side.
    for equals in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let rank = first as f64 + (equals.len() + 1) as f64 / 2.0;
        for &i in equals {
            ranks[i] = rank;
        }
        first += equals.len();
    }
    ranks
}

/// Pearson's correlation.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: fn(f64, f64) -> f64| a.iter().zip(b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
    quotient(sum(|a, b| a * b), (sum(|a, _| a * a) * sum(|_, b| b * b)).sqrt())
}

/// The elements of largest magnitude, in rising order; zeros are not among them.
fn largest(values: &[f32], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).filter(|&i| values[i] != 0.0).collect();
    // Stable, so that the first of equals are taken.
    order.sort_by(|&i, &j| values[j].abs().total_cmp(&values[i].abs()));
    order.truncate(k);
    order.sort_unstable();
    order
}

fn overlap(a: &[usize], b: &[usize]) -> Option<f64> {
    let both = a.iter().filter(|i| b.binary_search(i).is_ok()).count();
    quotient(both as f64, a.len().max(b.len()) as f64)
}

/// One figure over many inputs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// As many are below as above.
    pub median: f64,
    /// One input in twenty is as bad as this, or worse.
    pub worst_5_percent: f64,
    /// The mean.
    pub mean: f64,
    /// The worst.
    pub worst: f64,
}

/// Which end is the bad one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Worse {
    /// Small figures are bad.
    Low,
    /// Large ones are.
    High,
}

impl Summary {
    /// Of the figures that are defined; `None` where none is.
    pub fn of(values: impl Iterator<Item = Option<f64>>, worse: Worse) -> Option<Self> {
        let mut values: Vec<f64> = values.flatten().collect();
        values.sort_by(f64::total_cmp);
        if worse == Worse::High {
            values.reverse();
        }
        let (count, worst) = (values.len(), *values.first()?);
        let median = f64::midpoint(values[(count - 1) / 2], values[count / 2]);
        let worst_5_percent = values[count.div_ceil(20) - 1];
        Some(Self { median, worst_5_percent, mean: values.iter().sum::<f64>() / count as f64, worst })
    }
}

#[cfg(test)]
mod tests {
    use super::{Agreement, Summary, Worse, largest, ranks};

    #[test]
    fn equals_share_their_mean_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        assert_eq!(ranks(&[0.0, -0.0, 0.0]), [2.0, 2.0, 2.0]);
        assert!(ranks(&[]).is_empty());
    }

    #[test]
    fn spearman_with_ties() {
        // Ranks 1, 2½, 2½, 4, 5 and 2, 1, 4½, 4½, 3: by hand, 3.75 over 9.5.
        let spearman = |a: &[f32], b: &[f32]| Agreement::of(a, b, 1).rank_correlation;
        let with_ties = spearman(&[1.0, 2.0, 2.0, 3.0, 5.0], &[2.0, 1.0, 4.0, 4.0, 3.0]).unwrap();
        assert!((with_ties - 7.5 / 19.0).abs() < 1e-12, "{with_ties}");
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[10.0, 200.0, 3000.0]), Some(1.0));
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn the_same_agrees_and_the_opposite_does_not() {
        let a = [0.5, -1.0, 0.0, 2.0];
        let same = Agreement::of(&a, &a, 2);
        assert_eq!((same.difference, same.top_overlap, same.same_peak), (Some(0.0), Some(1.0), true));
        assert!((same.cosine.unwrap() - 1.0).abs() < 1e-12);
        let opposite = Agreement::of(&a, &a.map(|r| -r), 2);
        assert!((opposite.cosine.unwrap() + 1.0).abs() < 1e-12);
        // Magnitudes are the same ones.
        assert_eq!((opposite.difference, opposite.top_overlap, opposite.same_peak), (Some(2.0), Some(1.0), false));
    }

    #[test]
    fn nothing_has_no_figures() {
        let nothing = Agreement::of(&[0.0; 3], &[0.0; 3], 2);
        assert_eq!((nothing.cosine, nothing.top_overlap, nothing.difference), (None, None, None));
    }

    #[test]
    fn zeros_are_never_large() {
        assert_eq!(largest(&[0.0, 3.0, 0.0, -4.0], 3), [1, 3]);
        // One of two, and one more that the other does not have.
        assert_eq!(Agreement::of(&[1.0, 1.0, 0.0], &[1.0, 0.0, 0.0], 2).top_overlap, Some(0.5));
    }

    #[test]
    fn summaries_know_the_bad_end() {
        let figures = || (1..=100).map(|n| Some(f64::from(n))).chain([None]);
        let low = Summary::of(figures(), Worse::Low).unwrap();
        assert_eq!((low.median, low.worst_5_percent, low.mean, low.worst), (50.5, 5.0, 50.5, 1.0));
        assert_eq!(Summary::of(figures(), Worse::High).unwrap().worst_5_percent, 96.0);
        assert_eq!(Summary::of([None].into_iter(), Worse::Low), None);
    }
}
