//! Rules one by one: those that cannot apply, conditions that are constant, ALLOWs that are too broad, names that fall
//! together, loops within loops.

use super::{Ruled, condition_texts, info, parsed, rules};
use crate::cel::ast::{Ast, ExprKind, Literal, NodeId};
use crate::engine::glob::Pattern;
use crate::policy::model::{Body, Condition, Match, Policy, RuleEffect, Text};
use crate::policy::names::resource_rule_name;
use crate::source::{Diagnostic, Span};

/// Loops inside of loops from which on the cost grows too fast.
const DEEP: usize = 3;

pub(super) fn lint(policy: &Policy, out: &mut Vec<Diagnostic>) {
    let all = rules(policy);
    for rule in &all {
        constant(policy, rule, out);
        broad(policy, rule, out);
        cost(policy, rule, out);
        if let Some(by) = all.iter().find(|by| shadows(by, rule)) {
            let text = format!("rule `{}` can never allow: rule `{}` denies all it matches", rule.name, by.name);
            out.push(
                Diagnostic::warning("TG0601", &policy.file, rule.at, text)
                    .with_related(&policy.file, by.at, "denies without a condition")
                    .with_help("give the DENY a condition or fewer actions, or remove this rule"),
            );
        }
    }
    ambiguous(policy, out);
    if let Body::DerivedRoles(p) = &policy.body {
        for role in &p.definitions {
            if let Some(false) = role.condition.as_ref().and_then(truth) {
                let text = format!("derived role `{}` is never active: its condition is always false", role.name.value);
                out.push(Diagnostic::warning("TG0602", &policy.file, role.at, text));
            }
        }
    }
}

/// Whether an unconditional DENY covers all that an ALLOW matches. Whoever matches by derived role has a role, too.
fn shadows(deny: &Ruled<'_>, allow: &Ruled<'_>) -> bool {
    let effects = deny.effect == Some(RuleEffect::Deny) && allow.effect == Some(RuleEffect::Allow);
    if !effects || deny.condition.is_some() || !deny.derived_roles.is_empty() {
        return false;
    }
    let covers = |wide: &[&Text], narrow: &Text| wide.iter().any(|w| covers(&w.value, &narrow.value));
    let roles = match (deny.roles, allow.roles) {
        (Some(deny), Some(roles)) => {
            let deny: Vec<&Text> = deny.iter().collect();
            deny.iter().any(|d| d.value == "*")
                || (allow.derived_roles.is_empty() && roles.iter().all(|role| covers(&deny, role)))
        }
        // rules of a principal policy may be about different resources
        _ => false,
    };
    roles && allow.actions.iter().all(|action| covers(&deny.actions, action))
}

fn covers(wide: &str, narrow: &str) -> bool {
    wide == "*" || wide == narrow || (!narrow.contains('*') && Pattern::gated(wide).is_ok_and(|p| p.matches(narrow)))
}

fn constant(policy: &Policy, rule: &Ruled<'_>, out: &mut Vec<Diagnostic>) {
    let Some(always) = rule.condition.and_then(truth) else { return };
    let (code, text, help) = if always {
        ("TG0603", format!("the condition of rule `{}` is always true", rule.name), "remove it")
    } else {
        let text = format!("rule `{}` can never apply: its condition is always false", rule.name);
        ("TG0602", text, "remove the rule, or say when it applies")
    };
    out.push(Diagnostic::warning(code, &policy.file, rule.at, text).with_help(help));
}

/// What a condition always is, if that can be told without a request.
fn truth(condition: &Condition) -> Option<bool> {
    match condition {
        Condition::Match(m) => operand(m),
        Condition::Script(_) => None,
    }
}

fn operand(m: &Match) -> Option<bool> {
    let all = |of: &[Match], stop: bool| {
        let results: Vec<Option<bool>> = of.iter().map(operand).collect();
        if results.contains(&Some(stop)) { Some(stop) } else { results.iter().all(Option::is_some).then_some(!stop) }
    };
    match m {
        Match::Expr(text) => parsed(text).and_then(|ast| value(&ast, ast.root)),
        Match::All(of) => all(of, false),
        Match::Any(of) => all(of, true),
        Match::None(of) => all(of, true).map(|any| !any),
    }
}

