//! Why a call was decided as it was: what was asked, in order, with every condition taken apart and the values it read;
//! what decided; and for a denied call the rule that came nearest to allowing it, with what it lacks.
//!
//! Made after the decision from what the engine says it asked; it cannot change a decision. `values` finds and hides values,
//! `text`, `json` and `message` are its faces.

mod json;
mod message;
mod text;
mod values;

#[cfg(test)]
mod tests;

pub use json::{json, read};
pub use message::message;
pub use text::text;
pub use values::Redaction;

use std::borrow::Cow;

use bumpalo::Bump;

use crate::cel::Frame;
use crate::engine::condition::{Condition, Failure, Tri, evaluate};
use crate::engine::decision::{Cause, Decision, Effect};
use crate::engine::glob::Pattern;
use crate::engine::request::Request;
use crate::engine::seen::Seen;
use crate::engine::table::{Policy, Rule, RuleTable};
use crate::engine::{Params, Semantics};
use crate::policy::model::RuleEffect;

/// Why one principal's question was answered as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// `identity` or `agent`: whose question it is.
    pub asker: String,
    /// The principal's id.
    pub principal: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Resource kind.
    pub kind: String,
    /// The action.
    pub action: String,
    /// Whether it is allowed.
    pub allowed: bool,
    /// Matched policy, or `NO_MATCH`.
    pub policy: String,
    /// Why, in a line.
    pub reason: String,
    /// What was asked, in order.
    pub steps: Vec<Step>,
    /// For a denied call: the nearest rule that would have allowed it, and what would have to change.
    pub nearest: Option<Nearest>,
}

/// One rule or derived role that was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// `ALLOW rule`, `DENY rule`, `derived role`, `role policy`.
    pub what: Cow<'static, str>,
    /// Rule or role name.
    pub name: String,
    /// Policy key, or the set's.
    pub policy: String,
    /// `file:line`
    pub place: String,
    /// `applies`, `does not apply`, `active`, …
    pub outcome: String,
    /// True if it is what decided.
    pub decides: bool,
    /// The condition, if it has one.
    pub condition: Option<Node>,
}

/// One node of a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// `all`, `any`, `none`, or the expression.
    pub text: String,
    /// `true`, `false`, or the error.
    pub result: String,
    /// Whether it holds.
    pub holds: bool,
    /// What the expression read: path and value as JSON, or `missing`.
    pub values: Vec<(String, String)>,
    /// Operands, all of them, also those that were not needed.
    pub operands: Vec<Node>,
}

/// A rule that would have allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Nearest {
    /// The rule.
    pub rule: String,
    /// `file:line`
    pub place: String,
    /// What would have to be otherwise, one thing a line.
    pub lacks: Vec<String>,
}

