//! What a policy file must satisfy beyond each field's own rule: rules have roles, names within it are unique. Looks at
//! one file alone. Spec: policy-language §8.1.

use std::collections::HashMap;

use super::model::{Body, DerivedRoles, Policy, PrincipalPolicy, ResourcePolicy};
use crate::source::{Diagnostic, Position, SourceFile, Span};
use crate::yaml::Node;

/// Checks a policy. `found` are the faults found before: a rule that has some is not said to lack roles as well.
pub(super) fn check(policy: &Policy, root: &Node, found: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut c = Check { file: &policy.file, found, out: Vec::new() };
    match &policy.body {
        Body::Resource(p) => c.resource_policy(p),
        Body::Principal(p) => c.principal_policy(p),
        Body::DerivedRoles(p) => c.derived_roles(p),
        Body::ExportVariables(_) => c.no_variables(policy, root, "export variables"),
        Body::ExportConstants(_) => c.no_variables(policy, root, "export constants"),
        Body::Role(_) => {}
    }
    c.out
}

struct Check<'a> {
    file: &'a SourceFile,
    found: &'a [Diagnostic],
    out: Vec<Diagnostic>,
}

impl Check<'_> {
    fn error(&mut self, code: &'static str, at: Span, path: String, message: String) {
        self.out.push(Diagnostic::error(code, self.file, at, message).with_path(path));
    }

    fn place(&self, at: Span) -> String {
        let Position { line, column } = self.file.position(at.start);
        format!("{line}:{column}")
    }

    fn is_tainted(&self, span: Span) -> bool {
        self.found.iter().filter_map(|d| d.span).any(|s| span.start <= s.start && s.end <= span.end)
    }

    fn resource_policy(&mut self, p: &ResourcePolicy) {
        let mut names: HashMap<&str, (usize, Span)> = HashMap::new();
        for (i, rule) in p.rules.iter().enumerate() {
            let number = i + 1;
            let name = rule.name.value.as_str();
            let path = || format!("$.resourcePolicy.rules[{i}]");
            if rule.roles.is_empty() && rule.derived_roles.is_empty() && !self.is_tainted(rule.span) {
                let which = if name.is_empty() { format!("#{number}") } else { name.to_owned() };
                let message = format!("rule {which} does not specify any roles or derived roles to match");
                self.error("TG0301", rule.at, path(), message);
            }
            if name.is_empty() {
                continue;
            }
            if let Some((first, at)) = names.get(name).copied() {
                let place = self.place(at);
                let message = format!(
                    "duplicate rule name \"{name}\": rule #{number} has the same name as rule #{first} defined at {place}"
                );
                self.error("TG0302", rule.at, path(), message);
            } else {
                names.insert(name, (number, rule.at));
            }
        }
    }

    fn principal_policy(&mut self, p: &PrincipalPolicy) {
        let mut resources: HashMap<&str, (usize, Span)> = HashMap::new();
        for (i, rule) in p.rules.iter().enumerate() {
            let resource = rule.resource.value.as_str();
            if let Some((first, at)) = resources.get(resource).copied().filter(|_| !resource.is_empty()) {
                let place = self.place(at);
                let message = format!(
                    "duplicate resource \"{resource}\" at rule #{}: previous definition in rule #{first} at {place}",
                    i + 1
                );
                self.error("TG0303", rule.at, format!("$.principalPolicy.rules[{i}]"), message);
            } else {
                resources.insert(resource, (i + 1, rule.at));
            }
            let mut names: HashMap<&str, (usize, Span)> = HashMap::new();
            for (j, action) in rule.actions.iter().enumerate() {
                let name = action.name.value.as_str();
                if name.is_empty() {
                    continue;
                }
                if let Some((first, at)) = names.get(name).copied() {
                    let place = self.place(at);
                    let message = format!(
                        "duplicate action rule name \"{name}\": action rule #{} for resource \"{resource}\" has the \
                         same name as action rule #{first} defined at {place}",
                        j + 1
                    );
                    self.error("TG0304", action.at, format!("$.principalPolicy.rules[{i}].actions[{j}]"), message);
                } else {
                    names.insert(name, (j + 1, action.at));
                }
            }
        }
    }

    fn derived_roles(&mut self, p: &DerivedRoles) {
        let mut names: HashMap<&str, (usize, Span)> = HashMap::new();
        for (i, definition) in p.definitions.iter().enumerate() {
            let name = definition.name.value.as_str();
            if let Some((first, at)) = names.get(name).copied().filter(|_| !name.is_empty()) {
                let place = self.place(at);
                let message = format!(
                    "duplicate derived role definition \"{name}\": definition #{} has the same name as definition \
                     #{first} at {place}",
                    i + 1
                );
                self.error("TG0305", definition.at, format!("$.derivedRoles.definitions[{i}]"), message);
            } else {
                names.insert(name, (i + 1, definition.at));
            }
        }
    }

    fn no_variables(&mut self, policy: &Policy, root: &Node, kind: &str) {
        if policy.variables.is_empty() {
            return;
        }
        let key = root.entries().into_iter().flatten().find(|e| e.key.text == "variables");
        if let Some(entry) = key {
            let message = format!("{kind} policies do not support the deprecated top-level variables field");
            self.error("TG0306", entry.key.span, "$.variables".to_owned(), message);
        }
    }
}
