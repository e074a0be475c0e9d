//! Standard output and standard error. A closed pipe is no fault: who reads has had enough.

use std::io::{IsTerminal, Write};

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
