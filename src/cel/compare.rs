//! Equality, order, membership and look-up over values, with numbers compared across their kinds.
//!
//! Pure functions that charge the budget per element. The oddities are the reference's: a list or map whose elements
//! can't be compared counts as equal unless an element is definitely unequal.

use std::cmp::Ordering;

use super::budget::MAX_VALUE_DEPTH;
use super::context::Context;
use super::error::{EvalError, Fault};
use super::functions::spiffe;
use super::texts;
use super::value::{List, Map, Object, Value};

/// `a == b`.
#[inline]
pub fn equal<'a>(a: Value<'a>, b: Value<'a>, cx: &Context<'a>) -> Result<bool, EvalError<'a>> {
    match (a, b) {
        (Value::String(x), Value::String(y)) => same_bytes(x.as_bytes(), y.as_bytes(), cx),
        _ => equal_within(a, b, cx, 0),
    }
}

#[inline]
fn same_bytes<'a>(x: &[u8], y: &[u8], cx: &Context<'a>) -> Result<bool, EvalError<'a>> {
    if x.len() != y.len() {
        return Ok(false);
    }
    if x.len() > 64 {
        cx.charge(x.len() / 64)?;
    }
    Ok(texts::same_bytes(x, y))
}

fn equal_within<'a>(a: Value<'a>, b: Value<'a>, cx: &Context<'a>, depth: u32) -> Result<bool, EvalError<'a>> {
    if depth > MAX_VALUE_DEPTH {
        return Err(EvalError::TOO_DEEP);
    }
    Ok(match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Null, _) | (_, Value::Null) => false,
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::String(x), Value::String(y)) => return same_bytes(x.as_bytes(), y.as_bytes(), cx),
        (Value::Bytes(x), Value::Bytes(y)) => return same_bytes(x, y, cx),
        (Value::List(x), Value::List(y)) => return lists_equal(x, y, cx, depth),
        (Value::Map(x), Value::Map(y)) => return maps_equal(x, y, cx, depth),
        (Value::Timestamp(x), Value::Timestamp(y)) => super::time::order(x, y).is_eq(),
        (Value::Duration(x), Value::Duration(y)) => x == y,
        (Value::Type(x), Value::Type(y)) => x == y,
        (Value::Optional(x), Value::Optional(y)) => match (x, y) {
            (None, None) => true,
            (Some(x), Some(y)) => return equal_within(*x, *y, cx, depth + 1),
            _ => false,
        },
        (Value::Message(x), Value::Message(y)) => {
            if x.ty.name != y.ty.name {
                return Ok(false);
            }
            return lists_equal(List::Values(x.fields), List::Values(y.fields), cx, depth);
        }
        (Value::Object(x), _) => return object_equal(x, b, cx),
        _ => numbers_compared(a, b) == Some(Some(Ordering::Equal)),
    })
}

fn lists_equal<'a>(x: List<'a>, y: List<'a>, cx: &Context<'a>, depth: u32) -> Result<bool, EvalError<'a>> {
    if x.len() != y.len() {
        return Ok(false);
    }
    cx.charge(x.len())?;
    for (a, b) in x.iter().zip(y.iter()) {
        if definitely_unequal(a, b, cx, depth)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps_equal<'a>(x: Map<'a>, y: Map<'a>, cx: &Context<'a>, depth: u32) -> Result<bool, EvalError<'a>> {
    if x.len() != y.len() {
        return Ok(false);
    }
    for (key, a) in x.iter() {
        match find(y, key, cx)? {
            Some(b) if !definitely_unequal(a, b, cx, depth)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Values that can't be compared do not count as unequal inside of a list or map.
fn definitely_unequal<'a>(a: Value<'a>, b: Value<'a>, cx: &Context<'a>, depth: u32) -> Result<bool, EvalError<'a>> {
    match equal_within(a, b, cx, depth + 1) {
        Ok(equal) => Ok(!equal),
        Err(e) if e.is_fatal() => Err(e),
        Err(_) => Ok(false),
    }
}