/// Boolean literals under `!`, `&&`, `||`, and literals or equal texts that are compared.
fn value(ast: &Ast, id: NodeId) -> Option<bool> {
    match &ast.node(id).kind {
        ExprKind::Literal(Literal::Bool(b)) => Some(*b),
        ExprKind::Call { function, args, .. } => match (&**function, &args[..]) {
            ("!_", [a]) => value(ast, *a).map(|v| !v),
            ("_&&_", [a, b]) => both(value(ast, *a), value(ast, *b), false),
            ("_||_", [a, b]) => both(value(ast, *a), value(ast, *b), true),
            ("_==_", [a, b]) => literals(ast, *a, *b),
            ("_!=_", [a, b]) => literals(ast, *a, *b).map(|v| !v),
            _ => None,
        },
        _ => None,
    }
}

fn both(a: Option<bool>, b: Option<bool>, stop: bool) -> Option<bool> {
    if a == Some(stop) || b == Some(stop) { Some(stop) } else { a.and(b) }
}

fn literals(ast: &Ast, a: NodeId, b: NodeId) -> Option<bool> {
    match (&ast.node(a).kind, &ast.node(b).kind) {
        (ExprKind::Literal(a), ExprKind::Literal(b)) if std::mem::discriminant(a) == std::mem::discriminant(b) => {
            Some(a == b)
        }
        _ => None,
    }
}

fn broad(policy: &Policy, rule: &Ruled<'_>, out: &mut Vec<Diagnostic>) {
    if rule.effect != Some(RuleEffect::Allow) || rule.condition.is_some() {
        return;
    }
    let Some(action) = rule.actions.iter().find(|a| is_broad(&a.value)) else { return };
    let everybody = rule.roles.is_some_and(|roles| roles.iter().any(|r| r.value == "*"));
    let whom = if everybody { "everybody" } else { "its roles" };
    let text = format!("rule `{}` allows `{}` to {whom} without a condition", rule.name, action.value);
    let help = "name the actions: tools that are added later are allowed by this rule, too";
    out.push(Diagnostic::warning("TG0604", &policy.file, action.span, text).with_help(help));
}

fn is_broad(action: &str) -> bool {
    !action.is_empty() && action.chars().all(|c| matches!(c, '*' | ':' | '?'))
}

/// `rule-002` as a given name is also what the second rule is called if it has none (spec §17, N3).
fn ambiguous(policy: &Policy, out: &mut Vec<Diagnostic>) {
    let Body::Resource(p) = &policy.body else { return };
    for (i, unnamed) in p.rules.iter().enumerate().filter(|(_, r)| r.name.value.is_empty()) {
        let made = resource_rule_name(i);
        for other in p.rules.iter().filter(|r| r.name.value == made) {
            let text = format!("rule name `{made}` is also the name of rule #{}, which has none of its own", i + 1);
            out.push(
                Diagnostic::warning("TG0605", &policy.file, other.name.at, text)
                    .with_related(&policy.file, unnamed.at, "this rule")
                    .with_help("rename one: under the reference the two share the result of their conditions"),
            );
        }
    }
}

fn cost(policy: &Policy, rule: &Ruled<'_>, out: &mut Vec<Diagnostic>) {
    let mut texts = Vec::new();
    condition_texts(rule.condition, &mut texts);
    for text in texts {
        let Some(ast) = parsed(text) else { continue };
        let depth = loops(&ast);
        if depth >= DEEP {
            let words = format!(
                "the worst-case cost of rule `{}` grows with the {depth}th power of its input: {depth} loops inside of \
                 each other",
                rule.name
            );
            let at = text.file_offset(ast.root().position);
            let help = "test membership with `in` or `hasIntersection` instead of a loop";
            let span = Span { start: at, end: at + 1 };
            out.push(info("TG0606", &policy.file, span, words).with_help(help));
        }
    }
}

/// The most loops inside of each other. Children come before parents in the arena.
fn loops(ast: &Ast) -> usize {
    let mut deep: Vec<usize> = Vec::with_capacity(ast.nodes.len());
    for node in &ast.nodes {
        let below = |id: NodeId| deep.get(id.0 as usize).copied().unwrap_or(0);
        let depth = match &node.kind {
            ExprKind::Comprehension(c) => {
                let once = below(c.range).max(below(c.init)).max(below(c.result));
                once.max(1 + below(c.condition).max(below(c.step)))
            }
            kind => {
                let mut most = 0;
                kind.for_each_child(|c| most = most.max(below(c)));
                most
            }
        };
        deep.push(depth);
    }
    deep.get(ast.root.0 as usize).copied().unwrap_or(0)
}
