//! `.npy` files, as arrays of `f32`.

use crate::files;
use anyhow::{Context, anyhow, bail};
use npyz::{AutoSerialize, DType, NpyFile, Order, TypeChar, WriterBuilder};
use std::io::ErrorKind;
use std::path::Path;

/// Numbers with a shape, the last axis varying fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Extent of each axis.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: Vec<f32>,
    /// They are stored as signed bytes.
    pub int8: bool,
}

/// Whether bytes begin like a `.npy` file.
pub fn is_npy(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x93NUMPY")
}

/// Reads a file; every number is rounded to `f32`.
pub fn read(path: &Path) -> anyhow::Result<Array> {
    let bytes = files::read(path)?;
    parse(&bytes).with_context(|| format!("{} is not a .npy file that can be read", path.display()))
}

/// As [`read`], from memory.
pub fn parse(bytes: &[u8]) -> anyhow::Result<Array> {
    check_header(bytes)?;
    let file = NpyFile::new(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => anyhow!("it ends within its header"),
        _ => anyhow!("its header is damaged: {error}"),
    })?;
    if file.uses_pickled_array() {
        bail!("its elements are Python objects, not numbers");
    }
    let order = file.order();
    let shape: Vec<usize> = file.shape().iter().map(|&n| usize::try_from(n)).collect::<Result<_, _>>()?;
    let elements = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
    let needed = elements.zip(file.dtype().num_bytes()).and_then(|(n, size)| n.checked_mul(size));
    if needed.is_none_or(|needed| needed > bytes.len()) {
        bail!("it ends before its {shape:?} elements do");
    }
    let int8 = matches!(file.dtype(), DType::Plain(t) if t.type_char() == TypeChar::Int && t.size_field() == 1);
    let data = elements_of(file)?;
    Ok(match order {
        Order::C => Array { shape, data, int8 },
        Order::Fortran => Array { data: last_axis_first(&shape, &data), shape, int8 },
    })
}

/// What the header's reader must not be given: less than the header says to be long, for which it asks the memory; lists within lists (of records, which are no numbers), which take it a time
/// that doubles with each, and extents whose product does not fit 64 bits.
fn check_header(bytes: &[u8]) -> anyhow::Result<()> {
    let (start, len) = match bytes {
        [_, _, _, _, _, _, 1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([*a, *b]))),
        [_, _, _, _, _, _, _, _, a, b, c, d, ..] => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        _ => return Ok(()),
    };
    // A header that says to be of gigabytes is given them before it is read.
    let Some(header) = bytes.get(start..).and_then(|rest| rest.get(..len)) else {
        bail!("it ends within its header");
    };
    let brackets = header.iter().filter(|byte| matches!(byte, b'[' | b'(' | b'{')).count();
    if brackets > 2 || header.contains(&b'[') {
        bail!("its elements are records, not numbers");
    }
    let after = header.split(|byte| *byte == b'(').nth(1).unwrap_or_default();
    let shape = after.split(|byte| *byte == b')').next().unwrap_or_default();
    let extents = shape.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let extents = extents.map(|digits| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok()));
    // A zero makes the product zero, but not the steps to it.
    extents
        .map(|extent| extent.map(|extent| extent.max(1)))
        .try_fold(1_u64, |product, extent| product.checked_mul(extent?))
        .map(|_| ())
        .ok_or_else(|| anyhow!("its shape is too large"))
}

fn elements_of(file: NpyFile<&[u8]>) -> anyhow::Result<Vec<f32>> {
    let DType::Plain(element) = file.dtype() else { bail!("its elements are records, not numbers") };
    Ok(match (element.type_char(), element.size_field()) {
        (TypeChar::Float, 4) => file.into_vec()?,
        (TypeChar::Float, 8) => file.into_vec::<f64>()?.into_iter().map(|v| v as f32).collect(),
        (TypeChar::Bool, _) => file.into_vec::<bool>()?.into_iter().map(f32::from).collect(),
        (TypeChar::Uint, 1) => file.into_vec::<u8>()?.into_iter().map(f32::from).collect(),
        (TypeChar::Uint, 2) => file.into_vec::<u16>()?.into_iter().map(f32::from).collect(),
        (TypeChar::Uint, 4) => file.into_vec::<u32>()?.into_iter().map(|v| v as f32).collect(),
        (TypeChar::Uint, 8) => file.into_vec::<u64>()?.into_iter().map(|v| v as f32).collect(),
        (TypeChar::Int, 1) => file.into_vec::<i8>()?.into_iter().map(f32::from).collect(),
        (TypeChar::Int, 2) => file.into_vec::<i16>()?.into_iter().map(f32::from).collect(),
        (TypeChar::Int, 4) => file.into_vec::<i32>()?.into_iter().map(|v| v as f32).collect(),
        (TypeChar::Int, 8) => file.into_vec::<i64>()?.into_iter().map(|v| v as f32).collect(),
        _ => {
            return Err(anyhow!(
                "its elements are {}, not numbers that fit: save it with .astype(numpy.float32)",
                file.dtype().descr()
            ));
        }
    })
}

