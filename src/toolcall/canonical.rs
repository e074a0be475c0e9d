//! The canonical JSON of RFC 8785: members sorted by UTF-16 code units, numbers as ECMAScript prints them, no space.

use crate::cel::value::Value;
use crate::wire::encode::Json;

/// The canonical form of a value as a request holds them: finite numbers, string keys.
#[must_use]
pub fn canonical(value: Value<'_>) -> Vec<u8> {
    let mut json = Json::default();
    write(value, &mut json);
    json.finish()
}

fn write(value: Value<'_>, json: &mut Json) {
    match value {
        Value::Bool(true) => json.raw(b"true"),
        Value::Bool(false) => json.raw(b"false"),
        Value::Double(number) => json.number(if number == 0.0 { 0.0 } else { number }),
        Value::String(text) => json.string(text),
        Value::List(list) => json.array(|json| list.iter().for_each(|item| write(item, json))),
        Value::Map(map) => {
            let named = |(key, value)| match key {
                Value::String(key) => Some((key, value)),
                _ => None,
            };
            let mut members: Vec<(&str, Value<'_>)> = map.iter().filter_map(named).collect();
            members.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            json.object(|json| {
                for (key, value) in members {
                    json.key(key);
                    write(value, json);
                }
            });
        }
        // Requests hold nothing else.
        _ => json.raw(b"null"),
    }
}
