//! `hierarchy(…)`: dotted names such as scopes and departments, compared level by level.

use super::super::context::Context;
use super::super::error::{Eval, EvalError, Fault};
use super::super::value::{Object, Value};
use super::strings::code_points;
use super::{Function, Refusal, global, member, native};

pub(super) const TABLE: &[Function] = &[
    global("hierarchy", 1, hierarchy),
    global("hierarchy", 2, hierarchy),
    relation("ancestorOf", |cx, a| relate(cx, a, |x, y| x.len() < y.len() && y.starts_with(x))),
    relation("descendentOf", |cx, a| relate(cx, a, |x, y| y.len() < x.len() && x.starts_with(y))),
    relation("immediateParentOf", |cx, a| relate(cx, a, |x, y| x.len() + 1 == y.len() && y.starts_with(x))),
    relation("immediateChildOf", |cx, a| relate(cx, a, |x, y| y.len() + 1 == x.len() && x.starts_with(y))),
    relation("siblingOf", |cx, a| relate(cx, a, are_siblings)),
    relation("overlaps", |cx, a| relate(cx, a, |x, y| x.starts_with(y) || y.starts_with(x))),
    relation("commonAncestors", common_ancestors),
];

const fn relation(name: &'static str, run: super::Run) -> Function {
    member(name, 2, run).refusing(Refusal::Receiver)
}

fn hierarchy<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let levels = match *args {
        [Value::String(text)] => split(cx, text, ".")?,
        [Value::String(text), Value::String(delimiter)] => split(cx, text, delimiter)?,
        [Value::List(list)] => native::strings(list, cx)?,
        _ => return Err(EvalError::MISMATCH),
    };
    Ok(cx.object(Object::Hierarchy(levels)))
}

fn split<'a>(cx: &Context<'a>, text: &'a str, delimiter: &'a str) -> Result<&'a [&'a str], EvalError<'a>> {
    cx.charge(text.len() / 8 + 1)?;
    let mut out = bumpalo::collections::Vec::new_in(cx.bump);
    if delimiter.is_empty() {
        cx.charge(text.len())?;
        out.extend(code_points(text, usize::MAX));
    } else {
        out.extend(text.split(delimiter));
    }
    Ok(out.into_bump_slice())
}

fn two<'a>(args: &[Value<'a>]) -> Result<(&'a [&'a str], &'a [&'a str]), EvalError<'a>> {
    match *args {
        [Value::Object(Object::Hierarchy(x)), Value::Object(Object::Hierarchy(y))] => Ok((x, y)),
        _ => Err(EvalError::MISMATCH),
    }
}

fn relate<'a>(cx: &Context<'a>, args: &[Value<'a>], holds: fn(&[&str], &[&str]) -> bool) -> Eval<'a> {
    let (x, y) = two(args)?;
    cx.charge(x.len().min(y.len()))?;
    Ok(Value::Bool(holds(x, y)))
}

/// Equal but for the last level. Two hierarchies without levels are siblings, too.
fn are_siblings(x: &[&str], y: &[&str]) -> bool {
    match (x.split_last(), y.split_last()) {
        (Some((_, x)), Some((_, y))) => x == y,
        (None, None) => true,
        _ => false,
    }
}

fn common_ancestors<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (x, y) = two(args)?;
    cx.charge(x.len().min(y.len()))?;
    let (mut a, mut b) = (x, y);
    if x.len() == y.len() {
        let (Some((_, x)), Some((_, y))) = (x.split_last(), y.split_last()) else {
            return Err(EvalError(&Fault::Static("internal error: runtime error: slice bounds out of range [:-1]")));
        };
        (a, b) = (x, y);
    }
    let common = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    Ok(cx.object(Object::Hierarchy(a.get(..common).unwrap_or(&[]))))
}
