//! Store-wide checks on scopes: every scoped policy needs its ancestors (spec §8.1), and a scope has one meaning of an
//! ALLOW (§8.2).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use foldhash::fast::RandomState;

use super::CompileOptions;
use super::facts::{Facts, Kind};
use crate::engine::glob::Pattern;
use crate::policy::model::ScopePermissions;
use crate::policy::names::{principal_key, resource_key, scope_parents};
use crate::source::Diagnostic;

/// Reports each scope that a scoped policy needs and that no policy fills. Gives the resource policies that have a gap
/// which role policies fill: the reference takes them and never asks them, which is warned of with `cerbos_compat`.
pub(super) fn missing_ancestors(
    policies: &[&Facts],
    options: &CompileOptions,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeSet<usize> {
    let mut hidden = BTreeSet::new();
    let keys: HashSet<&str, RandomState> = policies.iter().map(|p| &*p.key).collect();
    let mut missing: BTreeMap<String, Vec<&Facts>> = BTreeMap::new();
    let mut roles = Fillers { policies, by_scope: None };
    for (i, policy) in policies.iter().enumerate() {
        let is_resource = policy.kind == Kind::Resource;
        let make = match policy.kind {
            Kind::Resource => resource_key,
            Kind::Principal => principal_key,
            Kind::Role | Kind::DerivedRoles | Kind::Variables | Kind::Constants => continue,
        };
        for ancestor in scope_parents(&policy.scope) {
            let key = make(&policy.name, &policy.version, ancestor);
            if keys.contains(&*key) {
                continue;
            }
            if is_resource && roles.fill(policy, ancestor) {
                if hidden.insert(i) && options.cerbos_compat {
                    diagnostics.push(never_asked(policy, &key));
                }
                continue;
            }
            missing.entry(key).or_default().push(policy);
        }
    }
    for (key, needed_by) in missing {
        let Some(first) = needed_by.first() else { continue };
        let names: BTreeSet<&str> = needed_by.iter().map(|p| &*p.key).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let text =
            format!("scoped policy {key} is not found but is required by descendant policies {}", names.join(", "));
        diagnostics.push(
            Diagnostic::error("TG0403", &first.file, first.at, text)
                .with_help("add a policy for that scope; without rules it leaves decisions to its parents"),
        );
    }
    hidden
}

fn never_asked(policy: &Facts, gap: &str) -> Diagnostic {
    let text = format!("{} is never asked: of {gap}, which it needs, there is only a role policy", policy.key);
    Diagnostic::warning("TG0406", &policy.file, policy.at, text)
        .with_help("add a resource policy for that scope; without rules it leaves decisions to its parents")
}

/// Role policies by scope and version, once one is asked for.
struct Fillers<'p> {
    policies: &'p [&'p Facts],
    by_scope: Option<BTreeMap<(&'p str, &'p str), Vec<Pattern>>>,
}

impl Fillers<'_> {
    /// A role policy at the scope that mentions the kind, as it is written, fills the gap, as in the reference.
    fn fill(&mut self, policy: &Facts, scope: &str) -> bool {
        let by_scope = self.by_scope.get_or_insert_with(|| {
            let mut all: BTreeMap<_, Vec<Pattern>> = BTreeMap::new();
            for role in self.policies.iter().filter(|p| p.kind == Kind::Role) {
                let patterns = role.patterns.iter().filter_map(|p| Pattern::gated(p).ok());
                all.entry((&*role.scope, &*role.version)).or_default().extend(patterns);
            }
            all
        });
        by_scope.get(&(scope, &*policy.version)).is_some_and(|all| all.iter().any(|p| p.matches(&policy.name)))
    }
}

/// Reports scopes whose policies disagree about what an ALLOW there means. The reference's own check misses conflicts
/// between two policies and reports some that are none; with `cerbos_compat` exactly what it refuses is refused.
pub(super) fn permission_conflicts(policies: &[&Facts], options: &CompileOptions, diagnostics: &mut Vec<Diagnostic>) {
    let mut by_scope: BTreeMap<&str, Vec<&Facts>> = BTreeMap::new();
    for policy in policies {
        by_scope.entry(&policy.scope).or_default().push(policy);
    }
    for (scope, all) in by_scope {
        let mut recorded: Vec<ScopePermissions> = Vec::new();
        for policy in all.iter().skip(1) {
            if !recorded.contains(&policy.permissions) {
                recorded.push(policy.permissions);
            }
        }
        let refused_by_reference = options.cerbos_compat && recorded.len() > 1;
        let decides = |p: &Facts| matches!(p.kind, Kind::Resource | Kind::Principal);
        let requires = |p: &&&Facts| decides(p) && p.needs_consent();
        let overrides = |p: &&&Facts| decides(p) && !p.needs_consent();
        let (one, other) = (all.iter().find(requires), all.iter().find(overrides));
        let conflict = match (one, other) {
            (Some(a), Some(b)) if refused_by_reference || !options.cerbos_compat => Some((a, b)),
            _ if refused_by_reference => all.first().zip(all.last()),
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
