//! Dates as most are written, `2006-01-02T15:04:05Z`, read eight characters at a time. Everything else, however wrong,
//! is for `rfc3339`.

use super::super::value::Timestamp;
use super::calendar::{civil, days_in_month};
use super::{MAX_SECONDS, MIN_SECONDS};

/// A date and a time of day in UTC, each number in the byte where [`pairs`] leaves it.
#[derive(Clone, Copy)]
struct Plain {
    date: u64,
    time: u64,
}

/// Bytes of the date.
const CENTURY: u32 = 0;
const YEAR: u32 = 2;
const MONTH: u32 = 5;
const DATE: u64 = byte(0xff, CENTURY) | byte(0xff, YEAR) | byte(0xff, MONTH);
/// Bytes of the day and the time.
const DAY: u32 = 0;
const HOUR: u32 = 3;
const MINUTE: u32 = 6;
const SECOND: u32 = 7;
const TIME: u64 = byte(0xff, DAY) | byte(0xff, HOUR) | byte(0xff, MINUTE);

/// `value` as this byte.
const fn byte(value: u64, at: u32) -> u64 {
    value << (8 * at)
}

/// The highest bit of this byte.
const fn high(at: u32) -> u64 {
    byte(0x80, at)
}

/// What sets the highest bit of this byte where it is added to more than `most`.
const fn above(most: u64, at: u32) -> u64 {
    byte(0x7f - most, at)
}

impl Plain {
    /// All tests of the text's shape and of the numbers are one branch.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    fn read(text: &[u8]) -> Option<Self> {
        let (date, text) = text.split_first_chunk::<8>()?;
        let (time, text) = text.split_first_chunk::<8>()?;
        let &[colon, s1, s2, z] = text else { return None };
        let (date, no_date) = pairs(*date, *b"0000-00-");
        let (time, no_time) = pairs(*time, *b"00T00:00");
        let (rest, no_rest) = pairs([colon, s1, s2, z, b'-', b'-', b'-', b'-'], *b":00Z----");
        let second = (rest << (8 * (SECOND - 1))) & byte(0xff, SECOND);
        let plain = Self { date: date & DATE, time: time & TIME | second };
        let wrong = no_date | no_time | no_rest | plain.wrong();
        (wrong == 0 && !plain.is_year_0() && (!plain.is_late() || plain.is_late_date())).then_some(plain)
    }

    /// Not 0 if a number is too small or too big, the year and the end of the month aside. No byte is more than 99 if the
    /// text has digits where it should.
    #[inline]
    fn wrong(self) -> u64 {
        let months = self.date.wrapping_add(above(12, MONTH)) | self.date.wrapping_sub(byte(1, MONTH));
        let days = self.time.wrapping_sub(byte(1, DAY));
        let times = self.time.wrapping_add(above(23, HOUR) | above(59, MINUTE) | above(59, SECOND));
        (months & high(MONTH)) | (days & high(DAY)) | (times & (high(HOUR) | high(MINUTE) | high(SECOND)))
    }

    #[inline]
    fn is_year_0(self) -> bool {
        self.date & (byte(0xff, CENTURY) | byte(0xff, YEAR)) == 0
    }

    /// True for days that not every month has.
    #[inline]
    fn is_late(self) -> bool {
        self.day() > 28
    }

    #[inline(never)]
    fn is_late_date(self) -> bool {
        self.day() <= days_in_month(self.year(), self.month())
    }

    #[inline]
    fn year(self) -> i64 {
        of(self.date, CENTURY) * 100 + of(self.date, YEAR)
    }

    #[inline]
    fn month(self) -> i64 {
        of(self.date, MONTH)
    }

    #[inline]
    fn day(self) -> i64 {
        of(self.time, DAY)
    }

    #[inline]
    fn timestamp(self) -> Timestamp {
        // The year begins in March: days of leap years come last.
        let (y, m) = match self.month() {
            month @ 1..=2 => (self.year() - 1, month + 9),
            month => (self.year(), month - 3),
        };
        let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + self.day() - 719_469;
        let minutes = of(self.time, HOUR) * 60 + of(self.time, MINUTE);
        let seconds = days * 86_400 + minutes * 60 + of(self.time, SECOND);
        Timestamp { seconds, nanos: 0, offset_minutes: 0 }
    }

    #[inline]
    fn moment(self) -> Moment {
        Moment { date: self.date.swap_bytes(), time: self.time.swap_bytes() }
    }
}

#[inline]
fn of(bytes: u64, at: u32) -> i64 {
    ((bytes >> (8 * at)) & 0xff).cast_signed()
}

