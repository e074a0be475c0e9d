//! Rules as rows (§9.2): what the naive engine looks through for every question.

use super::expressions::{self, Definitions};
use crate::engine::glob::Pattern;
use crate::policy::model::{Body, Match, Policy, RoleDefinition, RuleEffect, ScopePermissions, Text};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Principal,
    Resource,
    Role,
}

/// One rule, or one rule by one of its derived roles; a policy without rules has a row that matches nothing.
pub struct Row<'s> {
    pub kind: Kind,
    pub policy: &'s Policy,
    /// Resource kind, principal id or role.
    pub name: String,
    pub version: String,
    pub scope: &'s str,
    pub resource: Pattern,
    pub actions: Vec<Pattern>,
    pub roles: Vec<Pattern>,
    pub derived: Option<&'s (&'s Policy, &'s RoleDefinition)>,
    pub effect: RuleEffect,
    pub condition: Option<&'s Match>,
    /// A conditional ALLOW of a policy that needs parental consent: a DENY unless its condition holds.
    pub turned: bool,
}

pub fn gated(text: &str) -> Pattern {
    Pattern::gated(text).unwrap_or(Pattern::Never)
}

fn always(text: &str) -> Pattern {
    Pattern::always(text).unwrap_or_else(|_| Pattern::Literal(text.into()))
}

/// The rows of a policy; `fold` makes of a name what is compared.
pub fn of<'s>(policy: &'s Policy, definitions: &'s Definitions<'s>, fold: fn(&str) -> String) -> Vec<Row<'s>> {
    let row = |kind, name: String, version: &str, scope| Row {
        kind,
        policy,
        name,
        version: if version.is_empty() { "default".into() } else { version.to_owned() },
        scope,
        resource: Pattern::Never,
        actions: Vec::new(),
        roles: Vec::new(),
        derived: None,
        effect: RuleEffect::Deny,
        condition: None,
        turned: false,
    };
    let consents = |p| p == ScopePermissions::RequireParentalConsent;
    let turned = |consent, effect, condition: &Option<&Match>| {
        consents(consent) && effect == RuleEffect::Allow && condition.is_some()
    };
    let patterns =
        |list: &'s [Text], make: fn(&str) -> Pattern| -> Vec<Pattern> { list.iter().map(|t| make(&t.value)).collect() };
    match &policy.body {
        Body::Resource(p) => {
            let base = || row(Kind::Resource, fold(&p.resource.value), &p.version.value, &p.scope.value);
            let mut rows = vec![base()];
            for rule in &p.rules {
                let condition = expressions::condition(rule.condition.as_ref());
                let turned = turned(p.scope_permissions.value, rule.effect, &condition);
                let whole = || Row {
                    actions: patterns(&rule.actions, gated),
                    effect: rule.effect,
                    condition,
                    turned,
                    ..base()
                };
                if !rule.roles.is_empty() {
                    rows.push(Row { roles: patterns(&rule.roles, gated), ..whole() });
                }
                for name in &rule.derived_roles {
                    let found = definitions.iter().find(|(_, role)| role.name.value == name.value);
                    let parents = found.map(|(_, role)| patterns(&role.parent_roles, gated)).unwrap_or_default();
                    rows.push(Row { roles: parents, derived: found, ..whole() });
                }
            }
            rows
        }
        Body::Principal(p) => {
            let base = || row(Kind::Principal, p.principal.value.clone(), &p.version.value, &p.scope.value);
            let mut rows = vec![base()];
            for (rule, action) in p.rules.iter().flat_map(|rule| rule.actions.iter().map(move |a| (rule, a))) {
                let condition = expressions::condition(action.condition.as_ref());
                rows.push(Row {
                    resource: gated(&fold(&rule.resource.value)),
                    actions: vec![gated(&action.action.value)],
                    effect: action.effect,
                    condition,
                    turned: turned(p.scope_permissions.value, action.effect, &condition),
                    ..base()
                });
            }
            rows
        }
        Body::Role(p) => p
            .rules
            .iter()
            .map(|rule| Row {
                resource: gated(&rule.resource.value),
                actions: patterns(&rule.allow_actions, always),
                condition: expressions::condition(rule.condition.as_ref()),
                ..row(Kind::Role, p.role.value.clone(), &p.version.value, &p.scope.value)
            })
            .collect(),
        Body::DerivedRoles(_) | Body::ExportVariables(_) | Body::ExportConstants(_) => Vec::new(),
    }
}
