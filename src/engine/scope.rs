//! Scope chains, parent roles and the existence tests that come before any rule is looked at (spec §10.1, §11, §12.1).

use bumpalo::{Bump, collections::Vec as BumpVec};

use super::decide::{Params, Semantics};
use super::table::{PairRef, RuleTable};

/// The scope a request means: its own or the default, without one leading `.` (so `.` is the root).
pub(crate) fn effective<'a>(requested: &'a str, default: &'a str) -> &'a str {
    let scope = if requested.is_empty() { default } else { requested };
    if scope.is_empty() { scope } else { scope.strip_prefix('.').unwrap_or(scope) }
}

/// The version a request means.
pub(crate) fn version<'a>(requested: &'a str, default: &'a str) -> &'a str {
    if requested.is_empty() { default } else { requested }
}

/// `a.b.c` → `a.b` → `a` → `""`; `None` after the root.
fn parent(scope: &str) -> Option<&str> {
    if scope.is_empty() {
        return None;
    }
    Some(scope.rsplit_once('.').map_or("", |(head, _)| head))
}

/// `scope` and its ancestors as far as `exists` knows them, leaf first; empty if the leaf must exist and does not.
pub(crate) fn chain<'a>(
    scope: &'a str,
    leaf_exists: bool,
    lenient: bool,
    exists: impl Fn(&str) -> bool,
    bump: &'a Bump,
) -> &'a [&'a str] {
    if !leaf_exists && !lenient {
        return &[];
    }
    let mut next = parent(scope);
    if next.is_none() && leaf_exists {
        return &[""];
    }
    let mut all = BumpVec::with_capacity_in(1, bump);
    if leaf_exists {
        all.push(scope);
    }
    while let Some(s) = next {
        if exists(s) {
            all.push(s);
        }
        next = parent(s);
    }
    all.into_bump_slice()
}

/// Role policies of this version in a scope that mention the kind.
pub(crate) fn has_role_policy(table: &RuleTable, kind: &str, version: &str, scope: &str) -> bool {
    table
        .role_policies_at(scope)
        .any(|(name, p)| *name.version == *version && p.rules.iter().any(|r| r.resource.matches(kind)))
}

/// The resource chain; `here` tells that a policy of the kind is known to live in `scope`. In the reference a scope exists if any resource policy, of whatever kind, lives in it; by
/// default it must exist for this kind.
pub(crate) fn resource_chain<'a>(
    table: &RuleTable,
    params: &Params,
    kind: &str,
    scope: &'a str,
    here: bool,
    bump: &'a Bump,
) -> &'a [&'a str] {
    let known = |s: &str| table.scopes.resource.contains(s);
    let leaf = if here {
        true
    } else if params.semantics == Semantics::Safe {
        table.scopes.kinds.contains(&PairRef(kind, scope)) || role_policy_mentions(table, kind, scope)
    } else {
        known(scope)
    };
    chain(scope, leaf, params.lenient_scope_search, known, bump)
}

fn role_policy_mentions(table: &RuleTable, kind: &str, scope: &str) -> bool {
    table.role_policies_at(scope).flat_map(|(_, p)| p.rules.iter()).any(|rule| rule.resource.matches(kind))
}

/// `role` followed by its ancestors through role policies. The reference looks only at role policies of exactly the
/// request's scope, whatever their version; by default those in force count: this version, any scope of the chain.
pub(crate) fn with_ancestors<'a>(
    table: &'a RuleTable,
    params: &Params,
    role: &'a str,
    scope: &str,
    chain: &[&str],
    version: &str,
    bump: &'a Bump,
) -> &'a [&'a str] {
    let mut all = BumpVec::with_capacity_in(1, bump);
    all.push(role);
    let safe = params.semantics == Semantics::Safe;
    let exact = [scope];
    let scopes: &[&str] = if safe { chain } else { &exact };
    let mut next = 0;
    while let Some(current) = all.get(next).copied() {
        next += 1;
        for scope in scopes {
            for (at, parents) in table.scopes.parents.get(&PairRef(current, scope)).map_or(&[][..], |v| v) {
                if safe && **at != *version {
                    continue;
                }
                for parent in parents {
                    // the reference lets a role be its own ancestor
                    let known = if safe { &all[..] } else { all.get(1..).unwrap_or(&[]) };
                    if !known.contains(&&**parent) {
                        all.push(parent);
                    }
                }
            }
        }
    }
    all.into_bump_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_go_from_leaf_to_root_over_what_exists() {
        let bump = Bump::new();
        let exists = |s: &str| ["", "a", "a.b.c"].contains(&s);
        assert_eq!(chain("a.b.c", true, false, exists, &bump), ["a.b.c", "a", ""]);
        assert_eq!(chain("a.b", false, false, exists, &bump), [""; 0]);
        assert_eq!(chain("a.b", false, true, exists, &bump), ["a", ""]);
        assert_eq!(chain("", true, false, exists, &bump), [""]);
        assert_eq!(effective(".", "acme"), "");
        assert_eq!(effective("", "acme"), "acme");
    }
}
