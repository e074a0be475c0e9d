//! A policy file to [`Policy`]: header and kind here, the kinds in `decode_kinds`, conditions and variables in
//! `decode_parts`, rules that span several fields in `semantics`. Collects every fault of a file.

use super::decode_kinds;
use super::decode_parts::{text, variables_map};
use super::model::{Body, Policy};
use super::{semantics, value};
use crate::source::{Diagnostic, Severity, SourceFile};
use crate::yaml::{self, Decoder, Node, Object, TextRule};

const FIELDS: &[&str] = &[
    "$schema",
    "apiVersion",
    "disabled",
    "description",
    "metadata",
    "variables",
    "resourcePolicy",
    "principalPolicy",
    "derivedRoles",
    "rolePolicy",
    "exportVariables",
    "exportConstants",
];

const KINDS: &[&str] =
    &["resourcePolicy", "principalPolicy", "derivedRoles", "rolePolicy", "exportVariables", "exportConstants"];

/// The one value of `apiVersion`.
pub const API_VERSION: &str = "api.cerbos.dev/v1";

/// Decodes a policy file. No policy and no errors: there is nothing in the file but blanks and comments. No policy is
/// given if there are errors.
#[must_use]
pub fn decode_policy(file: &SourceFile) -> (Option<Policy>, Vec<Diagnostic>) {
    let (root, mut diagnostics) = yaml::parse(file, yaml::LIMITS);
    let mut policy = None;
    if let Some(root) = &root {
        let mut d = Decoder::new(file);
        policy = decode_root(&mut d, root);
        diagnostics.extend(d.finish());
        if let Some(policy) = policy.as_ref().filter(|p| !p.disabled) {
            let more = semantics::check(policy, root, &diagnostics);
            diagnostics.extend(more);
        }
    }
    Diagnostic::sort(&mut diagnostics);
    if diagnostics.iter().any(|d| d.severity == Severity::Error) {
        policy = None;
    }
    (policy, diagnostics)
}

fn decode_root(d: &mut Decoder<'_>, root: &Node) -> Option<Policy> {
    let object = d.object(root, FIELDS);
    d.text(&object, "$schema", TextRule::ANY);
    api_version(d, &object);
    let disabled = object.get("disabled").is_some_and(|e| d.field("disabled", e, |d, e| d.boolean(&e.value)));
    let description = text(d, &object, "description", TextRule::ANY).value;
    let annotations = object.get("metadata").map(|e| d.field("metadata", e, |d, e| metadata(d, &e.value)));
    let variables = object.get("variables").map(|e| d.field("variables", e, |d, e| variables_map(d, &e.value)));
    let body = body(d, &object)?;
    Some(Policy {
        file: d.file().clone(),
        at: root.at,
        disabled,
        description,
        annotations: annotations.unwrap_or_default(),
        variables: variables.unwrap_or_default(),
        body,
    })
}

fn api_version(d: &mut Decoder<'_>, object: &Object<'_>) {
    let before = d.count();
    let read = d.text(object, "apiVersion", TextRule::REQUIRED);
    if d.count() == before && object.get("apiVersion").is_some_and(|e| !e.value.is_bad()) && read.value != API_VERSION {
        d.missing("apiVersion", |d| d.violation("TG0205", read.at, &format!("must equal `{API_VERSION}`")));
    }
}

fn body(d: &mut Decoder<'_>, object: &Object<'_>) -> Option<Body> {
    let Some((kind, entry)) = d.oneof(object, KINDS) else {
        if KINDS.iter().all(|k| object.lacks(k)) {
            d.missing("policyType", |d| d.violation("TG0207", None, "exactly one field is required in oneof"));
        }
        return None;
    };
    Some(d.field(kind, entry, |d, entry| {
        let node = &entry.value;
        match kind {
            "resourcePolicy" => Body::Resource(decode_kinds::resource_policy(d, node)),
            "principalPolicy" => Body::Principal(decode_kinds::principal_policy(d, node)),
            "derivedRoles" => Body::DerivedRoles(decode_kinds::derived_roles(d, node)),
            "rolePolicy" => Body::Role(decode_kinds::role_policy(d, node)),
            "exportVariables" => Body::ExportVariables(decode_kinds::export_variables(d, node)),
            _ => Body::ExportConstants(decode_kinds::export_constants(d, node)),
        }
    }))
}

fn metadata(d: &mut Decoder<'_>, node: &Node) -> Vec<(String, String)> {
    const FIELDS: &[&str] =
        &["sourceFile", "annotations", "hash", "storeIdentifer", "storeIdentifier", "sourceAttributes"];
    let object = d.object(node, FIELDS);
    for name in ["sourceFile", "storeIdentifer", "storeIdentifier"] {
        d.text(&object, name, TextRule::ANY);
    }
    if let Some(e) = object.get("hash") {
        d.field("hash", e, |d, e| d.unsigned(&e.value));
    }
    if let Some(e) = object.get("sourceAttributes") {
        d.field("sourceAttributes", e, |d, e| {
            let inner = d.object(&e.value, &["attributes"]);
            if let Some(e) = inner.get("attributes") {
                d.field("attributes", e, |d, e| d.map(&e.value, |d, e| value::constant(d, &e.value)));
            }
        });
    }
    object.get("annotations").map_or_else(Vec::new, |e| {
        d.field("annotations", e, |d, e| d.map(&e.value, |d, e| (e.key.text.clone(), d.string(&e.value))))
    })
}
