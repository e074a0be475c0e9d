//! Obligations that an enforcement point keeps by itself:
//!
//! | `type` | members | what becomes of it |
//! |---|---|---|
//! | `set_arguments` | `set`: a map from JSON pointers to values; `remove`: a list of JSON pointers | the call is made with arguments changed so |
//! | `redact_result` | `pattern`: a regular expression; `fields`: a list of JSON pointers; `with`: a text, else `[redacted]` | each match in the texts of the result, and each field of its structured content, is replaced |
//!
//! `approval` never comes here: it makes the verdict an ask. Any other type is one nobody here can keep, and therefore
//! a denial. What an obligation says must be exact: an unknown member, a pointer that is none, a pattern that does not
//! compile are denials as well.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use regex::Regex;

use crate::cel::value::{List, Map, Value};
use crate::wire::map::sort;

/// What stands in the place of what must not be seen.
const REDACTED: &str = "[redacted]";
/// A compiled pattern larger than this many bytes is no pattern for a request.
const PATTERN_BYTES: usize = 256 << 10;
/// Pointers deeper than this are none.
const DEEPEST: usize = 32;

/// What must be done for a call to run.
#[derive(Clone, Debug, Default)]
pub(in crate::protocols) struct Duties<'a> {
    arguments: Vec<Change<'a>>,
    results: Vec<Redaction<'a>>,
}

/// One change of the arguments.
#[derive(Clone, Debug)]
struct Change<'a> {
    pointer: Vec<String>,
    /// None to remove what is there.
    value: Option<Value<'a>>,
}

/// What must not be seen of a result.
#[derive(Clone, Debug)]
struct Redaction<'a> {
    pattern: Option<Regex>,
    fields: Vec<Vec<String>>,
    with: &'a str,
}

impl<'a> Duties<'a> {
    /// Nothing to do.
    pub(in crate::protocols) const NONE: Self = Self { arguments: Vec::new(), results: Vec::new() };

    /// Reads the obligations of a verdict.
    ///
    /// # Errors
    /// If one of them is nothing that can be kept here.
    pub(super) fn read(obligations: &[Map<'a>], bump: &'a Bump) -> Result<Self, String> {
        let mut duties = Self::NONE;
        for obligation in obligations {
            match obligation.get_str("type") {
                Some(Value::String("set_arguments")) => duties.read_change(*obligation, bump)?,
                Some(Value::String("redact_result")) => duties.read_redaction(*obligation)?,
                Some(Value::String(other)) => {
                    return Err(format!("obligation `{other}` cannot be kept by this gateway"));
                }
                _ => return Err("an obligation without a type".to_owned()),
            }
        }
        Ok(duties)
    }

    fn read_change(&mut self, obligation: Map<'a>, bump: &'a Bump) -> Result<(), String> {
        known("set_arguments", obligation, &["type", "set", "remove"])?;
        let before = self.arguments.len();
        match obligation.get_str("set") {
            None => {}
            Some(Value::Map(set)) => {
                for (path, value) in set.iter() {
                    let Value::String(path) = path else {
                        return Err("`set` of `set_arguments` has a key that is no text".into());
                    };
                    let value =
                        normal(value, bump).ok_or_else(|| format!("`set_arguments` cannot set `{path}` to that"))?;
                    self.arguments.push(Change { pointer: pointer(path)?, value: Some(value) });
                }
            }
            Some(_) => return Err("`set` of `set_arguments` is not a map".into()),
        }
        for path in texts("set_arguments", "remove", obligation)? {
            self.arguments.push(Change { pointer: pointer(path)?, value: None });
        }
        if self.arguments.len() == before { Err("`set_arguments` changes nothing".into()) } else { Ok(()) }
    }

    fn read_redaction(&mut self, obligation: Map<'a>) -> Result<(), String> {
        known("redact_result", obligation, &["type", "pattern", "fields", "with"])?;
        let pattern = match obligation.get_str("pattern") {
            None => None,
            Some(Value::String(pattern)) => {
                let compiled = regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).unicode(true).build();
                Some(compiled.map_err(|_| "`pattern` of `redact_result` is no regular expression".to_owned())?)
            }
            Some(_) => return Err("`pattern` of `redact_result` is not a text".into()),
        };
        let fields =
            texts("redact_result", "fields", obligation)?.into_iter().map(pointer).collect::<Result<Vec<_>, _>>()?;
        let with = match obligation.get_str("with") {
            None => REDACTED,
            Some(Value::String(text)) => text,
            Some(_) => return Err("`with` of `redact_result` is not a text".into()),
        };
        if pattern.is_none() && fields.is_empty() {
            return Err("`redact_result` redacts nothing".into());
        }
        self.results.push(Redaction { pattern, fields, with });
        Ok(())
    }

