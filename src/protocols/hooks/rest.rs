//! `POST /v1/hooks/<agent>`: who asks, what about, and the answer. Claude Code may post here itself, and takes any status
//! but 200 for no answer: it gets its denials as answers, whatever goes wrong. The other agents ask by `toolgate hook`,
//! which blocks by itself when it is told of a failure.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::post;
use http::{HeaderMap, Response, StatusCode};

use super::answer::{Say, answer};
use super::payload::{Call, Event, read};
use super::settings::NATIVE;
use super::{Agent, NoOpinion, OnAllow};
use crate::cel::value::{Map, Value};
use crate::protocols::Shared;
use crate::protocols::gateway::{Able, Caller, Duties, Evidence, Gate, Question, ask, identify_in, resolved};
use crate::protocols::http::{Layout, failed, json as respond, receive, wrong_method};
use crate::service::{Failure, Turn};
use crate::wire::message::Agent as Actor;
use crate::wire::reply::{DecideReply, Verdict};

/// The routes.
pub(in crate::protocols) fn routes() -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for agent in Agent::ALL {
        let one = move |State(shared): State<Arc<Shared>>, request: Request| async move {
            hook(agent, &shared, request).await
        };
        router = router.route(agent.path(), post(one).fallback(wrong_method));
    }
    router
}

async fn hook(agent: Agent, shared: &Shared, request: Request) -> Response<Body> {
    let caller = request.extensions().get::<Arc<Caller>>().cloned().unwrap_or_default();
    let caller = resolved(&caller, &shared.settings.adapters.identity, shared.settings.tailnet.as_deref()).await;
    let headers = request.headers().clone();
    let layout = Layout::of(request.uri(), &headers);
    let result = match receive(request, shared.max_bytes, shared.settings.hooks.deadline).await {
        Ok(received) => shared.service.answer(|turn| judge(turn, agent, shared, &caller, &headers, &received.body)),
        Err(failure) => Err(failure),
    };
    match result {
        Ok(text) => respond(StatusCode::OK, text, layout),
        Err(failure) if agent == Agent::ClaudeCode => {
            respond(StatusCode::OK, agent.denial(&format!("the call cannot be decided: {failure}")), layout)
        }
        Err(failure) => failed(&failure, layout),
    }
}

fn judge(
    turn: &Turn<'_>,
    agent: Agent,
    shared: &Shared,
    caller: &Caller,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Vec<u8>, Failure> {
    let settings = &shared.settings.hooks;
    let call = read(agent, turn.bump.alloc_slice_copy(body), settings, turn.bump, turn.settings.wire)?;
    let say = decide(turn, agent, shared, caller, headers, &call);
    Ok(answer(agent, &call, &say))
}

fn decide<'a>(
    turn: &Turn<'a>,
    agent: Agent,
    shared: &'a Shared,
    caller: &'a Caller,
    headers: &'a HeaderMap,
    call: &Call<'a>,
) -> Say<'a> {
    let settings = &shared.settings.hooks;
    let evidence = Evidence::direct(caller, headers, turn.bump);
    let (sources, tailnet) = (&shared.settings.adapters.identity, shared.settings.tailnet.as_deref());
    let mut who = match identify_in(turn, sources, tailnet, &evidence) {
        Ok(who) => who,
        Err(unknown) => {
            turn.count_refused();
            return Say::Deny(turn.bump.alloc_str(&format!("nobody is known to ask: {unknown}")));
        }
    };
    // The agent that asks is known by the hook, and is no principal of its own.
    who.agent.get_or_insert(Actor { id: agent.name(), roles: &[], attr: crate::wire::message::EMPTY, chain: &[] });
    let event = match call.event {
        Event::Before => "before",
        Event::Permission => "permission",
        Event::After => "after",
    };
    let mut context = bumpalo::collections::Vec::with_capacity_in(call.context.len() + 1, turn.bump);
    context.push(("event", Value::String(event)));
    context.extend(call.context.iter().copied());
    let question = Question {
        call_id: call.call_id,
        prefix: call.server.is_none().then_some(NATIVE),
        server: call.server.unwrap_or(agent.name()),
        name: call.name,
        arguments: call.arguments,
        session: call.session,
        gateway: agent.name(),
        context: context.into_bump_slice(),
        ..Question::EMPTY
    };
    let results = agent == Agent::ClaudeCode && (settings.results || call.event == Event::After);
    let able = Able { ask: call.asks, arguments: call.changes, results };
    match ask(turn, &who, &question).within(turn, able) {
        Gate::Shut(reply) if no_opinion(&reply) && settings.no_opinion == NoOpinion::Pass => Say::Nothing,
        Gate::Shut(reply) => Say::Deny(reply.reason),
        Gate::Ask(reply) if more_than_approval(&reply) => {
            let why = "a person must approve this, and this hook cannot carry more than that";
            Say::Deny(turn.bump.alloc_str(&format!("{why}: {}", reply.reason)))
        }
        Gate::Ask(reply) => Say::Ask(reply.reason),
        Gate::Open(reply, duties) => open(turn, agent, call, reply, &duties, settings.on_allow),
    }
}

/// A person's yes is not all that is needed.
fn more_than_approval(reply: &DecideReply<'_>) -> bool {
    reply.obligations.iter().any(|o| !matches!(o.get_str("type"), Some(Value::String("approval"))))
}

/// No policy is about this kind of call.
fn no_opinion(reply: &DecideReply<'_>) -> bool {
    reply.verdict == Verdict::Deny && reply.error.is_none() && reply.policy == "NO_MATCH"
}

fn open<'a>(
    turn: &Turn<'a>,
    agent: Agent,
    call: &Call<'a>,
    reply: DecideReply<'a>,
    duties: &Duties<'a>,
    on_allow: OnAllow,
) -> Say<'a> {
    if call.event == Event::After {
        return match call.response {
            Some(response) if duties.changes_results() => Say::Result(redacted(turn, duties, response)),
            _ => Say::Nothing,
        };
    }
    if !duties.changes_arguments() {
        return match on_allow {
            OnAllow::Pass => Say::Nothing,
            OnAllow::Allow => Say::Allow { reason: reply.reason, arguments: None },
        };
    }
    match duties.arguments(call.arguments(), turn.bump) {
        // Gemini lays arguments over the model's: what policy takes away would stay.
        Ok(changed) if agent == Agent::Gemini && loses(call.arguments(), changed) => {
            Say::Deny("this agent cannot take arguments away, as policy obliges it to")
        }
        Ok(changed) => Say::Allow { reason: reply.reason, arguments: Some(changed) },
        Err(why) => Say::Deny(turn.bump.alloc_str(&why)),
    }
}

/// Whether something that was there is there no more, at any depth. The depth of what was read is bounded.
fn loses(before: Map<'_>, after: Map<'_>) -> bool {
    before.iter().any(|(key, value)| {
        let Value::String(key) = key else { return true };
        match (value, after.get_str(key)) {
            (_, None) => true,
            (Value::Map(before), Some(Value::Map(after))) => loses(before, after),
            _ => false,
        }
    })
}

/// A result of any form: what has `content` is an MCP result, all else is text at any depth.
fn redacted<'a>(turn: &Turn<'a>, duties: &Duties<'a>, response: Value<'a>) -> Value<'a> {
    match response {
        Value::Map(map) => Value::Map(duties.result(map, turn.bump)),
        other => {
            let wrapped: [(&str, Value<'a>); 1] = [("content", other)];
            let whole = duties.result(Map::Fields(turn.bump.alloc(wrapped)), turn.bump);
            whole.get_str("content").unwrap_or(Value::Null)
        }
    }
}
