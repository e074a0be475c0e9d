//! Evaluations → questions of the Cerbos API → decisions. Nothing is shared between the items of a batch but the
//! policies: what one item says of an entity holds for that item alone.

use std::cell::Cell;

use super::coaz;
use crate::cel::value::{Map, Value};
use crate::engine::Semantics;
use crate::engine::decision::Effect;
use crate::engine::request::{Principal, Resource};
use crate::protocols::cerbos::answer;
use crate::service::{Failure, Turn};
use crate::wire::authzen::{Entity, Evaluation, Evaluations};
use crate::wire::encode;
use crate::wire::message::{CheckResources, ResourceEntry, Token, Tokens};
use crate::wire::reply::CheckResourcesReply;
use crate::wire::validate::{self, AUTHZEN_ATTRIBUTE};

/// What starts the names that are meant for this server.
pub(super) const OURS: &str = "cerbos.";

/// The answer to an evaluation.
pub(super) struct Answer {
    pub(super) decision: bool,
    pub(super) context: Option<Context>,
}

/// What is said besides the decision.
pub(super) enum Context {
    /// The JSON of a `CheckResourcesResponse`, because it was asked for.
    Response(Vec<u8>),
    /// Why an item of a batch was not decided.
    Error(Failure),
    /// What a tool call's verdict says, as a JSON object.
    Ruling(Vec<u8>),
}

/// Decides an evaluation that stands for itself.
///
/// # Errors
/// If it breaks a rule or comes with tokens that cannot be verified.
pub(super) fn one<'a>(turn: &Turn<'a>, asked: &Evaluation<'a>, server: Option<&'a str>) -> Result<Answer, Failure> {
    decide(turn, asked, false, server, &Cell::new(turn.settings.wire.arena))
}

/// Decides the items of a batch, in order, until its semantic says that it is enough.
///
/// # Errors
/// If the batch itself breaks a rule. What is wrong with an item is its answer: a denial, and why.
pub(super) fn batch<'a>(
    turn: &Turn<'a>,
    asked: &Evaluations<'a>,
    server: Option<&'a str>,
) -> Result<Vec<Answer>, Failure> {
    validate::evaluations(asked, reserves(turn))?;
    let limit = turn.settings.max_actions.saturating_mul(turn.settings.max_resources);
    if asked.items.len() > limit {
        return Err(Failure::TooManyEvaluations { count: asked.items.len(), limit });
    }
    let last = match asked.semantic {
        "deny_on_first_deny" => Some(false),
        "permit_on_first_permit" => Some(true),
        _ => None,
    };
    let include_meta = flag(asked.defaults.context, "cerbos.includeMeta");
    let copies = Cell::new(turn.settings.wire.arena);
    let mut answers = Vec::with_capacity(asked.items.len());
    for item in asked.items {
        let answer = decide(turn, &item.or(&asked.defaults), include_meta, server, &copies).unwrap_or_else(|failure| {
            turn.conclude_refused(turn.new_id(), "", &failure);
            Answer { decision: false, context: Some(Context::Error(failure)) }
        });
        let stop = last == Some(answer.decision);
        answers.push(answer);
        if stop {
            break;
        }
    }
    Ok(answers)
}

/// Whether policies see what the reference hides from them.
fn reserves(turn: &Turn<'_>) -> bool {
    turn.settings.params.semantics == Semantics::Safe
}

fn decide<'a>(
    turn: &Turn<'a>,
    asked: &Evaluation<'a>,
    include_meta: bool,
    server: Option<&'a str>,
    copies: &Cell<usize>,
) -> Result<Answer, Failure> {
    validate::evaluation(asked, reserves(turn))?;
    if reserves(turn)
        && let Some(call) = coaz::call(turn, asked, server)?
    {
        return Ok(coaz::judge(turn, &call));
    }
    let (Some(subject), Some(resource), Some(action)) = (asked.subject, asked.resource, asked.action) else {
        // They are there: the rules were checked.
        return Ok(Answer { decision: false, context: None });
    };
    let include_meta = include_meta || flag(asked.context, "cerbos.includeMeta");
    let attr = if reserves(turn) {
        attributes(turn, &resource, action.properties, asked.context, copies)?
    } else {
        resource.properties
    };
    let actions: &[&str] = turn.bump.alloc([action.name]);
    let resources = turn.bump.alloc([ResourceEntry {
        actions,
        resource: Some(Resource {
            kind: resource.ty,
            id: resource.id,
            attr,
            policy_version: text(resource.properties, "cerbos.policyVersion"),
            scope: text(resource.properties, "cerbos.scope"),
        }),
    }]);
    let question = CheckResources {
        request_id: text(asked.context, "cerbos.requestId"),
        include_meta,
        principal: Some(Principal {
            id: subject.id,
            roles: roles(turn, &subject),
            attr: subject.properties,
            policy_version: text(subject.properties, "cerbos.policyVersion"),
            scope: text(subject.properties, "cerbos.scope"),
        }),
        resources,
        aux_data: asked.context.get_str("cerbos.auxData").map(|v| tokens(turn, v)).transpose()?,
        request_context: None,
    };
    answer(turn, &question, |reply| {
        let allowed = reply.results.first().and_then(|r| r.decision.actions.first());
        let response = || encode::check_resources_json(&CheckResourcesReply { call_id: "", ..*reply });
        Answer {
            decision: allowed.is_some_and(|a| a.effect == Effect::Allow),
            context: include_meta.then(|| Context::Response(response())),
        }
    })
}

