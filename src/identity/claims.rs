//! Claims as policies see them, and the times between which a token is valid. The shapes are the reference's: times
//! are RFC 3339 texts, `aud` is a list, claims that are null are not there.

use std::time::Duration;

use bumpalo::Bump;
use serde_json::{Map as Object, Value as Json};

use super::Refused;
use crate::cel::time::{Rfc3339, from_seconds, parse_timestamp};
use crate::cel::value::{List, Map, SORTED_ABOVE, Value};

/// Longest token or claim set that is looked at; requests are bounded anyway.
const MAX_DEPTH: usize = 64;

/// The claims of one token.
#[derive(Debug)]
pub(super) struct Claims {
    fields: Vec<(String, Json)>,
    expires: Option<i64>,
    not_before: Option<i64>,
    issued: Option<i64>,
    size: usize,
}

impl Claims {
    /// Reads the payload of a token.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Refused> {
        let Ok(Json::Object(object)) = serde_json::from_slice(payload) else { return Err(Refused::Claims) };
        let mut claims =
            Self { fields: Vec::new(), expires: None, not_before: None, issued: None, size: payload.len() * 4 };
        claims.take(object)?;
        // As the value of a request has it: large maps are searched by halves.
        claims.fields.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(claims)
    }

    fn take(&mut self, object: Object<String, Json>) -> Result<(), Refused> {
        for (name, value) in object {
            let value = match name.as_str() {
                "exp" => time(&value, &mut self.expires)?,
                "nbf" => time(&value, &mut self.not_before)?,
                "iat" => time(&value, &mut self.issued)?,
                "aud" => audience(value)?,
                "iss" | "sub" | "jti" if !value.is_string() => return Err(Refused::Claims),
                _ if value.is_null() => continue,
                _ => value,
            };
            self.fields.push((name, value));
        }
        Ok(())
    }

    /// Memory, roughly.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Whether the token is valid at a time, given how far clocks may differ.
    pub(super) fn check_times(&self, now: Duration, skew: Duration) -> Result<(), Refused> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let skew = i64::try_from(skew.as_secs()).unwrap_or(i64::MAX);
        let expired = self.expires.is_some_and(|t| now.saturating_sub(skew) >= t);
        let early = |t: Option<i64>| t.is_some_and(|t| now.saturating_add(skew) < t);
        if expired || early(self.not_before) || early(self.issued) { Err(Refused::Time) } else { Ok(()) }
    }

    /// The claims in the arena of a request.
    pub(super) fn copy<'a>(&self, bump: &'a Bump) -> Map<'a> {
        let fields = self.fields.iter().map(|(name, value)| (&*bump.alloc_str(name), copy(value, bump, 0)));
        Map::Fields(bumpalo::collections::Vec::from_iter_in(fields, bump).into_bump_slice())
    }
}

/// A time in seconds since 1970, as a number or as the digits of one, or in RFC 3339; as policies see it.
fn time(value: &Json, out: &mut Option<i64>) -> Result<Json, Refused> {
    let seconds = match value {
        Json::Number(n) => n.as_i64().or_else(|| n.as_f64().map(|f| f.floor() as i64)),
        Json::String(s) => match s.parse::<f64>() {
            Ok(seconds) => seconds.is_finite().then(|| seconds.floor() as i64),
            Err(_) => parse_timestamp(s).ok().map(|t| t.seconds),
        },
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    };
    let seconds = seconds.ok_or(Refused::Claims)?;
    let timestamp = from_seconds(seconds).ok_or(Refused::Claims)?;
    *out = Some(seconds);
    Ok(Json::String(Rfc3339 { timestamp, utc: true }.to_string()))
}

fn audience(value: Json) -> Result<Json, Refused> {
    match value {
        Json::String(one) => Ok(Json::Array(vec![Json::String(one)])),
        Json::Array(all) if all.iter().all(Json::is_string) => Ok(Json::Array(all)),
        _ => Err(Refused::Claims),
    }
}

/// Numbers are doubles, as everywhere in requests. The reader of JSON has bounded the depth.
fn copy<'a>(value: &Json, bump: &'a Bump, depth: usize) -> Value<'a> {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    match value {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => Value::Double(n.as_f64().unwrap_or(0.0)),
        Json::String(s) => Value::String(bump.alloc_str(s)),
        Json::Array(items) => {
            let items = items.iter().map(|item| copy(item, bump, depth + 1));
            Value::List(List::Values(bumpalo::collections::Vec::from_iter_in(items, bump).into_bump_slice()))
        }
        Json::Object(members) => {
            let fields = members.iter().map(|(name, value)| (&*bump.alloc_str(name), copy(value, bump, depth + 1)));
            let mut fields = bumpalo::collections::Vec::from_iter_in(fields, bump);
            if fields.len() > SORTED_ABOVE {
                fields.sort_by(|a, b| a.0.cmp(b.0));
            }
            Value::Map(Map::Fields(fields.into_bump_slice()))
        }
    }
}
