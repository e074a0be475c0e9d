//! The parser crate's events as ours: byte spans instead of markers, anchors attached to the node they name, faults with
//! the reference's wording where it has one. The only file that names `granit_parser`.

use granit_parser::{ErrorKind, Event as Raw, Parser, ScalarStyle, ScanError, StrInput, StructureStyle};

use super::node::Style;
use crate::source::Span;

/// What the parser saw.
pub(super) enum Event {
    /// `---`, or the start of content.
    DocumentStart,
    /// A leaf.
    Scalar { text: String, style: Style, span: Span, properties: Properties },
    /// `[` or the first `-`.
    SequenceStart { span: Span, properties: Properties },
    /// The end of a sequence.
    SequenceEnd { span: Span },
    /// `{` or the first key.
    MappingStart { span: Span, block: bool, properties: Properties },
    /// The end of a mapping.
    MappingEnd { span: Span },
    /// `*name`; `None` if no such anchor was defined before.
    Alias { id: Option<usize>, span: Span },
    /// Nothing more.
    End,
}

/// What stands before a node: `&anchor` and `!tag`.
#[derive(Default)]
pub(super) struct Properties {
    pub(super) anchor: Option<Anchor>,
    /// The tag's token.
    pub(super) tag: Option<Span>,
}

/// `&name`
pub(super) struct Anchor {
    pub(super) id: usize,
    pub(super) name: String,
    pub(super) span: Span,
}

/// The text is not YAML.
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) at: usize,
    pub(super) cause: Cause,
}

/// Faults that the loader can say more about than the parser.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Cause {
    /// A scalar in these quotes followed by more text, which starts at the fault's place.
    TextAfterQuote(char),
    /// A quote that is never closed.
    OpenQuote,
    /// A second colon: the place is the colon.
    SecondColon,
    /// Something that does not belong in a block collection.
    Misplaced,
    /// A tab in the indentation.
    Tab,
    /// More nesting than was allowed.
    Depth,
    /// Anything else.
    Other,
}

/// A stream of events over one text.
pub(super) struct Events<'t> {
    parser: Parser<'t, StrInput<'t>>,
}

impl<'t> Events<'t> {
    pub(super) fn new(text: &'t str, depth: usize) -> Self {
        let mut options = granit_parser::options! {
            emit_anchor_events: true,
            emit_unresolved_aliases: true,
            disallow_directives: true,
            flow_nesting_limit: depth,
            block_nesting_limit: depth,
        };
        options.set_emit_comments(false);
        Self { parser: Parser::new_from_str_with_options(text, options) }
    }

    /// The next event; [`Event::End`] once the text is used up.
    pub(super) fn next(&mut self) -> Result<Event, Fault> {
        loop {
            let Some(next) = self.parser.next_event() else { return Ok(Event::End) };
            let (raw, raw_span) = next.map_err(|e| fault(&e))?;
            let span = range(&raw_span);
            let tag = raw_span.tag_span().map(|s| range(&s));
            return Ok(match raw {
                Raw::DocumentStart(..) => Event::DocumentStart,
                Raw::Scalar(text, style, id, tagged) => Event::Scalar {
                    // An absent value comes as `~` over nothing.
                    text: if span.start == span.end && style == ScalarStyle::Plain {
                        String::new()
                    } else {
                        text.into_owned()
                    },
                    style: match style {
                        ScalarStyle::Plain => Style::Plain,
                        ScalarStyle::SingleQuoted => Style::Single,
                        ScalarStyle::DoubleQuoted => Style::Double,
                        ScalarStyle::Literal => Style::Literal,
                        ScalarStyle::Folded => Style::Folded,
                    },
                    span,
                    properties: self.properties(id, tag.filter(|_| tagged.is_some()))?,
                },
                Raw::SequenceStart(_, id, tagged) => {
                    Event::SequenceStart { span, properties: self.properties(id, tag.filter(|_| tagged.is_some()))? }
                }
                Raw::MappingStart(style, id, tagged) => Event::MappingStart {
                    span,
                    block: style == StructureStyle::Block,
                    properties: self.properties(id, tag.filter(|_| tagged.is_some()))?,
                },
                Raw::SequenceEnd => Event::SequenceEnd { span },
                Raw::MappingEnd => Event::MappingEnd { span },
                Raw::Alias(id) => Event::Alias { id: Some(id), span },
                Raw::UnresolvedAlias(_) => Event::Alias { id: None, span },
                Raw::StreamEnd => Event::End,
                Raw::StreamStart | Raw::DocumentEnd | Raw::Anchor(..) | Raw::Comment(..) => continue,
                _ => {
                    let message = "unsupported YAML construct".to_owned();
                    return Err(Fault { message, at: span.start as usize, cause: Cause::Other });
                }
            });
        }
    }