/// Eight characters of the given shape, `0` standing for any digit: in each byte the number that this digit and the
/// next make; and what is not 0 if they are of another shape.
#[inline]
fn pairs(text: [u8; 8], shape: [u8; 8]) -> (u64, u64) {
    let of_digits = |byte: u8| u64::from_le_bytes(shape.map(|c| if c == b'0' { byte } else { 0 }));
    let others = u64::from_le_bytes(shape.map(|c| if c == b'0' { 0 } else { 0xff }));
    // Digits become 0 to 9, and what stands between them 0.
    let x = u64::from_le_bytes(text) ^ u64::from_le_bytes(shape);
    let wrong = (x | x.wrapping_add(of_digits(6))) & (of_digits(0xf0) | others);
    (x.wrapping_mul(10).wrapping_add(x >> 8), wrong)
}

/// `2006-01-02T15:04:05Z`, or `None` for any other text.
#[inline]
pub fn plain(text: &[u8]) -> Option<Timestamp> {
    Plain::read(text).map(Plain::timestamp)
}

/// A point in time to compare others with, without a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    date: u64,
    time: u64,
}

impl Moment {
    /// `2006-01-02T15:04:05Z`, or `None` for any other text.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        Plain::read(text).map(Plain::moment)
    }

    /// The moment that those [`Self::read`] are before when they are before `t`, or at it if `or_at`; `None` outside of
    /// the years 1 to 9999.
    #[must_use]
    pub fn bound(t: Timestamp, or_at: bool) -> Option<Self> {
        if !(MIN_SECONDS..=MAX_SECONDS).contains(&t.seconds) {
            return None;
        }
        // what is read is a whole second
        let c = civil(t.seconds + i64::from(or_at || t.nanos > 0));
        let part = |value: i64, at: u32| byte(value.cast_unsigned(), at);
        let plain = Plain {
            date: part(c.year / 100, CENTURY) | part(c.year % 100, YEAR) | part(c.month, MONTH),
            time: part(c.day, DAY) | part(c.hour, HOUR) | part(c.minute, MINUTE) | part(c.second, SECOND),
        };
        Some(plain.moment())
    }

    /// True if it is before the other one.
    #[inline]
    #[must_use]
    pub fn is_before(self, other: Self) -> bool {
        let number = |m: Self| u128::from(m.date) << 64 | u128::from(m.time);
        number(self) < number(other)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rfc3339, order};
    use super::*;

    fn at(seconds: i64, nanos: u32, offset_minutes: i16) -> Timestamp {
        Timestamp { seconds, nanos, offset_minutes }
    }

    #[test]
    fn moments_are_in_the_order_of_their_timestamps() {
        let mut before = 0;
        for seconds in (MIN_SECONDS..=MAX_SECONDS).step_by(7_654_321) {
            let text = Rfc3339 { timestamp: at(seconds, 0, 0), utc: true }.to_string();
            let moment = Moment::read(text.as_bytes()).unwrap();
            for apart in [-40_000_000, -86_400, -3_600, -61, -1, 0, 1, 59, 3_601, 100_000, 3_000_000, 90_000_000] {
                for literal in
                    [at(seconds + apart, 0, 0), at(seconds + apart, 1, 90), at(seconds + apart, 999_999_999, 0)]
                {
                    let (Some(bound), Some(after)) = (Moment::bound(literal, false), Moment::bound(literal, true))
                    else {
                        continue;
                    };
                    let ordering = order(at(seconds, 0, 0), literal);
                    assert_eq!(moment.is_before(bound), ordering.is_lt(), "{text} < {literal:?}");
                    assert_eq!(moment.is_before(after), ordering.is_le(), "{text} <= {literal:?}");
                    before += usize::from(ordering.is_lt());
                }
            }
        }
        assert!(before > 500_000, "{before}");
    }

    #[test]
    fn no_bound_is_outside_of_the_calendar() {
        let last = Moment::read(b"9999-12-31T23:59:59Z").unwrap();
        assert!(last.is_before(Moment::bound(at(MAX_SECONDS, 0, 0), true).unwrap()));
        assert!(last.is_before(Moment::bound(at(MAX_SECONDS, 999_999_999, 0), false).unwrap()));
        assert!(!last.is_before(Moment::bound(at(MAX_SECONDS, 0, 0), false).unwrap()));
        assert_eq!(Moment::bound(at(MIN_SECONDS - 1, 0, 0), false), None);
        assert_eq!(Moment::bound(at(MAX_SECONDS + 1, 0, 0), false), None);
    }
}
