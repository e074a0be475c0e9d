//! What a plain scalar stands for, by the reference's rules (spec §3), which are neither YAML 1.1 nor 1.2: `0b11`, `017`
//! and `1_000` are integers, `1e3` and whatever does not fit 64 bits are strings, `yes` is a string.

use super::node::{Integer, KeyFault, Resolved};

/// Resolves the text of a plain scalar.
pub(super) fn resolve(text: &str) -> Resolved {
    match text {
        "" | "null" | "Null" | "NULL" | "~" => Resolved::Null,
        "true" | "True" | "TRUE" => Resolved::Bool(true),
        "false" | "False" | "FALSE" => Resolved::Bool(false),
        ".inf" | ".Inf" | ".INF" | "-.inf" | "-.Inf" | "-.INF" => Resolved::Infinity,
        ".nan" | ".NaN" | ".NAN" => Resolved::Nan,
        _ => number(text).unwrap_or(Resolved::String),
    }
}

/// Why a plain scalar can't be a mapping key, if so.
pub(super) fn key_fault(text: &str) -> Option<KeyFault> {
    match resolve(text) {
        Resolved::Null => Some(KeyFault::Null),
        Resolved::Bool(_) => Some(KeyFault::Bool),
        Resolved::Int(_) => Some(KeyFault::Integer),
        Resolved::Float(_) => Some(KeyFault::Float),
        Resolved::Infinity => Some(KeyFault::Infinity),
        Resolved::Nan => Some(KeyFault::Nan),
        Resolved::String => None,
    }
}

fn number(text: &str) -> Option<Resolved> {
    let first = *text.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return None;
    }
    let negative = first == b'-';
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let unsigned = unsigned.strip_prefix('-').unwrap_or(unsigned);
    let digits: String = unsigned.chars().filter(|c| *c != '_').collect();
    let dots = digits.bytes().filter(|b| *b == b'.').count();
    if dots > 1 {
        return None;
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return integer(hex, 16, negative);
    }
    if let Some(octal) = digits.strip_prefix("0o") {
        return integer(octal, 8, negative);
    }
    if let Some(binary) = digits.strip_prefix("0b") {
        return integer(binary, 2, negative);
    }
    if dots == 1 {
        return float(&digits, negative);
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return integer(&digits, 8, negative);
    }
    integer(&digits, 10, negative)
}

fn integer(digits: &str, radix: u32, negative: bool) -> Option<Resolved> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        let value = 0_i64.checked_sub_unsigned(value)?;
        return Some(Resolved::Int(Integer::Signed(value)));
    }
    Some(Resolved::Int(Integer::Unsigned(value)))
}

fn float(digits: &str, negative: bool) -> Option<Resolved> {
    let decimal = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if !digits.chars().all(decimal) || !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let value: f64 = digits.parse().ok()?;
    if value.is_infinite() {
        return None;
    }
    Some(Resolved::Float(if negative { -value } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_resolve_as_in_the_reference() {
        let u = |n| Resolved::Int(Integer::Unsigned(n));
        let i = |n| Resolved::Int(Integer::Signed(n));
        let f = Resolved::Float;
        let s = Resolved::String;
        let cases = [
            ("abc", s),
            ("5", u(5)),
            ("0x1F", u(31)),
            ("0o17", u(15)),
            ("017", u(15)),
            ("1_000", u(1000)),
            ("+5", u(5)),
            ("-5", i(-5)),
            ("+-5", u(5)),
            ("-+5", s),
            ("--5", s),
            ("1.0", f(1.0)),
            ("1e3", s),
            (".5", f(0.5)),
            ("+.5", f(0.5)),
            ("1.", f(1.0)),
            ("1.e5", f(1e5)),
            (".e5", s),
            (".", s),
            ("..", s),
            ("+", s),
            ("-", s),
            ("_", s),
            ("_1", s),
            ("1_", u(1)),
            ("1__0", u(10)),
            ("0x_1F", u(31)),
            ("0x", s),
            ("0xZZ", s),
            ("0X1F", s),
            ("0B1", s),
            ("0O7", s),
            ("0b101", u(5)),
            ("-0b11", i(-3)),
            ("0b12", s),
            ("0o9", s),
            ("0o0x1", s),
            ("00x1", s),
            ("089", s),
            ("0_7", u(7)),
            ("08.5", f(8.5)),
            ("00.5", f(0.5)),
            ("1_.5", f(1.5)),
            ("1.5.2", s),
            ("1.5e3", f(1500.0)),
            ("1.5E+3", f(1500.0)),
            ("1.0e999", s),
            ("1.0e-999", f(0.0)),
            ("1e5.0", s),
            ("0x1.8", s),
            ("1.0f", s),
            ("inf.", s),
            ("nan.", s),
            ("Infinity.", s),
            ("-0", i(0)),
            ("-017", i(-15)),
            ("-0x1F", i(-31)),
            ("99999999999999999999", s),
            ("18446744073709551615", u(u64::MAX)),
            ("18446744073709551616", s),
            ("-9223372036854775808", i(i64::MIN)),
            ("-9223372036854775809", s),
            ("yes", s),
            ("tRUE", s),
            ("TRUE", Resolved::Bool(true)),
            ("nULL", s),
            ("~", Resolved::Null),
            ("+.inf", s),
            ("-.Inf", Resolved::Infinity),
            (".NaN", Resolved::Nan),
            ("2020-01-01", s),
            ("12:30:45", s),
            ("1,000", s),
            ("١", s),
        ];
        for (text, want) in cases {
            assert_eq!(resolve(text), want, "{text}");
        }
    }
}
