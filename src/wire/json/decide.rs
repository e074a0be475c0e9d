//! `toolgate.v1.DecideRequest` and `DecideBatchRequest` in JSON. Arguments come as a JSON object, `arguments`, and are
//! kept as the bytes they were sent as.

use super::error::JsonError;
use super::node::Node;
use super::walk::{Name, Walk};
use crate::wire::message::{Agent, Arguments, Decide, EMPTY, Identity, Session, SessionCall, Tool};

const BATCH: &[Name] = &[("calls", "calls")];
const REQUEST: &[Name] = &[
    ("callId", "call_id"),
    ("identity", "identity"),
    ("agent", "agent"),
    ("tool", "tool"),
    ("arguments", "arguments"),
    ("session", "session"),
    ("context", "context"),
    ("includeDigest", "include_digest"),
    ("includeTrace", "include_trace"),
];
const IDENTITY: &[Name] =
    &[("id", "id"), ("roles", "roles"), ("attr", "attr"), ("scope", "scope"), ("policyVersion", "policy_version")];
const AGENT: &[Name] = &[("id", "id"), ("roles", "roles"), ("attr", "attr"), ("chain", "chain")];
const TOOL: &[Name] = &[("server", "server"), ("name", "name"), ("annotations", "annotations"), ("pinned", "pinned")];
const SESSION: &[Name] = &[("id", "id"), ("user", "user"), ("labels", "labels"), ("calls", "calls")];
const CALL: &[Name] = &[("server", "server"), ("name", "name")];

impl<'a> Walk<'a> {
    pub(super) fn decide_batch(&self, node: &'a Node<'a>) -> Result<&'a [Decide<'a>], JsonError> {
        let mut calls: &'a [Decide<'a>] = &[];
        self.message(node, BATCH, |_, node| {
            calls = self.repeated(node, Decide::EMPTY, |node| self.decide(node))?;
            Ok(())
        })?;
        Ok(calls)
    }

    pub(super) fn decide(&self, node: &'a Node<'a>) -> Result<Decide<'a>, JsonError> {
        let mut call = Decide::EMPTY;
        self.message(node, REQUEST, |field, node| {
            match field {
                0 => call.call_id = self.string(node, "callId")?,
                1 => call.identity = Some(self.identity(node)?),
                2 => call.agent = Some(self.agent(node)?),
                3 => call.tool = Some(self.tool(node)?),
                4 => {
                    let map = self.values(node, self.depth)?;
                    call.arguments = Arguments::Parsed { raw: self.raw(node), map };
                }
                5 => call.session = Some(self.session(node)?),
                6 => call.context = self.values(node, self.depth)?,
                7 => call.include_digest = self.bool(node, "includeDigest")?,
                _ => call.include_trace = self.bool(node, "includeTrace")?,
            }
            Ok(())
        })?;
        Ok(call)
    }

    pub(super) fn identity(&self, node: &'a Node<'a>) -> Result<Identity<'a>, JsonError> {
        let mut identity = Identity { id: "", roles: &[], attr: EMPTY, scope: "", policy_version: "" };
        self.message(node, IDENTITY, |field, node| {
            match field {
                0 => identity.id = self.string(node, "id")?,
                1 => identity.roles = self.strings(node, "roles")?,
                2 => identity.attr = self.values(node, self.depth)?,
                3 => identity.scope = self.string(node, "scope")?,
                _ => identity.policy_version = self.string(node, "policyVersion")?,
            }
            Ok(())
        })?;
        Ok(identity)
    }

    pub(super) fn agent(&self, node: &'a Node<'a>) -> Result<Agent<'a>, JsonError> {
        let mut agent = Agent { id: "", roles: &[], attr: EMPTY, chain: &[] };
        self.message(node, AGENT, |field, node| {
            match field {
                0 => agent.id = self.string(node, "id")?,
                1 => agent.roles = self.strings(node, "roles")?,
                2 => agent.attr = self.values(node, self.depth)?,
                _ => agent.chain = self.strings(node, "chain")?,
            }
            Ok(())
        })?;
        Ok(agent)
    }

    pub(super) fn tool(&self, node: &'a Node<'a>) -> Result<Tool<'a>, JsonError> {
        let mut tool = Tool { server: "", name: "", annotations: EMPTY, pinned: false };
        self.message(node, TOOL, |field, node| {
            match field {
                0 => tool.server = self.string(node, "server")?,
                1 => tool.name = self.string(node, "name")?,
                2 => tool.annotations = self.values(node, self.depth)?,
                _ => tool.pinned = self.bool(node, "pinned")?,
            }
            Ok(())
        })?;
        Ok(tool)
    }

    pub(super) fn session(&self, node: &'a Node<'a>) -> Result<Session<'a>, JsonError> {
        let mut session = Session::default();
        self.message(node, SESSION, |field, node| {
            match field {
                0 => session.id = self.string(node, "id")?,
                1 => session.user = self.string(node, "user")?,
                2 => session.labels = self.strings(node, "labels")?,
                _ => session.calls = self.repeated(node, SessionCall::default(), |node| self.call(node))?,
            }
            Ok(())
        })?;
        Ok(session)
    }

    fn call(&self, node: &'a Node<'a>) -> Result<SessionCall<'a>, JsonError> {
        let mut call = SessionCall::default();
        self.message(node, CALL, |field, node| {
            match field {
                0 => call.server = self.string(node, "server")?,
                _ => call.name = self.string(node, "name")?,
            }
            Ok(())
        })?;
        Ok(call)
    }
}
