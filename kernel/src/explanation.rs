//! What an explanation gives: relevance, and its books.

use crate::layers::Tape;
use crate::ledger::Ledger;

/// Relevance of the inputs for one target. It borrows the session's arena: no copy is made.
pub struct Explanation<'s> {
    pub(crate) tape: &'s Tape<'s, 's>,
    pub(crate) class: Option<usize>,
    pub(crate) value: f32,
    pub(crate) ledger: Ledger<'s>,
}

impl<'s> Explanation<'s> {
    /// Relevance of the first input, in the kernel's order.
    pub fn relevance(&self) -> &'s [f32] {
        self.relevance_of(0)
    }

    /// Relevance of an input; empty where there is no such input.
    pub fn relevance_of(&self, input: usize) -> &'s [f32] {
        if input >= self.tape.model.inputs() {
            return &[];
        }
        let place = self.tape.relevance(self.tape.model.input(input).tensor);
        self.tape.arena.get(place).unwrap_or(&[])
    }

    /// The class that was explained, where the target was about one.
    pub fn class(&self) -> Option<usize> {
        self.class
    }

    /// `f`: the value of that class before any softmax, or the largest value.
    pub fn value(&self) -> f32 {
        self.value
    }

    /// Where relevance went.
    pub fn ledger(&self) -> Ledger<'s> {
        self.ledger
    }

    /// `max |R| / |f|` over all steps: far above one, the explanation is made of cancelling parts.
    pub fn amplification(&self) -> f32 {
        self.ledger.totals().peak / crate::lanes::absolute(self.value)
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
