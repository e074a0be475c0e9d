//! Equal meaning of an arena message and a prost message. Doubles are compared by bits; an unset value is null.

use std::collections::HashMap;

use prost_types::value::Kind;

use crate::cel::value::{List, Map, SORTED_ABOVE, Value};
use crate::engine::request::{Principal, Resource};
use crate::proto::cerbos::{audit, engine, request};
use crate::proto::toolgate::v1 as toolgate;
use crate::wire::message::{Agent, Arguments, CheckResources, Decide, Identity, Session, Token, Tool};

pub(super) fn check(ours: &CheckResources<'_>, theirs: &request::v1::CheckResourcesRequest) -> bool {
    ours.request_id == theirs.request_id
        && ours.include_meta == theirs.include_meta
        && both(ours.principal.as_ref(), theirs.principal.as_ref(), principal)
        && ours.resources.len() == theirs.resources.len()
        && ours
            .resources
            .iter()
            .zip(&theirs.resources)
            .all(|(a, b)| strings(a.actions, &b.actions) && both(a.resource.as_ref(), b.resource.as_ref(), resource))
        && both(ours.aux_data.as_ref(), theirs.aux_data.as_ref(), |a, b| {
            both(a.jwt.as_ref(), b.jwt.as_ref(), token)
                && a.jwts.len() == b.jwts.len()
                && a.jwts.iter().all(|(name, t)| b.jwts.get(*name).is_some_and(|other| token(t, other)))
        })
        && both(ours.request_context.as_ref(), theirs.request_context.as_ref(), |a, b: &audit::v1::RequestContext| {
            map(*a, &b.annotations)
        })
}

pub(super) fn decide(ours: &Decide<'_>, theirs: &toolgate::DecideRequest) -> bool {
    ours.call_id == theirs.call_id
        && both(ours.identity.as_ref(), theirs.identity.as_ref(), identity)
        && both(ours.agent.as_ref(), theirs.agent.as_ref(), agent)
        && both(ours.tool.as_ref(), theirs.tool.as_ref(), tool)
        && arguments(ours.arguments, theirs.arguments_form.as_ref())
        && both(ours.session.as_ref(), theirs.session.as_ref(), session)
        && map(ours.context, &theirs.context)
        && ours.include_digest == theirs.include_digest
        && ours.include_trace == theirs.include_trace
}

fn arguments(ours: Arguments<'_>, theirs: Option<&toolgate::decide_request::ArgumentsForm>) -> bool {
    use toolgate::decide_request::ArgumentsForm;
    match (ours, theirs) {
        (Arguments::Absent, None) => true,
        (Arguments::Json(a), Some(ArgumentsForm::ArgumentsJson(b))) => a == b.as_slice(),
        (Arguments::Struct(a), Some(ArgumentsForm::Arguments(b))) => map_of(a, b.fields.len(), |k| b.fields.get(k)),
        _ => false,
    }
}

fn principal(a: &Principal<'_>, b: &engine::v1::Principal) -> bool {
    a.id == b.id
        && strings(a.roles, &b.roles)
        && map(a.attr, &b.attr)
        && a.policy_version == b.policy_version
        && a.scope == b.scope
}

fn resource(a: &Resource<'_>, b: &engine::v1::Resource) -> bool {
    a.kind == b.kind
        && a.id == b.id
        && map(a.attr, &b.attr)
        && a.policy_version == b.policy_version
        && a.scope == b.scope
}

fn token(a: &Token<'_>, b: &request::v1::aux_data::Jwt) -> bool {
    a.token == b.token && a.key_set_id == b.key_set_id
}

fn identity(a: &Identity<'_>, b: &toolgate::Identity) -> bool {
    a.id == b.id
        && strings(a.roles, &b.roles)
        && map(a.attr, &b.attr)
        && a.scope == b.scope
        && a.policy_version == b.policy_version
}

fn agent(a: &Agent<'_>, b: &toolgate::Agent) -> bool {
    a.id == b.id && strings(a.roles, &b.roles) && map(a.attr, &b.attr) && strings(a.chain, &b.chain)
}

fn tool(a: &Tool<'_>, b: &toolgate::Tool) -> bool {
    a.server == b.server && a.name == b.name && map(a.annotations, &b.annotations) && a.pinned == b.pinned
}

fn session(a: &Session<'_>, b: &toolgate::Session) -> bool {
    a.id == b.id
        && a.user == b.user
        && strings(a.labels, &b.labels)
        && a.calls.len() == b.calls.len()
        && a.calls.iter().zip(&b.calls).all(|(x, y)| x.server == y.server && x.name == y.name)
}

fn both<A, B>(a: Option<&A>, b: Option<&B>, same: impl Fn(&A, &B) -> bool) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same(a, b),
        _ => false,
    }
}

fn strings(a: &[&str], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| *x == y.as_str())
}

fn map(ours: Map<'_>, theirs: &HashMap<String, prost_types::Value>) -> bool {
    map_of(ours, theirs.len(), |k| theirs.get(k))
}

/// The same entries, found by look-up, and the map's own invariant.
fn map_of<'t>(ours: Map<'_>, len: usize, theirs: impl Fn(&str) -> Option<&'t prost_types::Value>) -> bool {
    let Map::Fields(fields) = ours else { return false };
    fields.len() == len
        && (len <= SORTED_ABOVE || fields.is_sorted_by(|a, b| a.0 < b.0))
        && fields
            .iter()
            .all(|(name, _)| ours.get_str(name).zip(theirs(name)).is_some_and(|(a, b)| value(a, b.kind.as_ref())))
}

fn value(ours: Value<'_>, theirs: Option<&Kind>) -> bool {
    match (ours, theirs) {
        (Value::Null, None | Some(Kind::NullValue(_))) => true,
        (Value::Double(a), Some(Kind::NumberValue(b))) => a.to_bits() == b.to_bits(),
        (Value::String(a), Some(Kind::StringValue(b))) => a == b,
        (Value::Bool(a), Some(Kind::BoolValue(b))) => a == *b,
        (Value::List(List::Values(a)), Some(Kind::ListValue(b))) => {
            a.len() == b.values.len() && a.iter().zip(&b.values).all(|(x, y)| value(*x, y.kind.as_ref()))
        }
        (Value::Map(a), Some(Kind::StructValue(b))) => map_of(a, b.fields.len(), |k| b.fields.get(k)),
        _ => false,
    }
}
