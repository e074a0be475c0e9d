//! Time zones by name or offset. The zone tables are built in: nothing here reads the machine's own.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::super::number::parse_int;
use super::super::value::Timestamp;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A zone that was found. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Zone {
    /// A fixed offset in seconds east of UTC.
    Fixed(i64),
    /// Rules of a place.
    Named(TimeZone),
}

/// Why there is no such zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneError<'a> {
    /// Not a number before or after the colon.
    Syntax(&'a str),
    /// A number that does not fit.
    Range(&'a str),
    /// A name that could leave the zone directory.
    InvalidName,
    /// No zone of that name.
    Unknown(&'a str),
}

impl Zone {
    /// Finds a zone: empty or `UTC`, an IANA name in its exact spelling, or `±hh:mm` (the sign may be left out).
    pub fn find(name: &str) -> Result<Self, ZoneError<'_>> {
        if let Some((hours, minutes)) = name.split_once(':') {
            let h = parse_part(hours)?;
            let m = parse_part(minutes)?;
            let m = if name.starts_with('-') { -m } else { m };
            return Ok(Self::Fixed(h.saturating_mul(3_600).saturating_add(m.saturating_mul(60))));
        }
        if matches!(name, "" | "UTC" | "Local") {
            return Ok(Self::Fixed(0));
        }
        if name.contains("..") || name.starts_with(['/', '\\']) || name.contains('\\') {
            return Err(ZoneError::InvalidName);
        }
        match ZONES.get(name) {
            // the table ignores case, the reference does not
            Ok(zone) if zone.iana_name() == Some(name) => Ok(Self::Named(zone)),
            _ => Err(ZoneError::Unknown(name)),
        }
    }

    /// Seconds east of UTC at a point in time.
    #[must_use]
    pub fn offset_at(&self, t: Timestamp) -> i64 {
        match self {
            Self::Fixed(seconds) => *seconds,
            Self::Named(zone) => {
                // the last day of the year 9999 is beyond what the tables cover; no rule changes there
                let known = t.seconds.clamp(jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
                match jiff::Timestamp::from_second(known) {
                    Ok(instant) => i64::from(zone.to_offset(instant).seconds()),
                    Err(_) => 0,
                }
            }
        }
    }
}

fn parse_part(text: &str) -> Result<i64, ZoneError<'_>> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ZoneError::Syntax(text));
    }
    parse_int(text).ok_or(ZoneError::Range(text))
}
