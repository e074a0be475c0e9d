//! What an expression can refer to: the roots that an evaluation fills, with their declared shapes. Functions and
//! message types are the same everywhere and live in `decls`.

use super::value::{FieldType, MessageType};

/// A name the policy environment gives to a value. Its place in [`Env::roots`] is its place among the inputs of an
/// evaluation, unless it is an alias.
#[derive(Clone, Debug)]
pub struct Root {
    /// `request`, `P`, `V`, …; may have dots.
    pub name: String,
    /// What it holds.
    pub ty: RootType,
    /// Index of the input it reads; aliases share one.
    pub index: usize,
}

/// The shape of a root.
#[derive(Clone, Copy, Debug)]
pub enum RootType {
    /// A message with declared fields.
    Message(&'static MessageType),
    /// Anything.
    Dyn,
    /// `V`: fields are the policy's variables.
    Variables,
    /// `C`: fields are the policy's constants.
    Constants,
    /// `G`: fields are the engine's globals.
    Globals,
}

/// The environment expressions are checked in.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// Everything with a name.
    pub roots: Vec<Root>,
    /// Namespace that names are resolved in first; empty in policies.
    pub container: String,
    /// The message types of the roots and of their fields.
    messages: Vec<&'static MessageType>,
    /// True if a root's name has dots, so that selections must be tried as names.
    dotted: bool,
}

impl Env {
    /// An environment with an empty container.
    #[must_use]
    pub fn new(roots: Vec<Root>) -> Self {
        let mut messages: Vec<&'static MessageType> = Vec::new();
        let mut open: Vec<&'static MessageType> = roots
            .iter()
            .filter_map(|r| match r.ty {
                RootType::Message(m) => Some(m),
                RootType::Dyn | RootType::Variables | RootType::Constants | RootType::Globals => None,
            })
            .collect();
        while let Some(message) = open.pop() {
            if messages.iter().all(|m| m.name != message.name) {
                messages.push(message);
                open.extend(message.fields.iter().filter_map(|f| match f.ty {
                    FieldType::Message(m) | FieldType::MessageMap(m) => Some(m),
                    FieldType::String | FieldType::StringList | FieldType::DynMap => None,
                }));
            }
        }
        let dotted = roots.iter().any(|r| r.name.contains('.'));
        Self { roots, container: String::new(), messages, dotted }
    }

    /// A message type that a root or one of its fields has.
    pub(super) fn message(&self, name: &str) -> Option<&'static MessageType> {
        self.messages.iter().find(|m| m.name == name).copied()
    }

    /// True if a name with dots can refer to a root, or to anything in a namespace.
    pub(super) fn has_dotted_names(&self) -> bool {
        self.dotted || !self.container.is_empty()
    }

    /// Position of a root in [`Env::roots`].
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.roots.iter().position(|r| r.name == name)
    }

    /// The names a name may stand for, from the innermost namespace of the container outwards.
    pub(super) fn candidates<'a>(&'a self, name: &'a str) -> Vec<std::borrow::Cow<'a, str>> {
        if let Some(absolute) = name.strip_prefix('.') {
            return vec![absolute.into()];
        }
        let mut out = Vec::new();
        let mut container = self.container.as_str();
        while !container.is_empty() {
            out.push(format!("{container}.{name}").into());
            container = container.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
        out.push(name.into());
        out
    }
}
