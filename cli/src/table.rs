//! Columns of text.

/// How a column is set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Sets rows in columns that are as wide as they need to be, two spaces apart.
pub fn columns(align: &[Align], rows: &[Vec<String>]) -> Vec<String> {
    let widths: Vec<usize> = (0..align.len())
        .map(|c| rows.iter().filter_map(|row| row.get(c)).map(|t| width(t)).max().unwrap_or(0))
        .collect();
    let set = |row: &Vec<String>| {
        let cell = |((text, align), &column): ((&String, &Align), &usize)| {
            let space = " ".repeat(column - width(text));
            if *align == Align::Left { format!("{text}{space}") } else { format!("{space}{text}") }
        };
        let cells: Vec<String> = row.iter().zip(align).zip(&widths).map(cell).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(set).collect()
}

/// Columns on the screen that a text takes.
pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// A text cut to so many columns.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::{Align, columns, cut};

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["bcd".to_owned(), "100".to_owned()]];
        assert_eq!(columns(&[Align::Left, Align::Right], &rows), ["a      1", "bcd  100"]);
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut("convolution", 6), "convo…");
        assert_eq!(cut("conv", 6), "conv");
    }
}
