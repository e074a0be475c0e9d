//! Numbers and quoted text as the reference writes and reads them, which is as Go's `strconv` does.
//!
//! Pure text work: no values, no evaluation, no arena.

use std::fmt::{self, Write};

/// A double with the fewest digits that read back the same; the exponent form below 1e-4 and from 1e6 on.
#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64);

impl fmt::Display for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = non_finite(self.0, "+Inf", "-Inf") {
            return f.write_str(name);
        }
        let mut text = Scratch::default();
        write!(text, "{:e}", self.0)?;
        let Some((mantissa, exponent)) = text.as_str().split_once('e') else {
            return f.write_str(text.as_str());
        };
        let exponent: i32 = exponent.parse().unwrap_or(0);
        if !(-4..6).contains(&exponent) {
            let sign = if exponent < 0 { '-' } else { '+' };
            return write!(f, "{mantissa}e{sign}{:02}", exponent.unsigned_abs());
        }
        write!(f, "{}", self.0)
    }
}

/// A double without exponent, as `format` and JSON-like printing write it.
#[derive(Clone, Copy, Debug)]
pub struct Decimal(pub f64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match non_finite(self.0, "Infinity", "-Infinity") {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

fn non_finite(x: f64, positive: &'static str, negative: &'static str) -> Option<&'static str> {
    if x.is_nan() {
        Some("NaN")
    } else if x == f64::INFINITY {
        Some(positive)
    } else if x == f64::NEG_INFINITY {
        Some(negative)
    } else {
        None
    }
}

/// Room for the longest `{:e}` form of a double.
#[derive(Default)]
struct Scratch {
    bytes: [u8; 32],
    len: usize,
}

impl Scratch {
    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("")
    }
}

impl Write for Scratch {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let end = self.len.checked_add(s.len()).ok_or(fmt::Error)?;
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(s.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Text in double quotes with Go's escapes.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\u{7}' => f.write_str("\\a")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{b}' => f.write_str("\\v")?,
                c if is_printable(c) => f.write_char(c)?,
                c if (c as u32) < 0x80 => write!(f, "\\x{:02x}", c as u32)?,
                c if (c as u32) < 0x1_0000 => write!(f, "\\u{:04x}", c as u32)?,
                c => write!(f, "\\U{:08x}", c as u32)?,
            }
        }
        f.write_char('"')
    }
}

/// Letters, marks, numbers, punctuation, symbols, and the ASCII space.
fn is_printable(c: char) -> bool {
    if c == ' ' {
        return true;
    }
    if c.is_control() || c.is_whitespace() {
        return false;
    }
    // `escape_debug` knows the printable code points; it also escapes combining marks, which are printable here.
    let mut escaped = c.escape_debug();
    escaped.next() != Some('\\') || matches!(c, '\'' | '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}')
}

/// `strconv.ParseInt(text, 10, 64)`.
#[must_use]
pub fn parse_int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `strconv.ParseUint(text, 10, 64)`.
#[must_use]
pub fn parse_uint(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `strconv.ParseFloat(text, 64)`: decimal and hexadecimal, infinities, underscores between digits; out of range fails.
#[must_use]
pub fn parse_double(text: &str) -> Option<f64> {
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..)?),
        Some(b'+') => (false, text.get(1..)?),
        _ => (false, text),
    };
    let signed = |x: f64| if negative { -x } else { x };
    if body.eq_ignore_ascii_case("inf") || body.eq_ignore_ascii_case("infinity") {
        return Some(signed(f64::INFINITY));
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let hex = body.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("0x"));
    if !underscores_separate_digits(body, hex) {
        return None;
    }
    if hex {
        return parse_hex_double(body.get(2..)?).map(signed);
    }
    if !body.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-' | b'_')) {
        return None;
    }
    let x: f64 = if body.contains('_') { body.replace('_', "").parse().ok()? } else { body.parse().ok()? };
    // a second sign would have been taken by `parse`
    (x.is_finite() && !body.starts_with(['+', '-'])).then(|| signed(x))
}

fn underscores_separate_digits(body: &str, hex: bool) -> bool {
    let is_digit = |b: u8| if hex { b.is_ascii_hexdigit() || b == b'x' || b == b'X' } else { b.is_ascii_digit() };
    let bytes = body.as_bytes();
    bytes.iter().enumerate().filter(|(_, b)| **b == b'_').all(|(i, _)| {
        let before = i.checked_sub(1).and_then(|j| bytes.get(j)).is_some_and(|b| is_digit(*b));
        let after = bytes.get(i + 1).is_some_and(|b| is_digit(*b));
        before && after
    })
}

