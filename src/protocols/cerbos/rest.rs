//! The REST routes.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::{get, post};
use http::{HeaderMap, Response, StatusCode, Uri};
use serde_json::{Map, Value};

use super::check::check;
use super::legacy::{check_batch, check_set};
use super::plan::plan;
use super::server_info;
use crate::protocols::Shared;
use crate::protocols::http::{Layout, failed, json as respond, receive, versioned, wrong_method};
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
    ask(&shared, request, plan_resources_json).await
}

/// The answer to the JSON of a request for a plan, without a transport.
///
/// # Errors
/// What keeps it from being planned.
pub(in crate::protocols) fn plan_resources_json<'a>(turn: &Turn<'a>, body: &'a [u8]) -> Result<Vec<u8>, Failure> {
    let asked = json::plan_resources(body, turn.bump, turn.settings.wire, Trailing::Ignore)?;
    plan(turn, &asked, encode::plan_resources_json)
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
    let members = [("version", info.version), ("commit", info.commit), ("buildDate", info.build_date)];
    let body: Map<String, Value> =
        members.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (k.to_owned(), v.into())).collect();
    versioned(respond(StatusCode::OK, Value::Object(body).to_string(), Layout::of(&uri, &headers)))
}