/// From the first axis varying fastest to the last.
fn last_axis_first(shape: &[usize], data: &[f32]) -> Vec<f32> {
    let mut at = vec![0; shape.len()];
    let mut ordered = Vec::with_capacity(data.len());
    for _ in 0..data.len() {
        let index = at.iter().zip(shape).rev().fold(0, |index, (i, n)| index * n + i);
        ordered.push(data.get(index).copied().unwrap_or_default());
        for (i, n) in at.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *n {
                break;
            }
            *i = 0;
        }
    }
    ordered
}

/// Writes a file of `f32` or `i8`.
pub fn write<T: AutoSerialize + Copy>(path: &Path, shape: &[usize], data: &[T]) -> anyhow::Result<()> {
    let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
    writer.extend(data.iter().copied())?;
    writer.finish()?;
    files::write(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::{Array, last_axis_first, parse};
    use npyz::WriterBuilder;

    fn bytes_of<T: npyz::AutoSerialize + Copy>(shape: &[u64], order: npyz::Order, data: &[T]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).order(order);
        let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
        writer.extend(data.iter().copied()).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn any_number_becomes_f32() {
        let expected = Array { shape: vec![2], data: vec![1.0, 2.0], int8: false };
        assert_eq!(parse(&bytes_of(&[2], npyz::Order::C, &[1.0_f64, 2.0])).unwrap(), expected);
        assert_eq!(parse(&bytes_of(&[2], npyz::Order::C, &[1_u8, 2])).unwrap(), expected);
        assert_eq!(parse(&bytes_of(&[2], npyz::Order::C, &[1_i64, 2])).unwrap(), expected);
        let bytes = parse(&bytes_of(&[2], npyz::Order::C, &[1_i8, 2])).unwrap();
        assert_eq!(bytes, Array { int8: true, ..expected });
    }

    #[test]
    fn fortran_order_is_turned() {
        assert_eq!(last_axis_first(&[2, 3], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let file = bytes_of(&[2, 2], npyz::Order::Fortran, &[1.0_f32, 3.0, 2.0, 4.0]);
        assert_eq!(parse(&file).unwrap().data, [1.0, 2.0, 3.0, 4.0]);
    }

    /// Found by the fuzzer: a reader that tries every way to close the lists, and one that multiplies before it looks.
    #[test]
    fn headers_that_take_for_ever_are_refused_at_once() {
        let with = |header: &str| {
            let mut bytes = b"\x93NUMPY\x01\0".to_vec();
            bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
            bytes.extend_from_slice(header.as_bytes());
            bytes
        };
        let nested = with(&format!("{{'descr': '|i1', 'fortran_order': False, 'shape': {}", "[".repeat(40)));
        let started = std::time::Instant::now();
        assert!(parse(&nested).is_err());
        assert!(started.elapsed().as_secs() < 5);
        let endless = parse(b"\x93NUMPY\x02\0\0\0\0\xff{'descr'").unwrap_err();
        assert_eq!(endless.to_string(), "it ends within its header");
        for shape in ["4294967296, 4294967296", "0, 4294967296, 4294967296", "99999999999999999999"] {
            let huge = with(&format!("{{'descr': '|i1', 'fortran_order': False, 'shape': ({shape}), }}\n"));
            assert!(parse(&huge).is_err(), "{shape}");
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = bytes_of(&[2, 2], npyz::Order::C, &[1.0_f32, 2.0, 3.0, 4.0]);
        for len in 0..whole.len() {
            assert!(parse(&whole[..len]).is_err());
        }
    }
}
