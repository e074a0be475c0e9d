//! Formats as the reference asserts them, in every draft. Texts only: values of other types fit every format.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Options;
use super::url;
use crate::cel::{Origin, Pattern};

/// A format and its test.
type Format = (&'static str, fn(&str) -> bool);

const FORMATS: [Format; 23] = [
    ("date-time", date_time),
    ("date", date),
    ("time", time),
    ("duration", duration),
    ("period", period),
    ("email", email),
    ("hostname", hostname),
    ("ip-address", ipv4),
    ("ipv4", ipv4),
    ("ipv6", ipv6),
    ("uri", url::is_absolute),
    ("iri", url::is_absolute),
    ("uri-reference", url::is_reference),
    ("uriref", url::is_reference),
    ("iri-reference", url::is_reference),
    ("uri-template", url::is_template),
    ("regex", regex),
    ("uuid", uuid),
    ("json-pointer", json_pointer),
    ("relative-json-pointer", relative_json_pointer),
    // Names of later drafts that the reference does not know: everything fits.
    ("idn-email", |_| true),
    ("idn-hostname", |_| true),
    ("color", |_| true),
];

/// Adds the formats.
pub(super) fn register(options: Options) -> Options {
    FORMATS.into_iter().fold(options, |options, (name, test)| options.with_format(name, test))
}

/// A part of a text, by bytes; empty where there is none.
fn part(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or("")
}

fn rest(text: &str, from: usize) -> &str {
    text.get(from..).unwrap_or("")
}

/// A number of so many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn date_time(text: &str) -> bool {
    matches!(part(text, 10, 11), "T" | "t") && date(part(text, 0, 10)) && time(rest(text, 11))
}

fn date(text: &str) -> bool {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let (Some(year), Some(month), Some(day), None) = (
        year.and_then(|y| digits(y, 4)),
        month.and_then(|m| digits(m, 2)),
        day.and_then(|d| digits(d, 2)),
        parts.next(),
    ) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// `hh:mm`, in minutes.
fn hours_and_minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = (digits(part(text, 0, 2), 2)?, digits(part(text, 3, 5), 2)?);
    (part(text, 2, 3) == ":" && hours <= 23 && minutes <= 59).then(|| i64::from(hours * 60 + minutes))
}

fn time(text: &str) -> bool {
    let Some(minutes) = hours_and_minutes(part(text, 0, 5)) else { return false };
    let Some(seconds) = digits(part(text, 6, 8), 2).filter(|s| *s <= 60 && part(text, 5, 6) == ":") else {
        return false;
    };
    let mut tail = rest(text, 8);
    if let Some(fraction) = tail.strip_prefix('.') {
        let after = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() == fraction.len() {
            return false;
        }
        tail = after;
    }
    let offset = match tail.strip_prefix(['+', '-']) {
        None if matches!(tail, "Z" | "z") => Some(0),
        None => None,
        Some(offset) if offset.len() == 5 => {
            hours_and_minutes(offset).map(|m| if tail.starts_with('+') { m } else { -m })
        }
        Some(_) => None,
    };
    // A leap second is the last one of a day in UTC.
    offset.is_some_and(|o| seconds < 60 || (minutes - o).rem_euclid(24 * 60) == 23 * 60 + 59)
}

/// Numbers with units: the units in order, if the text is nothing else up to `T` or its end, and what follows.
fn units(text: &str) -> Option<(String, &str)> {
    let (mut found, mut rest) = (String::new(), text);
    while !rest.is_empty() && !rest.starts_with('T') {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let unit = after.chars().next().filter(|_| after.len() < rest.len())?;
        found.push(unit);
        rest = after.get(unit.len_utf8()..)?;
    }
    Some((found, rest))
}

fn duration(text: &str) -> bool {
    let Some((days, tail)) = text.strip_prefix('P').and_then(units) else { return false };
    if days == "W" {
        return tail.is_empty();
    }
    if !"YMD".contains(&days) {
        return false;
    }
    if tail.is_empty() {
        return !days.is_empty();
    }
    let time = tail.strip_prefix('T').and_then(units);
    time.is_some_and(|(found, tail)| tail.is_empty() && !found.is_empty() && "HMS".contains(&found))
}

fn period(text: &str) -> bool {
    let Some((start, end)) = text.split_once('/') else { return false };
    match (start.starts_with('P'), end.starts_with('P')) {
        (true, _) => duration(start) && date_time(end),
        (false, true) => date_time(start) && duration(end),
        (false, false) => date_time(start) && date_time(end),
    }
}

