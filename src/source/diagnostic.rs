//! The one shape of a fault report. What it looks like on a terminal or as JSON is `render`'s business.

use super::{Position, SourceFile, Span};

/// How bad it is. Anything at [`Severity::Error`] keeps a policy set from being loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The policy set can't be used.
    Error,
    /// It can be used, but probably does not do what its author meant.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// Lower-case name, as printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A place in a file with a few words about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The file the span lies in.
    pub file: SourceFile,
    /// The place.
    pub span: Span,
    /// Words shown beside the caret; may be empty.
    pub text: String,
}

/// One fault or remark, with every place that matters to it.
///
/// Messages are lower case, without a full stop, quote user input in backticks, and speak of policies, never of
/// Rust types. Where the reference has a message text for the same fault, `message` is that text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable identifier such as `TG0101`, documented in docs/lints.md.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file it is about, also when no position is known.
    pub file: SourceFile,
    /// Where it is; `None` when the reference gives no position (a missing field).
    pub span: Option<Span>,
    /// Words beside the caret of `span`.
    pub label: String,
    /// Other places that matter: a previous definition, the other side of a conflict.
    pub related: Vec<Label>,
    /// What would be right, if that can be said.
    pub help: Option<String>,
    /// YAML path such as `$.resourcePolicy.rules[0].effect`, if any.
    pub path: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn error(
        code: &'static str,
        file: &SourceFile,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            file: file.clone(),
            span: span.into(),
            label: String::new(),
            related: Vec::new(),
            help: None,
            path: None,
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(
        code: &'static str,
        file: &SourceFile,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, file, span, message) }
    }

    /// Adds what would be right.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds words beside the caret.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds the YAML path.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Adds another place that matters.
    #[must_use]
    pub fn with_related(mut self, file: &SourceFile, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label { file: file.clone(), span, text: text.into() });
        self
    }

    /// Line and column of the fault, if it has a place.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.span.map(|s| self.file.position(s.start))
    }

    /// `file:line:column`, or only the file's name when no place is known.
    #[must_use]
    pub fn location(&self) -> String {
        match self.position() {
            Some(p) => format!("{}:{}:{}", self.file.name(), p.line, p.column),
            None => self.file.name().to_owned(),
        }
    }

    /// Sorts as reports are shown: by file, place, code, message. Independent of the order they were found in.
    pub fn sort(all: &mut [Self]) {
        all.sort_by(|a, b| {
            (a.file.name(), a.span, a.code, &a.message).cmp(&(b.file.name(), b.span, b.code, &b.message))
        });
    }
}

impl std::fmt::Display for Diagnostic {
    /// `file:line:column: error[TG0101]: message`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}[{}]: {}", self.location(), self.severity.as_str(), self.code, self.message)
    }
}
