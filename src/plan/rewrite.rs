//! Rewritings that both semantics share: look-ups in known maps by a key that is not known, and membership in known
//! containers.

use crate::cel::context::Context;
use crate::cel::partial::{self, Stop, Term};
use crate::cel::value::{List, Map, Value};

/// Most keys of a map that a look-up is written out for.
const MOST_KEYS: usize = 64;

/// A look-up in a known map: the key's term, and what each key gives (`None` if that fails).
pub(super) struct LookUp<'a> {
    pub(super) key: Term<'a>,
    pub(super) entries: Vec<(Value<'a>, Option<Value<'a>>)>,
}

/// `map[key]`, or fields of it.
pub(super) fn look_up<'a>(cx: &Context<'a>, term: Term<'a>) -> Option<LookUp<'a>> {
    match term.as_apply()? {
        ("index", [Term::Value(Value::Map(map)), key]) if !matches!(key, Term::Value(_)) && map.len() <= MOST_KEYS => {
            let key = *key;
            key_fits(key).then(|| LookUp { key, entries: map.iter().map(|(k, v)| (k, Some(v))).collect() })
        }
        ("get-field", [inner, Term::Variable(field)]) => {
            let mut found = look_up(cx, *inner)?;
            for (_, value) in &mut found.entries {
                *value = value.and_then(|v| partial::call(cx, "get-field", &[v, Value::String(field)]).ok());
            }
            Some(found)
        }
        _ => None,
    }
}

/// Errors in the key are errors of the look-up: only where no failure is hidden in it.
fn key_fits(key: Term<'_>) -> bool {
    !key.has_error()
}

impl<'a> LookUp<'a> {
    /// The keys for which a test gives `wanted`, as `key == k || …`; false if there are none.
    pub(super) fn keys_where(
        &self,
        cx: &Context<'a>,
        wanted: bool,
        test: impl Fn(Value<'a>) -> Option<bool>,
    ) -> Result<Term<'a>, Stop> {
        let mut terms = Vec::new();
        for (key, value) in &self.entries {
            if value.and_then(&test) == Some(wanted) {
                terms.push(Term::apply(cx.bump, "eq", &[self.key, Term::Value(*key)])?);
            }
        }
        match terms.as_slice() {
            [] => Ok(Term::bool(false)),
            [one] => Ok(*one),
            many => Term::apply(cx.bump, "or", many),
        }
    }
}
/// The elements of a known container, keys of maps.
pub(super) fn elements(value: Value<'_>) -> Option<Vec<Value<'_>>> {
    match value {
        Value::List(list) => Some(items(list)),
        Value::Map(map) => Some(keys(map)),
        _ => None,
    }
}

fn items(list: List<'_>) -> Vec<Value<'_>> {
    list.iter().collect()
}

fn keys(map: Map<'_>) -> Vec<Value<'_>> {
    map.iter().map(|(k, _)| k).collect()
}

/// Operators that compare.
pub(super) fn is_relation(operator: &str) -> bool {
    matches!(operator, "eq" | "ne" | "lt" | "le" | "gt" | "ge")
}

/// Operands without those that are written the same as one before.
pub(super) fn unique<'a>(terms: Vec<Term<'a>>) -> Vec<Term<'a>> {
    let mut kept: Vec<Term<'a>> = Vec::with_capacity(terms.len());
    for term in terms {
        if !kept.iter().any(|k| k.same(term)) {
            kept.push(term);
        }
    }
    kept
}
