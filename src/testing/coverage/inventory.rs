//! What can be covered: every rule, derived role and condition operand of a policy set, with its place. Read from the
//! policies as written, in the order in which the engine numbers them.

use std::collections::BTreeMap;

use crate::compile::enabled_policies;
use crate::policy::model::{Body, Condition, Match, Policy, RuleEffect};
use crate::policy::names::{principal_rule_name, resource_rule_name};
use crate::source::{SourceFile, Span};

/// What a file declares.
#[derive(Clone, Debug)]
pub struct FilePlan {
    /// The file.
    pub file: SourceFile,
    /// Policy key.
    pub key: String,
    /// Rules or derived roles in the engine's order.
    pub items: Vec<Item>,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// An ALLOW rule.
    Allow,
    /// A DENY rule.
    Deny,
    /// A rule of a role policy.
    RoleRule,
    /// A derived role.
    DerivedRole,
}

impl ItemKind {
    /// As reports name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW rule",
            Self::Deny => "DENY rule",
            Self::RoleRule => "role rule",
            Self::DerivedRole => "derived role",
        }
    }
}

/// A rule or derived role.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Given or made name.
    pub name: String,
    /// Line, from 1.
    pub line: u32,
    /// Nodes of its condition, parents first.
    pub nodes: Vec<Node>,
}

/// One node of a condition.
#[derive(Clone, Debug)]
pub struct Node {
    /// `all`, `any`, `none`, or the expression.
    pub text: String,
    /// True for an expression.
    pub is_expr: bool,
    /// Where an expression's text stands; a list stands where its first expression does.
    pub span: Span,
    /// Line, from 1.
    pub line: u32,
}

/// The plans of all enabled policies that have something to cover, by file name.
#[must_use]
pub fn inventory(files: &[SourceFile]) -> BTreeMap<String, FilePlan> {
    let plans = enabled_policies(files).into_iter().filter_map(|policy| {
        let items = items(&policy);
        (!items.is_empty())
            .then(|| (policy.file.name().to_owned(), FilePlan { key: policy.key(), file: policy.file.clone(), items }))
    });
    plans.collect()
}

fn items(policy: &Policy) -> Vec<Item> {
    let file = &policy.file;
    let kind = |effect| if effect == RuleEffect::Allow { ItemKind::Allow } else { ItemKind::Deny };
    let named = |given: &str, made: String| if given.is_empty() { made } else { given.to_owned() };
    let item = |kind, name, at: Span, condition: Option<&Condition>| Item {
        kind,
        name,
        line: file.position(at.start).line,
        nodes: nodes(file, condition),
    };
    match &policy.body {
        Body::Resource(p) => (0..)
            .zip(&p.rules)
            .map(|(i, r)| {
                let name = named(&r.name.value, resource_rule_name(i));
                item(kind(r.effect), name, r.at, r.condition.as_ref())
            })
            .collect(),
        Body::Principal(p) => p
            .rules
            .iter()
            .flat_map(|group| {
                let actions = (0..).zip(&group.actions);
                actions.map(|(i, r)| {
                    let name = named(&r.name.value, principal_rule_name(&group.resource.value, i));
                    item(kind(r.effect), name, r.at, r.condition.as_ref())
                })
            })
            .collect(),
        Body::Role(p) => (1..)
            .zip(&p.rules)
            .map(|(i, r)| {
                let name = named(&r.name.value, format!("#{i} ({})", r.resource.value));
                item(ItemKind::RoleRule, name, r.at, r.condition.as_ref())
            })
            .collect(),
        Body::DerivedRoles(p) => p
            .definitions
            .iter()
            .map(|d| item(ItemKind::DerivedRole, d.name.value.clone(), d.at, d.condition.as_ref()))
            .collect(),
        Body::ExportVariables(_) | Body::ExportConstants(_) => Vec::new(),
    }
}

fn nodes(file: &SourceFile, condition: Option<&Condition>) -> Vec<Node> {
    let mut out = Vec::new();
    if let Some(Condition::Match(m)) = condition {
        add(file, m, &mut out);
    }
    out
}

fn add(file: &SourceFile, m: &Match, out: &mut Vec<Node>) {
    let (text, of) = match m {
        Match::Expr(e) => {
            let line = file.position(e.span.start).line;
            out.push(Node { text: e.text.trim().to_owned(), is_expr: true, span: e.span, line });
            return;
        }
        Match::All(of) => ("all", of),
        Match::Any(of) => ("any", of),
        Match::None(of) => ("none", of),
    };
    let span = first(m).unwrap_or_default();
    let line = file.position(span.start).line;
    out.push(Node { text: text.to_owned(), is_expr: false, span, line });
    for m in of {
        add(file, m, out);
    }
}

fn first(m: &Match) -> Option<Span> {
    match m {
        Match::Expr(e) => Some(e.span),
        Match::All(of) | Match::Any(of) | Match::None(of) => of.iter().find_map(first),
    }
}
