//! The attribute schema that conditions are written against and that requests are filled from: names, types, and
//! small pools of values so that equality holds often enough to matter.

use serde_json::{Map, Value as Json, json};

use super::rng::Rng;

/// What an attribute holds when it is well typed, and what an expression yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    /// `bool`
    Bool,
    /// CEL `int`: never an attribute.
    Int,
    /// `double`: all numbers of a request.
    Num,
    /// `string`
    Str,
    /// `list(string)`
    StrList,
    /// `list(double)`
    NumList,
    /// A map with known members.
    Map,
    /// `timestamp`; as an attribute, its RFC 3339 text.
    Time,
    /// `duration`; as an attribute, its text.
    Span,
    /// Null or anything.
    Any,
}

/// Attributes of the resource.
pub const RESOURCE: &[(&str, Ty)] = &[
    ("owner", Ty::Str),
    ("dept", Ty::Str),
    ("team", Ty::Str),
    ("status", Ty::Str),
    ("level", Ty::Num),
    ("amount", Ty::Num),
    ("count", Ty::Num),
    ("public", Ty::Bool),
    ("archived", Ty::Bool),
    ("tags", Ty::StrList),
    ("scores", Ty::NumList),
    ("meta", Ty::Map),
    ("created", Ty::Time),
    ("ttl", Ty::Span),
    ("ip", Ty::Str),
    ("path", Ty::Str),
    ("extra", Ty::Any),
    ("a-b", Ty::Str),
];

/// Attributes of the principal.
pub const PRINCIPAL: &[(&str, Ty)] = &[
    ("dept", Ty::Str),
    ("team", Ty::Str),
    ("clearance", Ty::Num),
    ("quota", Ty::Num),
    ("verified", Ty::Bool),
    ("groups", Ty::StrList),
    ("limits", Ty::NumList),
    ("home", Ty::Map),
    ("joined", Ty::Time),
    ("ip", Ty::Str),
    ("extra", Ty::Any),
];

/// Members of every [`Ty::Map`] attribute.
pub const MEMBERS: &[(&str, Ty)] =
    &[("owner", Ty::Str), ("depth", Ty::Num), ("flag", Ty::Bool), ("labels", Ty::StrList)];

/// Strings, with the awkward ones last.
pub const STRINGS: &[&str] = &[
    "hr", "eng", "ops", "u1", "u2", "alice", "acme", "acme.hr", "open", "closed", "GB", "10.1.2.3", "/a/b", "", "é",
    "a:b", "1", "true", "x y", "日本",
];
/// Numbers as JSON, the awkward ones last.
const NUMBERS: &[&str] =
    &["0", "1", "2", "3", "5", "10", "1.5", "-1", "0.1", "100", "1000000", "9007199254740993", "1e21", "1e-7", "-0.0"];
const TIMES: &[&str] = &[
    "2024-01-01T00:00:00Z",
    "2025-06-30T12:34:56.789Z",
    "2024-02-29T23:59:59+05:30",
    "1999-12-31T23:00:00-01:00",
    "2090-01-01T00:00:00Z",
];
const SPANS: &[&str] = &["1h", "90m", "30s", "1h30m", "24h", "1.5s", "0s"];

/// A number as a request carries it.
pub fn number(rng: &mut Rng) -> Json {
    let index = if rng.chance(85) { rng.below(7) } else { rng.below(NUMBERS.len()) };
    serde_json::from_str(NUMBERS[index]).unwrap_or(Json::Null)
}

/// A string of the pool.
pub fn string(rng: &mut Rng) -> &'static str {
    let index = if rng.chance(85) { rng.below(10) } else { rng.below(STRINGS.len()) };
    STRINGS[index]
}

/// The text of a point in time.
pub fn time(rng: &mut Rng) -> &'static str {
    rng.word(TIMES)
}

/// The text of a duration.
pub fn span(rng: &mut Rng) -> &'static str {
    rng.word(SPANS)
}

/// A value that fits the attribute.
pub fn value(rng: &mut Rng, name: &str, ty: Ty) -> Json {
    match ty {
        Ty::Bool => json!(rng.chance(50)),
        Ty::Int | Ty::Num => number(rng),
        Ty::Str => match name {
            "ip" => json!(rng.word(&["10.1.2.3", "10.9.9.9", "192.168.1.7", "::1", "fe80::1", "::ffff:10.1.2.3"])),
            "path" => json!(rng.word(&["/a/b/c.txt", "/a", "/a/../b", "rel/x", "C:\\d\\e.txt", "/home/u1/.rc"])),
            "owner" => json!(rng.word(&["u1", "u2", "alice", "u5@x.com"])),
            "dept" | "team" => json!(rng.word(&["hr", "eng", "ops", "acme", "acme.hr"])),
            _ => json!(string(rng)),
        },
        Ty::StrList => {
            let count = rng.below(4);
            Json::Array((0..count).map(|_| json!(string(rng))).collect())
        }
        Ty::NumList => {
            let count = rng.below(4);
            Json::Array((0..count).map(|_| number(rng)).collect())
        }
        Ty::Map => Json::Object(fill(rng, MEMBERS, 90, 5)),
        Ty::Time => json!(time(rng)),
        Ty::Span => json!(span(rng)),
        Ty::Any => any(rng, 2),
    }
}

/// Any JSON at all, to `depth` levels.
pub fn any(rng: &mut Rng, depth: usize) -> Json {
    match rng.below(if depth == 0 { 4 } else { 6 }) {
        0 => Json::Null,
        1 => json!(rng.chance(50)),
        2 => number(rng),
        3 => json!(string(rng)),
        4 => {
            let count = rng.below(4);
            Json::Array((0..count).map(|_| any(rng, depth - 1)).collect())
        }
        _ => {
            let count = rng.below(4);
            (0..count).map(|_| (rng.word(&["k", "owner", "b c", "n"]).to_string(), any(rng, depth - 1))).collect()
        }
    }
}

/// Attributes of `schema`: `present` percent of them, `ill` percent of those with a value of another type.
pub fn fill(rng: &mut Rng, schema: &[(&str, Ty)], present: u64, ill: u64) -> Map<String, Json> {
    let mut map = Map::new();
    for (name, ty) in schema {
        if rng.chance(present) {
            let value = if rng.chance(ill) { any(rng, 2) } else { value(rng, name, *ty) };
            map.insert((*name).to_owned(), value);
        }
    }
    map
}
