//! Counters of the hot path, in shards: a thread adds to its own, a scrape adds the shards up. Measuring one decision
//! costs two relaxed additions, and one for its latency.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::engine::decision::Effect;
use crate::wire::reply::Verdict;

/// More threads than this share shards.
const SHARDS: usize = 16;

/// Upper bounds of the latency buckets in nanoseconds; the last one is open.
pub(super) const BOUNDS: [u64; 17] = [
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    u64::MAX,
];

/// One thread's counters, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    verdicts: [AtomicU64; 3],
    refusals: AtomicU64,
    panics: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len()],
    nanos: AtomicU64,
}

/// The counters of a server.
#[derive(Debug, Default)]
pub struct Metrics {
    shards: [Shard; SHARDS],
}

/// The counters added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By [`Verdict`], in its order.
    pub verdicts: [u64; 3],
    /// Requests that were answered with an error.
    pub refusals: u64,
    /// Of those, the ones that are a defect of ours.
    pub panics: u64,
    /// Requests decided, by latency.
    pub buckets: [u64; BOUNDS.len()],
    /// Sum of their latencies in nanoseconds.
    pub nanos: u64,
}

impl Metrics {
    /// Counts the verdict on one tool call.
    pub fn verdict(&self, verdict: Verdict) {
        // Counters stand in the order of the enum, which begins with 1.
        self.count((verdict as usize).wrapping_sub(1));
    }

    /// Counts the answer for one action.
    pub fn effect(&self, effect: Effect) {
        self.count(usize::from(effect == Effect::Deny));
    }

    fn count(&self, counter: usize) {
        if let Some(c) = self.shard().verdicts.get(counter) {
            c.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a request that was decided, and how long that took.
    pub fn decided(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let shard = self.shard();
        if let Some(c) = shard.buckets.get(BOUNDS.partition_point(|b| *b < nanos)) {
            c.fetch_add(1, Ordering::Relaxed);
        }
        shard.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Counts a request that was answered with an error.
    pub fn refused(&self) {
        self.shard().refusals.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a panic that was caught.
    pub fn panicked(&self) {
        self.shard().panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything counted so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut all = Totals::default();
        for shard in &self.shards {
            let pairs = all.verdicts.iter_mut().zip(&shard.verdicts);
            for (sum, counter) in pairs.chain(all.buckets.iter_mut().zip(&shard.buckets)) {
                *sum += counter.load(Ordering::Relaxed);
            }
            all.refusals += shard.refusals.load(Ordering::Relaxed);
            all.panics += shard.panics.load(Ordering::Relaxed);
            all.nanos = all.nanos.saturating_add(shard.nanos.load(Ordering::Relaxed));
        }
        all
    }

    fn shard(&self) -> &Shard {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
        }
        let [first, ..] = &self.shards;
        // Threads that are being torn down have no locals any more.
        let mine = MINE.try_with(|m| *m).unwrap_or(0);
        self.shards.get(mine).unwrap_or(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_add_up() {
        let metrics = Metrics::default();
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    metrics.verdict(Verdict::Allow);
                    metrics.verdict(Verdict::Ask);
                    metrics.effect(Effect::Allow);
                    metrics.effect(Effect::Deny);
                    metrics.effect(Effect::Deny);
                    metrics.decided(Duration::from_micros(1));
                    metrics.decided(Duration::from_nanos(1_001));
                    metrics.decided(Duration::MAX);
                    metrics.refused();
                });
            }
        });
        let all = metrics.totals();
        assert_eq!(all.verdicts, [80, 80, 40]);
        assert_eq!((all.buckets[1], all.buckets[2], all.buckets[16]), (40, 40, 40));
        assert_eq!((all.refusals, all.panics), (40, 0));
    }
}
