//! SPIFFE ids, trust domains and matchers.

use super::super::context::Context;
use super::super::error::{Eval, EvalError};
use super::super::value::{List, Object, SpiffeMatcher, Value};
use super::{Function, Refusal, global, member};

pub(super) const TABLE: &[Function] = &[
    global("spiffeID", 1, spiffe_id),
    global("spiffeTrustDomain", 1, spiffe_trust_domain),
    global("spiffeMatchAny", 0, |cx, _| Ok(matcher(cx, SpiffeMatcher::Any))),
    global("spiffeMatchExact", 1, match_exact),
    global("spiffeMatchOneOf", 1, match_one_of),
    global("spiffeMatchTrustDomain", 1, match_trust_domain),
    member("path", 1, path).refusing(Refusal::Receiver),
    member("trustDomain", 1, trust_domain_of).refusing(Refusal::Receiver),
    member("name", 1, name).refusing(Refusal::Receiver),
    member("isMemberOf", 2, is_member_of).refusing(Refusal::Receiver),
    member("matchesID", 2, matches_id).refusing(Refusal::Receiver),
];

const SCHEME: &str = "spiffe://";

/// The parts of an id: trust domain and path.
pub fn parse(text: &str) -> Result<(&str, &str), &'static str> {
    if text.is_empty() {
        return Err("cannot be empty");
    }
    let rest = text.strip_prefix(SCHEME).ok_or("scheme is missing or invalid")?;
    let (domain, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
    check_domain(domain)?;
    check_path(path)?;
    Ok((domain, path))
}

fn check_domain(domain: &str) -> Result<(), &'static str> {
    if domain.is_empty() {
        return Err("trust domain is missing");
    }
    if domain.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_')) {
        Ok(())
    } else {
        Err("trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores")
    }
}

/// A path is empty, or `/` and non-empty segments between slashes. Faults are found from left to right.
fn check_path(path: &str) -> Result<(), &'static str> {
    let Some(path) = path.strip_prefix('/') else { return Ok(()) };
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if !segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
            return Err("path segment characters are limited to letters, numbers, dots, dashes, and underscores");
        }
        match segment {
            "" if is_last => return Err("path cannot have a trailing slash"),
            "" => return Err("path cannot contain empty segments"),
            "." | ".." => return Err("path cannot contain dot segments"),
            _ => {}
        }
    }
    Ok(())
}

/// The name of a trust domain, given as a name or as any id of it.
pub fn trust_domain(text: &str) -> Result<&str, &'static str> {
    if text.is_empty() {
        return Err("trust domain is missing");
    }
    if text.contains(":/") {
        return parse(text).map(|(domain, _)| domain);
    }
    check_domain(text).map(|()| text)
}

fn matcher<'a>(cx: &Context<'a>, matcher: SpiffeMatcher<'a>) -> Value<'a> {
    cx.object(Object::SpiffeMatcher(matcher))
}

fn spiffe_id<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text)] = *args else { return Err(EvalError::MISMATCH) };
    Ok(cx.object(Object::SpiffeId(parsed_id(cx, text, "failed to parse SPIFFE ID")?)))
}

fn parsed_id<'a>(cx: &Context<'a>, text: &'a str, failure: &str) -> Result<&'a str, EvalError<'a>> {
    cx.charge(text.len() / 16)?;
    parse(text).map(|_| text).map_err(|why| cx.error(format_args!("{failure}: {why}")))
}

fn spiffe_trust_domain<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text)] = *args else { return Err(EvalError::MISMATCH) };
    Ok(cx.object(Object::SpiffeTrustDomain(parsed_domain(cx, text)?)))
}

fn parsed_domain<'a>(cx: &Context<'a>, text: &'a str) -> Result<&'a str, EvalError<'a>> {
    cx.charge(text.len() / 16)?;
    trust_domain(text).map_err(|why| cx.error(format_args!("failed to parse SPIFFE trust domain: {why}")))
}

fn match_exact<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let id = match *args {
        [Value::String(text)] => parsed_id(cx, text, "failed to parse SPIFFE ID")?,
        [Value::Object(Object::SpiffeId(id))] => id,
        _ => return Err(EvalError::MISMATCH),
    };
    Ok(matcher(cx, SpiffeMatcher::OneOf(cx.bump.alloc([id]))))
}

fn match_one_of<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::List(list)] = *args else { return Err(EvalError::MISMATCH) };
    if !matches!(list.get(0), None | Some(Value::String(_) | Value::Object(Object::SpiffeId(_)))) {
        return Err(EvalError::MISMATCH);
    }
    Ok(matcher(cx, SpiffeMatcher::OneOf(ids(cx, list)?)))
}

fn ids<'a>(cx: &Context<'a>, list: List<'a>) -> Result<&'a [&'a str], EvalError<'a>> {
    let mut out = bumpalo::collections::Vec::with_capacity_in(list.len(), cx.bump);
    cx.charge(list.len())?;
    for element in list.iter() {
        match element {
            Value::String(text) if parse(text).is_ok() => out.push(text),
            Value::Object(Object::SpiffeId(id)) => out.push(*id),
            _ => return Err(EvalError::NO_SUCH_OVERLOAD),
        }
    }
    Ok(out.into_bump_slice())
}

fn match_trust_domain<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let domain = match *args {
        [Value::String(text)] => parsed_domain(cx, text)?,
        [Value::Object(Object::SpiffeTrustDomain(domain))] => domain,
        _ => return Err(EvalError::MISMATCH),
    };
    Ok(matcher(cx, SpiffeMatcher::TrustDomain(domain)))
}

fn path<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::Object(Object::SpiffeId(id))] = args else { return Err(EvalError::MISMATCH) };
    Ok(Value::String(parse(id).map_or("", |(_, path)| path)))
}

fn domain_of(id: &str) -> &str {
    parse(id).map_or("", |(domain, _)| domain)
}

fn trust_domain_of<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::Object(Object::SpiffeId(id))] = args else { return Err(EvalError::MISMATCH) };
    Ok(cx.object(Object::SpiffeTrustDomain(domain_of(id))))
}

fn name<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::Object(Object::SpiffeTrustDomain(name))] = args else { return Err(EvalError::MISMATCH) };
    Ok(Value::String(name))
}

fn is_member_of<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    match args {
        [Value::Object(Object::SpiffeId(id)), Value::Object(Object::SpiffeTrustDomain(domain))] => {
            Ok(Value::Bool(domain_of(id) == *domain))
        }
        _ => Err(EvalError::MISMATCH),
    }
}

fn matches_id<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (accepted, id) = match *args {
        [Value::Object(Object::SpiffeMatcher(m)), Value::String(text)] => {
            (m, parsed_id(cx, text, "invalid SPIFFE ID")?)
        }
        [Value::Object(Object::SpiffeMatcher(m)), Value::Object(Object::SpiffeId(id))] => (m, *id),
        _ => return Err(EvalError::MISMATCH),
    };
    Ok(Value::Bool(match accepted {
        SpiffeMatcher::Any => true,
        SpiffeMatcher::OneOf(ids) => {
            cx.charge(ids.len())?;
            ids.contains(&id)
        }
        SpiffeMatcher::TrustDomain(domain) => domain_of(id) == *domain,
    }))
}
