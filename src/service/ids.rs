//! Ids of calls and decisions: ULIDs, as the reference has them. Unique, sorted by time, no secret.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// An id: 26 characters of Crockford's base 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id([u8; 26]);

impl Id {
    /// A new id for something that happens at `now`. A thread counts up from a random start of its own, so that
    /// making one costs no system call.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        thread_local! {
            static LAST: Cell<u128> = const { Cell::new(0) };
        }
        let millis = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        // A thread that is being torn down has no locals: it draws afresh.
        let tail = LAST.try_with(|last| {
            let tail = if last.get() == 0 { random() } else { last.get().wrapping_add(STEP) };
            last.set(tail);
            tail
        });
        let low = (1_u128 << 80) - 1;
        Self::encode((millis << 80) | (tail.unwrap_or_else(|_| random()) & low))
    }

    fn encode(value: u128) -> Self {
        const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut text = [b'0'; 26];
        for (i, place) in text.iter_mut().rev().enumerate() {
            let digit = (value >> (5 * i)) & 31;
            *place = DIGITS.get(digit as usize).copied().unwrap_or(b'0');
        }
        Self(text)
    }

    /// Its characters.
    #[must_use]
    pub fn bytes(self) -> [u8; 26] {
        self.0
    }

    /// The id with these characters.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 26]) -> Self {
        Self(bytes)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ever filled with digits above.
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

/// Odd, so that 2^80 ids of a thread differ; large, so that they do not look like a count.
const STEP: u128 = 0x9E37_79B9_7F4A_7C15_F39D;

/// Not zero.
fn random() -> u128 {
    let half = |n: u8| u128::from(RandomState::new().hash_one(n));
    (half(1) << 64 | half(2)) | 1 << 127
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_are_ulids_and_differ() {
        assert_eq!(Id::encode(0).as_str(), "00000000000000000000000000");
        assert_eq!(Id::encode(u128::MAX).as_str(), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        // The example of the ULID specification: its first ten characters are this time.
        let time = UNIX_EPOCH + Duration::from_millis(1_469_918_176_385);
        assert!(Id::new(time).as_str().starts_with("01ARYZ6S41"), "{:?}", Id::new(time));
        let ids = move |n: usize| (0..n).map(|_| Id::new(time).as_str().to_owned()).collect::<Vec<_>>();
        let mut all: BTreeSet<String> = ids(1000).into_iter().collect();
        for thread in (0..4).map(|_| std::thread::spawn(move || ids(1000))).collect::<Vec<_>>() {
            all.extend(thread.join().unwrap());
        }
        assert_eq!(all.len(), 5000);
    }
}