    /// Whether the call is made with other arguments.
    pub(in crate::protocols) fn changes_arguments(&self) -> bool {
        !self.arguments.is_empty()
    }

    /// Whether the result is changed.
    pub(in crate::protocols) fn changes_results(&self) -> bool {
        !self.results.is_empty()
    }

    /// The arguments as the call must be made with.
    ///
    /// # Errors
    /// If a change cannot be made, because something on the way to it is not a map.
    pub(in crate::protocols) fn arguments(&self, arguments: Map<'a>, bump: &'a Bump) -> Result<Map<'a>, String> {
        let mut value = Value::Map(arguments);
        for change in &self.arguments {
            value = changed(value, &change.pointer, change.value, bump)
                .ok_or_else(|| format!("`set_arguments` cannot change `/{}`", change.pointer.join("/")))?;
        }
        match value {
            Value::Map(map) => Ok(map),
            _ => Err("`set_arguments` leaves no arguments".into()),
        }
    }

    /// A tool's result as it may be seen: texts of `content`, and `structuredContent`.
    pub(in crate::protocols) fn result(&self, result: Map<'a>, bump: &'a Bump) -> Map<'a> {
        let mut map = result;
        for redaction in &self.results {
            let fields = map.iter().filter_map(|(key, value)| match key {
                Value::String("structuredContent") => Some(("structuredContent", redaction.structured(value, bump))),
                Value::String(key) => Some((key, redaction.text_within(value, bump))),
                _ => None,
            });
            let fields = BumpVec::from_iter_in(fields, bump).into_bump_slice_mut();
            sort(fields);
            map = Map::Fields(fields);
        }
        map
    }
}

impl Redaction<'_> {
    fn structured<'a>(&self, value: Value<'a>, bump: &'a Bump) -> Value<'a> {
        let with: &'a str = bump.alloc_str(self.with);
        let mut value = value;
        for field in &self.fields {
            if present(value, field) {
                value = changed(value, field, Some(Value::String(with)), bump).unwrap_or(Value::Null);
            }
        }
        self.text_within(value, bump)
    }

    /// Every text in a value, names of members left alone. The depth of a value that was read is bounded.
    fn text_within<'a>(&self, value: Value<'a>, bump: &'a Bump) -> Value<'a> {
        let Some(pattern) = &self.pattern else { return value };
        match value {
            Value::String(text) => match pattern.replace_all(text, regex::NoExpand(self.with)) {
                std::borrow::Cow::Borrowed(_) => value,
                std::borrow::Cow::Owned(text) => Value::String(bump.alloc_str(&text)),
            },
            Value::List(list) => {
                let items = list.iter().map(|item| self.text_within(item, bump));
                Value::List(List::Values(BumpVec::from_iter_in(items, bump).into_bump_slice()))
            }
            Value::Map(map) => {
                let fields = map.iter().filter_map(|(key, value)| match key {
                    Value::String(key) => Some((key, self.text_within(value, bump))),
                    _ => None,
                });
                let fields = BumpVec::from_iter_in(fields, bump).into_bump_slice_mut();
                sort(fields);
                Value::Map(Map::Fields(fields))
            }
            other => other,
        }
    }
}

