//! Progress bars: on standard error, and only where someone watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar for so many items; none for a single one.
pub fn bar(items: usize) -> ProgressBar {
    let target = if items > 1 { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {eta}");
    ProgressBar::with_draw_target(Some(items as u64), target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
