//! What policies contain: actions, attributes, variables, constants and derived roles, and where these come from.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::json::{Object, constant};
use super::references::References;
use crate::cel::value::Constant;
use crate::policy::model::{Body, Condition, Constants, ExprText, Match, Output, Policy, Text, Variables};

/// Everything that can be imported, by the name of its set.
#[derive(Default)]
struct Exports<'p> {
    variables: BTreeMap<&'p str, (String, &'p [(Text, ExprText)])>,
    constants: BTreeMap<&'p str, (String, Vec<(&'p str, &'p Constant)>)>,
    derived_roles: BTreeMap<&'p str, (String, Vec<&'p str>)>,
}

/// The results for the policies that `wanted` names, by policy key. Imports are looked up among all of them.
pub(super) fn inspect(policies: &[Policy], wanted: impl Fn(&Policy) -> bool) -> Map<String, Value> {
    let mut exports = Exports::default();
    for policy in policies {
        match &policy.body {
            Body::ExportVariables(p) => {
                exports.variables.insert(&p.name.value, (policy.key(), &p.definitions));
            }
            Body::ExportConstants(p) => {
                let all = p.definitions.iter().map(|(name, value)| (name.value.as_str(), &value.value)).collect();
                exports.constants.insert(&p.name.value, (policy.key(), all));
            }
            Body::DerivedRoles(p) => {
                let all = p.definitions.iter().map(|d| d.name.value.as_str()).collect();
                exports.derived_roles.insert(&p.name.value, (policy.key(), all));
            }
            Body::Resource(_) | Body::Principal(_) | Body::Role(_) => {}
        }
    }
    let results: BTreeMap<String, Value> =
        policies.iter().filter(|p| wanted(p)).map(|p| (p.key(), result(p, &exports))).collect();
    results.into_iter().collect()
}

/// What is collected of one policy.
#[derive(Default)]
struct Found<'p> {
    actions: BTreeSet<&'p str>,
    /// In conditions and outputs.
    references: References,
    roles: BTreeSet<&'p str>,
}

impl<'p> Found<'p> {
    fn condition(&mut self, condition: Option<&Condition>) {
        if let Some(Condition::Match(m)) = condition {
            self.matching(m);
        }
    }

    fn matching(&mut self, m: &Match) {
        match m {
            Match::Expr(expr) => self.references.add(&expr.text),
            Match::All(all) | Match::Any(all) | Match::None(all) => all.iter().for_each(|m| self.matching(m)),
        }
    }

    fn output(&mut self, output: Option<&Output>) {
        let both = output.map(|o| [&o.rule_activated, &o.condition_not_met]);
        both.into_iter().flatten().flatten().for_each(|expr| self.references.add(&expr.text));
    }

    fn actions(&mut self, actions: &'p [Text]) {
        self.actions.extend(actions.iter().map(|a| a.value.as_str()));
    }
}

