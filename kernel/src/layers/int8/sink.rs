//! Where relevance arrives and where it goes.

use crate::number::{Number, Places};
use core::ops::Range;

/// The relevance of a step's output and of one operand: apart from each other, or one overlaying the other, so that
/// what is written lies on what has been read.
pub enum Memory<'a, W> {
    /// Two places.
    Apart {
        /// Relevance that arrived.
        arrived: &'a [W],
        /// Where it goes.
        sink: &'a mut [W],
    },
    /// One place.
    Shared {
        /// Both.
        words: &'a mut [W],
        /// Where the relevance that arrived begins.
        arrived: usize,
        /// Where the sink begins.
        sink: usize,
        /// Elements of the sink.
        len: usize,
    },
}

/// A sink, and the relevance that is on its way to it.
pub struct Sink<'a, N: Number> {
    memory: Memory<'a, N::Word>,
    /// Exponents of both.
    pub places: Places,
    /// Elements from here on have not been written yet, and hold no relevance.
    fresh: usize,
    /// How many elements did not fit.
    pub saturated: u32,
}

impl<'a, N: Number> Sink<'a, N> {
    /// A sink that holds relevance already, or, where `fresh`, whatever lay there before.
    pub fn new(memory: Memory<'a, N::Word>, places: Places, fresh: bool) -> Self {
        let mut sink = Self { memory, places, fresh: 0, saturated: 0 };
        if !fresh {
            sink.fresh = sink.len();
        }
        sink
    }

    fn len(&self) -> usize {
        match &self.memory {
            Memory::Apart { sink, .. } => sink.len(),
            Memory::Shared { len, .. } => *len,
        }
    }

    /// Relevance that arrived.
    #[inline(always)]
    pub fn arrived(&self, range: Range<usize>) -> &[N::Word] {
        match &self.memory {
            Memory::Apart { arrived, .. } => arrived.get(range).unwrap_or(&[]),
            Memory::Shared { words, arrived, .. } => {
                words.get(arrived + range.start..arrived + range.end).unwrap_or(&[])
            }
        }
    }

    /// The elements that are written.
    #[inline(always)]
    fn words(&mut self) -> &mut [N::Word] {
        match &mut self.memory {
            Memory::Apart { sink, .. } => sink,
            Memory::Shared { words, sink, len, .. } => words.get_mut(*sink..*sink + *len).unwrap_or(&mut []),
        }
    }

    /// Says that elements before `end` are about to be written: those that have not been yet become zero.
    pub fn reach(&mut self, end: usize) {
        let fresh = self.fresh;
        if end > fresh {
            if let Some(words) = self.words().get_mut(fresh..end) {
                words.fill(N::Word::default());
            }
            self.fresh = end;
        }
    }

    /// Says that nothing more will be written.
    pub fn finish(&mut self) {
        let len = self.len();
        self.reach(len);
    }

    /// Adds to one element.
    #[inline(always)]
    pub fn add(&mut self, at: usize, sum: N::Sum) {
        if sum == N::Sum::default() {
            return;
        }
        let places = self.places;
        let Some(word) = self.words().get_mut(at) else { return };
        match N::put(*word, sum, places) {
            Some(value) => *word = value,
            None => self.add_much(at, sum),
        }
    }

    /// The same where the sum does not fit: the exponent of the whole sink rises.
    #[cold]
    fn add_much(&mut self, at: usize, sum: N::Sum) {
        while let Some(risen) = self.places.risen() {
            self.places = risen;
            let fresh = self.fresh;
            for word in self.words().iter_mut().take(fresh) {
                *word = N::halved(*word);
            }
            let Some(word) = self.words().get_mut(at) else { return };
            if let Some(value) = N::put(*word, sum, risen) {
                *word = value;
                return;
            }
        }
        let places = self.places;
        if let Some(word) = self.words().get_mut(at) {
            *word = N::saturated(*word, sum, places);
        }
        self.saturated = self.saturated.saturating_add(1);
    }
}
