//! Store-wide checks on scopes: every scoped policy needs its ancestors (spec §8.1), and a scope has one meaning of an
//! ALLOW (§8.2).

use std::collections::{BTreeMap, BTreeSet};

use super::CompileOptions;
use super::link::role_version;
use crate::engine::glob::Pattern;
use crate::policy::model::{Body, Policy, ScopePermissions};
use crate::policy::names::{principal_key, resource_key, scope_parents};
use crate::source::Diagnostic;

/// Reports each scope that a scoped policy needs and that no policy fills.
pub(super) fn missing_ancestors(policies: &[Policy], diagnostics: &mut Vec<Diagnostic>) {
    let keys: BTreeSet<String> = policies.iter().map(Policy::key).collect();
    let mut missing: BTreeMap<String, Vec<&Policy>> = BTreeMap::new();
    for policy in policies {
        let is_resource = matches!(policy.body, Body::Resource(_));
        let (name, version, scope) = match &policy.body {
            Body::Resource(p) => (&p.resource.value, &p.version.value, &p.scope.value),
            Body::Principal(p) => (&p.principal.value, &p.version.value, &p.scope.value),
            Body::Role(_) | Body::DerivedRoles(_) | Body::ExportVariables(_) | Body::ExportConstants(_) => continue,
        };
        for ancestor in scope_parents(scope) {
            let make = if is_resource { resource_key } else { principal_key };
            let key = make(name, version, ancestor);
            if keys.contains(&key) || (is_resource && filled(policies, name, version, ancestor)) {
                continue;
            }
            missing.entry(key).or_default().push(policy);
        }
    }
    for (key, needed_by) in missing {
        let Some(first) = needed_by.first() else { continue };
        let names: BTreeSet<String> = needed_by.iter().map(|p| p.key()).collect();
        let names: Vec<String> = names.into_iter().collect();
        let text =
            format!("scoped policy {key} is not found but is required by descendant policies {}", names.join(", "));
        diagnostics.push(
            Diagnostic::error("TG0403", &first.file, first.at, text)
                .with_help("add a policy for that scope; without rules it leaves decisions to its parents"),
        );
    }
}

/// A role policy at the scope that mentions the kind, as it is written, fills the gap, as in the reference.
fn filled(policies: &[Policy], kind: &str, version: &str, scope: &str) -> bool {
    policies.iter().any(|policy| match &policy.body {
        Body::Role(p) => {
            p.scope.value == scope
                && role_version(&p.version) == version
                && p.rules.iter().any(|r| Pattern::gated(&r.resource.value).is_ok_and(|g| g.matches(kind)))
        }
        _ => false,
    })
}

/// Reports scopes whose policies disagree about what an ALLOW there means. The reference's own check misses conflicts
/// between two policies and reports some that are none; with `cerbos_compat` exactly what it refuses is refused.
pub(super) fn permission_conflicts(policies: &[Policy], options: &CompileOptions, diagnostics: &mut Vec<Diagnostic>) {
    let mut by_scope: BTreeMap<&str, Vec<(&Policy, ScopePermissions)>> = BTreeMap::new();
    for policy in policies {
        let (scope, permissions) = match &policy.body {
            Body::Resource(p) => (&*p.scope.value, p.scope_permissions.value),
            Body::Principal(p) => (&*p.scope.value, p.scope_permissions.value),
            Body::Role(p) => (&*p.scope.value, ScopePermissions::Unspecified),
            Body::DerivedRoles(_) | Body::ExportVariables(_) | Body::ExportConstants(_) => {
                ("", ScopePermissions::Unspecified)
            }
        };
        by_scope.entry(scope).or_default().push((policy, permissions));
    }
    for (scope, all) in by_scope {
        let mut recorded: Vec<ScopePermissions> = Vec::new();
        for (_, permissions) in all.iter().skip(1) {
            if !recorded.contains(permissions) {
                recorded.push(*permissions);
            }
        }
        let refused_by_reference = options.cerbos_compat && recorded.len() > 1;
        let requires = |(p, s): &&(&Policy, ScopePermissions)| {
            matches!(p.body, Body::Resource(_) | Body::Principal(_)) && *s == ScopePermissions::RequireParentalConsent
        };
        let overrides = |(p, s): &&(&Policy, ScopePermissions)| {
            matches!(p.body, Body::Resource(_) | Body::Principal(_)) && *s != ScopePermissions::RequireParentalConsent
        };
        let (one, other) = (all.iter().find(requires), all.iter().find(overrides));
        let conflict = match (one, other) {
            (Some(a), Some(b)) if refused_by_reference || !options.cerbos_compat => Some((a.0, b.0)),
            _ if refused_by_reference => all.first().zip(all.last()).map(|(a, b)| (a.0, b.0)),
            _ => None,
        };
        if let Some((a, b)) = conflict {
            let text = format!("policies sharing scope \"{scope}\" have conflicting scopePermissions");
            diagnostics.push(
                Diagnostic::error("TG0404", &a.file, a.at, text)
                    .with_related(&b.file, b.at, "this policy says otherwise")
                    .with_help("give all resource and principal policies of a scope the same `scopePermissions`"),
            );
        }
    }
}
