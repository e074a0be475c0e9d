//! Tailscale Aperture: `POST /aperture`. Before a request goes to a language model, tools that its user may not call are
//! taken out of it, and a request whose history holds a denied call is blocked; after the model has answered, calls
//! that policy denies are told in the log. Aperture sees no call before it is made: what this can stop, and what it
//! cannot, is in docs/agents/aperture.md.
//!
//! Every answer is a 200 with an action in it: Aperture lets a request go on at any other status, unless it is told not
//! to.

mod body;
mod judge;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::post;
use http::{HeaderMap, Response, StatusCode};
use serde_json::json;

use self::judge::{Answer, Payload};
use super::Shared;
use super::gateway::TokenHash;
use super::http::{Layout, json as respond, receive, wrong_method};

/// Settings of the hook.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The key that Aperture sends.
    pub key: TokenHash,
    /// The agent whose kind tools have that are of no MCP server.
    pub agent: String,
}

/// The route, if it is configured.
pub(super) fn routes(settings: Option<&Settings>) -> Router<Arc<Shared>> {
    let Some(settings) = settings.cloned() else { return Router::new() };
    let hook = move |State(shared): State<Arc<Shared>>, request: Request| async move {
        hook(&shared, &settings, request).await
    };
    Router::new().route("/aperture", post(hook).fallback(wrong_method))
}

async fn hook(shared: &Shared, settings: &Settings, request: Request) -> Response<Body> {
    let known = is_known(settings, request.headers());
    let received = receive(request, shared.max_bytes, shared.settings.hooks.deadline).await;
    let tailnet = shared.settings.tailnet.as_deref();
    let (answer, layout) = match received {
        Err(failure) => (Answer::Block(failure.to_string()), Layout::Compact),
        Ok(received) if !known => (Answer::Block("the key of the hook is wrong".into()), received.layout),
        Ok(received) => {
            let judged = shared.service.answer(|turn| {
                let payload = Payload::read(turn, &received.body)?;
                Ok(if payload.is_after() {
                    (Answer::Allow, payload.after(turn, settings, tailnet))
                } else {
                    (payload.before(turn, settings, tailnet), Vec::new())
                })
            });
            let answer = match judged {
                Ok((answer, made)) => {
                    for made in made {
                        let judge::Made { login, node, tool, reason } = made;
                        tracing::warn!(login, node, tool, reason, "a model has called a tool that policy denies");
                    }
                    answer
                }
                Err(failure) => Answer::Block(format!("the request cannot be decided: {failure}")),
            };
            (answer, received.layout)
        }
    };
    let text = match answer {
        Answer::Allow => json!({ "action": "allow" }),
        Answer::Block(message) => json!({ "action": "block", "status_code": 403, "message": message }),
        Answer::Modify(body) => json!({ "action": "modify", "request_body": body }),
    };
    respond(StatusCode::OK, text.to_string(), layout)
}

/// True for a request with the configured key, in one of the places where Aperture puts it.
fn is_known(settings: &Settings, headers: &HeaderMap) -> bool {
    let mut found = Vec::new();
    for name in ["authorization", "x-api-key", "x-goog-api-key"] {
        for value in headers.get_all(name) {
            let Ok(value) = value.to_str() else { return false };
            let key = if name == "authorization" { value.strip_prefix("Bearer ").unwrap_or("") } else { value };
            found.push(key.trim().to_owned());
        }
    }
    matches!(found.as_slice(), [key] if settings.key.is_of(key))
}
