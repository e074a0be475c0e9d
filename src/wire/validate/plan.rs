//! The rules of `cerbos.request.v1.PlanResourcesRequest`.

use super::check::{ANNOTATIONS, AUX_DATA, KIND, PRINCIPAL};
use super::rules::{Path, Report, message, text};
use super::{Field, Violations};
use crate::wire::message::PlanResources;

/// Most actions of one plan.
pub const MAX_PLAN_ACTIONS: usize = 20;

static RESOURCE: Field = message(4, "resource");
static ACTIONS: Field = text(7, "actions");
static REQUEST_CONTEXT: Field = message(8, "request_context");
static POLICY_VERSION: Field = text(3, "policy_version");
static SCOPE: Field = text(4, "scope");

/// Checks a `PlanResourcesRequest`.
pub fn plan_resources(request: &PlanResources<'_>) -> Result<(), Violations> {
    let mut report = Report::default();
    if request.action.is_empty() == request.actions.is_empty() {
        let text = "Exactly one of 'action' or 'actions' field must be set";
        report.whole("exclusiveFieldsActionOrActions", text);
    }
    // Lists of the request itself come before its parts, as in the reference.
    let path = Path::root(&ACTIONS);
    if request.actions.len() > MAX_PLAN_ACTIONS {
        report.too_many(path, "must contain no more than 20 item(s)");
    }
    report.unique(path, request.actions);
    let path = Path::root(&PRINCIPAL);
    match &request.principal {
        Some(principal) => report.principal(path, principal),
        None => _ = report.required(path, false),
    }
    let path = Path::root(&RESOURCE);
    match &request.resource {
        Some(resource) => {
            report.required(path.field(&KIND), !resource.kind.is_empty());
            report.version(path.field(&POLICY_VERSION), resource.policy_version);
            report.scope(path.field(&SCOPE), resource.scope);
        }
        None => _ = report.required(path, false),
    }
    if let Some(tokens) = &request.aux_data {
        report.tokens(Path::root(&AUX_DATA), tokens);
    }
    if let Some(annotations) = request.request_context {
        report.keys(Path::root(&REQUEST_CONTEXT).field(&ANNOTATIONS), annotations);
    }
    Violations::of(report.found)
}
