//! A question of Envoy: who makes the HTTP request, which tool call it carries, and may that run. Every way out of here
//! is an answer.

use bumpalo::Bump;
use bytes::Bytes;
use prost::Message;

use super::message::{Carried, carried};
use super::reply::Reply;
use crate::cel::value::{Map, Value};
use crate::proto::envoy::config::core::v3::address::Address;
use crate::proto::envoy::service::auth::v3::attribute_context::HttpRequest;
use crate::proto::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use crate::protocols::gateway::{
    Able, Adapters, Caller, Evidence, Gate, Headers, Question, Sender, Who, Wish, ask, ask_without_arguments, identify,
    judge, wish,
};
use crate::protocols::value::map;
use crate::service::{Service, Turn};
use crate::wire::map::sort;
use crate::wire::mcp::Mcp;
use crate::wire::message::{Arguments, EMPTY};
use crate::wire::reply::DecideReply;

/// The adapter's name in policies.
const NAME: &str = "envoy";
/// The key of `context_extensions` that names the server of a route.
const SERVER: &str = "mcp_server";
/// The namespace of Envoy's MCP filter.
const MCP_FILTER: &str = "envoy.filters.http.mcp";
/// Says that the body was cut.
const PARTIAL: &str = "x-envoy-auth-partial-body";
/// What ext_authz can do: let through or not.
const ABLE: Able = Able { ask: false, arguments: false, results: false };

/// Answers a question: a `CheckRequest` in, a `CheckResponse` out, whatever happens.
pub(in crate::protocols) fn check(service: &Service, adapters: &Adapters, caller: &Caller, received: &[u8]) -> Bytes {
    let Ok(request) = CheckRequest::decode(received) else {
        return Reply::malformed("not a CheckRequest").encode();
    };
    let answer = service.answer(|turn| Ok(answer(turn, adapters, caller, &request).encode()));
    answer.unwrap_or_else(|failure| Reply::failed(&failure).encode())
}

fn answer<'a>(turn: &Turn<'a>, adapters: &'a Adapters, caller: &'a Caller, request: &'a CheckRequest) -> Reply {
    let Some(attributes) = &request.attributes else { return Reply::malformed("no attributes") };
    let Some(http) = attributes.request.as_ref().and_then(|r| r.http.as_ref()) else {
        return Reply::malformed("no HTTP request");
    };
    let evidence = evidence(turn, caller, attributes, http);
    let who = match identify(turn, &adapters.identity, &evidence) {
        Ok(who) => who,
        Err(unknown) => return Reply::unauthenticated(&unknown),
    };
    if !matches!(evidence.headers.one(PARTIAL), Ok(None | Some("false"))) {
        return Reply::malformed("the body is cut: raise `max_request_bytes`, and switch `allow_partial_message` off");
    }
    let body: &'a [u8] = match (&*http.raw_body, http.body.as_bytes()) {
        (raw, b"") => raw,
        (b"", text) => text,
        (raw, text) if raw == text => raw,
        _ => return Reply::malformed("two bodies that differ"),
    };
    match &*http.method {
        "POST" => {}
        // They open and close streams, and call nothing.
        "GET" | "DELETE" if body.is_empty() => return Reply::no_call(),
        _ => return Reply::malformed("MCP is spoken by POST, GET and DELETE"),
    }
    let session = match evidence.headers.one("mcp-session-id") {
        Ok(session) => session.unwrap_or(""),
        Err(_) => return Reply::mismatch("header `mcp-session-id` is there more than once, or is no text"),
    };
    let filter = match evidence.metadata.get_str(MCP_FILTER) {
        Some(Value::Map(map)) => map,
        _ => EMPTY,
    };
    let carried = match carried(turn, body, filter, evidence.headers) {
        Ok(carried) => carried,
        Err(reply) => return reply,
    };
    let server = attributes.context_extensions.get(SERVER).or(adapters.envoy.server.as_ref());
    let Some(server) = server.filter(|server| !server.is_empty()) else {
        return Reply::malformed(
            "which MCP server is this? Set `context_extensions.mcp_server` on the route, or `adapters.envoy.server`",
        );
    };
    Asking { turn, adapters, who, server, session }.carried(&carried)
}

/// What one question works with.
struct Asking<'t, 'a> {
    turn: &'t Turn<'a>,
    adapters: &'a Adapters,
    who: Who<'a>,
    server: &'a str,
    session: &'a str,
}

