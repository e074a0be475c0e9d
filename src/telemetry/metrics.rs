//! Counters of the hot path, in shards: a thread adds to its own, a scrape adds the shards up. Measuring one request
//! costs some six relaxed additions to memory that is the thread's own.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::kinds::Kinds;
use crate::engine::RuleTable;
use crate::engine::decision::{Decision, Effect};
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

/// Upper bounds of the reference's latency buckets in nanoseconds; the last one is open.
pub(super) const REFERENCE_BOUNDS: [u64; 41] = [
    10_000,
    50_000,
    100_000,
    300_000,
    600_000,
    800_000,
    1_000_000,
    2_000_000,
    3_000_000,
    4_000_000,
    5_000_000,
    6_000_000,
    8_000_000,
    10_000_000,
    13_000_000,
    16_000_000,
    20_000_000,
    25_000_000,
    30_000_000,
    40_000_000,
    50_000_000,
    65_000_000,
    80_000_000,
    100_000_000,
    130_000_000,
    160_000_000,
    200_000_000,
    250_000_000,
    300_000_000,
    400_000_000,
    500_000_000,
    650_000_000,
    800_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    20_000_000_000,
    50_000_000_000,
    100_000_000_000,
    u64::MAX,
];

/// Upper bounds of the reference's buckets of questions in a request; the last one is open.
pub(super) const BATCH_BOUNDS: [u64; 23] =
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, u64::MAX];

/// What a request asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Work {
    /// Neither of these.
    #[default]
    Other,
    /// So many decisions.
    Checks(u32),
    /// Query plans.
    Plans,
}

impl Work {
    /// The same and one more decision.
    #[must_use]
    pub fn and_a_check(self) -> Self {
        Self::Checks(if let Self::Checks(n) = self { n.saturating_add(1) } else { 1 })
    }
}

/// One thread's counters, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    verdicts: [AtomicU64; 3],
    refusals: AtomicU64,
    panics: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len()],
    nanos: AtomicU64,
    checks: Latencies,
    plans: Latencies,
    batches: Batches,
}

/// Latencies of the reference's kind.
#[derive(Debug)]
struct Latencies {
    buckets: [AtomicU64; REFERENCE_BOUNDS.len()],
    nanos: AtomicU64,
}

/// Questions in a request.
#[derive(Debug, Default)]
struct Batches {
    buckets: [AtomicU64; BATCH_BOUNDS.len()],
    sum: AtomicU64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| AtomicU64::new(0)), nanos: AtomicU64::new(0) }
    }
}

/// The counters of a server.
#[derive(Debug, Default)]
pub struct Metrics {
    shards: [Shard; SHARDS],
    pub(super) kinds: Kinds,
}

/// The counters added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Those that decided, by the reference's buckets, and the sum in nanoseconds.
    pub checks: ([u64; REFERENCE_BOUNDS.len()], u64),
    /// Those that planned.
    pub plans: ([u64; REFERENCE_BOUNDS.len()], u64),
    /// Those that decided, by the number of decisions, and the sum.
    pub batches: ([u64; BATCH_BOUNDS.len()], u64),
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            verdicts: [0; 3],
            refusals: 0,
            panics: 0,
            buckets: [0; BOUNDS.len()],
            nanos: 0,
            checks: ([0; REFERENCE_BOUNDS.len()], 0),
            plans: ([0; REFERENCE_BOUNDS.len()], 0),
            batches: ([0; BATCH_BOUNDS.len()], 0),
        }
    }
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

    /// Counts a request that was answered, what it asked for, and how long that took.
    pub fn answered(&self, took: Duration, work: Work) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let shard = self.shard();
        if let Some(c) = shard.buckets.get(BOUNDS.partition_point(|b| *b < nanos)) {
            c.fetch_add(1, Ordering::Relaxed);
        }
        shard.nanos.fetch_add(nanos, Ordering::Relaxed);
        let latencies = match work {
            Work::Other => return,
            Work::Checks(count) => {
                let count = u64::from(count);
                if let Some(c) = shard.batches.buckets.get(BATCH_BOUNDS.partition_point(|b| *b < count)) {
                    c.fetch_add(1, Ordering::Relaxed);
                }
                shard.batches.sum.fetch_add(count, Ordering::Relaxed);
                &shard.checks
            }
            Work::Plans => &shard.plans,
        };
        if let Some(c) = latencies.buckets.get(REFERENCE_BOUNDS.partition_point(|b| *b < nanos)) {
            c.fetch_add(1, Ordering::Relaxed);
        }
        latencies.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Counts the engine's answers about a resource of a kind. `snapshot` tells which kinds there are.
    pub fn decided(&self, snapshot: &RuleTable, revision: &str, kind: &str, decision: &Decision<'_>) {
        self.kinds.count(snapshot, revision, kind, decision);
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
            for (sum, of) in [(&mut all.checks, &shard.checks), (&mut all.plans, &shard.plans)] {
                sum.0.iter_mut().zip(&of.buckets).for_each(|(sum, n)| *sum += n.load(Ordering::Relaxed));
                sum.1 = sum.1.saturating_add(of.nanos.load(Ordering::Relaxed));
            }
            let batches = all.batches.0.iter_mut().zip(&shard.batches.buckets);
            batches.for_each(|(sum, n)| *sum += n.load(Ordering::Relaxed));
            all.batches.1 += shard.batches.sum.load(Ordering::Relaxed);
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
                    metrics.answered(Duration::from_micros(1), Work::Checks(11));
                    metrics.answered(Duration::from_nanos(1_001), Work::Plans);
                    metrics.answered(Duration::MAX, Work::Other);
                    metrics.refused();
                });
            }
        });
        let all = metrics.totals();
        assert_eq!(all.verdicts, [80, 80, 40]);
        assert_eq!((all.buckets[1], all.buckets[2], all.buckets[16]), (40, 40, 40));
        assert_eq!((all.refusals, all.panics), (40, 0));
        assert_eq!((all.batches.0[11], all.batches.1), (40, 440));
        assert_eq!((all.checks.0[0], all.plans.0[0], all.checks.1), (40, 40, 40_000));
    }
}
