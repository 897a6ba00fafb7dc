//! The words of a text, where JavaScript finds them: positions in UTF-16.

use crate::object::{array, object};
use relprop::Model;
use relprop::text::Words;
use wasm_bindgen::JsValue;

/// What a network reads where this text stands.
pub fn tokens(model: &Model<'_>, text: &str) -> Vec<u16> {
    let port = model.input(0);
    Words::new(text).map(|word| model.token(&port, &word)).collect()
}

/// Each word with its relevance.
pub fn words(model: &Model<'_>, text: &str, relevance: &[f32]) -> JsValue {
    let port = model.input(0);
    let mut at = Position { bytes: 0, units: 0 };
    array(Words::new(text).zip(relevance).map(|(word, relevance)| {
        let spelling = String::from_utf8_lossy(&word.bytes().collect::<Vec<_>>()).into_owned();
        let [start, end] = [word.span.start, word.span.end].map(|byte| at.moved_to(text, byte));
        object([
            ("word", spelling.into()),
            ("start", start.into()),
            ("end", end.into()),
            ("known", (model.token(&port, &word) != 0).into()),
            ("relevance", (*relevance).into()),
        ])
    }))
}

/// A place in a text.
struct Position {
    bytes: usize,
    units: u32,
}

impl Position {
    /// Goes on to a byte; returns the UTF-16 units before it.
    fn moved_to(&mut self, text: &str, byte: usize) -> u32 {
        let passed = text.get(self.bytes..byte).unwrap_or_default();
        self.units += passed.encode_utf16().count() as u32;
        self.bytes = byte.max(self.bytes);
        self.units
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn positions_count_utf_16_units() {
        let text = "naïve 🎬 film";
        let mut at = Position { bytes: 0, units: 0 };
        assert_eq!(at.moved_to(text, 6), 5);
        assert_eq!(at.moved_to(text, 11), 8);
        assert_eq!(at.moved_to(text, text.len()), 13);
    }
}
