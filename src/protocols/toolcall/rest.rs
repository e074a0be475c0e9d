//! The same as JSON.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::post;
use http::{Response, StatusCode};

use super::decide::{decide, decide_batch};
use super::plan::plan_tools;
use crate::protocols::Shared;
use crate::protocols::http::{Layout, failed, json as respond, receive, wrong_method};
use crate::service::{Failure, Service};
use crate::wire::{encode, json};

/// The routes.
pub(in crate::protocols) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/decide", post(one).fallback(wrong_method))
        .route("/v1/decide/batch", post(batch).fallback(wrong_method))
        .route("/v1/plan/tools", post(tools).fallback(wrong_method))
}

async fn one(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    answer(&shared, request, decide_json).await
}

/// The answer to the JSON of one call, without a transport.
///
/// # Errors
/// What keeps it from being decided.
pub(in crate::protocols) fn decide_json(service: &Service, question: &[u8]) -> Result<Vec<u8>, Failure> {
    service.answer(|turn| {
        let asked = json::decide(question, turn.bump, turn.settings.wire)?;
        Ok(encode::decide_json(&decide(turn, &asked)?))
    })
}

async fn batch(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let decide = |service: &Service, question: &[u8]| {
        service.answer(|turn| {
            let asked = json::decide_batch(question, turn.bump, turn.settings.wire)?;
            Ok(encode::decide_batch_json(decide_batch(turn, asked)?, &turn.snapshot.revision))
        })
    };
    answer(&shared, request, decide).await
}

async fn tools(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    answer(&shared, request, plan_tools_json).await
}

/// The answer to the JSON of a list of tools, without a transport.
///
/// # Errors
/// What keeps it from being planned.
pub(in crate::protocols) fn plan_tools_json(service: &Service, question: &[u8]) -> Result<Vec<u8>, Failure> {
    service.answer(|turn| {
        let asked = json::plan_tools(question, turn.bump, turn.settings.wire)?;
        Ok(encode::plan_tools_json(&plan_tools(turn, &asked)?))
    })
}

async fn answer(
    shared: &Shared,
    request: Request,
    decide: impl FnOnce(&Service, &[u8]) -> Result<Vec<u8>, Failure> + Send,
) -> Response<Body> {
    let received = match receive(request, shared.max_bytes, shared.settings.read).await {
        Ok(r) => r,
        Err(f) => return failed(&f, Layout::Compact),
    };
    match decide(&shared.service, &received.body) {
        Ok(text) => respond(StatusCode::OK, text, received.layout),
        Err(f) => failed(&f, received.layout),
    }
}