fn hostname(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

fn email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@').filter(|(local, _)| text.len() <= 254 && local.len() <= 64)
    else {
        return false;
    };
    let address = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']'));
    let reached = match address {
        Some(address) => address.strip_prefix("IPv6:").map_or_else(|| ipv4(address), ipv6),
        None => hostname(domain),
    };
    reached && (dot_atom(local) || quoted(local))
}

fn dot_atom(text: &str) -> bool {
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    text.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}

fn quoted(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else { return false };
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let fine = match c {
            '\\' => chars.next().is_some_and(|c| !c.is_control()),
            '"' => false,
            c => !c.is_control(),
        };
        if !fine {
            return false;
        }
    }
    !inner.is_empty()
}

fn ipv4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

pub(super) fn ipv6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

fn regex(text: &str) -> bool {
    Pattern::compile(text, Origin::Policy).is_ok()
}

fn uuid(text: &str) -> bool {
    let mut groups = text.split('-');
    let fits = [8, 4, 4, 4, 12]
        .iter()
        .all(|length| groups.next().is_some_and(|g| g.len() == *length && g.bytes().all(|b| b.is_ascii_hexdigit())));
    fits && groups.next().is_none()
}

fn json_pointer(text: &str) -> bool {
    (text.is_empty() || text.starts_with('/'))
        && text.split('~').skip(1).all(|after| after.starts_with('0') || after.starts_with('1'))
}

fn relative_json_pointer(text: &str) -> bool {
    let tail = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = text.strip_suffix(tail).unwrap_or("");
    !number.is_empty() && (number == "0" || !number.starts_with('0')) && (tail == "#" || json_pointer(tail))
}

#[cfg(test)]
mod tests {
    use super::FORMATS;

    #[test]
    fn formats_accept_and_refuse() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            (
                "date-time",
                &["2024-02-29T23:59:59Z", "2024-01-01t00:00:00.5+05:30", "1998-12-31T15:59:60-08:00"],
                &["", "2023-02-29T00:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00", "1998-12-31T15:59:60Z"],
            ),
            ("date", &["2000-02-29"], &["1900-02-29", "2024-1-1", "2024-13-01", "2024-01-00", "2024-01-01-"]),
            ("time", &["00:00:00z", "12:00:00.123+01:00"], &["24:00:00Z", "12:00:00.Z", "12:00Z", "12:00:00+1:00"]),
            (
                "duration",
                &["P1D", "P1Y2M3DT4H5M6S", "PT1S", "P2W"],
                &["", "P", "PT", "1D", "P1", "P1S", "P1W1D", "P1DT"],
            ),
            ("period", &["2024-01-01T00:00:00Z/P1D"], &["2024-01-01T00:00:00Z", "P1D/P1D"]),
            (
                "email",
                &["a@b", "a.b+c@x-y.z", "\"a b\"@c.d", "a@[1.2.3.4]", "a@[IPv6:::1]"],
                &["a", "@b", "a..b@c", "a b@c"],
            ),
            ("hostname", &["a", "a-b.c.", "1.2"], &["", "-a", "a-", "a..b", "a_b"]),
            ("ipv4", &["1.2.3.4"], &["1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4 "]),
            ("ipv6", &["::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4"], &["1.2.3.4", ":::", "fe80::1%eth0"]),
            (
                "uri",
                &["http://a/b?c#d", "urn:x:y", "mailto:a@b"],
                &["", "/a", "a b", "://x", "http://a b", "http://[::1"],
            ),
            ("uri-reference", &["", "/a", "{ zz'\"", "../x?y"], &["\\a", "%zz", "http://[1]/"]),
            ("uri-template", &["", "/a/{b}/c"], &["{ zz'\"", "/{a{b}}", "/}"]),
            ("regex", &["^a+$", "(?i)a", "\\Qa\\E"], &["(", "(?=a)", "\\1"]),
            ("uuid", &["2EB8AA08-aa98-11ea-b4aa-73b441d16380"], &["2eb8aa08aa9811eab4aa73b441d16380", ""]),
            ("json-pointer", &["", "/a~0~1"], &["a", "/~", "/~2"]),
            ("relative-json-pointer", &["0", "1/a", "2#"], &["", "/a", "01", "1a", "-1"]),
        ];
        for (name, good, bad) in cases {
            let (_, test) = FORMATS.iter().find(|(n, _)| n == name).unwrap();
            good.iter().for_each(|text| assert!(test(text), "{name} refuses {text:?}"));
            bad.iter().for_each(|text| assert!(!test(text), "{name} accepts {text:?}"));
        }
    }
}
