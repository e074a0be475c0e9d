//! What an audit log is opened with. Plain data: what the keys of the configuration mean is said in `config`.

use std::path::PathBuf;
use std::time::Duration;

/// Which rows are written, what of them, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Write a row for every call.
    pub access: bool,
    /// Write a row for every decision.
    pub decisions: bool,
    /// Which request headers rows hold.
    pub metadata: Metadata,
    /// Which decisions are left out.
    pub filters: Filters,
    /// What is never written.
    pub redaction: Redaction,
    /// Where rows go.
    pub backend: Backend,
    /// What becomes of a decision that cannot be written.
    pub on_failure: OnFailure,
    /// Bounds of what waits to be written.
    pub queue: Queue,
    /// Where the policies come from, as rows say it.
    pub policy_directory: PathBuf,
}

/// Which request headers rows hold: none if nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// Only these.
    pub include: Vec<String>,
    /// Not these; without `include`, all others.
    pub exclude: Vec<String>,
}

/// Which decisions are left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filters {
    /// Checks that deny nothing.
    pub checks_all_allowed: bool,
    /// Query plans.
    pub plans: bool,
    /// Query plans that allow everything.
    pub plans_always_allowed: bool,
}

/// What is never written.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    /// Values of attributes, arguments, claims, outputs and annotations whose key is like one of these; see
    /// [`super::redact::Keys`].
    pub keys: Vec<String>,
    /// Places in rows; see [`super::redact::Paths`].
    pub paths: Vec<String>,
}

/// Where rows go.
#[derive(Clone, Debug)]
pub enum Backend {
    /// Lines of JSON.
    Lines {
        /// Every row goes to all of them.
        outputs: Vec<Output>,
        /// When a file is set aside and a new one begun.
        rotation: Option<Rotation>,
    },
    /// An embedded store that can be asked.
    Local(Local),
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The end of a file.
    File(PathBuf),
}

/// When a file is set aside, and for how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Size at which a file is set aside, in bytes.
    pub bytes: u64,
    /// Age at which one that was set aside is removed.
    pub keep_for: Option<Duration>,
    /// How many that were set aside are kept.
    pub keep: Option<usize>,
}

/// The embedded store.
#[derive(Clone, Debug)]
pub struct Local {
    /// Directory of its file.
    pub directory: PathBuf,
    /// Age at which rows are removed.
    pub retention: Duration,
    /// Rows of one transaction, at most.
    pub batch: usize,
    /// Longest time that a row waits for its transaction.
    pub flush_interval: Duration,
    /// How often old rows are removed.
    pub gc_interval: Duration,
}

/// What becomes of a decision that cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It is given all the same; what was not written is counted and logged.
    #[default]
    Availability,
    /// It is not given: the caller gets an error.
    Evidence,
}

/// Bounds of what waits to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Rows.
    pub entries: usize,
    /// Bytes of them.
    pub bytes: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self { entries: 8192, bytes: 64 << 20 }
    }
}
