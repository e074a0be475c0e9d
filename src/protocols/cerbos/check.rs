//! `CheckResources`, whatever it came as: rules, limits, one decision a resource, and the reply to encode.

use crate::audit::About;
use crate::engine::Wants;
use crate::engine::request::Request;
use crate::service::{Failure, Turn};
use crate::wire::message::CheckResources;
use crate::wire::reply::{CheckResourcesReply, CheckResult};
use crate::wire::validate;

/// Checks and decides a decoded request, and hands the reply to `encode`.
///
/// # Errors
/// If the request breaks a rule, exceeds a limit, or comes with a token that cannot be verified.
pub(super) fn check<'a, T>(
    turn: &Turn<'a>,
    asked: &CheckResources<'a>,
    encode: impl FnOnce(&CheckResourcesReply<'_>) -> T,
) -> Result<T, Failure> {
    validate::check_resources(asked)?;
    answer(turn, asked, encode)
}

/// [`check`] without the rules of fields, which other messages have others of.
///
/// # Errors
/// If the request exceeds a limit or comes with tokens.
pub(in crate::protocols) fn answer<'a, T>(
    turn: &Turn<'a>,
    asked: &CheckResources<'a>,
    encode: impl FnOnce(&CheckResourcesReply<'_>) -> T,
) -> Result<T, Failure> {
    turn.limit_resources(asked.resources.len())?;
    for entry in asked.resources {
        turn.limit_actions(entry.actions.len())?;
    }
    turn.describe(&About {
        request_id: asked.request_id,
        include_meta: asked.include_meta,
        context: asked.request_context,
        ..About::default()
    });
    let aux = turn.claims(asked.aux_data.as_ref())?;
    let wants = Wants { derived_roles: asked.include_meta, ..Wants::default() };
    let decided = asked.resources.iter().filter_map(|entry| {
        // Both are there: the rules were checked.
        let (principal, resource) = (asked.principal?, entry.resource?);
        let request = Request { principal, resource, actions: entry.actions, aux };
        let decision = turn.decide(&request, wants);
        turn.count_effects(&decision);
        Some(CheckResult { resource, decision })
    });
    let results = bumpalo::collections::Vec::from_iter_in(decided, turn.bump).into_bump_slice();
    let id = turn.call_id();
    Ok(encode(&CheckResourcesReply {
        request_id: asked.request_id,
        results,
        call_id: id.as_str(),
        include_meta: asked.include_meta,
    }))
}
