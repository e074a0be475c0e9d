//! Builds a tree that keeps positions and faults, for bodies whose meaning is read in a second pass.

use super::error::JsonError;
use super::parser::{Build, Key, Parser, Span};
use super::string::StringFault;

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) span: Span,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    Null,
    Bool(bool),
    /// Infinite if no double holds it.
    Number(f64),
    String(Result<&'a str, StringFault>),
    Array(&'a [Node<'a>]),
    Object(&'a [(Key<'a>, Node<'a>)]),
}

/// The builder of trees.
pub(super) struct Nodes;

impl<'a> Build<'a> for Nodes {
    type Out = Node<'a>;

    fn null(span: Span) -> Node<'a> {
        Node { kind: Kind::Null, span }
    }

    fn bool(value: bool, span: Span) -> Node<'a> {
        Node { kind: Kind::Bool(value), span }
    }

    fn number(value: f64, span: Span, _: &Parser<'a, Self>) -> Result<Node<'a>, JsonError> {
        Ok(Node { kind: Kind::Number(value), span })
    }

    fn string(text: Result<&'a str, StringFault>, span: Span, _: &Parser<'a, Self>) -> Result<Node<'a>, JsonError> {
        Ok(Node { kind: Kind::String(text), span })
    }

    fn array(items: &[Node<'a>], span: Span, parser: &mut Parser<'a, Self>) -> Result<Node<'a>, JsonError> {
        Ok(Node { kind: Kind::Array(parser.bump.alloc_slice_copy(items)), span })
    }

    fn object(
        members: &[(Key<'a>, Node<'a>)],
        span: Span,
        parser: &mut Parser<'a, Self>,
    ) -> Result<Node<'a>, JsonError> {
        Ok(Node { kind: Kind::Object(parser.bump.alloc_slice_copy(members)), span })
    }
}
