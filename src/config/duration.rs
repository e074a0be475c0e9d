//! Durations as the configuration writes them: Go's notation, `500ms`, `2s`, `1h30m`. No signs: there is no setting
//! that could be negative.

use std::time::Duration;

const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a duration; `None` if it is not one, or longer than some 584 years.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (whole, tail) = rest.split_at_checked(digits)?;
        let (fraction, tail) = match tail.strip_prefix('.') {
            Some(t) => t.split_at_checked(t.find(|c: char| !c.is_ascii_digit())?)?,
            None => ("", tail),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end)?;
        let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(scale)?)?.checked_add(part(fraction, scale)?)?;
        rest = tail;
    }
    (!text.is_empty()).then(|| Duration::from_nanos(total))
}

/// `.fraction` of a unit in nanoseconds, cut off at the nanosecond.
fn part(fraction: &str, scale: u64) -> Option<u64> {
    let digits = fraction.get(..fraction.len().min(18))?;
    if digits.is_empty() {
        return Some(0);
    }
    let power = 10_u128.pow(u32::try_from(digits.len()).ok()?);
    u64::try_from(digits.parse::<u128>().ok()? * u128::from(scale) / power).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        let cases = [
            ("500ms", Some(500_000_000)),
            ("2s", Some(2_000_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("10us", Some(10_000)),
            ("10µs", Some(10_000)),
            ("1s500ms", Some(1_500_000_000)),
            ("", None),
            ("5", None),
            ("s", None),
            (".s", None),
            ("-1s", None),
            ("1 s", None),
            ("1d", None),
            ("1s2", None),
            ("99999999999999h", None),
            ("1.99999999999999999999999999999s", Some(1_999_999_999)),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse_duration(text), nanos.map(Duration::from_nanos), "{text}");
        }
    }
}
