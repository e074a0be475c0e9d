//! What is known of principal and resource, held against the schemas of the resource policy. What the resource lacks
//! may be among what is not known, so that this alone is no fault.

use bumpalo::collections::Vec as BumpVec;

use super::PlanError;
use super::inputs::Inputs;
use crate::cel::value::Map;
use crate::engine::decision::ValidationError;
use crate::engine::table::{NameRef, SchemaUse};
use crate::schema::{Enforcement, Violation};

/// Faults of the attributes, and whether they deny everything.
///
/// # Errors
/// If there are too many attributes to look at.
pub(super) fn faults<'a>(inputs: &Inputs<'a>) -> Result<(&'a [ValidationError<'a>], bool), PlanError> {
    let enforcement = inputs.params.schemas;
    let reference = super::is_reference(inputs.params.semantics);
    // As in decisions: the reference looks for schemas only where a policy of the kind lives in the scope itself.
    let applies = inputs.levels.first().is_some_and(|leaf| leaf.policy.is_some() || !reference);
    let root = NameRef { name: inputs.kind, version: inputs.version, scope: "" };
    let policy = inputs.table.resources.get(&root).filter(|_| applies && enforcement != Enforcement::None);
    let Some(schemas) = policy.and_then(|p| p.schemas.as_deref()) else { return Ok((&[], false)) };
    let mut found = BumpVec::new_in(inputs.cx.bump);
    let all = |_: &Violation| true;
    let known =
        |v: &Violation| !(v.message.starts_with("missing properties: ") && (reference || matches!(&*v.path, "" | "/")));
    validate(inputs, schemas.principal.as_ref(), inputs.request.principal.attr, true, all, &mut found);
    validate(inputs, schemas.resource.as_ref(), inputs.request.resource.attr, false, known, &mut found);
    if inputs.cx.budget.is_exhausted() {
        return Err(PlanError::Budget);
    }
    let denied = enforcement == Enforcement::Reject && !found.is_empty();
    Ok((found.into_bump_slice(), denied))
}

fn validate<'a>(
    inputs: &Inputs<'a>,
    schema: Option<&'a SchemaUse>,
    attributes: Map<'a>,
    principal: bool,
    counts: impl Fn(&Violation) -> bool,
    found: &mut BumpVec<'a, ValidationError<'a>>,
) {
    let Some(schema) = schema else { return };
    let ignored = |action: &&str| schema.ignored.iter().any(|p| p.matches(action));
    if inputs.request.actions.iter().all(ignored) {
        return;
    }
    let bump = inputs.cx.bump;
    for violation in schema.schema.validate(attributes, inputs.cx.budget).iter().filter(|v| counts(v)) {
        let (path, message) = (bump.alloc_str(&violation.path), bump.alloc_str(&violation.message));
        found.push(ValidationError { path, message, principal });
    }
}
