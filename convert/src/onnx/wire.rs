//! The wire format of protocol buffers: a message is a list of numbered fields.
//!
//! Nothing is copied and nothing is believed: lengths are checked against the bytes that there are, and nested messages
//! are only entered by those who know their depth.

use std::fmt;

/// A message does not follow the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// A field reaches past the end of its message.
    Truncated,
    /// A number has more than 64 bits.
    Varint,
    /// Neither of the wire types that are in use.
    WireType,
    /// A field has another type than ONNX gives it.
    FieldType,
    /// A text is not UTF-8.
    Text,
    /// More repetitions of a field than any real model has.
    TooMany,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the file is truncated",
            Self::Varint => "a number has more than 64 bits",
            Self::WireType => "unknown wire type",
            Self::FieldType => "a field has the wrong type",
            Self::Text => "a text is not UTF-8",
            Self::TooMany => "a field is repeated too often",
        })
    }
}

/// The content of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field<'a> {
    /// A number of variable length.
    Varint(u64),
    /// Eight bytes.
    Fixed64([u8; 8]),
    /// Text, bytes, a message or packed numbers.
    Bytes(&'a [u8]),
    /// Four bytes.
    Fixed32([u8; 4]),
}

impl<'a> Field<'a> {
    /// Bytes or a message.
    pub fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::FieldType),
        }
    }

    /// Text.
    pub fn text(self) -> Result<&'a str, WireError> {
        str::from_utf8(self.bytes()?).map_err(|_| WireError::Text)
    }

    /// A signed number.
    pub fn int(self) -> Result<i64, WireError> {
        match self {
            Self::Varint(value) => Ok(value as i64),
            _ => Err(WireError::FieldType),
        }
    }

    /// A float.
    pub fn float(self) -> Result<f32, WireError> {
        match self {
            Self::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(WireError::FieldType),
        }
    }

    /// Appends signed numbers, packed or not.
    pub fn ints(self, to: &mut Vec<i64>) -> Result<(), WireError> {
        let Self::Bytes(mut rest) = self else {
            to.push(self.int()?);
            return Ok(());
        };
        while !rest.is_empty() {
            to.push(varint(&mut rest)? as i64);
        }
        Ok(())
    }

    /// Appends floats, packed or not.
    pub fn floats(self, to: &mut Vec<f32>) -> Result<(), WireError> {
        let Self::Bytes(bytes) = self else {
            to.push(self.float()?);
            return Ok(());
        };
        let (words, []) = bytes.as_chunks() else { return Err(WireError::Truncated) };
        to.extend(words.iter().map(|&word| f32::from_le_bytes(word)));
        Ok(())
    }

    /// Appends doubles, packed or not.
    pub fn doubles(self, to: &mut Vec<f64>) -> Result<(), WireError> {
        match self {
            Self::Fixed64(bytes) => to.push(f64::from_le_bytes(bytes)),
            Self::Bytes(bytes) => {
                let (words, []) = bytes.as_chunks() else { return Err(WireError::Truncated) };
                to.extend(words.iter().map(|&word| f64::from_le_bytes(word)));
            }
            _ => return Err(WireError::FieldType),
        }
        Ok(())
    }
}

/// The fields of a message, each with its number.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of this message.
    pub const fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn read(&mut self) -> Result<(u64, Field<'a>), WireError> {
        let tag = varint(&mut self.rest)?;
        let field = match tag & 7 {
            0 => Field::Varint(varint(&mut self.rest)?),
            1 => Field::Fixed64(array(&mut self.rest)?),
            2 => {
                let len = usize::try_from(varint(&mut self.rest)?).map_err(|_| WireError::Truncated)?;
                let (bytes, rest) = self.rest.split_at_checked(len).ok_or(WireError::Truncated)?;
                self.rest = rest;
                Field::Bytes(bytes)
            }
            5 => Field::Fixed32(array(&mut self.rest)?),
            _ => return Err(WireError::WireType),
        };
        Ok((tag >> 3, field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], WireError> {
    let (&bytes, after) = rest.split_first_chunk().ok_or(WireError::Truncated)?;
    *rest = after;
    Ok(bytes)
}

fn varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(WireError::Truncated)?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(WireError::Varint)
}

#[cfg(test)]
mod tests {
    use super::{Field, Fields, WireError};

    #[test]
    fn fields_of_every_wire_type() {
        let message = [8, 0x96, 1, 0x12, 2, b'h', b'i', 0x1d, 0, 0, 0x80, 0x3f];
        let fields: Vec<_> = Fields::of(&message).map(Result::unwrap).collect();
        assert_eq!(fields[0], (1, Field::Varint(150)));
        assert_eq!(fields[1].1.text(), Ok("hi"));
        assert_eq!(fields[2].1.float(), Ok(1.0));
        assert_eq!(fields[0].1.text(), Err(WireError::FieldType));
    }

    #[test]
    fn numbers_come_packed_or_not() {
        let mut numbers = Vec::new();
        Field::Bytes(&[1, 0x80, 1]).ints(&mut numbers).unwrap();
        Field::Varint(u64::MAX).ints(&mut numbers).unwrap();
        assert_eq!(numbers, [1, 128, -1]);
        assert_eq!(Field::Bytes(&[0; 5]).floats(&mut Vec::new()), Err(WireError::Truncated));
    }

    #[test]
    fn lengths_are_not_believed() {
        let huge = [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(Fields::of(&huge).next(), Some(Err(WireError::Truncated)));
        assert_eq!(Fields::of(&[0xff; 11]).next(), Some(Err(WireError::Varint)));
        assert_eq!(Fields::of(&[3]).next(), Some(Err(WireError::WireType)));
        let mut fields = Fields::of(&[8]);
        assert_eq!(fields.next(), Some(Err(WireError::Truncated)));
        assert_eq!(fields.next(), None);
    }
}
