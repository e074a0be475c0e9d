//! Text and positions: the ground floor. Every fault Toolgate reports about something a person wrote
//! (policy, suite, config, expression) is a [`Diagnostic`] over a [`SourceFile`].
//!
//! Nothing here knows what the text means: no YAML, no CEL, no policies.

mod diagnostic;
mod file;
mod machine;
mod render;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use file::{Position, SourceFile, Span};
pub use machine::{render_annotations, render_sarif};
pub use render::{render_json, render_terminal};
