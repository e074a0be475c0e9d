//! Keeps a store fresh: a thread that listens for hints, compares by content, builds a complete new snapshot and swaps
//! it in. What fails is kept as the store's status and never touches the snapshot that serves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::watch as channel;

use super::debounce::Debounce;
use super::files::{Disk, Files};
use super::scan::{Include, Known, Listing, list};
use super::snapshot::{Snapshot, revision_of};
use super::watch::Watch;
use super::{Shared, StoreOptions};
use crate::compile::{CompileOptions, Kept};
use crate::source::{Diagnostic, SourceFile};

/// How often a directory that cannot be read is looked for.
const RETRY: Duration = Duration::from_secs(1);
/// How soon a replaced snapshot is looked at again, to be freed here and not by the last request that used it.
const RETIRE: Duration = Duration::from_millis(100);
/// Diagnostics of one failure that go to the log.
const LOGGED: usize = 20;

/// How a store is doing.
#[derive(Clone, Debug)]
pub struct Status {
    /// Revision that serves.
    pub revision: Box<str>,
    /// When it was loaded.
    pub loaded_at: SystemTime,
    /// When the directory was last seen to be what serves.
    pub refreshed_at: SystemTime,
    /// What is wrong with the directory now, if anything.
    pub failure: Option<Failure>,
    /// How changes are noticed.
    pub watching: Watching,
    /// Times the directory was read.
    pub polls: u64,
    /// Times that what was read could not be used.
    pub sync_errors: u64,
}

/// Why the directory is not what serves.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Since when, without a break.
    pub since: SystemTime,
    /// What is wrong.
    pub diagnostics: Arc<[Diagnostic]>,
    /// The content that is refused: its revision, and what could not be read of it.
    seen: Option<(Box<str>, Vec<Diagnostic>)>,
}

impl Failure {
    /// True if something could not be read, so that looking again soon is worth it.
    fn is_unreadable(&self) -> bool {
        self.seen.as_ref().is_none_or(|(_, faults)| !faults.is_empty())
    }
}

/// How changes are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// Not at all.
    Off,
    /// By reading the directory now and then: the system refuses to report events.
    Polling,
    /// By events, and by reading now and then.
    Events,
}

impl Watching {
    /// Lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Polling => "polling",
            Self::Events => "events",
        }
    }
}

/// What came of reading the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is what serves already.
    Unchanged,
    /// A new snapshot serves.
    Applied,
    /// It cannot be used; what served goes on serving.
    Failed,
}

impl Status {
    pub(super) fn first(snapshot: &Snapshot, watching: Watching) -> Self {
        Self {
            revision: snapshot.revision.clone(),
            loaded_at: snapshot.loaded_at,
            refreshed_at: snapshot.loaded_at,
            failure: None,
            watching,
            polls: 1,
            sync_errors: 0,
        }
    }
}

/// Messages to the worker.
pub(super) enum Signal {
    /// Something may have changed.
    Hint,
    /// The store is closed.
    Stop,
}

/// Which files a reload reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Those that the system says have changed.
    Changed,
    /// All of them.
    Everything,
}

/// How often a set that moves between reading and compiling is read again before giving up.
const ATTEMPTS: usize = 5;

/// Reads the directory and decides what to do with what it finds.
#[derive(Debug)]
pub(super) struct Reloader {
    files: Box<dyn Files>,
    options: StoreOptions,
    /// Where the directory was last found.
    resolved: Option<PathBuf>,
    /// The files as they were last read.
    known: Known,
    /// What the snapshot that serves was made of.
    kept: Kept,
    /// Replaced snapshots that requests may still hold.
    retired: Vec<Arc<Snapshot>>,
    /// A store without a directory never changes.
    fixed: bool,
}

impl Reloader {
    pub(super) fn open(files: Box<dyn Files>, options: StoreOptions) -> Result<(Self, Snapshot), Vec<Diagnostic>> {
        let mut new = Self {
            files,
            options,
            resolved: None,
            known: Known::default(),
            kept: Kept::default(),
            retired: Vec::new(),
            fixed: false,
        };
        let listing = new.list(Reading::Everything).map_err(|d| vec![*d])?;
        match new.make(listing) {
            Some(made) => made.map(|first| (new, first)),
            None => Err(vec![new.keeps_changing()]),
        }
    }

    pub(super) fn fixed(compile: CompileOptions) -> Self {
        let options = StoreOptions { watch: false, compile, ..StoreOptions::new(PathBuf::new()) };
        Self {
            files: Box::new(Disk),
            options,
            resolved: None,
            known: Known::default(),
            kept: Kept::default(),
            retired: Vec::new(),
            fixed: true,
        }
    }

