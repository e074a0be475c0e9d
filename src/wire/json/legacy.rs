//! The deprecated `cerbos.request.v1.CheckResourceSetRequest` and `CheckResourceBatchRequest` in JSON.

use super::error::JsonError;
use super::node::Node;
use super::walk::{Name, Walk};
use crate::cel::value::Map;
use crate::wire::message::{CheckResourceSet, CheckResources, EMPTY, ResourceEntry, ResourceSet};

const SET: &[Name] = &[
    ("requestId", "request_id"),
    ("actions", "actions"),
    ("principal", "principal"),
    ("resource", "resource"),
    ("includeMeta", "include_meta"),
    ("auxData", "aux_data"),
];
const RESOURCE_SET: &[Name] =
    &[("kind", "kind"), ("policyVersion", "policy_version"), ("instances", "instances"), ("scope", "scope")];
const ATTRIBUTES: &[Name] = &[("attr", "attr")];
const BATCH: &[Name] =
    &[("requestId", "request_id"), ("principal", "principal"), ("resources", "resources"), ("auxData", "aux_data")];

impl<'a> Walk<'a> {
    pub(super) fn check_resource_set(&self, node: &'a Node<'a>) -> Result<CheckResourceSet<'a>, JsonError> {
        let mut request = CheckResourceSet {
            request_id: "",
            actions: &[],
            principal: None,
            resource: None,
            include_meta: false,
            aux_data: None,
        };
        self.message(node, SET, |field, node| {
            match field {
                0 => request.request_id = self.string(node, "requestId")?,
                1 => request.actions = self.strings(node, "actions")?,
                2 => request.principal = Some(self.principal(node)?),
                3 => request.resource = Some(self.resource_set(node)?),
                4 => request.include_meta = self.bool(node, "includeMeta")?,
                _ => request.aux_data = Some(self.tokens(node)?),
            }
            Ok(())
        })?;
        Ok(request)
    }

    fn resource_set(&self, node: &'a Node<'a>) -> Result<ResourceSet<'a>, JsonError> {
        let mut set = ResourceSet::default();
        self.message(node, RESOURCE_SET, |field, node| {
            match field {
                0 => set.kind = self.string(node, "kind")?,
                1 => set.policy_version = self.string(node, "policyVersion")?,
                2 => set.instances = self.map(node, EMPTY, |node| self.attributes(node))?,
                _ => set.scope = self.string(node, "scope")?,
            }
            Ok(())
        })?;
        Ok(set)
    }

    fn attributes(&self, node: &'a Node<'a>) -> Result<Map<'a>, JsonError> {
        let mut attributes = EMPTY;
        self.message(node, ATTRIBUTES, |_, node| {
            attributes = self.values(node, self.depth)?;
            Ok(())
        })?;
        Ok(attributes)
    }

    pub(super) fn check_resource_batch(&self, node: &'a Node<'a>) -> Result<CheckResources<'a>, JsonError> {
        let mut request = CheckResources::default();
        self.message(node, BATCH, |field, node| {
            match field {
                0 => request.request_id = self.string(node, "requestId")?,
                1 => request.principal = Some(self.principal(node)?),
                2 => {
                    let empty = ResourceEntry { actions: &[], resource: None };
                    request.resources = self.repeated(node, empty, |node| self.entry(node))?;
                }
                _ => request.aux_data = Some(self.tokens(node)?),
            }
            Ok(())
        })?;
        Ok(request)
    }
}
