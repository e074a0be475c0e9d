//! Attributes held against the schemas of the resource policy, before any rule is looked at (spec §14).

use bumpalo::collections::Vec as BumpVec;

use super::call::Call;
use super::decide::Semantics;
use super::decision::{Cause, ValidationError};
use super::table::{AttributeSchemas, NameRef, SchemaUse};
use crate::cel::value::Map;
use crate::schema::Enforcement;

/// Collects what does not fit. A cause, if all actions are to be denied for it.
#[inline(never)]
pub(super) fn refused<'a>(call: &mut Call<'a>) -> Option<Cause<'a>> {
    let schemas = schemas(call)?;
    let mut found = BumpVec::new_in(call.bump);
    let (principal, resource) = (call.request.principal.attr, call.request.resource.attr);
    validate(call, schemas.principal.as_ref(), principal, true, &mut found);
    validate(call, schemas.resource.as_ref(), resource, false, &mut found);
    call.validation_errors = found.into_bump_slice();
    for error in call.validation_errors {
        let whose = if error.principal { "principal" } else { "resource" };
        call.note(format_args!("schema of the {whose}: {}: {}", error.path, error.message));
    }
    if call.budget.is_exhausted() {
        call.exhausted = true;
        return Some(Cause::Budget);
    }
    let reject = call.params.schemas == Enforcement::Reject && !call.validation_errors.is_empty();
    reject.then_some(Cause::Schema)
}

/// Those of the root policy. In the reference there is none where no policy of the kind lives in the scope itself,
/// although the root's rules apply there (X22); by default these rules come with their schemas.
fn schemas<'a>(call: &Call<'a>) -> Option<&'a AttributeSchemas> {
    let safe = call.params.semantics == Semantics::Safe;
    let applies = match call.levels.first() {
        Some(leaf) => leaf.policy.is_some() || safe,
        None => false,
    };
    let table = call.table;
    let root = NameRef { name: call.kind, version: call.version, scope: "" };
    let policy = table.resources.get(&root).filter(|_| applies)?;
    policy.schemas.as_deref()
}

fn validate<'a>(
    call: &Call<'a>,
    schema: Option<&'a SchemaUse>,
    attributes: Map<'a>,
    principal: bool,
    found: &mut BumpVec<'a, ValidationError<'a>>,
) {
    let Some(schema) = schema else { return };
    let ignored = |action: &&str| schema.ignored.iter().any(|p| p.matches(action));
    if call.request.actions.iter().all(ignored) {
        return;
    }
    for violation in schema.schema.validate(attributes, call.budget) {
        let path = call.bump.alloc_str(&violation.path);
        let message = call.bump.alloc_str(&violation.message);
        found.push(ValidationError { path, message, principal });
    }
}
