//! The rules of `cerbos.request.v1.CheckResourcesRequest`.

use super::rules::{Path, Report, message, text};
use super::{Field, Violations};
use crate::engine::request::{Principal, Resource};
use crate::wire::message::{CheckResources, ResourceEntry, Token, Tokens};

pub(super) static PRINCIPAL: Field = message(3, "principal");
static RESOURCES: Field = message(4, "resources");
pub(super) static AUX_DATA: Field = message(5, "aux_data");
static REQUEST_CONTEXT: Field = message(6, "request_context");
pub(super) static ANNOTATIONS: Field = message(1, "annotations");
static ACTIONS: Field = text(1, "actions");
static RESOURCE: Field = message(2, "resource");
static PRINCIPAL_ID: Field = text(1, "id");
pub(super) static KIND: Field = text(1, "kind");
static POLICY_VERSION: Field = text(2, "policy_version");
static ROLES: Field = text(3, "roles");
static RESOURCE_ID: Field = text(3, "id");
static ATTR: Field = message(4, "attr");
static SCOPE: Field = text(5, "scope");
static JWT: Field = message(1, "jwt");
static JWTS: Field = message(2, "jwts");
static TOKEN: Field = text(1, "token");

/// Checks what the forms of the request have in common: principal, resources and tokens, by the fields they have there.
pub(super) fn parts(
    report: &mut Report,
    request: &CheckResources<'_>,
    [principal, resources, aux_data]: [&'static Field; 3],
) {
    let path = Path::root(principal);
    match &request.principal {
        Some(who) => report.principal(path, who),
        None => _ = report.required(path, false),
    }
    let path = Path::root(resources);
    report.required(path, !request.resources.is_empty());
    for (i, entry) in request.resources.iter().enumerate() {
        if report.full() {
            break;
        }
        report.entry(path.item(i), entry);
    }
    if let Some(tokens) = &request.aux_data {
        report.tokens(Path::root(aux_data), tokens);
    }
}

/// Checks a `CheckResourcesRequest`.
pub fn check_resources(request: &CheckResources<'_>) -> Result<(), Violations> {
    let mut report = Report::default();
    parts(&mut report, request, [&PRINCIPAL, &RESOURCES, &AUX_DATA]);
    if let Some(annotations) = request.request_context {
        report.keys(Path::root(&REQUEST_CONTEXT).field(&ANNOTATIONS), annotations);
    }
    Violations::of(report.found)
}

impl Report {
    pub(super) fn principal(&mut self, path: Path<'_>, principal: &Principal<'_>) {
        self.required(path.field(&PRINCIPAL_ID), !principal.id.is_empty());
        self.version(path.field(&POLICY_VERSION), principal.policy_version);
        if self.required(path.field(&ROLES), !principal.roles.is_empty()) {
            self.unique(path.field(&ROLES), principal.roles);
        }
        self.keys(path.field(&ATTR), principal.attr);
        self.scope(path.field(&SCOPE), principal.scope);
    }

    pub(super) fn entry(&mut self, path: Path<'_>, entry: &ResourceEntry<'_>) {
        if self.required(path.field(&ACTIONS), !entry.actions.is_empty()) {
            self.unique(path.field(&ACTIONS), entry.actions);
        }
        let path = path.field(&RESOURCE);
        match &entry.resource {
            Some(resource) => self.resource(path, resource),
            None => _ = self.required(path, false),
        }
    }

    fn resource(&mut self, path: Path<'_>, resource: &Resource<'_>) {
        self.required(path.field(&KIND), !resource.kind.is_empty());
        self.version(path.field(&POLICY_VERSION), resource.policy_version);
        self.required(path.field(&RESOURCE_ID), !resource.id.is_empty());
        self.keys(path.field(&ATTR), resource.attr);
        self.scope(path.field(&SCOPE), resource.scope);
    }

    pub(super) fn tokens(&mut self, path: Path<'_>, tokens: &Tokens<'_>) {
        if tokens.jwt.is_some() && !tokens.jwts.is_empty() {
            self.add(path, &[], "AuxData.only_one_jwt_field", "Only one of the jwt or jwts fields must be set");
        }
        if let Some(token) = &tokens.jwt {
            self.token(path.field(&JWT), token);
        }
        for (name, token) in tokens.jwts {
            let path = path.field(&JWTS).key(name);
            if name.is_empty() {
                self.empty_key(path);
            }
            self.token(path, token);
        }
    }

    fn token(&mut self, path: Path<'_>, token: &Token<'_>) {
        self.required(path.field(&TOKEN), !token.token.is_empty());
    }
}
