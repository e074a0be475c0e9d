//! Equality of texts, most of which are short: keys, names, members of lists. Up to 16 bytes it takes no call and no
//! loop, which the general comparison of slices does.

use std::sync::Arc;

/// The longest text that [`ends`] tells from all others of its length.
pub const SHORT: usize = 16;

/// `a == b`
#[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
#[inline(always)]
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    a.len() == b.len() && if a.len() > SHORT { a == b } else { ends(a) == ends(b) }
}

/// The same of bytes, without a call up to 32 of them, where that is worth the room.
#[inline]
#[must_use]
pub fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let halves = |text: &[u8]| Some((*text.first_chunk::<16>()?, *text.last_chunk::<16>()?));
    if a.len() <= SHORT {
        return ends(a) == ends(b);
    }
    if a.len() <= 32 { halves(a) == halves(b) } else { a == b }
}

/// A text to compare others with, prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The text.
    pub text: Arc<str>,
    ends: (u64, u64),
}

impl Key {
    /// Prepares a text.
    #[must_use]
    pub fn new(text: Arc<str>) -> Self {
        Self { ends: ends(text.as_bytes()), text }
    }

    /// True if the text is none that [`Self::is`] can be asked about.
    #[inline]
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.text.len() > SHORT
    }

    /// True if `other` is the same, where [`Self::is_long`] is false.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    #[must_use]
    pub fn is(&self, other: &str) -> bool {
        other.len() == self.text.len() && ends(other.as_bytes()) == self.ends
    }
}

/// The bytes at both ends of a text. They overlap in a short one, which they tell from all others of its length.
#[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
#[inline(always)]
#[must_use]
pub fn ends(text: &[u8]) -> (u64, u64) {
    // what is split off comes with a rest, whose address is known to be none that stands for nothing
    if let (Some((first, _)), Some((_, last))) = (text.split_first_chunk::<8>(), text.split_last_chunk::<8>()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some((first, _)), Some((_, last))) = (text.split_first_chunk::<4>(), text.split_last_chunk::<4>()) {
        return (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into());
    }
    let at = |i: usize| u64::from(text.get(i).copied().unwrap_or(0));
    (at(0) | at(1) << 8 | at(2) << 16, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_comparison_of_slices() {
        for len in 0..40 {
            let text: String = "abcdefghijklmnopqrstuvwxyz0123456789ABCD".chars().take(len).collect();
            assert!(same(&text, &text.clone()) && same_bytes(text.as_bytes(), text.clone().as_bytes()), "{text}");
            for at in 0..len {
                let other: String = text.chars().enumerate().map(|(i, c)| if i == at { '#' } else { c }).collect();
                assert!(!same(&text, &other) && !same_bytes(text.as_bytes(), other.as_bytes()), "{text} {other}");
            }
            assert!(!same(&text, &format!("{text}x")));
            assert!(!same(&text, &format!("{text}\0")));
        }
    }
}
