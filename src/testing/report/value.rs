//! Values in reports: as JSON, and as the reference's text reports write JSON, with blanks after commas.

use std::io;

use serde::ser::{Error, Serialize, SerializeMap, Serializer};
use serde_json::ser::Formatter;

use crate::cel::value::Constant;

/// A value as JSON; whole numbers without a fraction. Recursive: values come from documents and decisions, whose depth
/// is bounded.
#[derive(Clone, Copy)]
pub(super) struct Json<'a>(pub(super) &'a Constant);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Constant::Null => to.serialize_unit(),
            Constant::Bool(b) => to.serialize_bool(*b),
            Constant::Int(i) => to.serialize_i64(*i),
            Constant::Uint(u) => to.serialize_u64(*u),
            Constant::Double(d) => number(*d, to),
            Constant::String(s) => to.serialize_str(s),
            Constant::List(l) => to.collect_seq(l.iter().map(Json)),
            Constant::Map(m) => {
                let mut map = to.serialize_map(Some(m.len()))?;
                for (key, value) in m.iter() {
                    match key {
                        Constant::String(s) => map.serialize_key(&**s)?,
                        other => map.serialize_key(&text(Json(other)).map_err(S::Error::custom)?)?,
                    }
                    map.serialize_value(&Json(value))?;
                }
                map.end()
            }
            // Not among the values of outputs and fixtures.
            other => to.collect_str(&format_args!("{other:?}")),
        }
    }
}

fn number<S: Serializer>(d: f64, to: S) -> Result<S::Ok, S::Error> {
    if d.is_nan() {
        return to.serialize_str("NaN");
    }
    if d.is_infinite() {
        return to.serialize_str(if d > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let negative_zero = d == 0.0 && d.is_sign_negative();
    if d.fract() == 0.0 && d.abs() < 9_007_199_254_740_992.0 && !negative_zero {
        return to.serialize_i64(d as i64);
    }
    to.serialize_f64(d)
}

fn text(value: Json<'_>) -> serde_json::Result<String> {
    serde_json::to_string(&value)
}

/// A value as compact JSON.
pub(super) fn compact(value: &Constant) -> String {
    text(Json(value)).unwrap_or_else(|e| e.to_string())
}

/// A value on one line of a text report.
pub(super) fn line(value: &Constant) -> String {
    let mut out = Vec::new();
    let mut to = serde_json::Serializer::with_formatter(&mut out, Spaced);
    match Json(value).serialize(&mut to) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(e) => e.to_string(),
    }
}

/// Blanks after commas, none after colons.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }
}
