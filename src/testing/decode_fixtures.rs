//! Principals, resources, claims and groups, in suites and in fixture files alike. The same rules as for requests.

use std::collections::BTreeMap;

use super::check::{REQUESTED_SCOPE, SOME_UNIQUE, VERSION, exclude};
use super::model::{FixtureAux, FixturePrincipal, FixtureResource, Fixtures};
use crate::cel::value::Constant;
use crate::policy::value::{constant, members};
use crate::yaml::{Decoder, Entry, Kind, Node, Object, TextRule};

const REQUIRED: TextRule = TextRule::REQUIRED;

/// Reads whichever of the fixture fields an object has.
pub(super) fn fixtures(d: &mut Decoder<'_>, object: &Object<'_>) -> Fixtures {
    Fixtures {
        principals: named(d, object, "principals", principal),
        principal_groups: named(d, object, "principalGroups", |d, e| group(d, &e.value, "principals")),
        resources: named(d, object, "resources", resource),
        resource_groups: named(d, object, "resourceGroups", |d, e| group(d, &e.value, "resources")),
        aux: named(d, object, "auxData", aux),
    }
}

fn named<T>(
    d: &mut Decoder<'_>,
    object: &Object<'_>,
    field: &'static str,
    mut read: impl FnMut(&mut Decoder<'_>, &Entry) -> T,
) -> BTreeMap<String, T> {
    let Some(entry) = object.get(field) else { return BTreeMap::new() };
    d.field(field, entry, |d, e| d.map(&e.value, |d, e| (e.key.text.clone(), read(d, e)))).into_iter().collect()
}

fn principal(d: &mut Decoder<'_>, entry: &Entry) -> FixturePrincipal {
    let object = d.object(&entry.value, &["id", "policyVersion", "roles", "attr", "scope"]);
    FixturePrincipal {
        id: d.text(&object, "id", REQUIRED).value,
        policy_version: d.text(&object, "policyVersion", VERSION).value,
        scope: d.text(&object, "scope", REQUESTED_SCOPE).value,
        roles: d.texts(&object, "roles", SOME_UNIQUE).into_iter().map(|r| r.value).collect(),
        attr: attributes(d, &object, "attr", true),
    }
}

fn resource(d: &mut Decoder<'_>, entry: &Entry) -> FixtureResource {
    let object = d.object(&entry.value, &["kind", "policyVersion", "id", "attr", "scope"]);
    FixtureResource {
        kind: d.text(&object, "kind", REQUIRED).value,
        id: d.text(&object, "id", REQUIRED).value,
        policy_version: d.text(&object, "policyVersion", VERSION).value,
        scope: d.text(&object, "scope", REQUESTED_SCOPE).value,
        attr: attributes(d, &object, "attr", true),
    }
}

/// A map of any values; `checked` if its keys must not be empty.
fn attributes(d: &mut Decoder<'_>, object: &Object<'_>, field: &'static str, checked: bool) -> Constant {
    let Some(entry) = object.get(field) else { return Constant::Map([].into()) };
    d.field(field, entry, |d, entry| {
        let values = d.map(&entry.value, |d, e| {
            if checked && e.key.text.is_empty() {
                d.violation("TG0204", e.value.at, "must be at least 1 characters");
            }
            (e.key.text.clone(), constant(d, &e.value))
        });
        Constant::string_map(values)
    })
}

fn aux(d: &mut Decoder<'_>, entry: &Entry) -> FixtureAux {
    let object = d.object(&entry.value, &["jwt", "jwts"]);
    let message = "Only one of the jwt or jwts fields must be set";
    if has_entries(&object, "jwt") && has_entries(&object, "jwts") {
        exclude(d, &object, entry.value.at, ["jwt", "jwts"], message);
    }
    let jwt = attributes(d, &object, "jwt", false);
    let jwts = named(d, &object, "jwts", |d, e| {
        if e.key.text.is_empty() {
            d.violation("TG0204", e.value.at, "must be at least 1 characters");
        }
        let object = d.object(&e.value, &["claims"]);
        attributes(d, &object, "claims", false)
    });
    FixtureAux { jwt, jwts: jwts.into_iter().collect() }
}

fn has_entries(object: &Object<'_>, field: &str) -> bool {
    object.get(field).is_some_and(|e| matches!(&e.value.kind, Kind::Mapping(m) if !m.entries.is_empty()))
}

fn group(d: &mut Decoder<'_>, node: &Node, field: &'static str) -> Vec<String> {
    let object = if field == "principals" { d.object(node, &["principals"]) } else { d.object(node, &["resources"]) };
    d.texts(&object, field, SOME_UNIQUE).into_iter().map(|r| r.value).collect()
}

/// `options.globals`: a map constant.
pub(super) fn globals(d: &mut Decoder<'_>, node: &Node) -> Constant {
    if !matches!(node.kind, Kind::Mapping(_)) {
        d.map(node, |_, _| ());
    }
    Constant::string_map(members(d, node))
}
