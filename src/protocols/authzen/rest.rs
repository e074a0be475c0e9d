//! The HTTP binding, as the standard has it: JSON in and out, unknown members skipped, `X-Request-ID` echoed, a denial
//! never an error.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderName, Response, StatusCode, Uri, header};
use serde_json::json;

use super::evaluate::{Answer, Context, batch, one};
use super::metadata;
use crate::protocols::Shared;
use crate::protocols::cerbos::versioned;
use crate::protocols::http::{Layout, failed, json as respond, receive, wrong_method};
use crate::service::{Failure, Turn};
use crate::wire::encode::Json;
use crate::wire::json;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The routes.
pub(in crate::protocols) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/access/v1/evaluation", post(evaluation).fallback(wrong_method))
        .route("/access/v1/evaluations", post(evaluations).fallback(wrong_method))
        .route("/.well-known/authzen-configuration", get(configuration).fallback(wrong_method))
}

async fn evaluation(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let server = shared.settings.adapters.authzen_server.as_deref();
    ask(&shared, request, |turn, body| {
        let asked = json::evaluation(body, turn.bump, turn.settings.wire)?;
        one(turn, &asked, server).map(|answer| written(|json| write(&answer, json)))
    })
    .await
}

async fn evaluations(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let server = shared.settings.adapters.authzen_server.as_deref();
    ask(&shared, request, |turn, body| {
        let asked = json::evaluations(body, turn.bump, turn.settings.wire)?;
        if asked.items.is_empty() {
            // Then it is a single evaluation.
            return one(turn, &asked.defaults, server).map(|answer| written(|json| write(&answer, json)));
        }
        let answers = batch(turn, &asked, server)?;
        Ok(written(|json| {
            json.object(|json| {
                json.key("evaluations");
                json.array(|json| answers.iter().for_each(|answer| write(answer, json)));
            });
        }))
    })
    .await
}

async fn configuration(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let metadata = metadata(&shared.settings, &headers, uri.authority());
    let body = json!({
        "policy_decision_point": metadata.policy_decision_point,
        "access_evaluation_endpoint": metadata.access_evaluation_endpoint,
        "access_evaluations_endpoint": metadata.access_evaluations_endpoint,
    });
    let answer = versioned(respond(StatusCode::OK, body.to_string(), Layout::of(&uri, &headers)));
    echo(&headers, answer)
}

/// Receives a body, has it answered, and sends the answer under the caller's request id.
async fn ask(
    shared: &Shared,
    request: Request,
    answer: impl for<'a> FnOnce(&Turn<'a>, &'a [u8]) -> Result<Vec<u8>, Failure>,
) -> Response<Body> {
    let headers = request.headers().clone();
    let layout = Layout::of(request.uri(), &headers);
    if !is_json(&headers) {
        return echo(&headers, failed(&Failure::ContentType, layout));
    }
    let result = match receive(request, shared.max_bytes, shared.settings.read).await {
        Ok(received) => shared.service.answer(|turn| answer(turn, &received.body)),
        Err(failure) => Err(failure),
    };
    let answer = match result {
        Ok(text) => versioned(respond(StatusCode::OK, text, layout)),
        Err(failure) => failed(&failure, layout),
    };
    echo(&headers, answer)
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let essence = value.split(';').next().unwrap_or("").trim();
    ["application/json", "application/json+pretty"].iter().any(|t| essence.eq_ignore_ascii_case(t))
}

fn echo(asked: &HeaderMap, mut answer: Response<Body>) -> Response<Body> {
    if let Some(id) = asked.get(REQUEST_ID) {
        answer.headers_mut().insert(REQUEST_ID, id.clone());
    }
    answer
}

fn written(write: impl FnOnce(&mut Json)) -> Vec<u8> {
    let mut json = Json::default();
    write(&mut json);
    json.finish()
}

fn write(answer: &Answer, json: &mut Json) {
    json.object(|json| {
        json.key("decision");
        json.raw(if answer.decision { b"true" } else { b"false" });
        if let Some(context) = &answer.context {
            json.key("context");
            json.raw(&context.to_json());
        }
    });
}

impl Context {
    /// A JSON object.
    pub(super) fn to_json(&self) -> Vec<u8> {
        if let Self::Ruling(json) = self {
            return json.clone();
        }
        written(|json| {
            json.object(|json| match self {
                Self::Response(response) => {
                    json.key("cerbos.response");
                    json.raw(response);
                }
                Self::Error(failure) => {
                    json.key("error");
                    json.object(|json| {
                        json.key("status");
                        json.number(f64::from(failure.code().http_status()));
                        json.text("message", &failure.to_string());
                    });
                }
                // As it is, above.
                Self::Ruling(_) => {}
            });
        })
    }
}
