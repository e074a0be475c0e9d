//! `cerbos.request.v1.PlanResourcesRequest` in JSON.

use super::error::JsonError;
use super::node::Node;
use super::walk::{Name, Walk};
use crate::engine::request::Resource;
use crate::wire::message::{EMPTY, PlanResources};

const REQUEST: &[Name] = &[
    ("requestId", "request_id"),
    ("action", "action"),
    ("actions", "actions"),
    ("principal", "principal"),
    ("resource", "resource"),
    ("auxData", "aux_data"),
    ("includeMeta", "include_meta"),
    ("requestContext", "request_context"),
];
const RESOURCE: &[Name] =
    &[("kind", "kind"), ("attr", "attr"), ("policyVersion", "policy_version"), ("scope", "scope")];

impl<'a> Walk<'a> {
    pub(super) fn plan_resources(&self, node: &'a Node<'a>) -> Result<PlanResources<'a>, JsonError> {
        let mut request = PlanResources::EMPTY;
        self.message(node, REQUEST, |field, node| {
            match field {
                0 => request.request_id = self.string(node, "requestId")?,
                1 => request.action = self.string(node, "action")?,
                2 => request.actions = self.strings(node, "actions")?,
                3 => request.principal = Some(self.principal(node)?),
                4 => request.resource = Some(self.known_resource(node)?),
                5 => request.aux_data = Some(self.tokens(node)?),
                6 => request.include_meta = self.bool(node, "includeMeta")?,
                _ => request.request_context = Some(self.context(node)?),
            }
            Ok(())
        })?;
        Ok(request)
    }

    fn known_resource(&self, node: &'a Node<'a>) -> Result<Resource<'a>, JsonError> {
        let mut resource = Resource { kind: "", id: "", attr: EMPTY, policy_version: "", scope: "" };
        self.message(node, RESOURCE, |field, node| {
            match field {
                0 => resource.kind = self.string(node, "kind")?,
                1 => resource.attr = self.values(node, self.depth)?,
                2 => resource.policy_version = self.string(node, "policyVersion")?,
                _ => resource.scope = self.string(node, "scope")?,
            }
            Ok(())
        })?;
        Ok(resource)
    }
}
