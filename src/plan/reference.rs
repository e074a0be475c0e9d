//! The reference's simplifications, for `--compat cerbos`. They do not ask what happens where something fails.

use super::logic::Logic;
use super::rewrite;
use crate::cel::partial::{self, Stop, Term};
use crate::cel::value::Value;

/// A simpler term, as the reference would write it.
pub(super) fn simplify<'a>(term: Term<'a>, logic: &Logic<'a>) -> Result<Term<'a>, Stop> {
    let Some((operator, operands)) = term.as_apply() else { return Ok(term) };
    let bump = logic.cx.bump;
    let simpler = operands.iter().map(|o| simplify(*o, logic)).collect::<Result<Vec<_>, _>>()?;
    match (operator, simpler.as_slice()) {
        ("and" | "or", _) => logic.combine(operator == "or", &rewrite::unique(simpler)),
        ("not", [one]) => logic.opposite(*one),
        ("in", [element, Term::Value(container)])
            if !matches!(element, Term::Value(_)) || rewrite::elements(*container).is_some_and(|e| e.is_empty()) =>
        {
            within(*element, *container, logic)
        }
        ("in", [element, Term::Value(container)]) if rewrite::is_scalar(*container) => {
            Term::apply(bump, "eq", &[*element, Term::Value(*container)])
        }
        ("in", [element, container]) if !matches!(element, Term::Value(_)) => {
            let Some(("struct", fields)) = container.as_apply() else { return Term::apply(bump, operator, &simpler) };
            let keys = fields.iter().filter_map(|f| f.as_apply()).filter_map(|(_, pair)| pair.first().copied());
            let keys: Vec<Term<'a>> = keys.collect();
            let plain = keys.iter().map(|k| if let Term::Value(v) = k { Some(*v) } else { None });
            if let Some(plain) = plain.collect::<Option<Vec<_>>>() {
                return within(*element, Value::list(bump.alloc_slice_copy(&plain)), logic);
            }
            match keys.as_slice() {
                [one @ Term::Value(_)] => Term::apply(bump, "eq", &[*element, *one]),
                _ => {
                    let list = Term::apply(bump, "list", &keys)?;
                    Term::apply(bump, "in", &[*element, list])
                }
            }
        }
        _ => Term::apply(bump, operator, &simpler),
    }
}

/// A comparison with a look-up in a known map, as the keys for which it holds: only where nothing is around it.
pub(super) fn alone<'a>(term: Term<'a>, logic: &Logic<'a>) -> Result<Term<'a>, Stop> {
    let found = match term.as_apply() {
        Some(("in", [Term::Value(needle), container])) => rewrite::look_up(&logic.cx, *container)
            .map(|found| found.keys_where(&logic.cx, true, |v| test(logic, "in", *needle, v))),
        Some((relation, [left, Term::Value(right)]))
            if rewrite::is_relation(relation) && rewrite::is_scalar(*right) =>
        {
            rewrite::look_up(&logic.cx, *left)
                .map(|found| found.keys_where(&logic.cx, true, |v| ordered(logic, relation, v, *right)))
        }
        _ => None,
    };
    found.unwrap_or(Ok(term))
}

fn test<'a>(logic: &Logic<'a>, operator: &str, a: Value<'a>, b: Value<'a>) -> Option<bool> {
    match partial::call(&logic.cx, operator, &[a, b]) {
        Ok(Value::Bool(b)) => Some(b),
        _ => None,
    }
}

/// The reference does not order anything here.
fn ordered<'a>(logic: &Logic<'a>, operator: &str, a: Value<'a>, b: Value<'a>) -> Option<bool> {
    if matches!(operator, "eq" | "ne") { test(logic, operator, a, b) } else { None }
}

fn within<'a>(element: Term<'a>, container: Value<'a>, logic: &Logic<'a>) -> Result<Term<'a>, Stop> {
    let bump = logic.cx.bump;
    let Some(elements) = rewrite::elements(container) else {
        return Term::apply(bump, "eq", &[element, Term::Value(container)]);
    };
    match elements.as_slice() {
        [] => Ok(Term::bool(false)),
        [one] => Term::apply(bump, "eq", &[element, Term::Value(*one)]),
        many => Term::apply(bump, "in", &[element, Term::Value(Value::list(bump.alloc_slice_copy(many)))]),
    }
}