impl<'a> Asking<'_, 'a> {
    fn carried(&self, carried: &Carried<'a>) -> Reply {
        match carried {
            Carried::Messages { batch: true, .. } if !self.adapters.envoy.batches => {
                Reply::malformed("a batch of messages: send one at a time")
            }
            Carried::Messages { messages, batch } => self.messages(messages, *batch),
            Carried::Told { id, asked, whole } => {
                let ids = if id.is_empty() { Vec::new() } else { vec![id.clone()] };
                let wish = match judge(self.turn, asked, self.server, "") {
                    Ok(wish) => wish,
                    Err(failure) => return Reply::failed(&failure).to(ids, false),
                };
                let Wish::Judge(question) = wish else { return Reply::no_call() };
                let arguments = match asked.params.call {
                    Some(call) => call.arguments,
                    None => asked.params.map,
                };
                let question = Question { arguments: Arguments::Struct(arguments), ..question };
                self.judge(&question, *whole).to(ids, false)
            }
        }
    }

    /// One message, or a batch of which every one must be allowed.
    fn messages(&self, messages: &[Mcp<'a>], batch: bool) -> Reply {
        let ids = || {
            let requests = messages.iter().filter_map(|message| match message {
                Mcp::Request { id, .. } => Some(id.to_vec()),
                Mcp::Notification { .. } | Mcp::Response { .. } => None,
            });
            requests.collect::<Vec<_>>()
        };
        if let Err(failure) = self.turn.limit_calls(messages.len()) {
            return Reply::failed(&failure).to(ids(), batch);
        }
        let mut passed = Reply::no_call();
        for message in messages {
            let wish = match wish(self.turn, message, self.server) {
                Ok(wish) => wish,
                Err(failure) => return Reply::failed(&failure).to(ids(), batch),
            };
            // A list goes through whole: Envoy cannot change an answer, and calls are judged when they come.
            let Wish::Judge(question) = wish else { continue };
            match self.judge(&question, true) {
                // One digest cannot stand for several calls.
                reply @ Reply::Pass(_) => passed = if batch { reply.without_digest() } else { reply },
                refused @ Reply::Refuse(_) => return refused.to(ids(), batch),
            }
        }
        passed
    }

    fn judge(&self, question: &Question<'a>, whole: bool) -> Reply {
        let question = Question { session: self.session, gateway: NAME, digest: true, ..*question };
        let shut = |reply: &DecideReply<'_>| Reply::shut(reply, self.adapters.envoy.http_denials);
        let outcome = match (whole, self.adapters.envoy.without_arguments) {
            (true, _) => ask(self.turn, &self.who, &question),
            (false, true) => ask_without_arguments(self.turn, &self.who, &question),
            (false, false) => {
                let why = "Envoy does not send the arguments: let it send the body (`with_request_body`)";
                return shut(&DecideReply::deny("", why));
            }
        };
        match outcome.within(self.turn, ABLE) {
            Gate::Open(reply, _) => Reply::open(&reply),
            Gate::Ask(reply) | Gate::Shut(reply) => shut(&reply),
        }
    }
}

fn evidence<'a>(
    turn: &Turn<'a>,
    caller: &'a Caller,
    attributes: &'a AttributeContext,
    http: &'a HttpRequest,
) -> Evidence<'a> {
    let source = attributes.source.as_ref();
    let address = source.and_then(|source| match source.address.as_ref()?.address.as_ref()? {
        Address::SocketAddress(socket) => socket.address.parse().ok(),
    });
    let principal = source.map_or("", |source| &source.principal);
    let uris: &'a [&'a str] = if principal.is_empty() { &[] } else { turn.bump.alloc([principal]) };
    Evidence {
        caller,
        headers: headers(http, turn.bump),
        sender: address.map_or(Sender::Gateway, Sender::Address),
        uris,
        metadata: metadata(attributes, turn.bump),
    }
}

fn headers<'a>(http: &'a HttpRequest, bump: &'a Bump) -> Headers<'a> {
    let joined = http.headers.iter().map(|(name, value)| (&**name, Some(&**value)));
    let apart = http.header_map.iter().flat_map(|map| &map.headers).map(|header| {
        let value = match (&*header.value, &*header.raw_value) {
            (text, []) => Some(text),
            ("", raw) => std::str::from_utf8(raw).ok(),
            _ => None,
        };
        (&*header.key, value)
    });
    Headers(bumpalo::collections::Vec::from_iter_in(joined.chain(apart), bump).into_bump_slice())
}

fn metadata<'a>(attributes: &'a AttributeContext, bump: &'a Bump) -> Map<'a> {
    let spaces = attributes.metadata_context.iter().flat_map(|metadata| &metadata.filter_metadata);
    let spaces = spaces.map(|(name, values)| (&**name, Value::Map(map(values, bump))));
    let spaces = bumpalo::collections::Vec::from_iter_in(spaces, bump).into_bump_slice_mut();
    sort(spaces);
    Map::Fields(spaces)
}
