//! What was typed: one tree of settings with the place of each, from a file and from `--set`. What it means is for
//! `sections`.

use super::expand::{Environment, expand};
use crate::source::{Diagnostic, SourceFile, Span};
use crate::yaml::{self, Kind, Node, Resolved, Style};

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) item: Item,
    pub(super) file: SourceFile,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    /// Nothing: as if the key were not there.
    Null,
    /// A scalar: its text, and whether it was written as text.
    Scalar(String, Scalar),
    List(Vec<Tree>),
    Map(Vec<Entry>),
}

/// What a scalar can be taken for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Tree,
}

impl Tree {
    /// An empty map, for when nothing was typed.
    pub(super) fn empty() -> Self {
        Self { item: Item::Map(Vec::new()), file: SourceFile::new("<defaults>", ""), span: Span::default() }
    }

    /// Lays `over` on top: maps are merged, anything else is replaced.
    pub(super) fn merge(&mut self, over: Tree) {
        match (&mut self.item, over.item) {
            (Item::Map(mine), Item::Map(theirs)) => {
                for entry in theirs {
                    match mine.iter_mut().find(|e| e.key == entry.key) {
                        Some(known) => {
                            known.key_span = entry.key_span;
                            known.value.merge(entry.value);
                        }
                        None => mine.push(entry),
                    }
                }
            }
            (mine, theirs) => {
                *mine = theirs;
                self.file = over.file;
                self.span = over.span;
            }
        }
    }

    /// A fault about this value.
    pub(super) fn fault(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, &self.file, self.span, message)
    }
}

/// Parses a configuration file and expands the environment in its values.
pub(super) fn read(file: &SourceFile, environment: Environment<'_>) -> (Tree, Vec<Diagnostic>) {
    let (node, mut faults) = yaml::parse(file, yaml::LIMITS);
    let tree = match node {
        Some(node) => convert(&node, file, environment, &mut faults),
        None => Tree { file: file.clone(), ..Tree::empty() },
    };
    (tree, faults)
}

fn convert(node: &Node, file: &SourceFile, environment: Environment<'_>, faults: &mut Vec<Diagnostic>) -> Tree {
    // The depth of the tree is bounded by the parser's limits.
    let item = match &node.kind {
        Kind::Bad => Item::Null,
        Kind::Sequence(all) => Item::List(all.iter().map(|n| convert(n, file, environment, faults)).collect()),
        Kind::Mapping(map) => Item::Map(
            map.entries
                .iter()
                .map(|e| Entry {
                    key: e.key.text.clone(),
                    key_span: e.key.span,
                    value: convert(&e.value, file, environment, faults),
                })
                .collect(),
        ),
        Kind::Scalar(s) => match expand(&s.text, environment) {
            Ok(None) => scalar(s.text.clone(), resolved(s.value)),
            Ok(Some(text)) => {
                let kind = if s.style == Style::Plain { retype(&text) } else { Some(Scalar::Text) };
                scalar(text, kind)
            }
            Err(message) => {
                faults.push(Diagnostic::error("TG0904", file, node.span, message));
                Item::Null
            }
        },
    };
    Tree { item, file: file.clone(), span: node.span }
}

fn scalar(text: String, kind: Option<Scalar>) -> Item {
    kind.map_or(Item::Null, |kind| Item::Scalar(text, kind))
}

fn resolved(value: Resolved) -> Option<Scalar> {
    match value {
        Resolved::Null => None,
        Resolved::Bool(b) => Some(Scalar::Bool(b)),
        Resolved::Int(i) => Some(i.to_string().parse().map_or(Scalar::Float(i.as_f64()), Scalar::Int)),
        Resolved::Float(f) => Some(Scalar::Float(f)),
        Resolved::Infinity | Resolved::Nan | Resolved::String => Some(Scalar::Text),
    }
}

/// What an unquoted text stands for once its variables are in place; `None` for null.
pub(super) fn retype(text: &str) -> Option<Scalar> {
    match text {
        "" | "null" | "~" => None,
        "true" => Some(Scalar::Bool(true)),
        "false" => Some(Scalar::Bool(false)),
        _ => {
            let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
            let int = || text.parse().ok().map(Scalar::Int);
            let float = || text.parse().ok().filter(|f: &f64| f.is_finite()).map(Scalar::Float);
            Some(number.then(|| int().or_else(float)).flatten().unwrap_or(Scalar::Text))
        }
    }
}
