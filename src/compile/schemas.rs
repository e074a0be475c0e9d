//! The schemas that resource policies refer to: found, compiled, or reported at the reference.

use super::lower::Lowering;
use crate::engine::table::{AttributeSchemas, SchemaUse};
use crate::policy::model::{Policy, ResourcePolicy, SchemaRef};
use crate::schema::Enforcement;
use crate::source::Diagnostic;

impl<'p> Lowering<'p, '_> {
    /// The schemas of a policy. Those of scoped policies are checked, and have no effect: the root's apply.
    pub(super) fn schemas(&mut self, policy: &'p Policy, body: &'p ResourcePolicy) -> Option<Box<AttributeSchemas>> {
        let principal = body.schemas.principal.as_ref().and_then(|r| self.schema(policy, r, "principal"));
        let resource = body.schemas.resource.as_ref().and_then(|r| self.schema(policy, r, "resource"));
        if body.scope.value.is_empty() && (principal.is_some() || resource.is_some()) {
            return Some(Box::new(AttributeSchemas { principal, resource }));
        }
        None
    }

    fn schema(&mut self, policy: &'p Policy, reference: &'p SchemaRef, whose: &str) -> Option<SchemaUse> {
        // Patterns are checked whether or not the schema can be had.
        let ignored = reference.ignore_when_actions.iter().map(|a| self.allow_action(policy, a)).collect();
        match self.context.library.schema(&reference.reference.value) {
            Ok(schema) => Some(SchemaUse { schema, ignored }),
            Err(reason) => {
                let text = format!("Failed to load {whose} schema \"{}\": {reason}", reference.reference.value);
                let at = reference.reference.at;
                self.diagnostics.push(if self.context.options.schemas == Enforcement::None {
                    Diagnostic::warning("TG0513", &policy.file, at, text)
                } else {
                    Diagnostic::error("TG0513", &policy.file, at, text)
                });
                None
            }
        }
    }
}
