//! The strings library and the string methods of the standard library. Positions count code points.

use bumpalo::collections::Vec as BumpVec;

use super::super::context::{Context, Text};
use super::super::error::{Eval, EvalError, Fault};
use super::super::show::Shown;
use super::super::value::Value;
use super::native::starts_with_string;
use super::{Function, Refusal, global, lists, member};

pub(super) const TABLE: &[Function] = &[
    member("contains", 2, contains).refusing(Refusal::Plain),
    member("startsWith", 2, starts_with).refusing(Refusal::Plain),
    member("endsWith", 2, ends_with).refusing(Refusal::Plain),
    member("charAt", 2, char_at),
    member("indexOf", 2, index_of),
    member("indexOf", 3, index_of),
    member("lastIndexOf", 2, last_index_of),
    member("lastIndexOf", 3, last_index_of),
    member("lowerAscii", 1, lower_ascii),
    member("upperAscii", 1, upper_ascii),
    member("replace", 3, replace),
    member("replace", 4, replace),
    member("split", 2, split),
    member("split", 3, split),
    member("substring", 2, substring),
    member("substring", 3, substring),
    member("trim", 1, trim),
    member("reverse", 1, reverse),
    member("join", 1, join),
    member("join", 2, join),
    global("strings.quote", 1, quote),
];

/// Reading a string costs a step per this many bytes.
const BYTES_PER_STEP: usize = 32;

fn contains<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(s), Value::String(part)] = args else { return Err(EvalError::MISMATCH) };
    cx.charge(s.len() / BYTES_PER_STEP)?;
    Ok(Value::Bool(s.contains(part)))
}

fn starts_with<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(s), Value::String(prefix)] = args else { return Err(EvalError::MISMATCH) };
    Ok(Value::Bool(s.as_bytes().starts_with(prefix.as_bytes())))
}

fn ends_with<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(s), Value::String(suffix)] = args else { return Err(EvalError::MISMATCH) };
    Ok(Value::Bool(s.as_bytes().ends_with(suffix.as_bytes())))
}

/// Code points of a string.
pub fn length(s: &str) -> usize {
    if s.is_ascii() { s.len() } else { s.chars().count() }
}

/// Byte offset of code point `i`; the end for `i` = length, `None` beyond.
fn offset(s: &str, i: usize) -> Option<usize> {
    if s.is_ascii() {
        return (i <= s.len()).then_some(i);
    }
    s.char_indices().map(|(at, _)| at).chain(std::iter::once(s.len())).nth(i)
}

fn out_of_range<'a>(cx: &Context<'a>, i: i64) -> EvalError<'a> {
    cx.fault(Fault::IndexOutOfRange(i))
}

fn char_at<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(s), Value::Int(i)] = *args else { return Err(EvalError::MISMATCH) };
    cx.charge(s.len() / BYTES_PER_STEP)?;
    let at = usize::try_from(i).ok().and_then(|i| offset(s, i)).ok_or_else(|| out_of_range(cx, i))?;
    let rest = s.get(at..).unwrap_or("");
    let end = rest.chars().next().map_or(0, char::len_utf8);
    Ok(Value::String(rest.get(..end).unwrap_or("")))
}

fn index_of<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (s, part, from) = match *args {
        [Value::String(s), Value::String(part)] => (s, part, 0),
        [Value::String(s), Value::String(part), Value::Int(from)] => (s, part, from),
        _ => return Err(EvalError::MISMATCH),
    };
    cx.charge(s.len() / BYTES_PER_STEP)?;
    let start = usize::try_from(from).map_err(|_| out_of_range(cx, from))?;
    let Some(at) = offset(s, start) else {
        return Ok(Value::Int(if part.is_empty() { length(s) as i64 } else { -1 }));
    };
    let found = s.get(at..).and_then(|rest| rest.find(part));
    Ok(Value::Int(match found {
        Some(bytes) => length(s.get(..at + bytes).unwrap_or("")) as i64,
        None => -1,
    }))
}

fn last_index_of<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (s, part, from) = match *args {
        [Value::String(s), Value::String(part)] => (s, part, None),
        [Value::String(s), Value::String(part), Value::Int(from)] => (s, part, Some(from)),
        _ => return Err(EvalError::MISMATCH),
    };
    cx.charge(s.len() / BYTES_PER_STEP)?;
    let len = length(s);
    let limit = match from {
        None => len,
        Some(from) => {
            let from_index = usize::try_from(from).map_err(|_| out_of_range(cx, from))?;
            if from_index >= len && !part.is_empty() {
                return Ok(Value::Int(-1));
            }
            from_index.min(len)
        }
    };
    // the match may start at `limit` at the latest, so it ends within that plus its own length
    let Some(last_start) = limit.min(len.saturating_sub(length(part))).checked_add(length(part)) else {
        return Ok(Value::Int(-1));
    };
    let window = offset(s, last_start).and_then(|end| s.get(..end)).unwrap_or("");
    Ok(Value::Int(match window.rfind(part) {
        Some(bytes) => length(s.get(..bytes).unwrap_or("")) as i64,
        None => -1,
    }))
}

