//! A fault found in an expression before it runs: where, and what the reference would say. Faults at run time are
//! another type; this one is for text that can't be used at all.

/// One fault of an expression's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CelError {
    /// Byte offset into the expression.
    pub position: u32,
    /// What is wrong, in the reference's words where it has any.
    pub message: String,
}

impl CelError {
    /// A fault at a byte offset.
    #[must_use]
    pub fn new(position: u32, message: impl Into<String>) -> Self {
        Self { position, message: message.into() }
    }
}
