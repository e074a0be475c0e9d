//! The thread that writes: takes what waits, in batches, to every output, and says what could not be written.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::queue::{Entry, Kind, Queue};
use super::redact::Paths;
use super::settings::OnFailure;

/// Rows of a batch, at most.
const BATCH: usize = 512;
/// Bytes of a batch, about: what is cut off by a crash is no more than that.
const BATCH_BYTES: usize = 1 << 20;
/// Rest after the queue was empty, at first and at last. Nobody wakes the writer for a row: that would be a system
/// call on the path of a decision.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));
/// Rest after a failure.
const RETRY: Duration = Duration::from_millis(200);
/// Failures are logged this often.
const COMPLAINTS: Duration = Duration::from_secs(10);
/// How often is tried at the end.
const LAST_TRIES: u32 = 3;

/// Where rows go. Buffers what it takes until it is written.
pub(super) trait Sink: Send {
    /// Takes rows over.
    fn take(&mut self, batch: &[Entry]);
    /// Writes what was taken and is due; everything, if `all`. After an error the next call goes on.
    fn write(&mut self, all: bool) -> io::Result<()>;
    /// Gives up what is not written, and says how much that is.
    fn abandon(&mut self) -> Lost;
}

/// Rows that were not written, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Calls.
    pub access: u64,
    /// Decisions.
    pub decision: u64,
}

impl Lost {
    pub(super) fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Access => self.access += 1,
            Kind::Decision => self.decision += 1,
        }
    }
}

/// What the writer and everybody else share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Queue,
    pub(super) written: [AtomicU64; 2],
    pub(super) closing: AtomicBool,
    flushes: Mutex<Flushes>,
    flushed: Condvar,
}

#[derive(Debug, Default)]
struct Flushes {
    asked: u64,
    done: u64,
    over: bool,
}

impl Shared {
    pub(super) fn new(queue: Queue) -> Self {
        Self {
            queue,
            written: Default::default(),
            closing: AtomicBool::new(false),
            flushes: Mutex::default(),
            flushed: Condvar::new(),
        }
    }

    /// Waits until what was queued before is written, or for `patience`.
    pub(super) fn flush(&self, wake: impl Fn(), patience: Duration) {
        let mut flushes = self.flushes.lock().unwrap_or_else(PoisonError::into_inner);
        flushes.asked += 1;
        let mine = flushes.asked;
        wake();
        let waiting = |f: &mut Flushes| f.done < mine && !f.over;
        let _ = self.flushed.wait_timeout_while(flushes, patience, waiting);
    }

    fn asked(&self) -> u64 {
        self.flushes.lock().unwrap_or_else(PoisonError::into_inner).asked
    }

    fn done(&self, upto: u64, over: bool) {
        let mut flushes = self.flushes.lock().unwrap_or_else(PoisonError::into_inner);
        flushes.done = upto;
        flushes.over = over;
        self.flushed.notify_all();
    }
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) sinks: Vec<Box<dyn Sink>>,
    pub(super) on_failure: OnFailure,
    pub(super) paths: Paths,
    pub(super) complaints: Complaints,
}

impl Writer {
    /// Writes until the end.
    pub(super) fn run(mut self) {
        let mut pause = PAUSE.0;
        loop {
            // Before the queue is looked at: what came before these is in it.
            let closing = self.shared.closing.load(Ordering::Acquire);
            let asked = self.shared.asked();
            let batch = self.batch();
            if !batch.is_empty() {
                self.deliver(&batch, false);
                pause = PAUSE.0;
                continue;
            }
            let all = closing || self.shared.flushes.lock().is_ok_and(|f| f.done < asked);
            self.deliver(&[], all);
            self.shared.done(asked, closing);
            if closing {
                return;
            }
            std::thread::park_timeout(pause);
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    fn batch(&self) -> Vec<Entry> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Some(mut entry) = self.shared.queue.pop() else { break };
            if !self.paths.is_empty() {
                let Some(json) = self.paths.apply(&entry.json) else {
                    // Not written at all rather than with what must not be in it.
                    self.shared.queue.drop_one(entry.kind);
                    continue;
                };
                entry.json = json;
            }
            bytes += entry.json.len();
            batch.push(entry);
        }
        batch
    }

    fn deliver(&mut self, batch: &[Entry], all: bool) {
        let mut lost = Lost::default();
        for sink in &mut self.sinks {
            sink.take(batch);
            let mut tries = 0;
            while let Err(error) = sink.write(all) {
                tries += 1;
                let ending = self.shared.closing.load(Ordering::Acquire) && tries >= LAST_TRIES;
                if self.on_failure == OnFailure::Evidence && !ending {
                    self.shared.queue.set_failing(true);
                    self.complaints.failed(&error, Lost::default());
                    std::thread::park_timeout(RETRY);
                    continue;
                }
                let given_up = sink.abandon();
                self.complaints.failed(&error, given_up);
                lost.access = lost.access.max(given_up.access);
                lost.decision = lost.decision.max(given_up.decision);
                break;
            }
        }
        self.shared.queue.set_failing(false);
        let count = |kind| batch.iter().filter(|e| e.kind == kind).count() as u64;
        for (kind, lost) in [(Kind::Access, lost.access), (Kind::Decision, lost.decision)] {
            for _ in 0..lost {
                self.shared.queue.drop_one(kind);
            }
            let [access, decision] = &self.shared.written;
            let counter = if kind == Kind::Access { access } else { decision };
            counter.fetch_add(count(kind).saturating_sub(lost), Ordering::Relaxed);
        }
    }
}

/// Failures as log lines, not too many of them.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    last: Option<Instant>,
    lost: Lost,
}

impl Complaints {
    fn failed(&mut self, error: &io::Error, lost: Lost) {
        self.lost.access += lost.access;
        self.lost.decision += lost.decision;
        if self.last.is_some_and(|last| last.elapsed() < COMPLAINTS) {
            return;
        }
        let Lost { access, decision } = std::mem::take(&mut self.lost);
        tracing::error!(%error, lost_access = access, lost_decisions = decision, "the audit log cannot be written");
        self.last = Some(Instant::now());
    }
}
