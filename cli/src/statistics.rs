//! A few figures about many numbers.

use serde::Serialize;

/// Smallest, median, mean and largest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Statistics {
    /// The smallest.
    pub min: f32,
    /// As many are below as above.
    pub median: f32,
    /// The mean.
    pub mean: f32,
    /// The largest.
    pub max: f32,
}

impl Statistics {
    /// Of finite numbers; `None` where there are none.
    pub fn of(mut values: Vec<f32>) -> Option<Self> {
        values.retain(|value| value.is_finite());
        values.sort_by(f32::total_cmp);
        let median =
            values.len().checked_sub(1).map(|last| f32::midpoint(values[last / 2], values[last.div_ceil(2)]))?;
        let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
        Some(Self { min: values[0], median, mean: (sum / values.len() as f64) as f32, max: values[values.len() - 1] })
    }
}

#[cfg(test)]
mod tests {
    use super::Statistics;

    #[test]
    fn of_a_few() {
        let statistics = Statistics::of(vec![4.0, 1.0, f32::NAN, 3.0, 2.0]).unwrap();
        assert_eq!(statistics, Statistics { min: 1.0, median: 2.5, mean: 2.5, max: 4.0 });
        assert_eq!(Statistics::of(vec![]), None);
    }
}
