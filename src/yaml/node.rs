//! The tree a YAML document becomes: scalars resolved, aliases expanded, merge keys applied, every part with its place.
//! Plain data; built by `load`, read by `decode`.

use crate::source::Span;

/// One value with its places.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its whole text, without anchor and tag. For a node that came from an alias: the text at the anchor.
    pub span: Span,
    /// Where a fault about the value is reported: its first token, which for a block mapping is the colon of the
    /// first key (as the reference counts).
    pub at: Span,
    /// The first token in the place where the value is used: the alias, anchor or tag if there is one, else as `at`.
    pub outer: Span,
}

/// The kinds of node.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A scalar.
    Scalar(Scalar),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping.
    Mapping(Mapping),
    /// Something that was reported already: an unknown alias, a scalar that could not be read.
    Bad,
}

/// A mapping: its entries in file order, the merged ones last.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// Entries; keys are unique.
    pub entries: Vec<Entry>,
    /// True if some entries are not known because of a fault that was reported.
    pub incomplete: bool,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Node,
    /// True if it came in through a merge key (`<<`).
    pub merged: bool,
}

/// A mapping key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Decoded text.
    pub text: String,
    /// Its token.
    pub span: Span,
    /// Why it can't be a key, if so.
    pub fault: Option<KeyFault>,
}

/// Keys that the reference refuses; its names for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// `1:`
    Integer,
    /// `1.5:`
    Float,
    /// `true:`
    Bool,
    /// `null:`
    Null,
    /// `.inf:`
    Infinity,
    /// `.nan:`
    Nan,
    /// `!tag key:`
    Tag,
    /// `&anchor key:`
    Anchor,
    /// `*alias :`
    Alias,
    /// `? key`
    MappingKey,
}

impl KeyFault {
    /// The reference's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "Integer",
            Self::Float => "Float",
            Self::Bool => "Bool",
            Self::Null => "Null",
            Self::Infinity => "Infinity",
            Self::Nan => "Nan",
            Self::Tag => "Tag",
            Self::Anchor => "Anchor",
            Self::Alias => "Alias",
            Self::MappingKey => "MappingKey",
        }
    }
}

/// A scalar: its text and what it stands for.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// Text after unescaping and folding.
    pub text: String,
    /// How it was written.
    pub style: Style,
    /// What it stands for.
    pub value: Resolved,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// What a scalar stands for by the reference's rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resolved {
    /// `null`, `~`, nothing
    Null,
    /// `true`, `False`, …
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(Integer),
    /// A number with a dot.
    Float(f64),
    /// `.inf`
    Infinity,
    /// `.nan`
    Nan,
    /// Anything else, and everything quoted.
    String,
}

/// A 64-bit integer of either sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    /// Zero and up.
    Unsigned(u64),
    /// Written with a minus sign.
    Signed(i64),
}

impl Integer {
    /// The nearest double.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Unsigned(u) => u as f64,
            Self::Signed(i) => i as f64,
        }
    }
}

impl std::fmt::Display for Integer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsigned(u) => u.fmt(f),
            Self::Signed(i) => i.fmt(f),
        }
    }
}

impl Node {
    /// The reference's name for what this is, as its messages say it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Sequence(_) => "Sequence",
            Kind::Mapping(_) => "Mapping",
            Kind::Bad => "invalid value",
            Kind::Scalar(s) => match (s.style, s.value) {
                (Style::Literal | Style::Folded, _) => "Literal",
                (_, Resolved::Null) => "Null",
                (_, Resolved::Bool(_)) => "Bool",
                (_, Resolved::Int(_)) => "Integer",
                (_, Resolved::Float(_)) => "Float",
                (_, Resolved::Infinity) => "Infinity",
                (_, Resolved::Nan) => "Nan",
                (_, Resolved::String) => "String",
            },
        }
    }

    /// True for a value that was reported already and has nothing to say.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        matches!(self.kind, Kind::Bad)
    }

    /// The entries, if it is a mapping.
    #[must_use]
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Mapping(m) => Some(&m.entries),
            Kind::Scalar(_) | Kind::Sequence(_) | Kind::Bad => None,
        }
    }
}
