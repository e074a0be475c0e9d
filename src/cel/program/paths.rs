//! Fields of an input that are known at load, and how each is found. Only data.

use std::sync::Arc;

use super::super::texts::Key;

/// One step of a static path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A declared field of a message, by position.
    Field(u32, &'static str),
    /// A key.
    Key(Arc<str>),
}

/// Fields of an input, known at load.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// Input.
    pub root: u32,
    /// Steps from there.
    pub steps: Box<[Step]>,
}

/// What of a path is remembered, and how the short ones are walked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shortcut {
    /// How it is walked where all goes well.
    pub plan: Plan,
    /// Its own place in the memo, if it has one.
    pub memo: Option<u32>,
    /// The longest shorter path that has one.
    pub base: Option<Base>,
}

/// The way of a path through messages and maps of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Plan {
    /// `R.attr.key`: input, position of the field, key.
    Attribute(u32, u32, Key),
    /// `R.id`: input, position of the field.
    Field(u32, u32),
    /// A key of a remembered path: the path, its place in the memo, the key.
    Below(u32, u32, Key),
    /// Step by step.
    #[default]
    Steps,
}

/// A remembered path that a longer one goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// Index into [`Program::paths`].
    pub path: u32,
    /// Its place in the memo.
    pub memo: u32,
    /// Number of its steps.
    pub steps: u32,
}
