//! Files that were damaged on their way. What reads them must neither panic nor take long.

use proptest::sample::Index;

/// Hands over every beginning of a file.
pub fn truncated(file: &[u8], mut survive: impl FnMut(&[u8])) {
    for len in 0..file.len() {
        survive(&file[..len]);
    }
}

/// Hands over the file with each of its bits flipped in turn.
pub fn flipped(mut file: Vec<u8>, mut survive: impl FnMut(&[u8])) {
    for at in 0..file.len() {
        for bit in 0..8 {
            file[at] ^= 1 << bit;
            survive(&file);
            file[at] ^= 1 << bit;
        }
    }
}

/// The file with some of its pieces of `N` bytes, which begin at multiples of their size, replaced.
pub fn rewritten<const N: usize>(mut file: Vec<u8>, changes: impl IntoIterator<Item = (Index, [u8; N])>) -> Vec<u8> {
    for (at, piece) in changes {
        let at = at.index(file.len() / N) * N;
        file[at..at + N].copy_from_slice(&piece);
    }
    file
}