/// `1.8p1` after `0x`: the mantissa is kept to 60 bits, with a sticky bit for what does not fit.
fn parse_hex_double(body: &str) -> Option<f64> {
    let (mantissa, exponent) = body.split_once(['p', 'P'])?;
    let (mut bits, mut scale, mut digits, mut seen_dot) = (0_u64, 0_i64, 0_usize, false);
    for b in mantissa.bytes() {
        match b {
            b'_' => {}
            b'.' if !seen_dot => seen_dot = true,
            _ => {
                let digit = u64::from(char::from(b).to_digit(16)?);
                digits += 1;
                if bits >> 56 == 0 {
                    bits = bits << 4 | digit;
                    scale -= if seen_dot { 4 } else { 0 };
                } else {
                    bits |= u64::from(digit != 0);
                    scale += if seen_dot { 0 } else { 4 };
                }
            }
        }
    }
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits == 0 || unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return None;
    }
    let magnitude = unsigned.replace('_', "").parse::<i64>().unwrap_or(100_000).min(100_000);
    let exponent = if exponent.starts_with('-') { -magnitude } else { magnitude };
    let x = scale_by_power_of_two(bits as f64, exponent.saturating_add(scale));
    x.is_finite().then_some(x)
}

fn scale_by_power_of_two(mut x: f64, mut exponent: i64) -> f64 {
    while exponent > 1000 && x.is_finite() && x != 0.0 {
        x *= 2_f64.powi(1000);
        exponent -= 1000;
    }
    while exponent < -1000 && x != 0.0 {
        x *= 2_f64.powi(-1000);
        exponent += 1000;
    }
    x * 2_f64.powi(i32::try_from(exponent.clamp(-1000, 1000)).unwrap_or(0))
}

/// `bool(text)`.
#[must_use]
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_like_the_reference() {
        for (x, expect) in [
            (1.0, "1"),
            (1.5, "1.5"),
            (-0.0, "-0"),
            (999_999.5, "999999.5"),
            (1_000_000.0, "1e+06"),
            (123_456.0, "123456"),
            (1_234_567.0, "1.234567e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (1e21, "1e+21"),
            (1e100, "1e+100"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (5e-324, "5e-324"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(Double(x).to_string(), expect);
        }
        assert_eq!(Decimal(1e21).to_string(), "1000000000000000000000");
        assert_eq!(Decimal(0.00001).to_string(), "0.00001");
        assert_eq!(Decimal(f64::INFINITY).to_string(), "Infinity");
    }

    #[test]
    fn doubles_read_like_the_reference() {
        for (text, expect) in [
            ("1e3", Some(1000.0)),
            ("1_000", Some(1000.0)),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("0x1p4", Some(16.0)),
            ("0x1.8p1", Some(3.0)),
            ("0x10", None),
            ("0x_1p0", Some(1.0)),
            ("0x1p-1074", Some(5e-324)),
            ("0x1p1024", None),
            ("0x1.fffffffffffffffffp0", Some(2.0)),
            ("+infinity", Some(f64::INFINITY)),
            ("-Inf", Some(f64::NEG_INFINITY)),
            ("infin", None),
            ("+nan", None),
            ("1e400", None),
            ("1e-400", Some(0.0)),
            (".", None),
            ("1.", Some(1.0)),
            (".5", Some(0.5)),
            ("1e", None),
            (" 1", None),
            ("", None),
            ("+-1", None),
            ("--1", None),
            ("+1.5", Some(1.5)),
        ] {
            assert_eq!(parse_double(text), expect, "{text}");
        }
        assert!(parse_double("NaN").is_some_and(f64::is_nan));
        assert_eq!(parse_int("+5"), Some(5));
        assert_eq!(parse_int("9223372036854775808"), None);
        assert_eq!(parse_int("1_000"), None);
        assert_eq!(parse_uint("+5"), None);
    }

    #[test]
    fn quotes_like_go() {
        assert_eq!(Quoted("20é\n\"x\\").to_string(), "\"20é\\n\\\"x\\\\\"");
        assert_eq!(Quoted("\u{1}\u{ad}\u{e0001}\u{200b}").to_string(), "\"\\x01\\u00ad\\U000e0001\\u200b\"");
        assert_eq!(Quoted("e\u{301} 'x'").to_string(), "\"e\u{301} 'x'\"");
    }
}
