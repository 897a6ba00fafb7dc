//! Pooling, and means over rows and columns.

use super::{Outcome, Resolved, Stop};
use crate::builder::Window;
use crate::tflite::builtin::{Fused, Motion};
use crate::tflite::geometry::{self, picture};
use crate::tflite::schema::Operator;
use crate::tflite::step::Kind;

impl Resolved<'_, '_> {
    /// `AVERAGE_POOL_2D` and `MAX_POOL_2D`.
    pub(super) fn pool(
        &self,
        operator: &Operator,
        motion: &Motion,
        size: [i32; 2],
        fused: Fused,
        kind: fn(Window) -> Kind,
    ) -> Result<Outcome, Stop> {
        let input = self.input(operator, 0)?;
        let shape = picture(self.dims(input))?;
        let size = size.map(|size| usize::try_from(size).unwrap_or(0));
        let (window, [rows, columns]) = geometry::window(motion, size, shape)?;
        Outcome::checked(kind(window), vec![input], fused, vec![1, rows, columns, shape.channels])
    }

    /// `MEAN` over rows, columns or both.
    pub(super) fn mean(&self, operator: &Operator, keep_dims: bool) -> Result<Outcome, Stop> {
        let input = self.input(operator, 0)?;
        let dims = self.dims(input);
        let axes = self.integers(operator, 1, "the axes")?;
        let mut gone = axes.iter().map(|&axis| geometry::axis(axis, dims.len())).collect::<Result<Vec<_>, _>>()?;
        gone.sort_unstable();
        gone.dedup();
        let size = |axis: usize| if gone.contains(&axis) { dims.get(axis).copied().unwrap_or(1) } else { 1 };
        // What the kernel sees as rows and columns.
        let (possible, size) = match dims.len() {
            4 => (dims.first() == Some(&1) && gone.iter().all(|&axis| axis == 1 || axis == 2), [size(1), size(2)]),
            3 => (dims.first() == Some(&1) && gone == [1], [size(1), 1]),
            2 => (gone == [0], [size(0), 1]),
            _ => (false, [1; 2]),
        };
        if !possible || gone.is_empty() {
            return Err(Stop::Refused(format!("of {dims:?} over axes {gone:?}: only over rows and columns")));
        }
        let mut window = Window::new(geometry::short(size[0])?, geometry::short(size[1])?);
        // One window after the other along the axis that stays.
        window.stride = [1; 2];
        let kept = dims.iter().enumerate().filter(|(axis, _)| keep_dims || !gone.contains(axis));
        let kept = kept.map(|(axis, &dim)| if gone.contains(&axis) { 1 } else { dim }).collect();
        Outcome::checked(Kind::Mean(window), vec![input], Fused::None, kept)
    }
}
