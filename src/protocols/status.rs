//! `GET /v1/status`: which policies serve since when, and what is wrong with the policy directory, for people and for
//! monitoring. And `GET /_cerbos/metrics`.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use serde_json::{Value, json};

use super::Shared;
use super::http::{Layout, json as respond};
use crate::source::render_json;
use crate::telemetry::Metrics;

/// `GET /v1/status`
pub(super) async fn status(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let store = shared.service.store();
    let (snapshot, status) = (store.snapshot(), store.status());
    let failure = status.failure.as_ref().map_or(Value::Null, |f| {
        let diagnostics: Value = serde_json::from_str(&render_json(&f.diagnostics)).unwrap_or(Value::Null);
        json!({ "since": rfc3339(f.since), "diagnostics": diagnostics })
    });
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "semantics": shared.service.settings().semantics,
        "serving": !shared.service.is_draining(),
        "policies": {
            "revision": &*snapshot.revision,
            "loadedAt": rfc3339(snapshot.loaded_at),
            "policies": snapshot.policies,
            "rules": snapshot.rules,
            "warnings": snapshot.warnings.len(),
        },
        "store": {
            "watching": status.watching.as_str(),
            "refreshedAt": rfc3339(status.refreshed_at),
            "polls": status.polls,
            "syncErrors": status.sync_errors,
            "failure": failure,
        },
    });
    respond(StatusCode::OK, body.to_string(), Layout::of(&uri, &headers))
}

fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |t| t.to_string())
}

/// `GET /_cerbos/metrics`
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let mut response = Response::new(Body::from(shared.service.render_metrics()));
    let content_type = HeaderValue::from_static(Metrics::CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
