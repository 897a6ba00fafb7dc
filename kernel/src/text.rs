//! The words of a text: what a network that reads English is fed with.
//!
//! The tokens are those of the Penn Treebank, lower-cased (`ptb-lower`; the rules are in `models/sentiment.md`, and
//! `docs/sequences.md` shows them at work). Nothing is copied: a word is a piece of the text, and spells itself byte
//! by byte.

use core::cmp::Ordering;
use core::ops::Range;

/// Cuts a text into words. Bytes outside ASCII are letters and stay as they are.
#[derive(Clone, Debug)]
pub struct Words<'t> {
    text: &'t [u8],
    at: usize,
    /// What is left of a word that is cut into pieces.
    word: Range<usize>,
    /// Where its next piece begins.
    piece: usize,
    /// Inside quotation marks.
    is_quoted: bool,
}

/// A word, a part of one, or a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'t> {
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
    /// How it is spelt in the text.
    raw: &'t [u8],
    /// How it is spelt in a vocabulary, where that is another thing.
    form: Option<&'static str>,
}

impl Word<'_> {
    /// How the word is spelt in a vocabulary, byte by byte: lower case, slashes and stars behind a backslash.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        let raw = if self.form.is_some() { &[][..] } else { self.raw };
        let escapes = |byte: u8| matches!(byte, b'/' | b'*');
        let kept = raw.iter().enumerate().filter(move |(i, byte)| {
            let next = raw.get(i + 1).copied().unwrap_or(b' ');
            **byte != b'\\' || !escapes(next)
        });
        let spelt = kept.flat_map(move |(_, byte)| {
            escapes(*byte).then_some(b'\\').into_iter().chain(core::iter::once(byte.to_ascii_lowercase()))
        });
        self.form.unwrap_or("").bytes().chain(spelt)
    }

    /// How the word compares with one of a vocabulary, byte by byte.
    pub fn compare(&self, other: &str) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

/// Words that keep the full stop at their end.
const ABBREVIATIONS: [&str; 13] = ["mr", "mrs", "ms", "dr", "st", "jr", "sr", "vs", "etc", "bros", "inc", "co", "sept"];
/// What is cut off the end of a word.
const ENDINGS: [&str; 7] = ["n't", "'s", "'re", "'ve", "'ll", "'d", "'m"];
/// Words that begin with an apostrophe.
const CLIPPED: [&str; 3] = ["'em", "'n", "'til"];

fn is(word: &[u8], other: &str) -> bool {
    word.eq_ignore_ascii_case(other.as_bytes())
}

/// Space, tab, line feed, vertical tab, form feed, carriage return.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// `u.s.`, `j.`: pairs of a letter and a full stop.
fn is_initials(word: &[u8]) -> bool {
    let (pairs, rest) = word.as_chunks::<2>();
    rest.is_empty() && pairs.iter().all(|[letter, stop]| letter.is_ascii_alphabetic() && *stop == b'.')
}

/// How many bytes at the end of a word are a token of their own: a quotation mark, a full stop, a contraction.
fn cut_length(word: &[u8]) -> usize {
    match word {
        [_, .., b'\''] => 1,
        [before @ .., b'.'] if !before.is_empty() => {
            let stays = ABBREVIATIONS.iter().any(|known| is(before, known)) || is_initials(word);
            usize::from(!stays)
        }
        _ => {
            let ends = |end: &&&str| {
                let start = word.len().saturating_sub(end.len());
                start > 0 && word.get(start..).is_some_and(|tail| is(tail, end))
            };
            ENDINGS.iter().find(ends).map_or(0, |end| end.len())
        }
    }
}

impl<'t> Words<'t> {
    /// The words of a text.
    pub const fn new(text: &'t str) -> Self {
        Self { text: text.as_bytes(), at: 0, word: 0..0, piece: 0, is_quoted: false }
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(b' ')
    }

