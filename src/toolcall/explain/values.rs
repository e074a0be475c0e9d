//! The values an expression read, as JSON, and which of them are hidden.

use serde_json::Value as Json;

use crate::cel::Frame;
use crate::cel::selections::selections;
use crate::cel::value::Value;
use crate::engine::request::Request;
use crate::wire::encode::value_json;

/// Keys whose values are not shown, wherever they stand. Compared without case, `-` and `_`.
#[derive(Clone, Debug)]
pub struct Redaction(Vec<String>);

/// Hidden if nobody says otherwise.
const ALWAYS: &[&str] =
    &["password", "passwd", "secret", "token", "authorization", "cookie", "credential", "credentials", "apikey"];

/// Characters of one value that are shown.
const MOST: usize = 200;

const HIDDEN: &str = "(redacted)";

impl Redaction {
    /// The usual keys and some more.
    #[must_use]
    pub fn new(more: &[String]) -> Self {
        Self(ALWAYS.iter().map(|k| (*k).to_owned()).chain(more.iter().map(|k| plain(k))).collect())
    }

    /// True if values under this key are hidden: it is one of the keys, or ends with one.
    #[must_use]
    pub fn hides(&self, key: &str) -> bool {
        let key = plain(key);
        self.0.iter().any(|hidden| key.ends_with(hidden.as_str()))
    }

    fn clean(&self, value: Json) -> Json {
        match value {
            Json::Object(map) => Json::Object(
                map.into_iter()
                    .map(|(k, v)| if self.hides(&k) { (k, HIDDEN.into()) } else { (k, self.clean(v)) })
                    .collect(),
            ),
            Json::Array(list) => Json::Array(list.into_iter().map(|v| self.clean(v)).collect()),
            other => other,
        }
    }
}

fn plain(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// What an expression reads of the request and of variables: path and value, each once.
pub(super) fn read(
    source: &str,
    request: &Request<'_>,
    frame: &Frame<'_>,
    redaction: &Redaction,
) -> Vec<(String, String)> {
    let Ok(ast) = crate::cel::parse(source) else { return Vec::new() };
    let mut out: Vec<(String, String)> = Vec::new();
    for selection in selections(&ast) {
        let path: Vec<&str> = selection.path.iter().map(String::as_str).collect();
        let Some(shown) = show(&path, request, frame, redaction) else { continue };
        let name = path.join(".");
        if !out.iter().any(|(known, _)| *known == name) {
            out.push((name, shown));
        }
    }
    out
}

/// `None` for what is neither an attribute of the request nor a variable.
fn show(path: &[&str], request: &Request<'_>, frame: &Frame<'_>, redaction: &Redaction) -> Option<String> {
    let path = match path {
        ["request", "principal", rest @ ..] => [&["P"], rest].concat(),
        ["request", "resource", rest @ ..] => [&["R"], rest].concat(),
        ["variables", rest @ ..] => [&["V"], rest].concat(),
        path => path.to_vec(),
    };
    let (start, rest): (Value<'_>, &[&str]) = match &path[..] {
        ["P", "attr", rest @ ..] => (Value::Map(request.principal.attr), rest),
        ["R", "attr", rest @ ..] => (Value::Map(request.resource.attr), rest),
        ["P", "id"] => (Value::String(request.principal.id), &[]),
        ["R", "id"] => (Value::String(request.resource.id), &[]),
        ["R", "kind"] => (Value::String(request.resource.kind), &[]),
        ["P", "scope"] => (Value::String(request.principal.scope), &[]),
        ["R", "scope"] => (Value::String(request.resource.scope), &[]),
        ["P", "roles"] => {
            let roles: Vec<Json> = request.principal.roles.iter().map(|r| (*r).into()).collect();
            return Some(Json::Array(roles).to_string());
        }
        ["V", name, rest @ ..] => match frame.variable(name)? {
            Ok(value) => (value, rest),
            Err(error) => return Some(format!("failed: {error}")),
        },
        _ => return None,
    };
    let mut value = start;
    for step in rest {
        match value {
            Value::Map(map) => match map.get_str(step) {
                Some(found) => value = found,
                None => return Some("missing".to_owned()),
            },
            _ => return Some("missing".to_owned()),
        }
    }
    // yes or no gives no secret away
    let hidden = path.iter().skip(1).any(|step| redaction.hides(step)) && !matches!(value, Value::Bool(_));
    Some(if hidden { HIDDEN.to_owned() } else { shown(value, redaction) })
}

fn shown(value: Value<'_>, redaction: &Redaction) -> String {
    let json = value_json(value).ok().and_then(|bytes| serde_json::from_slice::<Json>(&bytes).ok());
    let Some(json) = json else { return format!("a value of type {}", value.type_name()) };
    let text = redaction.clean(json).to_string();
    if text.chars().count() <= MOST { text } else { text.chars().take(MOST).chain(['…']).collect() }
}
