//! The section `audit`: which rows are written, what of them, and where.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::section::{Faults, Section};
use crate::audit::redact::{Keys, Paths, SECRET_KEYS};
use crate::audit::settings::{
    Backend, Filters, Local, Metadata, OnFailure, Output, Queue, Redaction, Rotation, Settings,
};
use crate::source::Diagnostic;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the section says, if it switches the log on. All of it is checked even if it does not.
pub(super) fn audit(s: &Section<'_>, cerbos_compat: bool, policies: &Path, faults: &Faults) -> Option<Settings> {
    let enabled = s.boolean("enabled").unwrap_or(false);
    let filters = s.section("decisionLogFilters");
    let (checks, plans) = (filters.section("checkResources"), filters.section("planResources"));
    let queue = s.section("queue");
    let count = |key, default: usize, most: u64| {
        queue.integer(key, 1..=most).and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
    };
    let backends = [("file", Some("file")), ("local", Some("local")), ("kafka", None), ("hub", None)];
    let backend = s.choice("backend", &backends);
    if let (Some(None), Some(tree)) = (backend, s.get("backend")) {
        let message = "`audit.backend` must be `file` or `local`: nothing is ever sent anywhere";
        faults.push(tree.fault("TG0903", message).with_help("have a log shipper read the file"));
    }
    let defaults = Queue::default();
    let (local, buffer) = local(&s.section("local"), faults, enabled && backend == Some(Some("local")));
    let lines = lines(&s.section("file"));
    for other in ["kafka", "hub"] {
        s.unused(other, "the backend is `file` or `local`");
    }
    let settings = Settings {
        access: s.boolean("accessLogsEnabled").unwrap_or(true),
        decisions: s.boolean("decisionLogsEnabled").unwrap_or(true),
        metadata: Metadata {
            include: s.texts("includeMetadataKeys").unwrap_or_default(),
            exclude: s.texts("excludeMetadataKeys").unwrap_or_default(),
        },
        filters: Filters {
            checks_all_allowed: checks.boolean("ignoreAllowAll").unwrap_or(false),
            plans: plans.boolean("ignoreAll").unwrap_or(false),
            plans_always_allowed: plans.boolean("ignoreAlwaysAllow").unwrap_or(false),
        },
        redaction: redaction(&s.section("redact"), cerbos_compat, faults),
        backend: if backend == Some(Some("local")) { Backend::Local(local) } else { lines },
        on_failure: s
            .choice("onFailure", &[("availability", OnFailure::Availability), ("evidence", OnFailure::Evidence)])
            .unwrap_or_default(),
        queue: Queue {
            entries: count("maxEntries", buffer.unwrap_or(defaults.entries), 1_000_000),
            bytes: count("maxBytes", defaults.bytes, 8 << 30),
        },
        policy_directory: policies.to_owned(),
    };
    if let (true, None, Some(tree)) = (enabled, backend, s.get("enabled")) {
        let message = "`audit.enabled` needs `audit.backend`";
        if s.get("backend").is_none() {
            faults.push(tree.fault("TG0902", message).with_help("backend: file"));
        }
    }
    enabled.then_some(settings)
}

fn lines(s: &Section<'_>) -> Backend {
    let output = |text: String| match text.as_str() {
        "stdout" => Output::Stdout,
        "stderr" => Output::Stderr,
        _ => Output::File(PathBuf::from(text)),
    };
    let mut outputs = vec![s.text("path").map_or(Output::Stdout, output)];
    for more in s.texts("additionalPaths").unwrap_or_default().into_iter().map(output) {
        if !outputs.contains(&more) {
            outputs.push(more);
        }
    }
    let configured = s.get("logRotation").is_some();
    let rotation = s.section("logRotation");
    let megabytes = rotation.integer("maxFileSizeMB", 1..=1_000_000).unwrap_or(100);
    let days = rotation.integer("maxFileAgeDays", 0..=100_000).filter(|n| *n > 0);
    let files = rotation.integer("maxFileCount", 0..=100_000).filter(|n| *n > 0);
    let rotation = configured.then(|| Rotation {
        bytes: megabytes << 20,
        keep_for: days.and_then(|n| u32::try_from(n).ok()).map(|n| DAY * n),
        keep: files.and_then(|n| usize::try_from(n).ok()),
    });
    Backend::Lines { outputs, rotation }
}

/// The store, and how many rows may wait for it.
fn local(s: &Section<'_>, faults: &Faults, used: bool) -> (Local, Option<usize>) {
    let advanced = s.section("advanced");
    let buffer = advanced.integer("bufferSize", 1..=1_000_000).and_then(|n| usize::try_from(n).ok());
    let path = s.text("storagePath").filter(|p| !p.is_empty());
    let retention = s.duration("retentionPeriod", HOUR);
    if let (Some(tree), true) = (s.get("retentionPeriod"), retention.is_some_and(|r| r > 30 * DAY)) {
        faults.push(tree.fault("TG0902", "`audit.local.retentionPeriod` must be at most `720h`"));
    }
    if used && path.is_none() {
        s.missing("storagePath", "a directory for the rows");
    }
    let batch = advanced.integer("maxBatchSize", 1..=100_000).and_then(|n| usize::try_from(n).ok());
    let local = Local {
        directory: path.map(PathBuf::from).unwrap_or_default(),
        retention: retention.unwrap_or(7 * DAY),
        batch: batch.unwrap_or(1024),
        flush_interval: advanced.duration("flushInterval", SECOND).unwrap_or(SECOND),
        gc_interval: advanced.duration("gcInterval", SECOND).unwrap_or(900 * SECOND),
    };
    (local, buffer)
}

fn redaction(s: &Section<'_>, cerbos_compat: bool, faults: &Faults) -> Redaction {
    let defaults = || {
        let known: &[&str] = if cerbos_compat { &[] } else { SECRET_KEYS };
        known.iter().map(|k| (*k).to_owned()).collect()
    };
    let keys = s.texts("keys").unwrap_or_else(defaults);
    let paths = s.texts("paths").unwrap_or_default();
    let refuse = |key, error: Option<crate::audit::redact::RedactError>| {
        if let (Some(error), Some(tree)) = (error, s.get(key)) {
            let fault: Diagnostic = tree.fault("TG0902", format!("`{}`: {error}", s.path(key)));
            faults.push(fault);
        }
    };
    refuse("keys", Keys::new(&keys).err());
    refuse("paths", Paths::new(&paths).err());
    Redaction { keys, paths }
}
