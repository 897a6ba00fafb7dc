//! The bytes of a model image, aligned as a session wants them.

use relprop::Model;
use relprop::error::ImageError;

/// An owned model image (`.rlp`), aligned to 16 bytes, as a file read into a `Vec<u8>` need not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    words: Vec<u128>,
    len: usize,
}

impl Image {
    /// Copies bytes into aligned memory. They are not looked at: [`Image::model`] does that.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut words = vec![0_u128; bytes.len().div_ceil(size_of::<u128>())];
        if let Some(start) = bytemuck::cast_slice_mut(&mut words).get_mut(..bytes.len()) {
            start.copy_from_slice(bytes);
        }
        Self { words, len: bytes.len() }
    }

    /// The bytes, as they are written to a file.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.words).get(..self.len).unwrap_or_default()
    }

    /// Validates the image and looks into it.
    ///
    /// # Errors
    /// What is wrong with the image, as [`Model::new`] finds it.
    pub fn model(&self) -> Result<Model<'_>, ImageError> {
        Model::new(self.bytes())
    }
}

impl AsRef<[u8]> for Image {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn bytes_come_back_aligned() {
        let bytes: Vec<u8> = (0..37).collect();
        let image = Image::from_bytes(&bytes);
        assert_eq!(image.bytes(), bytes);
        assert_eq!(image.bytes().as_ptr().align_offset(align_of::<u128>()), 0);
    }

    #[test]
    fn rubbish_is_no_model() {
        assert!(Image::from_bytes(b"rubbish").model().is_err());
        assert!(Image::default().model().is_err());
    }
}
