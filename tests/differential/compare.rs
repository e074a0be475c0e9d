//! What counts as the same answer. Compares decoded replies and says in which field two of them differ; knows nothing
//! of how they were had.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value as Json;

use crate::http::Reply;
use crate::lab::Replies;

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// What differs: `verdict`, `status`, `message`, `effect`, `policy`, `scope`, `derived`, `outputs`, `copies` (of equal
    /// outputs), `validation` or `shape`.
    pub field: &'static str,
    /// Index of the resource in the request.
    pub resource: Option<usize>,
    /// The action.
    pub action: Option<String>,
    /// The reference's answer.
    pub theirs: String,
    /// Ours.
    pub ours: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.field)?;
        if let Some(resource) = self.resource {
            write!(f, " of resource {resource}")?;
        }
        if let Some(action) = &self.action {
            write!(f, ", action `{action}`")?;
        }
        write!(f, "\n  reference: {}\n  ours:      {}", self.theirs, self.ours)
    }
}

/// JSON equality with numbers compared as the doubles they stand for.
pub fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}

/// Texts that the reference varies on purpose from build to build: a no-break space for a space.
fn normal(text: &str) -> String {
    text.replace('\u{a0}', " ")
}

struct Differ {
    found: Vec<Mismatch>,
    resource: Option<usize>,
}

impl Differ {
    fn note(&mut self, field: &'static str, action: Option<&str>, theirs: &Json, ours: &Json) {
        if !same(theirs, ours) {
            self.text(field, action, theirs.to_string(), ours.to_string());
        }
    }

    fn text(&mut self, field: &'static str, action: Option<&str>, theirs: String, ours: String) {
        self.found.push(Mismatch { field, resource: self.resource, action: action.map(str::to_owned), theirs, ours });
    }
}

/// What a comparison of two replies gave.
#[derive(Debug, Default)]
pub struct Compared {
    /// Differences.
    pub found: Vec<Mismatch>,
    /// Decisions in the reference's reply.
    pub decisions: u64,
    /// Those of them that allow.
    pub allows: u64,
    /// Those whose effect in the reference depends on the order of rules and roles; they are not compared.
    pub order_dependent: u64,
}

/// Compares the answers to one request; what the reference answers otherwise in another order is left out.
pub fn answers(replies: &Replies) -> Compared {
    let mut compared = self::replies(&replies.theirs, &replies.ours);
    let mut by_luck: BTreeSet<(&str, Option<usize>, Option<String>)> = BTreeSet::new();
    for other in &replies.others {
        for m in self::replies(&replies.theirs, other).found {
            by_luck.insert((m.field, m.resource, m.action));
        }
    }
    compared.order_dependent = by_luck.iter().filter(|(field, ..)| *field == "effect").count() as u64;
    compared.found.retain(|m| {
        let depends = |field| by_luck.contains(&(field, m.resource, m.action.clone()));
        // An answer that depends on the order takes what is said about it along.
        let left_out = depends(m.field) || (m.action.is_some() && depends("effect"));
        !left_out
    });
    compared
}

/// Compares two replies to one request.
pub fn replies(theirs: &Reply, ours: &Reply) -> Compared {
    let mut differ = Differ { found: Vec::new(), resource: None };
    let (decisions, allows) = compare(&mut differ, theirs, ours);
    Compared { found: differ.found, decisions, allows, order_dependent: 0 }
}

fn compare(differ: &mut Differ, theirs: &Reply, ours: &Reply) -> (u64, u64) {
    let text = |reply: &Reply| String::from_utf8_lossy(&reply.body).into_owned();
    if theirs.status != ours.status {
        let show = |reply: &Reply| format!("{} {}", reply.status, text(reply));
        differ.text("status", None, show(theirs), show(ours));
        return (0, 0);
    }
    let (Ok(left), Ok(right)) =
        (serde_json::from_slice::<Json>(&theirs.body), serde_json::from_slice::<Json>(&ours.body))
    else {
        if theirs.body != ours.body {
            differ.text("shape", None, text(theirs), text(ours));
        }
        return (0, 0);
    };
    if theirs.status == 200 {
        results(differ, &left, &right);
        return count(&left);
    }
    differ.note("message", None, &left["code"], &right["code"]);
    let message = |v: &Json| Json::from(normal(v["message"].as_str().unwrap_or_default()));
    differ.note("message", None, &message(&left), &message(&right));
    (0, 0)
}

