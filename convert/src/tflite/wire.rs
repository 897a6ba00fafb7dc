//! Flatbuffers: tables that point at each other by offsets, read in place.
//!
//! Hand-written, because the accessors that the `flatbuffers` crate generates need `unsafe` code and a generated schema.
//!
//! Nothing is believed: every offset is added with a check and every length is compared with the bytes that there are.
//! Nothing here recurses, and since a file may point at the same bytes over and over again, what is read in all is
//! limited by a budget.

use std::cell::Cell;
use std::fmt;

/// Bytes that do not follow the flatbuffer format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlatError {
    /// The bytes do not carry the identifier `TFL3`.
    Identifier,
    /// An offset leads outside the file, or something reaches past its end.
    Bounds,
    /// A table of fields does not have the size that it must have.
    Vtable,
    /// More is pointed at than the file can hold.
    TooMuch,
}

impl fmt::Display for FlatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identifier => "it does not carry the identifier TFL3",
            Self::Bounds => "an offset leads outside the file, which may be truncated",
            Self::Vtable => "a table of fields is damaged",
            Self::TooMuch => "more is pointed at than the file can hold",
        })
    }
}

/// A file.
#[derive(Debug)]
pub struct Flat<'a> {
    bytes: &'a [u8],
    /// Bytes that may still be read, counting those that are read twice.
    budget: Cell<usize>,
}

impl<'a> Flat<'a> {
    /// A file, if it carries this identifier.
    pub fn new(bytes: &'a [u8], identifier: [u8; 4]) -> Result<Self, FlatError> {
        match bytes.get(4..8) {
            Some(found) if found == identifier => {}
            _ => return Err(FlatError::Identifier),
        }
        // Writers share what is equal, so that some of it is read more than once.
        let budget = Cell::new(bytes.len().saturating_mul(16));
        Ok(Self { bytes, budget })
    }

    /// The table that the file begins with.
    pub fn root(&self) -> Result<Table<'a, '_>, FlatError> {
        self.table(self.offset(0)?)
    }

    /// Bytes of the file itself.
    pub fn slice(&self, start: usize, len: usize) -> Result<&'a [u8], FlatError> {
        let end = start.checked_add(len).ok_or(FlatError::Bounds)?;
        self.bytes.get(start..end).ok_or(FlatError::Bounds)
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], FlatError> {
        self.bytes.get(at..).and_then(<[u8]>::first_chunk).copied().ok_or(FlatError::Bounds)
    }

    /// Where the offset that is stored at `at` leads.
    fn offset(&self, at: usize) -> Result<usize, FlatError> {
        let offset = u32::from_le_bytes(self.array(at)?);
        usize::try_from(offset).ok().and_then(|offset| at.checked_add(offset)).ok_or(FlatError::Bounds)
    }

    fn spend(&self, bytes: usize) -> Result<(), FlatError> {
        self.budget.set(self.budget.get().checked_sub(bytes).ok_or(FlatError::TooMuch)?);
        Ok(())
    }

    fn table(&self, at: usize) -> Result<Table<'a, '_>, FlatError> {
        let back = i32::from_le_bytes(self.array(at)?);
        let back = isize::try_from(back).map_err(|_| FlatError::Bounds)?;
        let vtable = back.checked_neg().and_then(|ahead| at.checked_add_signed(ahead)).ok_or(FlatError::Bounds)?;
        let sizes = [self.array(vtable)?, self.array(vtable.checked_add(2).ok_or(FlatError::Bounds)?)?];
        let [fields, size] = sizes.map(|size| usize::from(u16::from_le_bytes(size)));
        if fields < 4 || !fields.is_multiple_of(2) || size < 4 {
            return Err(FlatError::Vtable);
        }
        let fields = self.slice(vtable, fields)?;
        self.slice(at, size)?;
        self.spend(size)?;
        Ok(Table { file: self, at, size, fields: fields.get(4..).unwrap_or_default() })
    }

    /// The elements of a vector as bytes, and how many there are.
    fn vector(&self, at: usize, element: usize) -> Result<(usize, &'a [u8]), FlatError> {
        let count = usize::try_from(u32::from_le_bytes(self.array(at)?)).map_err(|_| FlatError::Bounds)?;
        let len = count.checked_mul(element).ok_or(FlatError::Bounds)?;
        let start = at.checked_add(4).ok_or(FlatError::Bounds)?;
        Ok((start, self.slice(start, len)?))
    }
}

