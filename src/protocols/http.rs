//! What all HTTP routes share: reading a body, JSON answers, failures as answers, and what unknown paths get. Knows no
//! protocol of ours.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tonic::Status;

use super::grpc::timeout;
use crate::service::{Code, Failure};
use crate::wire::{encode, status};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Headers by which the reference's gateway shows what came with a method's answer.
/// How long a client that announced too much may go on sending it before it is told.
const LAST_WORDS: Duration = Duration::from_millis(500);

const VERSION: &str = "grpc-metadata-cerbos-version";
const CONTENT: &str = "grpc-metadata-content-type";

/// How the caller wants JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Compact,
    Pretty,
}

impl Layout {
    /// `?pretty`, or a content type that ends in `+pretty`.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let asked = uri.query().is_some_and(|q| q.split('&').any(|p| p == "pretty" || p.starts_with("pretty=")));
        let named = [header::ACCEPT, header::CONTENT_TYPE]
            .iter()
            .any(|h| headers.get(h).is_some_and(|v| v.as_bytes().ends_with(b"json+pretty")));
        if asked || named { Self::Pretty } else { Self::Compact }
    }
}

/// What a route works on: the head of a request that matters, and its whole body.
pub(super) struct Received {
    pub(super) body: Bytes,
    pub(super) layout: Layout,
}

/// Reads a request whole, within the limits of size and time.
pub(super) async fn receive(request: Request, max_bytes: usize, patience: Duration) -> Result<Received, Failure> {
    let layout = Layout::of(request.uri(), request.headers());
    let wait = timeout(request.headers())?.map_or(patience, |t| t.min(patience));
    if wait.is_zero() {
        return Err(Failure::Deadline);
    }
    let read = tokio::time::timeout(wait, read(request.into_body(), max_bytes));
    let body = read.await.map_err(|_| Failure::Deadline)??;
    Ok(Received { body, layout })
}

async fn read(mut body: Body, max: usize) -> Result<Bytes, Failure> {
    // What the caller announces is refused before it is sent whole.
    let announced = body.size_hint().exact().and_then(|n| usize::try_from(n).ok());
    if let Some(len) = announced.filter(|n| *n > max) {
        let _ = tokio::time::timeout(LAST_WORDS, discard(body, max)).await;
        return Err(Failure::TooLarge { len, max });
    }
    let mut whole = BytesMut::new();
    let mut first = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        let len = first.as_ref().map_or(whole.len(), Bytes::len) + data.len();
        if len > max {
            return Err(Failure::TooLarge { len, max });
        }
        // Most bodies come in one piece, which then need not be copied.
        match first.take() {
            None if whole.is_empty() => first = Some(data),
            Some(before) => {
                whole.extend_from_slice(&before);
                whole.extend_from_slice(&data);
            }
            None => whole.extend_from_slice(&data),
        }
    }
    Ok(first.unwrap_or_else(|| whole.freeze()))
}

/// Takes in what a client sends that does not listen before it has sent all: it would see its connection break, and not
/// the answer. Keeps nothing, and no more comes in than twice what may be.
async fn discard(mut body: Body, max: usize) {
    let mut left = max.saturating_mul(2);
    while left > 0
        && let Some(Ok(frame)) = body.frame().await
    {
        left = left.saturating_sub(frame.data_ref().map_or(1, Bytes::len));
    }
}

/// A body does not come whole: either it broke off, or we would not take it.
fn broken(error: axum::Error) -> Failure {
    match error.into_inner().downcast_ref::<Status>().map(Status::code) {
        Some(tonic::Code::ResourceExhausted) => Failure::Overloaded,
        _ => Failure::BrokenBody,
    }
}

/// A JSON text as an answer.
pub(super) fn json(status: StatusCode, text: impl Into<Bytes>, layout: Layout) -> Response<Body> {
    let text = text.into();
    let text = match layout {
        Layout::Compact => text,
        Layout::Pretty => encode::pretty(&text).into(),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// A failure as an answer: `google.rpc.Status` in JSON under the HTTP status that goes with it.
pub(super) fn failed(failure: &Failure, layout: Layout) -> Response<Body> {
    let code = failure.code();
    let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let message = failure.to_string();
    let body = status::to_json(code as i32, &message, failure.violations());
    let mut response = json(status, body.to_string(), layout);
    response.extensions_mut().insert(Refused { code, message });
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"admin API\""));
    }
    if failure.is_of_a_method() { versioned(response) } else { response }
}

/// What an answer refuses, for whoever sees its head alone.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) code: Code,
    pub(super) message: String,
}

/// Adds what the reference's gateway adds to an answer that a method gave.
pub(super) fn versioned(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(VERSION, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    headers.insert(CONTENT, HeaderValue::from_static("application/grpc"));
    response
}

/// The answer to questions about the playground.
pub(super) const NO_PLAYGROUND: &str = "Playground service is disabled by the configuration";

/// Takes away what [`versioned`] adds.
pub(super) fn unversioned(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().remove(VERSION);
    response.headers_mut().remove(CONTENT);
    response
}

/// Known path, other method.
pub(super) async fn wrong_method() -> Response<Body> {
    failed(&Failure::WrongMethod, Layout::Compact)
}

/// Unknown path: JSON where an API would be, plain text elsewhere.
pub(super) async fn no_route(uri: Uri) -> Response<Body> {
    let api = ["/api", "/access/v1", "/v1"];
    let within = |root: &str| uri.path().strip_prefix(root).is_some_and(|r| r.is_empty() || r.starts_with('/'));
    for (root, message) in [("/admin", super::admin::DISABLED), ("/api/playground", NO_PLAYGROUND)] {
        if within(root) {
            let mut response = failed(&Failure::Unsupported(message), Layout::Compact);
            *response.status_mut() = StatusCode::NOT_FOUND;
            // No method gave this answer.
            return unversioned(response);
        }
    }
    if api.into_iter().any(within) {
        return failed(&Failure::NoRoute, Layout::Compact);
    }
    let mut response = Response::new(Body::from("404 page not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
