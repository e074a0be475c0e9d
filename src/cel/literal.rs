//! Literal tokens → values: numbers, and strings with their escapes. The lexer has already checked the shape of escapes;
//! what is left to fail is range.

use super::ast::Literal;

/// Decodes an integer such as `12`, `-12`, `0x1F`.
pub(super) fn int(text: &str, negative: bool) -> Result<Literal, &'static str> {
    let magnitude = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse::<u64>(),
    };
    let magnitude = magnitude.map_err(|_| "invalid int literal")?;
    let value = if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
    value.map(Literal::Int).ok_or("invalid int literal")
}

/// Decodes an unsigned integer such as `12u`, `0x1Fu`.
pub(super) fn uint(text: &str) -> Result<Literal, &'static str> {
    let digits = text.trim_end_matches(['u', 'U']);
    let value = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse::<u64>(),
    };
    value.map(Literal::Uint).map_err(|_| "invalid uint literal")
}

/// Decodes a double; one that overflows is a fault.
pub(super) fn double(text: &str, negative: bool) -> Result<Literal, &'static str> {
    match text.parse::<f64>() {
        Ok(d) if d.is_finite() => Ok(Literal::Double(if negative { -d } else { d })),
        _ => Err("invalid double literal"),
    }
}

/// Decodes a string token with quotes and prefix.
pub(super) fn string(text: &str) -> Result<Literal, &'static str> {
    let (raw, body) = body(text);
    if raw || !body.contains('\\') {
        return Ok(Literal::String(normalize(body).into()));
    }
    let mut out = Vec::with_capacity(body.len());
    unescape(&normalize(body), false, &mut out)?;
    match String::from_utf8(out) {
        Ok(s) => Ok(Literal::String(s.into())),
        Err(_) => Err("unable to unescape string"),
    }
}

/// Decodes a bytes token with quotes and prefix.
pub(super) fn bytes(text: &str) -> Result<Literal, &'static str> {
    let (raw, body) = body(text.get(1..).unwrap_or(""));
    if raw || !body.contains('\\') {
        return Ok(Literal::Bytes(normalize(body).as_bytes().into()));
    }
    let mut out = Vec::with_capacity(body.len());
    unescape(&normalize(body), true, &mut out)?;
    Ok(Literal::Bytes(out.into()))
}

/// Line breaks inside literals count as `\n`, however the file was saved.
fn normalize(body: &str) -> std::borrow::Cow<'_, str> {
    if body.contains('\r') { body.replace("\r\n", "\n").replace('\r', "\n").into() } else { body.into() }
}

/// Splits off the raw prefix and the quotes.
fn body(text: &str) -> (bool, &str) {
    let raw = text.starts_with(['r', 'R']);
    let quoted = if raw { text.get(1..).unwrap_or("") } else { text };
    for quote in ["\"\"\"", "'''", "\"", "'"] {
        if let Some(inner) = quoted.strip_prefix(quote).and_then(|t| t.strip_suffix(quote)) {
            return (raw, inner);
        }
    }
    (raw, quoted)
}

fn unescape(body: &str, bytes: bool, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut chars = body.chars();
    let mut buffer = [0; 4];
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        let value = match chars.next() {
            Some('a') => 7,
            Some('b') => 8,
            Some('f') => 12,
            Some('n') => 10,
            Some('r') => 13,
            Some('t') => 9,
            Some('v') => 11,
            Some('x' | 'X') => number(&mut chars, 0, 2, 16),
            Some('u') if !bytes => number(&mut chars, 0, 4, 16),
            Some('U') if !bytes => number(&mut chars, 0, 8, 16),
            Some(d @ '0'..='3') => number(&mut chars, d.to_digit(8).unwrap_or(0), 2, 8),
            Some(c @ ('\\' | '"' | '\'' | '`' | '?')) => c as u32,
            _ => return Err("unable to unescape string"),
        };
        if bytes {
            out.push(value as u8);
        } else {
            let c = char::from_u32(value).ok_or("invalid unicode code point")?;
            out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
    }
    Ok(())
}

fn number(chars: &mut std::str::Chars<'_>, start: u32, digits: usize, radix: u32) -> u32 {
    chars.by_ref().take(digits).fold(start, |n, c| n.wrapping_mul(radix).wrapping_add(c.to_digit(radix).unwrap_or(0)))
}