fn result(policy: &Policy, exports: &Exports<'_>) -> Value {
    let key = policy.key();
    let mut found = Found::default();
    let (no_variables, no_constants) = (Variables::default(), Constants::default());
    let (mut variables, mut constants) = (&no_variables, &no_constants);
    let mut imports: &[Text] = &[];
    let mut exported_roles = Vec::new();
    let mut exported: &[(Text, ExprText)] = &[];
    let mut exported_constants = Vec::new();
    match &policy.body {
        Body::Resource(p) => {
            (variables, constants, imports) = (&p.variables, &p.constants, &p.import_derived_roles);
            for rule in &p.rules {
                found.actions(&rule.actions);
                found.condition(rule.condition.as_ref());
                found.output(rule.output.as_ref());
                found.roles.extend(rule.derived_roles.iter().map(|r| r.value.as_str()));
            }
        }
        Body::Principal(p) => {
            (variables, constants) = (&p.variables, &p.constants);
            for rule in p.rules.iter().flat_map(|r| &r.actions) {
                found.actions.insert(&rule.action.value);
                found.condition(rule.condition.as_ref());
                found.output(rule.output.as_ref());
            }
        }
        Body::Role(p) => {
            (variables, constants) = (&p.variables, &p.constants);
            for rule in &p.rules {
                found.actions(&rule.allow_actions);
                found.condition(rule.condition.as_ref());
                found.output(rule.output.as_ref());
            }
        }
        Body::DerivedRoles(p) => {
            (variables, constants) = (&p.variables, &p.constants);
            p.definitions.iter().for_each(|d| found.condition(d.condition.as_ref()));
            exported_roles = p.definitions.iter().map(|d| d.name.value.as_str()).collect();
        }
        Body::ExportVariables(p) => exported = &p.definitions,
        Body::ExportConstants(p) => {
            exported_constants =
                p.definitions.iter().map(|(name, value)| (name.value.as_str(), &value.value)).collect();
        }
    }
    let local: Vec<&(Text, ExprText)> = variables.local.iter().chain(&policy.variables).collect();
    let definitions = local.iter().map(|(_, expr)| expr).chain(exported.iter().map(|(_, expr)| expr));
    let mut references = found.references;
    definitions.for_each(|expr| references.add(&expr.text));
    // What is imported may refer to more of what is imported.
    let mut imported = BTreeMap::new();
    loop {
        let sets = variables.import.iter().filter_map(|set| exports.variables.get(set.value.as_str()));
        let used = sets.flat_map(|(source, all)| all.iter().map(move |(name, expr)| (name, expr, source)));
        let fresh: Vec<_> = used
            .filter(|(name, ..)| references.variables.contains(&name.value) && !imported.contains_key(&name.value))
            .collect();
        if fresh.is_empty() {
            break;
        }
        for (name, expr, source) in fresh {
            references.add(&expr.text);
            imported.insert(name.value.clone(), (expr.text.as_str(), source.as_str()));
        }
    }

    let mut shown = BTreeMap::new();
    for (name, expr) in &local {
        let used = references.variables.contains(&name.value);
        shown.insert(name.value.as_str(), entry(&name.value, expr.text.as_str().into(), "KIND_LOCAL", &key, used));
    }
    for (name, expr) in exported {
        shown.insert(name.value.as_str(), entry(&name.value, expr.text.as_str().into(), "KIND_EXPORTED", &key, false));
    }
    for (name, (text, source)) in &imported {
        shown.insert(name, entry(name, (*text).into(), "KIND_IMPORTED", source, true));
    }
    let mut shown_constants = BTreeMap::new();
    for (name, value) in &constants.local {
        let used = references.constants.contains(&name.value);
        let value = constant(&value.value);
        shown_constants.insert(name.value.as_str(), entry(&name.value, value, "KIND_LOCAL", &key, used));
    }
    for (name, value) in exported_constants {
        shown_constants.insert(name, entry(name, constant(value), "KIND_EXPORTED", &key, false));
    }
    for (source, all) in constants.import.iter().filter_map(|set| exports.constants.get(set.value.as_str())) {
        for (name, value) in all.iter().filter(|(name, _)| references.constants.contains(*name)) {
            shown_constants.insert(name, entry(name, constant(value), "KIND_IMPORTED", source, true));
        }
    }
    let mut roles = BTreeMap::new();
    for name in exported_roles {
        roles.insert(name, role(name, "KIND_EXPORTED", &key));
    }
    for (source, all) in imports.iter().filter_map(|set| exports.derived_roles.get(set.value.as_str())) {
        for name in all.iter().filter(|name| found.roles.contains(*name)) {
            roles.insert(name, role(name, "KIND_IMPORTED", source));
        }
    }
    let attribute = |kind: &'static str| {
        move |name: &String| Value::from(Object::default().with("kind", kind).with("name", name.as_str()))
    };
    let attributes = references.principal.iter().map(attribute("KIND_PRINCIPAL_ATTRIBUTE"));
    let attributes = attributes.chain(references.resource.iter().map(attribute("KIND_RESOURCE_ATTRIBUTE")));
    Object::default()
        .with("actions", found.actions.into_iter().map(Value::from).collect::<Vec<_>>())
        .with("variables", shown.into_values().collect::<Vec<_>>())
        .with("policyId", policy.file.name())
        .with("derivedRoles", roles.into_values().collect::<Vec<_>>())
        .with("attributes", attributes.collect::<Vec<_>>())
        .with("constants", shown_constants.into_values().collect::<Vec<_>>())
        .into()
}

fn entry(name: &str, value: Value, kind: &str, source: &str, used: bool) -> Value {
    Object::default()
        .with("name", name)
        .with_any("value", value)
        .with("kind", kind)
        .with("source", source)
        .with("used", used)
        .into()
}

fn role(name: &str, kind: &str, source: &str) -> Value {
    Object::default().with("name", name).with("kind", kind).with("source", source).into()
}
