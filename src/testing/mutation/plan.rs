//! The mutants of a policy: every change that is worth a test, with its place and the case that would notice it.

use super::edit::{Combinator, Edit, Names, Spot};
use super::expressions::variants;
use super::{Mutant, NOBODY};
use crate::cel::value::Constant;
use crate::policy::model::{Body, Condition, Constants, ExprText, Match, Policy, RuleEffect, Spanned, Text, Variables};
use crate::policy::names::{principal_rule_name, resource_rule_name};
use crate::source::Span;

/// All mutants of one policy, in the order of its text.
pub(super) fn plan(index: usize, policy: &Policy) -> Vec<Mutant> {
    let mut plan = Plan { index, policy, out: Vec::new() };
    match &policy.body {
        Body::Resource(p) => {
            plan.definitions(&p.variables, &p.constants);
            for (i, rule) in p.rules.iter().enumerate() {
                let name = named(&rule.name.value, || resource_rule_name(i));
                let at = Place { spot: Spot::Rule(i), name: &name, at: rule.at, effect: Some(rule.effect) };
                plan.rule(&at, rule.condition.as_ref());
                plan.names(&at, Names::Actions, &rule.actions);
                plan.names(&at, Names::Roles, &rule.roles);
                plan.names(&at, Names::DerivedRoles, &rule.derived_roles);
            }
        }
        Body::Principal(p) => {
            plan.definitions(&p.variables, &p.constants);
            for (i, group) in p.rules.iter().enumerate() {
                for (j, rule) in group.actions.iter().enumerate() {
                    let name = named(&rule.name.value, || principal_rule_name(&group.resource.value, j));
                    let at = Place { spot: Spot::Action(i, j), name: &name, at: rule.at, effect: Some(rule.effect) };
                    plan.rule(&at, rule.condition.as_ref());
                }
            }
        }
        Body::Role(p) => {
            plan.definitions(&p.variables, &p.constants);
            for (i, rule) in p.rules.iter().enumerate() {
                let name = named(&rule.name.value, || format!("#{} ({})", i + 1, rule.resource.value));
                let at = Place { spot: Spot::RoleRule(i), name: &name, at: rule.at, effect: None };
                plan.rule(&at, rule.condition.as_ref());
                plan.names(&at, Names::Actions, &rule.allow_actions);
            }
        }
        Body::DerivedRoles(p) => {
            plan.definitions(&p.variables, &p.constants);
            for (i, role) in p.definitions.iter().enumerate() {
                let name = &role.name.value;
                let at = Place { spot: Spot::Definition(i), name, at: role.at, effect: None };
                plan.rule(&at, role.condition.as_ref());
                plan.names(&at, Names::Parents, &role.parent_roles);
            }
        }
        Body::ExportVariables(p) => plan.variables(&p.definitions),
        Body::ExportConstants(p) => plan.constants(&p.definitions),
    }
    plan.out
}

fn named(given: &str, made: impl FnOnce() -> String) -> String {
    if given.is_empty() { made() } else { given.to_owned() }
}

struct Place<'p> {
    spot: Spot,
    name: &'p str,
    at: Span,
    effect: Option<RuleEffect>,
}

struct Plan<'p> {
    index: usize,
    policy: &'p Policy,
    out: Vec<Mutant>,
}

