//! Cases settled against the reference.

use super::*;

fn printed(text: &str) -> Result<String, TimestampError> {
    parse_timestamp(text).map(|timestamp| Rfc3339 { timestamp, utc: false }.to_string())
}

#[test]
fn timestamps_read_and_print() {
    use TimestampError::{Impossible, Malformed, OutOfRange};
    for (text, expect) in [
        ("2020-01-01T00:00:00.500Z", Ok("2020-01-01T00:00:00.5Z")),
        ("2020-01-01T00:00:00.500+05:30", Ok("2020-01-01T00:00:00.5+05:30")),
        ("2020-01-01T00:00:00.000000001-05:30", Ok("2020-01-01T00:00:00.000000001-05:30")),
        ("2020-01-01T03:59:00-00:00", Ok("2020-01-01T03:59:00Z")),
        ("2020-01-01T03:59:00.1234567891Z", Ok("2020-01-01T03:59:00.123456789Z")),
        ("2020-02-29T03:59:00Z", Ok("2020-02-29T03:59:00Z")),
        ("0001-01-01T00:00:00Z", Ok("0001-01-01T00:00:00Z")),
        ("9999-12-31T23:59:59.999999999Z", Ok("9999-12-31T23:59:59.999999999Z")),
        ("2020-01-01T00:00:00,5Z", Err(Malformed)),
        ("2020-01-01T24:00:00Z", Err(Malformed)),
        ("2020-01-01T03:59:00.Z", Err(Malformed)),
        ("2020-01-01T03:59:00+24:00", Err(Malformed)),
        ("2020-01-01T03:59:00+14:60", Err(Malformed)),
        ("2020-13-01T00:00:00Z", Err(Malformed)),
        ("2020-01-01", Err(Malformed)),
        ("2020-01-01T00:00:00Z ", Err(Malformed)),
        ("2020-01-01t03:59:00Z", Err(Impossible)),
        ("2020-01-01T03:59:00z", Err(Impossible)),
        ("2020-01-01T23:59:60Z", Err(Impossible)),
        ("2019-02-29T03:59:00Z", Err(Impossible)),
        ("0000-01-01T00:00:00Z", Err(OutOfRange)),
        ("0001-01-01T00:00:00+01:00", Err(OutOfRange)),
        ("9999-12-31T23:59:59-01:00", Err(OutOfRange)),
    ] {
        assert_eq!(printed(text), expect.map(str::to_owned), "{text}");
    }
}

#[test]
fn durations_read_and_print() {
    for (text, expect) in [
        ("1h", Some("3600s")),
        ("1.5h", Some("5400s")),
        ("-1.5s", Some("-1.5s")),
        ("1ns", Some("0.000000001s")),
        ("1µs", Some("0.000001s")),
        ("1μs", Some("0.000001s")),
        ("0", Some("0s")),
        ("+0", Some("0s")),
        (".5s", Some("0.5s")),
        ("5.s", Some("5s")),
        ("1h2m3s4ms5us6ns", Some("3723.004005006s")),
        ("9223372036854775807ns", Some("9223372036.854776s")),
        ("-9223372036854775808ns", Some("-9223372036.854776s")),
        ("1.23456789012345678901234567890s", Some("1.2345678900000001s")),
        ("0.9999999999s", Some("0.999999999s")),
        ("3.9ns", Some("0.000000003s")),
        ("9223372036854775808ns", None),
        ("1d", None),
        ("1", None),
        ("", None),
        ("-", None),
        (".s", None),
        ("1h-2m", None),
        ("1e3s", None),
        ("1 s", None),
    ] {
        assert_eq!(parse_duration(text).map(|d| Seconds(d).to_string()).as_deref(), expect, "{text}");
    }
}

#[test]
fn arithmetic_stays_in_range() {
    let first = from_seconds(MIN_SECONDS).unwrap();
    let last = Timestamp { nanos: 999_999_999, ..from_seconds(MAX_SECONDS).unwrap() };
    assert_eq!(add(last, 1), None);
    assert_eq!(subtract(first, 1), None);
    assert_eq!(between(last, first), None);
    assert_eq!(
        subtract(from_seconds(0).unwrap(), i64::MIN).map(|t| (t.seconds, t.nanos)),
        Some((9_223_372_036, 854_775_808))
    );
    let before = subtract(from_seconds(0).unwrap(), 1).unwrap();
    assert_eq!((before.seconds, before.nanos), (-1, 999_999_999));
}

#[test]
fn zones_by_name_and_offset() {
    let hour = |text: &str, zone: &str| {
        let t = parse_timestamp(text).unwrap();
        Zone::find(zone).map(|z| civil(t.seconds + z.offset_at(t)).hour).map_err(|e| format!("{e:?}"))
    };
    let winter = "2020-01-01T00:00:00Z";
    for (zone, expect) in [("America/New_York", 19), ("EST", 19), ("Local", 0), ("", 0), ("+5:30", 5), ("-05:30", 18)] {
        assert_eq!(hour(winter, zone), Ok(expect), "{zone}");
    }
    assert_eq!(hour("2020-07-01T00:00:00Z", "America/New_York"), Ok(20));
    assert_eq!(hour(winter, "+99:99"), Ok(4));
    for zone in ["america/new_york", "utc", "Z", "+05", "-0530"] {
        assert_eq!(Zone::find(zone).unwrap_err(), ZoneError::Unknown(zone));
    }
    assert_eq!(Zone::find("../etc/passwd").unwrap_err(), ZoneError::InvalidName);
    assert_eq!(Zone::find("+aa:00").unwrap_err(), ZoneError::Syntax("+aa"));
    assert_eq!(Zone::find(":").unwrap_err(), ZoneError::Syntax(""));
}

#[test]
fn calendar_agrees_with_itself() {
    for days in (-800_000..3_000_000).step_by(97) {
        let c = civil(days * 86_400 + 3_661);
        assert_eq!(days_from_civil(c.year, c.month, c.day), days);
        assert_eq!((c.hour, c.minute, c.second), (1, 1, 1));
    }
    assert_eq!(civil(0).weekday, 4);
}
