//! `PlanResources`, whatever it came as: rules, one plan, and the reply to encode.

use crate::audit::About;
use crate::engine::request::Request;
use crate::service::{Failure, Turn};
use crate::wire::message::PlanResources;
use crate::wire::reply::PlanResourcesReply;
use crate::wire::validate;

/// Checks and plans a decoded request, and hands the reply to `encode`.
///
/// # Errors
/// If the request breaks a rule, comes with a token that cannot be verified, or has no plan.
pub(super) fn plan<'a, T>(
    turn: &Turn<'a>,
    asked: &PlanResources<'a>,
    encode: impl FnOnce(&PlanResourcesReply<'_>) -> T,
) -> Result<T, Failure> {
    validate::plan_resources(asked)?;
    turn.describe(&About {
        request_id: asked.request_id,
        action: asked.action,
        include_meta: asked.include_meta,
        context: asked.request_context,
    });
    let aux = turn.claims(asked.aux_data.as_ref())?;
    // Both are there: the rules were checked.
    let (Some(principal), Some(resource)) = (asked.principal, asked.resource) else { return Err(Failure::PlanFailed) };
    let single = turn.bump.alloc([asked.action]);
    let actions = if asked.actions.is_empty() { &*single } else { asked.actions };
    let request = Request { principal, resource, actions, aux };
    let plan = turn.plan(&request, false)?;
    let id = turn.call_id();
    Ok(encode(&PlanResourcesReply {
        request_id: asked.request_id,
        action: asked.action,
        actions: asked.actions,
        resource,
        plan: &plan,
        call_id: id.as_str(),
        include_meta: asked.include_meta,
    }))
}