impl Plan<'_> {
    fn add(&mut self, rule: &str, offset: u32, change: String, hint: String, edit: Edit) {
        let at = self.policy.file.position(offset);
        self.out.push(Mutant {
            file: self.policy.file.name().to_owned(),
            line: at.line,
            column: at.column,
            rule: rule.to_owned(),
            change,
            hint,
            policy: self.index,
            edit,
        });
    }

    fn rule(&mut self, place: &Place<'_>, condition: Option<&Condition>) {
        let (name, start, spot) = (place.name, place.at.start, place.spot);
        let what = if matches!(spot, Spot::Definition(_)) { "derived role" } else { "rule" };
        let decides = match place.effect {
            Some(RuleEffect::Deny) => format!("a call that only `{name}` denies, expecting EFFECT_DENY"),
            Some(RuleEffect::Allow) => format!("a call that only `{name}` allows, expecting EFFECT_ALLOW"),
            None => format!("a call that is allowed only because of `{name}`, expecting EFFECT_ALLOW"),
        };
        if let Some(effect) = place.effect {
            let change = match effect {
                RuleEffect::Allow => "EFFECT_ALLOW became EFFECT_DENY",
                RuleEffect::Deny => "EFFECT_DENY became EFFECT_ALLOW",
            };
            self.add(name, start, change.to_owned(), decides.clone(), Edit::Flip(spot));
        }
        self.add(name, start, format!("the {what} was left out"), decides, Edit::Remove(spot));
        if let Some(Condition::Match(m)) = condition {
            let hint = format!("a call that fits `{name}` but for its condition");
            self.add(name, start, "its condition was left out".to_owned(), hint, Edit::DropCondition(spot));
            self.operand(place, m, &mut Vec::new());
        }
    }

    fn operand(&mut self, place: &Place<'_>, m: &Match, path: &mut Vec<usize>) {
        let (spot, name) = (place.spot, place.name);
        let (of, word, other, combinator) = match m {
            Match::Expr(text) => {
                for v in variants(&text.text) {
                    let hint = format!("a call for `{name}` in which `{}` and `{}` differ", flat(&v.from), flat(&v.to));
                    let change = format!("`{}` became `{}`", flat(&v.from), flat(&v.to));
                    let edit = Edit::Expr(spot, path.clone(), v.text);
                    self.add(name, text.file_offset(v.at), change, hint, edit);
                }
                return;
            }
            Match::All(of) => (of, "all", "any", Combinator::Any),
            Match::Any(of) => (of, "any", "all", Combinator::All),
            Match::None(of) => (of, "none", "any", Combinator::Any),
        };
        let start = first(m).map_or(place.at.start, |e| e.span.start);
        if of.len() > 1 || word == "none" {
            let hint = format!("a call for `{name}` in which some of these operands hold and others do not");
            let edit = Edit::Combine(spot, path.clone(), combinator);
            self.add(name, start, format!("`{word}` became `{other}`"), hint, edit);
        }
        for (i, operand) in of.iter().enumerate() {
            let text = first(operand).map_or(String::new(), |e| flat(&e.text));
            if of.len() > 1 {
                let at = first(operand).map_or(start, |e| e.span.start);
                let hint = format!("a call for `{name}` in which, of all operands, only `{text}` decides");
                let edit = Edit::DropOperand(spot, path.clone(), i);
                self.add(name, at, format!("operand `{text}` of `{word}` was left out"), hint, edit);
            }
            path.push(i);
            self.operand(place, operand, path);
            path.pop();
        }
    }

    fn names(&mut self, place: &Place<'_>, names: Names, list: &[Text]) {
        let (spot, name) = (place.spot, place.name);
        let word = match names {
            Names::Actions => "action",
            Names::Roles => "role",
            Names::DerivedRoles => "derived role",
            Names::Parents => "parent role",
        };
        for (i, text) in list.iter().enumerate() {
            let hint = format!("a call for `{name}` with {word} `{}`", text.value);
            let change = format!("{word} `{}` was left out", text.value);
            if list.len() > 1 {
                self.add(name, text.span.start, change, hint, Edit::DropName(spot, names, i));
            } else if matches!(names, Names::Roles | Names::Parents) {
                self.add(name, text.span.start, change, hint, Edit::SetNames(spot, names, NOBODY));
            }
        }
        if let Some(first) = list.first().filter(|_| matches!(names, Names::Roles | Names::Parents | Names::Actions))
            && list.iter().all(|t| t.value != "*")
        {
            let hint = format!("a call that fits `{name}` but for its {word}");
            self.add(name, first.span.start, format!("every {word} counts"), hint, Edit::SetNames(spot, names, "*"));
        }
    }

    fn definitions(&mut self, variables: &Variables, constants: &Constants) {
        self.variables(&variables.local);
        self.constants(&constants.local);
    }

    fn variables(&mut self, list: &[(Text, ExprText)]) {
        for (i, (name, text)) in list.iter().enumerate() {
            for v in variants(&text.text) {
                let label = format!("variable {}", name.value);
                let (from, to) = (flat(&v.from), flat(&v.to));
                let hint = format!("a call in which `{from}` and `{to}` differ, and `V.{}` decides", name.value);
                let edit = Edit::Variable(i, v.text);
                self.add(&label, text.file_offset(v.at), format!("`{from}` became `{to}`"), hint, edit);
            }
        }
    }

    fn constants(&mut self, list: &[(Text, Spanned<Constant>)]) {
        for (i, (name, value)) in list.iter().enumerate() {
            for (change, other) in constant_variants(&value.value) {
                let label = format!("constant {}", name.value);
                let hint = format!("a call that depends on this part of `C.{}`", name.value);
                self.add(&label, name.span.start, change, hint, Edit::Constant(i, other));
            }
        }
    }
}

fn constant_variants(value: &Constant) -> Vec<(String, Constant)> {
    match value {
        Constant::Bool(b) => vec![(format!("{b} became {}", !b), Constant::Bool(!b))],
        Constant::Int(n) => vec![(format!("{n} became {}", n.saturating_add(1)), Constant::Int(n.saturating_add(1)))],
        Constant::Uint(n) => vec![(format!("{n} became {}", n.saturating_add(1)), Constant::Uint(n.saturating_add(1)))],
        Constant::Double(n) => vec![(format!("{n} became {}", n + 1.0), Constant::Double(n + 1.0))],
        Constant::String(s) => vec![(format!("`{}` became `~`", flat(s)), Constant::String("~".into()))],
        Constant::List(list) => (0..list.len())
            .map(|gone| {
                let rest: Vec<Constant> =
                    list.iter().enumerate().filter(|(i, _)| *i != gone).map(|(_, c)| c.clone()).collect();
                let text = match list.get(gone) {
                    Some(Constant::String(s)) => format!("element `{}` was left out", flat(s)),
                    _ => format!("element {gone} was left out"),
                };
                (text, Constant::List(rest.into()))
            })
            .collect(),
        Constant::Map(entries) => (0..entries.len())
            .map(|gone| {
                let rest: Vec<(Constant, Constant)> =
                    entries.iter().enumerate().filter(|(i, _)| *i != gone).map(|(_, e)| e.clone()).collect();
                (format!("entry {gone} was left out"), Constant::Map(rest.into()))
            })
            .collect(),
        Constant::Null
        | Constant::Bytes(_)
        | Constant::Timestamp(_)
        | Constant::Duration(_)
        | Constant::Type(_)
        | Constant::Object(_) => Vec::new(),
    }
}

fn first(m: &Match) -> Option<&ExprText> {
    match m {
        Match::Expr(e) => Some(e),
        Match::All(of) | Match::Any(of) | Match::None(of) => of.iter().find_map(first),
    }
}

/// On one line, and not too long of it.
fn flat(text: &str) -> String {
    const MOST: usize = 100;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MOST { line } else { line.chars().take(MOST - 1).chain(['…']).collect() }
}
