//! What an explanation gives: relevance, and its books.

use crate::layers::Tape;
use crate::ledger::Ledger;
use crate::relevance::{Relevance, Start};

/// What stands for the exponent of a tensor's relevance in memory; zero stands for no relevance.
pub(crate) const fn mark_of(exponent: i8) -> u8 {
    // Exponents are far from either end.
    (exponent as u8) ^ 0x80
}

/// The exponent that a mark stands for.
pub(crate) fn exponent_of_mark(mark: u8) -> Option<i8> {
    (mark != 0).then_some((mark ^ 0x80) as i8)
}

/// Relevance of the inputs for one target. It borrows the session's arena: no copy is made.
pub struct Explanation<'s, R: Relevance = f32> {
    pub(crate) tape: &'s Tape<'s, 's>,
    pub(crate) start: Start,
    pub(crate) marks: &'s [u8],
    pub(crate) ledger: Ledger<'s, R>,
}

impl<'s, R: Relevance> Explanation<'s, R> {
    /// Relevance of the first input, in the kernel's order.
    pub fn relevance(&self) -> &'s [R::Word] {
        self.relevance_of(0)
    }

    /// Relevance of an input; empty where there is no such input.
    pub fn relevance_of(&self, input: usize) -> &'s [R::Word] {
        if input >= self.tape.model.inputs() {
            return &[];
        }
        let place = self.tape.relevance(self.tape.model.input(input).tensor);
        bytemuck::try_cast_slice(self.tape.arena.get(place).unwrap_or(&[])).unwrap_or(&[])
    }

    /// The real value of one unit of an input's relevance: one for floats, a power of two times the scale of the
    /// output for integers.
    pub fn unit_of(&self, input: usize) -> f32 {
        if input >= self.tape.model.inputs() {
            return 1.0;
        }
        let mark = self.marks.get(self.tape.model.input(input).tensor).copied();
        self.start.unit_at(mark.and_then(exponent_of_mark).unwrap_or(0))
    }

    /// The real value of one unit of the ledger: of the relevance that it starts with. The inputs' relevance has its own,
    /// [`unit_of`](Self::unit_of), which may be larger or smaller.
    pub fn ledger_unit(&self) -> f32 {
        self.start.unit_at(0)
    }

    /// The class that was explained, where the target was about one.
    pub fn class(&self) -> Option<usize> {
        self.start.class
    }

    /// `f`: the value of that class before any softmax, or the largest value.
    pub fn value(&self) -> f32 {
        self.start.real_value()
    }

    /// Where relevance went.
    pub fn ledger(&self) -> Ledger<'s, R> {
        self.ledger
    }
}

impl Explanation<'_> {
    /// `max |R| / |f|` over all steps: far above one, the explanation is made of cancelling parts.
    pub fn amplification(&self) -> f32 {
        self.ledger.totals().peak / crate::lanes::absolute(self.value())
    }

    /// The `K` inputs of largest magnitude, as element and relevance, the largest first.
    pub fn top<const K: usize>(&self) -> heapless::Vec<(usize, f32), K> {
        let mut top: heapless::Vec<(usize, f32), K> = heapless::Vec::new();
        for (i, r) in self.relevance().iter().enumerate() {
            let rank = top.iter().take_while(|(_, t)| crate::lanes::absolute(*t) >= crate::lanes::absolute(*r)).count();
            if rank >= K {
                continue;
            }
            if top.is_full() {
                let _ = top.pop();
            }
            // Always so; the compiler cannot know it.
            if rank <= top.len() {
                let _ = top.insert(rank, (i, *r));
            }
        }
        top
    }
}
