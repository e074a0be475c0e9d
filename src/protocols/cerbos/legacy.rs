//! The deprecated `CheckResourceSet` and `CheckResourceBatch`: other messages around the questions of
//! `CheckResources`, decided by the same code.

use super::check::answer;
use crate::engine::request::Resource;
use crate::service::{Failure, Turn};
use crate::wire::message::{CheckResourceSet, CheckResources, ResourceEntry};
use crate::wire::reply::CheckResourcesReply;
use crate::wire::validate;

/// Checks and decides a `CheckResourceSetRequest`.
///
/// # Errors
/// As `CheckResources`.
pub(super) fn check_set<'a, T>(
    turn: &Turn<'a>,
    asked: &CheckResourceSet<'a>,
    encode: impl FnOnce(&CheckResourcesReply<'_>) -> T,
) -> Result<T, Failure> {
    validate::check_resource_set(asked)?;
    let set = asked.resource.unwrap_or_default();
    // Before they are spread out.
    turn.limit_resources(set.instances.len())?;
    let entries = set.instances.iter().map(|(id, attr)| ResourceEntry {
        actions: asked.actions,
        resource: Some(Resource {
            kind: set.kind,
            id,
            attr: *attr,
            policy_version: set.policy_version,
            scope: set.scope,
        }),
    });
    let asked = CheckResources {
        request_id: asked.request_id,
        include_meta: asked.include_meta,
        principal: asked.principal,
        resources: turn.bump.alloc_slice_fill_iter(entries),
        aux_data: asked.aux_data,
        request_context: None,
    };
    answer(turn, &asked, encode)
}

/// Checks and decides a `CheckResourceBatchRequest`.
///
/// # Errors
/// As `CheckResources`.
pub(super) fn check_batch<'a, T>(
    turn: &Turn<'a>,
    asked: &CheckResources<'a>,
    encode: impl FnOnce(&CheckResourcesReply<'_>) -> T,
) -> Result<T, Failure> {
    validate::check_resource_batch(asked)?;
    answer(turn, asked, encode)
}