fn object_equal<'a>(x: &Object<'a>, other: Value<'a>, cx: &Context<'a>) -> Result<bool, EvalError<'a>> {
    match (x, other) {
        (Object::Hierarchy(x), Value::Object(Object::Hierarchy(y))) => {
            cx.charge(x.len())?;
            Ok(x == y)
        }
        (Object::SpiffeId(x), Value::String(y)) => Ok(*x == y),
        (Object::SpiffeId(x), Value::Object(Object::SpiffeId(y)))
        | (Object::SpiffeTrustDomain(x), Value::Object(Object::SpiffeTrustDomain(y))) => Ok(x == y),
        (Object::SpiffeTrustDomain(x), Value::String(y)) => Ok(spiffe::trust_domain(y) == Ok(*x)),
        (Object::Hierarchy(_) | Object::SpiffeId(_) | Object::SpiffeTrustDomain(_), _) => {
            Err(EvalError::NO_SUCH_OVERLOAD)
        }
        (Object::Ip(x), Value::Object(Object::Ip(y))) => Ok(x == y),
        (Object::Cidr(x, n), Value::Object(Object::Cidr(y, m))) => Ok(x == y && n == m),
        (Object::Ip(_) | Object::Cidr(..) | Object::SpiffeMatcher(_), _) => Ok(false),
    }
}

/// The order of two numbers of any kinds: `None` if one is no number, `Some(None)` with NaN.
#[inline]
#[must_use]
pub fn numbers_compared(a: Value<'_>, b: Value<'_>) -> Option<Option<Ordering>> {
    Some(match (a, b) {
        (Value::Double(x), Value::Double(y)) => x.partial_cmp(&y),
        (Value::Int(x), Value::Int(y)) => Some(x.cmp(&y)),
        (Value::Uint(x), Value::Uint(y)) => Some(x.cmp(&y)),
        (Value::Double(x), Value::Int(y)) => double_with_int(x, y),
        (Value::Int(x), Value::Double(y)) => double_with_int(y, x).map(Ordering::reverse),
        (Value::Double(x), Value::Uint(y)) => double_with_uint(x, y),
        (Value::Uint(x), Value::Double(y)) => double_with_uint(y, x).map(Ordering::reverse),
        (Value::Int(x), Value::Uint(y)) => Some(u64::try_from(x).map_or(Ordering::Less, |x| x.cmp(&y))),
        (Value::Uint(x), Value::Int(y)) => Some(u64::try_from(y).map_or(Ordering::Greater, |y| x.cmp(&y))),
        _ => return None,
    })
}

/// Within the range of `int` the comparison is made in double precision, as the reference does.
fn double_with_int(x: f64, y: i64) -> Option<Ordering> {
    if x < i64::MIN as f64 {
        Some(Ordering::Less)
    } else if x > i64::MAX as f64 {
        Some(Ordering::Greater)
    } else {
        x.partial_cmp(&(y as f64))
    }
}

fn double_with_uint(x: f64, y: u64) -> Option<Ordering> {
    if x < 0.0 {
        Some(Ordering::Less)
    } else if x > u64::MAX as f64 {
        Some(Ordering::Greater)
    } else {
        x.partial_cmp(&(y as f64))
    }
}

/// The order behind `< <= > >=`: `Ok(None)` with NaN, an error for kinds that have no order. `operator` is its name.
#[inline]
pub fn order<'a>(
    a: Value<'a>,
    b: Value<'a>,
    operator: &'static Fault<'static>,
    cx: &Context<'a>,
) -> Result<Option<Ordering>, EvalError<'a>> {
    if let Some(ordering) = numbers_compared(a, b) {
        return Ok(ordering);
    }
    Ok(Some(match (a, b) {
        (Value::String(x), Value::String(y)) => {
            cx.charge(x.len().min(y.len()) / 64)?;
            x.cmp(y)
        }
        (Value::Timestamp(x), Value::Timestamp(y)) => super::time::order(x, y),
        (Value::Duration(x), Value::Duration(y)) => x.cmp(&y),
        (Value::Bool(x), Value::Bool(y)) => x.cmp(&y),
        (Value::Bytes(x), Value::Bytes(y)) => {
            cx.charge(x.len().min(y.len()) / 64)?;
            x.cmp(y)
        }
        _ => return objects_ordered(a, b, operator, cx),
    }))
}

#[cold]
fn objects_ordered<'a>(
    a: Value<'a>,
    b: Value<'a>,
    operator: &'static Fault<'static>,
    cx: &Context<'a>,
) -> Result<Option<Ordering>, EvalError<'a>> {
    const NO_COMPARE: &str =
        "internal error: interface conversion: types.SPIFFEID is not traits.Comparer: missing method Compare";
    match (a, b) {
        // the reference asks the right side to compare itself with the left one
        (Value::Object(Object::SpiffeTrustDomain(x)), Value::String(y)) => match spiffe::trust_domain(y) {
            Ok(y) => Ok(Some(y.cmp(x))),
            Err(why) => Err(cx.error(format_args!("failed to parse trust domain: {why}"))),
        },
        (Value::Object(Object::SpiffeTrustDomain(x)), Value::Object(Object::SpiffeTrustDomain(y))) => {
            Ok(Some(y.cmp(x)))
        }
        (Value::Object(Object::SpiffeId(_)), _) => Err(EvalError(&Fault::Static(NO_COMPARE))),
        (
            Value::Null
            | Value::List(_)
            | Value::Map(_)
            | Value::Type(_)
            | Value::Optional(_)
            | Value::Message(_)
            | Value::Object(Object::Ip(_) | Object::Cidr(..)),
            _,
        ) => Err(EvalError(operator)),
        _ => Err(EvalError::NO_SUCH_OVERLOAD),
    }
}

