//! What the role policies of a scope say about an action (spec §12.2).

use super::call::Call;
use super::condition::{Failure, Tri};
use super::decide::Semantics;
use super::decision::Cause;
use super::naming::Word;
use super::roots;
use super::seen::Seen;
use super::table::{NameRef, Policy, RolePolicy, RoleRule, Rule};
use super::walk::Outcome;

/// Role policies only ever deny: an action that the role, or an ancestor of it, does not list (spec §12.2).
#[inline(never)]
pub(super) fn apply_role_policies<'a>(
    call: &mut Call<'a>,
    level: usize,
    roles: &'a [&'a str],
    action: &'a str,
) -> Outcome<'a> {
    let Some((scope, policy)) = call.levels.get(level).map(|l| (l.scope, l.policy)) else { return Outcome::Undecided };
    let (table, version) = (call.table, call.version);
    let of = |role: &'a str| table.roles.get(&NameRef { name: role, version, scope }).filter(|p| !p.rules.is_empty());
    // In the reference a role policy restricts nothing at a scope where no row mentions the resource (X15).
    if call.params.semantics != Semantics::Safe {
        let kind = call.kind;
        let by_rule = policy.is_some_and(|p| p.rules.iter().any(|rule| mentions(p, rule, roles)));
        let by_role_policy =
            || roles.iter().filter_map(|r| of(r)).any(|p| p.rules.iter().any(|r| r.resource.matches(kind)));
        if !by_rule && !by_role_policy() {
            return Outcome::Undecided;
        }
    }
    for role in roles {
        let Some(policy) = of(role) else { continue };
        let mut listed = false;
        for rule in &policy.rules {
            if rule.resource.matches(call.kind) && rule.allow_actions.iter().any(|p| p.matches(action)) {
                listed = true;
                if let Some(outcome) = apply_role_rule(call, policy, rule, level, action) {
                    return outcome;
                }
            }
        }
        if !listed {
            call.consider(&policy.key, &policy.file);
            call.see(Seen::Unlisted { action, policy });
            call.note(format_args!("{}: does not list action `{action}`", policy.key));
            return Outcome::Deny(call.bump.alloc(Cause::RolePolicy(&policy.key)), Some(&policy.key));
        }
    }
    Outcome::Undecided
}

fn mentions(policy: &Policy, rule: &Rule, roles: &[&str]) -> bool {
    let derived = rule.derived.iter().filter_map(|i| policy.derived.get(*i as usize));
    let derived = derived.filter_map(|at| at.definition().map(|r| &*r.parents));
    std::iter::once(&*rule.roles).chain(derived).flatten().any(|p| roles.iter().any(|r| p.matches(r)))
}

fn apply_role_rule<'a>(
    call: &mut Call<'a>,
    policy: &'a RolePolicy,
    rule: &'a RoleRule,
    level: usize,
    action: &'a str,
) -> Option<Outcome<'a>> {
    let frame = {
        // The policy may read this level's derived roles, also where the level's own policy does not.
        if policy.unit.reads_root(roots::RUNTIME) {
            call.derived(level);
        }
        call.frame(&policy.unit, level)
    };
    let met = match &rule.condition {
        None => Tri::True,
        Some(condition) => call.evaluate(condition, frame),
    };
    if !matches!(met, Tri::True) {
        call.consider(&policy.key, &policy.file);
    }
    call.see(Seen::RoleRule { action, policy, rule, met, frame });
    call.note(format_args!("{} ({}:{}): condition {}", rule.src, policy.file, rule.line, Word(&met)));
    let (activated, not_met) = rule.output.unwrap_or((None, None));
    let is_met = matches!(met, Tri::True);
    // With strict evaluation an error ends the action before anything is said.
    let said = !(matches!(met, Tri::Error(..)) && call.params.semantics == Semantics::CerbosStrict);
    if let Some(id) = if is_met { activated } else { not_met }
        && said
    {
        call.emit(&rule.src, action, id, frame, 1);
    }
    let cause = call.bump.alloc(Cause::RolePolicy(&policy.key));
    match met {
        Tri::True => None,
        Tri::Error(_, Failure::Budget) => Some(Outcome::Stop(&Cause::Budget, Some(&policy.key))),
        Tri::Error(..) if call.params.semantics == Semantics::CerbosStrict => {
            Some(Outcome::Stop(cause, Some(&policy.key)))
        }
        Tri::False | Tri::Error(..) => Some(Outcome::Deny(cause, Some(&policy.key))),
    }
}