    /// Reads the directory and swaps in what it holds, if it is new and whole.
    pub(super) fn reload(
        &mut self,
        current: &ArcSwap<Snapshot>,
        status: &channel::Sender<Arc<Status>>,
        reading: Reading,
    ) -> Outcome {
        if self.fixed {
            return Outcome::Unchanged;
        }
        let mut next = Status::clone(&status.borrow());
        next.polls += 1;
        let outcome = match self.build(&next, reading) {
            Ok(None) => {
                if next.failure.take().is_some() {
                    tracing::info!(revision = %next.revision, "policies are in order again");
                }
                next.refreshed_at = SystemTime::now();
                Outcome::Unchanged
            }
            Ok(Some(snapshot)) => {
                next.revision = snapshot.revision.clone();
                next.loaded_at = snapshot.loaded_at;
                next.refreshed_at = snapshot.loaded_at;
                next.failure = None;
                let (revision, policies, rules) = (snapshot.revision.clone(), snapshot.policies, snapshot.rules);
                let warnings = snapshot.warnings.len();
                self.retired.push(current.swap(Arc::new(snapshot)));
                tracing::info!(%revision, policies, rules, warnings, "policies reloaded");
                Outcome::Applied
            }
            Err((seen, diagnostics)) => {
                next.sync_errors += 1;
                fail(&mut next, seen, diagnostics);
                Outcome::Failed
            }
        };
        tell(status, next);
        outcome
    }

    /// A new snapshot; nothing if what serves is what is there; or which content cannot be used, and why.
    fn build(&mut self, status: &Status, reading: Reading) -> Result<Option<Snapshot>, Refused> {
        // Texts are kept from one snapshot to the next only by reading them.
        let mut reading = if self.options.keep_sources { Reading::Everything } else { reading };
        for _ in 0..ATTEMPTS {
            let listing = self.list(reading).map_err(|d| (None, vec![*d]))?;
            let broken = listing.is_broken();
            let found = revision_of(&listing.inputs);
            if !broken && found == status.revision {
                return Ok(None);
            }
            let faults = if broken { listing.diagnostics.clone() } else { Vec::new() };
            let seen = Some((found, faults));
            if let Some(known) = status.failure.as_ref().filter(|f| f.seen == seen) {
                // Compiling the same text again would find the same.
                return Err((seen, known.diagnostics.to_vec()));
            }
            if let Some(made) = self.make(listing) {
                return made.map(Some).map_err(|d| (seen, d));
            }
            reading = Reading::Everything;
        }
        Err((None, vec![self.keeps_changing()]))
    }

    fn list(&mut self, reading: Reading) -> Result<Listing, Box<Diagnostic>> {
        let nothing = Known::default();
        let known = if reading == Reading::Changed { &self.known } else { &nothing };
        match list(&*self.files, &self.options.directory, Include::Policies, known) {
            Ok(mut listing) => {
                self.known = std::mem::take(&mut listing.known);
                self.resolved = Some(listing.root.clone());
                Ok(listing)
            }
            Err(d) => {
                self.resolved = None;
                Err(d)
            }
        }
    }

    /// Compiles what was read. `None` if a file that must be read after all is not what it was.
    fn make(&mut self, mut listing: Listing) -> Option<Result<Snapshot, Vec<Diagnostic>>> {
        let found = std::mem::take(&mut listing.diagnostics);
        let mut read = |places: &[usize]| listing.read(&*self.files, places);
        let (compile, sources) = (&self.options.compile, self.options.keep_sources);
        let made = Snapshot::make(&listing.inputs, compile, found, &self.kept, sources, &mut read)?;
        Some(made.map(|(snapshot, kept)| {
            self.kept = kept;
            snapshot
        }))
    }

    fn keeps_changing(&self) -> Diagnostic {
        let place = SourceFile::new(self.options.directory.display().to_string(), "");
        Diagnostic::error("TG0808", &place, None, "the policy directory keeps changing while it is read")
    }

    fn retire(&mut self) {
        self.retired.retain(|s| Arc::strong_count(s) > 1);
    }
}

/// Makes `next` the status. Only what is news wakes those who wait: not that the directory was looked at once more.
fn tell(status: &channel::Sender<Arc<Status>>, next: Status) {
    status.send_if_modified(|now| {
        let faults = |s: &Status| s.failure.as_ref().map(|f| Arc::clone(&f.diagnostics));
        let news = now.revision != next.revision || now.watching != next.watching || faults(now) != faults(&next);
        *now = Arc::new(next);
        news
    });
}

/// What was read, if it could be, and what is wrong with it.
type Refused = (Option<(Box<str>, Vec<Diagnostic>)>, Vec<Diagnostic>);

/// Notes a failure in `status`; logs it once, and again when its text changes.
fn fail(status: &mut Status, seen: Option<(Box<str>, Vec<Diagnostic>)>, diagnostics: Vec<Diagnostic>) {
    let since = status.failure.as_ref().map_or_else(SystemTime::now, |f| f.since);
    let known = status.failure.as_ref().is_some_and(|f| *f.diagnostics == *diagnostics);
    if !known {
        tracing::error!(
            serving = %status.revision,
            faults = diagnostics.len(),
            "policies cannot be loaded, the last good ones go on serving"
        );
        for d in diagnostics.iter().take(LOGGED) {
            tracing::error!(code = d.code, "{d}");
        }
    }
    status.failure = Some(Failure { since, diagnostics: diagnostics.into(), seen });
}

