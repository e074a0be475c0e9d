//! The REST routes.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use serde_json::json;

use super::check::check;
use super::legacy::{check_batch, check_set};
use super::plan::plan;
use super::server_info;
use crate::protocols::Shared;
use crate::protocols::http::{Layout, failed, json as respond, receive, wrong_method};
use crate::service::{Failure, Turn};
use crate::wire::json::Trailing;
use crate::wire::{encode, json};

/// The routes.
pub(in crate::protocols) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/check/resources", post(check_resources).fallback(wrong_method))
        .route("/api/check", post(check_resource_set).fallback(wrong_method))
        .route("/api/check_resource_batch", post(check_resource_batch).fallback(wrong_method))
        .route("/api/plan/resources", post(plan_resources).fallback(wrong_method))
        .route("/api/server_info", get(info).fallback(wrong_method))
}

async fn check_resources(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    ask(&shared, request, check_resources_json).await
}

/// The answer to the JSON of a request, without a transport.
///
/// # Errors
/// What keeps it from being decided.
pub(in crate::protocols) fn check_resources_json<'a>(turn: &Turn<'a>, body: &'a [u8]) -> Result<Vec<u8>, Failure> {
    let asked = json::check_resources(body, turn.bump, turn.settings.wire, Trailing::Ignore)?;
    check(turn, &asked, encode::check_resources_json)
}

async fn check_resource_set(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    ask(&shared, request, |turn, body| {
        let asked = json::check_resource_set(body, turn.bump, turn.settings.wire)?;
        check_set(turn, &asked, encode::check_resource_set_json)
    })
    .await
}

async fn check_resource_batch(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    ask(&shared, request, |turn, body| {
        let asked = json::check_resource_batch(body, turn.bump, turn.settings.wire)?;
        check_batch(turn, &asked, encode::check_resource_batch_json)
    })
    .await
}

async fn plan_resources(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    ask(&shared, request, |turn, body| {
        let asked = json::plan_resources(body, turn.bump, turn.settings.wire, Trailing::Ignore)?;
        plan(turn, &asked, encode::plan_resources_json)
    })
    .await
}

/// Receives a body, has it answered, and sends the answer.
async fn ask(
    shared: &Shared,
    request: Request,
    answer: impl for<'a> FnOnce(&Turn<'a>, &'a [u8]) -> Result<Vec<u8>, Failure>,
) -> Response<Body> {
    let received = match receive(request, shared.max_bytes, shared.settings.read).await {
        Ok(r) => r,
        Err(f) => return failed(&f, Layout::Compact),
    };
    match shared.service.answer(|turn| answer(turn, &received.body)) {
        Ok(text) => versioned(respond(StatusCode::OK, text, received.layout)),
        Err(f) => failed(&f, received.layout),
    }
}

async fn info(uri: Uri, headers: HeaderMap) -> Response<Body> {
    let info = server_info();
    let body = json!({ "version": info.version });
    versioned(respond(StatusCode::OK, body.to_string(), Layout::of(&uri, &headers)))
}

/// Adds what the reference's gateway adds to an answer of a method.
pub(in crate::protocols) fn versioned(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert("grpc-metadata-cerbos-version", HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    headers.insert("grpc-metadata-content-type", HeaderValue::from_static("application/grpc"));
    response
}