/// True if an element of `list` equals `needle`; elements that can't be compared do not.
pub fn list_contains<'a>(list: List<'a>, needle: Value<'a>, cx: &Context<'a>) -> Result<bool, EvalError<'a>> {
    cx.charge(list.len())?;
    if let (List::Strings(strings), Value::String(needle)) = (list, needle) {
        return Ok(strings.contains(&needle));
    }
    for element in list.iter() {
        match equal(needle, element, cx) {
            Ok(true) => return Ok(true),
            Err(e) if e.is_fatal() => return Err(e),
            _ => {}
        }
    }
    Ok(false)
}

/// The value under any kind of key. Numeric keys are found across kinds if no digit is lost.
pub fn find<'a>(map: Map<'a>, key: Value<'a>, cx: &Context<'a>) -> Result<Option<Value<'a>>, EvalError<'a>> {
    if let Value::String(key) = key {
        charge_look_up(map, cx)?;
        return Ok(map.get_str(key));
    }
    if is_unhashable(key) {
        return Err(cx.fault(Fault::Unhashable(key)));
    }
    if matches!(map, Map::Fields(_)) {
        return Ok(None);
    }
    cx.charge(map.len())?;
    for candidate in key_candidates(key).into_iter().flatten() {
        if let Some((_, value)) = map.iter().find(|(k, _)| same_key(*k, candidate)) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Short maps and sorted ones are as cheap as any other step; unsorted ones are scanned.
fn charge_look_up<'a>(map: Map<'a>, cx: &Context<'a>) -> Result<(), EvalError<'a>> {
    match map {
        Map::Fields(_) => Ok(()),
        Map::Entries(e) => cx.charge(e.len() / 16),
        Map::Constants(e) => cx.charge(e.len() / 16),
    }
}

/// The keys a key is looked up as, in order.
#[must_use]
pub fn key_candidates(key: Value<'_>) -> [Option<Value<'_>>; 3] {
    let (first, second) = match key {
        Value::Int(i) => (u64::try_from(i).ok().map(Value::Uint), None),
        Value::Uint(u) => (i64::try_from(u).ok().map(Value::Int), None),
        Value::Double(d) => (whole_int(d).map(Value::Int), whole_uint(d).map(Value::Uint)),
        _ => (None, None),
    };
    [Some(key), first, second]
}

/// A double that is exactly an `int`.
#[must_use]
pub fn whole_int(d: f64) -> Option<i64> {
    ((-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&d) && d.trunc() == d).then_some(d as i64)
}

/// A double that is exactly a `uint`.
#[must_use]
pub fn whole_uint(d: f64) -> Option<u64> {
    ((0.0..18_446_744_073_709_551_616.0).contains(&d) && d.trunc() == d).then_some(d as u64)
}

/// True if two values are the same map key: same kind and value.
#[must_use]
pub fn same_key(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::Int(x), Value::Int(y)) => x == y,
        (Value::Uint(x), Value::Uint(y)) => x == y,
        (Value::Double(x), Value::Double(y)) => x == y,
        (Value::String(x), Value::String(y)) | (Value::Type(x), Value::Type(y)) => x == y,
        (Value::Timestamp(x), Value::Timestamp(y)) => x == y,
        (Value::Duration(x), Value::Duration(y)) => x == y,
        (Value::Message(x), Value::Message(y)) => std::ptr::eq(x.fields, y.fields),
        (Value::Object(Object::Cidr(x, n)), Value::Object(Object::Cidr(y, m))) => x == y && n == m,
        (Value::Object(Object::SpiffeId(x)), Value::Object(Object::SpiffeId(y)))
        | (Value::Object(Object::SpiffeTrustDomain(x)), Value::Object(Object::SpiffeTrustDomain(y))) => x == y,
        (Value::Object(Object::Ip(x)), Value::Object(Object::Ip(y))) => x == y,
        _ => false,
    }
}

/// True if a value can't be a map key at all.
#[must_use]
pub fn is_unhashable(key: Value<'_>) -> bool {
    matches!(key, Value::Bytes(_) | Value::Object(Object::Hierarchy(_) | Object::SpiffeMatcher(_)))
}
