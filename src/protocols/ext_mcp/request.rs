//! A request on its way to its server: judged, and changed where policy obliges to.

use bytes::Bytes;
use prost::Message;

use super::evidence;
use super::reply::{Answer, Refusal, Told};
use crate::cel::value::{Map, Value};
use crate::proto::agentgateway::dev::ext_mcp::McpRequest;
use crate::protocols::gateway::{
    Able, Adapters, Caller, Duties, Gate, Outcome, Question, Wish, ask, identify, judge, unreadable,
};
use crate::service::{Service, Turn};
use crate::toolcall::{Digest, JudgedArguments};
use crate::wire::encode::{Json, value_json};
use crate::wire::json;
use crate::wire::mcp::{Asked, Call, Params};

/// Answers a question: a `McpRequest` in, a `McpRequestResult` out, whatever happens.
pub(super) fn check(service: &Service, adapters: &Adapters, caller: &Caller, received: &[u8]) -> Bytes {
    let Ok(request) = McpRequest::decode(received) else {
        return Answer::Refuse(Refusal::invalid("not a McpRequest")).for_request();
    };
    let answer = service.answer(|turn| Ok(answer(turn, adapters, caller, &request).for_request()));
    answer.unwrap_or_else(|failure| Answer::Refuse(Refusal::failed(&failure)).for_request())
}

fn answer<'a>(turn: &Turn<'a>, adapters: &'a Adapters, caller: &'a Caller, request: &'a McpRequest) -> Answer {
    let evidence = evidence(caller, &request.headers, request.metadata_context.as_ref(), turn.bump);
    let who = match identify(turn, &adapters.identity, &evidence) {
        Ok(who) => who,
        Err(unknown) => return Answer::Refuse(Refusal::unknown(&unknown)),
    };
    if request.method.is_empty() {
        return Answer::Refuse(Refusal::invalid("no method"));
    }
    let params = match &request.mcp_request {
        None => Ok(Params::NONE),
        Some(text) => json::mcp_params(&request.method, text, turn.bump, turn.settings.wire),
    };
    let params = match params {
        Ok(params) => params,
        Err(error) => return Answer::Refuse(Refusal::failed(&unreadable(error))),
    };
    let Ok(session) = evidence.headers.one("mcp-session-id") else {
        return Answer::Refuse(Refusal::invalid("header `mcp-session-id` is there more than once, or is no text"));
    };
    let asked = Asked { method: &request.method, params };
    let server = match request.service_names.as_slice() {
        [server] if !server.is_empty() => server,
        // Several, or none: then it can be a list, or part of the protocol, but no call.
        _ => "",
    };
    let question = match judge(turn, &asked, server, "") {
        // A list is filtered when it comes back.
        Ok(Wish::List | Wish::Protocol) => return Answer::Pass(Told::default()),
        Ok(Wish::Judge(_)) if server.is_empty() => {
            return Answer::Refuse(Refusal::invalid("a call needs exactly one server in `service_names`"));
        }
        Ok(Wish::Judge(question)) => question,
        Err(failure) => return Answer::Refuse(Refusal::failed(&failure)),
    };
    let question = Question { session: session.unwrap_or(""), gateway: super::NAME, digest: true, ..question };
    let outcome = ask(turn, &who, &question);
    let asks = matches!(outcome, Outcome::Ask(_));
    let able = Able { ask: false, arguments: asked.params.call.is_some(), results: adapters.agentgateway.results };
    match outcome.within(turn, able) {
        Gate::Open(reply, duties) if duties.changes_arguments() => match asked.params.call {
            Some(call) => changed(turn, &duties, &asked.params, &call, Told::of(&reply)),
            None => Answer::Refuse(Refusal::invalid("nothing to change")),
        },
        Gate::Open(reply, _) => Answer::Pass(Told::of(&reply)),
        Gate::Ask(reply) | Gate::Shut(reply) => Answer::Refuse(Refusal::denied(&reply, asks)),
    }
}

/// The parameters with other arguments; everything else as it was sent.
fn changed<'a>(turn: &Turn<'a>, duties: &Duties<'a>, params: &Params<'a>, call: &Call<'a>, told: Told) -> Answer {
    let refuse = |why: &str| Answer::Refuse(Refusal::invalid(why));
    let arguments = match duties.arguments(call.arguments, turn.bump) {
        Ok(arguments) => arguments,
        Err(why) => return refuse(&why),
    };
    let Ok(written) = value_json(Value::Map(arguments)) else { return refuse("the changed arguments cannot be sent") };
    let digest = Digest::of(JudgedArguments::Json(&written, arguments)).to_string();
    match with_arguments(params.map, &written) {
        Some(text) => Answer::Change(text, told.with_digest(digest)),
        None => refuse("the parameters cannot be sent again"),
    }
}

fn with_arguments(params: Map<'_>, arguments: &[u8]) -> Option<Vec<u8>> {
    let mut json = Json::default();
    let mut sound = true;
    json.object(|json| {
        for (key, value) in params.iter() {
            let Value::String(key) = key else { continue };
            if key != "arguments" {
                json.key(key);
                sound &= json.value(value).is_ok();
            }
        }
        json.key("arguments");
        json.raw(arguments);
    });
    sound.then(|| json.finish())
}
