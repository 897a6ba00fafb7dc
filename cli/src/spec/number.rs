//! Numbers as they are typed.

/// A finite number.
pub fn number(text: &str) -> Result<f32, String> {
    match text.trim().parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("`{text}` is not a number")),
    }
}

/// Refuses what is below zero.
pub fn non_negative(name: &str, value: f32) -> Result<f32, String> {
    if value >= 0.0 { Ok(value) } else { Err(format!("{name}:{value}: the number must not be negative")) }
}

/// A number as short as it can be written: `0.25`, `1e-6`.
pub fn shortest(value: f32) -> String {
    if value == 0.0 || (1e-4..1e7).contains(&value.abs()) { format!("{value}") } else { format!("{value:e}") }
}
