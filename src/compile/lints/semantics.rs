//! Places where the two semantics of docs/semantics.md differ for this set: names that fall together after the reference's
//! folding, patterns that match in one and not in the other, scopes that only some kinds have, role policies that restrict
//! nothing. Failing conditions are in `reads`.

use std::collections::{BTreeMap, BTreeSet};

use super::info;
use crate::compile::link::role_version;
use crate::engine::glob::Pattern;
use crate::policy::model::{Body, Policy, ResourcePolicy, RolePolicy, Text};
use crate::policy::names::sanitize;
use crate::source::{Diagnostic, SourceFile};

pub(super) fn lint(policies: &[Policy], out: &mut Vec<Diagnostic>) {
    names(policies, out);
    scopes(policies, out);
    for policy in policies {
        if let Body::Role(role) = &policy.body {
            holes(policy, role, policies, out);
        }
    }
}

fn resources(policies: &[Policy]) -> impl Iterator<Item = (&Policy, &ResourcePolicy)> {
    policies.iter().filter_map(|policy| match &policy.body {
        Body::Resource(p) => Some((policy, p)),
        _ => None,
    })
}

/// A scope that some kind has and this one has not: the reference falls back to the parent scope, which is denied by
/// default.
fn scopes(policies: &[Policy], out: &mut Vec<Diagnostic>) {
    let all: BTreeSet<&str> = resources(policies).map(|(_, p)| p.scope.value.as_str()).collect();
    let mut kinds: BTreeMap<&str, (&Policy, &Text, BTreeSet<&str>)> = BTreeMap::new();
    for (policy, p) in resources(policies) {
        let known = kinds.entry(&p.resource.value).or_insert_with(|| (policy, &p.resource, BTreeSet::new()));
        known.2.insert(&p.scope.value);
    }
    for (kind, (policy, at, own)) in kinds {
        let missing: Vec<String> = all.difference(&own).map(|s| format!("`{s}`")).collect();
        if !missing.is_empty() && own.contains("") {
            let text = format!(
                "`{kind}` has no policy in scope {}: the reference asks the parent scope, here the call is denied",
                missing.join(", ")
            );
            differs(&policy.file, at, text, out);
        }
    }
}

/// Kinds on which a role policy restricts nothing under the reference, since nothing in its scope mentions them (X15).
fn holes(policy: &Policy, role: &RolePolicy, policies: &[Policy], out: &mut Vec<Diagnostic>) {
    let version = role_version(&role.version);
    let mut told = BTreeSet::new();
    for (_, other) in resources(policies) {
        let kind = &other.resource.value;
        let above = other.scope.value.is_empty() || is_below(&role.scope.value, &other.scope.value);
        if other.version.value != version || !above || !told.insert(kind) {
            continue;
        }
        let here = resources(policies).any(|(_, p)| {
            let same = p.resource.value == *kind && p.version.value == version && p.scope.value == role.scope.value;
            same && p.rules.iter().any(|r| {
                let names = |t: &Text| Pattern::gated(&t.value).is_ok_and(|p| p.matches(&role.role.value));
                !r.derived_roles.is_empty() || r.roles.iter().any(names)
            })
        });
        let listed =
            role.rules.iter().any(|r| Pattern::gated(&r.resource.value).is_ok_and(|p| p.matches(&sanitize(kind))));
        if !here && !listed && !role.rules.is_empty() {
            let text = format!("role policy `{}` restricts nothing on `{kind}` under the reference", role.role.value);
            differs(&policy.file, &role.role, text, out);
        }
    }
}

fn is_below(scope: &str, parent: &str) -> bool {
    scope == parent || scope.strip_prefix(parent).is_some_and(|rest| rest.starts_with('.'))
}

fn names(policies: &[Policy], out: &mut Vec<Diagnostic>) {
    let mut kinds: BTreeMap<String, &Text> = BTreeMap::new();
    for policy in policies {
        let file = &policy.file;
        match &policy.body {
            Body::Resource(p) => {
                let folded = format!("{} {} {}", sanitize(&p.resource.value), p.version.value, p.scope.value);
                if let Some(first) = kinds.get(&folded) {
                    let text =
                        format!("`{}` and `{}` are one resource under the reference", first.value, p.resource.value);
                    differs(file, &p.resource, text, out);
                } else {
                    kinds.insert(folded, &p.resource);
                }
            }
            Body::Principal(p) => {
                for rule in &p.rules {
                    let pattern = &rule.resource.value;
                    // kinds are folded before they are compared, patterns with a star are not
                    if pattern.contains('*') && pattern.contains([':', '@', '-', '/']) {
                        let text = format!("`{pattern}` never matches under the reference");
                        differs(file, &rule.resource, text, out);
                    }
                }
            }
            Body::Role(p) => {
                for rule in &p.rules {
                    let pattern = &rule.resource.value;
                    if sanitize(pattern) != *pattern {
                        let text = format!("role-policy resource `{pattern}` never matches under the reference");
                        differs(file, &rule.resource, text, out);
                    }
                }
            }
            Body::DerivedRoles(p) => {
                for role in &p.definitions {
                    for parent in role.parent_roles.iter().filter(|t| t.value.contains('*') && t.value != "*") {
                        let text = format!(
                            "under the reference `{}` makes no role effective in `runtime.effectiveDerivedRoles`",
                            parent.value
                        );
                        differs(file, parent, text, out);
                    }
                }
            }
            Body::ExportVariables(_) | Body::ExportConstants(_) => {}
        }
    }
}

fn differs(file: &SourceFile, at: &Text, text: String, out: &mut Vec<Diagnostic>) {
    out.push(info("TG0611", file, at.span, text).with_help("see docs/semantics.md before you move between the two"));
}