/// Decisions of a reply, and how many allow.
fn count(reply: &Json) -> (u64, u64) {
    let results = reply["results"].as_array();
    let effects = results.into_iter().flatten().flat_map(|r| r["actions"].as_object().into_iter().flatten());
    effects.fold((0, 0), |(n, allows), (_, effect)| (n + 1, allows + u64::from(effect == "EFFECT_ALLOW")))
}

fn results(differ: &mut Differ, left: &Json, right: &Json) {
    differ.note("shape", None, &left["requestId"], &right["requestId"]);
    let none = Vec::new();
    let (a, b) = (left["results"].as_array().unwrap_or(&none), right["results"].as_array().unwrap_or(&none));
    differ.note("shape", None, &Json::from(a.len()), &Json::from(b.len()));
    for (i, (left, right)) in a.iter().zip(b).enumerate() {
        if same(left, right) {
            continue;
        }
        differ.resource = Some(i);
        differ.note("shape", None, &left["resource"], &right["resource"]);
        by_action(differ, "effect", &left["actions"], &right["actions"]);
        for (field, key) in [("policy", "matchedPolicy"), ("scope", "matchedScope")] {
            let column = |side: &Json| -> Json {
                let actions = side["meta"]["actions"].as_object();
                actions.into_iter().flatten().map(|(action, meta)| (action.clone(), meta[key].clone())).collect()
            };
            by_action(differ, field, &column(left), &column(right));
        }
        differ.note(
            "derived",
            None,
            &set(&left["meta"]["effectiveDerivedRoles"]),
            &set(&right["meta"]["effectiveDerivedRoles"]),
        );
        differ.note("shape", None, &Json::from(left.get("meta").is_some()), &Json::from(right.get("meta").is_some()));
        differ.note(
            "validation",
            None,
            &validation(&left["validationErrors"]),
            &validation(&right["validationErrors"]),
        );
        let (theirs, ours) = (outputs(&left["outputs"]), outputs(&right["outputs"]));
        let keys: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
        for key in keys {
            let get = |m: &BTreeMap<(String, String), Vec<Json>>| m.get(key).cloned().unwrap_or_default();
            let (theirs, ours) = (get(&theirs), get(&ours));
            // How many times an entry is there is a field of its own: the reference varies it from call to call (D9).
            let field = if same(&once(&theirs), &once(&ours)) { "copies" } else { "outputs" };
            differ.note(field, Some(&key.0), &Json::from(theirs), &Json::from(ours));
        }
    }
    differ.resource = None;
}

fn by_action(differ: &mut Differ, field: &'static str, left: &Json, right: &Json) {
    let empty = serde_json::Map::new();
    let (a, b) = (left.as_object().unwrap_or(&empty), right.as_object().unwrap_or(&empty));
    let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    for action in keys {
        differ.note(field, Some(action), &left[action.as_str()], &right[action.as_str()]);
    }
}

/// The different entries of a sorted list.
fn once(entries: &[Json]) -> Json {
    let mut entries = entries.to_vec();
    entries.dedup();
    Json::Array(entries)
}

/// A list whose order means nothing.
fn set(list: &Json) -> Json {
    let mut items = list.as_array().cloned().unwrap_or_default();
    items.sort_by_key(Json::to_string);
    Json::Array(items)
}

/// Validation errors. The reference names properties that are too many in an order of its own.
fn validation(list: &Json) -> Json {
    let mut items = list.as_array().cloned().unwrap_or_default();
    for item in &mut items {
        let message = item["message"].as_str().unwrap_or_default();
        let names = message.strip_prefix("additionalProperties ").and_then(|m| m.strip_suffix(" not allowed"));
        if let Some(names) = names {
            let mut names: Vec<&str> = names.split(", ").collect();
            names.sort_unstable();
            item["message"] = Json::from(format!("additionalProperties {} not allowed", names.join(", ")));
        }
    }
    set(&Json::Array(items))
}

/// Entries by action and source. Their order among themselves means nothing: the reference goes over the derived roles
/// of a rule in an order of its own, and another one after the next start (docs/differences.md, D9).
fn outputs(list: &Json) -> BTreeMap<(String, String), Vec<Json>> {
    let mut map: BTreeMap<(String, String), Vec<Json>> = BTreeMap::new();
    for entry in list.as_array().into_iter().flatten() {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        map.entry((text("action"), text("src"))).or_default().push(entry.clone());
    }
    for entries in map.values_mut() {
        entries.sort_by_key(Json::to_string);
    }
    map
}