fn known(ty: &str, obligation: Map<'_>, members: &[&str]) -> Result<(), String> {
    for (key, _) in obligation.iter() {
        match key {
            Value::String(name) if members.contains(&name) => {}
            Value::String(name) => return Err(format!("obligation `{ty}` has no member `{name}`")),
            _ => return Err(format!("obligation `{ty}` has a member whose name is no text")),
        }
    }
    Ok(())
}

fn texts<'a>(ty: &str, name: &str, obligation: Map<'a>) -> Result<Vec<&'a str>, String> {
    let refuse = || format!("`{name}` of `{ty}` is not a list of texts");
    match obligation.get_str(name) {
        None => Ok(Vec::new()),
        Some(Value::List(list)) => {
            list.iter().map(|item| if let Value::String(t) = item { Ok(t) } else { Err(refuse()) }).collect()
        }
        Some(_) => Err(refuse()),
    }
}

/// The names on the way of a JSON pointer (RFC 6901), of which there is at least one.
fn pointer(text: &str) -> Result<Vec<String>, String> {
    let refuse = || format!("`{text}` is not a JSON pointer such as `/owner/name`");
    let names: Vec<String> = text
        .strip_prefix('/')
        .ok_or_else(refuse)?
        .split('/')
        .map(|n| n.replace("~1", "/").replace("~0", "~"))
        .collect();
    if names.len() > DEEPEST { Err(refuse()) } else { Ok(names) }
}

/// Whether something is there.
fn present(value: Value<'_>, pointer: &[String]) -> bool {
    let Some((name, rest)) = pointer.split_first() else { return true };
    match value {
        Value::Map(map) => map.get_str(name).is_some_and(|inner| present(inner, rest)),
        Value::List(list) => name.parse().ok().and_then(|i| list.get(i)).is_some_and(|inner| present(inner, rest)),
        _ => false,
    }
}

/// The value with something in it replaced, added or removed; maps on the way are made. `None` if that cannot be.
fn changed<'a>(value: Value<'a>, pointer: &[String], to: Option<Value<'a>>, bump: &'a Bump) -> Option<Value<'a>> {
    let Some((name, rest)) = pointer.split_first() else { return to };
    match value {
        Value::Map(map) => {
            let inner = match (map.get_str(name), rest.is_empty()) {
                (_, true) => to,
                (Some(inner), false) => Some(changed(inner, rest, to, bump)?),
                (None, false) if to.is_some() => Some(changed(Value::Map(Map::Fields(&[])), rest, to, bump)?),
                (None, false) => None,
            };
            let mut fields = BumpVec::with_capacity_in(map.len() + 1, bump);
            for (key, value) in map.iter() {
                if let Value::String(key) = key
                    && key != name
                {
                    fields.push((key, value));
                }
            }
            fields.extend(inner.map(|inner| (&*bump.alloc_str(name), inner)));
            let fields = fields.into_bump_slice_mut();
            sort(fields);
            Some(Value::Map(Map::Fields(fields)))
        }
        Value::List(list) => {
            let at: usize = name.parse().ok().filter(|at| *at < list.len())?;
            let mut items = BumpVec::with_capacity_in(list.len(), bump);
            for (i, item) in list.iter().enumerate() {
                if i != at {
                    items.push(item);
                } else if !rest.is_empty() {
                    items.push(changed(item, rest, to, bump)?);
                } else {
                    items.extend(to);
                }
            }
            Some(Value::List(List::Values(items.into_bump_slice())))
        }
        _ => None,
    }
}

/// A value of a policy as arguments hold it: numbers are doubles, keys are texts.
fn normal<'a>(value: Value<'a>, bump: &'a Bump) -> Option<Value<'a>> {
    let json = crate::wire::encode::value_json(value).ok()?;
    crate::wire::json::value(bump.alloc_slice_copy(&json), bump, crate::wire::limits::Limits::default()).ok()
}
