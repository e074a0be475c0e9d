//! What one policy tells about itself to the others of its set: enough to link them, and no more. Kept from one load to
//! the next, so that linking reads every policy's facts and the texts of none.

use super::link::{Import, role_version};
use crate::policy::model::{Body, Constants, Policy, ScopePermissions, Text, Variables};
use crate::source::{SourceFile, Span};

/// The kinds of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Resource,
    Principal,
    Role,
    DerivedRoles,
    Variables,
    Constants,
}

impl Kind {
    /// True for policies that are found by name, version and scope.
    pub(super) fn is_asked(self) -> bool {
        matches!(self, Self::Resource | Self::Principal | Self::Role)
    }
}

/// Facts about one policy.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// Its file; without its text, where the facts were kept.
    pub(super) file: SourceFile,
    pub(super) at: Span,
    /// Its key, as [`Policy::key`] gives it.
    pub(super) key: Box<str>,
    pub(super) kind: Kind,
    /// Resource kind, principal, role, or name of the set.
    pub(super) name: Box<str>,
    /// Version; a role policy's default is filled in.
    pub(super) version: Box<str>,
    pub(super) scope: Box<str>,
    /// As written; role policies and sets have none.
    pub(super) permissions: ScopePermissions,
    /// What it imports, in order.
    pub(super) imports: Box<[(Import, Text)]>,
    /// Resource patterns of a role policy's rules.
    pub(super) patterns: Box<[Box<str>]>,
    /// It refers to schemas.
    pub(super) has_schemas: bool,
}

impl Facts {
    pub(super) fn of(policy: &Policy) -> Self {
        let unnamed = Self {
            file: policy.file.clone(),
            at: policy.at,
            key: policy.key().into(),
            kind: Kind::Resource,
            name: "".into(),
            version: "".into(),
            scope: "".into(),
            permissions: ScopePermissions::Unspecified,
            imports: [].into(),
            patterns: [].into(),
            has_schemas: false,
        };
        let text = |text: &Text| -> Box<str> { text.value.as_str().into() };
        match &policy.body {
            Body::Resource(p) => Self {
                name: text(&p.resource),
                version: text(&p.version),
                scope: text(&p.scope),
                permissions: p.scope_permissions.value,
                imports: imports(&p.import_derived_roles, &p.variables, &p.constants),
                has_schemas: p.schemas.principal.is_some() || p.schemas.resource.is_some(),
                ..unnamed
            },
            Body::Principal(p) => Self {
                kind: Kind::Principal,
                name: text(&p.principal),
                version: text(&p.version),
                scope: text(&p.scope),
                permissions: p.scope_permissions.value,
                imports: imports(&[], &p.variables, &p.constants),
                ..unnamed
            },
            Body::Role(p) => Self {
                kind: Kind::Role,
                name: text(&p.role),
                version: role_version(&p.version).into(),
                scope: text(&p.scope),
                imports: imports(&[], &p.variables, &p.constants),
                patterns: p.rules.iter().map(|r| text(&r.resource)).collect(),
                ..unnamed
            },
            Body::DerivedRoles(p) => Self {
                kind: Kind::DerivedRoles,
                name: text(&p.name),
                imports: imports(&[], &p.variables, &p.constants),
                ..unnamed
            },
            Body::ExportVariables(p) => Self { kind: Kind::Variables, name: text(&p.name), ..unnamed },
            Body::ExportConstants(p) => Self { kind: Kind::Constants, name: text(&p.name), ..unnamed },
        }
    }

    /// The same without the file's text.
    pub(super) fn without_text(&self) -> Self {
        Self { file: SourceFile::new(self.file.name(), ""), ..self.clone() }
    }

    /// True if ALLOWs in its scope need the parent's consent.
    pub(super) fn needs_consent(&self) -> bool {
        self.permissions == ScopePermissions::RequireParentalConsent
    }
}

fn imports(roles: &[Text], variables: &Variables, constants: &Constants) -> Box<[(Import, Text)]> {
    let of = |kind: Import| move |text: &Text| (kind, text.clone());
    let roles = roles.iter().map(of(Import::DerivedRoles));
    let variables = variables.import.iter().map(of(Import::Variables));
    roles.chain(variables).chain(constants.import.iter().map(of(Import::Constants))).collect()
}
