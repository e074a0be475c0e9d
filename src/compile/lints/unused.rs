//! Definitions that nothing refers to: variables, constants, derived roles, imports.

use std::collections::BTreeSet;

use super::{expressions, own_variables, parsed, rules};
use crate::compile::definitions::{CONSTANT_ROOTS, VARIABLE_ROOTS};
use crate::compile::expressions::references;
use crate::policy::model::{Body, Policy, Text};
use crate::policy::names::sanitize;
use crate::source::Diagnostic;

/// Names that the expressions of a policy refer to.
struct Used {
    variables: BTreeSet<String>,
    constants: BTreeSet<String>,
}

fn used(policy: &Policy) -> Used {
    let mut used = Used { variables: BTreeSet::new(), constants: BTreeSet::new() };
    let own = own_variables(policy).into_iter().map(|(_, text)| text);
    for ast in expressions(policy).into_iter().chain(own).filter_map(parsed) {
        used.variables.extend(references(&ast, VARIABLE_ROOTS));
        used.constants.extend(references(&ast, CONSTANT_ROOTS));
    }
    used
}

pub(super) fn lint(policies: &[Policy], out: &mut Vec<Diagnostic>) {
    let all: Vec<Used> = policies.iter().map(used).collect();
    for (i, policy) in policies.iter().enumerate() {
        let (variables, constants) = parts(policy);
        // What is exported may be used by whoever imports it.
        let users: Vec<&Used> = all
            .iter()
            .zip(policies)
            .enumerate()
            .filter(|(j, (_, other))| *j == i || imports(other, policy))
            .map(|(_, (used, _))| used)
            .collect();
        for name in variables {
            if !users.iter().any(|u| u.variables.contains(&name.value)) {
                out.push(unused(policy, name, "variable"));
            }
        }
        for name in constants {
            // a library's own variables do not see its importer's constants, but both may use one name
            let inside = policies
                .iter()
                .zip(&all)
                .any(|(p, u)| shares(p, policy, policies) && u.constants.contains(&name.value));
            if !inside && !users.iter().any(|u| u.constants.contains(&name.value)) {
                out.push(unused(policy, name, "constant"));
            }
        }
        if let Body::DerivedRoles(p) = &policy.body {
            for role in &p.definitions {
                let named = |other: &Policy| {
                    rules(other).iter().any(|r| r.derived_roles.iter().any(|d| d.value == role.name.value))
                };
                if !policies.iter().any(|other| imports(other, policy) && named(other)) {
                    out.push(unused(policy, &role.name, "derived role"));
                }
            }
        }
        if let Body::Resource(p) = &policy.body {
            for import in &p.import_derived_roles {
                let of = |other: &&Policy| matches!(&other.body, Body::DerivedRoles(d) if sanitize(&d.name.value) == sanitize(&import.value));
                let Some(Body::DerivedRoles(set)) = policies.iter().find(of).map(|p| &p.body) else { continue };
                let named = |name: &str| p.rules.iter().any(|r| r.derived_roles.iter().any(|d| d.value == name));
                if !set.definitions.iter().any(|d| named(&d.name.value)) {
                    let text = format!("no rule uses a derived role of `{}`", import.value);
                    out.push(
                        Diagnostic::warning("TG0610", &policy.file, import.span, text).with_help("remove the import"),
                    );
                }
            }
        }
    }
}

fn unused(policy: &Policy, name: &Text, what: &str) -> Diagnostic {
    let text = format!("{what} `{}` is never used", name.value);
    Diagnostic::warning("TG0609", &policy.file, name.span, text).with_help("remove it, or use it")
}

/// Names of the variables and constants a policy defines.
fn parts(policy: &Policy) -> (Vec<&Text>, Vec<&Text>) {
    let variables = own_variables(policy).into_iter().map(|(name, _)| name).collect();
    let constants = match &policy.body {
        Body::Resource(p) => &p.constants.local,
        Body::Principal(p) => &p.constants.local,
        Body::Role(p) => &p.constants.local,
        Body::DerivedRoles(p) => &p.constants.local,
        Body::ExportConstants(p) => &p.definitions,
        Body::ExportVariables(_) => return (variables, Vec::new()),
    };
    (variables, constants.iter().map(|(name, _)| name).collect())
}

/// Whether a policy imports a library.
fn imports(policy: &Policy, library: &Policy) -> bool {
    let none: &[Text] = &[];
    let (roles, variables, constants) = match &policy.body {
        Body::Resource(p) => (&p.import_derived_roles[..], &p.variables.import, &p.constants.import),
        Body::Principal(p) => (none, &p.variables.import, &p.constants.import),
        Body::Role(p) => (none, &p.variables.import, &p.constants.import),
        Body::DerivedRoles(p) => (none, &p.variables.import, &p.constants.import),
        Body::ExportVariables(_) | Body::ExportConstants(_) => return false,
    };
    let (list, name) = match &library.body {
        Body::DerivedRoles(p) => (roles, &p.name),
        Body::ExportVariables(p) => (&variables[..], &p.name),
        Body::ExportConstants(p) => (&constants[..], &p.name),
        Body::Resource(_) | Body::Principal(_) | Body::Role(_) => return false,
    };
    list.iter().any(|import| sanitize(&import.value) == sanitize(&name.value))
}

/// Whether some policy imports both: variables of one library may then use constants of the other.
fn shares(one: &Policy, library: &Policy, policies: &[Policy]) -> bool {
    let own = |p: &Policy| std::ptr::eq(p, library) || imports(p, library);
    policies.iter().any(|p| imports(p, one) && own(p))
}
