//! A tool call in the policy language: what `P` and `R` hold. The table is in `docs/tool-calls.md`.

use bumpalo::Bump;

use super::model::ToolCall;
use crate::cel::value::{List, Map, Value};
use crate::engine::request::{AuxData, Principal, Request, Resource};
use crate::wire::map::sort;
use crate::wire::validate::RESERVED_ATTRIBUTE;

/// What resource kinds of tool servers begin with.
pub const DEFAULT_KIND_PREFIX: &str = "mcp::";
/// `R.id` of a call without an id: policies and the reference's rules expect one.
pub const NO_CALL_ID: &str = "-";

/// A tool call as the engine's questions. All must be allowed.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// With the identity as the principal.
    pub identity: Request<'a>,
    /// With the agent as the principal; only if it has roles of its own.
    pub agent: Option<Request<'a>>,
}

impl<'a> View<'a> {
    /// Maps a call. `kind_prefix` is usually [`DEFAULT_KIND_PREFIX`].
    pub fn of(call: &ToolCall<'a>, kind_prefix: &str, bump: &'a Bump) -> Self {
        let resource = resource(call, kind_prefix, bump);
        let actions = bump.alloc([call.tool.name]);
        let agent = call.agent.as_ref().map(|agent| {
            let texts = |items: &'a [&'a str]| Value::List(List::Strings(items));
            let fields: [(&str, Value<'a>); 4] = [
                ("id", Value::String(agent.id)),
                ("roles", texts(agent.roles)),
                ("attr", Value::Map(agent.attr)),
                ("chain", texts(agent.chain)),
            ];
            map(&fields, bump)
        });
        let question = |id, roles, attr| {
            let attr = with_agent(attr, agent, bump);
            let (policy_version, scope) = (call.identity.policy_version, call.identity.scope);
            let principal = Principal { id, roles, attr, policy_version, scope };
            Request { principal, resource, actions, aux: AuxData::EMPTY }
        };
        let identity = &call.identity;
        Self {
            identity: question(identity.id, identity.roles, identity.attr),
            agent: call
                .agent
                .filter(|agent| !agent.roles.is_empty())
                .map(|agent| question(agent.id, agent.roles, agent.attr)),
        }
    }
}

/// Attributes and the member `agent`. Callers cannot send one of that name: it was refused by the field rules, and
/// here what we know replaces it.
fn with_agent<'a>(attr: Map<'a>, agent: Option<Value<'a>>, bump: &'a Bump) -> Map<'a> {
    if agent.is_none() && attr.get_str(RESERVED_ATTRIBUTE).is_none() {
        return attr;
    }
    let mut fields = bumpalo::collections::Vec::with_capacity_in(attr.len() + 1, bump);
    for (key, value) in attr.iter() {
        if let Value::String(key) = key
            && key != RESERVED_ATTRIBUTE
        {
            fields.push((key, value));
        }
    }
    fields.extend(agent.map(|agent| (RESERVED_ATTRIBUTE, agent)));
    let fields = fields.into_bump_slice_mut();
    sort(fields);
    Map::Fields(fields)
}

fn resource<'a>(call: &ToolCall<'a>, kind_prefix: &str, bump: &'a Bump) -> Resource<'a> {
    let mut kind = bumpalo::collections::String::with_capacity_in(kind_prefix.len() + call.tool.server.len(), bump);
    kind.push_str(kind_prefix);
    kind.push_str(call.tool.server);
    let attr = bump.alloc([
        ("arguments", Value::Map(call.arguments.map())),
        ("session", session(call, bump)),
        ("tool", tool(call, bump)),
        ("context", Value::Map(call.context)),
    ]);
    Resource {
        kind: kind.into_bump_str(),
        id: if call.call_id.is_empty() { NO_CALL_ID } else { call.call_id },
        attr: Map::Fields(attr),
        policy_version: call.identity.policy_version,
        scope: call.identity.scope,
    }
}

fn session<'a>(call: &ToolCall<'a>, bump: &'a Bump) -> Value<'a> {
    let session = &call.session;
    let calls = bump.alloc_slice_fill_iter(
        session
            .calls
            .iter()
            .map(|call| map(&[("server", Value::String(call.server)), ("name", Value::String(call.name))], bump)),
    );
    let fields = [
        ("labels", Value::List(List::Strings(session.labels))),
        ("calls", Value::list(calls)),
        ("id", Value::String(session.id)),
        ("user", Value::String(session.user)),
    ];
    let set = |(name, value): &(&'static str, Value<'a>)| match value {
        Value::String(text) => !text.is_empty(),
        _ => matches!(*name, "labels" | "calls"),
    };
    some(fields.into_iter().filter(set), bump)
}

fn tool<'a>(call: &ToolCall<'a>, bump: &'a Bump) -> Value<'a> {
    let tool = &call.tool;
    let annotations = (!tool.annotations.is_empty()).then_some(("annotations", Value::Map(tool.annotations)));
    let fields = [
        ("server", Value::String(tool.server)),
        ("name", Value::String(tool.name)),
        ("pinned", Value::Bool(tool.pinned)),
    ];
    some(fields.into_iter().chain(annotations), bump)
}

fn map<'a>(fields: &[(&'static str, Value<'a>)], bump: &'a Bump) -> Value<'a> {
    some(fields.iter().copied(), bump)
}

fn some<'a>(fields: impl Iterator<Item = (&'static str, Value<'a>)>, bump: &'a Bump) -> Value<'a> {
    let mut kept = bumpalo::collections::Vec::with_capacity_in(4, bump);
    kept.extend(fields.map(|(name, value)| -> (&'a str, Value<'a>) { (name, value) }));
    Value::Map(Map::Fields(kept.into_bump_slice()))
}