    fn slice(&self, span: &Range<usize>) -> &'t [u8] {
        self.text.get(span.clone()).unwrap_or(&[])
    }

    /// How many of this byte follow each other.
    fn run(&self, at: usize, byte: u8) -> usize {
        self.text.get(at..).unwrap_or(&[]).iter().take_while(|b| **b == byte).count()
    }

    /// The length of the mark that begins here, zero where none does.
    fn mark(&self, at: usize) -> usize {
        let several = |byte| Some(self.run(at, byte)).filter(|n| *n > 1).unwrap_or(0);
        match self.byte(at) {
            byte @ (b'-' | b'.') => several(byte),
            b'\'' if self.byte(at + 1) == b'\'' => 2,
            b'`' => self.run(at, b'`').min(2),
            b'*' | b'\\' => self.stars(at),
            b'!' | b'?' | b';' | b'"' | b'(' | b')' | b'[' | b']' | b'$' | b'#' | b'%' => 1,
            b',' | b':' => {
                let before = if at == 0 { b' ' } else { self.byte(at - 1) };
                usize::from(!before.is_ascii_digit() || !self.byte(at + 1).is_ascii_digit())
            }
            _ => 0,
        }
    }

    /// The length of a run of stars, each of which a backslash may stand before.
    fn stars(&self, start: usize) -> usize {
        let mut at = start;
        loop {
            let star = at + usize::from(self.byte(at) == b'\\');
            if self.byte(star) != b'*' {
                return at - start;
            }
            at = star + 1;
        }
    }

    /// How a mark is spelt, where not as it stands.
    fn form(&mut self, mark: &[u8]) -> Option<&'static str> {
        match mark {
            [b'"'] => {
                self.is_quoted = !self.is_quoted;
                Some(if self.is_quoted { "``" } else { "''" })
            }
            [b'(' | b'['] => Some("-lrb-"),
            [b')' | b']'] => Some("-rrb-"),
            [b'-', ..] => Some("--"),
            [b'.', ..] => Some("..."),
            _ => None,
        }
    }

    /// Begins with the word between two marks; an apostrophe before it is a token by itself.
    fn begin(&mut self) -> Word<'t> {
        let start = self.at;
        while self.at < self.text.len()
            && !is_space(self.byte(self.at))
            && (self.at == start || self.mark(self.at) == 0)
        {
            self.at += 1;
        }
        self.word = start..self.at;
        self.piece = start;
        let word = self.slice(&self.word);
        let whole = ENDINGS.iter().chain(&CLIPPED).any(|known| is(word, known));
        if let [b'\'', next, ..] = word
            && !whole
            && !next.is_ascii_digit()
        {
            self.word.start += 1;
            self.piece += 1;
            return Word { span: start..start + 1, raw: &[], form: Some("`") };
        }
        self.next_piece()
    }

    /// The next piece of a word: what is left when all that can be is cut off its end, and then that.
    fn next_piece(&mut self) -> Word<'t> {
        let mut span = self.word.clone();
        loop {
            let cut = cut_length(self.slice(&span));
            if cut == 0 || span.end - cut < self.piece {
                break;
            }
            if span.end - cut == self.piece {
                span.start = self.piece;
                break;
            }
            span.end -= cut;
        }
        span.start = self.piece;
        if is(self.slice(&span), "cannot") {
            span.end -= 3;
        }
        self.piece = span.end;
        Word { raw: self.slice(&span), span, form: None }
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = Word<'t>;

    fn next(&mut self) -> Option<Word<'t>> {
        if self.piece < self.word.end {
            return Some(self.next_piece());
        }
        while self.at < self.text.len() && is_space(self.byte(self.at)) {
            self.at += 1;
        }
        if self.at >= self.text.len() {
            return None;
        }
        let mark = self.mark(self.at);
        if mark == 0 {
            return Some(self.begin());
        }
        let span = self.at..self.at + mark;
        self.at += mark;
        let raw = self.slice(&span);
        Some(Word { form: self.form(raw), raw, span })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::Words;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    fn tokens(text: &str) -> Vec<String> {
        Words::new(text).map(|word| String::from_utf8(word.bytes().collect()).unwrap()).collect()
    }

    #[test]
    fn words_are_those_of_the_treebank() {
        for (text, wanted) in [
            ("I can't say it's \"good\" (or bad)...", "i ca n't say it 's `` good '' -lrb- or bad -rrb- ..."),
            ("The characters' lives? Don't!", "the characters ' lives ? do n't !"),
            ("Mr. O'Neill's 8 1/2 cost $1,000.", "mr. o'neill 's 8 1\\/2 cost $ 1,000 ."),
            (
                "'Great film,' and well--really, U.S. films cannot win.",
                "` great film , ' and well -- really , u.s. films can not win .",
            ),
            ("and\\/or f\\*\\*k 'em in the '70s", "and\\/or f \\*\\* k 'em in the '70s"),
            ("at 3:30, 5,000: n't cannot's", "at 3:30 , 5,000 : n't can not 's"),
            ("caf\u{e9} --- \u{2019}tis ''x''", "caf\u{e9} -- \u{2019}tis '' x ''"),
            (" \t\n", ""),
        ] {
            assert_eq!(tokens(text).join(" "), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_cut_without_loss(text in "([a-zA-Z0-9'\"`.,:;!?*/\\\\()\\-$ ]|\\PC){0,40}") {
            let mut end = 0;
            for word in Words::new(&text) {
                prop_assert!(word.span.start >= end && word.span.end > word.span.start);
                prop_assert!(text[end..word.span.start].bytes().all(super::is_space));
                prop_assert!(word.bytes().count() > 0);
                end = word.span.end;
            }
            prop_assert!(text[end..].bytes().all(super::is_space));
        }
    }
}
