//! What policies say about each other: duplicate definitions, imports that lead nowhere, missing ancestors in the
//! scope chain, conflicting scope permissions (spec §8.1, §8.2). Reads facts alone, and compiles no expression.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use super::facts::{Facts, Kind};
use super::{CompileOptions, scopes};
use crate::policy::model::Text;
use crate::policy::names::{DEFAULT_VERSION, sanitize};
use crate::source::Diagnostic;

/// Policies by (folded) name, as indices into the list of policies.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) derived_roles: BTreeMap<String, usize>,
    pub(super) variables: BTreeMap<String, usize>,
    pub(super) constants: BTreeMap<String, usize>,
    /// Resource policies that the reference never asks ([`scopes::missing_ancestors`]).
    pub(super) hidden: BTreeSet<usize>,
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

pub(super) fn link(policies: &[&Facts], options: &CompileOptions, diagnostics: &mut Vec<Diagnostic>) -> Links {
    duplicates(policies, options, diagnostics);
    let mut links = Links::default();
    for (i, policy) in policies.iter().enumerate() {
        let sets = match policy.kind {
            Kind::DerivedRoles => &mut links.derived_roles,
            Kind::Variables => &mut links.variables,
            Kind::Constants => &mut links.constants,
            Kind::Resource | Kind::Principal | Kind::Role => continue,
        };
        sets.entry(sanitize(&policy.name)).or_insert(i);
    }
    for policy in policies {
        missing_imports(policy, &links, diagnostics);
    }
    links.hidden = scopes::missing_ancestors(policies, options, diagnostics);
    scopes::permission_conflicts(policies, options, diagnostics);
    links
}

/// What makes two policies the same one: the folded key in the reference, the exact names by default.
#[derive(PartialEq, Eq, Hash)]
enum Identity<'p> {
    Key(&'p str),
    Names(u8, &'p str, &'p str, &'p str),
}

fn identity<'p>(policy: &'p Facts, options: &CompileOptions) -> Identity<'p> {
    if options.cerbos_compat || !policy.kind.is_asked() {
        return Identity::Key(&policy.key);
    }
    Identity::Names(policy.kind as u8, &policy.name, &policy.version, &policy.scope)
}

fn duplicates(policies: &[&Facts], options: &CompileOptions, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<Identity<'_>, &Facts, RandomState> = HashMap::default();
    seen.reserve(policies.len());
    for policy in policies {
        let first = *seen.entry(identity(policy, options)).or_insert(policy);
        if std::ptr::eq(first, *policy) {
            continue;
        }
        let text = format!("duplicate definition of {} (previous definition in {})", policy.key, first.file.name());
        diagnostics.push(
            Diagnostic::error("TG0401", &policy.file, policy.at, text)
                .with_related(&first.file, first.at, "first defined here")
                .with_help("give one of them another name, version or scope, or delete it"),
        );
    }
}

fn missing_imports(policy: &Facts, links: &Links, diagnostics: &mut Vec<Diagnostic>) {
    for (kind, import) in &policy.imports {
        if links.find(*kind, &import.value).is_some() {
            continue;
        }
        let text = format!("cannot find {} \"{}\" imported by {}", kind.text(), import.value, policy.key);
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
