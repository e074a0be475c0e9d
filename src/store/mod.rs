//! Where policies come from: a directory, read whole, compiled whole, swapped in atomically.
//!
//! A [`Snapshot`] is immutable; a request takes one and keeps it to its end. What is broken never replaces what works:
//! the last good snapshot goes on serving and [`Store::status`] says what is wrong and since when.
//!
//! No decision is made here, and nothing of this runs on a request's path but [`Store::snapshot`].

mod debounce;
mod files;
mod reload;
mod scan;
mod snapshot;
mod watch;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch as channel;

pub use files::{Disk, Files, Kind, Stat};
pub use reload::{Failure, Outcome, Status, Watching};
pub use scan::{Include, MAX_FILE_BYTES, Scan, scan};
pub use snapshot::{Snapshot, revision};

use crate::compile::CompileOptions;
use crate::source::{Diagnostic, SourceFile};
use reload::{Reading, Reloader, Signal};

/// A snapshot held for the length of one request. Wait-free to take.
pub type SnapshotGuard = arc_swap::Guard<Arc<Snapshot>>;

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The policy directory; may be a symbolic link.
    pub directory: PathBuf,
    /// Reload when files change.
    pub watch: bool,
    /// How long the directory must be quiet before a change is read.
    pub debounce: Duration,
    /// How often the directory is compared by content, whatever the watcher said.
    pub poll_interval: Duration,
    /// Keep the texts of the files in [`Snapshot::files`], for those who show policies as they are written. Decisions
    /// need none.
    pub keep_sources: bool,
    /// What compilation depends on besides the files.
    pub compile: CompileOptions,
}

impl StoreOptions {
    /// Quiet time before a change is read. The reference waits 2 to 4 s because it applies file by file; here a
    /// half-written set is refused as a whole and a set that changes while it is read is read again.
    pub const DEBOUNCE: Duration = Duration::from_millis(300);
    /// How often content is compared without any event.
    pub const POLL_INTERVAL: Duration = Duration::from_secs(15);

    /// Defaults for a directory, watched.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            watch: true,
            debounce: Self::DEBOUNCE,
            poll_interval: Self::POLL_INTERVAL,
            keep_sources: false,
            compile: CompileOptions::default(),
        }
    }
}

/// The live policy set.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    worker: Option<(mpsc::Sender<Signal>, JoinHandle<()>)>,
}

/// What the worker, the requests and the status page share.
#[derive(Debug)]
struct Shared {
    current: ArcSwap<Snapshot>,
    status: channel::Sender<Arc<Status>>,
    /// Held for the length of a reload, never by a request.
    reloader: Mutex<Reloader>,
}

impl Store {
    /// Reads and compiles the directory, and starts to watch it if asked to.
    ///
    /// # Errors
    /// Everything that is wrong with the set; a store never starts on a broken one.
    pub fn open(options: StoreOptions) -> Result<Self, Vec<Diagnostic>> {
        Self::open_on(Box::new(Disk), options)
    }

    /// [`Store::open`] on other files than the disk's: the seam for fault tests.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(files: Box<dyn Files>, options: StoreOptions) -> Result<Self, Vec<Diagnostic>> {
        let watch = options.watch;
        let (reloader, first) = Reloader::open(files, options)?;
        let status = Status::first(&first, if watch { Watching::Polling } else { Watching::Off });
        let shared = Arc::new(Shared {
            current: ArcSwap::from_pointee(first),
            status: channel::Sender::new(Arc::new(status)),
            reloader: Mutex::new(reloader),
        });
        let worker = if watch { Some(reload::spawn(&shared)) } else { None };
        Ok(Self { shared, worker })
    }

    /// A store over texts that are already in memory and never change.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn in_memory(files: Vec<SourceFile>, compile: &CompileOptions) -> Result<Self, Vec<Diagnostic>> {
        let first = Snapshot::build(files, compile, Vec::new())?;
        let status = Status::first(&first, Watching::Off);
        Ok(Self {
            shared: Arc::new(Shared {
                current: ArcSwap::from_pointee(first),
                status: channel::Sender::new(Arc::new(status)),
                reloader: Mutex::new(Reloader::fixed(compile.clone())),
            }),
            worker: None,
        })
    }

    /// The snapshot to decide one request from.
    #[must_use]
    pub fn snapshot(&self) -> SnapshotGuard {
        self.shared.current.load()
    }

    /// How the store is doing.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.shared.status.borrow())
    }

    /// Hears of every new status that says something else than the one before.
    #[must_use]
    pub fn subscribe(&self) -> channel::Receiver<Arc<Status>> {
        self.shared.status.subscribe()
    }

    /// Reads the directory now, every file of it. Blocks for the length of the reload: not for a request's task.
    pub fn reload(&self) -> Outcome {
        self.reload_by(Reading::Everything)
    }

    fn reload_by(&self, reading: Reading) -> Outcome {
        let mut reloader = self.shared.reloader.lock().unwrap_or_else(PoisonError::into_inner);
        reloader.reload(&self.shared.current, &self.shared.status, reading)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some((signal, thread)) = self.worker.take() {
            // Either the worker hears of it, or it is already gone.
            let _ = signal.send(Signal::Stop);
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod edits;
#[cfg(test)]
mod tests;
