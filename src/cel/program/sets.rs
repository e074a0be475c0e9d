//! Literal lists prepared for membership tests. Only looks up: what a list holds is decided by `lower`.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::super::texts::{SHORT, ends};
use super::super::value::Constant;

/// A literal list prepared for membership tests.
#[derive(Clone, Debug)]
pub struct Set {
    /// All elements, for values the shortcuts below do not cover.
    pub elements: Arc<[Constant]>,
    /// True if there are only strings.
    pub only_strings: bool,
    /// The strings.
    pub strings: Texts,
    /// The numbers, sorted, if there are only strings and numbers that doubles hold exactly.
    pub numbers: Option<Box<[f64]>>,
}

/// Texts prepared for membership tests.
#[derive(Clone, Debug)]
pub struct Texts {
    /// A bit for each [`shape`] that some text has: what most other texts fail at.
    shapes: u64,
    all: Members,
}

#[derive(Clone, Debug)]
enum Members {
    /// By length, where few are of one length.
    ByLength {
        /// Sorted by length; each with its [`ends`].
        texts: Box<[(u64, u64, Arc<str>)]>,
        /// Where the texts of each length are in `texts`: from and to.
        lengths: Box<[(u32, u32)]>,
    },
    /// By hash.
    Hashed(HashSet<Arc<str>, FixedState>),
}

/// Texts of one length that are looked through one by one, and the longest text that may be.
const FEW: usize = 16;
const LONGEST: usize = 255;

/// One bit, from the length and the first byte.
#[inline]
fn shape(text: &[u8]) -> u64 {
    let first = text.first().map_or(0, |b| usize::from(*b));
    1 << (text.len().wrapping_mul(5).wrapping_add(first) % 64)
}

impl Texts {
    /// Prepares texts.
    #[must_use]
    pub fn new(mut all: Vec<Arc<str>>) -> Self {
        all.sort_unstable_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        all.dedup();
        let shapes = all.iter().fold(0, |shapes, text| shapes | shape(text.as_bytes()));
        let longest = all.last().map_or(0, |t| t.len());
        let many = all.chunk_by(|a, b| a.len() == b.len()).any(|same| same.len() > FEW);
        if many || longest > LONGEST {
            return Self { shapes, all: Members::Hashed(all.into_iter().collect()) };
        }
        let at = |len: usize| all.partition_point(|t| t.len() < len) as u32;
        let lengths = (0..=longest).map(|len| (at(len), at(len + 1))).collect();
        let with_ends = |text: Arc<str>| {
            let (first, last) = ends(text.as_bytes());
            (first, last, text)
        };
        Self { shapes, all: Members::ByLength { lengths, texts: all.into_iter().map(with_ends).collect() } }
    }

    /// True if the text is one of them.
    #[inline]
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.shapes & shape(text.as_bytes()) != 0 && self.holds(text)
    }

    #[inline(never)]
    fn holds(&self, text: &str) -> bool {
        let Members::ByLength { texts, lengths } = &self.all else { return self.holds_long(text) };
        let Some((from, to)) = lengths.get(text.len()) else { return false };
        if text.len() > SHORT {
            return self.holds_long(text);
        }
        // no call in the loop: it needs no registers saved
        let wanted = ends(text.as_bytes());
        let same = texts.get(*from as usize..*to as usize).unwrap_or(&[]);
        same.iter().any(|(first, last, _)| (*first, *last) == wanted)
    }

    #[inline(never)]
    fn holds_long(&self, text: &str) -> bool {
        match &self.all {
            Members::ByLength { texts, lengths } => {
                let Some((from, to)) = lengths.get(text.len()) else { return false };
                let same = texts.get(*from as usize..*to as usize).unwrap_or(&[]);
                same.iter().any(|(_, _, t)| **t == *text)
            }
            Members::Hashed(all) => all.contains(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_hold_what_was_put_in_and_nothing_else() {
        let word =
            |i: usize| "abcdefghijklmnopqrstuvwxyz".repeat(2).chars().skip(i % 26).take(i % 24).collect::<String>();
        for size in [0, 1, 7, 40, 700] {
            let words: Vec<Arc<str>> = (0..size).map(|i| word(i * 7).into()).collect();
            let texts = Texts::new(words.clone());
            for i in 0..700 {
                let asked = word(i);
                assert_eq!(texts.contains(&asked), words.iter().any(|w| **w == *asked), "{asked} of {size}");
            }
        }
    }
}
