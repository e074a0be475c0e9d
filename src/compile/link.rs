//! What policies say about each other: duplicate definitions, imports that lead nowhere, missing ancestors in the
//! scope chain, conflicting scope permissions (spec §8.1, §8.2). Compiles no expression.

use std::collections::BTreeMap;

use super::{CompileOptions, scopes};
use crate::policy::model::{Body, Policy, Text};
use crate::policy::names::{DEFAULT_VERSION, sanitize};
use crate::source::Diagnostic;

/// Library policies by (folded) name, as indices into the list of policies.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) derived_roles: BTreeMap<String, usize>,
    pub(super) variables: BTreeMap<String, usize>,
    pub(super) constants: BTreeMap<String, usize>,
}

impl Links {
    /// The library policy an import means.
    pub(super) fn find(&self, kind: Import, name: &str) -> Option<usize> {
        let map = match kind {
            Import::DerivedRoles => &self.derived_roles,
            Import::Variables => &self.variables,
            Import::Constants => &self.constants,
        };
        map.get(&sanitize(name)).copied()
    }
}

/// What an import names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Import {
    DerivedRoles,
    Variables,
    Constants,
}

impl Import {
    fn text(self) -> &'static str {
        match self {
            Self::DerivedRoles => "derived roles",
            Self::Variables => "variables",
            Self::Constants => "constants",
        }
    }
}

/// A role policy without a version has the default one.
pub(super) fn role_version(version: &Text) -> &str {
    if version.value.is_empty() { DEFAULT_VERSION } else { &version.value }
}

pub(super) fn link(policies: &[Policy], options: &CompileOptions, diagnostics: &mut Vec<Diagnostic>) -> Links {
    duplicates(policies, options, diagnostics);
    let mut links = Links::default();
    for (i, policy) in policies.iter().enumerate() {
        match &policy.body {
            Body::DerivedRoles(p) => links.derived_roles.entry(sanitize(&p.name.value)).or_insert(i),
            Body::ExportVariables(p) => links.variables.entry(sanitize(&p.name.value)).or_insert(i),
            Body::ExportConstants(p) => links.constants.entry(sanitize(&p.name.value)).or_insert(i),
            Body::Resource(_) | Body::Principal(_) | Body::Role(_) => continue,
        };
    }
    for policy in policies {
        missing_imports(policy, &links, diagnostics);
    }
    scopes::missing_ancestors(policies, diagnostics);
    scopes::permission_conflicts(policies, options, diagnostics);
    links
}

/// What makes two policies the same one: the folded key in the reference, the exact names by default.
fn identity(policy: &Policy, options: &CompileOptions) -> String {
    if options.cerbos_compat {
        return policy.key();
    }
    match &policy.body {
        Body::Resource(p) => format!("resource.{}.v{}/{}", p.resource.value, p.version.value, p.scope.value),
        Body::Principal(p) => format!("principal.{}.v{}/{}", p.principal.value, p.version.value, p.scope.value),
        Body::Role(p) => format!("role.{}.v{}/{}", p.role.value, role_version(&p.version), p.scope.value),
        Body::DerivedRoles(_) | Body::ExportVariables(_) | Body::ExportConstants(_) => policy.key(),
    }
}

fn duplicates(policies: &[Policy], options: &CompileOptions, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<String, &Policy> = BTreeMap::new();
    for policy in policies {
        let id = identity(policy, options);
        if let Some(first) = seen.get(&id) {
            let text =
                format!("duplicate definition of {} (previous definition in {})", policy.key(), first.file.name());
            diagnostics.push(
                Diagnostic::error("TG0401", &policy.file, policy.at, text)
                    .with_related(&first.file, first.at, "first defined here")
                    .with_help("give one of them another name, version or scope, or delete it"),
            );
        } else {
            seen.insert(id, policy);
        }
    }
}

fn missing_imports(policy: &Policy, links: &Links, diagnostics: &mut Vec<Diagnostic>) {
    let none: &[Text] = &[];
    let (roles, variables, constants) = match &policy.body {
        Body::Resource(p) => (&p.import_derived_roles[..], &p.variables.import[..], &p.constants.import[..]),
        Body::Principal(p) => (none, &p.variables.import[..], &p.constants.import[..]),
        Body::Role(p) => (none, &p.variables.import[..], &p.constants.import[..]),
        Body::DerivedRoles(p) => (none, &p.variables.import[..], &p.constants.import[..]),
        Body::ExportVariables(_) | Body::ExportConstants(_) => return,
    };
    let all = [(Import::DerivedRoles, roles), (Import::Variables, variables), (Import::Constants, constants)];
    for (kind, imports) in all {
        for import in imports {
            if links.find(kind, &import.value).is_some() {
                continue;
            }
            let text = format!("cannot find {} \"{}\" imported by {}", kind.text(), import.value, policy.key());
            let known = match kind {
                Import::DerivedRoles => links.derived_roles.keys(),
                Import::Variables => links.variables.keys(),
                Import::Constants => links.constants.keys(),
            };
            let mut diagnostic = Diagnostic::error("TG0402", &policy.file, import.at, text);
            if let Some(near) = crate::yaml::closest(&import.value, known.map(String::as_str)) {
                diagnostic = diagnostic.with_help(format!("did you mean `{near}`?"));
            }
            diagnostics.push(diagnostic);
        }
    }
}
