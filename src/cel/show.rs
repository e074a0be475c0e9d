//! Values as error texts print them, which is as Go's `%v` does.
//!
//! For people only: nothing that decides may be built on these texts.

use std::fmt::{self, Write};

use super::number::Double;
use super::time::civil;
use super::value::{Object, Timestamp, Value};

/// A value in an error text.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub Value<'a>);

/// Elements printed of a list, map or byte string; what they quote may be as large as a request.
const MOST: usize = 64;
/// Levels printed.
const DEEPEST: u32 = 16;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.0, 0)
    }
}

fn show(f: &mut fmt::Formatter<'_>, value: Value<'_>, depth: u32) -> fmt::Result {
    if depth > DEEPEST {
        return f.write_str("…");
    }
    match value {
        Value::Null => f.write_char('0'),
        Value::Bool(b) => write!(f, "{b}"),
        Value::Int(i) => write!(f, "{i}"),
        Value::Uint(u) => write!(f, "{u}"),
        Value::Double(d) => write!(f, "{}", Double(d)),
        Value::String(s) | Value::Type(s) => f.write_str(s),
        Value::Bytes(b) => {
            f.write_char('[')?;
            joined(f, " ", b.iter().take(MOST), |f, b| write!(f, "{b}"))?;
            f.write_char(']')
        }
        Value::List(l) => {
            f.write_char('[')?;
            joined(f, ", ", l.iter().take(MOST), |f, v| show(f, v, depth + 1))?;
            f.write_char(']')
        }
        Value::Map(m) => {
            f.write_char('{')?;
            joined(f, ", ", m.iter().take(MOST), |f, (k, v)| {
                show(f, k, depth + 1)?;
                f.write_str(": ")?;
                show(f, v, depth + 1)
            })?;
            f.write_char('}')
        }
        Value::Timestamp(t) => timestamp(f, t),
        Value::Duration(d) => duration(f, d),
        Value::Optional(None) => f.write_str("optional.none()"),
        Value::Optional(Some(v)) => {
            f.write_str("optional(")?;
            show(f, *v, depth + 1)?;
            f.write_char(')')
        }
        Value::Message(m) => f.write_str(m.ty.name),
        Value::Object(o) => object(f, o),
    }
}

fn object(f: &mut fmt::Formatter<'_>, object: &Object<'_>) -> fmt::Result {
    match object {
        Object::Hierarchy(levels) => {
            f.write_char('[')?;
            joined(f, " ", levels.iter(), |f, l| f.write_str(l))?;
            f.write_char(']')
        }
        Object::Ip(ip) => write!(f, "{ip}"),
        Object::Cidr(ip, bits) => write!(f, "{ip}/{bits}"),
        Object::SpiffeId(text) => {
            let path = super::functions::spiffe::parse(text).map_or("", |(_, path)| path);
            write!(f, "{{{{{text} {}}}}}", text.len() - path.len())
        }
        Object::SpiffeTrustDomain(text) => write!(f, "{{{{{text}}}}}"),
        Object::SpiffeMatcher(_) => f.write_str("cerbos.lib.spiffeMatcher"),
    }
}

fn joined<T>(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    items: impl Iterator<Item = T>,
    mut print: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        print(f, item)?;
    }
    Ok(())
}

fn timestamp(f: &mut fmt::Formatter<'_>, t: Timestamp) -> fmt::Result {
    let offset = i64::from(t.offset_minutes);
    let c = civil(t.seconds + offset * 60);
    write!(f, "{:04}-{:02}-{:02} {:02}:{:02}:{:02}", c.year, c.month, c.day, c.hour, c.minute, c.second)?;
    if t.nanos != 0 {
        let digits = format!("{:09}", t.nanos);
        write!(f, ".{}", digits.trim_end_matches('0'))?;
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
    write!(f, " {sign}{hours:02}{minutes:02} ")?;
    if offset == 0 { f.write_str("UTC") } else { write!(f, "{sign}{hours:02}{minutes:02}") }
}

/// `1h30m0s`, `1.5ms`, as Go prints durations.
fn duration(f: &mut fmt::Formatter<'_>, nanos: i64) -> fmt::Result {
    let n = nanos.unsigned_abs();
    if n == 0 {
        return f.write_str("0s");
    }
    if nanos < 0 {
        f.write_char('-')?;
    }
    let (unit, name) = match n {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let whole = n / unit;
    if name == "s" {
        if whole >= 3_600 {
            write!(f, "{}h", whole / 3_600)?;
        }
        if whole >= 60 {
            write!(f, "{}m", whole / 60 % 60)?;
        }
        write!(f, "{}", whole % 60)?;
    } else {
        write!(f, "{whole}")?;
    }
    if !n.is_multiple_of(unit) {
        let width = unit.ilog10() as usize;
        let digits = format!("{:0width$}", n % unit);
        write!(f, ".{}", digits.trim_end_matches('0'))?;
    }
    f.write_str(name)
}
