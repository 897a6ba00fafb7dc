//! Where relevance arrives and where it goes.

use crate::number::{Number, Places};
use core::ops::Range;

/// The memory of one operand on the way back: where relevance goes, the relevance that arrived, and the operand's
/// values. The latter two may lie in the same words as the first, so that what is written lies on what has been read.
pub struct Memory<'a, W> {
    /// The words that are written, and whatever they overlay.
    pub words: &'a mut [W],
    /// The sink among them.
    pub sink: Range<usize>,
    /// Relevance that arrived.
    pub arrived: Place<'a, W>,
    /// Values of the operand.
    pub values: Place<'a, i8>,
}

/// Somewhere else, or in the same words: there, elements of its own size from the beginning of the words.
pub enum Place<'a, T> {
    /// Somewhere else.
    Apart(&'a [T]),
    /// Among the words.
    Within(Range<usize>),
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
        let written = if fresh { 0 } else { memory.sink.len() };
        Self { memory, places, fresh: written, saturated: 0 }
    }

    /// Relevance that arrived.
    #[inline(always)]
    pub fn arrived(&self, range: Range<usize>) -> &[N::Word] {
        match &self.memory.arrived {
            Place::Apart(words) => words.get(range).unwrap_or(&[]),
            Place::Within(place) => {
                self.memory.words.get(place.start + range.start..place.start + range.end).unwrap_or(&[])
            }
        }
    }

    /// Values of the operand, as far as they have not been overwritten.
    #[inline(always)]
    pub fn values(&self) -> &[i8] {
        match &self.memory.values {
            Place::Apart(values) => values,
            Place::Within(place) => {
                let bytes: &[i8] = bytemuck::try_cast_slice(self.memory.words).unwrap_or(&[]);
                bytes.get(place.clone()).unwrap_or(&[])
            }
        }
    }

    /// The elements that are written.
    #[inline(always)]
    fn words(&mut self) -> &mut [N::Word] {
        self.memory.words.get_mut(self.memory.sink.clone()).unwrap_or(&mut [])
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
        self.reach(self.memory.sink.len());
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
