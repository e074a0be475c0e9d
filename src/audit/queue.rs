//! What waits to be written: bounded by number and by bytes, filled without locks or system calls by the threads that
//! decide, emptied by one that writes.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;

use super::settings;

/// The two kinds of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call.
    Access,
    /// A decision.
    Decision,
}

impl Kind {
    /// Its name in rows and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Decision => "decision",
        }
    }
}

/// One row.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What of.
    pub kind: Kind,
    /// The ULID by which it is found.
    pub id: [u8; 26],
    /// A JSON object.
    pub json: Vec<u8>,
}

/// A row could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log cannot be written")]
pub struct Full;

#[derive(Debug)]
pub(super) struct Queue {
    entries: ArrayQueue<Entry>,
    bytes: AtomicUsize,
    max_bytes: usize,
    /// Rows that found no place, by kind.
    dropped: [AtomicU64; 2],
    /// The writer cannot write, and goes on trying.
    failing: AtomicBool,
}

impl Queue {
    pub(super) fn new(bounds: settings::Queue) -> Self {
        Self {
            entries: ArrayQueue::new(bounds.entries.max(1)),
            bytes: AtomicUsize::new(0),
            max_bytes: bounds.bytes,
            dropped: Default::default(),
            failing: AtomicBool::new(false),
        }
    }

    /// Takes a row in. One that finds no place is counted.
    pub(super) fn push(&self, entry: Entry) -> Result<(), Full> {
        let (size, kind) = (entry.json.len(), entry.kind);
        let before = self.bytes.fetch_add(size, Ordering::Relaxed);
        let fits = before.saturating_add(size) <= self.max_bytes;
        if fits && self.entries.push(entry).is_ok() {
            return Ok(());
        }
        self.bytes.fetch_sub(size, Ordering::Relaxed);
        self.drop_one(kind);
        Err(Full)
    }

    pub(super) fn drop_one(&self, kind: Kind) {
        let [access, decision] = &self.dropped;
        let counter = if kind == Kind::Access { access } else { decision };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn pop(&self) -> Option<Entry> {
        let entry = self.entries.pop()?;
        self.bytes.fetch_sub(entry.json.len(), Ordering::Relaxed);
        Some(entry)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_half_full(&self) -> bool {
        self.entries.len() * 2 >= self.entries.capacity() || self.bytes() * 2 >= self.max_bytes
    }

    pub(super) fn dropped(&self) -> [u64; 2] {
        self.dropped.each_ref().map(|n| n.load(Ordering::Relaxed))
    }

    pub(super) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> Entry {
        Entry { kind: Kind::Decision, id: [b'0'; 26], json: vec![b'x'; bytes] }
    }

    #[test]
    fn what_waits_is_bounded_by_number_and_by_bytes() {
        let queue = Queue::new(settings::Queue { entries: 3, bytes: 10 });
        assert_eq!(queue.push(entry(5)), Ok(()));
        assert_eq!(queue.push(entry(6)), Err(Full));
        assert_eq!(queue.push(entry(5)), Ok(()));
        assert_eq!((queue.len(), queue.bytes(), queue.is_half_full()), (2, 10, true));
        assert!(queue.pop().is_some_and(|e| e.json.len() == 5));
        assert_eq!(queue.push(entry(0)), Ok(()));
        assert_eq!(queue.push(entry(0)), Ok(()));
        assert_eq!(queue.push(entry(0)), Err(Full));
        while queue.pop().is_some() {}
        assert_eq!((queue.len(), queue.bytes(), queue.dropped()), (0, 0, [0, 2]));
    }
}
