//! Durations in nanoseconds: Go's `time.ParseDuration`, and printing as seconds.

use std::fmt;

/// Reads a signed sequence of decimal numbers with units: `1h30m`, `-1.5s`, `100ms`. `0` needs no unit.
#[must_use]
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..)?),
        Some(b'+') => (false, text.get(1..)?),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    // one more than `i64::MAX` is allowed, for the negative end of the range
    let limit = 1_u64 << 63;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (whole, after_whole) = leading_int(rest)?;
        let had_whole = after_whole.len() < rest.len();
        let (fraction, scale, after_number, had_fraction) = match after_whole.strip_prefix('.') {
            Some(digits) => {
                let (fraction, scale, after) = leading_fraction(digits);
                (fraction, scale, after, after.len() < digits.len())
            }
            None => (0, 1.0, after_whole, false),
        };
        if !had_whole && !had_fraction {
            return None;
        }
        let unit_len = after_number.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after_number.len());
        let unit = nanos_of(after_number.get(..unit_len)?)?;
        if whole > limit / unit {
            return None;
        }
        let mut nanos = whole * unit;
        if fraction > 0 {
            nanos = nanos.checked_add((fraction as f64 * (unit as f64 / scale)) as u64)?;
        }
        total = total.checked_add(nanos)?;
        if total > limit {
            return None;
        }
        rest = after_number.get(unit_len..)?;
    }
    if negative { 0_i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() }
}

fn nanos_of(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn leading_int(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.is_empty() {
        return Some((0, rest));
    }
    let n: u64 = digits.parse().ok()?;
    (n <= 1 << 63).then_some((n, rest))
}

/// Digits of a fraction; those past the precision of an `i64` are skipped.
fn leading_fraction(text: &str) -> (u64, f64, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for b in digits.bytes() {
        if value > (i64::MAX as u64) / 10 {
            break;
        }
        let next = value * 10 + u64::from(b - b'0');
        if next > 1 << 63 {
            break;
        }
        value = next;
        scale *= 10.0;
    }
    (value, scale, rest)
}

/// A duration as the reference prints it: seconds as a double, without exponent, and `s`.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = (self.0 / 1_000_000_000) as f64 + (self.0 % 1_000_000_000) as f64 / 1e9;
        write!(f, "{seconds}s")
    }
}
