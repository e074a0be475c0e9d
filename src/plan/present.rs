//! Terms in the shapes of the wire: values that JSON has no word for become calls of what makes them, as the reference
//! writes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cel::context::Context;
use crate::cel::partial::{Stop, Term};
use crate::cel::time::{Rfc3339, Seconds};
use crate::cel::value::{List, Map, Object, SpiffeMatcher, Value};

/// Deepest value that is written.
const MAX_DEPTH: u32 = 300;

/// The term with plain values only: null, booleans, doubles, texts, and lists of these.
pub(super) fn present<'a>(term: Term<'a>, cx: &Context<'a>) -> Result<Term<'a>, Stop> {
    match term {
        Term::Value(v) => value(v, cx, 0),
        Term::Variable(_) => Ok(term),
        Term::Error | Term::Optional(_) => Ok(Term::bool(false)),
        Term::Apply(a) => {
            let operands = a.operands.iter().map(|o| present(*o, cx)).collect::<Result<Vec<_>, _>>()?;
            Term::apply(cx.bump, a.operator, &operands)
        }
    }
}

fn value<'a>(v: Value<'a>, cx: &Context<'a>, depth: u32) -> Result<Term<'a>, Stop> {
    if depth > MAX_DEPTH {
        return Err(Stop::TooLarge);
    }
    cx.charge(1).map_err(|_| Stop::Budget)?;
    let text = |text: String| Term::Value(Value::String(cx.bump.alloc_str(&text)));
    let call = |name: &'a str, argument: String| Term::apply(cx.bump, name, &[text(argument)]);
    match v {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(Term::Value(v)),
        Value::Int(i) => Ok(Term::Value(Value::Double(i as f64))),
        Value::Uint(u) => Ok(Term::Value(Value::Double(u as f64))),
        Value::Double(d) if d.is_finite() => Ok(Term::Value(v)),
        Value::Double(d) => call("double", crate::cel::number::Double(d).to_string()),
        Value::Bytes(b) => Ok(text(STANDARD.encode(b))),
        Value::List(l) => list(l, cx, depth),
        Value::Map(m) => map(m, cx, depth),
        Value::Timestamp(timestamp) => call("timestamp", Rfc3339 { timestamp, utc: false }.to_string()),
        Value::Duration(nanos) => call("duration", Seconds(nanos).to_string()),
        Value::Type(name) => Ok(Term::Variable(name)),
        Value::Optional(None) => Term::apply(cx.bump, "optional.none", &[]),
        Value::Optional(Some(v)) => {
            let held = value(*v, cx, depth + 1)?;
            Term::apply(cx.bump, "optional.of", &[held])
        }
        Value::Message(m) => {
            let names = m.ty.fields.iter().map(|f| f.name).zip(m.fields.iter().copied());
            fields(names.map(|(k, v)| (Value::String(k), v)), cx, depth)
        }
        Value::Object(object) => match object {
            Object::Hierarchy(levels) if levels.is_empty() || levels.iter().any(|l| l.contains('.')) => {
                let levels = list(List::Strings(levels), cx, depth)?;
                Term::apply(cx.bump, "hierarchy", &[levels])
            }
            Object::Hierarchy(levels) => call("hierarchy", levels.join(".")),
            Object::Ip(ip) => call("ip", ip.to_string()),
            Object::Cidr(ip, bits) => call("cidr", format!("{ip}/{bits}")),
            Object::SpiffeId(id) => call("spiffeID", (*id).to_owned()),
            Object::SpiffeTrustDomain(name) => call("spiffeTrustDomain", format!("spiffe://{name}")),
            Object::SpiffeMatcher(SpiffeMatcher::Any) => Term::apply(cx.bump, "spiffeMatchAny", &[]),
            Object::SpiffeMatcher(SpiffeMatcher::OneOf(ids)) => {
                let ids = list(List::Strings(ids), cx, depth)?;
                Term::apply(cx.bump, "spiffeMatchOneOf", &[ids])
            }
            Object::SpiffeMatcher(SpiffeMatcher::TrustDomain(name)) => {
                call("spiffeMatchTrustDomain", format!("spiffe://{name}"))
            }
        },
    }
}

fn list<'a>(items: List<'a>, cx: &Context<'a>, depth: u32) -> Result<Term<'a>, Stop> {
    let terms = items.iter().map(|v| value(v, cx, depth + 1)).collect::<Result<Vec<_>, _>>()?;
    let plain: Option<Vec<Value<'a>>> =
        terms.iter().map(|t| if let Term::Value(v) = t { Some(*v) } else { None }).collect();
    // The reference writes lists in lists as calls.
    let plain = plain.filter(|values| !values.iter().any(|v| matches!(v, Value::List(_))));
    match plain {
        Some(plain) => Ok(Term::Value(Value::list(cx.bump.alloc_slice_copy(&plain)))),
        None => Term::apply(cx.bump, "list", &terms),
    }
}

fn map<'a>(entries: Map<'a>, cx: &Context<'a>, depth: u32) -> Result<Term<'a>, Stop> {
    fields(entries.iter(), cx, depth)
}

fn fields<'a>(
    entries: impl Iterator<Item = (Value<'a>, Value<'a>)>,
    cx: &Context<'a>,
    depth: u32,
) -> Result<Term<'a>, Stop> {
    let mut terms = Vec::new();
    for (k, v) in entries {
        let pair = [value(k, cx, depth + 1)?, value(v, cx, depth + 1)?];
        terms.push(Term::apply(cx.bump, "set-field", &pair)?);
    }
    Term::apply(cx.bump, "struct", &terms)
}