/// A table: numbered fields, each of which may be left out.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a, 'f> {
    file: &'f Flat<'a>,
    at: usize,
    size: usize,
    /// Two bytes per field: its place in the table, or zero.
    fields: &'a [u8],
}

impl<'a, 'f> Table<'a, 'f> {
    /// Where a field is, if it is there.
    fn field(&self, index: usize, width: usize) -> Result<Option<usize>, FlatError> {
        let place = match self.fields.as_chunks().0.get(index) {
            Some(&place) => usize::from(u16::from_le_bytes(place)),
            None => 0,
        };
        match place {
            0 => Ok(None),
            place if place < 4 || place + width > self.size => Err(FlatError::Vtable),
            place => Ok(Some(self.at + place)),
        }
    }

    fn scalar<const N: usize>(&self, index: usize) -> Result<Option<[u8; N]>, FlatError> {
        self.field(index, N)?.map(|at| self.file.array(at)).transpose()
    }

    /// An unsigned byte.
    pub fn u8(&self, index: usize, default: u8) -> Result<u8, FlatError> {
        Ok(self.scalar(index)?.map_or(default, u8::from_le_bytes))
    }

    /// A truth value.
    pub fn flag(&self, index: usize) -> Result<bool, FlatError> {
        Ok(self.u8(index, 0)? != 0)
    }

    /// A signed number.
    pub fn i32(&self, index: usize, default: i32) -> Result<i32, FlatError> {
        Ok(self.scalar(index)?.map_or(default, i32::from_le_bytes))
    }

    /// An unsigned number.
    pub fn u32(&self, index: usize, default: u32) -> Result<u32, FlatError> {
        Ok(self.scalar(index)?.map_or(default, u32::from_le_bytes))
    }

    /// A large unsigned number.
    pub fn u64(&self, index: usize, default: u64) -> Result<u64, FlatError> {
        Ok(self.scalar(index)?.map_or(default, u64::from_le_bytes))
    }

    /// A float.
    pub fn f32(&self, index: usize, default: f32) -> Result<f32, FlatError> {
        Ok(self.scalar(index)?.map_or(default, f32::from_le_bytes))
    }

    /// Whether there is a field that holds an offset.
    pub fn has(&self, index: usize) -> Result<bool, FlatError> {
        Ok(self.field(index, 4)?.is_some())
    }

    /// Where a field that holds an offset leads.
    fn target(&self, index: usize) -> Result<Option<usize>, FlatError> {
        self.field(index, 4)?.map(|at| self.file.offset(at)).transpose()
    }

    /// A table; members of unions are tables too.
    pub fn table(&self, index: usize) -> Result<Option<Self>, FlatError> {
        self.target(index)?.map(|at| self.file.table(at)).transpose()
    }

