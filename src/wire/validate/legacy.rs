//! The rules of the deprecated `CheckResourceSetRequest` and `CheckResourceBatchRequest`.

use super::check::parts;
use super::rules::{Path, Report, message, text};
use super::{Field, Violations};
use crate::wire::message::{CheckResourceSet, CheckResources, ResourceSet};

static SET_ACTIONS: Field = text(2, "actions");
static SET_PRINCIPAL: Field = message(3, "principal");
static SET_RESOURCE: Field = message(4, "resource");
static SET_AUX_DATA: Field = message(6, "aux_data");
static KIND: Field = text(1, "kind");
static POLICY_VERSION: Field = text(2, "policy_version");
static INSTANCES: Field = message(3, "instances");
static SCOPE: Field = text(4, "scope");
static BATCH_PRINCIPAL: Field = message(2, "principal");
static BATCH_RESOURCES: Field = message(3, "resources");
static BATCH_AUX_DATA: Field = message(4, "aux_data");

/// Checks a `CheckResourceSetRequest`. As in the reference, instances may have any id and any attribute names.
pub fn check_resource_set(request: &CheckResourceSet<'_>) -> Result<(), Violations> {
    let mut report = Report::default();
    let path = Path::root(&SET_ACTIONS);
    if report.required(path, !request.actions.is_empty()) {
        report.unique(path, request.actions);
    }
    let path = Path::root(&SET_PRINCIPAL);
    match &request.principal {
        Some(principal) => report.principal(path, principal),
        None => _ = report.required(path, false),
    }
    let path = Path::root(&SET_RESOURCE);
    match &request.resource {
        Some(set) => report.resource_set(path, set),
        None => _ = report.required(path, false),
    }
    if let Some(tokens) = &request.aux_data {
        report.tokens(Path::root(&SET_AUX_DATA), tokens);
    }
    Violations::of(report.found)
}

/// Checks a `CheckResourceBatchRequest`.
pub fn check_resource_batch(request: &CheckResources<'_>) -> Result<(), Violations> {
    let mut report = Report::default();
    parts(&mut report, request, [&BATCH_PRINCIPAL, &BATCH_RESOURCES, &BATCH_AUX_DATA]);
    Violations::of(report.found)
}

impl Report {
    fn resource_set(&mut self, path: Path<'_>, set: &ResourceSet<'_>) {
        self.required(path.field(&KIND), !set.kind.is_empty());
        self.version(path.field(&POLICY_VERSION), set.policy_version);
        self.required(path.field(&INSTANCES), !set.instances.is_empty());
        self.scope(path.field(&SCOPE), set.scope);
    }
}
