//! Numbers for people.

/// Four significant digits: `12.43`, `0.0123`, `3.1e-7`.
pub fn short(value: f32) -> String {
    let magnitude = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e6).contains(&magnitude) {
        format!("{value:.1e}")
    } else {
        // Digits after the point, so that there are four in all.
        let digits = (3 - magnitude.log10().floor() as i32).clamp(0, 6) as usize;
        format!("{value:.digits$}")
    }
}

/// A share as a percentage: `95.8 %`.
pub fn percent(share: f32) -> String {
    // Adding zero turns −0 into 0.
    let tenths = (1000.0 * share).round() / 10.0 + 0.0;
    if share.is_finite() { format!("{tenths:.1} %") } else { "– %".to_owned() }
}

/// Probabilities of scores.
pub fn softmax(scores: &[f32]) -> Vec<f32> {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = scores.iter().map(|score| (score - top).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::{percent, short, softmax};

    #[test]
    fn numbers_are_short() {
        assert_eq!(short(12.4321), "12.43");
        assert_eq!(short(-0.012_345), "-0.01235");
        assert_eq!(short(3.14e-7), "3.1e-7");
        assert_eq!(short(0.0), "0");
        assert_eq!(short(123_456.0), "123456");
        assert_eq!(percent(0.9583), "95.8 %");
        assert_eq!(percent(-1e-9), "0.0 %");
        assert_eq!(percent(f32::NAN), "– %");
    }

    #[test]
    fn probabilities_sum_to_one() {
        assert_eq!(softmax(&[1000.0, 1000.0]), [0.5, 0.5]);
    }
}
