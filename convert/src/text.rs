//! The strings of an image, each stored once.

use relprop::model::format::{NONE_16, string};
use std::collections::HashMap;

/// The string and text sections as they grow.
#[derive(Debug, Default)]
pub struct Strings {
    /// Records by content, for names.
    names: HashMap<String, u16>,
    /// Places in the text by content.
    places: HashMap<String, usize>,
    records: Vec<(usize, usize)>,
    text: String,
}

impl Strings {
    /// The index of a name; the empty name is [`NONE_16`].
    pub fn name(&mut self, name: &str) -> u16 {
        if name.is_empty() {
            return NONE_16;
        }
        if let Some(&known) = self.names.get(name) {
            return known;
        }
        let index = self.push(name);
        self.names.insert(name.to_owned(), index);
        index
    }

    /// The first index of a list of strings, which have consecutive indices.
    pub fn list(&mut self, list: &[String]) -> u16 {
        let first = self.records.len() as u16;
        for text in list {
            self.push(text);
        }
        first
    }

    /// The two sections, `None` when there are more strings than indices.
    pub fn finish(self) -> Option<(Vec<u8>, Vec<u8>)> {
        if self.records.len() >= usize::from(NONE_16) {
            return None;
        }
        let mut records = Vec::with_capacity(self.records.len() * string::SIZE);
        for (offset, length) in self.records {
            records.extend_from_slice(&u32::try_from(offset).ok()?.to_le_bytes());
            records.extend_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        }
        Some((records, self.text.into_bytes()))
    }

    /// Indices wrap when there are too many; `finish` notices.
    fn push(&mut self, text: &str) -> u16 {
        let offset = *self.places.entry(text.to_owned()).or_insert_with(|| {
            self.text.push_str(text);
            self.text.len() - text.len()
        });
        self.records.push((offset, text.len()));
        (self.records.len() - 1) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::Strings;
    use relprop::model::format::NONE_16;

    #[test]
    fn names_are_shared_and_lists_are_consecutive() {
        let mut strings = Strings::default();
        assert_eq!(strings.name("conv"), 0);
        assert_eq!(strings.name(""), NONE_16);
        assert_eq!(strings.name("conv"), 0);
        assert_eq!(strings.list(&["zero".into(), "conv".into()]), 1);
        let (records, text) = strings.finish().unwrap();
        assert_eq!(records, [0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0]);
        assert_eq!(text, b"convzero");
    }
}
