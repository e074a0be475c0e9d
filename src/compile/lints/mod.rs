//! Lints: what loads, but probably does not do what its author meant. Asked of a set that compiles, as it is written; what
//! is found are warnings and remarks, never errors. `toolgate lint` shows them; nothing is decided by them.
//!
//! | file | asks |
//! |---|---|
//! | `rules` | rules that cannot apply, constant conditions, broad ALLOWs, names that fall together, loops within loops |
//! | `costs` | what a rule may cost at worst |
//! | `reads` | attributes that may be missing where a DENY rests on them, and names that look misspelt |
//! | `unused` | definitions and imports that nothing refers to |
//! | `semantics` | places where the two semantics differ |

mod costs;
mod reads;
mod rules;
mod semantics;
#[cfg(test)]
mod tests;
mod unused;

use crate::cel::ast::Ast;
use crate::policy::model::{Body, Condition, ExprText, Match, Output, Policy, RuleEffect, Text};
use crate::policy::names::{principal_rule_name, resource_rule_name};
use crate::source::{Diagnostic, Severity, SourceFile, Span};

use super::{CompileOptions, decode};

/// Everything worth saying about the policies among `files`, sorted. Meant for a set without errors; files that have some
/// are left out.
#[must_use]
pub fn lint(files: &[SourceFile], options: &CompileOptions) -> Vec<Diagnostic> {
    let policies = decode(files, &mut Vec::new());
    let mut out = Vec::new();
    for policy in &policies {
        rules::lint(policy, &mut out);
    }
    reads::lint(&policies, options, &mut out);
    costs::lint(&policies, &mut out);
    unused::lint(&policies, &mut out);
    semantics::lint(&policies, &mut out);
    Diagnostic::sort(&mut out);
    out.dedup();
    out
}

fn info(code: &'static str, file: &SourceFile, at: impl Into<Option<Span>>, message: String) -> Diagnostic {
    Diagnostic { severity: Severity::Info, ..Diagnostic::warning(code, file, at, message) }
}

/// A rule, whatever kind of policy it is in.
struct Ruled<'p> {
    name: String,
    at: Span,
    effect: Option<RuleEffect>,
    actions: Vec<&'p Text>,
    /// `None` where the rule counts for every role.
    roles: Option<&'p [Text]>,
    derived_roles: &'p [Text],
    condition: Option<&'p Condition>,
    output: Option<&'p Output>,
}

/// The rules of a policy in file order; derived roles are no rules.
fn rules(policy: &Policy) -> Vec<Ruled<'_>> {
    let named = |given: &Text, made: String| if given.value.is_empty() { made } else { given.value.clone() };
    match &policy.body {
        Body::Resource(p) => (0..)
            .zip(&p.rules)
            .map(|(i, r)| Ruled {
                name: named(&r.name, resource_rule_name(i)),
                at: r.at,
                effect: Some(r.effect),
                actions: r.actions.iter().collect(),
                roles: Some(&r.roles),
                derived_roles: &r.derived_roles,
                condition: r.condition.as_ref(),
                output: r.output.as_ref(),
            })
            .collect(),
        Body::Principal(p) => p
            .rules
            .iter()
            .flat_map(|group| {
                (0..).zip(&group.actions).map(|(i, r)| Ruled {
                    name: named(&r.name, principal_rule_name(&group.resource.value, i)),
                    at: r.at,
                    effect: Some(r.effect),
                    actions: vec![&r.action],
                    roles: None,
                    derived_roles: &[],
                    condition: r.condition.as_ref(),
                    output: r.output.as_ref(),
                })
            })
            .collect(),
        Body::Role(p) => p
            .rules
            .iter()
            .map(|r| Ruled {
                name: named(&r.name, r.resource.value.clone()),
                at: r.at,
                effect: None,
                actions: r.allow_actions.iter().collect(),
                roles: None,
                derived_roles: &[],
                condition: r.condition.as_ref(),
                output: r.output.as_ref(),
            })
            .collect(),
        Body::DerivedRoles(_) | Body::ExportVariables(_) | Body::ExportConstants(_) => Vec::new(),
    }
}

/// The expressions of a condition.
fn condition_texts<'p>(condition: Option<&'p Condition>, out: &mut Vec<&'p ExprText>) {
    fn operand<'p>(m: &'p Match, out: &mut Vec<&'p ExprText>) {
        match m {
            Match::Expr(text) => out.push(text),
            Match::All(of) | Match::Any(of) | Match::None(of) => of.iter().for_each(|m| operand(m, out)),
        }
    }
    if let Some(Condition::Match(m)) = condition {
        operand(m, out);
    }
}

/// Definitions of variables a policy has of its own.
fn own_variables(policy: &Policy) -> Vec<(&Text, &ExprText)> {
    let listed = match &policy.body {
        Body::Resource(p) => &p.variables.local,
        Body::Principal(p) => &p.variables.local,
        Body::Role(p) => &p.variables.local,
        Body::DerivedRoles(p) => &p.variables.local,
        Body::ExportVariables(p) => &p.definitions,
        Body::ExportConstants(_) => return Vec::new(),
    };
    listed.iter().chain(&policy.variables).map(|(name, text)| (name, text)).collect()
}

/// Every expression of a policy but those of its variables.
fn expressions(policy: &Policy) -> Vec<&ExprText> {
    let mut out = Vec::new();
    for rule in rules(policy) {
        condition_texts(rule.condition, &mut out);
        if let Some(output) = rule.output {
            out.extend(output.rule_activated.iter().chain(&output.condition_not_met));
        }
    }
    if let Body::DerivedRoles(p) = &policy.body {
        p.definitions.iter().for_each(|d| condition_texts(d.condition.as_ref(), &mut out));
    }
    out
}

fn parsed(text: &ExprText) -> Option<Ast> {
    crate::cel::parse(&text.text).ok()
}