fn lower_ascii<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(s)] = *args else { return Err(EvalError::MISMATCH) };
    if !s.bytes().any(|b| b.is_ascii_uppercase()) {
        cx.charge(s.len() / BYTES_PER_STEP)?;
        return Ok(Value::String(s));
    }
    cx.charge(s.len())?;
    let copy = cx.bump.alloc_str(s);
    copy.make_ascii_lowercase();
    Ok(Value::String(copy))
}

fn upper_ascii<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(s)] = *args else { return Err(EvalError::MISMATCH) };
    if !s.bytes().any(|b| b.is_ascii_lowercase()) {
        cx.charge(s.len() / BYTES_PER_STEP)?;
        return Ok(Value::String(s));
    }
    cx.charge(s.len())?;
    let copy = cx.bump.alloc_str(s);
    copy.make_ascii_uppercase();
    Ok(Value::String(copy))
}

fn replace<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (s, from, to, count) = match *args {
        [Value::String(s), Value::String(from), Value::String(to)] => (s, from, to, -1),
        [Value::String(s), Value::String(from), Value::String(to), Value::Int(count)] => (s, from, to, count),
        _ => return Err(EvalError::MISMATCH),
    };
    cx.charge(s.len() / BYTES_PER_STEP)?;
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let mut out = Text::new(cx);
    let mut copied = 0;
    // an empty pattern matches before every code point and at the end, as `match_indices` has it
    for (at, matched) in s.match_indices(from).take(most) {
        out.push(s.get(copied..at).unwrap_or(""))?;
        out.push(to)?;
        copied = at + matched.len();
    }
    if copied == 0 && !from.is_empty() {
        return Ok(Value::String(s));
    }
    out.push(s.get(copied..).unwrap_or(""))?;
    Ok(Value::String(out.finish()))
}

fn split<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (s, separator, count) = match *args {
        [Value::String(s), Value::String(separator)] => (s, separator, -1),
        [Value::String(s), Value::String(separator), Value::Int(count)] => (s, separator, count),
        _ => return Err(EvalError::MISMATCH),
    };
    cx.charge(s.len() / BYTES_PER_STEP)?;
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    if most == 0 {
        return Ok(Value::list(&[]));
    }
    if separator.is_empty() {
        return cx.strings(code_points(s, most));
    }
    // much cheaper to search for than text
    let mut chars = separator.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => cx.strings(s.splitn(most, c)),
        _ => cx.strings(s.splitn(most, separator)),
    }
}

/// Single code points; the last of `most` pieces is the rest.
pub fn code_points(s: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = s;
    let mut made = 0;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        made += 1;
        let (piece, after) =
            if made >= most { (rest, "") } else { rest.split_at_checked(first.len_utf8()).unwrap_or((rest, "")) };
        rest = after;
        Some(piece)
    })
}

fn substring<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (s, start, end) = match *args {
        [Value::String(s), Value::Int(start)] => (s, start, None),
        [Value::String(s), Value::Int(start), Value::Int(end)] => (s, start, Some(end)),
        _ => return Err(EvalError::MISMATCH),
    };
    cx.charge(s.len() / BYTES_PER_STEP)?;
    if let Some(end) = end
        && start > end
    {
        return Err(cx.error(format_args!("invalid substring range. start: {start}, end: {end}")));
    }
    let bound = |i: i64| usize::try_from(i).ok().and_then(|i| offset(s, i)).ok_or_else(|| out_of_range(cx, i));
    let from = bound(start)?;
    let to = end.map_or(Ok(s.len()), bound)?;
    Ok(Value::String(s.get(from..to).unwrap_or("")))
}

fn trim<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(s)] = *args else { return Err(EvalError::MISMATCH) };
    cx.charge(s.len() / BYTES_PER_STEP)?;
    Ok(Value::String(s.trim()))
}

fn reverse<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(s)] = *args else { return lists::reverse(cx, args) };
    cx.charge(s.len())?;
    let mut out = bumpalo::collections::String::with_capacity_in(s.len(), cx.bump);
    out.extend(s.chars().rev());
    Ok(Value::String(out.into_bump_str()))
}

fn join<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (list, separator) = match *args {
        [Value::List(list)] => (list, ""),
        [Value::List(list), Value::String(separator)] => (list, separator),
        _ => return Err(EvalError::MISMATCH),
    };
    if !starts_with_string(list) {
        return Err(EvalError::MISMATCH);
    }
    let mut out = Text::new(cx);
    for (i, element) in list.iter().enumerate() {
        cx.charge(1)?;
        let Value::String(s) = element else {
            return Err(cx.error(format_args!("join: invalid input: {}", Shown(element))));
        };
        if i > 0 {
            out.push(separator)?;
        }
        out.push(s)?;
    }
    Ok(Value::String(out.finish()))
}

/// Puts the text in double quotes and escapes what a CEL literal must escape, nothing else.
fn quote<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(s)] = *args else { return Err(EvalError::MISMATCH) };
    cx.charge(s.len() + 2)?;
    let mut out = BumpVec::with_capacity_in(s.len() + 2, cx.bump);
    out.push(b'"');
    for b in s.bytes() {
        let escape = match b {
            7 => b'a',
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            11 => b'v',
            b'\\' | b'"' => b,
            _ => {
                out.push(b);
                continue;
            }
        };
        cx.charge(1)?;
        out.extend_from_slice(&[b'\\', escape]);
    }
    out.push(b'"');
    Ok(Value::String(std::str::from_utf8(out.into_bump_slice()).unwrap_or("")))
}
