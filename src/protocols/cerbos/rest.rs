//! The REST routes.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use serde_json::json;

use super::check::check;
use super::plan::plan;
use super::server_info;
use crate::protocols::Shared;
use crate::protocols::http::{Layout, failed, json as respond, receive, wrong_method};
use crate::wire::json::Trailing;
use crate::wire::{encode, json};

/// The routes.
pub(in crate::protocols) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/check/resources", post(check_resources).fallback(wrong_method))
        .route("/api/plan/resources", post(plan_resources).fallback(wrong_method))
        .route("/api/server_info", get(info).fallback(wrong_method))
}

async fn check_resources(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let received = match receive(request, shared.max_bytes, shared.settings.read).await {
        Ok(r) => r,
        Err(f) => return failed(&f, Layout::Compact),
    };
    let answer = shared.service.answer(|turn| {
        let asked = json::check_resources(&received.body, turn.bump, turn.settings.wire, Trailing::Ignore)?;
        check(turn, &asked, encode::check_resources_json)
    });
    match answer {
        Ok(text) => versioned(respond(StatusCode::OK, text, received.layout)),
        Err(f) => failed(&f, received.layout),
    }
}

async fn plan_resources(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let received = match receive(request, shared.max_bytes, shared.settings.read).await {
        Ok(r) => r,
        Err(f) => return failed(&f, Layout::Compact),
    };
    let answer = shared.service.answer(|turn| {
        let asked = json::plan_resources(&received.body, turn.bump, turn.settings.wire, Trailing::Ignore)?;
        plan(turn, &asked, encode::plan_resources_json)
    });
    match answer {
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
fn versioned(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert("grpc-metadata-cerbos-version", HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    headers.insert("grpc-metadata-content-type", HeaderValue::from_static("application/grpc"));
    response
}
