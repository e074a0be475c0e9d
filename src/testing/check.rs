//! Field rules of suites and fixtures that the YAML room's own rules do not cover: map keys, and fields that depend on
//! each other.

use crate::policy::names::{ROLE_VERSION, SCOPE};
use crate::source::Span;
use crate::yaml::{Decoder, ListRule, Object, TextRule};

/// A unique list of non-empty texts.
pub(super) const UNIQUE: ListRule = ListRule { required: false, unique: true, item: TextRule::NOT_EMPTY };

/// A unique, non-empty list of non-empty texts.
pub(super) const SOME_UNIQUE: ListRule = ListRule { required: true, ..UNIQUE };

/// A requested policy version: may be empty.
pub(super) const VERSION: TextRule = TextRule::ANY.matching(ROLE_VERSION);

/// A requested scope: may be empty.
pub(super) const REQUESTED_SCOPE: TextRule = TextRule::ANY.matching(SCOPE);

/// Notes that none of some fields is given.
pub(super) fn require_one(d: &mut Decoder<'_>, object: &Object<'_>, at: Span, fields: &[&str], message: &str) {
    if fields.iter().all(|f| object.lacks(f) || is_empty(object, f)) {
        d.violation("TG0208", at, message);
    }
}

/// Notes that two fields exclude each other.
pub(super) fn exclude(d: &mut Decoder<'_>, object: &Object<'_>, at: Span, fields: [&str; 2], message: &str) {
    if fields.iter().all(|f| object.get(f).is_some() && !is_empty(object, f)) {
        d.violation("TG0208", at, message);
    }
}

/// True for a field that is given without content: the reference does not tell it from one that is not given.
fn is_empty(object: &Object<'_>, field: &str) -> bool {
    use crate::yaml::{Kind, Resolved};
    object.get(field).is_some_and(|e| match &e.value.kind {
        Kind::Scalar(s) => s.text.is_empty() || s.value == Resolved::Null,
        Kind::Sequence(items) => items.is_empty(),
        Kind::Mapping(_) | Kind::Bad => false,
    })
}
