//! Interceptors of the Docker MCP gateway: `POST /docker/before?server=<name>` before a tool is called. An empty answer
//! lets the call run, whatever its status; any other is the call's result. So every answer but one is a result that
//! says why not.
//!
//! The gateway sends no identity and no server. The first comes from the socket, or from the name and password in the
//! URL, whose password is a token; the second from the URL.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::Shared;
use super::gateway::{Able, Caller, Evidence, Gate, Question, ask, identify_in, resolved};
use super::http::{Layout, json as respond, receive};
use crate::service::{Failure, Turn};
use crate::wire::encode::Json;
use crate::wire::json::{self, TOOLS_CALL};
use crate::wire::message::Arguments;

const GATEWAY: &str = "docker";
const KNOWN: &[&str] = &["params", "method"];

/// The routes.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/docker/before", post(before).fallback(not_so))
}

async fn before(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let caller = request.extensions().get::<Arc<Caller>>().cloned().unwrap_or_default();
    let (sources, tailnet) = (&shared.settings.adapters.identity, shared.settings.tailnet.as_deref());
    let caller = resolved(&caller, sources, tailnet).await;
    let headers = with_password(request.headers().clone());
    let server = server(request.uri().query());
    let layout = Layout::of(request.uri(), &headers);
    let judged = match receive(request, shared.max_bytes, shared.settings.hooks.deadline).await {
        Err(failure) => Err(failure),
        Ok(received) => shared.service.answer(|turn| {
            let server = server.as_deref().map_err(|why| Failure::Query((*why).to_owned()))?;
            judge(turn, &shared, &caller, &headers, server, &received.body)
        }),
    };
    match judged {
        Ok(None) => Response::new(Body::empty()),
        Ok(Some(reason)) => respond(StatusCode::OK, refusal(&reason), layout),
        Err(failure) => respond(StatusCode::OK, refusal(&format!("the call cannot be decided: {failure}")), layout),
    }
}

/// Not a status of its own: the gateway does not look at it.
async fn not_so() -> Response<Body> {
    respond(StatusCode::METHOD_NOT_ALLOWED, refusal("interceptors post"), Layout::Compact)
}

/// Why a call may not run; none if it may.
fn judge(
    turn: &Turn<'_>,
    shared: &Shared,
    caller: &Caller,
    headers: &HeaderMap,
    server: &str,
    body: &[u8],
) -> Result<Option<String>, Failure> {
    let text = turn.bump.alloc_slice_copy(body);
    let record = json::record(text, KNOWN, &[], turn.bump, turn.settings.wire)?;
    let missing = || Failure::Arguments("`params` is missing".into());
    let params = record.get("params").ok_or_else(missing)?;
    let call = json::mcp_params(TOOLS_CALL, params.raw, turn.bump, turn.settings.wire)?.call.ok_or_else(missing)?;
    if let Some(method) = record.get("method")
        && !matches!(method.value, crate::cel::value::Value::String(TOOLS_CALL))
    {
        return Err(Failure::Arguments(format!("`method` is not `{TOOLS_CALL}`")));
    }
    let evidence = Evidence::direct(caller, headers, turn.bump);
    let (sources, tailnet) = (&shared.settings.adapters.identity, shared.settings.tailnet.as_deref());
    let who = match identify_in(turn, sources, tailnet, &evidence) {
        Ok(who) => who,
        Err(unknown) => {
            turn.count_refused();
            return Ok(Some(format!("nobody is known to ask: {unknown}")));
        }
    };
    let arguments =
        if call.raw.is_empty() { Arguments::Absent } else { Arguments::Parsed { raw: call.raw, map: call.arguments } };
    let server = turn.bump.alloc_str(server);
    let question = Question { server, name: call.name, arguments, gateway: GATEWAY, ..Question::EMPTY };
    Ok(match ask(turn, &who, &question).within(turn, Able::default()) {
        Gate::Open(..) => None,
        Gate::Ask(reply) | Gate::Shut(reply) => Some(reply.reason.to_owned()),
    })
}

/// The one `server` of a query.
fn server(query: Option<&str>) -> Result<String, &'static str> {
    let mut found = None;
    for pair in query.unwrap_or("").split('&').filter(|p| !p.is_empty()) {
        match pair.split_once('=') {
            Some(("server", name)) if found.is_none() => found = Some(name),
            Some(("pretty", _)) => {}
            _ => return Err("the URL may have one `server=<name>` and nothing else"),
        }
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match found {
        None => Ok(GATEWAY.to_owned()),
        Some(name) if !name.is_empty() && name.chars().all(plain) => Ok(name.to_owned()),
        Some(_) => Err("`server` in the URL is not a name"),
    }
}

/// A password in the URL comes as basic authentication; it is a token.
fn with_password(mut headers: HeaderMap) -> HeaderMap {
    let one = {
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        match (all.next(), all.next()) {
            (Some(one), None) => one.to_str().ok().and_then(|v| v.strip_prefix("Basic ")).map(str::to_owned),
            _ => None,
        }
    };
    let password = one.and_then(|basic| {
        let pair = String::from_utf8(STANDARD.decode(basic.trim()).ok()?).ok()?;
        let (_, password) = pair.split_once(':')?;
        HeaderValue::from_str(&format!("Bearer {password}")).ok()
    });
    if let Some(value) = password {
        headers.insert(header::AUTHORIZATION, value);
    }
    headers
}

/// A result that says why not.
fn refusal(reason: &str) -> Vec<u8> {
    let mut json = Json::default();
    json.object(|json| {
        json.key("content");
        json.array(|json| {
            json.object(|json| {
                json.text("type", "text");
                json.text("text", &format!("denied: {reason}"));
            });
        });
        json.flag("isError", true);
    });
    json.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_one_server() {
        assert_eq!(server(None).as_deref(), Ok("docker"));
        assert_eq!(server(Some("server=github")).as_deref(), Ok("github"));
        for bad in ["server=", "server=a&server=b", "server=a%2fb", "other=1", "server"] {
            assert!(server(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_a_token() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            with_password(headers).get(header::AUTHORIZATION).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(with("Basic YWxpY2U6c2VzYW1l"), "Bearer sesame");
        assert_eq!(with("Bearer x"), "Bearer x");
        assert_eq!(with("Basic !!!"), "Basic !!!");
    }
}
