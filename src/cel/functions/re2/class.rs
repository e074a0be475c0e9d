//! Character classes and escapes of RE2.

use std::fmt::Write;

use super::names;
use super::parse::{Cause, PatternError};

type Read<'t, T> = Result<(T, &'t str), PatternError>;

fn consumed<'t>(from: &'t str, to: &str) -> &'t str {
    from.get(..from.len() - to.len()).unwrap_or(from)
}

fn next_char(s: &str) -> Option<(char, &str)> {
    let mut chars = s.chars();
    chars.next().map(|c| (c, chars.as_str()))
}

/// Appends one character, escaped for use inside and outside of classes. No character has a surrogate's number.
pub(super) fn push_char(out: &mut String, code: u32) {
    match char::from_u32(code) {
        Some(c) if c.is_ascii_alphanumeric() || !c.is_ascii() => out.push(c),
        Some(_) => drop(write!(out, "\\x{{{code:x}}}")),
        None => out.push_str(r"[^\x{0}-\x{10ffff}]"),
    }
}

fn push_range(out: &mut String, lo: u32, hi: u32) {
    // a range may start or end among the surrogates, which are no characters
    let (lo, hi) = match (char::from_u32(lo), char::from_u32(hi)) {
        (Some(_), Some(_)) => (lo, hi),
        (None, None) => return,
        (None, Some(_)) => (0xe000, hi),
        (Some(_), None) => (lo, 0xd7ff),
    };
    let _ = write!(out, "\\x{{{lo:x}}}-\\x{{{hi:x}}}");
}

/// `[…]`
pub(super) fn bracketed(whole: &str) -> Read<'_, String> {
    let mut rest = whole.get(1..).unwrap_or("");
    let mut out = String::from("[");
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        if rest.starts_with("[:")
            && let Some(end) = rest.get(2..).and_then(|r| r.find(":]"))
        {
            let name = rest.get(..end + 4).unwrap_or(rest);
            let plain = name.trim_start_matches("[:").trim_start_matches('^').trim_end_matches(":]");
            if !names::POSIX.contains(&plain) {
                return Err(PatternError::new(Cause::ClassRange, name));
            }
            out.push_str(name);
            rest = rest.get(name.len()..).unwrap_or("");
            continue;
        }
        if let Some((text, after)) = named(rest)? {
            out.push_str(&text);
            rest = after;
            continue;
        }
        let range = rest;
        let (lo, after) = class_char(rest, whole)?;
        rest = after;
        let mut hi = lo;
        if let Some(upper) = rest.strip_prefix('-')
            && !upper.is_empty()
            && !upper.starts_with(']')
        {
            let (code, after) = class_char(upper, whole)?;
            rest = after;
            hi = code;
            if hi < lo {
                return Err(PatternError::new(Cause::ClassRange, consumed(range, rest)));
            }
        }
        push_range(&mut out, lo, hi);
    }
    if matches!(out.as_str(), "[" | "[^") {
        // only surrogates: `[]` and `[^]` would be read as something else
        out.push_str(r"\x{0}&&\x{1}");
    }
    out.push(']');
    Ok((out, rest.get(1..).unwrap_or("")))
}

fn class_char<'t>(s: &'t str, whole: &str) -> Read<'t, u32> {
    match next_char(s) {
        None => Err(PatternError::new(Cause::MissingBracket, whole)),
        Some(('\\', _)) => escaped_char(s),
        Some((c, rest)) => Ok((u32::from(c), rest)),
    }
}

/// `\d`, `\pL`, `\p{Greek}` as the inside of a class.
pub(super) fn named(s: &str) -> Result<Option<(String, &str)>, PatternError> {
    let Some((kind, rest)) = s.strip_prefix('\\').and_then(next_char) else { return Ok(None) };
    let text = match kind {
        'd' => "0-9",
        'D' => "[^0-9]",
        's' => r"\t\n\x0c\r\x20",
        'S' => r"[^\t\n\x0c\r\x20]",
        'w' => "0-9A-Za-z_",
        'W' => "[^0-9A-Za-z_]",
        'p' | 'P' => return unicode(s, kind == 'P', rest).map(Some),
        _ => return Ok(None),
    };
    Ok(Some((text.to_owned(), rest)))
}

fn unicode<'t>(s: &'t str, mut negated: bool, rest: &'t str) -> Read<'t, String> {
    let fail = |part: &str| Err(PatternError::new(Cause::ClassRange, part));
    let Some((first, after)) = next_char(rest) else { return fail(s) };
    let (mut name, rest) = if first == '{' {
        let Some((name, rest)) = after.split_once('}') else { return fail(s) };
        (name, rest)
    } else {
        (consumed(rest, after), after)
    };
    if let Some(positive) = name.strip_prefix('^') {
        negated = !negated;
        name = positive;
    }
    let Some(class) = names::unicode(name) else { return fail(consumed(s, rest)) };
    let inside = match class.as_str() {
        "Any" => r"\x{0}-\x{10ffff}".to_owned(),
        "Ascii" => r"\x{0}-\x{7f}".to_owned(),
        // no text holds surrogates
        "Cs" => r"\x{0}&&\x{1}".to_owned(),
        "Assigned" => r"\P{Cn}".to_owned(),
        class => format!(r"\p{{{class}}}"),
    };
    Ok((if negated { format!("[^{inside}]") } else { format!("[{inside}]") }, rest))
}

/// The number of an escaped character: `\n`, `\.`, `\x41`, `\x{41}`, `\101`.
pub(super) fn escaped_char(s: &str) -> Read<'_, u32> {
    let body = s.get(1..).unwrap_or("");
    let Some((c, rest)) = next_char(body) else { return Err(PatternError::new(Cause::TrailingBackslash, "")) };
    let simple = match c {
        'a' => 7,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        '1'..='7' if !rest.starts_with(|c: char| c.is_digit(8)) => {
            return Err(PatternError::new(Cause::Escape, consumed(s, rest)));
        }
        '0'..='7' => {
            let more = rest.bytes().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let digits = body.get(..1 + more).unwrap_or("");
            return Ok((u32::from_str_radix(digits, 8).unwrap_or(0), rest.get(more..).unwrap_or("")));
        }
        'x' => return hex(s, rest),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
        _ => return Err(PatternError::new(Cause::Escape, consumed(s, rest))),
    };
    Ok((simple, rest))
}

/// `\x41` or `\x{41}`; an error names what was read up to the fault.
fn hex<'t>(s: &'t str, body: &'t str) -> Read<'t, u32> {
    let fail = |rest: &str| Err(PatternError::new(Cause::Escape, consumed(s, rest)));
    let Some((first, mut rest)) = next_char(body) else { return fail(body) };
    if first != '{' {
        let Some((second, after)) = next_char(rest) else { return fail(rest) };
        return match (first.to_digit(16), second.to_digit(16)) {
            (Some(x), Some(y)) => Ok((x * 16 + y, after)),
            _ => fail(after),
        };
    }
    let (mut code, mut digits) = (0_u32, 0);
    loop {
        let Some((c, after)) = next_char(rest) else { return fail(rest) };
        rest = after;
        if c == '}' {
            return if digits == 0 { fail(rest) } else { Ok((code, rest)) };
        }
        let Some(value) = c.to_digit(16) else { return fail(rest) };
        code = code * 16 + value;
        digits += 1;
        if code > 0x0010_ffff {
            return fail(rest);
        }
    }
}
