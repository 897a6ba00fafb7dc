//! Texts that are not C strings.

use core::ffi::c_char;
use core::fmt::{self, Write};

/// A text in the image, without a zero at its end: `printf("%.*s", (int)text.len, text.bytes)`.
#[repr(C)]
pub struct Text {
    /// UTF-8.
    pub bytes: *const c_char,
    /// Bytes.
    pub len: usize,
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self { bytes: text.as_ptr().cast(), len: text.len() }
    }
}

/// Writes into a buffer as much as fits before a zero at the end, and counts all of it.
struct Cut<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let most = self.buffer.len().saturating_sub(1);
        let room = self.buffer.get_mut(self.len.min(most)..most).unwrap_or(&mut []);
        room.iter_mut().zip(text.bytes()).for_each(|(to, byte)| *to = byte);
        self.len = self.len.saturating_add(text.len());
        Ok(())
    }
}

/// As `snprintf`: what is too long is cut off, a zero ends it, and the length of the whole is returned.
pub fn print(buffer: &mut [u8], what: &impl fmt::Display) -> usize {
    let mut cut = Cut { buffer, len: 0 };
    // Never fails.
    let _ = write!(cut, "{what}");
    let end = cut.len.min(cut.buffer.len().saturating_sub(1));
    if let Some(end) = cut.buffer.get_mut(end) {
        *end = 0;
    }
    cut.len
}

#[cfg(test)]
mod tests {
    use super::print;

    #[test]
    fn what_is_too_long_is_cut_and_ends_with_zero() {
        for capacity in 0..8 {
            let mut buffer = [b'x'; 8];
            assert_eq!(print(&mut buffer[..capacity], &format_args!("{}{}", "ab", "cde")), 5);
            let kept = capacity.saturating_sub(1).min(5);
            assert_eq!(&buffer[..kept], &b"abcde"[..kept]);
            assert!(capacity == 0 || buffer[kept] == 0, "{buffer:?}");
            assert!(buffer[capacity..].iter().all(|byte| *byte == b'x'));
        }
    }
}
