//! What a message may cost before it is refused.

/// Nested values a message may hold, in both formats: a list in a list counts two. More than JSON libraries commonly
/// take by default, far below what the stack takes; prost stops at about 48 nested lists, the reference at none.
pub const MAX_DEPTH: u32 = 128;

/// Bounds on one message. A message past any of them is an error, never a shorter message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the message in bytes.
    pub bytes: usize,
    /// Nested values.
    pub depth: u32,
    /// Bytes of arena the decoded form may take: small wire elements have larger decoded forms, and this bounds how
    /// much memory a hostile message can claim.
    pub arena: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 << 20, depth: MAX_DEPTH, arena: 64 << 20 }
    }
}

impl Limits {
    /// These limits with another message size.
    #[must_use]
    pub fn with_bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }
}

/// Capacity for a fresh arena such that an ordinary message of `len` bytes is decoded, JSON arguments in it included,
/// without a second chunk.
#[must_use]
pub fn arena_hint(len: usize) -> usize {
    len.saturating_mul(16).saturating_add(4096).min(256 << 10)
}
