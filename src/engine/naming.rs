//! How answers name what decided them: rules, near misses, policy keys, and truth values in a trace.

use super::call::Call;
use super::condition::{self, Tri};
use super::decide::NO_MATCH;
use super::decision::{NearMiss, RuleRef};
use super::table::{NameRef, Policy, Rule};
use super::walk::Spoken;
use crate::cel::Frame;
use crate::policy::names;

pub(super) fn refer<'a>(policy: &'a Policy, rule: &'a Rule, frame: &'a Frame<'a>) -> RuleRef<'a> {
    let condition = rule.condition.as_ref().and_then(condition::first_expr).map_or("", |id| frame.source(id));
    RuleRef { name: &rule.name, file: &policy.file, line: rule.line, condition }
}

#[inline(never)]
pub(super) fn describe<'a>(call: &Call<'a>, near: Spoken<'a>) -> NearMiss<'a> {
    let rule = refer(near.policy, near.rule, near.frame);
    let unmet = near.rule.condition.as_ref().and_then(|c| condition::unmet(c, near.frame));
    let (unmet, error) = match unmet {
        Some((id, error)) => (near.frame.source(id), error),
        None => ("", None),
    };
    NearMiss { rule, unmet, error: error.map_or("", |e| call.format(format_args!("{e}"))) }
}

pub(super) fn resource_key<'a>(call: &Call<'a>) -> &'a str {
    match call.levels.first() {
        Some(level) => match level.policy {
            Some(policy) => &policy.key,
            None => made_key(call, level.scope),
        },
        None => made_key(call, ""),
    }
}

#[cold]
pub(super) fn made_key<'a>(call: &Call<'a>, scope: &str) -> &'a str {
    call.bump.alloc_str(&names::resource_key(call.request.resource.kind, call.version, scope))
}

#[inline(never)]
pub(super) fn principal_key<'a>(call: &Call<'a>) -> &'a str {
    if !call.principal_exists() {
        return NO_MATCH;
    }
    let scope = call.principal_chain.first().copied().unwrap_or("");
    let name = NameRef { name: call.request.principal.id, version: call.principal_version, scope };
    match call.table.principals.get(&name) {
        Some(policy) => &policy.key,
        None => call.bump.alloc_str(&names::principal_key(name.name, name.version, scope)),
    }
}

/// How a truth value reads in a trace.
pub(super) struct Word<'t, 'a>(pub(super) &'t Tri<'a>);

impl std::fmt::Display for Word<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Tri::True => f.write_str("met"),
            Tri::False => f.write_str("not met"),
            Tri::Error(_, failure) => write!(f, "failed: {failure}"),
        }
    }
}
