//! The reference's simplifications, for `--compat cerbos`. They do not ask what happens where something fails.

use super::logic::Logic;
use super::rewrite;
use crate::cel::partial::{self, CHOSEN, Stop, THERE, Term};
use crate::cel::value::Value;

/// A simpler term, as the reference would write it.
pub(super) fn simplify<'a>(term: Term<'a>, logic: &Logic<'a>) -> Result<Term<'a>, Stop> {
    let Some((operator, operands)) = term.as_apply() else { return Ok(named(term)) };
    let bump = logic.cx.bump;
    let simpler = operands.iter().map(|o| simplify(*o, logic)).collect::<Result<Vec<_>, _>>()?;
    match (operator, simpler.as_slice()) {
        (THERE, _) => Ok(Term::bool(true)),
        (CHOSEN, _) => Term::apply(bump, "if", &simpler),
        ("get-field", [Term::Variable(path), Term::Variable(field)]) if path.starts_with("request.auxData") => {
            Ok(Term::Variable(bump.alloc_str(&format!("{path}.{field}"))))
        }
        ("and" | "or", _) => logic.combine(operator == "or", &rewrite::unique(simpler)),
        ("not", [one]) => logic.opposite(*one),
        ("in", [element, Term::Value(container)])
            if !matches!(element, Term::Value(_)) || rewrite::elements(*container).is_some_and(|e| e.is_empty()) =>
        {
            within(*element, *container, logic)
        }
        ("in", [element, Term::Value(container)]) if partial::is_scalar(*container) => {
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

/// Claims that are told apart by name have no other form.
fn named(term: Term<'_>) -> Term<'_> {
    match term {
        Term::Value(Value::Message(message)) if message.ty.name.ends_with("AuxData") => {
            Term::Variable("request.auxData")
        }
        Term::Value(Value::Map(map)) if map.iter().any(|(_, v)| matches!(v, Value::Message(_))) => {
            Term::Variable("request.auxData.jwts")
        }
        term => term,
    }
}

/// An expression of which parts turned out to be constant: nothing is in an empty container.
pub(super) fn settled<'a>(term: Term<'a>, logic: &Logic<'a>) -> Result<Term<'a>, Stop> {
    let Some((operator, operands)) = term.as_apply() else { return Ok(term) };
    let operands = operands.iter().map(|o| settled(*o, logic)).collect::<Result<Vec<_>, _>>()?;
    match (operator, operands.as_slice()) {
        ("in", [_, Term::Value(container)]) if rewrite::elements(*container).is_some_and(|e| e.is_empty()) => {
            Ok(Term::bool(false))
        }
        ("and" | "or", _) if operands.iter().any(|o| o.as_bool().is_some()) => {
            logic.combine(operator == "or", &operands)
        }
        ("not", [one]) => logic.opposite(*one),
        ("if", [condition, yes, no]) if condition.as_bool().is_some() => {
            Ok(if condition.as_bool() == Some(true) { *yes } else { *no })
        }
        ("list", _) => {
            let plain = operands.iter().map(|o| if let Term::Value(v) = o { Some(*v) } else { None });
            match plain.collect::<Option<Vec<_>>>() {
                Some(plain) => Ok(Term::Value(Value::list(logic.cx.bump.alloc_slice_copy(&plain)))),
                None => Term::apply(logic.cx.bump, operator, &operands),
            }
        }
        _ => Term::apply(logic.cx.bump, operator, &operands),
    }
}

/// A comparison with a look-up in a known map, as the keys for which it holds: only where nothing is around it.
pub(super) fn alone<'a>(term: Term<'a>, logic: &Logic<'a>) -> Result<Term<'a>, Stop> {
    let found = match term.as_apply() {
        Some(("in", [Term::Value(needle), container])) => rewrite::look_up(&logic.cx, *container)
            .map(|found| found.keys_where(&logic.cx, true, |v| test(logic, "in", *needle, v))),
        Some((relation, [left, Term::Value(right)]))
            if rewrite::is_relation(relation) && partial::is_scalar(*right) =>
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
        let operator = if partial::is_scalar(container) { "eq" } else { "in" };
        return Term::apply(bump, operator, &[element, Term::Value(container)]);
    };
    match elements.as_slice() {
        [] => Ok(Term::bool(false)),
        [one] if partial::is_scalar(*one) || matches!(one, Value::Bytes(_)) => {
            Term::apply(bump, "eq", &[element, Term::Value(*one)])
        }
        many => Term::apply(bump, "in", &[element, Term::Value(Value::list(bump.alloc_slice_copy(many)))]),
    }
}
