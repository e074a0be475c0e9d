//! Standard output and standard error. A closed pipe is no fault: who reads has had enough.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::source::{Diagnostic, Severity, render_terminal};

/// A line to standard output.
pub(super) fn out(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A line to standard error.
pub(super) fn err(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Diagnostics to standard error, as people read them.
pub(super) fn diagnostics(all: &[Diagnostic]) {
    let color = std::io::stderr().is_terminal() && !no_color();
    err(render_terminal(all, color).trim_end());
}

/// Whether standard output gets colours.
pub(super) fn colored() -> bool {
    std::io::stdout().is_terminal() && !no_color()
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Wherever it goes
    Always,
    /// None
    Never,
}

impl ColorChoice {
    pub(super) fn on_stdout(self) -> bool {
        match self {
            Self::Auto => colored(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// A line on a terminal's standard error that says how far a long run is. Elsewhere, and on short runs, nothing.
pub(super) struct Progress {
    what: &'static str,
    since: Instant,
    shown: Mutex<Option<Instant>>,
    on: bool,
}

impl Progress {
    const PATIENCE: Duration = Duration::from_millis(800);
    const EVERY: Duration = Duration::from_millis(100);

    pub(super) fn new(what: &'static str) -> Self {
        Self { what, since: Instant::now(), shown: Mutex::new(None), on: std::io::stderr().is_terminal() }
    }

    pub(super) fn show(&self, done: usize, all: usize) {
        if !self.on || self.since.elapsed() < Self::PATIENCE {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.is_some_and(|at| at.elapsed() < Self::EVERY) {
            return;
        }
        *shown = Some(Instant::now());
        let full = 30 * done / all.max(1);
        let bar = format!("{}{}", "#".repeat(full), "-".repeat(30_usize.saturating_sub(full)));
        let _ = write!(std::io::stderr(), "\r[{bar}] {:3} % {}", 100 * done / all.max(1), self.what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            // the line is wiped: what follows starts where it stood
            let _ = write!(std::io::stderr(), "\r\u{1b}[2K");
        }
    }
}

fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
}

/// `1 error, 2 warnings`; empty if there is neither.
pub(super) fn counts(all: &[Diagnostic]) -> String {
    let count = |severity, one: &str, many: &str| match all.iter().filter(|d| d.severity == severity).count() {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    };
    let parts = [count(Severity::Error, "error", "errors"), count(Severity::Warning, "warning", "warnings")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
