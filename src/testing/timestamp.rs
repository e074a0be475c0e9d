//! RFC 3339 timestamps as suites write them (`options.now`).

use crate::cel::value::Timestamp;

/// Reads a timestamp.
///
/// # Errors
/// Words for what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    let format = || "must be in RFC 3339 form, such as 2024-01-02T03:04:05Z".to_owned();
    let mut rest = text;
    let mut take = |digits: usize, before: &str| -> Option<i64> {
        rest = rest.strip_prefix(before)?;
        let number = rest.get(..digits).filter(|n| n.bytes().all(|b| b.is_ascii_digit()))?;
        rest = rest.get(digits..)?;
        number.parse().ok()
    };
    let parts = (|| Some((take(4, "")?, take(2, "-")?, take(2, "-")?, take(2, "T")?, take(2, ":")?, take(2, ":")?)))();
    let (year, month, day, hour, minute, second) = parts.ok_or_else(format)?;
    let (nanos, rest) = fraction(rest).ok_or_else(format)?;
    let offset_minutes = offset(rest).ok_or_else(format)?;
    for (name, value, least, most) in [
        ("month", month, 1, 12),
        ("day", day, 1, days(year, month)),
        ("hour", hour, 0, 23),
        ("minute", minute, 0, 59),
        ("second", second, 0, 59),
    ] {
        if value < least || value > most {
            return Err(format!("{name} out of range"));
        }
    }
    let seconds = ((days_before(year, month, day) * 24 + hour) * 60 + minute - i64::from(offset_minutes)) * 60 + second;
    if !(-62_135_596_800..=253_402_300_799).contains(&seconds) {
        return Err("must lie between the years 1 and 9999".to_owned());
    }
    Ok(Timestamp { seconds, nanos, offset_minutes })
}

fn fraction(rest: &str) -> Option<(u32, &str)> {
    let Some(after) = rest.strip_prefix('.') else { return Some((0, rest)) };
    let length = after.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = after.split_at_checked(length)?;
    if digits.is_empty() {
        return None;
    }
    let nanos = digits.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |n, b| n * 10 + u32::from(b - b'0'));
    Some((nanos, rest))
}

fn offset(rest: &str) -> Option<i16> {
    if rest == "Z" {
        return Some(0);
    }
    let sign = match rest.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = rest.get(1..)?.split_once(':')?;
    let number = |text: &str, most: i16| {
        let good = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<i16>().ok().filter(|n| good && *n <= most)
    };
    Some(sign * (number(hours, 23)? * 60 + number(minutes, 59)?))
}

fn days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let before: i64 = (1..month).map(|m| days(year, m)).sum();
    let y = year - 1;
    y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + before + day - 1 - 719_162
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_read_as_the_reference_reads_them() {
        let good = [
            ("1970-01-01T00:00:00Z", 0, 0, 0),
            ("2024-01-02T03:04:05Z", 1_704_164_645, 0, 0),
            ("2024-01-02T03:04:05.123+02:00", 1_704_157_445, 123_000_000, 120),
            ("2024-01-02T03:04:05.1234567890Z", 1_704_164_645, 123_456_789, 0),
            ("2024-02-29T00:00:00-00:30", 1_709_166_600, 0, -30),
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0, 0),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999, 0),
        ];
        for (text, seconds, nanos, offset_minutes) in good {
            assert_eq!(parse(text), Ok(Timestamp { seconds, nanos, offset_minutes }), "{text}");
        }
        for text in [
            "",
            "x",
            "2024-01-02",
            "2024-13-02T03:04:05Z",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-02T24:00:00Z",
            "2024-01-02T03:04:60Z",
            "2024-01-02t03:04:05z",
            "2024-01-02 03:04:05Z",
            "2024-01-02T03:04:05",
            "2024-01-02T03:04:05.Z",
            "2024-1-2T03:04:05Z",
            "10000-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2024-01-02T03:04:05+24:00",
            "2024-01-02T03:04:05é",
            "2024-01-02T03:04:05+1:00",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
