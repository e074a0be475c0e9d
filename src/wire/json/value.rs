//! Builds [`Value`]s straight from the text and refuses what a strict reader must: for tool arguments.

use super::error::{JsonError, Position};
use super::parser::{Build, Key, Parser, Span, raw, string_error};
use super::string::StringFault;
use crate::cel::texts::{ends, same};
use crate::cel::value::{List, Map, SORTED_ABOVE, Value};
use crate::wire::map::sort;

/// The builder of values.
pub(super) struct Values;

impl<'a> Build<'a> for Values {
    type Out = Value<'a>;

    fn null(_: Span) -> Value<'a> {
        Value::Null
    }

    fn bool(value: bool, _: Span) -> Value<'a> {
        Value::Bool(value)
    }

    fn number(value: f64, span: Span, parser: &Parser<'a, Self>) -> Result<Value<'a>, JsonError> {
        if value.is_finite() { Ok(Value::Double(value)) } else { Err(not_finite(parser.text, span)) }
    }

    fn string(
        text: Result<&'a str, StringFault>,
        span: Span,
        parser: &Parser<'a, Self>,
    ) -> Result<Value<'a>, JsonError> {
        text.map(Value::String).map_err(|fault| string_error(parser.text, parser.text.len(), span, fault))
    }

    fn array(items: &[Value<'a>], _: Span, parser: &mut Parser<'a, Self>) -> Result<Value<'a>, JsonError> {
        Ok(Value::List(List::Values(parser.bump.alloc_slice_copy(items))))
    }

    fn object(
        members: &[(Key<'a>, Value<'a>)],
        _: Span,
        parser: &mut Parser<'a, Self>,
    ) -> Result<Value<'a>, JsonError> {
        let text = parser.text;
        let faulty = members.iter().find_map(|(key, _)| key.name.err().map(|fault| (key.span, fault)));
        if let Some((span, fault)) = faulty {
            return Err(string_error(text, text.len(), span, fault));
        }
        if let Some((_, duplicate)) = duplicate(members) {
            return Err(duplicate_key(text, duplicate));
        }
        let fields = members.iter().map(|(key, value)| (key.name.unwrap_or_default(), *value));
        let fields = parser.bump.alloc_slice_fill_iter(fields);
        sort(fields);
        Ok(Value::Map(Map::Fields(fields)))
    }
}

/// The first member whose name stands earlier already: its index and span.
pub(super) fn duplicate<T>(members: &[(Key<'_>, T)]) -> Option<(usize, Span)> {
    let found = |i: usize| members.get(i).map(|(key, _)| (i, key.span));
    if members.len() <= SORTED_ABOVE {
        // One bit for each name: names that share none with earlier ones need no comparison.
        let mut bits = 0_u64;
        let again = members.iter().enumerate().position(|(i, (key, _))| {
            let Ok(name) = key.name else { return false };
            let bit = mark(name);
            let suspect = bits & bit != 0;
            bits |= bit;
            suspect && members.iter().take(i).any(|(earlier, _)| earlier.name.is_ok_and(|earlier| same(earlier, name)))
        });
        return again.and_then(found);
    }
    let mut order: Vec<(&str, usize)> =
        members.iter().enumerate().filter_map(|(i, (key, _))| Some((key.name.ok()?, i))).collect();
    order.sort_unstable();
    let again = order.windows(2).filter_map(|pair| match pair {
        [(a, _), (b, second)] if a == b => Some(*second),
        _ => None,
    });
    again.min().and_then(found)
}

/// One of 64 bits, the same for equal names.
fn mark(name: &str) -> u64 {
    let (first, last) = ends(name.as_bytes());
    let mixed = (first ^ last.rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    1 << (mixed >> 58)
}

/// The error for a member given twice.
#[cold]
pub(super) fn duplicate_key(text: &[u8], span: Span) -> JsonError {
    let what = format!("duplicate map key {}", raw(text, span));
    JsonError::Meaning { what, at: Position::of(text, span.start as usize) }
}

/// The error for a number that no double holds.
#[cold]
pub(super) fn not_finite(text: &[u8], span: Span) -> JsonError {
    let what = format!("invalid google.protobuf.Value: {}", raw(text, span));
    JsonError::Meaning { what, at: Position::of(text, span.start as usize) }
}
