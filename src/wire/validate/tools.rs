//! The rules of `toolgate.v1.PlanToolsRequest`.

use super::decide::{AGENT, CONTEXT, IDENTITY, SESSION};
use super::rules::{Path, Report, message};
use super::{Field, Violations};
use crate::wire::message::PlanTools;

/// Most tools of one plan.
pub const MAX_TOOLS: usize = 1000;

static TOOLS: Field = message(4, "tools");

/// Checks a `PlanToolsRequest`.
pub fn plan_tools(request: &PlanTools<'_>) -> Result<(), Violations> {
    let mut report = Report::default();
    let path = Path::root(&IDENTITY);
    match &request.identity {
        Some(identity) => report.identity(path, identity),
        None => _ = report.required(path, false),
    }
    if let Some(agent) = &request.agent {
        report.agent(Path::root(&AGENT), agent);
    }
    let path = Path::root(&TOOLS);
    report.required(path, !request.tools.is_empty());
    if request.tools.len() > MAX_TOOLS {
        report.too_many(path, "must contain no more than 1000 item(s)");
    }
    for (i, tool) in request.tools.iter().enumerate() {
        if report.full() {
            break;
        }
        report.tool(path.item(i), tool);
    }
    if let Some(session) = &request.session {
        report.session(Path::root(&SESSION), session);
    }
    report.keys(Path::root(&CONTEXT), request.context);
    Violations::of(report.found)
}
