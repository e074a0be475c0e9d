//! The audit log: a row for every call, and a row for every decision with what was asked, what was answered, and why.
//!
//! The thread that decides makes a row ([`Record`], [`Caller`]) and puts it into a bounded queue; one thread writes
//! (`writer`), as lines of JSON (`lines`) or into an embedded store (`local`). What a row is like is the
//! reference's, plus one member `toolgate` with what it does not say. What may not enter: transports, decisions of
//! its own; and on the path of a decision locks, waiting and system calls.

mod caller;
mod lines;
mod local;
mod queue;
mod record;
pub mod redact;
mod rotation;
pub mod settings;
mod writer;

use std::fmt;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub use caller::{Caller, Outcome};
pub use local::{Filter, Rowstore};
pub use queue::{Entry, Full, Kind};
pub use record::{About, Record, ToolFacts};
pub use settings::{Backend, OnFailure, Settings};

use self::lines::Lines;
use self::local::LocalSink;
use self::queue::Queue;
use self::redact::{Keys, Paths, RedactError};
use self::writer::{Complaints, Shared, Sink, Writer};
use crate::wire::encode::Json;

/// How long a question to the store waits for rows that are not written yet.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open audit log.
pub struct Audit {
    settings: Settings,
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    thread: std::thread::Thread,
    store: Option<Rowstore>,
    keys: Keys,
    /// `"policySource": …`, which all rows share.
    source: Vec<u8>,
}

/// Why an audit log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An output or the store.
    #[error("cannot write the audit log to `{0}`: {1}")]
    Output(String, io::Error),
    /// What is left out.
    #[error(transparent)]
    Redact(#[from] RedactError),
}

/// Figures for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Rows that wait.
    pub waiting: usize,
    /// Bytes of them.
    pub waiting_bytes: usize,
    /// Rows written: of calls, of decisions.
    pub written: [u64; 2],
    /// Rows lost, because the queue was full or the output failed.
    pub lost: [u64; 2],
    /// The writer fails and goes on trying.
    pub failing: bool,
}

impl Audit {
    /// Opens the outputs, and starts to write.
    ///
    /// # Errors
    /// If one cannot be opened, or a pattern or path cannot be read.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let keys = Keys::new(&settings.redaction.keys)?;
        let paths = Paths::new(&settings.redaction.paths)?;
        let durable = settings.on_failure == OnFailure::Evidence;
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        let mut store = None;
        match &settings.backend {
            Backend::Lines { outputs, rotation } => {
                for output in outputs {
                    let failed = |e| OpenError::Output(name(output), e);
                    sinks.push(Box::new(Lines::open(output, *rotation, durable).map_err(failed)?));
                }
            }
            Backend::Local(local) => {
                let failed = |e| OpenError::Output(local.directory.display().to_string(), e);
                let opened = Rowstore::open(&local.directory).map_err(failed)?;
                let mut local = local.clone();
                if durable {
                    local.flush_interval = Duration::ZERO;
                }
                sinks.push(Box::new(LocalSink::new(opened.clone(), local)));
                store = Some(opened);
            }
        }
        let shared = Arc::new(Shared::new(Queue::new(settings.queue)));
        let complaints = Complaints::default();
        let writer = Writer { shared: Arc::clone(&shared), sinks, on_failure: settings.on_failure, paths, complaints };
        let started = std::thread::Builder::new().name("audit".into()).spawn(move || writer.run());
        let writer = started.map_err(|e| OpenError::Output("a thread".into(), e))?;
        let source = source(&settings);
        let thread = writer.thread().clone();
        Ok(Self { settings, shared, writer: Mutex::new(Some(writer)), thread, store, keys, source })
    }

    /// What it was opened with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The store, if there is one. Blocks until what was queued before is in it.
    #[must_use]
    pub fn store(&self) -> Option<&Rowstore> {
        if self.store.is_some() {
            self.flush(PATIENCE);
        }
        self.store.as_ref()
    }

    /// Whether there is a store that can be asked.
    #[must_use]
    pub fn is_queryable(&self) -> bool {
        self.store.is_some()
    }

    /// Queues a row. Never waits.
    ///
    /// # Errors
    /// If there is no place for it and decisions must not go unwritten.
    pub fn push(&self, entry: Entry) -> Result<(), Full> {
        let pushed = if self.is_down() {
            self.shared.queue.drop_one(entry.kind);
            Err(Full)
        } else {
            self.shared.queue.push(entry)
        };
        if self.shared.queue.is_half_full() {
            self.thread.unpark();
        }
        match self.settings.on_failure {
            OnFailure::Availability => Ok(()),
            OnFailure::Evidence => pushed,
        }
    }

    /// Whether nothing may be decided now, because it could not be written.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.settings.on_failure == OnFailure::Evidence && self.shared.queue.is_failing()
    }

    /// Waits until what was queued before is written, but no longer than `patience`.
    pub fn flush(&self, patience: Duration) {
        self.shared.flush(|| self.thread.unpark(), patience);
    }

    /// Writes what waits and ends. Rows that come later are lost.
    pub fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.shared.closing.store(true, Ordering::Release);
        self.thread.unpark();
        if writer.is_some_and(|w| w.join().is_err()) {
            tracing::error!("the audit log's writer panicked (this is a defect of toolgate)");
        }
    }

    /// Figures for metrics.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let queue = &self.shared.queue;
        Facts {
            waiting: queue.len(),
            waiting_bytes: queue.bytes(),
            written: self.shared.written.each_ref().map(|n| n.load(Ordering::Relaxed)),
            lost: queue.dropped(),
            failing: queue.is_failing(),
        }
    }

    fn hides(&self, key: &str) -> bool {
        self.keys.hide(key)
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.close();
    }
}

fn name(output: &settings::Output) -> String {
    match output {
        settings::Output::Stdout => "stdout".into(),
        settings::Output::Stderr => "stderr".into(),
        settings::Output::File(path) => path.display().to_string(),
    }
}

fn source(settings: &Settings) -> Vec<u8> {
    let directory = std::path::absolute(&settings.policy_directory);
    let directory = directory.unwrap_or_else(|_| settings.policy_directory.clone());
    let mut json = Json::default();
    json.object(|json| {
        json.key("disk");
        json.object(|json| json.text("directory", &directory.to_string_lossy()));
    });
    json.finish()
}

/// A time as rows have it.
fn rfc3339(time: std::time::SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests;
