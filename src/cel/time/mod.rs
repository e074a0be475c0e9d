//! Points in time and durations: reading, printing, arithmetic, calendar fields and zones.
//!
//! Pure functions. The clock is not here: `now` comes in with the request.

mod calendar;
mod duration;
mod plain;
mod rfc3339;
mod zone;

pub use calendar::{Civil, civil, days_from_civil};
pub use duration::{Seconds, parse_duration};
pub use plain::Moment;
pub use rfc3339::{Rfc3339, TimestampError, parse_timestamp};
pub use zone::{Zone, ZoneError};

use super::value::Timestamp;

/// 0001-01-01T00:00:00Z
pub const MIN_SECONDS: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z
pub const MAX_SECONDS: i64 = 253_402_300_799;
const NANOS: i64 = 1_000_000_000;

/// A timestamp from epoch seconds, if the year is within 1 to 9999.
#[must_use]
pub fn from_seconds(seconds: i64) -> Option<Timestamp> {
    (MIN_SECONDS..=MAX_SECONDS).contains(&seconds).then_some(Timestamp { seconds, nanos: 0, offset_minutes: 0 })
}

/// `t + d`, if that is still within the years 1 to 9999. The offset is kept.
#[must_use]
pub fn add(t: Timestamp, nanos: i64) -> Option<Timestamp> {
    let total = i64::from(t.nanos) + nanos.rem_euclid(NANOS);
    let seconds = t.seconds.checked_add(nanos.div_euclid(NANOS))?.checked_add(total.div_euclid(NANOS))?;
    let nanos = u32::try_from(total.rem_euclid(NANOS)).ok()?;
    (MIN_SECONDS..=MAX_SECONDS).contains(&seconds).then_some(Timestamp { seconds, nanos, ..t })
}

/// `t - d`, as [`add`].
#[must_use]
pub fn subtract(t: Timestamp, nanos: i64) -> Option<Timestamp> {
    match nanos.checked_neg() {
        Some(n) => add(t, n),
        None => add(t, i64::MAX).and_then(|t| add(t, 1)),
    }
}

/// `a - b` in nanoseconds, if that fits a duration.
#[must_use]
pub fn between(a: Timestamp, b: Timestamp) -> Option<i64> {
    let nanos = i128::from(a.seconds - b.seconds) * i128::from(NANOS) + (i128::from(a.nanos) - i128::from(b.nanos));
    i64::try_from(nanos).ok()
}

/// The order of two points in time, whatever their offsets.
#[must_use]
pub fn order(a: Timestamp, b: Timestamp) -> std::cmp::Ordering {
    (a.seconds, a.nanos).cmp(&(b.seconds, b.nanos))
}

#[cfg(test)]
mod tests;
