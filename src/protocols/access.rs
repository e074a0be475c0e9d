//! Calls as rows of the audit log and as spans: what a call is named, who makes it, and how it ended. Sees heads of
//! requests and responses, never their bodies.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use tonic::Status;
use tonic::body::Body;

use super::grpc;
use super::http::{Layout, Refused, failed};
use crate::audit::{Caller, Outcome};
use crate::service::{Ambient, Failure, Id, Service};
use crate::telemetry::Span;

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub Option<SocketAddr>);

/// REST routes and the methods that they stand for.
const ROUTES: &[(&str, &str)] = &[
    ("/api/check/resources", "/cerbos.svc.v1.CerbosService/CheckResources"),
    ("/api/check", "/cerbos.svc.v1.CerbosService/CheckResourceSet"),
    ("/api/check_resource_batch", "/cerbos.svc.v1.CerbosService/CheckResourceBatch"),
    ("/api/plan/resources", "/cerbos.svc.v1.CerbosService/PlanResources"),
    ("/api/server_info", "/cerbos.svc.v1.CerbosService/ServerInfo"),
    ("/v1/decide", "/toolgate.v1.ToolCallService/Decide"),
    ("/v1/decide/batch", "/toolgate.v1.ToolCallService/DecideBatch"),
    ("/v1/plan/tools", "/toolgate.v1.ToolCallService/PlanTools"),
    ("/access/v1/evaluation", "/authzen.authorization.v1.AuthorizationService/AccessEvaluation"),
    ("/access/v1/evaluations", "/authzen.authorization.v1.AuthorizationService/AccessEvaluationBatch"),
    ("/.well-known/authzen-configuration", "/authzen.authorization.v1.AuthorizationService/Metadata"),
    ("/admin/policies", "/cerbos.svc.v1.CerbosAdminService/ListPolicies"),
    ("/admin/policies/inspect", "/cerbos.svc.v1.CerbosAdminService/InspectPolicies"),
    ("/admin/policy", "/cerbos.svc.v1.CerbosAdminService/GetPolicy"),
    ("/admin/policy/delete", "/cerbos.svc.v1.CerbosAdminService/DeletePolicy"),
    ("/admin/policy/disable", "/cerbos.svc.v1.CerbosAdminService/DisablePolicy"),
    ("/admin/policy/enable", "/cerbos.svc.v1.CerbosAdminService/EnablePolicy"),
    ("/admin/schemas", "/cerbos.svc.v1.CerbosAdminService/ListSchemas"),
    ("/admin/schema", "/cerbos.svc.v1.CerbosAdminService/GetSchema"),
    ("/admin/store/reload", "/cerbos.svc.v1.CerbosAdminService/ReloadStore"),
    ("/admin/store/revisions", "/cerbos.svc.v1.CerbosAdminService/PurgeStoreRevisions"),
];

/// Paths that say how the server is, not who may do what; asked too often to be worth a row.
const SILENT: &[&str] = &["/_cerbos/", "/v1/status", "/grpc.", "/schema/swagger.json"];

/// The method of a call, or nothing if it is none that matters.
pub(super) fn method<'p>(path: &'p str, verb: &http::Method, over_grpc: bool) -> Option<&'p str> {
    if path == "/" || SILENT.iter().any(|s| path.starts_with(s)) {
        return None;
    }
    // Asking the log is no entry of the log, as in the reference.
    if path.starts_with("/admin/auditlog/") || path == "/cerbos.svc.v1.CerbosAdminService/ListAuditLogEntries" {
        return None;
    }
    let writes = matches!(*verb, http::Method::POST | http::Method::PUT);
    match (over_grpc, path, verb) {
        (true, ..) => Some(path),
        (_, "/admin/policy", _) if writes => Some("/cerbos.svc.v1.CerbosAdminService/AddOrUpdatePolicy"),
        (_, "/admin/schema", _) if writes => Some("/cerbos.svc.v1.CerbosAdminService/AddOrUpdateSchema"),
        (_, "/admin/policy", &http::Method::DELETE) => Some("/cerbos.svc.v1.CerbosAdminService/DisablePolicy"),
        (_, "/admin/schema", &http::Method::DELETE) => Some("/cerbos.svc.v1.CerbosAdminService/DeleteSchema"),
        _ => Some(ROUTES.iter().find(|(route, _)| *route == path).map_or(path, |(_, method)| method)),
    }
}

/// The caller of a request, if its call is to have rows.
pub(super) fn caller<B>(service: &Service, request: &Request<B>, peer: Peer, over_grpc: bool) -> Option<Arc<Caller>> {
    let audit = service.audit()?;
    let (path, headers) = (request.uri().path(), request.headers());
    let method = method(path, request.method(), over_grpc)?;
    let id = Id::new(std::time::SystemTime::now()).bytes();
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    Some(Arc::new(Caller::new(audit, id, method, headers, authority, peer.0, !over_grpc)))
}

/// A span for a call, if it is one that matters and is sampled.
pub(super) fn span<B>(service: &Service, request: &Request<B>, over_grpc: bool) -> Option<Span> {
    let tracing = service.tracing()?;
    let method = method(request.uri().path(), request.method(), over_grpc)?;
    let span = tracing.call(method, request.headers())?;
    if !over_grpc {
        span.set("http.request.method", request.method().as_str().to_owned());
        span.set("url.path", request.uri().path().to_owned());
    }
    Some(span)
}

/// Serves a call and puts down how it ended. Where that must be done and cannot be, the caller gets an error instead of
/// the answer.
pub(super) async fn recorded<F>(service: &Service, ambient: Ambient, call: F, over_grpc: bool) -> Response<Body>
where
    F: Future<Output = Response<Body>>,
{
    let response = ambient.clone().serve(call).await;
    let Some(outcome) = outcome(&response, over_grpc) else { return response };
    if let Some(span) = &ambient.span {
        span.ended(outcome.code, &outcome.message);
    }
    let (Some(audit), Some(caller)) = (service.audit(), &ambient.caller) else { return response };
    if caller.ended(audit, &outcome).is_ok() || outcome.code != 0 {
        return response;
    }
    if over_grpc {
        grpc::failed(&Failure::Unaudited).into_http()
    } else {
        failed(&Failure::Unaudited, Layout::Compact).map(Body::new)
    }
}

/// How a call ended; nothing if there was none, because nothing is served there.
pub(super) fn outcome(response: &Response<Body>, over_grpc: bool) -> Option<Outcome> {
    if over_grpc {
        // Only an answer without any message has its status among the headers.
        return Some(match Status::from_header_map(response.headers()) {
            Some(s) if s.message() == super::UNKNOWN_SERVICE => return None,
            Some(s) => Outcome { code: s.code() as i32, message: s.message().to_owned() },
            None => Outcome::default(),
        });
    }
    match response.extensions().get::<Refused>() {
        Some(Refused { code, .. }) if *code == crate::service::Code::NotFound => None,
        Some(Refused { code, message }) => Some(Outcome { code: *code as i32, message: message.clone() }),
        None if response.status() == StatusCode::NOT_FOUND => None,
        None => Some(Outcome::default()),
    }
}
