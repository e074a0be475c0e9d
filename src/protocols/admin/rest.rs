//! The REST routes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{MethodRouter, get, post, put};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::calls::{NOT_MUTABLE, get_policy, get_schema, inspect_policies, list_policies, list_schemas};
use super::query::Query;
use super::{audit as log, authenticate, reload};
use crate::proto::cerbos::request::v1::{
    GetPolicyRequest, GetSchemaRequest, InspectPoliciesRequest, ListPoliciesRequest,
};
use crate::protocols::Shared;
use crate::protocols::cerbos::versioned;
use crate::protocols::http::{Layout, failed, json as respond, unversioned, wrong_method};
use crate::service::{Failure, Service};

/// The routes.
pub(in crate::protocols) fn routes() -> Router<Arc<Shared>> {
    let only = |methods: MethodRouter<Arc<Shared>>| methods.fallback(wrong_method);
    Router::new()
        .route("/admin/policies", only(get(policies)))
        .route("/admin/policies/inspect", only(get(inspect)))
        .route("/admin/policy", only(get(policy).post(refuse).put(refuse).delete(refuse)))
        .route("/admin/policy/delete", only(post(refuse)))
        .route("/admin/policy/disable", only(post(refuse).put(refuse)))
        .route("/admin/policy/enable", only(post(refuse).put(refuse)))
        .route("/admin/schemas", only(get(schemas)))
        .route("/admin/schema", only(get(schema).post(refuse).merge(put(refuse)).delete(refuse)))
        .route("/admin/store/reload", only(get(reload_store)))
        .route("/admin/store/revisions", only(axum::routing::delete(refuse)))
        .route("/admin/auditlog/list/{kind}", only(get(audit)))
}

async fn policies(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    read(shared, &uri, &headers, |service, query| {
        let asked = ListPoliciesRequest {
            include_disabled: query.flag("includeDisabled", "include_disabled")?,
            name_regexp: query.text("nameRegexp", "name_regexp"),
            scope_regexp: query.text("scopeRegexp", "scope_regexp"),
            version_regexp: query.text("versionRegexp", "version_regexp"),
            policy_id: query.all("policyId", "policy_id"),
        };
        list_policies(service, &asked)
    })
    .await
}

async fn inspect(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    read(shared, &uri, &headers, |service, query| {
        let asked = InspectPoliciesRequest {
            include_disabled: query.flag("includeDisabled", "include_disabled")?,
            name_regexp: query.text("nameRegexp", "name_regexp"),
            scope_regexp: query.text("scopeRegexp", "scope_regexp"),
            version_regexp: query.text("versionRegexp", "version_regexp"),
            policy_id: query.all("policyId", "policy_id"),
        };
        inspect_policies(service, &asked)
    })
    .await
}

async fn policy(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    read(shared, &uri, &headers, |service, query| get_policy(service, &GetPolicyRequest { id: query.all("id", "id") }))
        .await
}

async fn schemas(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    read(shared, &uri, &headers, |service, _| Ok(list_schemas(service))).await
}

async fn schema(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    read(shared, &uri, &headers, |service, query| get_schema(service, &GetSchemaRequest { id: query.all("id", "id") }))
        .await
}

async fn reload_store(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let layout = Layout::of(&uri, &headers);
    let reloaded = async {
        authenticate(&shared, credentials(&headers)).await?;
        reload(&shared, Query::parse(uri.query().unwrap_or("")).flag("wait", "wait")?).await
    };
    match reloaded.await {
        Ok(()) => versioned(respond(StatusCode::OK, "{}", layout)),
        Err(failure) => failed(&failure, layout),
    }
}

/// The answer to everything that would change something.
async fn refuse(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let denied = authenticate(&shared, credentials(&headers)).await.err();
    failed(&denied.unwrap_or(Failure::Unsupported(NOT_MUTABLE)), Layout::of(&uri, &headers))
}

async fn audit(
    State(shared): State<Arc<Shared>>,
    Path(kind): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let layout = Layout::of(&uri, &headers);
    if let Err(denied) = authenticate(&shared, credentials(&headers)).await {
        return stream_failed(&denied);
    }
    let query = Query::parse(uri.query().unwrap_or(""));
    let asked = match log::asked(&kind, &query) {
        Ok(asked) => asked,
        Err(failure) => return failed(&failure, layout),
    };
    let rows = match log::list(&shared.service, &asked) {
        Ok(rows) => rows,
        Err(failure) => return stream_failed(&failure),
    };
    let line = |row: Result<Value, Failure>| {
        let line = match row {
            Ok(row) => json!({ "result": row }),
            Err(failure) => log::error(&failure),
        };
        Ok::<_, Infallible>(format!("{line}\n"))
    };
    let mut response = versioned(Response::new(Body::from_stream(ReceiverStream::new(rows).map(line))));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// A failure of a call that answers with a stream.
fn stream_failed(failure: &Failure) -> Response<Body> {
    let mut response = failed(failure, Layout::Compact);
    *response.body_mut() = Body::from(format!("{}\n", log::error(failure)));
    // The reference adds nothing to answers of methods that stream.
    unversioned(response)
}

/// Lets the caller in, asks, and answers.
async fn read(
    shared: Arc<Shared>,
    uri: &Uri,
    headers: &HeaderMap,
    ask: impl FnOnce(&Service, &Query) -> Result<Value, Failure> + Send + 'static,
) -> Response<Body> {
    let layout = Layout::of(uri, headers);
    if let Err(denied) = authenticate(&shared, credentials(headers)).await {
        return failed(&denied, layout);
    }
    let query = Query::parse(uri.query().unwrap_or(""));
    // Reading all policies takes longer than a decision may be kept waiting.
    let answer = tokio::task::spawn_blocking(move || ask(&shared.service, &query)).await;
    match answer.unwrap_or(Err(Failure::Panicked)) {
        Ok(body) => versioned(respond(StatusCode::OK, body.to_string(), layout)),
        Err(failure) => failed(&failure, layout),
    }
}

fn credentials(headers: &HeaderMap) -> Option<Vec<u8>> {
    headers.get(header::AUTHORIZATION).map(|v| v.as_bytes().to_vec())
}
