//! A fault found in an expression before it runs: where, and what the reference would say. Faults at run time are
//! another type; this one is for text that can't be used at all.

use crate::source::SourceFile;

/// One fault of an expression's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CelError {
    /// Byte offset into the expression.
    pub position: u32,
    /// What is wrong, in the reference's words where it has any.
    pub message: String,
    /// What would be right, if that can be said.
    pub help: Option<String>,
}

impl CelError {
    /// A fault at a byte offset.
    #[must_use]
    pub fn new(position: u32, message: impl Into<String>) -> Self {
        Self { position, message: message.into(), help: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// `ERROR: name:line:column: message`, the source line, and a caret under the column, as the reference prints it.
    #[must_use]
    pub fn render(&self, file: &SourceFile) -> String {
        let at = file.position(self.position);
        let dots = ".".repeat(at.column.saturating_sub(1) as usize);
        let line = file.line(at.line);
        let mut out =
            format!("ERROR: {}:{}:{}: {}\n | {line}\n | {dots}^", file.name(), at.line, at.column, self.message);
        if let Some(help) = &self.help {
            out.push_str("\n | help: ");
            out.push_str(help);
        }
        out
    }
}