    /// Bytes, which are borrowed. `None` if they are left out.
    pub fn bytes(&self, index: usize) -> Result<Option<&'a [u8]>, FlatError> {
        Ok(self.target(index)?.map(|at| self.file.vector(at, 1)).transpose()?.map(|(_, bytes)| bytes))
    }

    /// A text; what is not UTF-8 is replaced.
    pub fn text(&self, index: usize) -> Result<String, FlatError> {
        let bytes = self.bytes(index)?.unwrap_or_default();
        self.file.spend(bytes.len())?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn numbers<T, const N: usize>(&self, index: usize, from: impl Fn([u8; N]) -> T) -> Result<Vec<T>, FlatError> {
        let Some(at) = self.target(index)? else { return Ok(Vec::new()) };
        let (_, bytes) = self.file.vector(at, N)?;
        self.file.spend(bytes.len())?;
        Ok(bytes.as_chunks().0.iter().map(|&word| from(word)).collect())
    }

    /// Signed numbers; none if they are left out.
    pub fn i32s(&self, index: usize) -> Result<Vec<i32>, FlatError> {
        self.numbers(index, i32::from_le_bytes)
    }

    /// Large signed numbers; none if they are left out.
    pub fn i64s(&self, index: usize) -> Result<Vec<i64>, FlatError> {
        self.numbers(index, i64::from_le_bytes)
    }

    /// Floats; none if they are left out.
    pub fn f32s(&self, index: usize) -> Result<Vec<f32>, FlatError> {
        self.numbers(index, f32::from_le_bytes)
    }

    /// Tables; none if they are left out.
    pub fn tables(&self, index: usize) -> Result<Vec<Table<'a, 'f>>, FlatError> {
        let Some(at) = self.target(index)? else { return Ok(Vec::new()) };
        let (start, bytes) = self.file.vector(at, 4)?;
        self.file.spend(bytes.len())?;
        (0..bytes.len() / 4).map(|k| self.file.table(self.file.offset(start + 4 * k)?)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Flat, FlatError};

    const ID: [u8; 4] = *b"TEST";

    /// A root table of 12 bytes at 20, its vtable at 8: field 0 a number, field 1 an offset to what follows at 32.
    fn file(tail: &[u8]) -> Vec<u8> {
        let mut bytes = vec![20, 0, 0, 0];
        bytes.extend_from_slice(&ID);
        bytes.extend_from_slice(&[8, 0, 12, 0, 4, 0, 8, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&12_i32.to_le_bytes());
        bytes.extend_from_slice(&7_i32.to_le_bytes());
        bytes.extend_from_slice(&4_u32.to_le_bytes());
        bytes.extend_from_slice(tail);
        bytes
    }

    #[test]
    fn fields_are_found_or_left_out() {
        let bytes = file(&[2, 0, 0, 0, b'h', b'i', 0, 0]);
        let flat = Flat::new(&bytes, ID).unwrap();
        let root = flat.root().unwrap();
        assert_eq!(root.i32(0, 1), Ok(7));
        assert_eq!(root.i32(9, 1), Ok(1));
        assert_eq!(root.text(1).unwrap(), "hi");
        assert_eq!(root.text(5).unwrap(), "");
        assert_eq!(root.u64(1, 0), Err(FlatError::Vtable), "wider than the table");
    }

    #[test]
    fn what_leads_outside_is_refused() {
        let read = |bytes: &[u8]| Flat::new(bytes, ID).and_then(|flat| flat.root()?.text(1));
        assert_eq!(read(&file(&[99, 0, 0, 0, b'h', b'i'])), Err(FlatError::Bounds), "a text without end");
        assert_eq!(read(&file(&[])), Err(FlatError::Bounds), "an offset to the end");
        assert_eq!(read(b"\0\0\0\0NOPE"), Err(FlatError::Identifier));
        assert_eq!(read(b""), Err(FlatError::Identifier));
        let mut far = file(&[0; 4]);
        far[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(read(&far), Err(FlatError::Bounds), "a root outside");
        let mut before = file(&[0; 4]);
        before[20..24].copy_from_slice(&100_i32.to_le_bytes());
        assert_eq!(read(&before), Err(FlatError::Bounds), "a vtable before the file");
        let mut least = file(&[0; 4]);
        least[20..24].copy_from_slice(&i32::MIN.to_le_bytes());
        assert_eq!(read(&least), Err(FlatError::Bounds), "a vtable far behind the file");
        let mut odd = file(&[0; 4]);
        odd[8] = 5;
        assert_eq!(read(&odd), Err(FlatError::Vtable), "a vtable of half a field");
    }

    #[test]
    fn pointing_at_the_same_bytes_again_and_again_ends() {
        let bytes = file(&[4, 0, 0, 0, 1, 2, 3, 4]);
        let flat = Flat::new(&bytes, ID).unwrap();
        let root = flat.root().unwrap();
        let last = (0..10_000).map(|_| root.text(1)).find(Result::is_err);
        assert_eq!(last, Some(Err(FlatError::TooMuch)));
    }

    #[test]
    fn vectors_of_tables_are_checked() {
        // One table, beyond the end.
        let bytes = file(&[1, 0, 0, 0, 200, 0, 0, 0]);
        let flat = Flat::new(&bytes, ID).unwrap();
        assert_eq!(flat.root().unwrap().tables(1).map(|_| ()), Err(FlatError::Bounds));
        let bytes = file(&[255, 255, 255, 255]);
        let flat = Flat::new(&bytes, ID).unwrap();
        assert_eq!(flat.root().unwrap().i32s(1), Err(FlatError::Bounds));
    }
}
