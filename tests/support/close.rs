//! Comparing a float32 result with a float64 one.

/// What float32 may lose in a sum, relative to the sum of magnitudes: about thirty units in the last place.
pub const TOLERANCE: f64 = 2e-6;

/// Float64 figures, each with the size of what was added up to make it.
///
/// A sum of float32 numbers is only as exact as its largest terms, so a difference is measured against `scale` and not
/// against a value that cancellation may have left small.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The figures.
    pub value: Vec<f64>,
    /// What an error is relative to; never below the magnitude of the figure.
    pub scale: Vec<f64>,
}

impl Figures {
    /// As many zeros.
    pub fn zeros(len: usize) -> Self {
        Self { value: vec![0.0; len], scale: vec![0.0; len] }
    }

    /// Figures that no sum led to.
    pub fn exact(value: Vec<f64>) -> Self {
        let scale = value.iter().map(|v| v.abs()).collect();
        Self { value, scale }
    }

    /// Adds to one figure.
    pub fn add(&mut self, at: usize, value: f64, scale: f64) {
        self.value[at] += value;
        self.scale[at] += scale;
    }

    /// Adds other figures, one by one.
    pub fn add_all(&mut self, other: &Self) {
        for (at, (value, scale)) in other.value.iter().zip(&other.scale).enumerate() {
            self.add(at, *value, *scale);
        }
    }

    /// The largest error of `got` relative to `scale`, and where it is. Where the scale is zero nothing but zero is
    /// right.
    pub fn worst(&self, got: &[f32]) -> (f64, usize) {
        assert_eq!(got.len(), self.value.len(), "as many figures");
        let errors = got.iter().zip(&self.value).zip(&self.scale).map(|((got, value), scale)| {
            let error = (f64::from(*got) - value).abs();
            // The smallest normal float: below it nothing is relative.
            let error = error / (scale + f64::from(f32::MIN_POSITIVE));
            if error.is_nan() { f64::INFINITY } else { error }
        });
        errors.zip(0..).fold((0.0, 0), |worst, found| if found.0 > worst.0 { found } else { worst })
    }
}

/// The largest error of `got` relative to the largest magnitude of `reference`.
pub fn relative_to_peak(got: &[f32], reference: &[f64]) -> f64 {
    assert_eq!(got.len(), reference.len(), "as many figures");
    let peak = reference.iter().fold(0.0_f64, |peak, v| peak.max(v.abs()));
    let error = got.iter().zip(reference).fold(0.0_f64, |worst, (got, value)| {
        let error = (f64::from(*got) - value).abs();
        if error.is_nan() { f64::INFINITY } else { worst.max(error) }
    });
    if error == 0.0 { 0.0 } else { error / peak.max(f64::MIN_POSITIVE) }
}

/// As float64.
pub fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}