/// Explains the decision on the first action of a request.
#[must_use]
pub fn explain(
    asker: &str,
    table: &RuleTable,
    params: &Params,
    request: &Request<'_>,
    (decision, seen): (&Decision<'_>, &[Seen<'_>]),
    redaction: &Redaction,
) -> Explanation {
    let teller = Teller { request, semantics: params.semantics, redaction };
    let first = decision.actions.first();
    let allowed = first.is_some_and(|a| a.effect == Effect::Allow);
    let cause = first.map_or(Cause::NoPolicy, |a| a.cause);
    let action = first.map_or("", |a| a.action);
    let mut steps: Vec<Step> = Vec::new();
    for step in seen.iter().filter(|s| s.action() == action).map(|s| teller.step(s, &cause)) {
        // a rule that is asked for several roles is told once
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    let nearest = if allowed { None } else { teller.nearest(table, action, seen, &cause) };
    Explanation {
        asker: asker.to_owned(),
        principal: request.principal.id.to_owned(),
        roles: request.principal.roles.iter().map(|r| (*r).to_owned()).collect(),
        kind: request.resource.kind.to_owned(),
        action: action.to_owned(),
        allowed,
        policy: first.map_or("", |a| a.policy).to_owned(),
        reason: reason(&cause),
        steps,
        nearest,
    }
}

fn reason(cause: &Cause<'_>) -> String {
    match cause {
        Cause::NoPolicy => "no policy is about this kind".to_owned(),
        Cause::NoRule(_) => "no ALLOW rule applies".to_owned(),
        Cause::Rule(rule) => format!("rule `{}` ({}:{}) applies", rule.name, rule.file, rule.line),
        Cause::Error(rule, error) => {
            format!("the condition of rule `{}` ({}:{}) failed: {error}", rule.name, rule.file, rule.line)
        }
        Cause::RolePolicy(key) => format!("role policy `{key}` does not allow the action"),
        Cause::Schema => "the attributes do not fit the schema".to_owned(),
        Cause::Budget => "the step budget is exhausted".to_owned(),
    }
}

struct Teller<'t, 'a> {
    request: &'t Request<'a>,
    semantics: Semantics,
    redaction: &'t Redaction,
}

impl Teller<'_, '_> {
    fn step(&self, seen: &Seen<'_>, cause: &Cause<'_>) -> Step {
        match seen {
            Seen::Rule { policy, rule, met, frame, .. } => Step {
                what: if rule.effect == RuleEffect::Allow { "ALLOW rule" } else { "DENY rule" }.into(),
                name: rule.name.to_string(),
                policy: policy.key.to_string(),
                place: format!("{}:{}", policy.file, rule.line),
                outcome: word(met, ["applies", "does not apply"]),
                decides: decides(cause, &policy.file, rule.line, &rule.name),
                condition: rule.condition.as_ref().map(|c| self.node(c, frame)),
            },
            Seen::DerivedRole { rule, set, role, active, frame, .. } => Step {
                what: "derived role".into(),
                name: format!("{} (for rule `{}`)", role.name, rule.name),
                policy: set.key.to_string(),
                place: format!("{}:{}", set.file, role.line),
                outcome: word(active, ["active", "not active"]),
                decides: false,
                condition: role.condition.as_ref().map(|c| self.node(c, frame)),
            },
            Seen::RoleRule { policy, rule, met, frame, .. } => Step {
                what: "role policy".into(),
                name: rule.name.to_string(),
                policy: policy.key.to_string(),
                place: format!("{}:{}", policy.file, rule.line),
                outcome: word(met, ["lists the action", "does not allow the action"]),
                decides: matches!(cause, Cause::RolePolicy(key) if **key == *policy.key) && !matches!(met, Tri::True),
                condition: rule.condition.as_ref().map(|c| self.node(c, frame)),
            },
            Seen::Unlisted { policy, .. } => Step {
                what: "role policy".into(),
                name: String::new(),
                policy: policy.key.to_string(),
                place: policy.file.to_string(),
                outcome: "does not list the action".to_owned(),
                decides: matches!(cause, Cause::RolePolicy(key) if **key == *policy.key),
                condition: None,
            },
        }
    }

    fn node(&self, condition: &Condition, frame: &Frame<'_>) -> Node {
        let result = evaluate(condition, frame, self.semantics, &mut |_, _| {});
        let operands = |of: &[Condition]| of.iter().map(|c| self.node(c, frame)).collect();
        let (text, values, operands) = match condition {
            Condition::Expr(id) => {
                let text = frame.source(*id);
                (text, values::read(text, self.request, frame, self.redaction), Vec::new())
            }
            Condition::All(of) => ("all", Vec::new(), operands(of)),
            Condition::Any(of) => ("any", Vec::new(), operands(of)),
            Condition::None(of) => ("none", Vec::new(), operands(of)),
        };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let holds = matches!(result, Tri::True);
        Node { text, result: word(&result, ["true", "false"]), holds, values, operands }
    }

    /// The ALLOW rule that lacks least: one whose condition is not met, then one whose derived role is not active, then one
    /// for other roles. A DENY that applies comes first of what it lacks.
    fn nearest(&self, table: &RuleTable, action: &str, seen: &[Seen<'_>], cause: &Cause<'_>) -> Option<Nearest> {
        let mut best: Option<(usize, Nearest)> = None;
        let mut offer = |cost: usize, nearest: Nearest| {
            if best.as_ref().is_none_or(|(known, _)| cost < *known) {
                best = Some((cost, nearest));
            }
        };
        for step in seen.iter().filter(|s| s.action() == action) {
            match step {
                Seen::Rule { policy, rule, met, frame, .. } if rule.effect == RuleEffect::Allow => {
                    let mut lacks = Vec::new();
                    if let (false, Some(condition)) = (matches!(met, Tri::True), &rule.condition) {
                        unmet(&self.node(condition, frame), true, &mut lacks);
                    }
                    offer(lacks.len(), near(policy, rule, lacks));
                }
                Seen::DerivedRole { policy, rule, role, active, frame, .. }
                    if rule.effect == RuleEffect::Allow && !matches!(active, Tri::True) =>
                {
                    let mut lacks = vec![format!("derived role `{}` would have to be active", role.name)];
                    if let Some(condition) = &role.condition {
                        unmet(&self.node(condition, frame), true, &mut lacks);
                    }
                    offer(50 + lacks.len(), near(policy, rule, lacks));
                }
                _ => {}
            }
        }
        for (name, policy) in table.resources.iter() {
            if *name.name != *self.request.resource.kind {
                continue;
            }
            let bump = Bump::new();
            for i in policy.actions.rules(action, &bump) {
                if let Some(rule) = policy.rules.get(*i as usize).filter(|r| r.effect == RuleEffect::Allow) {
                    let roles = self.request.principal.roles;
                    let fits = |patterns: &[Pattern]| patterns.iter().any(|p| roles.iter().any(|r| p.matches(r)));
                    let derived = rule.derived.iter().filter_map(|i| policy.derived.get(*i as usize));
                    let parents = derived.filter_map(|at| at.definition().map(|role| &*role.parents));
                    if fits(&rule.roles) || parents.into_iter().any(fits) {
                        let text = "what else it needs is not known: it was not asked".to_owned();
                        offer(90, near(policy, rule, vec![text]));
                    } else {
                        let text = "the principal would need a role it is for".to_owned();
                        offer(100, near(policy, rule, vec![text]));
                    }
                }
            }
        }
        let (_, mut nearest) = best?;
        if let Cause::Rule(rule) | Cause::Error(rule, _) = cause {
            nearest.lacks.insert(0, format!("DENY rule `{}` ({}:{}) must not apply", rule.name, rule.file, rule.line));
        }
        Some(nearest)
    }
}

fn near(policy: &Policy, rule: &Rule, lacks: Vec<String>) -> Nearest {
    Nearest { rule: rule.name.to_string(), place: format!("{}:{}", policy.file, rule.line), lacks }
}

/// What keeps a node from being `wanted`, with what it read.
fn unmet(node: &Node, wanted: bool, out: &mut Vec<String>) {
    if node.holds == wanted {
        return;
    }
    if node.operands.is_empty() {
        let values: Vec<String> = node.values.iter().map(|(path, value)| format!("{path} = {value}")).collect();
        let read = if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
        let not = if wanted { "" } else { "not " };
        out.push(format!("`{}` must {not}hold{read}", node.text));
        return;
    }
    // what is asked of each operand
    let wanted = if node.text == "none" { !wanted } else { wanted };
    node.operands.iter().for_each(|operand| unmet(operand, wanted, out));
}

fn decides(cause: &Cause<'_>, file: &str, line: u32, name: &str) -> bool {
    match cause {
        Cause::Rule(rule) | Cause::Error(rule, _) => rule.file == file && rule.line == line && rule.name == name,
        _ => false,
    }
}

fn word(result: &Tri<'_>, [yes, no]: [&str; 2]) -> String {
    match result {
        Tri::True => yes.to_owned(),
        Tri::False => no.to_owned(),
        Tri::Error(_, Failure::Eval(e)) => format!("failed: {e}"),
        Tri::Error(_, failure) => format!("failed: {failure}"),
    }
}