    /// Takes the anchor event that follows an anchored node.
    fn properties(&mut self, id: usize, tag: Option<Span>) -> Result<Properties, Fault> {
        let mut anchor = None;
        if id != 0 {
            let found = match self.parser.peek() {
                Some(Ok((Raw::Anchor(id, name), span))) => {
                    Some(Anchor { id: *id, name: name.to_string(), span: range(span) })
                }
                _ => None,
            };
            if found.is_some()
                && let Some(Err(e)) = self.parser.next_event()
            {
                return Err(fault(&e));
            }
            anchor = found;
        }
        Ok(Properties { anchor, tag })
    }
}

fn range(span: &granit_parser::Span) -> Span {
    span.byte_range().map_or_else(Span::default, |r| Span::new(r.start, r.end))
}

fn fault(error: &ScanError) -> Fault {
    let kind = error.kind();
    let message = match kind {
        ErrorKind::MappingValueNotAllowed | ErrorKind::MappingKeyNotAllowed => {
            "mapping value is not allowed in this context".to_owned()
        }
        ErrorKind::BlockSequenceEntryNotAllowed => "block sequence entries are not allowed in this context".to_owned(),
        ErrorKind::UnclosedFlowCollection { open: '[' } => "sequence end token ']' not found".to_owned(),
        ErrorKind::UnclosedFlowCollection { open: '{' } => "could not find flow mapping end token '}'".to_owned(),
        ErrorKind::SimpleKeyExpected => "non-map value is specified".to_owned(),
        ErrorKind::MisplacedFlowCollectionEnd => "closing bracket without an opening one".to_owned(),
        ErrorKind::ExpectedFlowSequenceSeparator | ErrorKind::MismatchedFlowCollectionEnd { open: '[', .. } => {
            "',' or ']' must be specified".to_owned()
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::MismatchedFlowCollectionEnd { open: '{', .. } => {
            "',' or '}' must be specified".to_owned()
        }
        ErrorKind::UnexpectedCharacter { character: c @ ('@' | '`') } => format!("'{c}' is a reserved character"),
        ErrorKind::UnexpectedCharacter { character: '%' } => {
            "unexpected directive value. document not started".to_owned()
        }
        ErrorKind::UnexpectedCharacter { character: c } => format!("unexpected character `{}`", c.escape_default()),
        ErrorKind::TabInBlockIndentation => "found character '\t' that cannot start any token".to_owned(),
        ErrorKind::ExpectedDocumentStart
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry => "value is not allowed in this context".to_owned(),
        ErrorKind::DirectiveDisallowed => "YAML directives are not supported".to_owned(),
        _ => error.info(),
    };
    let cause = match kind {
        ErrorKind::InvalidTrailingDoubleQuotedScalar => Cause::TextAfterQuote('"'),
        ErrorKind::InvalidTrailingSingleQuotedScalar => Cause::TextAfterQuote('\''),
        ErrorKind::UnclosedQuotedScalar => Cause::OpenQuote,
        ErrorKind::MappingValueNotAllowed => Cause::SecondColon,
        ErrorKind::TabInBlockIndentation => Cause::Tab,
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry => Cause::Misplaced,
        ErrorKind::RecursionLimitExceeded => Cause::Depth,
        _ => Cause::Other,
    };
    Fault { message, at: error.marker().byte_offset().unwrap_or(0), cause }
}
