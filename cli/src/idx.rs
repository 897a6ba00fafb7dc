//! IDX files: how MNIST and its relatives come, gzipped or not.

use crate::files;
use anyhow::{Context, bail, ensure};
use flate2::read::MultiGzDecoder;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest file after unpacking; MNIST has 47 MB.
const MAX_BYTES: u64 = 1 << 31;

/// An array of bytes with a shape.
pub struct Idx {
    /// Extent of each axis; the first counts the items.
    pub dims: Vec<usize>,
    data: Vec<u8>,
}

impl Idx {
    /// Reads a file, unpacking it if it is gzipped.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = files::read(path)?;
        let name = || format!("{} is not an IDX file that can be read", path.display());
        let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            MultiGzDecoder::new(bytes.as_slice()).take(MAX_BYTES).read_to_end(&mut unpacked).with_context(name)?;
            unpacked
        } else {
            bytes
        };
        Self::parse(&bytes).with_context(name)
    }

    /// As [`read`](Self::read), from memory, unpacked.
    pub fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        // Two zeros, the code of unsigned bytes, the number of axes; then their extents, big-endian.
        let Some(([0, 0, 8, axes @ 1..=4], rest)) = bytes.split_first_chunk() else {
            bail!("it does not begin like one of unsigned bytes");
        };
        let (extents, rest) = rest.split_at_checked(4 * usize::from(*axes)).context("it ends within its header")?;
        let (extents, _) = extents.as_chunks();
        let dims: Vec<usize> = extents.iter().map(|&extent| u32::from_be_bytes(extent) as usize).collect();
        // The size of an item must fit, too, of a file that has none.
        let size = dims.iter().skip(1).try_fold(1_usize, |product, &n| product.checked_mul(n));
        let len = size.and_then(|size| size.checked_mul(dims.first().copied()?));
        let data = len.and_then(|len| rest.get(..len)).context("it ends before its elements do")?;
        Ok(Self { dims, data: data.to_vec() })
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.dims.first().copied().unwrap_or_default()
    }

    /// The bytes of an item.
    pub fn item(&self, index: usize) -> Option<&[u8]> {
        let size = self.dims.iter().skip(1).product::<usize>();
        self.data.get(index.checked_mul(size)?..)?.get(..size).filter(|_| index < self.len())
    }

    /// An item as a picture.
    pub fn picture(&self, index: usize) -> anyhow::Result<image::GrayImage> {
        ensure!(self.dims.len() == 3, "it holds no pictures: it has {} axes, 3 are needed", self.dims.len());
        let item = self
            .item(index)
            .with_context(|| format!("there is no picture {index}: it has {}, numbered from 0", self.len()))?;
        image::GrayImage::from_raw(self.dims[2] as u32, self.dims[1] as u32, item.to_vec())
            .context("its pictures have no size")
    }
}

/// Finds `name` or `name.gz` in a folder.
pub fn find(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let candidates = [folder.join(name), folder.join(format!("{name}.gz"))];
    candidates.into_iter().find(|path| path.is_file()).with_context(|| {
        format!("there is no {name} (or {name}.gz) in {}: put the MNIST files there", folder.display())
    })
}

/// Splits `images-idx3-ubyte.gz#17` into a path and an index.
pub fn reference(text: &str) -> Option<(&Path, usize)> {
    let (path, index) = text.rsplit_once('#')?;
    Some((Path::new(path), index.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Idx, reference};
    use std::path::Path;

    const TWO_PICTURES: [u8; 20] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4];

    #[test]
    fn pictures_by_number() {
        let idx = Idx::parse(&TWO_PICTURES).unwrap();
        let picture = idx.picture(1).unwrap();
        assert_eq!((picture.width(), picture.height()), (2, 1));
        assert_eq!(picture.as_raw(), &[3, 4]);
        assert!(idx.picture(2).is_err());
    }

    #[test]
    fn every_truncation_is_an_error() {
        for len in 0..TWO_PICTURES.len() {
            assert!(Idx::parse(&TWO_PICTURES[..len]).is_err());
        }
    }

    #[test]
    fn references_have_a_number() {
        assert_eq!(reference("a/b#c.gz#17"), Some((Path::new("a/b#c.gz"), 17)));
        assert_eq!(reference("a.png"), None);
        assert_eq!(reference("a.png#x"), None);
    }
}
