//! `cerbos.request.v1.CheckResourcesRequest` in JSON.

use super::error::JsonError;
use super::node::Node;
use super::walk::{Name, Walk};
use crate::engine::request::{Principal, Resource};
use crate::wire::message::{CheckResources, EMPTY, ResourceEntry, Token, Tokens};

const REQUEST: &[Name] = &[
    ("requestId", "request_id"),
    ("includeMeta", "include_meta"),
    ("principal", "principal"),
    ("resources", "resources"),
    ("auxData", "aux_data"),
    ("requestContext", "request_context"),
];
const ENTRY: &[Name] = &[("actions", "actions"), ("resource", "resource")];
const PRINCIPAL: &[Name] =
    &[("id", "id"), ("policyVersion", "policy_version"), ("roles", "roles"), ("attr", "attr"), ("scope", "scope")];
const RESOURCE: &[Name] =
    &[("kind", "kind"), ("policyVersion", "policy_version"), ("id", "id"), ("attr", "attr"), ("scope", "scope")];
const TOKENS: &[Name] = &[("jwt", "jwt"), ("jwts", "jwts")];
const TOKEN: &[Name] = &[("token", "token"), ("keySetId", "key_set_id")];
const CONTEXT: &[Name] = &[("annotations", "annotations")];

impl<'a> Walk<'a> {
    pub(super) fn check_resources(&self, node: &'a Node<'a>) -> Result<CheckResources<'a>, JsonError> {
        let mut request = CheckResources::default();
        self.message(node, REQUEST, |field, node| {
            match field {
                0 => request.request_id = self.string(node, "requestId")?,
                1 => request.include_meta = self.bool(node, "includeMeta")?,
                2 => request.principal = Some(self.principal(node)?),
                3 => {
                    let empty = ResourceEntry { actions: &[], resource: None };
                    request.resources = self.repeated(node, empty, |node| self.entry(node))?;
                }
                4 => request.aux_data = Some(self.tokens(node)?),
                _ => request.request_context = Some(self.context(node)?),
            }
            Ok(())
        })?;
        Ok(request)
    }

    pub(super) fn principal(&self, node: &'a Node<'a>) -> Result<Principal<'a>, JsonError> {
        let mut principal = Principal { id: "", roles: &[], attr: EMPTY, policy_version: "", scope: "" };
        self.message(node, PRINCIPAL, |field, node| {
            match field {
                0 => principal.id = self.string(node, "id")?,
                1 => principal.policy_version = self.string(node, "policyVersion")?,
                2 => principal.roles = self.strings(node, "roles")?,
                3 => principal.attr = self.values(node, self.depth)?,
                _ => principal.scope = self.string(node, "scope")?,
            }
            Ok(())
        })?;
        Ok(principal)
    }

    pub(super) fn entry(&self, node: &'a Node<'a>) -> Result<ResourceEntry<'a>, JsonError> {
        let mut entry = ResourceEntry { actions: &[], resource: None };
        self.message(node, ENTRY, |field, node| {
            match field {
                0 => entry.actions = self.strings(node, "actions")?,
                _ => entry.resource = Some(self.resource(node)?),
            }
            Ok(())
        })?;
        Ok(entry)
    }

    fn resource(&self, node: &'a Node<'a>) -> Result<Resource<'a>, JsonError> {
        let mut resource = Resource { kind: "", id: "", attr: EMPTY, policy_version: "", scope: "" };
        self.message(node, RESOURCE, |field, node| {
            match field {
                0 => resource.kind = self.string(node, "kind")?,
                1 => resource.policy_version = self.string(node, "policyVersion")?,
                2 => resource.id = self.string(node, "id")?,
                3 => resource.attr = self.values(node, self.depth)?,
                _ => resource.scope = self.string(node, "scope")?,
            }
            Ok(())
        })?;
        Ok(resource)
    }

    pub(super) fn tokens(&self, node: &'a Node<'a>) -> Result<Tokens<'a>, JsonError> {
        let mut tokens = Tokens { jwt: None, jwts: &[] };
        self.message(node, TOKENS, |field, node| {
            match field {
                0 => tokens.jwt = Some(self.token(node)?),
                _ => tokens.jwts = self.map(node, Token::default(), |node| self.token(node))?,
            }
            Ok(())
        })?;
        Ok(tokens)
    }

    fn token(&self, node: &'a Node<'a>) -> Result<Token<'a>, JsonError> {
        let mut token = Token::default();
        self.message(node, TOKEN, |field, node| {
            match field {
                0 => token.token = self.string(node, "token")?,
                _ => token.key_set_id = self.string(node, "keySetId")?,
            }
            Ok(())
        })?;
        Ok(token)
    }

    pub(super) fn context(&self, node: &'a Node<'a>) -> Result<crate::cel::value::Map<'a>, JsonError> {
        let mut annotations = EMPTY;
        self.message(node, CONTEXT, |_, node| {
            annotations = self.values(node, self.depth)?;
            Ok(())
        })?;
        Ok(annotations)
    }
}
