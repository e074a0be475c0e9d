//! Keywords that are checked here and not by the validator: where the reference differs in meaning (`pattern` is RE2,
//! contents are asserted in every draft), and where its message needs more than the validator tells.

use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};

use super::Options;
use super::message::quote;
use super::node::{Attributes, Node, Tree};
use crate::cel::{Origin, Pattern};

/// Adds the keywords.
pub(super) fn register(options: Options) -> Options {
    options
        .with_keyword("type", |_, value, _| Ok(types(value)))
        .with_keyword("pattern", |_, value, _| pattern(value))
        .with_keyword("required", |_, value, _| Ok(required(value)))
        .with_keyword("dependentRequired", |_, value, _| Ok(dependent_required(value)))
        .with_keyword("uniqueItems", |_, value, _| Ok(unique_items(value)))
        .with_keyword("contentEncoding", |_, value, _| Ok(content_encoding(value)))
        .with_keyword("contentMediaType", |parent, value, _| Ok(content_media_type(parent, value)))
}

type Made = Box<dyn for<'i> Keyword<'i, Attributes>>;

/// Says what is wrong with a value, a text each.
type Complain = dyn Fn(Node<'_>) -> Vec<String> + Send + Sync;

struct Check(Box<Complain>);

impl<'i> Keyword<'i, Attributes> for Check {
    fn validate(&self, instance: Node<'i>) -> Result<(), ValidationError<'i>> {
        (self.0)(instance).into_iter().next().map_or(Ok(()), |text| Err(ValidationError::custom(text)))
    }

    fn is_valid(&self, instance: Node<'i>) -> bool {
        (self.0)(instance).is_empty()
    }

    fn iter_errors(&self, instance: Node<'i>) -> Box<dyn Iterator<Item = ValidationError<'i>> + 'i> {
        Box::new((self.0)(instance).into_iter().map(|text| -> ValidationError<'i> { ValidationError::custom(text) }))
    }
}

fn check(
    complain: impl Fn(Node<'_>) -> Vec<String> + Send + Sync + 'static,
) -> Box<dyn for<'i> Keyword<'i, Attributes>> {
    Box::new(Check(Box::new(complain)))
}

fn texts(value: &Value) -> Vec<Box<str>> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(Into::into).collect()
}

fn types(value: &Value) -> Made {
    let names = value.as_str().map_or_else(|| texts(value), |name| vec![name.into()]);
    check(move |node| {
        let tree = node.see();
        let fits = names.iter().any(|name| match (&**name, tree) {
            ("integer", Tree::Number(n)) => n.fract() == 0.0,
            (name, tree) => name == tree.type_name(),
        });
        if fits { Vec::new() } else { vec![format!("expected {}, but got {}", names.join(" or "), tree.type_name())] }
    })
}

fn pattern(value: &Value) -> Result<Made, ValidationError<'_>> {
    let text = value.as_str().unwrap_or("");
    let compiled = Pattern::compile(text, Origin::Policy)
        .map_err(|_| ValidationError::custom(format!("{} is not valid 'regex'", quote(text))))?;
    let message = format!("does not match pattern {}", quote(text));
    Ok(check(move |node| match node.text() {
        Some(text) if !compiled.is_match(text) => vec![message.clone()],
        _ => Vec::new(),
    }))
}

fn required(value: &Value) -> Made {
    // In draft 3 a boolean stood here; it says nothing to the drafts there are.
    let names = texts(value);
    check(move |node| {
        let Tree::Object(members) = node.see() else { return Vec::new() };
        if node.budget.charge_len(names.len()).is_err() {
            return Vec::new();
        }
        let missing = names.iter().filter(|name| !members.iter().any(|(n, _)| **n == ***name));
        let missing: Vec<String> = missing.map(|name| quote(name)).collect();
        if missing.is_empty() { Vec::new() } else { vec![format!("missing properties: {}", missing.join(", "))] }
    })
}

fn dependent_required(value: &Value) -> Made {
    let dependencies: Vec<(Box<str>, Vec<Box<str>>)> =
        value.as_object().into_iter().flatten().map(|(name, needs)| (name.as_str().into(), texts(needs))).collect();
    check(move |node| {
        let Tree::Object(members) = node.see() else { return Vec::new() };
        let has = |name: &str| members.iter().any(|(n, _)| *n == name);
        if node.budget.charge_len(dependencies.len()).is_err() {
            return Vec::new();
        }
        let present = dependencies.iter().filter(|(name, _)| has(name));
        let missing = present.flat_map(|(name, needs)| needs.iter().filter(|n| !has(n)).map(move |n| (name, n)));
        let words = |by, needed| format!("property {} is required, if {} property exists", quote(needed), quote(by));
        missing.map(|(by, needed)| words(by, needed)).collect()
    })
}

fn unique_items(value: &Value) -> Made {
    let asked = value.as_bool().unwrap_or(false);
    check(move |node| match node.equal_items() {
        Some((i, j)) if asked => vec![format!("items at index {i} and {j} are equal")],
        _ => Vec::new(),
    })
}

/// Standard base64 with padding, as the only encoding that is known.
fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

fn content_encoding(value: &Value) -> Made {
    let known = value.as_str() == Some("base64");
    check(move |node| match node.text() {
        Some(text) if known && decode(text).is_none() => vec!["value is not base64 encoded".to_owned()],
        _ => Vec::new(),
    })
}

fn content_media_type(parent: &Map<String, Value>, value: &Value) -> Made {
    let known = value.as_str() == Some("application/json");
    let encoded = parent.get("contentEncoding").and_then(Value::as_str) == Some("base64");
    check(move |node| {
        let Some(text) = node.text().filter(|_| known) else { return Vec::new() };
        let content = if encoded { decode(text) } else { Some(text.as_bytes().to_vec()) };
        let is_json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).is_ok();
        // What is not encoded as it should be is the other keyword's complaint.
        match content {
            Some(bytes) if !is_json(&bytes) => vec!["value is not of mediatype 'application/json'".to_owned()],
            _ => Vec::new(),
        }
    })
}
