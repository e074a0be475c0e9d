//! RFC 3339 text ⇄ [`Timestamp`], keeping the offset it was written with.

use std::fmt;

use super::super::value::Timestamp;
use super::calendar::{civil, days_from_civil, days_in_month};
use super::plain::plain;
use super::{MAX_SECONDS, MIN_SECONDS};

/// Why a text is no timestamp; the reference words the three cases differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampError {
    /// Does not look like RFC 3339.
    Malformed,
    /// Looks like it, but there is no such date, or `t`/`z` are in lower case.
    Impossible,
    /// Outside of the years 1 to 9999.
    OutOfRange,
}

/// Reads `2006-01-02T15:04:05.999999999+07:00`.
pub fn parse_timestamp(text: &str) -> Result<Timestamp, TimestampError> {
    match plain(text.as_bytes()) {
        Some(timestamp) => Ok(timestamp),
        None => scanned(text),
    }
}

#[inline(never)]
fn scanned(text: &str) -> Result<Timestamp, TimestampError> {
    let mut scan = Scan(text.as_bytes());
    let mut impossible = false;
    let year = scan.number(4, 0, 9999)?;
    scan.one_of(b"-")?;
    let month = scan.number(2, 1, 12)?;
    scan.one_of(b"-")?;
    let day = scan.number(2, 1, 31)?;
    impossible |= scan.one_of(b"Tt")? == b't';
    let hour = scan.number(2, 0, 23)?;
    scan.one_of(b":")?;
    let minute = scan.number(2, 0, 59)?;
    scan.one_of(b":")?;
    let second = scan.number(2, 0, 60)?;
    let nanos = if scan.peek() == Some(b'.') { scan.fraction()? } else { 0 };
    let zone = scan.one_of(b"Zz+-")?;
    impossible |= zone == b'z';
    let offset_minutes = if matches!(zone, b'+' | b'-') {
        let hours = scan.number(2, 0, 23)?;
        scan.one_of(b":")?;
        let minutes = hours * 60 + scan.number(2, 0, 59)?;
        if zone == b'-' { -minutes } else { minutes }
    } else {
        0
    };
    if !scan.0.is_empty() {
        return Err(TimestampError::Malformed);
    }
    if impossible || second == 60 || day > days_in_month(year, month) {
        return Err(TimestampError::Impossible);
    }
    let local = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let seconds = local - offset_minutes * 60;
    if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) {
        return Err(TimestampError::OutOfRange);
    }
    Ok(Timestamp { seconds, nanos, offset_minutes: i16::try_from(offset_minutes).unwrap_or(0) })
}

struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn one_of(&mut self, set: &[u8]) -> Result<u8, TimestampError> {
        let (first, rest) = self.0.split_first().ok_or(TimestampError::Malformed)?;
        if !set.contains(first) {
            return Err(TimestampError::Malformed);
        }
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self, digits: usize, min: i64, max: i64) -> Result<i64, TimestampError> {
        let mut value = 0;
        for _ in 0..digits {
            value = value * 10 + i64::from(self.one_of(b"0123456789")? - b'0');
        }
        if (min..=max).contains(&value) { Ok(value) } else { Err(TimestampError::Malformed) }
    }

    /// `.` and at least one digit; digits past the ninth are dropped.
    fn fraction(&mut self) -> Result<u32, TimestampError> {
        self.one_of(b".")?;
        let (mut nanos, mut digits) = (0_u32, 0);
        while let Some(b @ b'0'..=b'9') = self.peek() {
            self.one_of(b"0123456789")?;
            if digits < 9 {
                nanos = nanos * 10 + u32::from(b - b'0');
            }
            digits += 1;
        }
        if digits == 0 {
            return Err(TimestampError::Malformed);
        }
        Ok(nanos * 10_u32.pow(9_u32.saturating_sub(digits)))
    }
}

/// Prints a timestamp in the offset it was written with, or in UTC.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339 {
    /// What to print.
    pub timestamp: Timestamp,
    /// Ignore the offset.
    pub utc: bool,
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.timestamp;
        let offset = if self.utc { 0 } else { i64::from(t.offset_minutes) };
        let c = civil(t.seconds + offset * 60);
        write!(f, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", c.year, c.month, c.day, c.hour, c.minute, c.second)?;
        if t.nanos != 0 {
            let (mut fraction, mut width) = (t.nanos, 9);
            while fraction.is_multiple_of(10) {
                fraction /= 10;
                width -= 1;
            }
            write!(f, ".{fraction:0width$}")?;
        }
        if offset == 0 {
            return f.write_str("Z");
        }
        let sign = if offset < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_reads_what_the_scanner_reads() {
        for days in (-719_162_i64..2_932_896).step_by(383) {
            let timestamp = Timestamp { seconds: days * 86_400 + days.rem_euclid(86_399), nanos: 0, offset_minutes: 0 };
            let text = Rfc3339 { timestamp, utc: true }.to_string();
            assert_eq!(scanned(&text), Ok(timestamp), "{text}");
            assert_eq!(plain(text.as_bytes()), Some(timestamp), "{text}");
            for at in 0..text.len() {
                for other in [b'0', b'9', b':', b'/', b'-', b'T', b'Z', b'z', 0, 0x7f] {
                    let mut changed = text.clone().into_bytes();
                    changed[at] = other;
                    let changed = String::from_utf8(changed).unwrap();
                    let short = plain(changed.as_bytes());
                    assert!(short.is_none_or(|t| scanned(&changed) == Ok(t)), "{changed}: {short:?}");
                }
            }
        }
        assert!(plain("2024-02-29T03:59:00Z ".as_bytes()).is_none());
    }
}