pub(super) fn text<'a>(map: Map<'a>, key: &str) -> &'a str {
    if let Some(Value::String(text)) = map.get_str(key) { text } else { "" }
}

fn flag(map: Map<'_>, key: &str) -> bool {
    matches!(map.get_str(key), Some(Value::Bool(true)))
}

/// The roles that the subject names, or its type.
pub(super) fn roles<'a>(turn: &Turn<'a>, subject: &Entity<'a>) -> &'a [&'a str] {
    let named = match subject.properties.get_str("cerbos.roles") {
        Some(Value::List(list)) => {
            let mut named = bumpalo::collections::Vec::new_in(turn.bump);
            for item in list.iter() {
                if let Value::String(role) = item
                    && !role.trim().is_empty()
                {
                    named.push(role);
                }
            }
            named.into_bump_slice()
        }
        _ => &[],
    };
    if named.is_empty() { turn.bump.alloc([subject.ty]) } else { named }
}

/// The resource's attributes, and the rest of the evaluation beside them if there is any.
fn attributes<'a>(
    turn: &Turn<'a>,
    resource: &Entity<'a>,
    action: Map<'a>,
    context: Map<'a>,
    copies: &Cell<usize>,
) -> Result<Map<'a>, Failure> {
    let ours = |key: &str| key.starts_with(OURS);
    let context = fields(context).filter(|(key, _)| !ours(key));
    let context = bumpalo::collections::Vec::from_iter_in(context, turn.bump).into_bump_slice();
    if action.is_empty() && context.is_empty() {
        return Ok(resource.properties);
    }
    // Items share defaults: however many they are, copies of these may take no more than the message itself may.
    let size = (resource.properties.len() + context.len() + 3).saturating_mul(size_of::<(&str, Value<'_>)>());
    let left = copies.get().checked_sub(size).ok_or(Failure::TooManyCopies)?;
    copies.set(left);
    let more: &[(&str, Value<'a>)] =
        turn.bump.alloc([("action", Value::Map(action)), ("context", Value::Map(Map::Fields(context)))]);
    let rest = (AUTHZEN_ATTRIBUTE, Value::Map(Map::Fields(more)));
    let all = fields(resource.properties).chain([rest]);
    let all = bumpalo::collections::Vec::from_iter_in(all, turn.bump).into_bump_slice_mut();
    crate::wire::map::sort(all);
    Ok(Map::Fields(all))
}

pub(super) fn fields(map: Map<'_>) -> impl Iterator<Item = (&str, Value<'_>)> {
    map.iter().filter_map(|(key, value)| if let Value::String(key) = key { Some((key, value)) } else { None })
}

/// `{"jwt": {"token": …, "key_set_id": …}}`, or `jwts` by name.
fn tokens<'a>(turn: &Turn<'a>, value: Value<'a>) -> Result<Tokens<'a>, Failure> {
    let Value::Map(map) = value else { return Err(Failure::AuxData) };
    let jwt = map.get_str("jwt").map(token).transpose()?;
    let mut jwts = bumpalo::collections::Vec::new_in(turn.bump);
    match map.get_str("jwts") {
        None => {}
        Some(Value::Map(named)) => {
            for (name, value) in fields(named) {
                jwts.push((name, token(value)?));
            }
        }
        Some(_) => return Err(Failure::AuxData),
    }
    if jwt.is_some() && !jwts.is_empty() || jwts.iter().any(|(name, _)| name.is_empty()) {
        return Err(Failure::AuxData);
    }
    Ok(Tokens { jwt, jwts: jwts.into_bump_slice() })
}

fn token(value: Value<'_>) -> Result<Token<'_>, Failure> {
    let Value::Map(map) = value else { return Err(Failure::AuxData) };
    let key_set = match text(map, "key_set_id") {
        "" => text(map, "keySetId"),
        id => id,
    };
    match text(map, "token") {
        "" => Err(Failure::AuxData),
        token => Ok(Token { token, key_set_id: key_set }),
    }
}