/// Starts the thread that keeps the store fresh.
pub(super) fn spawn(shared: &Arc<Shared>) -> (mpsc::Sender<Signal>, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel();
    let hints = sender.clone();
    let shared = Arc::clone(shared);
    let run = move || Worker::new(&shared, hints).run(&receiver);
    // std::thread::spawn aborts nothing: a store that cannot start its thread could not have been opened either.
    let thread = std::thread::spawn(run);
    (sender, thread)
}

/// The thread's own state.
struct Worker<'s> {
    shared: &'s Shared,
    hints: mpsc::Sender<Signal>,
    root: PathBuf,
    poll_interval: Duration,
    debounce: Debounce,
    watch: Option<Watch>,
    /// A watcher that cannot be had is worth one line in the log, not one a poll.
    complained: bool,
}

impl<'s> Worker<'s> {
    fn new(shared: &'s Shared, hints: mpsc::Sender<Signal>) -> Self {
        let reloader = shared.reloader.lock().unwrap_or_else(PoisonError::into_inner);
        let options = &reloader.options;
        Self {
            shared,
            hints,
            root: options.directory.clone(),
            poll_interval: options.poll_interval,
            debounce: Debounce::new(options.debounce),
            watch: None,
            complained: false,
        }
    }

    fn run(mut self, signals: &mpsc::Receiver<Signal>) {
        self.keep_watching();
        let mut poll_at = Instant::now() + self.pause();
        loop {
            let now = Instant::now();
            let hinted = self.debounce.due().is_some_and(|due| due <= now);
            if hinted || poll_at <= now {
                self.debounce.clear();
                // Events say when to look; the rest is seen when everything is read, now and then.
                self.reload(if poll_at <= now { Reading::Everything } else { Reading::Changed });
                self.keep_watching();
                poll_at = if poll_at <= now { now + self.pause() } else { poll_at.min(now + self.pause()) };
            }
            let until = self.debounce.due().map_or(poll_at, |due| due.min(poll_at));
            match signals.recv_timeout(self.patience(until)) {
                Ok(Signal::Hint) => self.debounce.hear(Instant::now()),
                Ok(Signal::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => self.retire(),
            }
        }
    }

    fn reload(&self, reading: Reading) {
        // A panic in here would leave the store serving for ever what it serves now, in silence.
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.reloader().reload(&self.shared.current, &self.shared.status, reading);
        }));
        if result.is_err() {
            let mut next = Status::clone(&self.shared.status.borrow());
            next.sync_errors += 1;
            let place = SourceFile::new(self.root.display().to_string(), "");
            let message = "reloading failed (this is a defect of toolgate)";
            fail(&mut next, None, vec![Diagnostic::error("TG0890", &place, None, message)]);
            tell(&self.shared.status, next);
        }
    }

    /// Soon, if the directory could not be read; at leisure otherwise.
    fn pause(&self) -> Duration {
        let unreadable = self.shared.status.borrow().failure.as_ref().is_some_and(Failure::is_unreadable);
        if unreadable { self.poll_interval.min(RETRY) } else { self.poll_interval }
    }

    fn patience(&self, until: Instant) -> Duration {
        let wait = until.saturating_duration_since(Instant::now());
        let waiting = !self.reloader().retired.is_empty();
        if waiting { wait.min(RETIRE) } else { wait }
    }

    fn retire(&self) {
        self.reloader().retire();
    }

    fn reloader(&self) -> MutexGuard<'s, Reloader> {
        // Nothing of a reloader is left half-done by a panic: it works on copies and swaps.
        self.shared.reloader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the right directory watched, or says that only polling is left.
    fn keep_watching(&mut self) {
        let resolved = self.reloader().resolved.clone();
        let watching = match self.try_watch(resolved) {
            Ok(fresh) => {
                self.complained = false;
                if fresh {
                    // What changed after the directory was read and before it was watched has no event.
                    self.debounce.hear(Instant::now());
                }
                Watching::Events
            }
            Err(error) => {
                self.watch = None;
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::warn!(%error, "cannot watch the policy directory, it will be read now and then instead");
                }
                Watching::Polling
            }
        };
        // The lock, because a reload asked for from outside writes the status too.
        let lock = self.reloader();
        let known = Status::clone(&self.shared.status.borrow());
        if known.watching != watching {
            tell(&self.shared.status, Status { watching, ..known });
        }
        drop(lock);
    }

    /// True if the directory was not watched before.
    fn try_watch(&mut self, resolved: Option<PathBuf>) -> Result<bool, notify::Error> {
        let mut watch = if let Some(w) = self.watch.take() {
            w
        } else {
            let hints = self.hints.clone();
            Watch::start(&self.root, move || drop(hints.send(Signal::Hint)))?
        };
        let fresh = match resolved {
            Some(r) => watch.cover(&r)?,
            None => watch.uncover(),
        };
        self.watch = Some(watch);
        Ok(fresh)
    }
}
